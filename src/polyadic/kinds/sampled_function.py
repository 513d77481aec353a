"""Kind `sampled_function`: the values of a function of several variables on a tensor grid."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema

VALUE = "value"


def modes(ds: xr.Dataset) -> list[str]:
    """Return the names of the modes, in the order of the dimensions."""
    return list(json.loads(ds.attrs.get("modes", "[]")))


def _faults(ds: xr.Dataset) -> list[str]:
    if VALUE not in ds:
        return [f"{VALUE!r} is missing"]
    value, names = ds[VALUE], modes(ds)
    if value.dims != tuple(names):
        return [f"{VALUE!r} has dims {value.dims}, attribute 'modes' names {tuple(names)}"]
    faults = [] if 2 <= len(names) <= 8 else [f"{VALUE!r} has {len(names)} modes, expected 2 to 8"]
    for name in names:
        if name not in ds.coords or ds[name].dtype.kind != "f":
            faults.append(f"mode {name!r} has no coordinate of floating-point numbers")
        elif ds.sizes[name] < 2 or not (np.diff(ds[name].to_numpy()) > 0).all():
            faults.append(f"coordinate {name!r} must rise, at least 2 values")
    missing = int(value.isnull().sum())
    if missing:
        faults.append(f"{VALUE!r} has {missing} missing values")
    return faults


SCHEMA = Schema(
    kind="sampled_function",
    rules=(_faults,),
)


def dataset(
    value: ArrayLike,
    axes: Mapping[str, ArrayLike],
    *,
    units: str = "1",
    long_name: str = "value of the function",
    axis_units: Sequence[str] | None = None,
    filled: ArrayLike | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `sampled_function`.

    Parameters
    ----------
    value
        One dimension a mode, finite.
    axes
        By name of the mode, in the order of the dimensions, its rising coordinates.
    units, long_name
        Of the values.
    axis_units
        One text a mode.
    filled
        Where the value was missing and is a fill, of the shape of ``value``.
    """
    names = list(axes)
    ds = xr.Dataset(attrs={"modes": json.dumps(names)})
    for name, unit in zip(names, axis_units or ["1"] * len(names), strict=True):
        ds.coords[name] = (name, np.asarray(axes[name], float), {"units": unit, "long_name": name})
    ds[VALUE] = (names, np.asarray(value, float), {"units": units, "long_name": long_name})
    if filled is not None:
        ds["filled"] = (names, np.asarray(filled, bool), {"long_name": "the value was missing and is a fill"})
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return a smooth function of three variables on a uniform grid."""
    x, y, z = (np.linspace(-1, 1, n) for n in (24, 20, 22))
    value = np.exp(-(x[:, None, None] ** 2) - y[:, None] * z) + np.sin(2 * y[:, None] + seed)
    return dataset(value, {"x": x, "y": y, "z": z})
