"""Times as files write them, turned into UTC instants or local days, as datetime64[ns].

Rules
-----
- A time that states its zone is converted to UTC; one that states none is in the ``time_zone`` of the settings.
- A date without a clock is a day, not an instant: it is never shifted. With ``local_day`` only the calendar day
  as written is kept of any time, whatever its zone.
- Local times that a clock change skips or repeats name no single instant: they become NaT.
- Calendars: dates of ``noleap``, ``all_leap`` and the Gregorian calendars are kept as they are (29 February of a year
  that has none becomes NaT); ``julian`` keeps the instant; ``360_day`` keeps the fraction of the year.
- Months since a date are calendar months; a fraction is that of its month.
- What lies outside the years 1678 to 2261 becomes NaT.
"""

import datetime
import re
import zoneinfo
from collections.abc import Sequence
from typing import Any

import cftime
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

Times = NDArray[np.datetime64]
Texts = NDArray[np.object_]

_NS = "datetime64[ns]"
_ZONED = re.compile(r"(?<=\d)\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[+-]\d{2})$", re.IGNORECASE)
_CLOCK = re.compile(r"\d[T ]\s*\d{1,2}:?\d{2}|\d[T ]\d{2}$|%[HIcT]")
_MONTHS = re.compile(r"\s*months?\s+since\s+(-?\d+)-(\d+)(-0?1\b.*)?$", re.IGNORECASE)
_DAY_FIRST, _MONTH_FIRST = "day", "month"
_PATTERNS = {
    "iso": re.compile(r"\d{4}[-/]\d{1,2}([-/]\d{1,2}([T ].*)?)?$"),
    "%Y%m%d": re.compile(r"(1[5-9]|2\d)\d{2}(0\d|1[0-2])[0-3]\d$"),
    "%Y%m": re.compile(r"(1[5-9]|2\d)\d{2}(0\d|1[0-2])$"),
    "%Y": re.compile(r"(1[5-9]|2\d)\d{2}$"),
    "parts": re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{4}([T ].*)?$"),
}


def zone(name: str) -> datetime.tzinfo:
    """Return the zone of a name (Asia/Shanghai) or of an offset (+08:00).

    Raises
    ------
    ValueError
        If there is no such zone.
    """
    offset = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", name)
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return datetime.timezone(datetime.timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    if name == "UTC":
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"setting 'time_zone' must be a zone such as Asia/Shanghai or an offset such as +08:00, found {name!r}"
        ) from None


