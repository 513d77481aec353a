"""The runs of a workflow: settings merged, checked and expanded before any job starts."""

import dataclasses
import itertools
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polyadic import registry
from polyadic.core import config as configs
from polyadic.core.errors import InputError, nearest
from polyadic.datasets import Dataset, check_keys, check_name, dataset

RUN_KEYS = ("dataset", "seed", "sweep", "enabled")


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a method: its dataset and, per stage, the canonical JSON of its settings."""

    dataset: str
    enabled: bool
    settings: Mapping[str, str]
    parameters: Mapping[str, Any]  # what a sweep varied, by "stage.setting", "dataset" or "seed"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All runs of all methods, by method and name; sweeps by method and name as lists of run names."""

    runs: Mapping[str, Mapping[str, Run]]
    sweeps: Mapping[str, Mapping[str, tuple[str, ...]]]
    datasets: Mapping[str, Dataset]

    def run(self, method: str, name: str) -> Run:
        """Return one run, or raise `InputError` naming the nearest one."""
        if name not in self.runs[method]:
            raise InputError(f"{method} has no run {name!r}; {nearest(name, self.runs[method])}")
        return self.runs[method][name]

    def dataset(self, name: str) -> Dataset:
        """Return one dataset, or raise `InputError` naming the nearest one."""
        if name not in self.datasets:
            raise InputError(f"datasets.yaml has no dataset {name!r}; {nearest(name, self.datasets)}")
        return self.datasets[name]

    def sweep(self, method: str, name: str) -> tuple[str, ...]:
        """Return the runs of one sweep, or raise `InputError` naming the nearest one."""
        if name not in self.sweeps[method]:
            raise InputError(f"{method} has no sweep {name!r}; {nearest(name, self.sweeps[method])}")
        return self.sweeps[method][name]

    def sweep_settings(self, method: str, name: str) -> str:
        """Return the settings of the stage that gathers a sweep: what varied, run by run."""
        members = self.sweep(method, name)
        parameters = {run: self.runs[method][run].parameters for run in members}
        columns = {key: json.dumps([parameters[run][key] for run in members]) for key in parameters[members[0]]}
        return json.dumps({"runs": list(members), "parameters": columns}, sort_keys=True)

    def targets(self) -> list[str]:
        """Return the files that `rule all` makes: every product of every enabled run, and the sweeps' tables."""
        files = []
        for method, runs in self.runs.items():
            enabled = [name for name, run in runs.items() if run.enabled]
            products = registry.method(method).products
            files += [f"results/{method}/{name}/{product}" for name in enabled for product in products]
            files += [
                f"results/{method}/{sweep}-sweep.nc"
                for sweep, members in self.sweeps[method].items()
                if any(runs[member].enabled for member in members)
            ]
        return files


def prepare_environment(source: Path) -> None:
    """Let the jobs run the code of ``source``, where it is a folder, and the Python that runs Snakemake.

    Also where its environment is not activated; a conda environment of a rule still comes before it.
    """
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if source.is_dir():
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), os.environ.get("PYTHONPATH", "")]))


def plan(config: Mapping[str, Any], folders: tuple[Path, ...] = ()) -> Plan:
    """Return the checked plan of a whole configuration.

    Parameters
    ----------
    config
        The merged configuration: ``methods``, ``seed``, ``datasets`` and a section a method.
    folders
        Where relative files of datasets are looked for, first match wins.

    Raises
    ------
    InputError
        For the first setting that cannot be used, naming method, run, stage and setting.
    """
    methods = config.get("methods") or []
    if not isinstance(methods, list) or not methods:
        raise InputError(f"config.yaml: methods must list at least one method, found {methods!r}")
    seed = config.get("seed", 0)
    datasets = {name: dataset(name, entry, folders, seed) for name, entry in _mapping(config, "datasets").items()}
    runs: dict[str, dict[str, Run]] = {}
    sweeps: dict[str, dict[str, tuple[str, ...]]] = {}
    for method in methods:
        registry.method(method)
        runs[method], sweeps[method] = _method_runs(method, config, datasets)
    return Plan(runs, sweeps, datasets)


