"""Gather the scores of the runs of a sweep into one table."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from polyadic.core.config import setting
from polyadic.core.stage import many, stage
from polyadic.kinds import metrics as kind

_MEASURED = ("parameters", "size")  # counts that scores come with, each run its own


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
    out = out.set_coords([name for name in _MEASURED if name in out.data_vars])
    out = out.assign_coords(run=("run", names, {"long_name": "run of the sweep"}))
    for name, text in cfg.parameters.items():
        out = out.assign_coords({name.replace(".", "_"): ("run", *_column(name, json.loads(text)))})
    return out.transpose("run", "metric", "method")


def _scores(ds: xr.Dataset) -> xr.Dataset:
    """Return the scores of a run, with what differs from run to run as variables."""
    out = ds[["value", "standard_error"]].load()
    return out.reset_coords([name for name in _MEASURED if name in out.coords])


def _column(name: str, values: list[object]) -> tuple[np.ndarray, dict[str, str]]:
    """Return numbers as numbers, texts as they are and everything else as JSON text, with attributes."""
    label = {"long_name": f"setting {name}"}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return np.array(values), {**label, "units": "1"}
    texts = all(isinstance(value, str) for value in values)
    return np.array(values if texts else [json.dumps(value) for value in values]), label


if __name__ == "__main__":
    sweep.cli()
