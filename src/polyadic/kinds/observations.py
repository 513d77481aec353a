"""Kind `observations`: measured values at scattered places, times or other continuous indexes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

SPLITS = ("train", "validation", "test")
"""Meanings of the flag ``split(obs)``: 0, 1, 2."""

KNOWN: dict[str, dict[str, Any]] = {
    "latitude": {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"},
    "longitude": {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"},
    "time": {"standard_name": "time", "long_name": "time"},
    "elevation": {"standard_name": "surface_altitude", "long_name": "elevation above sea level", "units": "m"},
    "station_index": {"long_name": "station of the observation", "units": "1", "instance_dimension": "station"},
    "station": {"long_name": "station name", "cf_role": "timeseries_id"},
    "split": {
        "long_name": "use of the observation",
        "flag_values": np.array([0, 1, 2], np.int8),
        "flag_meanings": " ".join(SPLITS),
    },
}
"""Attributes of the coordinates that have a fixed meaning."""


def indexes(ds: xr.Dataset) -> list[str]:
    """Return the names of the continuous indexes, in the order of the tensor's modes."""
    return list(json.loads(ds.attrs.get("indexes", "[]")))


def covariates(ds: xr.Dataset) -> list[str]:
    """Return the names of the covariates."""
    return list(json.loads(ds.attrs.get("covariates", "[]")))


def values(ds: xr.Dataset) -> list[str]:
    """Return the names of the measured variables."""
    return [str(name) for name, variable in ds.data_vars.items() if variable.dims == ("obs",)]


def where_split(ds: xr.Dataset, *names: str) -> xr.Dataset:
    """Return the rows whose ``split`` is one of ``names`` (train, validation, test)."""
    wanted = [SPLITS.index(name) for name in names]
    return ds.isel(obs=np.flatnonzero(np.isin(ds["split"].to_numpy(), wanted)))


def _faults(ds: xr.Dataset) -> list[str]:
    faults = []
    named = [*indexes(ds), *covariates(ds)]
    if not indexes(ds):
        faults.append("attribute 'indexes' names no continuous index")
    faults += [f"index or covariate {n!r} is no coordinate along obs" for n in named if n not in ds.coords]
    if not values(ds):
        faults.append("there is no measured variable along obs")
    for name in indexes(ds):
        if name in ds.coords and ds[name].dtype.kind == "f" and not np.isfinite(ds[name].to_numpy()).all():
            faults.append(f"index {name!r} has missing values")
    for name, low, high in (("latitude", -90, 90), ("longitude", -180, 180)):
        if name in ds.coords and ds.sizes.get("obs", 0):
            smallest, largest = float(ds[name].min()), float(ds[name].max())
            if smallest < low or largest > high:
                faults.append(f"{name!r} spans [{smallest:g}, {largest:g}], accepted is [{low}, {high}]")
    return faults


SCHEMA = Schema(
    kind="observations",
    optional={
        "latitude": Var(("obs",), units="degrees_north"),
        "longitude": Var(("obs",), units="degrees_east"),
        "time": Var(("obs",), kinds="M"),
        "station_index": Var(("obs",), kinds="i"),
        "station": Var(("station",), kinds="UO"),
        "split": Var(("obs",), kinds="i"),
    },
    rules=(_faults,),
)


def dataset(
    values: Mapping[str, tuple[ArrayLike, Mapping[str, Any]]],
    coordinates: Mapping[str, tuple[ArrayLike, Mapping[str, Any]]],
    *,
    covariates: Sequence[str] = (),
    station: tuple[ArrayLike, ArrayLike] | None = None,
    split: ArrayLike | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `observations`.

    Parameters
    ----------
    values, coordinates
        Per name the array of shape ``(obs,)`` and its attributes; those of latitude, longitude,
        time and elevation are known and may be empty. Coordinates that are not ``covariates``
        are the continuous indexes, in their order.
    covariates
        Names of the coordinates that explain the value but are no tensor mode (elevation).
    station
        Index of each observation into the stations, and the stations' names.
    split
        0 train, 1 validation, 2 test.
    """
    coords: dict[str, Any] = {n: ("obs", np.asarray(v), {**KNOWN.get(n, {}), **a}) for n, (v, a) in coordinates.items()}
    if station is not None:
        coords["station_index"] = ("obs", np.asarray(station[0], np.int32), KNOWN["station_index"])
        coords["station"] = ("station", np.asarray(station[1], str), KNOWN["station"])
    if split is not None:
        coords["split"] = ("obs", np.asarray(split, np.int8), KNOWN["split"])
    ds = xr.Dataset({n: ("obs", np.asarray(v), dict(a)) for n, (v, a) in values.items()}, coords)
    ds.attrs["indexes"] = json.dumps([name for name in coordinates if name not in covariates])
    ds.attrs["covariates"] = json.dumps(list(covariates))
    if station is not None:
        ds.attrs["featureType"] = "timeSeries"
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return 12 stations x 24 months of a temperature with a season, a lapse rate and noise, split by 70/10/20 %."""
    rng = np.random.default_rng(seed)
    stations, months = 12, 24
    latitude, longitude = rng.uniform(37, 41, stations), rng.uniform(-109, -102, stations)
    elevation = rng.uniform(1000, 3500, stations)
    time = np.arange("2000-01", "2002-01", dtype="datetime64[M]").astype("datetime64[ns]")
    s, t = (index.ravel() for index in np.meshgrid(np.arange(stations), np.arange(months), indexing="ij"))
    season: NDArray[np.float64] = -12 * np.cos(2 * np.pi * t / 12)
    value = 18 + season - 0.006 * (elevation[s] - 2000) + rng.normal(0, 1, s.size)
    return dataset(
        {"temperature": (value, {"units": "degC", "long_name": "monthly mean temperature"})},
        {
            "latitude": (latitude[s], {}),
            "longitude": (longitude[s], {}),
            "time": (time[t], {}),
            "elevation": (elevation[s], {}),
        },
        covariates=["elevation"],
        station=(s, [f"S{i:02d}" for i in range(stations)]),
        split=rng.choice(3, s.size, p=[0.7, 0.1, 0.2]),
    )
