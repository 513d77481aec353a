"""Climatologies: twelve months of no particular year become the cyclic index `month`."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import times

MONTH = "month"
PERIOD = 12.0
_CALENDARS = ("noleap", "365_day", "all_leap", "366_day", "360_day", "julian", "proleptic_gregorian")
_SINCE = re.compile(r"\s*(\w+)\s+since\s+(-?\d+)")


def by_month(ds: xr.Dataset, names: Sequence[str], path: Path) -> xr.Dataset:
    """Return the file with the index `month` in place of a climatological time; other files as they are.

    A time is climatological that has the attribute ``climatology``, or whose dates all lie in the years 0 and 1.

    Raises
    ------
    InputError
        If its dates are not at most one a month.
    """
    for name in names:
        months = _months(ds[name]) if ds[name].dtype.kind in "iuf" else None
        if months is None:
            continue
        if np.unique(months).size < months.size:
            raise InputError(
                f"{path}: time {name!r} is a climatology of {months.size} dates, accepted are at most 12, one a month;"
                f" average them to months, or read them as a plain index by columns: {{time: ''}} and indexes:"
                f" [latitude, longitude, {name}]"
            )
        attributes: dict[str, Any] = {"units": "1", "long_name": "month of the year", "period": PERIOD}
        span = _span(ds, ds[name])
        if span:
            attributes["comment"] = span
        dropped = ds.drop_vars(name)
        return dropped.assign({MONTH: (ds[name].dims, months.astype(np.float64), attributes)})
    return ds


def _months(time: xr.DataArray) -> NDArray[np.int64] | None:
    """Return the months of a climatological time, None where it is none or names no dates."""
    since = _SINCE.match(str(time.attrs.get("units", "")))
    stated = "climatology" in time.attrs
    if since is None or time.size == 0 or not (stated or int(since[2]) in (0, 1)):
        return None
    numbers = time.to_numpy().astype(np.float64).ravel()
    if not np.isfinite(numbers).all():
        return None
    try:
        years, months = _year_and_month(numbers, time)
    except (ValueError, OverflowError):
        return None
    return months if stated or bool(((years == 0) | (years == 1)).all()) else None


def _year_and_month(numbers: NDArray[np.float64], time: xr.DataArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    units = str(time.attrs["units"])
    if times.counts_months(units):
        count = np.floor(numbers).astype(np.int64) + times.first_month(units)
        return count // 12, count % 12 + 1
    calendar = str(time.attrs.get("calendar", "standard")).casefold()
    known = calendar if calendar in _CALENDARS else "standard"  # some write none, or a name of their own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cftime.CFWarning)  # of the year 0, which is the point
        dates = cftime.num2date(numbers, units, known, only_use_cftime_datetimes=True, has_year_zero=True)
    return np.array([d.year for d in dates], np.int64), np.array([d.month for d in dates], np.int64)


def _span(ds: xr.Dataset, time: xr.DataArray) -> str:
    """Return in words which years the climatology covers, where its bounds tell."""
    bounds = str(time.attrs.get("climatology", ""))
    if bounds not in ds.variables:
        return ""
    ends = ds[bounds].to_numpy().astype(np.float64)
    try:
        years, _ = _year_and_month(np.array([np.nanmin(ends), np.nanmax(ends)]), time)
    except (ValueError, OverflowError):
        return ""
    return f"climatology of the years {years[0]} to {years[1]}"
