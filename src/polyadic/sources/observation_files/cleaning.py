"""Which values are kept: missing, sentinel, out of range, unusable coordinates and duplicates, each counted."""

import json
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.sources.observation_files.settings import ObservationsConfig

Array = NDArray[Any]
Floats = NDArray[np.float64]

MISSING, SENTINEL, RANGE = "missing value", "sentinel", "out of range"
COORDINATE, DATE, COVARIATE = "missing coordinate", "bad date", "missing covariate"
FLAG, DUPLICATE, SHORT, AVERAGED = "flag", "duplicate", "day of too few values", "averaged to a day"


@dataclass
class Block:
    """Some rows of one file, their coordinates not yet read.

    Attributes
    ----------
    file
        For messages.
    values
        Measured variables, as the file's numbers, NaN where missing; shape (row,).
    coordinates
        Returns the coordinates at the row numbers it is given: floats, or datetime64[ns]; NaN and NaT where missing.
    stations
        Returns the station names at the row numbers, or None where the file has none.
    place
        Returns where a coordinate of a row stands in the file, for messages.
    limits
        Accepted range of the file's own numbers by variable, where the file states one.
    flagged
        Per variable the columns of flags, and which rows each of them refuses.
    """

    file: str
    values: dict[str, Floats]
    coordinates: Callable[[Array], dict[str, Array]]
    stations: Callable[[Array], Array] | None
    place: Callable[[str, int], str]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    flagged: Mapping[str, Sequence[tuple[str, NDArray[np.bool_]]]] = field(default_factory=dict)


@dataclass
class Rows:
    """Cleaned rows: float64 values and coordinates of shape (row,), and an index into the stations."""

    values: dict[str, Floats]
    coordinates: dict[str, Array]
    station: NDArray[np.int32] | None

    @property
    def size(self) -> int:
        """The number of rows."""
        return next(iter(self.values.values())).size

    def take(self, rows: Array) -> "Rows":
        """Return the rows of these numbers, or where a mask holds."""
        return Rows(
            {n: v[rows] for n, v in self.values.items()},
            {n: v[rows] for n, v in self.coordinates.items()},
            None if self.station is None else self.station[rows],
        )


class Counts:
    """How many values were read and how many were dropped, by reason."""

    def __init__(self) -> None:
        self.read = 0
        self.dropped: Counter[str] = Counter()
        self.extremes: dict[str, Counter[float]] = {}

    def drop(self, reason: str, number: int | np.integer[Any], variable: str = "", *, alone: bool = True) -> None:
        """Add to a reason; with several variables the counts are kept apart."""
        if number:
            self.dropped[reason if alone else f"{reason}: {variable}"] += int(number)

    def as_json(self) -> str:
        """Return the counts as JSON, keys sorted."""
        return json.dumps(dict(sorted(self.dropped.items())))

    def log(self, kept: int) -> None:
        """Write the counts to the log."""
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(self.dropped.items()))
        progress.log(f"kept {kept:,} of {self.read:,} values; dropped: {reasons or 'none'}")


def clean(
    block: Block, covariates: Container[str], cfg: ObservationsConfig, counts: Counts, stations: dict[str, int]
) -> Rows:
    """Return the usable rows of a block; ``stations`` numbers the station names in the order they are met.

    A row whose every value is dropped is dropped; its coordinates are not looked at.

    Raises
    ------
    InputError
        For a latitude or longitude that is none, naming where it stands.
    """
    values = {name: _usable(name, raw, block, cfg, counts) for name, raw in block.values.items()}
    kept = np.flatnonzero(np.logical_or.reduce([np.isfinite(v) for v in values.values()]))
    coordinates = block.coordinates(kept)
    good = np.ones(kept.size, bool)
    for name, column in coordinates.items():
        column = _checked(name, column, block, cfg, kept)
        coordinates[name] = column
        bad = good & _missing(column)
        reason = DATE if column.dtype.kind == "M" else COVARIATE if name in covariates else COORDINATE
        for variable, number in values.items():
            lost = np.isfinite(number[kept[bad]]).sum()
            counts.drop(reason, lost, variable, alone=len(values) == 1)
        good &= ~bad
    names = None if block.stations is None else block.stations(kept[good])
    return Rows(
        {name: number[kept[good]] for name, number in values.items()},
        {name: column[good] for name, column in coordinates.items()},
        None if names is None else _codes(names, stations),
    )


