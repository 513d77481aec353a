"""Kind `metrics`: scores of a method and of the baselines beside it."""

from collections.abc import Mapping, Sequence

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
    return faults


SCHEMA = Schema(
    kind="metrics",
    coords={
        "metric": Var(("metric",), kinds="UO"),
        "method": Var(("method",), kinds="UO"),
        "better": Var(("metric",), kinds="i"),
        "metric_units": Var(("metric",), kinds="UO"),
    },
    rules=(_faults,),
)


def dataset(
    value: ArrayLike,
    standard_error: ArrayLike,
    *,
    metrics: Mapping[str, tuple[int, str]],
    methods: Sequence[str],
    units: str,
) -> xr.Dataset:
    """Return a Dataset of kind `metrics`.

    Parameters
    ----------
    value, standard_error
        Scores and their standard errors, of shape ``(metric, method)``.
    metrics
        Per metric whether smaller (-1) or greater (+1) is better (0: nearer to its nominal value),
        and its unit.
    methods
        The method first, then the baselines.
    units
        Unit of the measured variable; each metric's own unit is in ``metric_units``.
    """
    coords = {
        "metric": ("metric", list(metrics), {"long_name": "metric"}),
        "method": ("method", list(methods), {"long_name": "method"}),
        "better": (
            "metric",
            np.array([sign for sign, _ in metrics.values()], np.int8),
            {
                "long_name": "direction of improvement",
                "flag_values": np.array([-1, 0, 1], np.int8),
                "flag_meanings": "smaller_is_better nearer_to_nominal_is_better greater_is_better",
            },
        ),
        "metric_units": ("metric", [unit for _, unit in metrics.values()], {"long_name": "unit of the metric"}),
    }
    return xr.Dataset(
        {
            "value": (
                ("metric", "method"),
                np.asarray(value, float),
                {
                    "long_name": "score",
                    "units": units,
                    "ancillary_variables": "standard_error",
                    "comment": "metric_units holds each metric's unit",
                },
            ),
            "standard_error": (
                ("metric", "method"),
                np.asarray(standard_error, float),
                {"long_name": "standard error of the score", "units": units},
            ),
        },
        coords,
    )


def example(seed: int = 0) -> xr.Dataset:
    """Return three metrics of a method and two baselines."""
    rng = np.random.default_rng(seed)
    value = np.stack([rng.uniform(1, 3, 3), rng.uniform(0.5, 2, 3), rng.uniform(0.85, 0.95, 3)])
    known = {"rmse": (-1, "degC"), "mae": (-1, "degC"), "coverage90": (0, "1")}
    return dataset(value, value / 50, metrics=known, methods=["method", "baseline_a", "baseline_b"], units="degC")
