"""CSV tables: a column a neuron, a row a frame, and a column of times where there is one."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyadic.core.errors import InputError, nearest
from polyadic.sources.trace_files.recording import Recording
from polyadic.sources.trace_files.settings import TracesConfig

_TIMES = ("time", "time_s", "time [s]", "time (s)", "t", "seconds", "timestamp")


def read(path: Path, cfg: TracesConfig) -> list[Recording]:
    """Return the recording of a table with one header line of names.

    Raises
    ------
    InputError
        If a cell is no number, or no header is there; the message names column and line.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False, comment="#")
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: not a readable table ({error}); accepted is CSV with a header line") from error
    columns = [str(name).strip() for name in frame.columns]
    if cfg.time and cfg.time not in columns:
        raise InputError(f"{path}: setting time names column {cfg.time!r}; {nearest(cfg.time, columns)}")
    if all(_is_number(name) for name in columns):
        raise InputError(
            f"{path}: the first line holds numbers ({', '.join(columns[:3])}); put the neurons' names there"
        )
    clock = cfg.time or next((name for name in columns if name.casefold() in _TIMES), "")
    values = np.stack([_column(path, name, frame.iloc[:, i].to_numpy()) for i, name in enumerate(columns)])
    rows = [i for i, name in enumerate(columns) if name != clock]
    time = values[columns.index(clock)] if clock else None
    return [Recording(path, "", values[rows], tuple(columns[i] for i in rows), time)]


def registration(path: Path) -> dict[tuple[str, int], str]:
    """Return the name of a neuron by animal and position of its ROI in the file.

    Raises
    ------
    InputError
        If a column is missing, a position is no whole number, or a ROI has two names.
    """
    import pandas as pd

    frame = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False)
    missing = [name for name in ("animal", "roi", "neuron") if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r} among {', '.join(frame.columns)}; rename it")
    found: dict[tuple[str, int], str] = {}
    for line, (animal, roi, neuron) in enumerate(frame[["animal", "roi", "neuron"]].to_numpy().tolist(), 2):
        if not roi.strip().isdigit():
            raise InputError(f"{path}, column 'roi', line {line}: {roi!r} is no position, accepted are 0, 1, 2, ...")
        if found.setdefault((animal, int(roi)), neuron) != neuron:
            raise InputError(f"{path}, line {line}: ROI {roi} of {animal} has two neurons; keep one")
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(path: Path, name: str, cells: NDArray[Any]) -> NDArray[np.float64]:
    blank = np.isin(np.char.lower(cells.astype(str)), ("", "nan", "na"))
    out = np.full(cells.size, np.nan)
    try:
        out[~blank] = cells[~blank].astype(np.float64)
    except ValueError:
        line = next(i for i, cell in enumerate(cells) if not blank[i] and not _is_number(cell))
        raise InputError(
            f"{path}, column {name!r}, row {line + 1}: {cells[line]!r} is no number; accepted are numbers and"
            " empty cells"
        ) from None
    return out