class Reader:
    """Turns the texts of one file into times; the order of day and month, once learned, holds for the whole file."""

    def __init__(self, time_format: str, time_zone: str, local_day: bool) -> None:
        self.format = time_format
        self.zone = zone(time_zone)
        self.local_day = local_day
        self.order = ""

    def __call__(self, texts: Texts) -> Times:
        """Return the times of the texts, NaT where a text is blank or no date.

        Raises
        ------
        ValueError
            If none of the texts is recognised, or day and month cannot be told apart; the message names the remedy.
        """
        codes, distinct = pd.factorize(pd.Series(texts, dtype=object))
        stripped = [str(text).strip() for text in distinct]
        found = self._numbers(stripped) if self._counts() else self._texts(stripped)
        return found[codes]

    def placed(self, found: Times, *, zoned: bool) -> Times:
        """Return instants without a zone as UTC, or their days alone; midnights alone are days and stay."""
        days = found.astype("datetime64[D]").astype(_NS)
        if self.local_day:
            return days
        midnights = bool((days == found)[~np.isnat(found)].all())
        return found if midnights or zoned else localise(found, self.zone)

    def _counts(self) -> bool:
        return self.format == "unix" or " since " in self.format

    def _numbers(self, texts: Sequence[str]) -> Times:
        numbers = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(np.float64)
        units = "seconds since 1970-01-01" if self.format == "unix" else self.format
        found = decode(numbers, units, "standard")
        found = found if self.format == "unix" else localise(found, self.zone)
        return found.astype("datetime64[D]").astype(_NS) if self.local_day else found

    def _texts(self, texts: Sequence[str]) -> Times:
        found = np.full(len(texts), "NaT", _NS)
        zoned = np.array([bool(_CLOCK.search(text)) and bool(_ZONED.search(text)) for text in texts], bool)
        dated = np.array([not _CLOCK.search(text) for text in texts], bool)
        if self.format:
            zoned[:], dated[:] = "%z" in self.format, not re.search("%[HIcTs]", self.format)
        bare = np.array([_ZONED.sub("", t) if z else t for t, z in zip(texts, zoned, strict=True)], object)
        wall = self._wall(bare)
        if self.local_day:
            return wall.astype("datetime64[D]").astype(_NS)
        found[dated] = wall[dated]
        naive = ~dated & ~zoned
        found[naive] = localise(wall[naive], self.zone)
        offsets = [_offset(text) for text, z in zip(texts, zoned, strict=True) if z]
        found[zoned] = wall[zoned] - np.array(offsets, "timedelta64[m]")
        return found

    def _wall(self, texts: Texts) -> Times:
        """Return the times as the clock on the wall showed them."""
        if self.format:
            return _with_format(texts, self.format.replace("%z", "").strip())
        shapes = {name: np.array([bool(p.match(t)) for t in texts], bool) for name, p in _PATTERNS.items()}
        filled = np.array([bool(t) for t in texts], bool)
        if filled.any() and not (np.logical_or.reduce(list(shapes.values())) & filled).any():
            example = texts[int(np.argmax(filled))]
            raise ValueError(
                f"{example!r} is no time that is recognised; set 'time_format', for instance '%d.%m.%y %H:%M'"
            )
        wall = np.full(texts.size, "NaT", _NS)
        for name, rows in shapes.items():
            if rows.any():
                wall[rows] = self._shape(texts[rows], name)
        return wall

    def _shape(self, texts: Texts, shape: str) -> Times:
        if shape == "iso":
            return _with_format(np.array([_iso(t) for t in texts], object), "ISO8601")
        if shape == "parts":
            return self._parts(texts)
        return _with_format(texts, shape)

    def _parts(self, texts: Texts) -> Times:
        """Return the times of 13/02/2020 or 02/13/2020: the order in which no text fails decides."""
        pieces = [re.split(r"[-/.T ]", text, maxsplit=3) for text in texts]
        first, second = (np.array([int(piece[k]) for piece in pieces]) for k in (0, 1))
        if not self.order:
            day, month = bool((first > 12).any()), bool((second > 12).any())
            if not day and not month and (first != second).any():
                raise ValueError(
                    f"{texts[0]!r} may be day or month first; set 'time_format' to '%d/%m/%Y' or '%m/%d/%Y', as written"
                )
            self.order = _MONTH_FIRST if month and not day else _DAY_FIRST
        year = [piece[2] for piece in pieces]
        days, months = (first, second) if self.order == _DAY_FIRST else (second, first)
        iso = [
            f"{y}-{m:02d}-{d:02d}{'T' + _clock(p[3]) if len(p) > 3 else ''}"
            for y, m, d, p in zip(year, months, days, pieces, strict=True)
        ]
        return _with_format(np.array(iso, object), "ISO8601")


def _with_format(texts: Texts, time_format: str) -> Times:
    return bounded(pd.to_datetime(pd.Series(texts, dtype=object), format=time_format, errors="coerce"))


def _iso(text: str) -> str:
    date, mark, clock = text.replace("/", "-").replace("T", " ").partition(" ")
    parts = [part.zfill(2) for part in date.split("-")]
    return "-".join(parts) + ("T" + _clock(clock) if mark else "")


def _clock(text: str) -> str:
    """Return 7:05 as 07:05."""
    text = text.strip()
    return f"0{text}" if re.match(r"\d:", text) else text


