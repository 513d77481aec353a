"""Files of named arrays: .npz, MATLAB (v5 and v7.3) and plain HDF5, read by names that settings give or usage has."""

import contextlib
import fnmatch
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polyadic.core.errors import InputError, nearest
from polyadic.sources.trace_files.recording import (
    TRIAL_AXES,
    Recording,
    Span,
    choose,
    joined_trials,
    numbers,
    oriented,
    texts,
)
from polyadic.sources.trace_files.settings import TracesConfig

_NAMES = ("names", "neuron", "neurons", "neuron_name", "neuron_names", "labels", "regions")
_TIMES = ("time", "times", "time_s", "t", "timestamps")
_RATES = ("sampling_rate", "rate", "fs", "fps", "frame_rate")

Arrays = Mapping[str, Callable[[], Any]]
"""Names of arrays, and how to read each."""


def read(path: Path, form: str, cfg: TracesConfig) -> list[Recording]:
    """Return the recordings of a file of arrays: one, or one a group that matches the setting `groups`.

    Raises
    ------
    InputError
        If an array that a setting names is missing, or several may be the traces.
    """
    with _opened(path, form) as found:
        if not cfg.groups:
            return [_recording(path, "", found, cfg)]
        if form != "hdf5":
            raise InputError(f"{path}: setting groups is for HDF5 files, found {form}; leave it out")
        return [
            _recording(path, group.rpartition("/")[2], _below(found, group), cfg) for group in _groups(path, cfg, found)
        ]


def check_plane(path: Path, form: str) -> None:
    """Refuse a file without an array that may be traces, by what it says of its arrays: nothing is read.

    Raises
    ------
    InputError
        If there are several arrays and none that has two axes and is neither names, times nor rates.
    """
    if form == "matlab" and not h5py.is_hdf5(path):
        from scipy.io import whosmat

        axes = {name: len(shape) for name, shape, _ in whosmat(path)}
    else:
        axes = {}
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: axes.update({name: item.ndim} if isinstance(item, h5py.Dataset) else {}))
    planes = [name for name, count in axes.items() if count == 2 and name not in (*_NAMES, *_TIMES, *_RATES)]
    if len(axes) > 1 and not planes:
        raise InputError(f"{path}: no array has the two axes of traces; found {', '.join(sorted(axes)[:10])}")


def _groups(path: Path, cfg: TracesConfig, found: Arrays) -> list[str]:
    pattern = cfg.groups.strip("/")
    depth = pattern.count("/") + 1
    groups = sorted({"/".join(name.split("/")[:depth]) for name in found if name.count("/") >= depth})
    matching = [group for group in groups if fnmatch.fnmatchcase(group, pattern)]
    if not matching:
        raise InputError(f"{path}: no group matches {cfg.groups!r}; found {', '.join(groups[:10]) or 'no groups'}")
    return matching


def _below(found: Arrays, group: str) -> Arrays:
    return {name.removeprefix(f"{group}/"): load for name, load in found.items() if name.startswith(f"{group}/")}


def _recording(path: Path, group: str, found: Arrays, cfg: TracesConfig) -> Recording:
    where = f"{path}, {group}" if group else str(path)
    names = _named(where, found, cfg.names, _NAMES, "names")
    time = _named(where, found, cfg.time, _TIMES, "time")
    rate = next((float(np.ravel(found[name]())[0]) for name in _RATES if name in found), None)
    labels = None if names is None else texts(names)
    seconds = None if time is None else numbers(time, f"{where}, time").ravel().astype(np.float64)
    series = _series(where, found, cfg)
    values, trial = numbers(found[series](), f"{where}, {series}"), None
    if values.ndim == 3 or cfg.orientation in TRIAL_AXES:
        values, trial = joined_trials(np.atleast_3d(values), cfg.orientation, f"{where}, {series}")
        if seconds is not None and seconds.size != trial.size:  # the clock of one trial
            rate = float((seconds.size - 1) / (seconds[-1] - seconds[0]))
            seconds = None
    else:
        values = oriented(
            values,
            cfg.orientation,
            None if labels is None else len(labels),
            None if seconds is None else seconds.size,
            f"{where}, {series}",
        )
    behaviour = {
        name: numbers(_get(where, found, key, "behaviour"), f"{where}, {key}").ravel()
        for name, key in cfg.behaviour.items()
    }
    events = [
        span for label, key in cfg.events.items() for span in _spans(where, found, label, key, cfg, seconds, rate)
    ]
    return Recording(path, group, values, labels, seconds, rate, events=tuple(events), behaviour=behaviour, trial=trial)


