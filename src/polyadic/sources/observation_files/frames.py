"""The cells of a table, some rows at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import columns, fixed, parquet
from polyadic.sources.observation_files.columns import Layout
from polyadic.sources.observation_files.dialect import Dialect, opened
from polyadic.sources.observation_files.settings import ObservationsConfig

ROWS = 2**17
"""Rows of a table that are held as text at a time."""


@dataclass(frozen=True)
class Table:
    """One table that was looked at and not yet read."""

    path: Path
    dialect: Dialect
    layout: Layout
    attributes: dict[str, dict[str, str]]
    """Attributes of values and coordinates, by name in the output; units that rows state join as they are read."""


def frames(table: Table) -> Iterator[pd.DataFrame]:
    """Yield the cells, as text where the file holds text; the index is the number of the line, from 1.

    Raises
    ------
    InputError
        For lines of too many cells, a wrong encoding or damaged gzip data.
    """
    dialect = table.dialect
    if dialect.form == "parquet":
        yield from parquet.frames(table.path, ROWS)
        return
    with opened(table.path) as file:
        try:
            yield from _delimited(file, dialect) if dialect.form == "delimited" else fixed.frames(file, dialect.form)
        except pd.errors.ParserError as error:
            reason = str(error).partition("C error: ")[2].strip() or str(error)
            if reason.startswith("EOF inside string"):
                raise InputError(
                    f"{table.path}: ends within a quoted text ({reason}); the file is cut off: get it again"
                ) from error
            raise InputError(
                f"{table.path}: not a regular table ({reason}); correct that line, or set 'delimiter'"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(f"{table.path}: is not written in {dialect.encoding}; set 'encoding' (cp1252)") from error


def _delimited(file: Any, dialect: Dialect) -> Iterator[pd.DataFrame]:
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
        yield frame[_filled(frame)]


def _filled(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which lines are not blank; most are told by their first cell."""
    filled = (frame.iloc[:, 0] != "").to_numpy(copy=True)
    unclear = np.flatnonzero(~filled)
    if unclear.size:
        filled[unclear] = (frame.iloc[unclear] != "").any(axis=1).to_numpy()
    return filled


def selection(frame: pd.DataFrame, roles: Mapping[str, columns.Columns], cfg: ObservationsConfig) -> NDArray[np.bool_]:
    """Return which rows the setting ``select`` keeps."""
    chosen = np.ones(len(frame), bool)
    for key, wanted in cfg.select.items():
        cells = frame[roles[key][0] if key in roles else key]
        if isinstance(wanted, float):
            chosen &= (pd.to_numeric(cells, errors="coerce") == wanted).to_numpy(bool)
        else:
            accepted = {text.strip() for text in ((wanted,) if isinstance(wanted, str) else wanted)}
            chosen &= among(cells, accepted)
    return chosen


def among(cells: "pd.Series[Any]", accepted: set[str]) -> NDArray[np.bool_]:
    """Return which cells hold one of the texts, white space around them aside."""
    codes, distinct = pd.factorize(cells.astype(object), use_na_sentinel=False)
    hits = np.array([("" if pd.isna(cell) else str(cell).strip()) in accepted for cell in distinct], bool)
    return hits[codes]