def _offset(text: str) -> int:
    """Return the minutes that a text's zone is ahead of UTC."""
    match = _ZONED.search(text)
    mark = match[1] if match else "Z"
    if mark[0] not in "+-":
        return 0
    digits = mark[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return minutes if mark[0] == "+" else -minutes


def bounded(times: Any) -> Times:
    """Return a pandas column of times as datetime64[ns], NaT outside the years 1678 to 2261."""
    wide = times.to_numpy().astype("datetime64[s]")
    inside = (wide >= np.datetime64("1678-01-01")) & (wide < np.datetime64("2262-01-01"))
    return np.where(inside, times.to_numpy(), np.datetime64("NaT")).astype(_NS)


def localise(wall: Times, where: datetime.tzinfo) -> Times:
    """Return the UTC instants of times on the wall of a zone; NaT where a clock change makes them unclear."""
    if where is datetime.UTC or wall.size == 0:
        return wall
    local = pd.DatetimeIndex(wall).tz_localize(where, ambiguous="NaT", nonexistent="NaT")
    return local.tz_convert("UTC").tz_localize(None).to_numpy().astype(_NS)


def from_parts(parts: Sequence[NDArray[np.float64]]) -> Texts:
    """Return year, month[, day[, hour[, minute]]] as ISO texts, blank where a part is missing or no whole number."""
    table = np.stack(parts)
    whole = np.isfinite(table).all(axis=0) & (np.mod(table, 1) == 0).all(axis=0)
    marks = ["{:04d}", "-{:02d}", "-{:02d}", "T{:02d}", ":{:02d}", ":{:02d}"][: len(parts)]
    text = "".join(marks) + (":00" if len(parts) == 4 else "")
    distinct, codes = np.unique(np.where(whole, table, 0).astype(np.int64), axis=1, return_inverse=True)
    texts = np.array([text.format(*column) for column in distinct.T], object)[codes.ravel()]
    texts[~whole] = ""
    return texts


def counts_months(units: str) -> bool:
    """Return whether a time counts months, of which CF says no length: they are taken as calendar months."""
    return bool(_MONTHS.match(units))


def first_month(units: str) -> int:
    """Return the month that "months since 1955-01-01" counts from, as months since January of the year 0."""
    found = _MONTHS.match(units)
    if found is None:
        raise ValueError(f"units {units!r} count no months, accepted are such as 'months since 1955-01-01'")
    return int(found[1]) * 12 + int(found[2]) - 1


def _from_months(numbers: NDArray[np.float64], units: str) -> Times:
    """Return the instants at these calendar months; a fraction is that of its month."""
    count = np.floor(numbers).astype(np.int64) + first_month(units) - 1970 * 12
    low, high = (c.astype("datetime64[M]").astype("datetime64[s]").astype(np.float64) for c in (count, count + 1))
    return _instants(low + (numbers - np.floor(numbers)) * (high - low))


def decode(numbers: NDArray[np.float64], units: str, calendar: str) -> Times:
    """Return CF times ("days since 1900-01-01", any CF calendar) as datetime64[ns], NaT where missing.

    Raises
    ------
    ValueError
        If the units or the calendar cannot be decoded.
    """
    found = np.full(numbers.shape, "NaT", _NS)
    rows = np.isfinite(numbers)
    if not rows.any():
        return found
    if counts_months(units):
        found[rows] = _from_months(numbers[rows], units)
        return found
    coder = xr.coders.CFDatetimeCoder(time_unit="ns")
    encoded = xr.Dataset({"t": ("t", numbers[rows], {"units": units, "calendar": calendar})})
    decoded = xr.decode_cf(encoded, decode_times=coder)["t"].to_numpy()
    found[rows] = decoded.astype(_NS) if decoded.dtype.kind == "M" else from_calendar(decoded, calendar)
    return found


def from_calendar(dates: NDArray[np.object_], calendar: str) -> Times:
    """Return cftime dates as datetime64[ns] by the rules of this module."""
    if calendar == "julian":
        return _instants(np.asarray(cftime.date2num(dates, "seconds since 1969-12-19", calendar="julian"), np.float64))
    if calendar == "360_day":
        return _instants(np.array([_fraction_of_year(date) for date in dates], np.float64))
    texts = [f"{d.year:04d}-{d.month:02d}-{d.day:02d}T{d.hour:02d}:{d.minute:02d}:{d.second:02d}" for d in dates]
    return _with_format(np.array(texts, object), "ISO8601")


def _fraction_of_year(date: Any) -> float:
    """Return the second since 1970 at the same fraction of the Gregorian year as a date of a 360-day year."""
    days = (date.month - 1) * 30 + (date.day - 1) + (date.hour * 3600 + date.minute * 60 + date.second) / 86400
    start = np.datetime64(f"{date.year:04d}-01-01", "s").astype(np.int64)
    end = np.datetime64(f"{date.year + 1:04d}-01-01", "s").astype(np.int64)
    return float(start + np.round(days / 360 * (end - start)))


def _instants(seconds: NDArray[np.float64]) -> Times:
    return bounded(pd.Series(np.round(seconds).astype(np.int64).astype("datetime64[s]")))
