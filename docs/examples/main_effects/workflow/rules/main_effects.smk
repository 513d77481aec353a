"""Main effects. Input: resources/{dataset}.nc, kind observations. Output: results/main_effects/{run}/."""


rule main_effects_fit:
    input:
        observations=dataset("main_effects"),
    output:
        predictions="results/main_effects/{run}/predictions.nc",
    log:
        "logs/main_effects/{run}/fit.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=settings("main_effects", "fit"),
        code=code("methods.main_effects.fit"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.main_effects.fit"
        " --observations {input.observations:q}"
        " --config {params.config:q} --out {output.predictions:q} &> {log:q}"


rule main_effects_evaluate:
    input:
        predictions="results/main_effects/{run}/predictions.nc",
    output:
        metrics="results/main_effects/{run}/metrics.nc",
    log:
        "logs/main_effects/{run}/evaluate.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=settings("main_effects", "evaluate"),
        code=code("methods.main_effects.evaluate"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.main_effects.evaluate"
        " --predictions {input.predictions:q}"
        " --config {params.config:q} --out {output.metrics:q} &> {log:q}"


rule main_effects_plot:
    input:
        metrics="results/main_effects/{run}/metrics.nc",
    output:
        comparison="results/main_effects/{run}/figures/comparison.svg",
    log:
        "logs/main_effects/{run}/plot.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.metrics"),
    shell:
        "python -m polyadic plot {input.metrics:q} -o {output.comparison:q} &> {log:q}"


rule main_effects_sweep:
    input:
        metrics=sweep("main_effects"),
    output:
        sweep="results/main_effects/{run}-sweep.nc",
    log:
        "logs/main_effects/{run}-sweep.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=sweep_settings("main_effects"),
        code=code("evaluation.sweep"),
    shell:
        "python -m polyadic.evaluation.sweep --metrics {input.metrics:q}"
        " --config {params.config:q} --out {output.sweep:q} &> {log:q}"