def _mapping(section: Mapping[str, Any], key: str, where: str = "") -> Mapping[str, Any]:
    value = section.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{where or 'config'}: {key} must be a mapping of names to values, found {value!r}")
    return value


def _method_runs(
    method: str, config: Mapping[str, Any], datasets: Mapping[str, Dataset]
) -> tuple[dict[str, Run], dict[str, tuple[str, ...]]]:
    stages = registry.method(method).stages
    section = _mapping(config, method)
    check_keys(method, section, (*stages, "runs"))
    runs: dict[str, Run] = {}
    sweeps: dict[str, tuple[str, ...]] = {}
    for name, given in _mapping(section, "runs", method).items():
        where = f"{method}, run {name}"
        check_name(where, name)
        if given is False:
            continue
        entry = _mapping({name: given}, name, where)
        check_keys(where, entry, (*stages, *RUN_KEYS))
        expanded = dict(_expanded(where, name, entry))
        if "sweep" in entry:
            sweeps[name] = tuple(expanded)
        for member, (overrides, parameters) in expanded.items():
            if member in runs:
                raise InputError(f"{where}: the sweep makes a run {member!r} that exists already; rename one")
            merged = {**entry, **overrides}
            _check_dataset(method, where, merged.get("dataset"), datasets)
            runs[member] = _run(method, f"{method}, run {member}", section, merged, parameters, config)
    return runs, sweeps


def _check_dataset(method: str, where: str, name: Any, datasets: Mapping[str, Dataset]) -> None:
    if not isinstance(name, str) or name not in datasets:
        raise InputError(f"{where}: dataset {name!r} is unknown; {nearest(str(name), datasets)}")
    made = registry.source(datasets[name].source).output.kind
    if made not in registry.method(method).kinds:
        accepted = " or ".join(registry.method(method).kinds)
        raise InputError(f"{where}: dataset {name!r} is of kind {made}, {method} reads {accepted}")


def _expanded(
    where: str, name: str, entry: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[dict[str, Any], dict[str, Any]]]]:
    """Yield run name, overridden sections and swept parameters for each point of a sweep, or the run alone."""
    if "sweep" not in entry:
        yield name, ({}, {})
        return
    sweep = _mapping(entry, "sweep", where)
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"{where}: sweep of {key!r} must be a list of values, found {values!r}")
        if key not in ("seed", "dataset") and key.count(".") != 1:
            raise InputError(f"{where}: sweep names a 'stage.setting', 'dataset' or 'seed', found {key!r}")
    for number, point in enumerate(itertools.product(*sweep.values()), 1):
        parameters = dict(zip(sweep, point, strict=True))
        overrides: dict[str, Any] = {}
        for key, value in parameters.items():
            stage, _, setting = key.rpartition(".")
            if stage:
                overrides[stage] = {**overrides.get(stage, _mapping(entry, stage, where)), setting: value}
            else:
                overrides[key] = value
        yield f"{name}-{number:04d}", (overrides, parameters)


def _run(
    method: str,
    where: str,
    section: Mapping[str, Any],
    entry: Mapping[str, Any],
    parameters: Mapping[str, Any],
    config: Mapping[str, Any],
) -> Run:
    stages = registry.method(method).stages
    check_keys(where, entry, (*stages, *RUN_KEYS))
    enabled = entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise InputError(f"{where}: enabled must be true or false, found {enabled!r}")
    seed = entry.get("seed", config.get("seed", 0))
    settings = {}
    for name in stages:
        stage = registry.stage(method, name)
        values = {**_mapping(section, name, method), **_mapping(entry, name, where)}
        if "seed" in (field.name for field in dataclasses.fields(stage.config)):
            values.setdefault("seed", seed)
        settings[name] = configs.canonical(configs.build(stage.config, values, f"{where}, {name}"))
    return Run(entry["dataset"], enabled, settings, {k: json.loads(json.dumps(v)) for k, v in parameters.items()})
