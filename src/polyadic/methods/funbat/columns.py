"""Columns of a table of numbers from observations: which index belongs to which mode, in which unit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError, nearest
from polyadic.kinds import observations as kind

Array = NDArray[np.float64]
EPOCH = np.datetime64("1970-01-01T00:00:00", "ns")
PLACE: tuple[str, str] = ("latitude", "longitude")
PERIODS = (365.25, 1.0)
"""Seasons that times are tried for, in days."""
HARMONICS = 3


@dataclass(frozen=True)
class Columns:
    """Which columns there are, and the modes they make up.

    Attributes
    ----------
    names
        Coordinates in the order of the columns: the indexes, then the covariates.
    modes
        Name of each mode and the positions of its columns.
    covariates
        Positions of the covariates.
    kernels
        Kernel of each mode.
    """

    names: tuple[str, ...]
    modes: Mapping[str, tuple[int, ...]]
    covariates: tuple[int, ...]
    kernels: tuple[str, ...]

    def to_json(self) -> str:
        """Return the columns as text for an attribute."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Columns":
        """Return the columns that `to_json` wrote."""
        raw = json.loads(text)
        return cls(
            tuple(raw["names"]),
            {name: tuple(columns) for name, columns in raw["modes"].items()},
            tuple(raw["covariates"]),
            tuple(raw["kernels"]),
        )

    def matrix(self, ds: xr.Dataset) -> Array:
        """Return the columns of some rows, shape (rows, columns); times in days since 1970.

        Raises
        ------
        InputError
            If a coordinate is missing or has missing values.
        """
        columns = []
        for name in self.names:
            if name not in ds.coords:
                raise InputError(f"the rows have no coordinate {name!r}; {nearest(name, map(str, ds.coords))}")
            column = numbers(ds[name])
            if not np.isfinite(column).all():
                count = int((~np.isfinite(column)).sum())
                raise InputError(f"coordinate {name!r} is missing in {count} of {column.size} rows; drop or fill them")
            columns.append(column)
        return np.stack(columns, axis=1)


def numbers(array: xr.DataArray) -> Array:
    """Return a coordinate as float64; times in days since 1970."""
    values = array.to_numpy()
    if values.dtype.kind == "M":
        return np.asarray((values.astype("datetime64[ns]") - EPOCH) / np.timedelta64(1, "D"), np.float64)
    return values.astype(np.float64)


def times(days: Array) -> NDArray[np.datetime64]:
    """Return days since 1970 as datetime64, to the second."""
    return (EPOCH + np.round(days * 86400).astype("timedelta64[s]")).astype("datetime64[ns]")


def columns_of(
    ds: xr.Dataset,
    modes: Mapping[str, Sequence[str]],
    kernels: Mapping[str, str],
    covariates: Sequence[str] | None = None,
) -> Columns:
    """Return the columns of observations and the modes they make up.

    Parameters
    ----------
    ds
        Of kind `observations`.
    modes
        Indexes by mode; empty: latitude and longitude make one mode `place`, every other index its own.
    kernels
        Kernel by mode where it is not the default: a Matern of the distance on the sphere for a place, elsewhere one
        of the coordinate, its smoothness chosen by evidence; for time with the seasons that the rows can show; a
        periodic one for an index that states a ``period``, such as the months of a climatology.
    covariates
        Covariates that are used; None: all that are never missing.
    """
    indexes = kind.indexes(ds)
    if covariates is None:
        chosen = [n for n in kind.covariates(ds) if np.isfinite(numbers(ds[n])).all()]
    else:
        chosen = list(covariates)
    _check_names("covariates", chosen, kind.covariates(ds))
    named = {name: list(parts) for name, parts in modes.items()} or _default_modes(indexes)
    _check_names("modes", [part for parts in named.values() for part in parts], indexes)
    missing = [index for index in indexes if index not in [p for parts in named.values() for p in parts]]
    if missing:
        raise InputError(f"setting 'modes' leaves out the index {missing[0]!r}; put every index into one mode")
    _check_names("kernels", list(kernels), list(named))
    names = (*indexes, *chosen)
    return Columns(
        names,
        {mode: tuple(names.index(part) for part in parts) for mode, parts in named.items()},
        tuple(range(len(indexes), len(names))),
        tuple(kernels.get(mode, _default_kernel(ds, parts)) for mode, parts in named.items()),
    )


def _default_modes(indexes: Sequence[str]) -> dict[str, list[str]]:
    if not set(PLACE) <= set(indexes):
        return {name: [name] for name in indexes}
    return {"place": list(PLACE), **{name: [name] for name in indexes if name not in PLACE}}


def _default_kernel(ds: xr.Dataset, parts: Sequence[str]) -> str:
    if tuple(parts) == PLACE:
        return "sphere auto"
    if len(parts) > 1:
        return "plane auto"
    period = ds[parts[0]].attrs.get("period", 0)
    if isinstance(period, int | float | np.number) and period > 0:
        return f"periodic({float(period):g})"
    return "auto" + (_seasons(numbers(ds[parts[0]])) if ds[parts[0]].dtype.kind == "M" else "")


def _seasons(days: Array) -> str:
    """Return the seasons of times that cover two of their periods and tell eight parts of each apart.

    Those that carry nothing lose their amplitude in the fit.
    """
    distinct = np.unique(days)
    gap, extent = float(np.median(np.diff(distinct))) if distinct.size > 1 else np.inf, float(np.ptp(distinct))
    terms = [f"+harmonics({period:g},{HARMONICS})" for period in PERIODS if 8 * gap <= period <= extent / 2]
    return "".join(terms)


def _check_names(setting: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise InputError(f"setting {setting!r} names {name!r}, which is not there; {nearest(name, known)}")
