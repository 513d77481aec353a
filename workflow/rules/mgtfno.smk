"""Multi-grid tensorised Fourier neural operators. Input: resources/{dataset}.nc, kind fields. Output: results/mgtfno/{run}/."""


rule mgtfno_split:
    input:
        fields=dataset("mgtfno"),
    output:
        fields="results/mgtfno/{run}/fields.nc",
    log:
        "logs/mgtfno/{run}/split.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=2000,
    params:
        config=settings("mgtfno", "split"),
        code=code("methods.mgtfno.split"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.mgtfno.split"
        " --fields {input.fields:q}"
        " --config {params.config:q} --out {output.fields:q} &> {log:q}"


rule mgtfno_train:
    input:
        fields="results/mgtfno/{run}/fields.nc",
        fine=extra("mgtfno", "train", "fine"),
    output:
        operator="results/mgtfno/{run}/operator.nc",
    log:
        "logs/mgtfno/{run}/train.log",
    conda:
        "../../envs/polyadic.yaml"
    threads: cores("mgtfno", "train")
    resources:
        mem_mb=4000,
    params:
        config=settings("mgtfno", "train"),
        code=code("methods.mgtfno.train"),
        fine=option("fine"),
    shell:
        "POLYADIC_CHECKPOINTS=logs/mgtfno/{wildcards.run}/checkpoints POLYADIC_THREADS={threads}"
        " python -m polyadic.methods.mgtfno.train"
        " --fields {input.fields:q}"
        " {params.fine:q} --config {params.config:q} --out {output.operator:q} &> {log:q}"


rule mgtfno_predict:
    input:
        fields="results/mgtfno/{run}/fields.nc",
        operator="results/mgtfno/{run}/operator.nc",
    output:
        predictions="results/mgtfno/{run}/predictions.nc",
    log:
        "logs/mgtfno/{run}/predict.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("mgtfno", "predict"),
        code=code("methods.mgtfno.predict"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.mgtfno.predict"
        " --fields {input.fields:q}"
        " --operator {input.operator:q}"
        " --config {params.config:q} --out {output.predictions:q} &> {log:q}"


rule mgtfno_rollout:
    input:
        fields="results/mgtfno/{run}/fields.nc",
        operator="results/mgtfno/{run}/operator.nc",
    output:
        rollout="results/mgtfno/{run}/rollout.nc",
    log:
        "logs/mgtfno/{run}/rollout.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("mgtfno", "rollout"),
        code=code("methods.mgtfno.rollout"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.mgtfno.rollout"
        " --fields {input.fields:q}"
        " --operator {input.operator:q}"
        " --config {params.config:q} --out {output.rollout:q} &> {log:q}"


rule mgtfno_baselines:
    input:
        fields="results/mgtfno/{run}/fields.nc",
    output:
        baselines="results/mgtfno/{run}/baselines.nc",
    log:
        "logs/mgtfno/{run}/baselines.log",
    conda:
        "../../envs/polyadic.yaml"
    threads: cores("mgtfno", "baselines")
    resources:
        mem_mb=4000,
    params:
        config=settings("mgtfno", "baselines"),
        code=code("methods.mgtfno.baselines"),
    shell:
        "POLYADIC_CHECKPOINTS=logs/mgtfno/{wildcards.run}/checkpoints POLYADIC_THREADS={threads}"
        " python -m polyadic.methods.mgtfno.baselines"
        " --fields {input.fields:q}"
        " --config {params.config:q} --out {output.baselines:q} &> {log:q}"


rule mgtfno_evaluate:
    input:
        predict="results/mgtfno/{run}/predictions.nc",
        baselines="results/mgtfno/{run}/baselines.nc",
        operator="results/mgtfno/{run}/operator.nc",
        fine=extra("mgtfno", "evaluate", "fine"),
        rollout=asked("mgtfno", "evaluate", "rollout", "results/mgtfno/{run}/rollout.nc"),
    output:
        metrics="results/mgtfno/{run}/metrics.nc",
    log:
        "logs/mgtfno/{run}/evaluate.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("mgtfno", "evaluate"),
        code=code("methods.mgtfno.evaluate"),
        fine=option("fine"),
        rollout=option("rollout"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.mgtfno.evaluate"
        " --predict {input.predict:q}"
        " --baselines {input.baselines:q}"
        " --operator {input.operator:q}"
        " {params.fine:q} {params.rollout:q} --config {params.config:q} --out {output.metrics:q} &> {log:q}"


rule mgtfno_comparison:
    input:
        metrics="results/mgtfno/{run}/metrics.nc",
    output:
        comparison=report(
            "results/mgtfno/{run}/figures/comparison.svg",
            caption="../report/comparison.rst",
            category="mgtfno",
            subcategory="{run}",
            labels={"figure": "scores beside the baselines"},
        ),
        pareto=report(
            "results/mgtfno/{run}/figures/pareto.svg",
            caption="../report/pareto.rst",
            category="mgtfno",
            subcategory="{run}",
            labels={"figure": "error against size"},
        ),
    log:
        "logs/mgtfno/{run}/comparison.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.metrics"),
    shell:
        "python -m polyadic plot {input.metrics:q} --figure comparison pareto -o {output:q} &> {log:q}"


rule mgtfno_samples:
    input:
        predictions="results/mgtfno/{run}/predictions.nc",
    output:
        samples=report(
            "results/mgtfno/{run}/figures/samples.svg",
            caption="../report/field_samples.rst",
            category="mgtfno",
            subcategory="{run}",
        ),
    log:
        "logs/mgtfno/{run}/samples.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.fields"),
    shell:
        "python -m polyadic plot {input.predictions:q} --figure samples -o {output.samples:q} &> {log:q}"


rule mgtfno_spectra:
    input:
        predictions="results/mgtfno/{run}/predictions.nc",
    output:
        spectra=report(
            "results/mgtfno/{run}/figures/spectra.svg",
            caption="../report/spectra.rst",
            category="mgtfno",
            subcategory="{run}",
        ),
    log:
        "logs/mgtfno/{run}/spectra.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.fields"),
    shell:
        "python -m polyadic plot {input.predictions:q} --figure spectra -o {output.spectra:q} &> {log:q}"


rule mgtfno_plot_rollout:
    input:
        rollout="results/mgtfno/{run}/rollout.nc",
    output:
        rollout=report(
            "results/mgtfno/{run}/figures/rollout.svg",
            caption="../report/rollout.rst",
            category="mgtfno",
            subcategory="{run}",
        ),
    log:
        "logs/mgtfno/{run}/plot_rollout.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.fields"),
    shell:
        "python -m polyadic plot {input.rollout:q} --figure rollout -o {output.rollout:q} &> {log:q}"


rule mgtfno_curves:
    input:
        operator="results/mgtfno/{run}/operator.nc",
    output:
        curves=report(
            "results/mgtfno/{run}/figures/curves.svg",
            caption="../report/curves.rst",
            category="mgtfno",
            subcategory="{run}",
        ),
    log:
        "logs/mgtfno/{run}/curves.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.operator"),
    shell:
        "python -m polyadic plot {input.operator:q} --figure curves -o {output.curves:q} &> {log:q}"


rule mgtfno_sweep:
    input:
        metrics=sweep("mgtfno"),
    output:
        sweep="results/mgtfno/{run}-sweep.nc",
    log:
        "logs/mgtfno/{run}-sweep.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=sweep_settings("mgtfno"),
        code=code("evaluation.sweep"),
    shell:
        "python -m polyadic.evaluation.sweep --metrics {input.metrics:q}"
        " --config {params.config:q} --out {output.sweep:q} &> {log:q}"
