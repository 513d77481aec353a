"""Data. Input: the files, addresses or packages that datasets.yaml names. Output: resources/{dataset}.nc."""


# One job a file: what a job has made is deleted when it runs again, and a file put there by hand must stay.
rule download:
    output:
        file="resources/raw/{dataset}/{file}",
    log:
        "logs/sources/{dataset}/{file}.log",
    wildcard_constraints:
        file=r"(?!members$)[^/]+",
    localrule: True
    conda:
        "../../envs/polyadic.yaml"
    params:
        fetch=lambda wildcards: found(section(wildcards).fetch, wildcards.file),
    shell:
        "python -m polyadic.core.fetch {params.fetch:q} --out {output.file:q} &> {log:q}"


rule unpack:
    input:
        archive=lambda wildcards: section(wildcards).archive,
    output:
        members=directory("resources/raw/{dataset}/members"),
    log:
        "logs/sources/{dataset}/unpack.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        members=lambda wildcards: section(wildcards).members,
    shell:
        "python -m polyadic.core.unpack --archive {input.archive:q} --members {params.members:q}"
        " --out {output.members:q} &> {log:q}"


rule ingest:
    input:
        files=lambda wildcards: section(wildcards).inputs,
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
        files=lambda wildcards: section(wildcards).file_options,
        config=lambda wildcards: section(wildcards).settings,
        sha256=lambda wildcards: section(wildcards).options,
        code=lambda wildcards: code_digest(f"polyadic.sources.{section(wildcards).source}"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.sources.{params.source}"
        " {params.files:q} {params.sha256:q} --config {params.config:q}"
        " --out {output.dataset:q} &> {log:q}"