def _get(where: str, found: Arrays, name: str, setting: str) -> Any:
    if name not in found:
        raise InputError(f"{where}: setting {setting} names {name!r}, which is not there; {nearest(name, found)}")
    return found[name]()


def _named(where: str, found: Arrays, wanted: str, usual: tuple[str, ...], setting: str) -> Any:
    if wanted:
        return _get(where, found, wanted, setting)
    return next((found[name]() for name in usual if name in found), None)


def _series(where: str, found: Arrays, cfg: TracesConfig) -> str:
    if cfg.series:
        return choose(where, "array", cfg.series, list(found), "series")
    named = {*_NAMES, *_TIMES, *_RATES, cfg.names, cfg.time, *cfg.events.values(), *cfg.behaviour.values()}
    arrays = [name for name in found if name not in named]
    flat = [name for name in arrays if np.asarray(found[name]()).ndim in (2, 3)] if len(arrays) > 1 else arrays
    return choose(where, "arrays that may be the traces", "", flat, "series")


def _spans(
    where: str, found: Arrays, label: str, key: str, cfg: TracesConfig, time: Any, rate: float | None
) -> Iterator[Span]:
    table = np.asarray(numbers(_get(where, found, key, "events"), f"{where}, {key}"), np.float64)
    if table.size == 0:
        return
    pairs = table[:, None].repeat(2, axis=1) if table.ndim == 1 else table
    if pairs.ndim != 2 or pairs.shape[1] not in (1, 2):
        raise InputError(f"{where}, {key}: events have shape {table.shape}, accepted are (n, 2) and (n,)")
    pairs = pairs[:, [0, -1]]
    if cfg.event_unit != "s":
        frames = pairs - (cfg.event_unit == "frame1")
        step = cfg.sampling_rate or rate
        if time is None and step is None:
            raise InputError(f"{where}: events in frames need a clock; set sampling_rate or time")
        clock = np.arange(int(frames.max()) + 1) / (step or 1.0) if time is None else time
        pairs = np.interp(frames, np.arange(clock.size), clock)
    yield from ((float(start), float(stop), label) for start, stop in pairs)


@contextlib.contextmanager
def _opened(path: Path, form: str) -> Iterator[Arrays]:
    try:
        if form == "npz":
            with np.load(path, allow_pickle=False) as file:
                yield {name: _loader(file, name) for name in file.files}
        elif form == "hdf5" or h5py.is_hdf5(path):
            with h5py.File(path, "r") as file:
                yield _of_hdf5(file, transposed=form == "matlab")
        else:
            from scipy.io import loadmat

            held = loadmat(path, squeeze_me=False)
            yield {name: _constant(value) for name, value in held.items() if not name.startswith("__")}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, NotImplementedError) as error:
        message = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a readable {form} file of plain arrays ({message}); save it again") from error


def _loader(file: Any, name: str) -> Callable[[], Any]:
    return lambda: file[name]


def _constant(value: Any) -> Callable[[], Any]:
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":  # a cell array of texts
        cells = [np.ravel(cell)[0] if np.size(cell) else "" for cell in value.ravel()]
        return lambda: np.array([str(cell) for cell in cells])
    return lambda: value


def _of_hdf5(file: h5py.File, *, transposed: bool) -> dict[str, Callable[[], Any]]:
    """Return all arrays by path; MATLAB stores the axes of v7.3 files in reverse, and its own matter below '#'."""
    found: dict[str, Callable[[], Any]] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("#") and h5py.check_ref_dtype(item.dtype) is None:
            found[name] = (lambda: item[()].T) if transposed else (lambda: item[()])

    file.visititems(visit)
    return found
