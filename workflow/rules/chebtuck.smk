"""Chebyshev-Tucker. Input: resources/{dataset}.nc, kind function. Output: results/chebtuck/{run}/."""


rule chebtuck_decompose:
    input:
        function=dataset("chebtuck"),
    output:
        approximation="results/chebtuck/{run}/approximation.nc",
    log:
        "logs/chebtuck/{run}/decompose.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("chebtuck", "decompose"),
        code=code("methods.chebtuck.decompose"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.chebtuck.decompose"
        " --function {input.function:q}"
        " --config {params.config:q} --out {output.approximation:q} &> {log:q}"


rule chebtuck_evaluate:
    input:
        function=dataset("chebtuck"),
        approximation="results/chebtuck/{run}/approximation.nc",
    output:
        metrics="results/chebtuck/{run}/metrics.nc",
    log:
        "logs/chebtuck/{run}/evaluate.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("chebtuck", "evaluate"),
        code=code("methods.chebtuck.evaluate"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.chebtuck.evaluate"
        " --function {input.function:q} --approximation {input.approximation:q}"
        " --config {params.config:q} --out {output.metrics:q} &> {log:q}"


rule chebtuck_table:
    input:
        metrics="results/chebtuck/{run}/metrics.nc",
    output:
        table=report(
            "results/chebtuck/{run}/scores.html",
            caption="../report/scores.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "scores beside the baselines"},
        ),
    log:
        "logs/chebtuck/{run}/table.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("comparison"),
    shell:
        "python -m polyadic compare {input.metrics:q} -o {output.table:q} &> {log:q}"


rule chebtuck_plot:
    input:
        approximation="results/chebtuck/{run}/approximation.nc",
    output:
        decay=report(
            "results/chebtuck/{run}/figures/decay.svg",
            caption="../report/expansion_decay.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "coefficients by degree"},
        ),
        singular_values=report(
            "results/chebtuck/{run}/figures/singular_values.svg",
            caption="../report/expansion_singular_values.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "singular values and ranks"},
        ),
        factors=report(
            "results/chebtuck/{run}/figures/factors.svg",
            caption="../report/expansion_factors.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "factor functions"},
        ),
    log:
        "logs/chebtuck/{run}/plot.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.chebyshev_tucker"),
    shell:
        "python -m polyadic plot {input.approximation:q}"
        " --figure decay singular_values factors -o {output:q} &> {log:q}"


rule chebtuck_sweep:
    input:
        metrics=sweep("chebtuck"),
    output:
        sweep="results/chebtuck/{run}-sweep.nc",
    log:
        "logs/chebtuck/{run}-sweep.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=sweep_settings("chebtuck"),
        code=code("evaluation.sweep"),
    shell:
        "python -m polyadic.evaluation.sweep --metrics {input.metrics:q}"
        " --config {params.config:q} --out {output.sweep:q} &> {log:q}"
