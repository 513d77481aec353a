"""Entry of the workflow: settings, then the rule file of each listed method."""

from snakemake.utils import min_version

min_version("9.5")


# The defaults beside this file first, then the `config/` of the working folder laid over them.
for folder in dict.fromkeys([Path(workflow.basedir).resolve(), Path.cwd()]):
    for file in ("config.yaml", "datasets.yaml"):
        if (folder / "config" / file).is_file():

            configfile: str(folder / "config" / file)


for method in config.get("methods") or []:
    for folder in dict.fromkeys([Path(workflow.basedir).resolve(), Path.cwd()]):
        if (folder / "config" / f"{method}.yaml").is_file():

            configfile: str(folder / "config" / f"{method}.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/sources.smk"


for method in config.get("methods") or []:

    include: f"workflow/rules/{method}.smk"


rule all:
    default_target: True
    input:
        targets(),