def _usable(name: str, raw: Floats, block: Block, cfg: ObservationsConfig, counts: Counts) -> Floats:
    """Return the values in their units, NaN where they are not usable, and count why."""
    alone = len(block.values) == 1
    counts.read += raw.size
    gone = ~np.isfinite(raw)
    counts.drop(MISSING, gone.sum(), name, alone=alone)
    sentinel = ~gone & np.isin(raw, cfg.sentinels)
    counts.drop(SENTINEL, sentinel.sum(), name, alone=alone)
    gone |= sentinel
    for column, refused in block.flagged.get(name, ()):
        counts.drop(f"{FLAG} {column}", (refused & ~gone).sum(), name, alone=alone)
        gone |= refused
    low, high = block.limits.get(name, (-np.inf, np.inf))
    factor = cfg.scale.get(name, 1.0)
    values = np.where(gone, np.nan, raw) * factor
    lowest, highest = cfg.accepted(name)
    outside = (raw < low) | (raw > high) | (values < lowest) | (values > highest)
    outside &= ~gone
    counts.drop(RANGE, outside.sum(), name, alone=alone)
    values[outside] = np.nan
    _note_extremes(values, counts.extremes.setdefault(name, Counter()))
    return values


def _note_extremes(values: Floats, extremes: Counter[float]) -> None:
    """Count the lowest and the highest value of a block: an undeclared sentinel shows as one of them."""
    finite = values[np.isfinite(values)]
    if finite.size:
        for extreme in {float(finite.min()), float(finite.max())}:
            extremes[extreme] += int((finite == extreme).sum())


def warn_of_sentinels(counts: Counts, rows: Rows) -> None:
    """Warn of an extreme value made of nines that lies farther off than all other values spread."""
    for name, values in rows.values.items():
        for extreme, number in sorted(counts.extremes.get(name, {}).items()):
            digits = f"{abs(extreme):.10g}".replace(".", "").strip("0")
            if len(digits) < 2 or set(digits) != {"9"}:
                continue
            others = values[np.isfinite(values) & (values != extreme)]
            if others.size and np.abs(others - extreme).min() > max(float(np.ptp(others)), 1e-300):
                progress.warn(
                    f"{name!r} holds {extreme:g} {number} times, far from all other values"
                    f" [{others.min():g}, {others.max():g}]; if it means missing, add it to 'sentinels'"
                )


def _checked(name: str, column: Array, block: Block, cfg: ObservationsConfig, kept: Array) -> Array:
    """Return a coordinate without sentinels, longitudes in [-180, 180), or raise for what is no position."""
    if column.dtype.kind == "M":
        return column
    column = np.where(np.isin(column, cfg.sentinels) | ~np.isfinite(column), np.nan, column)
    limits = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}.get(name)
    if limits is not None:
        bad = (column < limits[0]) | (column > limits[1])
        if bad.any():
            first = int(np.argmax(bad))
            raise InputError(
                f"{block.place(name, int(kept[first]))}: {name} {column[first]:g} is out of range, accepted is"
                f" [{limits[0]:g}, {limits[1]:g}] degrees ({int(bad.sum())} such values); correct the file, name the"
                " right column (setting columns), or transform projected coordinates to degrees"
            )
    return longitudes(column) if name == "longitude" else column


def longitudes(degrees: Floats) -> Floats:
    """Return longitudes in [-180, 360] brought to [-180, 180), without rounding.

    Examples
    --------
    >>> longitudes(np.array([-180.0, 0.0, 180.0, 255.25, 360.0]))
    array([-180.  ,    0.  , -180.  , -104.75,    0.  ])
    """
    return np.where(degrees >= 180, degrees - 360, degrees)


def _missing(column: Array) -> NDArray[np.bool_]:
    return np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)


def _codes(names: Array, stations: dict[str, int]) -> NDArray[np.int32]:
    codes, distinct = pd.factorize(names.astype(object))
    numbers = [stations.setdefault(str(name), len(stations)) for name in distinct]
    return np.array(numbers, np.int32)[codes] if len(distinct) else np.zeros(0, np.int32)


def join(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, in their order."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return Rows(
        {n: np.concatenate([p.values[n] for p in parts]) for n in first.values},
        {n: np.concatenate([p.coordinates[n] for p in parts]) for n in first.coordinates},
        None if first.station is None else np.concatenate([p.station for p in parts if p.station is not None]),
    )


