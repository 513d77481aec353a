"""Several animals become one Dataset: useless ROIs left out, neurons aligned, everything counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.kinds import traces as kind
from polyadic.sources.trace_files.recording import Recording
from polyadic.sources.trace_files.settings import TracesConfig

Names = Mapping[tuple[str, int], str]


def with_animals(recordings: Sequence[Recording], cfg: TracesConfig) -> list[Recording]:
    """Return the recordings with different names of their animals.

    A name is the setting's, the file's own, or what tells the paths of the files apart.
    """
    if cfg.animals and len(cfg.animals) != len(recordings):
        raise InputError(
            f"setting animals names {len(cfg.animals)} animals, the files hold {len(recordings)} recordings"
        )
    own = [recording.animal for recording in recordings]
    if cfg.animals:
        own = list(cfg.animals)
    elif not all(own) or len(set(own)) < len(own):
        paths = [f"{r.path.with_suffix('').as_posix()}/{r.animal}".rstrip("/").split("/") for r in recordings]
        own = _different(paths) if len(paths) > 1 else [own[0] or recordings[0].path.stem]
    if len(set(own)) < len(own):
        raise InputError(f"{recordings[0].path}: two recordings are of animal {Counter(own).most_common(1)[0][0]!r};"
                         " set animals: [...], a name each")  # fmt: skip
    return [replace(recording, animal=name) for recording, name in zip(recordings, own, strict=True)]


def _different(paths: list[list[str]]) -> list[str]:
    """Return the last part of every path at which all paths differ, or the whole paths."""
    for back in range(1, min(map(len, paths)) + 1):
        parts = [path[-back] for path in paths]
        if len(set(parts)) == len(parts):
            return parts
    return ["/".join(path) for path in paths]


def without_useless(recording: Recording, dropped: Counter[str]) -> Recording:
    """Return the recording without ROIs that never change or are never there; infinite values become missing."""
    values = recording.values
    infinite = np.isinf(values)
    if infinite.any():
        dropped["infinite value, made missing"] += int(infinite.sum())
        values = np.where(infinite, np.nan, values)
    finite = np.isfinite(values)
    absent = ~finite.any(axis=1)
    low = np.where(finite, values, np.inf).min(axis=1)
    constant = ~absent & (low == np.where(finite, values, -np.inf).max(axis=1))
    dropped["ROI without a value"] += int(absent.sum())
    dropped["constant ROI"] += int(constant.sum())
    keep = np.flatnonzero(~absent & ~constant)
    if not keep.size:
        raise InputError(f"{recording.path}: all {absent.size} ROIs are constant or empty; check series and the file")
    rois = np.arange(absent.size) if recording.rois is None else recording.rois
    return replace(
        recording,
        values=values[keep],
        rois=rois[keep],
        names=None if recording.names is None else tuple(recording.names[i] for i in keep),
        position=None if recording.position is None else recording.position[keep],
    )


def named(recording: Recording, rule: str, table: Names, cfg: TracesConfig, dropped: Counter[str]) -> Recording:
    """Return the recording with a name for every ROI, each once; a ROI without a name is of its animal alone."""
    rois = [] if recording.rois is None else recording.rois.tolist()
    own = {
        "registration": lambda: [table.get((recording.animal, roi), "") for roi in rois],
        "name": lambda: list(recording.names or [""] * len(rois)),
        "index": lambda: [f"ROI {roi}" for roi in rois],
        "none": lambda: [""] * len(rois),
    }[rule]()
    first: dict[str, int] = {}
    for row, (name, roi) in enumerate(zip(own, rois, strict=True)):
        unique = name or f"{recording.animal} ROI {roi}"
        if unique in first:
            if cfg.duplicates == "error":
                raise InputError(
                    f"{recording.path}: two ROIs are named {unique!r}; rename one, or set duplicates: first"
                )
            dropped[f"duplicate of {unique} in {recording.animal}"] += 1
        first.setdefault(unique, row)
    keep = list(first.values())
    return replace(
        recording,
        values=recording.values[keep],
        names=tuple(first),
        position=None if recording.position is None else recording.position[keep],
    )


def rule_of(recordings: Sequence[Recording], table: Names, cfg: TracesConfig) -> str:
    """Return how neurons are aligned; ask where several animals have nothing to align them by."""
    if table:
        return "registration"
    has_names = [recording.names is not None and any(recording.names) for recording in recordings]
    if cfg.align == "name" and not all(has_names):
        raise InputError(
            f"{recordings[has_names.index(False)].path}: has no names to align by; set names, or another align"
        )
    if cfg.align != "auto":
        return cfg.align
    if all(has_names):
        return "name"
    if len(recordings) == 1:
        return "index"
    raise InputError(
        f"{recordings[has_names.index(False)].path}: nothing says which neurons of {len(recordings)} animals are the"
        " same; set names or registration, align: index (an atlas), or align: none (each its own)"
    )


def dataset(recordings: Sequence[Recording], rate: float, cfg: TracesConfig, dropped: Counter[str]) -> xr.Dataset:
    """Return the Dataset of recordings that are on one clock and named."""
    counts = Counter(name for recording in recordings for name in recording.names or ())
    neurons = sorted(name for name, number in counts.items() if number >= cfg.minimum_animals)
    dropped[f"neuron of fewer than {cfg.minimum_animals} animals"] += len(counts) - len(neurons)
    if not neurons:
        raise InputError(f"no neuron is in {cfg.minimum_animals} of {len(recordings)} animals; lower minimum_animals")
    frames = max(recording.values.shape[1] for recording in recordings)
    rows = {name: i for i, name in enumerate(neurons)}
    values = np.full((len(recordings), len(neurons), frames), np.nan, np.float32)
    observed = np.zeros(values.shape[:2], bool)
    for animal, recording in enumerate(recordings):
        for row, name in enumerate(recording.names or ()):
            if name in rows:
                values[animal, rows[name], : recording.values.shape[1]] = recording.values[row]
                observed[animal, rows[name]] = True
    out = kind.dataset(
        values,
        rate,
        animal=[recording.animal for recording in recordings],
        neuron=neurons,
        observed=observed,
        signal_type=_common("signal_type", cfg.signal_type if cfg.signal_type != "auto" else "", recordings) or "raw",
        clock=cfg.clock,
        events=_events(recordings),
        behaviour=_behaviour(recordings, frames, cfg),
        units=_common("units", cfg.units, recordings) or "1",
    )
    if any(recording.position is not None for recording in recordings):
        out["position"] = _positions(recordings, rows)
        out = out.assign_coords(axis=("axis", ["x", "y", "z"][: out.sizes["axis"]]))
    if any(recording.trial is not None for recording in recordings):
        out["trial"] = _trials(recordings, frames)
    if any(recording.session for recording in recordings):
        names = np.array([recording.session for recording in recordings], str)
        out["session"] = ("animal", names, {"long_name": "session of the recording"})
    _report(dropped)
    return kind.with_dropped(out, {reason: number for reason, number in dropped.items() if number})


def _common(setting: str, given: str, recordings: Sequence[Recording]) -> str:
    found = sorted({getattr(recording, setting) for recording in recordings})
    if not given and len(found) > 1:
        raise InputError(
            f"{recordings[0].path}: the files differ in {setting} ({', '.join(map(repr, found))}); set {setting}"
        )
    return given or str(found[0])


def _events(recordings: Sequence[Recording]) -> kind.Events | None:
    rows = sorted((animal, *event) for animal, recording in enumerate(recordings) for event in recording.events)
    if not rows:
        return None
    animal, start, stop, label = zip(*rows, strict=True)
    return kind.Events(animal, start, stop, label)


def _behaviour(
    recordings: Sequence[Recording], frames: int, cfg: TracesConfig
) -> dict[str, tuple[NDArray[np.float32], dict[str, Any]]]:
    found = {}
    for name in sorted({name for recording in recordings for name in recording.behaviour}):
        values = np.full((len(recordings), frames), np.nan, np.float32)
        for animal, recording in enumerate(recordings):
            series = recording.behaviour.get(name, np.zeros(0))
            values[animal, : series.size] = series
        found[name] = (values, {"units": cfg.behaviour_units.get(name, "1"), "long_name": name.replace("_", " ")})
    return found


def _trials(recordings: Sequence[Recording], frames: int) -> xr.DataArray:
    values = np.full((len(recordings), frames), -1, np.int32)
    for animal, recording in enumerate(recordings):
        if recording.trial is not None:
            values[animal, : recording.trial.size] = recording.trial
    attributes = {"units": "1", "long_name": "number of the trial, -1 outside of trials"}
    return xr.DataArray(values, dims=("animal", "time"), attrs=attributes)


def _positions(recordings: Sequence[Recording], rows: Mapping[str, int]) -> xr.DataArray:
    axes = max(recording.position.shape[1] for recording in recordings if recording.position is not None)
    values = np.full((len(recordings), len(rows), axes), np.nan)
    for animal, recording in enumerate(recordings):
        if recording.position is None:
            continue
        for name, place in zip(recording.names or (), recording.position, strict=True):
            if name in rows:
                values[animal, rows[name], : place.size] = place
    attributes = {"units": "1", "long_name": "centre of the ROI in pixels"}
    return xr.DataArray(values, dims=("animal", "neuron", "axis"), attrs=attributes)


def _report(dropped: Counter[str]) -> None:
    for reason, number in sorted(dropped.items()):
        if number:
            progress.log(f"left out {number:,}: {reason}")
