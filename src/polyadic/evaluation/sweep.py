"""Gather the scores of the runs of a sweep into one table."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from polyadic.core.config import setting
from polyadic.core.stage import many, stage
from polyadic.kinds import metrics as kind


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """Which runs a sweep made, and what it varied."""

    runs: tuple[str, ...] = setting((), "names of the runs, in the order of the metrics; empty: numbered")
    parameters: dict[str, str] = setting({}, "per varied setting a JSON list of its values, one a run")


@stage(name="evaluation.sweep", config=SweepConfig, metrics=many(kind.SCHEMA), output=kind.SCHEMA)
def sweep(cfg: SweepConfig, metrics: Sequence[xr.Dataset]) -> xr.Dataset:
    """Gather the scores of the runs of a sweep into one table, with what was varied as coordinates."""
    names = list(cfg.runs) or [f"{number:04d}" for number in range(1, len(metrics) + 1)]
    if len(names) != len(metrics):
        raise ValueError(f"runs names {len(names)} runs, but {len(metrics)} metrics were given")
    parts = [_scores(ds) for ds in metrics]
    if any("fold" in ds.dims for ds in parts):
        parts = [ds.mean("fold", keep_attrs=True) if "fold" in ds.dims else ds for ds in parts]
    out = xr.concat(parts, dim="run", join="outer", coords="minimal", compat="override", combine_attrs="override")
    out.attrs = {}
    if "parameters" in out.data_vars:
        out = out.set_coords("parameters")
    out = out.assign_coords(run=("run", names, {"long_name": "run of the sweep"}))
    for name, text in cfg.parameters.items():
        out = out.assign_coords({name.replace(".", "_"): ("run", *_column(name, json.loads(text)))})
    return out.transpose("run", "metric", "method")


def _scores(ds: xr.Dataset) -> xr.Dataset:
    """Return the scores of a run, with the counts of learned numbers, which differ from run to run, as a variable."""
    out = ds[["value", "standard_error"]].load()
    return out.reset_coords("parameters") if "parameters" in out.coords else out


def _column(name: str, values: list[object]) -> tuple[np.ndarray, dict[str, str]]:
    """Return numbers as numbers and everything else as JSON text, with attributes."""
    label = {"long_name": f"setting {name}"}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values), {**label, "units": "1"}
    return np.array([json.dumps(value) for value in values]), label


if __name__ == "__main__":
    sweep.cli()
