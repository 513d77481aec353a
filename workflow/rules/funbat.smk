"""Functional Bayesian Tucker. Input: resources/{dataset}.nc, kind observations. Output: results/funbat/{run}/."""


rule funbat_split:
    input:
        observations=dataset("funbat"),
    output:
        observations="results/funbat/{run}/observations.nc",
    log:
        "logs/funbat/{run}/split.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=2000,
    params:
        config=settings("funbat", "split"),
        code=code("methods.funbat.split"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.split"
        " --observations {input.observations:q}"
        " --config {params.config:q} --out {output.observations:q} &> {log:q}"


rule funbat_fit:
    input:
        observations="results/funbat/{run}/observations.nc",
    output:
        posterior="results/funbat/{run}/posterior.nc",
    log:
        "logs/funbat/{run}/fit.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "fit"),
        code=code("methods.funbat.fit"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.fit"
        " --observations {input.observations:q}"
        " --config {params.config:q} --out {output.posterior:q} &> {log:q}"


rule funbat_predict:
    input:
        observations="results/funbat/{run}/observations.nc",
        posterior="results/funbat/{run}/posterior.nc",
    output:
        predictions="results/funbat/{run}/predictions.nc",
    log:
        "logs/funbat/{run}/predict.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "predict"),
        code=code("methods.funbat.predict"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.predict"
        " --observations {input.observations:q} --posterior {input.posterior:q}"
        " --config {params.config:q} --out {output.predictions:q} &> {log:q}"


rule funbat_baselines:
    input:
        observations="results/funbat/{run}/observations.nc",
    output:
        baselines="results/funbat/{run}/baselines.nc",
    log:
        "logs/funbat/{run}/baselines.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "baselines"),
        code=code("methods.funbat.baselines"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.baselines"
        " --observations {input.observations:q}"
        " --config {params.config:q} --out {output.baselines:q} &> {log:q}"


rule funbat_evaluate:
    input:
        predictions="results/funbat/{run}/predictions.nc",
        baselines="results/funbat/{run}/baselines.nc",
    output:
        metrics="results/funbat/{run}/metrics.nc",
    log:
        "logs/funbat/{run}/evaluate.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=2000,
    params:
        config=settings("funbat", "evaluate"),
        code=code("methods.funbat.evaluate"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.evaluate"
        " --predictions {input.predictions:q} --baselines {input.baselines:q}"
        " --config {params.config:q} --out {output.metrics:q} &> {log:q}"


rule funbat_stations:
    input:
        predictions="results/funbat/{run}/predictions.nc",
        observations="results/funbat/{run}/observations.nc",
    output:
        stations="results/funbat/{run}/stations.nc",
    log:
        "logs/funbat/{run}/stations.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=2000,
    params:
        config=settings("funbat", "stations"),
        code=code("methods.funbat.stations"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.stations"
        " --predictions {input.predictions:q} --observations {input.observations:q}"
        " --config {params.config:q} --out {output.stations:q} &> {log:q}"


rule funbat_map:
    input:
        posterior="results/funbat/{run}/posterior.nc",
        observations="results/funbat/{run}/observations.nc",
        grid=extra("funbat", "map", "grid"),
    output:
        map="results/funbat/{run}/map.nc",
    log:
        "logs/funbat/{run}/map.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "map"),
        code=code("methods.funbat.map"),
        grid=option("grid"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.map"
        " --posterior {input.posterior:q} --observations {input.observations:q} {params.grid:q}"
        " --config {params.config:q} --out {output.map:q} &> {log:q}"


rule funbat_series:
    input:
        posterior="results/funbat/{run}/posterior.nc",
        observations="results/funbat/{run}/observations.nc",
        table=extra("funbat", "series", "table"),
    output:
        series="results/funbat/{run}/series.nc",
    log:
        "logs/funbat/{run}/series.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "series"),
        code=code("methods.funbat.series"),
        table=option("table"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.series"
        " --posterior {input.posterior:q} --observations {input.observations:q} {params.table:q}"
        " --config {params.config:q} --out {output.series:q} &> {log:q}"


rule funbat_means:
    input:
        posterior="results/funbat/{run}/posterior.nc",
        observations="results/funbat/{run}/observations.nc",
        grid=extra("funbat", "means", "grid"),
    output:
        means="results/funbat/{run}/means.nc",
    log:
        "logs/funbat/{run}/means.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("funbat", "means"),
        code=code("methods.funbat.means"),
        grid=option("grid"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.funbat.means"
        " --posterior {input.posterior:q} --observations {input.observations:q} {params.grid:q}"
        " --config {params.config:q} --out {output.means:q} &> {log:q}"


rule funbat_plot_map:
    input:
        map="results/funbat/{run}/map.nc",
    output:
        map=report(
            "results/funbat/{run}/figures/map.svg",
            caption="../report/map.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "map with standard error"},
        ),
    log:
        "logs/funbat/{run}/plot_map.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.maps"),
    shell:
        "python -m polyadic plot {input.map:q} -o {output:q} &> {log:q}"


rule funbat_plot_series:
    input:
        series="results/funbat/{run}/series.nc",
    output:
        series=report(
            "results/funbat/{run}/figures/series.svg",
            caption="../report/series.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "series with bands"},
        ),
    log:
        "logs/funbat/{run}/plot_series.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.series"),
    shell:
        "python -m polyadic plot {input.series:q} -o {output:q} &> {log:q}"


rule funbat_plot_means:
    input:
        means="results/funbat/{run}/means.nc",
    output:
        means=report(
            "results/funbat/{run}/figures/means.svg",
            caption="../report/means.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "means over areas and periods"},
        ),
    log:
        "logs/funbat/{run}/plot_means.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.series"),
    shell:
        "python -m polyadic plot {input.means:q} -o {output:q} &> {log:q}"


rule funbat_plot_stations:
    input:
        stations="results/funbat/{run}/stations.nc",
    output:
        stations=report(
            "results/funbat/{run}/figures/stations.svg",
            caption="../report/stations.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "withheld stations"},
        ),
    log:
        "logs/funbat/{run}/plot_stations.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.station_scores"),
    shell:
        "python -m polyadic plot {input.stations:q} -o {output:q} &> {log:q}"


rule funbat_table:
    input:
        metrics="results/funbat/{run}/metrics.nc",
        posterior="results/funbat/{run}/posterior.nc",
        stations="results/funbat/{run}/stations.nc",
    output:
        table=report(
            "results/funbat/{run}/scores.html",
            caption="../report/scores.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "scores beside the baselines"},
        ),
    log:
        "logs/funbat/{run}/table.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("comparison"),
    shell:
        "python -m polyadic compare {input.metrics:q} --with {input.posterior:q} {input.stations:q}"
        " -o {output.table:q} &> {log:q}"


rule funbat_plot_scores:
    input:
        metrics="results/funbat/{run}/metrics.nc",
    output:
        comparison=report(
            "results/funbat/{run}/figures/comparison.svg",
            caption="../report/comparison.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "the method and the baselines"},
        ),
    log:
        "logs/funbat/{run}/plot_scores.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.metrics"),
    shell:
        "python -m polyadic plot {input.metrics:q} --figure comparison -o {output:q} &> {log:q}"


rule funbat_plot_predictions:
    input:
        predictions="results/funbat/{run}/predictions.nc",
    output:
        scatter=report(
            "results/funbat/{run}/figures/scatter.svg",
            caption="../report/scatter.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "prediction against measurement"},
        ),
        residuals=report(
            "results/funbat/{run}/figures/residuals.svg",
            caption="../report/residuals.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "where and when it errs"},
        ),
        calibration=report(
            "results/funbat/{run}/figures/calibration.svg",
            caption="../report/calibration.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "calibration"},
        ),
    log:
        "logs/funbat/{run}/plot_predictions.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.predictions"),
    shell:
        "python -m polyadic plot {input.predictions:q}"
        " --figure scatter residuals calibration -o {output:q} &> {log:q}"


rule funbat_plot_posterior:
    input:
        posterior="results/funbat/{run}/posterior.nc",
    output:
        factors=report(
            "results/funbat/{run}/figures/factors.svg",
            caption="../report/factors.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "factor functions"},
        ),
        evidence=report(
            "results/funbat/{run}/figures/evidence.svg",
            caption="../report/evidence.rst",
            category="funbat",
            subcategory="{run}",
            labels={"figure": "evidence by iteration"},
        ),
    log:
        "logs/funbat/{run}/plot_posterior.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.tucker_posterior"),
    shell:
        "python -m polyadic plot {input.posterior:q} --figure factors evidence -o {output:q} &> {log:q}"


rule funbat_sweep:
    input:
        metrics=sweep("funbat"),
    output:
        sweep="results/funbat/{run}-sweep.nc",
    log:
        "logs/funbat/{run}-sweep.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=sweep_settings("funbat"),
        code=code("evaluation.sweep"),
    shell:
        "python -m polyadic.evaluation.sweep --metrics {input.metrics:q}"
        " --config {params.config:q} --out {output.sweep:q} &> {log:q}"
