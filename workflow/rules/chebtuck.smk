"""Chebyshev-Tucker. Input: resources/{dataset}.nc: function, particles, grid, canonical tensor. Output: results/chebtuck/{run}/."""


rule chebtuck_decompose:
    input:
        data=dataset("chebtuck"),
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
        " --data {input.data:q}"
        " --config {params.config:q} --out {output.approximation:q} &> {log:q}"


rule chebtuck_evaluate:
    input:
        data=dataset("chebtuck"),
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
        " --data {input.data:q} --approximation {input.approximation:q}"
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


rule chebtuck_pareto:
    input:
        metrics="results/chebtuck/{run}/metrics.nc",
    output:
        pareto=report(
            "results/chebtuck/{run}/figures/pareto.svg",
            caption="../report/pareto_stored.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "error against stored numbers"},
        ),
    log:
        "logs/chebtuck/{run}/pareto.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.metrics"),
    shell:
        "python -m polyadic plot {input.metrics:q} --figure pareto -o {output.pareto:q} &> {log:q}"


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
        slices=report(
            "results/chebtuck/{run}/figures/slices.svg",
            caption="../report/expansion_slices.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "planes through the middle"},
        ),
        ranks=report(
            "results/chebtuck/{run}/figures/ranks.svg",
            caption="../report/expansion_ranks.rst",
            category="chebtuck",
            subcategory="{run}",
            labels={"figure": "rank against tolerance"},
        ),
    log:
        "logs/chebtuck/{run}/plot.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.chebyshev_tucker"),
    shell:
        "python -m polyadic plot {input.approximation:q}"
        " --figure decay singular_values factors slices ranks -o {output:q} &> {log:q}"


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
