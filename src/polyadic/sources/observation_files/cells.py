"""The cells of some rows of a table as texts, numbers, times and flags."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import columns, times
from polyadic.sources.observation_files.cleaning import Array, Block, Floats
from polyadic.sources.observation_files.dialect import NUMBER
from polyadic.sources.observation_files.frames import Table, among
from polyadic.sources.observation_files.places import Places
from polyadic.sources.observation_files.settings import ObservationsConfig

Texts = NDArray[np.object_]
Flags = list[tuple[str, NDArray[np.bool_]]]


class Cells:
    """The cells of some rows, as texts or numbers."""

    def __init__(self, table: Table, frame: pd.DataFrame, cfg: ObservationsConfig) -> None:
        self.table = table
        self.frame = frame
        self.blanks = {"", *(text.casefold() for text in cfg.blanks)}

    def place(self, column: str, row: int) -> str:
        """Return where a cell stands in the file, for messages."""
        return f"{self.table.path}, column {column!r}, line {self.frame.index[row]}"

    def texts(self, joined: Sequence[str], rows: Array | None, mark: str) -> Texts:
        """Return the texts of columns, joined by a mark."""
        parts = [self._texts(column) for column in joined]
        parts = [part if rows is None else part[rows] for part in parts]
        if len(parts) == 1:
            return parts[0]
        return np.array([mark.join(cells) for cells in zip(*parts, strict=True)], object)

    def _texts(self, column: str) -> Texts:
        cells = self.frame[column]
        if cells.dtype == object:
            return cells.to_numpy(object)
        return np.where(cells.isna(), "", cells.astype(str).to_numpy(object))

    def numbers(self, column: str, rows: Array | None = None) -> Floats:
        """Return the numbers of a column, NaN where blank, or raise for a text that is no number."""
        cells = self.frame[column]
        if cells.dtype.kind in "fiub":
            plain = cells.to_numpy(np.float64, na_value=np.nan)
            return plain if rows is None else plain[rows]
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


class RowCells(Cells):
    """Cells whose columns have roles."""

    def __init__(
        self, table: Table, frame: pd.DataFrame, cfg: ObservationsConfig, reader: times.Reader, sites: Places | None
    ) -> None:
        super().__init__(table, frame, cfg)
        self.reader = reader
        self.sites = sites
        self.flags = cfg.flags
        self.elevation_units = cfg.units.get("elevation", "")

    def block(self) -> Block:
        """Return the rows with their coordinates yet to be read."""
        layout = self.table.layout
        values = {name: self.numbers(column) for name, column in layout.values.items()}
        stations = self.stations if "station" in layout.roles else None
        flagged = {name: self._flags(column) for name, column in layout.values.items()}
        return Block(str(self.table.path), values, self.coordinates, stations, self.where, flagged=flagged)

    def _flags(self, value: str) -> Flags:
        """Return the columns of flags of a measured column, and which rows they refuse."""
        found: Flags = []
        for key, accepted in self.flags.items():
            column, _, part = key.replace("{value}", value).partition("[")
            if "{value}" in key and column not in self.frame:
                continue
            column = columns.known(column, list(self.frame.columns), str(self.table.path), "flags")
            cells = self.frame[column]
            if part:
                cells = cells.map(functools.partial(_part, number=int(part.rstrip("]"))))
            found.append((column, ~among(cells, {text.strip() for text in accepted})))
        return found

    def stations(self, rows: Array) -> Array:
        """Return the names of the stations of some rows."""
        texts = self.texts(self.table.layout.roles["station"], rows, "-")
        codes, distinct = pd.factorize(texts)
        return np.array([text.strip() for text in distinct], object)[codes]

    def coordinates(self, rows: Array) -> dict[str, Array]:
        """Return the coordinates of some rows."""
        return {name: self._coordinate(name, rows) for name in self.table.layout.coordinates}

    def where(self, name: str, row: int) -> str:
        """Return where a coordinate of a row stands, for messages."""
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
        instants = self._instants(joined, rows)
        if instants is not None:
            return instants
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

    def _instants(self, joined: Sequence[str], rows: Array) -> times.Times | None:
        """Return the times of a column that holds instants, not texts."""
        cells = self.frame[joined[0]]
        if len(joined) > 1 or cells.dtype.kind != "M":
            return None
        zoned = getattr(cells.dtype, "tz", None) is not None
        found = times.bounded((cells.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else cells).iloc[rows])
        return self.reader.placed(found, zoned=zoned)


def _part(text: Any, number: int) -> str:
    """Return one of the parts between commas, from 1; an empty text where there are fewer."""
    parts = str(text).split(",")
    return parts[number - 1].strip() if number <= len(parts) else ""
