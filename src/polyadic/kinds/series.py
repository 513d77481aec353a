"""Kind `series`: a field along time, or another index, at named places or averaged over regions, with errors."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core.schema import Schema, Var

_WORDS = {
    "standard_error": "standard error of {}",
    "spread": "standard deviation of a new measurement of {}",
    "measured": "{}, measured at the nearest station",
    "lower": "lower end of the 90 % band of {}",
    "upper": "upper end of the 90 % band of {}",
    "field_lower": "lower end of the 90 % band of the field of {}",
    "field_upper": "upper end of the 90 % band of the field of {}",
    "measurement_lower": "lower end of the 90 % band of a new measurement of {}",
    "measurement_upper": "upper end of the 90 % band of a new measurement of {}",
}


def target(ds: xr.Dataset) -> str:
    """Return the name of the variable."""
    return str(ds.attrs["target"])


def along(ds: xr.Dataset) -> str:
    """Return the dimension that the series run along."""
    return str(ds.attrs["along"])


def _faults(ds: xr.Dataset) -> list[str]:
    if not {"target", "along"} <= set(ds.attrs):
        return ["the attributes 'target' and 'along' name the variable and its dimension; one is missing"]
    name, dims = target(ds), ("place", along(ds))
    faults = []
    for wanted in (name, f"{name}_standard_error"):
        if wanted not in ds:
            faults.append(f"{wanted!r} is missing")
    for wanted in (name, *(f"{name}_{part}" for part in _WORDS)):
        if wanted in ds and ds[wanted].dims != dims:
            faults.append(f"{wanted!r} has dims {ds[wanted].dims}, expected {dims}")
    if along(ds) not in ds.coords:
        faults.append(f"dimension {along(ds)!r} has no coordinate")
    return faults


SCHEMA = Schema(
    kind="series",
    version="1.1",
    coords={"place": Var(("place",), kinds="UO")},
    optional={
        "latitude": Var(("place",), units="degrees_north"),
        "longitude": Var(("place",), units="degrees_east"),
        "time": Var(("time",), kinds="M"),
        "distance": Var(("place",), units="km"),
        "nearest_station": Var(("place",), kinds="UO"),
    },
    rules=(_faults,),
)


def dataset(
    name: str,
    values: Mapping[str, Any],
    axis: tuple[str, Any, Mapping[str, Any]],
    places: Mapping[str, tuple[Any, Mapping[str, Any]]],
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """Return a Dataset of kind `series`.

    Parameters
    ----------
    name
        The variable.
    values
        ``mean`` and ``standard_error``, and any of ``spread`` (standard deviation of a new measurement), ``measured``
        (the nearest station's values), ``lower`` and ``upper`` (ends of a 90 % band of a mean); since version 1.1
        ``field_lower``, ``field_upper``, ``measurement_lower`` and ``measurement_upper``; each (place, axis).
    axis
        Name, values and attributes of the dimension that the series run along.
    places
        Per name values and attributes of what is known of each place; ``place`` holds their names.
    attributes
        Of the variable: ``units``, ``long_name`` and others.
    """
    units, label = str(attributes["units"]), str(attributes["long_name"])
    coords = {n: ("place", np.asarray(v), dict(a)) for n, (v, a) in places.items()}
    ds = xr.Dataset(coords={axis[0]: (axis[0], axis[1], dict(axis[2])), **coords})
    dims = ("place", axis[0])
    others = [f"{name}_{part}" for part in _WORDS if part in values and part != "measured"]
    ds[name] = (dims, values["mean"], {**attributes, "ancillary_variables": " ".join(others)})
    for part, text in _WORDS.items():
        if part in values:
            ds[f"{name}_{part}"] = (dims, values[part], {"long_name": text.format(label), "units": units})
    ds.attrs = {"target": name, "along": axis[0]}
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return two years of months at two places with measurements of the nearest stations."""
    rng = np.random.default_rng(seed)
    time = np.arange("2000-01", "2002-01", dtype="datetime64[M]").astype("datetime64[ns]")
    mean = 15 - 10 * np.cos(2 * np.pi * np.arange(24) / 12) + rng.normal(0, 0.3, (2, 24))
    measured = np.where(rng.random((2, 24)) < 0.8, mean + rng.normal(0, 1, (2, 24)), np.nan)
    values = {
        "mean": mean,
        "standard_error": np.full((2, 24), 0.5),
        "spread": np.full((2, 24), 1.1),
        **{
            f"{what}_{end}": mean + sign * reach
            for what, reach in (("field", 0.8), ("measurement", 1.8))
            for end, sign in (("lower", -1), ("upper", 1))
        },
        "measured": measured,
    }
    places = {
        "place": (["Boulder", "Ouray"], {"long_name": "place", "cf_role": "timeseries_id"}),
        "latitude": ([40.0, 38.0], {"long_name": "latitude", "units": "degrees_north"}),
        "longitude": ([-105.3, -107.7], {"long_name": "longitude", "units": "degrees_east"}),
        "nearest_station": (["S01", "S02"], {"long_name": "nearest station"}),
        "distance": ([1.2, 14.0], {"long_name": "distance to the nearest station", "units": "km"}),
    }
    attributes = {"units": "degC", "long_name": "monthly mean temperature"}
    ds = dataset("temperature", values, ("time", time, {"long_name": "time"}), places, attributes)
    ds.attrs["covariates"] = json.dumps([])
    return ds
