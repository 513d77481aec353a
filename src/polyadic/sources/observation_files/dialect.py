"""How a table is written: compression, encoding, delimiter, decimal mark, header line."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import fixed, presets
from polyadic.sources.observation_files.settings import ObservationsConfig

_HEAD = 2**18  # bytes that are looked at
_LINES = 200
_DELIMITERS = (",", ";", "\t", "|")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$")
_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+$")


@dataclass(frozen=True)
class Dialect:
    r"""How one table is written.

    Attributes
    ----------
    encoding, delimiter, decimal
        As Python and pandas name them; the delimiter of white space is ``\s+``.
    names
        The headers, made unique.
    skip
        Lines before the first row of data.
    sample
        Cells of the first rows of data.
    form
        `delimited`, or `dly` and `stations` for columns at fixed places.
    """

    encoding: str
    delimiter: str
    decimal: str
    names: tuple[str, ...]
    skip: int
    sample: tuple[tuple[str, ...], ...]
    form: str = "delimited"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a table, unpacked when it is gzipped, and turn what goes wrong into `InputError`."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw) as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield raw
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip data ends early or is damaged ({error}); get the file again") from error


def sniff(path: Path, cfg: ObservationsConfig) -> Dialect:
    """Return how a table is written, by the settings and by its first lines.

    Raises
    ------
    InputError
        If it is empty, has one column only, or its first line holds data.
    """
    lines, encoding = _first_lines(path, cfg)
    form = fixed.form([line for line in lines if line.strip()][:_LINES])
    if form and not cfg.column_names:
        return _fixed(path, form, encoding)
    comments = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    lines = lines[comments : comments + _LINES]
    if not lines:
        raise InputError(f"{path}: holds comments and no data; accepted is a table with a header line")
    delimiter = _delimiter(lines, cfg, path)
    rows = [cells(line, delimiter) for line in lines]
    given = cfg.column_names or (presets.column_names(rows[0]) if cfg.preset != "none" else ())
    names, body = (given, rows) if given else (_header(rows[0], path), rows[1:])
    if cfg.column_names and len(cfg.column_names) != len(rows[0]):
        raise InputError(
            f"{path}: setting 'column_names' names {len(cfg.column_names)} columns, the first line has {len(rows[0])}"
        )
    sample = tuple(tuple(row) for row in body if any(cell.strip() for cell in row))
    decimal = _decimal(sample, delimiter) if cfg.decimal == "auto" else cfg.decimal
    return Dialect(encoding, delimiter, decimal, tuple(names), comments + (0 if given else 1), sample)


def _first_lines(path: Path, cfg: ObservationsConfig) -> tuple[list[str], str]:
    """Return the first whole lines of a table and its encoding."""
    with opened(path) as file:
        head = file.read(_HEAD)
    if not head.strip():
        raise InputError(f"{path}: the file is empty; get it again")
    encoding = cfg.encoding if cfg.encoding != "auto" else _encoding(head)
    try:
        text = head.decode(encoding, errors="replace" if cfg.encoding == "auto" else "strict")
    except LookupError:
        raise InputError(
            f"setting 'encoding' names {encoding!r}, which is unknown; accepted are utf-8, cp1252, ..."
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: is not written in {encoding} (byte {error.start}); set 'encoding', or auto"
        ) from error
    lines = text.splitlines()
    return (lines[:-1] if len(head) == _HEAD else lines), encoding  # the last one may be cut short


def _fixed(path: Path, form: str, encoding: str) -> Dialect:
    """Return the dialect of a table of columns at fixed places."""
    with opened(path) as file:
        first = next(fixed.frames(file, form)).head(_LINES)
    rows = tuple(tuple(map(str, row)) for row in first.itertuples(index=False))
    return Dialect(encoding, "fixed", ".", fixed.NAMES[form], 0, rows, form)


def cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line, quotes removed."""
    if delimiter == r"\s+":
        return line.split()
    return [cell.strip() for cell in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]


def _encoding(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head[: head.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig" if head.startswith(b"\xef\xbb\xbf") else "utf-8"


def _delimiter(lines: Sequence[str], cfg: ObservationsConfig, path: Path) -> str:
    """Return the delimiter that gives most lines the same number of cells, and the most cells."""
    if cfg.delimiter != "auto":
        return r"\s+" if cfg.delimiter == "whitespace" else cfg.delimiter
    shown = [line for line in lines if line.strip()]
    scores = {}
    for delimiter in (*_DELIMITERS, r"\s+"):
        counts = [len(cells(line, delimiter)) for line in shown]
        width = counts[0]
        scores[delimiter] = (sum(count == width for count in counts) / len(counts) > 0.9, delimiter != r"\s+", width)
    best = max((d for d in scores if scores[d][2] > 1), key=lambda d: scores[d], default=None)
    if best is None:
        raise InputError(
            f"{path}: its first line {shown[0][:60]!r} has one column; accepted is a table with columns apart by comma,"
            " semicolon, tab, | or white space (setting delimiter)"
        )
    return best


def _header(row: Sequence[str], path: Path) -> list[str]:
    numbers = [cell for cell in row if NUMBER.match(cell) or _COMMA_NUMBER.match(cell)]
    if numbers:
        raise InputError(
            f"{path}: its first line holds numbers ({numbers[0]}), so there is no header line; name the columns by"
            f" column_names: [...] ({len(row)} names)"
        )
    names: list[str] = []
    for number, cell in enumerate(row, 1):
        name = cell or f"unnamed {number}"
        names.append(name if name not in names else f"{name} ({number})")
    return names


def _decimal(sample: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    flat = [cell for row in sample for cell in row]
    commas, points = (
        sum(bool(shape.match(c)) for c in flat) for shape in (_COMMA_NUMBER, re.compile(r"[-+]?\d+\.\d+$"))
    )
    return "," if commas > points else "."
