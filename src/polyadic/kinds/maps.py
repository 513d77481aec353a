"""Kind `maps`: a field with its standard error on a regular grid of its indexes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core.schema import Schema, Var

GROUND = ("latitude", "longitude")
CRS = {
    "grid_mapping_name": "latitude_longitude",
    "long_name": "coordinate reference system: WGS 84",
    "semi_major_axis": 6378137.0,
    "inverse_flattening": 298.257223563,
    "units": "1",
}
"""Attributes of the grid mapping variable."""

_CELLS = {"latitude": "Y", "longitude": "X", "time": "T"}


def target(ds: xr.Dataset) -> str:
    """Return the name of the mapped variable."""
    return str(ds.attrs["target"])


def axes(ds: xr.Dataset) -> tuple[str, ...]:
    """Return the dimensions of the map, the slowest first."""
    return tuple(json.loads(ds.attrs.get("axes", "[]")))


def standard_error(ds: xr.Dataset) -> xr.DataArray:
    """Return the standard error of the mapped variable."""
    return ds[f"{target(ds)}_standard_error"]


def _faults(ds: xr.Dataset) -> list[str]:
    name = str(ds.attrs.get("target", ""))
    if not name or not axes(ds):
        return ["the attributes 'target' and 'axes' name the variable and its dimensions; one is missing"]
    faults = [f"axis {axis!r} has no coordinate" for axis in axes(ds) if axis not in ds.coords]
    for wanted in (name, f"{name}_standard_error"):
        if wanted not in ds:
            faults.append(f"{wanted!r} is missing")
        elif ds[wanted].dims != axes(ds):
            faults.append(f"{wanted!r} has dims {ds[wanted].dims}, expected {axes(ds)}")
    if not faults and ds[name].attrs.get("ancillary_variables") != f"{name}_standard_error":
        faults.append(f"{name!r} does not name its standard error in 'ancillary_variables'")
    return faults


SCHEMA = Schema(
    kind="maps",
    optional={
        "latitude": Var(("latitude",), units="degrees_north"),
        "longitude": Var(("longitude",), units="degrees_east"),
        "time": Var(("time",), kinds="M"),
        "station_latitude": Var(("site",), units="degrees_north"),
        "station_longitude": Var(("site",), units="degrees_east"),
    },
    rules=(_faults,),
)


def dataset(
    name: str,
    mean: Any,
    error: Any,
    coordinates: Mapping[str, tuple[Any, Mapping[str, Any]]],
    attributes: Mapping[str, Any],
    sites: Any = None,
) -> xr.Dataset:
    """Return a Dataset of kind `maps`.

    Parameters
    ----------
    name
        The mapped variable.
    mean, error
        NumPy or Dask arrays over the axes, in the unit of the variable.
    coordinates
        Per axis, the slowest first, its values and attributes.
    attributes
        Of the variable: ``units``, ``long_name`` and, where known, ``standard_name`` and ``cell_methods``.
    sites
        Latitudes and longitudes of the measured places, to be marked.
    """
    dims = tuple(coordinates)
    coords = {axis: (axis, values, _axis(axis, given)) for axis, (values, given) in coordinates.items()}
    ds = xr.Dataset(coords=coords)
    ground = set(GROUND) <= set(dims)
    shared = {"grid_mapping": "crs"} if ground else {}
    ds[name] = (dims, mean, {**attributes, "ancillary_variables": f"{name}_standard_error", **shared})
    errors = {"long_name": f"standard error of {attributes['long_name']}", "units": attributes["units"], **shared}
    if "standard_name" in attributes:
        errors["standard_name"] = f"{attributes['standard_name']} standard_error"
    ds[f"{name}_standard_error"] = (dims, error, errors)
    if ground:
        ds["crs"] = ((), np.int32(0), CRS)
    if sites is not None:
        for axis, values in zip(GROUND, sites, strict=True):
            units = {"latitude": "degrees_north", "longitude": "degrees_east"}[axis]
            ds[f"station_{axis}"] = ("site", np.asarray(values), {"long_name": f"{axis} of a site", "units": units})
    ds.attrs = {"target": name, "axes": json.dumps(dims)}
    return ds


def _axis(axis: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {**given, **({"axis": _CELLS[axis]} if axis in _CELLS else {})}


def example(seed: int = 0) -> xr.Dataset:
    """Return two months of a temperature on a grid of 8 x 12 cells, one cell missing, with five sites."""
    rng = np.random.default_rng(seed)
    latitude, longitude = np.linspace(37, 41, 8), np.linspace(-109, -102, 12)
    mean = 15 - 2 * (latitude[:, None] - 39) + np.sin(longitude) + rng.normal(0, 0.5, (2, 8, 12))
    mean[:, 0, 0] = np.nan
    coordinates = {
        "time": (np.array(["2000-01", "2000-07"], "datetime64[ns]"), {"standard_name": "time", "long_name": "time"}),
        "latitude": (latitude, {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}),
        "longitude": (longitude, {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}),
    }
    sites = rng.uniform(37, 41, 5), rng.uniform(-109, -102, 5)
    attributes = {"units": "degC", "long_name": "monthly mean temperature", "standard_name": "air_temperature"}
    return dataset("temperature", mean, np.where(np.isnan(mean), np.nan, 0.5), coordinates, attributes, sites)
