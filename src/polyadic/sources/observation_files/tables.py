"""Tables of text (CSV and its kin) as blocks of rows, and tables of stations with their places."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import columns, times
from polyadic.sources.observation_files.cleaning import Array, Block, Floats
from polyadic.sources.observation_files.columns import Layout
from polyadic.sources.observation_files.dialect import NUMBER, Dialect, opened, sniff
from polyadic.sources.observation_files.settings import ObservationsConfig

ROWS = 2**17
"""Rows of a table that are held as text at a time."""

Texts = NDArray[np.object_]
PLACE = ("latitude", "longitude", "elevation")


@dataclass(frozen=True)
class Places:
    """Latitude, longitude and elevation of stations, as a site table states them; by name of the station."""

    file: str
    row: Mapping[str, int]
    coordinates: Mapping[str, Floats]
    unknown: set[str] = field(default_factory=set)
    """Stations that were asked for and are not in the table."""

    def at(self, coordinate: str, names: Array) -> Floats:
        """Return a coordinate of each named station, NaN where the table does not hold the station."""
        distinct, inverse = np.unique(names.astype(str), return_inverse=True)
        self.unknown.update(str(name) for name in distinct if str(name) not in self.row)
        column: Floats = np.append(self.coordinates[coordinate], np.nan)
        rows = np.array([self.row.get(str(name), -1) for name in distinct], int)
        return np.asarray(column[rows[inverse]], np.float64)


@dataclass(frozen=True)
class Table:
    """One table that was looked at and not yet read."""

    path: Path
    dialect: Dialect
    layout: Layout
    attributes: dict[str, dict[str, str]]
    """Attributes of values and coordinates, by name in the output."""


def inspect(path: Path, cfg: ObservationsConfig, sites: Places | None) -> Table:
    """Return what the columns of a table are.

    Raises
    ------
    InputError
        If a column is missing, or may be several; the message names the setting.
    """
    dialect = sniff(path, cfg)
    where = str(path)
    if not dialect.sample:
        raise InputError(f"{path}: holds a header line and no data; get it again")
    roles = _roles(dialect, cfg if sites is None else columns.limited(cfg, dialect.names, PLACE), where)
    supplied = [] if sites is None or "station" not in roles else [n for n in sites.coordinates if n not in roles]
    for key in cfg.select:
        if key not in roles:
            columns.known(key, dialect.names, where, "select")
    indexes, covariates = columns.find_coordinates(roles, dialect.names, cfg, where, supplied)
    taken = Layout(roles, {}, indexes, covariates).used | set(cfg.select)
    left = [name for name in dialect.names if name not in taken]
    measured = columns.find_values(
        dialect.names if cfg.values else left, lambda names: _numeric(names, dialect, cfg), cfg, where
    )
    label = _parameter(dialect, roles, cfg, where) if len(measured) == 1 else ""
    values = {label or columns.variable_name(column): column for column in measured}
    layout = Layout(roles, values, indexes, covariates)
    columns.refuse_equal_names(layout, measured, where)
    return Table(path, dialect, layout, _attributes(layout, dialect, cfg))


def is_site_table(path: Path, cfg: ObservationsConfig) -> bool:
    """Return whether a table holds stations and their places and no times."""
    roles = _roles(sniff(path, cfg), cfg, str(path), strict=False)
    return {"station", "latitude", "longitude"} <= set(roles) and "time" not in roles


def has_place(path: Path, cfg: ObservationsConfig) -> bool:
    """Return whether a table has latitude and longitude of its own."""
    return {"latitude", "longitude"} <= set(_roles(sniff(path, cfg), cfg, str(path), strict=False))


def _roles(dialect: Dialect, cfg: ObservationsConfig, where: str, *, strict: bool = True) -> dict[str, columns.Columns]:
    roles = columns.find_roles(dialect.names, cfg if strict else columns.limited(cfg, dialect.names), where, {})
    station = roles.get("station", ())
    if (
        "station" not in cfg.columns
        and "time" in roles
        and station
        and columns.plain(station[0]) in ("id", "code", "name")
    ):
        column = dialect.names.index(station[0])
        names = [row[column] for row in dialect.sample if len(row) > column]
        if len(set(names)) == len(names) > 1:  # a running number of the rows, not a station
            del roles["station"]
    return roles


def _numeric(names: Sequence[str], dialect: Dialect, cfg: ObservationsConfig) -> list[str]:
    """Return the columns of which half of the sampled cells, blanks aside, are numbers: a wrong text is named later."""
    blanks = {"", *(text.casefold() for text in cfg.blanks)}
    found = []
    for name in names:
        column = dialect.names.index(name)
        texts = [row[column].replace(dialect.decimal, ".") for row in dialect.sample if len(row) > column]
        filled = [text for text in texts if text.casefold() not in blanks]
        if filled and 2 * sum(bool(NUMBER.match(text)) for text in filled) >= len(filled):
            found.append(name)
    return found


def _selected_sample(dialect: Dialect, roles: Mapping[str, columns.Columns], cfg: ObservationsConfig) -> pd.DataFrame:
    frame = pd.DataFrame([row[: len(dialect.names)] for row in dialect.sample], dtype=object).fillna("")
    frame.columns = pd.Index(dialect.names[: frame.shape[1]])
    return frame[_selection(frame, roles, cfg)]


def _parameter(dialect: Dialect, roles: Mapping[str, columns.Columns], cfg: ObservationsConfig, where: str) -> str:
    """Return what the rows of a long table measure, or an empty text where the column of values tells."""
    if "parameter" not in roles:
        return ""
    found = _selected_sample(dialect, roles, cfg)[roles["parameter"][0]].unique()
    _one(found, roles["parameter"][0], "parameter", where)
    return columns.variable_name(str(found[0])) if len(found) else ""


def _one(found: Any, column: str, role: str, where: str) -> None:
    """Refuse rows of several parameters or units in one variable."""
    if len(found) > 1:
        shown = ", ".join(repr(str(text)) for text in found[:8])
        raise InputError(
            f"{where}: column {column!r} holds several values ({shown}); choose one by select: {{{role}: {found[0]}}}"
        )


def _attributes(layout: Layout, dialect: Dialect, cfg: ObservationsConfig) -> dict[str, dict[str, str]]:
    attributes: dict[str, dict[str, str]] = {}
    for name, column in {**{n: " ".join(c) for n, c in layout.coordinates.items()}, **layout.values}.items():
        stated = columns.stated_units(column)
        attributes[name] = {"long_name": name, "units": stated} if stated else {"long_name": name}
    if "units" in layout.roles and len(layout.values) == 1:
        units = _selected_sample(dialect, layout.roles, cfg)[layout.roles["units"][0]]
        (name,) = layout.values
        if len(units) and units.iloc[0]:
            attributes[name]["units"] = str(units.iloc[0])
    return attributes


def blocks(table: Table, cfg: ObservationsConfig, sites: Places | None) -> Iterator[Block]:
    """Yield the rows of a table, `ROWS` lines at a time.

    Raises
    ------
    InputError
        For text where a number belongs, lines of too many cells, a wrong encoding or damaged gzip data.
    """
    reader = times.Reader(cfg.time_format, cfg.time_zone, cfg.local_day)
    seen: dict[str, set[str]] = {"parameter": set(), "units": set()}
    for frame in _frames(table):
        frame = frame[_selection(frame, table.layout.roles, cfg)]
        for role, texts in seen.items():
            if role in table.layout.roles and len(table.layout.values) == 1:
                column = table.layout.roles[role][0]
                texts.update(frame[column].unique())
                _one(sorted(texts), column, role, str(table.path))
        yield _Rows(table, frame, cfg, reader, sites).block()


def _frames(table: Table) -> Iterator[pd.DataFrame]:
    """Yield the cells as text; the index is the number of the line, from 1."""
    dialect = table.dialect
    with opened(table.path) as file:
        try:
            yield from _read_frames(file, dialect)
        except pd.errors.ParserError as error:
            reason = str(error).partition("C error: ")[2].strip() or str(error)
            raise InputError(
                f"{table.path}: not a regular table ({reason}); correct that line, or set 'delimiter'"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{table.path}: is not written in {dialect.encoding}; set 'encoding' (cp1252)") from error


def _read_frames(file: Any, dialect: Dialect) -> Iterator[pd.DataFrame]:
    for frame in pd.read_csv(
        file,
        sep=dialect.delimiter,
        header=None,
        names=list(dialect.names),
        skiprows=dialect.skip,
        dtype=object,
        index_col=False,
        keep_default_na=False,
        na_filter=False,
        skip_blank_lines=False,
        skipinitialspace=True,
        encoding=dialect.encoding,
        chunksize=ROWS,
        on_bad_lines="error",
    ):
        frame = frame.fillna("")
        frame.index += dialect.skip + 1
        yield frame[(frame != "").any(axis=1)]


def _selection(frame: pd.DataFrame, roles: Mapping[str, columns.Columns], cfg: ObservationsConfig) -> NDArray[np.bool_]:
    chosen = np.ones(len(frame), bool)
    for key, wanted in cfg.select.items():
        texts = frame[roles[key][0] if key in roles else key].astype(object)
        if isinstance(wanted, str):
            chosen &= (texts.map(str.strip) == wanted.strip()).to_numpy(bool)
        else:
            chosen &= (pd.to_numeric(texts, errors="coerce") == wanted).to_numpy(bool)
    return chosen


class _Cells:
    """The cells of some rows, as texts or numbers."""

    def __init__(self, table: Table, frame: pd.DataFrame, cfg: ObservationsConfig) -> None:
        self.table = table
        self.frame = frame
        self.blanks = {"", *(text.casefold() for text in cfg.blanks)}

    def place(self, column: str, row: int) -> str:
        return f"{self.table.path}, column {column!r}, line {self.frame.index[row]}"

    def texts(self, joined: Sequence[str], rows: Array | None, mark: str) -> Texts:
        parts = [self.frame[column].to_numpy(object) for column in joined]
        parts = [part if rows is None else part[rows] for part in parts]
        if len(parts) == 1:
            return parts[0]
        return np.array([mark.join(cells) for cells in zip(*parts, strict=True)], object)

    def numbers(self, column: str, rows: Array | None = None) -> Floats:
        """Return the numbers of a column, NaN where blank, or raise for a text that is no number."""
        texts = self.texts([column], rows, "")
        if self.table.dialect.decimal == ",":
            texts = np.array([text.replace(",", ".") for text in texts], object)
        found = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(np.float64, copy=True)
        unread = np.flatnonzero(np.isnan(found))
        for text in pd.unique(texts[unread]):
            if text.strip().casefold() in self.blanks:
                continue
            at = unread[texts[unread] == text]
            if not NUMBER.match(text.strip()):
                row = int(at[0] if rows is None else rows[at[0]])
                raise InputError(
                    f"{self.place(column, row)}: {text!r} is no number; correct it, or add it to 'blanks' if it means"
                    " missing"
                )
            found[at] = float(text)
        return found


class _Rows(_Cells):
    """Cells whose columns have roles."""

    def __init__(
        self, table: Table, frame: pd.DataFrame, cfg: ObservationsConfig, reader: times.Reader, sites: Places | None
    ) -> None:
        super().__init__(table, frame, cfg)
        self.reader = reader
        self.sites = sites
        self.elevation_units = cfg.units.get("elevation", "")

    def block(self) -> Block:
        layout = self.table.layout
        values = {name: self.numbers(column) for name, column in layout.values.items()}
        stations = self.stations if "station" in layout.roles else None
        return Block(str(self.table.path), values, self.coordinates, stations, self.where)

    def stations(self, rows: Array) -> Array:
        return np.array([t.strip() for t in self.texts(self.table.layout.roles["station"], rows, "-")], object)

    def coordinates(self, rows: Array) -> dict[str, Array]:
        return {name: self._coordinate(name, rows) for name in self.table.layout.coordinates}

    def where(self, name: str, row: int) -> str:
        joined = self.table.layout.coordinates[name]
        if not joined and self.sites is not None:
            return f"{self.sites.file}: station {self.stations(np.array([row]))[0]!r}"
        return self.place(" ".join(joined), row)

    def _coordinate(self, name: str, rows: Array) -> Array:
        joined = self.table.layout.coordinates[name]
        if name == "time":
            return self._times(joined, rows)
        if not joined and self.sites is not None:
            return self.sites.at(name, self.stations(rows))
        numbers = self.numbers(joined[0], rows)
        return (
            numbers * columns.metres(self.elevation_units or columns.stated_units(joined[0]))
            if name == "elevation"
            else numbers
        )

    def _times(self, joined: Sequence[str], rows: Array) -> times.Times:
        if len(joined) > 1 and all(columns.plain(column) in columns.PARTS for column in joined):
            texts = times.from_parts([self.numbers(column, rows) for column in joined])
        else:
            texts = self.texts(joined, rows, " ")
        blank = np.array([text.strip().casefold() in self.blanks for text in texts], bool)
        try:
            return self.reader(np.where(blank, "", texts))
        except (ValueError, OverflowError) as error:
            row = int(rows[np.argmin(blank)]) if rows.size else 0
            raise InputError(f"{self.place(' '.join(joined), row)}: {error}") from error


def read_places(path: Path, cfg: ObservationsConfig) -> Places:
    """Return the stations of a site table.

    Raises
    ------
    InputError
        If it lacks station, latitude or longitude, or places one station twice.
    """
    dialect = sniff(path, cfg)
    roles = _roles(dialect, cfg, str(path), strict=False)
    for role in ("station", "latitude", "longitude"):
        if role not in roles:
            raise InputError(
                f"{path}: the site table has no {role} among {', '.join(dialect.names)}; name it by"
                f" columns: {{{role}: ...}}"
            )
    table = Table(path, dialect, Layout(roles, {}, {}, {}), {})
    row: dict[str, int] = {}
    parts: dict[str, list[Floats]] = {name: [] for name in PLACE if name in roles}
    for frame in _frames(table):
        cells = _Cells(table, frame, cfg)
        for name in cells.texts(roles["station"], None, "-"):
            if name.strip() in row:
                raise InputError(f"{path}: the site table holds station {name.strip()!r} twice; keep one of them")
            row[name.strip()] = len(row)
        for name, column in parts.items():
            column.append(cells.numbers(roles[name][0]))
    return Places(str(path), row, {name: np.concatenate(column) for name, column in parts.items()})
