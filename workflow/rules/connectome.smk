"""Dynamic functional connectomes. Input: resources/{dataset}.nc, kind traces. Output: results/connectome/{run}/."""


rule connectome_decompose:
    input:
        traces=dataset("connectome"),
    output:
        factors="results/connectome/{run}/factors.nc",
    log:
        "logs/connectome/{run}/decompose.log",
    conda:
        "../../envs/polyadic.yaml"
    threads: 2
    resources:
        mem_mb=4000,
    params:
        config=settings("connectome", "decompose"),
        code=code("methods.connectome.decompose"),
    shell:
        "POLYADIC_CHECKPOINTS=logs/connectome/{wildcards.run}/checkpoints POLYADIC_THREADS={threads}"
        " python -m polyadic.methods.connectome.decompose"
        " --traces {input.traces:q}"
        " --config {params.config:q} --out {output.factors:q} &> {log:q}"


rule connectome_rank:
    input:
        traces=dataset("connectome"),
    output:
        curve="results/connectome/{run}/rank.nc",
    log:
        "logs/connectome/{run}/rank.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("connectome", "rank"),
        code=code("methods.connectome.rank"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.connectome.rank"
        " --traces {input.traces:q}"
        " --config {params.config:q} --out {output.curve:q} &> {log:q}"


rule connectome_surrogates:
    input:
        traces=dataset("connectome"),
        factors="results/connectome/{run}/factors.nc",
    output:
        significance="results/connectome/{run}/significance.nc",
    log:
        "logs/connectome/{run}/surrogates.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("connectome", "surrogates"),
        code=code("methods.connectome.surrogates"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.connectome.surrogates"
        " --traces {input.traces:q} --factors {input.factors:q}"
        " --config {params.config:q} --out {output.significance:q} &> {log:q}"


rule connectome_communities:
    input:
        traces=dataset("connectome"),
        factors="results/connectome/{run}/factors.nc",
        significance="results/connectome/{run}/significance.nc",
    output:
        communities="results/connectome/{run}/communities.nc",
    log:
        "logs/connectome/{run}/communities.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("connectome", "communities"),
        code=code("methods.connectome.communities"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.connectome.communities"
        " --traces {input.traces:q} --factors {input.factors:q} --significance {input.significance:q}"
        " --config {params.config:q} --out {output.communities:q} &> {log:q}"


rule connectome_evaluate:
    input:
        traces=dataset("connectome"),
        factors="results/connectome/{run}/factors.nc",
        communities="results/connectome/{run}/communities.nc",
    output:
        metrics="results/connectome/{run}/metrics.nc",
    log:
        "logs/connectome/{run}/evaluate.log",
    conda:
        "../../envs/polyadic.yaml"
    resources:
        mem_mb=4000,
    params:
        config=settings("connectome", "evaluate"),
        code=code("methods.connectome.evaluate"),
    shell:
        "POLYADIC_THREADS={threads} python -m polyadic.methods.connectome.evaluate"
        " --traces {input.traces:q} --factors {input.factors:q} --communities {input.communities:q}"
        " --config {params.config:q} --out {output.metrics:q} &> {log:q}"


rule connectome_table:
    input:
        metrics="results/connectome/{run}/metrics.nc",
        communities="results/connectome/{run}/communities.nc",
    output:
        table=report(
            "results/connectome/{run}/scores.html",
            caption="../report/connectome_scores.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "scores beside the baselines"},
        ),
    log:
        "logs/connectome/{run}/table.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("comparison"),
    shell:
        "python -m polyadic compare {input.metrics:q} --with {input.communities:q} -o {output.table:q}"
        " &> {log:q}"


rule connectome_plot_scores:
    input:
        metrics="results/connectome/{run}/metrics.nc",
    output:
        comparison=report(
            "results/connectome/{run}/figures/comparison.svg",
            caption="../report/connectome_comparison.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "the method and the baselines"},
        ),
    log:
        "logs/connectome/{run}/plot_scores.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.metrics"),
    shell:
        "python -m polyadic plot {input.metrics:q} --figure comparison -o {output:q} &> {log:q}"


rule connectome_plot_factors:
    input:
        factors="results/connectome/{run}/factors.nc",
    output:
        components=report(
            "results/connectome/{run}/figures/components.svg",
            caption="../report/connectome_components.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "components"},
        ),
        errors=report(
            "results/connectome/{run}/figures/errors.svg",
            caption="../report/connectome_errors.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "error by pass"},
        ),
    log:
        "logs/connectome/{run}/plot_factors.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.cp_factors"),
    shell:
        "python -m polyadic plot {input.factors:q} --figure components errors -o {output:q} &> {log:q}"


rule connectome_plot_rank:
    input:
        curve="results/connectome/{run}/rank.nc",
    output:
        curve=report(
            "results/connectome/{run}/figures/rank.svg",
            caption="../report/connectome_rank.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "choice of the rank"},
        ),
    log:
        "logs/connectome/{run}/plot_rank.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.rank_curve"),
    shell:
        "python -m polyadic plot {input.curve:q} --figure curve -o {output:q} &> {log:q}"


rule connectome_plot_communities:
    input:
        communities="results/connectome/{run}/communities.nc",
    output:
        courses=report(
            "results/connectome/{run}/figures/courses.svg",
            caption="../report/connectome_courses.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "when components are active"},
        ),
        matrix=report(
            "results/connectome/{run}/figures/matrix.svg",
            caption="../report/connectome_matrix.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "pairs by community"},
        ),
        graph=report(
            "results/connectome/{run}/figures/graph.svg",
            caption="../report/connectome_graph.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "graphs of the components"},
        ),
        connectivity=report(
            "results/connectome/{run}/figures/connectivity.svg",
            caption="../report/connectome_connectivity.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "between communities"},
        ),
        distance=report(
            "results/connectome/{run}/figures/distance.svg",
            caption="../report/connectome_distance.rst",
            category="connectome",
            subcategory="{run}",
            labels={"figure": "weight by distance"},
        ),
    log:
        "logs/connectome/{run}/plot_communities.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        code=code("plotting.communities"),
    shell:
        "python -m polyadic plot {input.communities:q} --figure courses matrix graph connectivity distance"
        " -o {output:q} &> {log:q}"


rule connectome_sweep:
    input:
        metrics=sweep("connectome"),
    output:
        sweep="results/connectome/{run}-sweep.nc",
    log:
        "logs/connectome/{run}-sweep.log",
    conda:
        "../../envs/polyadic.yaml"
    params:
        config=sweep_settings("connectome"),
        code=code("evaluation.sweep"),
    shell:
        "python -m polyadic.evaluation.sweep --metrics {input.metrics:q}"
        " --config {params.config:q} --out {output.sweep:q} &> {log:q}"
