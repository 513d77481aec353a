"""Tables whose columns stand at fixed places: the files of GHCN-Daily (``.dly`` and ``ghcnd-stations.txt``)."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files.presets.ghcn import HEADER

LINES = 2**12
"""Lines of a ``.dly`` file, a month of one element each, that are held at a time."""

_ID = r"[A-Z]{2}[A-Z0-9_-]{9}"
_MONTH = re.compile(rf"^{_ID}\d{{4}}(0[1-9]|1[0-2])[A-Z0-9]{{4}}[ -]*\d+.{{3}}")
_STATION = re.compile(rf"^{_ID} [ -]*\d+\.\d+ +-?\d+\.\d+ +-?\d+\.\d ")
_DAYS, _WIDTH = 31, 8

STATION_COLUMNS = {"station": (0, 11), "latitude": (12, 20), "longitude": (21, 30), "elevation": (31, 37)}
NAMES = {"dly": HEADER[:7], "stations": tuple(STATION_COLUMNS)}


def form(lines: Sequence[str]) -> str:
    """Return `dly` or `stations` by the form of the first lines, else an empty text."""
    shapes = {"dly": _MONTH, "stations": _STATION}
    return next((name for name, shape in shapes.items() if all(shape.match(line) for line in lines)), "")


def frames(file: IO[bytes], name: str) -> Iterator[pd.DataFrame]:
    """Yield the rows of a file; the index is the number of the line, from 1."""
    number = 1
    while lines := list(itertools.islice(file, LINES)):
        kept = [(number + i, line.rstrip(b"\r\n")) for i, line in enumerate(lines) if line.strip()]
        number += len(lines)
        numbers, texts = np.array([n for n, _ in kept]), [text for _, text in kept]
        if name == "dly":
            _refuse_cut(kept, getattr(file, "name", "the file"))
        yield _days(numbers, texts) if name == "dly" else _stations(numbers, texts)


def _refuse_cut(lines: Sequence[tuple[int, bytes]], where: object) -> None:
    """Refuse a line that ends within a value; blank flags at its end may have been stripped."""
    for number, line in lines:
        if len(line) < 21 + _DAYS * _WIDTH and 0 < (len(line) - 21) % _WIDTH < 5:
            raise InputError(
                f"{where}: line {number} ends within a value, after {len(line)} of {21 + _DAYS * _WIDTH} characters;"
                " the file is cut off: get it again"
            )


def _stations(numbers: NDArray[np.int64], lines: Sequence[bytes]) -> pd.DataFrame:
    texts = [line.decode("utf-8", "replace") for line in lines]
    cells = {name: [text[low:high].strip() for text in texts] for name, (low, high) in STATION_COLUMNS.items()}
    return pd.DataFrame(cells, index=numbers, dtype=object)


def _days(numbers: NDArray[np.int64], lines: Sequence[bytes]) -> pd.DataFrame:
    """Return one row a day; the days that a month has not are left out."""
    width = 21 + _DAYS * _WIDTH
    padded = np.array([line[:width].ljust(width) for line in lines], f"S{width}")
    letters = padded.view("S1").reshape(len(lines), width)
    heads = [letters[:, low:high].copy().view(f"S{high - low}").ravel() for low, high in ((0, 11), (11, 17), (17, 21))]
    station, month, element = (head.astype(str).astype(object) for head in heads)
    days = letters[:, 21:].reshape(len(lines), _DAYS, _WIDTH)
    starts = np.array([f"{text[:4]}-{text[4:]}" for text in month], "datetime64[M]")
    length = ((starts + 1).astype("datetime64[D]") - starts.astype("datetime64[D]")).astype(int)
    line, day = np.nonzero(np.arange(_DAYS) < length[:, None])
    two = np.array([f"{d:02d}" for d in range(1, _DAYS + 1)], object)
    values = days[line, day, :5].copy().view("S5").ravel()
    flags = [_texts(days[line, day, k]) for k in (5, 6, 7)]
    columns = [station[line], month[line] + two[day], element[line], _texts(values), *flags]
    return pd.DataFrame(dict(zip(NAMES["dly"], columns, strict=True)), index=numbers[line], dtype=object)


def _texts(cells: NDArray[np.bytes_]) -> NDArray[np.object_]:
    return np.char.strip(cells.astype(str)).astype(object)
