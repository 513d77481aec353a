"""The columns that baselines work on: plain arrays taken from two Datasets of kind `observations`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation.observation_baselines.prediction import Floats

Integers = NDArray[np.int64]
EARTH_RADIUS = 6371.0
INDEXES = ("latitude", "longitude", "time")
STAMPS = ("time", "day")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of observations as arrays; a column that the data lack is None.

    Parameters
    ----------
    value
        Measured values (rows,); NaN in a table of test rows, whose values no baseline may see.
    features
        Continuous indexes, then covariates (rows, features); a datetime as days since 1970.
    names
        Names of the columns of ``features``.
    stamp
        Number of the time stamp (rows,), ascending in time, shared by train and test.
    day
        Time (rows,), in days.
    month
        Calendar month 0-11 (rows,), of datetimes only.
    site
        Number of the station (rows,), or of the distinct place where stations have no names.
    place
        Points on the sphere (rows, 3), km, so that distances are chords.
    degrees
        Latitude and longitude (rows, 2).
    elevation
        Height above the sea (rows,), m.
    """

    value: Floats
    features: Floats
    names: tuple[str, ...]
    stamp: Integers | None = None
    day: Floats | None = None
    month: Integers | None = None
    site: Integers | None = None
    place: Floats | None = None
    degrees: Floats | None = None
    elevation: Floats | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.value)

    def take(self, rows: NDArray[Any]) -> Table:
        """Return the table of some rows, given as positions or as a mask."""
        columns = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "names"}
        return replace(self, **{name: column[rows] for name, column in columns.items() if column is not None})


class Pair(NamedTuple):
    """Train and test tables in canonical row order, and the place of every test row in the caller's order."""

    train: Table
    test: Table
    order: Integers

    def restore(self, column: Floats) -> Floats:
        """Return a column of the test table in the caller's order of test rows."""
        result = np.empty_like(column)
        result[self.order] = column
        return result