def in_order(rows: Rows, indexes: Sequence[str], stations: dict[str, int]) -> tuple[Rows, list[str]]:
    """Return the rows by station name (else by latitude, longitude), then by time, then by the other indexes.

    A station's series is contiguous, so its coordinates compress to almost nothing. Rows that are equal in all of
    these keep the order of the files. The station names come sorted; those without rows are left out.
    """
    names: list[str] = []
    if rows.station is not None:
        used = np.unique(rows.station)
        all_names = list(stations)
        names = sorted(all_names[i] for i in used)
        rank = {name: i for i, name in enumerate(names)}
        ranks = np.array([rank.get(name, -1) for name in all_names], np.int32)
        rows.station = ranks[rows.station]
    order = np.lexsort(_keys(rows, indexes)[::-1])
    return rows.take(order), names


def _keys(rows: Rows, indexes: Sequence[str]) -> list[Array]:
    """Return what tells rows apart, the slowest first."""
    first = [] if rows.station is None else [rows.station]
    place = [] if rows.station is not None else [n for n in ("latitude", "longitude") if n in indexes]
    ordered = [*place, *(n for n in indexes if n == "time")]
    ordered += [n for n in indexes if n not in ordered]
    return [*first, *(rows.coordinates[n] for n in ordered)]


def merge(rows: Rows, indexes: Sequence[str], cfg: ObservationsConfig, counts: Counts, names: Sequence[str]) -> Rows:
    """Return sorted rows with one row a station (or place) and point of the indexes, by the rule for duplicates.

    The mean skips missing values; coordinates that are no index are those of the first row.

    Raises
    ------
    InputError
        If there are duplicates and the setting refuses them.
    """
    new = np.zeros(rows.size, bool)
    new[0] = True
    for key in _keys(rows, indexes):
        new[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(new)
    if cfg.daily_means:
        return _daily(rows, starts, cfg.daily_means, counts)
    if starts.size == rows.size:
        return rows
    if cfg.duplicates == "error":
        raise InputError(_duplicate(rows, int(np.flatnonzero(~new)[0]), indexes, names, rows.size - starts.size))
    merged = rows.take(starts)
    for name, values in rows.values.items():
        merged.values[name] = _mean(values, starts) if cfg.duplicates == "mean" else _first(values, starts)
        lost = np.isfinite(values).sum() - np.isfinite(merged.values[name]).sum()
        counts.drop(DUPLICATE, lost, name, alone=len(rows.values) == 1)
    return merged


def _daily(rows: Rows, starts: NDArray[np.intp], needed: int, counts: Counts) -> Rows:
    """Return the means of the groups that hold enough values."""
    merged = rows.take(starts)
    alone = len(rows.values) == 1
    for name, values in rows.values.items():
        number = np.add.reduceat(np.isfinite(values).astype(np.int64), starts)
        whole = number >= needed
        merged.values[name] = np.where(whole, _mean(values, starts), np.nan)
        counts.drop(SHORT, number[~whole].sum(), name, alone=alone)
        counts.drop(AVERAGED, (number[whole] - 1).sum(), name, alone=alone)
    kept = np.logical_or.reduce([np.isfinite(values) for values in merged.values.values()])
    if not kept.any():
        most = max(int(np.diff(np.append(starts, rows.size)).max()), 1)
        raise InputError(f"no day holds {needed} values, the fullest holds {most}; lower the setting 'daily_means'")
    return merged.take(kept)


def _mean(values: Floats, starts: NDArray[np.intp]) -> Floats:
    finite = np.isfinite(values)
    number = np.add.reduceat(finite.astype(np.int64), starts)
    total = np.add.reduceat(np.where(finite, values, 0.0), starts)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _first(values: Floats, starts: NDArray[np.intp]) -> Floats:
    """Return the first value that is not missing of each group."""
    rows = np.arange(values.size)
    first = np.minimum.reduceat(np.where(np.isfinite(values), rows, values.size), starts)
    return np.where(first < values.size, values[np.minimum(first, values.size - 1)], np.nan)


def _duplicate(rows: Rows, row: int, indexes: Sequence[str], names: Sequence[str], number: int) -> str:
    where = [f"{name} {_shown(rows.coordinates[name][row])}" for name in indexes]
    if rows.station is not None:
        where.insert(0, f"station {names[rows.station[row]]!r}")
    return (
        f"{number} values stand where another one does, the first at {', '.join(where)}; remove them, or set duplicates"
        " to mean or first"
    )


def _shown(value: Any) -> str:
    return str(value)[:19] if isinstance(value, np.datetime64) else f"{value:g}"
