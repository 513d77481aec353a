"""Kind `metrics`: scores of a method and of the baselines beside it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var


def _faults(ds: xr.Dataset) -> list[str]:
    faults = []
    allowed = (("metric", "method"), ("metric", "method", "fold"), ("run", "metric", "method"))
    for name in ("value", "standard_error"):
        if name in ds and ds[name].dims not in allowed:
            faults.append(f"{name!r} has dims {ds[name].dims}, expected one of {allowed}")
    if "value" not in ds:
        faults.append("'value' is missing")
    if "parameters" in ds.variables and ds["parameters"].dims not in (("method",), ("run", "method")):
        faults.append(f"'parameters' has dims {ds['parameters'].dims}, expected ('method',) or ('run', 'method')")
    if "size" in ds.variables and ds["size"].dims not in ((), ("run",)):
        faults.append(f"'size' has dims {ds['size'].dims}, expected () or ('run',)")
    return faults


SCHEMA = Schema(
    kind="metrics",
    version="1.2",
    coords={
        "metric": Var(("metric",), kinds="UO"),
        "method": Var(("method",), kinds="UO"),
        "better": Var(("metric",), kinds="i"),
        "metric_units": Var(("metric",), kinds="UO"),
    },
    optional={"target": Var(("metric",))},
    rules=(_faults,),
)


class Metric(NamedTuple):
    """What a metric means: its direction, its unit and the ideal value where it has one."""

    better: int
    units: str
    target: float = math.nan


def dataset(
    value: ArrayLike,
    standard_error: ArrayLike,
    *,
    metrics: Mapping[str, Metric],
    methods: Sequence[str],
    units: str,
    parameters: Mapping[str, int] | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `metrics`.

    Parameters
    ----------
    value, standard_error
        Scores and their standard errors, of shape ``(metric, method)``.
    metrics
        Per metric whether smaller (-1) or greater (+1) is better, its unit, and its ideal value: with
        one, `better` speaks of the distance from it.
    methods
        The method first, then the baselines.
    units
        Unit of the measured variable; each metric's own unit is in ``metric_units``.
    parameters
        Per method the numbers that it learned and stores; NaN in the file where a method is not named.
    """
    better = {
        "long_name": "direction of improvement (of the distance from target, where there is one)",
        "flag_values": np.array([-1, 1], np.int8),
        "flag_meanings": "smaller_is_better greater_is_better",
    }
    coords: dict[str, Any] = {
        "metric": ("metric", list(metrics), {"long_name": "metric"}),
        "method": ("method", list(methods), {"long_name": "method"}),
        "better": ("metric", np.array([m.better for m in metrics.values()], np.int8), better),
        "metric_units": ("metric", [m.units for m in metrics.values()], {"long_name": "unit of the metric"}),
        "target": (
            "metric",
            np.array([m.target for m in metrics.values()]),
            {"long_name": "ideal value of the metric", "units": units, "comment": "in the metric's own unit"},
        ),
    }
    if parameters:
        counts = np.array([parameters.get(name, math.nan) for name in methods], float)
        coords["parameters"] = ("method", counts, {"long_name": "numbers that the method learned", "units": "1"})
    attributes = {"units": units, "comment": "metric_units holds each metric's own unit"}
    label = {"long_name": "score", "ancillary_variables": "standard_error"}
    dims = ("metric", "method")
    return xr.Dataset(
        {
            "value": (dims, np.asarray(value, float), {**label, **attributes}),
            "standard_error": (
                dims,
                np.asarray(standard_error, float),
                {"long_name": "standard error of the score", **attributes},
            ),
        },
        coords,
    )


def of_size(ds: xr.Dataset, count: int, name: str) -> xr.Dataset:
    """Return the scores with the size of the data that they were got from, such as 2,000 of ``name`` "charges"."""
    return ds.assign_coords(size=((), count, {"long_name": name, "units": "1"}))


def over_folds(scores: xr.DataArray) -> np.ndarray:
    """Return scores as an array, their mean where there are folds."""
    return np.asarray(scores.mean("fold") if "fold" in scores.dims else scores)


def example(seed: int = 0) -> xr.Dataset:
    """Return three metrics of a method and two baselines."""
    rng = np.random.default_rng(seed)
    value = np.stack([rng.uniform(1, 3, 3), rng.uniform(0.5, 2, 3), rng.uniform(0.85, 0.95, 3)])
    known = {"rmse": Metric(-1, "degC"), "mae": Metric(-1, "degC"), "coverage90": Metric(-1, "1", 0.9)}
    names = ["method", "baseline_a", "baseline_b"]
    return dataset(
        value, value / 50, metrics=known, methods=names, units="degC", parameters={"method": 900, "baseline_a": 40}
    )
