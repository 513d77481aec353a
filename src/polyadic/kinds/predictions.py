"""Kind `predictions`: what models say at stated places and times, beside the truth where it is known."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var
from polyadic.kinds import observations


def target(ds: xr.Dataset) -> str:
    """Return the name of the predicted variable."""
    return str(ds.attrs["target"])


def mean(ds: xr.Dataset) -> xr.DataArray:
    """Return the predicted mean, of dimensions ``(obs,)`` or ``(method, obs)``."""
    return ds[f"{target(ds)}_predicted"]


def variance(ds: xr.Dataset) -> xr.DataArray:
    """Return the predicted variance of a new measurement, of the dimensions of `mean`."""
    return ds[f"{target(ds)}_predicted_variance"]


def squared(units: str) -> str:
    """Return the unit of a variance; a difference of degrees Celsius is one of kelvin.

    Examples
    --------
    >>> squared("degC"), squared("ug m-3"), squared("1")
    ('K2', '(ug m-3)2', '1')
    """
    known = {"1": "1", "degC": "K2", "celsius": "K2", "degree_Celsius": "K2", "K": "K2"}
    return known.get(units, f"({units})2")


def _faults(ds: xr.Dataset) -> list[str]:
    name = str(ds.attrs.get("target", ""))
    if not name:
        return ["attribute 'target' is missing"]
    faults = []
    for wanted in (f"{name}_predicted", f"{name}_predicted_variance"):
        if wanted not in ds:
            faults.append(f"{wanted!r} is missing")
        elif ds[wanted].dims not in (("obs",), ("method", "obs")):
            faults.append(f"{wanted!r} has dims {ds[wanted].dims}, expected ('obs',) or ('method', 'obs')")
    return faults


SCHEMA = Schema(
    kind="predictions",
    optional={
        **{name: Var(("obs",), units=observations.KNOWN[name]["units"]) for name in ("latitude", "longitude")},
        "time": Var(("obs",), kinds="M"),
        "split": Var(("obs",), kinds="i"),
        "method": Var(("method",), kinds="UO"),
    },
    rules=(_faults,),
)


def dataset(
    rows: xr.Dataset, name: str, predicted: Mapping[str, tuple[ArrayLike, ArrayLike]] | tuple[ArrayLike, ArrayLike]
) -> xr.Dataset:
    """Return a Dataset of kind `predictions`.

    Parameters
    ----------
    rows
        The rows predicted, of kind `observations`; they may hold the truth ``name``.
    name
        The predicted variable.
    predicted
        Mean and variance of a new measurement, both of shape ``(obs,)``; or these by method.
    """
    if isinstance(predicted, Mapping):
        means, variances = (np.stack([np.asarray(pair[i], float) for pair in predicted.values()]) for i in (0, 1))
        return stacked(rows, name, tuple(predicted), means, variances)
    return _filled(rows, name, ("obs",), *predicted)


def stacked(rows: xr.Dataset, name: str, methods: Sequence[str], means: Any, variances: Any) -> xr.Dataset:
    """Return a Dataset of kind `predictions` from arrays of shape ``(method, obs)``, which may be Dask arrays."""
    out = _filled(rows, name, ("method", "obs"), means, variances)
    return out.assign_coords(method=("method", list(methods), {"long_name": "method"}))


def _filled(rows: xr.Dataset, name: str, dims: tuple[str, ...], means: Any, variances: Any) -> xr.Dataset:
    attributes = dict(rows[name].attrs) if name in rows else {}
    units = str(attributes.get("units", "1"))
    label = str(attributes.get("long_name", name))
    out = rows[[name]].copy() if name in rows else rows.coords.to_dataset()
    of_mean = {"long_name": f"predicted {label}", "units": units, "ancillary_variables": f"{name}_predicted_variance"}
    of_variance = {"long_name": f"variance of a new {label}", "units": squared(units)}
    for end, values, own in (("predicted", means, of_mean), ("predicted_variance", variances, of_variance)):
        lazy = hasattr(values, "dask")
        out[f"{name}_{end}"] = (dims, values if lazy else np.asarray(values, float), own)
    keep = {k: rows.attrs[k] for k in ("indexes", "covariates", "featureType") if k in rows.attrs}
    out.attrs = {**keep, "target": name}
    return out


def example(seed: int = 0) -> xr.Dataset:
    """Return predictions of the withheld rows of the `observations` example by two methods."""
    rows = observations.where_split(observations.example(seed), "validation", "test")
    truth = rows["temperature"].to_numpy()
    noise = np.random.default_rng([seed, 1]).normal(0, 1, (2, truth.size))
    predicted = {
        "good": (truth + noise[0], np.ones(truth.size)),
        "poor": (truth + 3 * noise[1], 9 * np.ones(truth.size)),
    }
    ds = dataset(rows, "temperature", predicted)
    ds.attrs["covariates"] = json.dumps(observations.covariates(rows))
    return ds
