"""Ingestion. Input: the files that datasets.yaml names. Output: resources/{dataset}.nc."""


rule ingest:
    input:
        files=lambda wildcards: section(wildcards).files,
    output:
        dataset="resources/{dataset}.nc",
    log:
        "logs/sources/{dataset}.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        source=lambda wildcards: section(wildcards).source,
        config=lambda wildcards: section(wildcards).settings,
        sha256=lambda wildcards: section(wildcards).options,
        code=lambda wildcards: code(f"sources.{section(wildcards).source}"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.sources.{params.source}"
        " --files {input.files:q} {params.sha256:q} --config {params.config:q}"
        " --out {output.dataset:q} &> {log:q}"
