"""NWB 2.x by h5py alone: what is there is found by the attribute ``neurodata_type``."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polyadic.core.errors import InputError, nearest
from polyadic.sources.trace_files.recording import Recording, Span, choose, numbers, texts, trials_of
from polyadic.sources.trace_files.settings import TracesConfig

_NAME_COLUMNS = (
    "ID_labels",
    "neuron_name",
    "neuron_names",
    "name",
    "names",
    "label",
    "labels",
    "cell_name",
    "roi_name",
)
_TIMES = ("start_time", "stop_time")
_HOLDERS = {"DfOverF": "dF/F", "Fluorescence": "raw"}


def read(path: Path, cfg: TracesConfig) -> list[Recording]:
    """Return the recording of an NWB file.

    Raises
    ------
    InputError
        If there is no series of ROIs, or several and `series` names none of them.
    """
    with h5py.File(path, "r") as file:
        series = file[choose(str(path), "ROI series", cfg.series, _series(file), "series")]
        where = f"{path}, {series.name}"
        data = series.get("data")
        if not isinstance(data, h5py.Dataset) or data.ndim != 2:
            raise InputError(f"{where}: data has shape {getattr(data, 'shape', None)}, accepted is (time, roi)")
        values = numbers(data[()], f"{where}/data").T * data.attrs.get("conversion", 1.0)
        time, rate = _clock(series)
        table, rows = _table(file, series)
        holder = _text(series.parent.attrs.get("neurodata_type", ""))
        unit = _text(data.attrs.get("unit", ""))
        return [
            Recording(
                path,
                _subject(file),
                values + data.attrs.get("offset", 0.0),
                _names(table, rows, cfg.names, where),
                time,
                rate,
                _HOLDERS.get(holder, ""),
                unit if unit not in ("n.a.", "a.u.", "au", "unknown", "lumens") else "",
                tuple(_events(file)),
                position=_position(table, rows),
                trial=_trials(file, time),
                session=_text(file["general/session_id"][()]) if "general/session_id" in file else "",
            )
        ]


def is_nwb(file: h5py.File) -> bool:
    """Return whether an HDF5 file is NWB of version 2."""
    return _text(file.attrs.get("neurodata_type", "")) == "NWBFile" or "nwb_version" in file.attrs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _of_type(file: h5py.File, wanted: str) -> list[h5py.Group]:
    found: list[h5py.Group] = []

    def visit(_: str, item: Any) -> None:
        if _text(item.attrs.get("neurodata_type", "")) == wanted:
            found.append(item)

    file.visititems(visit)
    return found


def _series(file: h5py.File) -> list[str]:
    return [group.name for group in _of_type(file, "RoiResponseSeries")]


def _clock(series: h5py.Group) -> tuple[Any, float | None]:
    if "timestamps" in series:
        return np.asarray(series["timestamps"][()], np.float64), None
    if "starting_time" in series and "rate" in series["starting_time"].attrs:
        rate = float(series["starting_time"].attrs["rate"])
        start = float(series["starting_time"][()])
        return (start + np.arange(series["data"].shape[0]) / rate, rate) if rate > 0 else (None, None)
    return None, None


def _table(file: h5py.File, series: h5py.Group) -> tuple[Any, Any]:
    """Return the PlaneSegmentation of a series and the rows that its ROIs are."""
    rois = series.get("rois")
    if rois is None or "table" not in rois.attrs:
        return None, None
    return file[rois.attrs["table"]], np.asarray(rois[()], np.intp)


def _names(table: Any, rows: Any, wanted: str, where: str) -> tuple[str, ...] | None:
    if table is None:
        return None
    columns = [name for name in table if isinstance(table[name], h5py.Dataset) and table[name].ndim == 1]
    if wanted and wanted not in columns:
        raise InputError(
            f"{where}: setting names asks for column {wanted!r} of {table.name}; {nearest(wanted, columns)}"
        )
    column = wanted or next((name for name in _NAME_COLUMNS if name in columns), "")
    return tuple(np.array(texts(table[column][()]), object)[rows]) if column else None


def _position(table: Any, rows: Any) -> Any:
    """Return the centres of the pixel or voxel masks of the ROIs, in pixels."""
    name = next((n for n in ("pixel_mask", "voxel_mask") if table is not None and n in table), "")
    if not name or f"{name}_index" not in table:
        return None
    mask, ends = table[name][()], table[f"{name}_index"][()].astype(np.intp)
    axes = ("x", "y", "z")[: 2 if name == "pixel_mask" else 3]
    centres = np.full((ends.size, len(axes)), np.nan)
    for row, (start, stop) in enumerate(zip(np.r_[0, ends[:-1]], ends, strict=True)):
        if stop > start:
            centres[row] = [np.mean(mask[axis][start:stop]) for axis in axes]
    return centres[rows]


def _events(file: h5py.File) -> list[Span]:
    """Return the rows of all tables of intervals, labelled by the table and its first column of texts."""
    found: list[Span] = []
    for table in _of_type(file, "TimeIntervals"):
        if not all(name in table for name in _TIMES):
            continue
        start, stop = (np.asarray(table[name][()], np.float64) for name in _TIMES)
        name = table.name.rpartition("/")[2]
        labels = [name] * start.size
        for column in sorted(table):
            item = table[column]
            if isinstance(item, h5py.Dataset) and item.shape == start.shape and item.dtype.kind in "OSU":
                labels = [f"{name}: {text}" for text in texts(item[()])]
                break
        found += [(float(a), float(b), label) for a, b, label in zip(start, stop, labels, strict=True)]
    return found


def _trials(file: h5py.File, time: Any) -> Any:
    """Return the trial of each frame by the table ``trials``, or None where the file has no such table or clock."""
    tables = [table for table in _of_type(file, "TimeIntervals") if table.name.rpartition("/")[2] == "trials"]
    if not tables or time is None or not all(name in tables[0] for name in _TIMES):
        return None
    columns = (np.asarray(tables[0][name][()], np.float64).tolist() for name in _TIMES)
    return trials_of(time, list(zip(*columns, strict=True)))


def _subject(file: h5py.File) -> str:
    subject = file.get("general/subject/subject_id")
    return _text(subject[()]) if isinstance(subject, h5py.Dataset) else ""
