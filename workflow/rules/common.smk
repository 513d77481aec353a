"""Helpers of all the rule files. settings(), cores(), code(), dataset(), extra(), asked(), sweep(), targets()."""

import json
import sys

from snakemake.exceptions import WorkflowError

SOURCE = Path(workflow.basedir) / "src"
if SOURCE.is_dir():  # the code that is digested is the code that runs, whatever else is installed
    sys.path.insert(0, str(SOURCE))

from polyadic.core.digest import code_digest
from polyadic.core.errors import InputError
from polyadic.runs import plan, prepare_environment

prepare_environment(SOURCE)

try:
    PLAN = plan(config, (Path(), Path(workflow.basedir)))
except InputError as error:
    raise WorkflowError(f"settings: {error}") from None


wildcard_constraints:
    run=r"[A-Za-z0-9][\w.-]*",
    dataset=r"[A-Za-z0-9][\w.-]*",


def settings(method, stage):
    """Return a params function: one run's settings of one stage, as canonical JSON."""
    return lambda wildcards: found(PLAN.run, method, wildcards.run).settings[stage]


def cores(method, stage):
    """Return a threads function: what the processes of one run's stage take with their threads."""

    def taken(wildcards):
        known = json.loads(settings(method, stage)(wildcards))
        return known["processes"] * known["threads"]

    return taken


def code(module):
    """Return a params function: the digest of the code that a module runs, so that edits rerun it.

    A function, because only the modules of jobs that are wanted need to be read.
    """
    return lambda wildcards: code_digest(f"polyadic.{module}")


def section(wildcards):
    """Return the checked section of datasets.yaml."""
    return found(PLAN.dataset, wildcards.dataset)


def dataset(method):
    """Return an input function: the ingested dataset that a run names."""
    return lambda wildcards: f"resources/{found(PLAN.run, method, wildcards.run).dataset}.nc"


def extra(method, stage, setting):
    """Return an input function: the ingested dataset that a setting of a stage names, or nothing."""

    def chosen(wildcards):
        run = found(PLAN.run, method, wildcards.run)
        name = json.loads(run.settings[stage])[setting]
        return [f"resources/{name}.nc"] if name and found(PLAN.dataset, name) else []

    return chosen


def asked(method, stage, setting, path):
    """Return an input function: a file of the run where a setting of a stage is true, or nothing."""

    def chosen(wildcards):
        run = found(PLAN.run, method, wildcards.run)
        wanted = json.loads(run.settings[stage])[setting]
        return [path.format(run=wildcards.run)] if wanted else []

    return chosen


def option(name):
    """Return a params function: the command-line option of an input that may be left out."""
    return lambda wildcards, input: [f"--{name}", *input[name]] if input.get(name) else []


def sweep(method):
    """Return an input function: the scores of every run of a sweep."""
    return lambda wildcards: [
        f"results/{method}/{run}/metrics.nc" for run in found(PLAN.sweep, method, wildcards.run)
    ]


def sweep_settings(method):
    """Return a params function: what a sweep varied, run by run, as canonical JSON."""
    return lambda wildcards: found(PLAN.sweep_settings, method, wildcards.run)


def targets():
    """Return every product of every enabled run of every listed method."""
    return PLAN.targets()


def found(look_up, *names):
    """Return what a look-up finds, or stop with its sentence."""
    try:
        return look_up(*names)
    except InputError as error:
        raise WorkflowError(str(error)) from None