def index_names(ds: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the continuous indexes: the attribute `indexes`, else latitude, longitude, time if there."""
    if "indexes" in ds.attrs:
        return tuple(json.loads(ds.attrs["indexes"]))
    return tuple(name for name in INDEXES if name in ds.variables)


def covariate_names(ds: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the covariates: the attribute `covariates`, else elevation if there."""
    if "covariates" in ds.attrs:
        return tuple(json.loads(ds.attrs["covariates"]))
    return ("elevation",) if "elevation" in ds.variables and "elevation" not in index_names(ds) else ()


def stamp_name(ds: xr.Dataset) -> str | None:
    """Return the coordinate whose equal values are one time stamp: `time`, else an index `day`, else None."""
    return next((name for name in STAMPS if name in ds.variables), None)


def has_calendar(ds: xr.Dataset) -> bool:
    """Return whether `time` is a datetime, so that calendar months exist."""
    return "time" in ds.variables and np.issubdtype(ds["time"].dtype, np.datetime64)


def has_place(ds: xr.Dataset) -> bool:
    """Return whether rows have a latitude and a longitude."""
    return "latitude" in ds.variables and "longitude" in ds.variables


def tables(train: xr.Dataset, test: xr.Dataset, variable: str) -> Pair:
    """Return the train and test tables of two Datasets, rows sorted so that their order in the file has no effect.

    Train rows whose value is missing are dropped. Values of test rows are not read.

    Parameters
    ----------
    train, test
        Datasets of kind `observations` over the dimension ``obs``.
    variable
        The measured variable, needed in ``train`` only.

    Raises
    ------
    ValueError
        If ``train`` lacks the variable, has no value, or holds rows flagged as validation or test; if an index of
        either is missing somewhere or absent.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("obs", [2.0, 1.0])}, {"day": ("obs", [1.0, 0.0])}, {"indexes": '["day"]'})
    >>> tables(ds, ds, "t").train.value
    array([1., 2.])
    """
    _check(train, variable)
    known = np.isfinite(np.asarray(train[variable].values, dtype=float))
    if not known.any():
        raise ValueError(f"train: {variable!r} has no value in {known.size} rows; at least one is needed")
    train = train.isel(obs=np.flatnonzero(known))
    value = np.asarray(train[variable].values, dtype=float)
    names = (*index_names(train), *covariate_names(train))
    features = [
        _features(part, names, len(index_names(train)), label) for part, label in ((train, "train"), (test, "test"))
    ]
    columns = {
        name: _shared(train, test, column)
        for name, column in (("stamp", _stamp), ("day", _day), ("month", _month), ("site", _site))
    }
    columns |= {name: _shared(train, test, column) for name, column in (("place", _place), ("degrees", _degrees))}
    columns["elevation"] = _shared(train, test, _elevation)
    for name in ("stamp", "site"):
        columns[name] = _codes(*columns[name])
    first = Table(value, features[0], names, **{name: pair[0] for name, pair in columns.items()})
    second = Table(
        np.full(len(features[1]), np.nan), features[1], names, **{name: pair[1] for name, pair in columns.items()}
    )
    order = _canonical(second)
    return Pair(first.take(_canonical(first)), second.take(order), order)


def _check(train: xr.Dataset, variable: str) -> None:
    if variable not in train.data_vars:
        raise ValueError(f"variable: {variable!r} is not in train; it has {sorted(map(str, train.data_vars))}")
    if "split" in train.variables and (train["split"].values != 0).any():
        count = int((train["split"].values != 0).sum())
        raise ValueError(f"train: {count} rows are flagged validation or test in `split`; only rows with 0 are allowed")
    if not index_names(train):
        raise ValueError("train: no continuous index; name them in the attribute `indexes` (a JSON list)")


def _features(ds: xr.Dataset, names: tuple[str, ...], indexes: int, label: str) -> Floats:
    absent = [name for name in names if name not in ds.variables]
    if absent:
        raise ValueError(f"{label}: lacks {absent}; every index and covariate of train is needed: {list(names)}")
    columns = [_number(ds[name].values) for name in names]
    for name, column in zip(names[:indexes], columns, strict=False):
        if not np.isfinite(column).all():
            count = int((~np.isfinite(column)).sum())
            raise ValueError(f"{label}: index {name!r} is missing in {count} rows; every row needs a finite value")
    return np.stack(columns, axis=1)


def _number(column: NDArray[Any]) -> Floats:
    if not np.issubdtype(column.dtype, np.datetime64):
        return np.asarray(column, dtype=float)
    days = (column - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
    return np.asarray(np.where(np.isnat(column), np.nan, days), dtype=float)


def _shared(
    train: xr.Dataset, test: xr.Dataset, column: Callable[[xr.Dataset], NDArray[Any] | None]
) -> tuple[Any, Any]:
    pair = column(train), column(test)
    return (None, None) if pair[0] is None or pair[1] is None else pair


def _codes(first: NDArray[Any] | None, second: NDArray[Any] | None) -> tuple[Integers | None, Integers | None]:
    if first is None or second is None:
        return None, None
    codes = np.unique(np.concatenate([first, second]), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return codes[: len(first)], codes[len(first) :]


def _stamp(ds: xr.Dataset) -> Floats | None:
    return _day(ds)


def _day(ds: xr.Dataset) -> Floats | None:
    name = stamp_name(ds)
    return None if name is None else _number(ds[name].values)


def _month(ds: xr.Dataset) -> Integers | None:
    return ds["time"].values.astype("datetime64[M]").astype(np.int64) % 12 if has_calendar(ds) else None


def _site(ds: xr.Dataset) -> NDArray[Any] | None:
    if "station_index" not in ds.variables:
        return _degrees(ds)
    index = ds["station_index"].values
    return np.asarray(ds["station"].values[index] if "station" in ds.variables else index)


def _degrees(ds: xr.Dataset) -> Floats | None:
    return np.stack([_number(ds[name].values) for name in ("latitude", "longitude")], axis=1) if has_place(ds) else None


def _place(ds: xr.Dataset) -> Floats | None:
    degrees = _degrees(ds)
    if degrees is None:
        return None
    latitude, longitude = np.radians(degrees).T
    return EARTH_RADIUS * np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _elevation(ds: xr.Dataset) -> Floats | None:
    return _number(ds["elevation"].values) if "elevation" in ds.variables else None


def _canonical(table: Table) -> Integers:
    keys = [table.value, *table.features.T]
    keys += [column for column in (table.site, table.stamp) if column is not None]
    return np.lexsort(keys).astype(np.int64)
