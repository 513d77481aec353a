"""Join the contents of files to one Dataset of kind `fields`: roles, names, axes, times, samples left out."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.core.parallel import ordered_map
from polyadic.kinds import fields as kind
from polyadic.sources.field_formats.arrays import check_names
from polyadic.sources.field_formats.contents import Contents, axis
from polyadic.sources.field_formats.settings import FieldFilesConfig, spread
from polyadic.sources.field_formats.stored import Selection

LAZY_ABOVE = 2**26
"""Fields above 64 MiB in all are read block by block while the result is written; smaller ones at once."""

_BLOCK = 2**23  # bytes of a block of samples


class Part(NamedTuple):
    """One variable of the result: its name in the files, its role, its new name."""

    name: str
    role: str
    new: str


def dataset(read: Sequence[Contents], cfg: FieldFilesConfig) -> xr.Dataset:
    """Return the samples of some files, in the order of the files."""
    parts = _parts(read[0], cfg)
    for contents in read:
        check_names(contents.path, [part.name for part in parts], contents.fields)
    windows = [_windows(contents, parts, cfg) for contents in read]
    pairs = [*zip(read, windows, strict=True)]
    chosen = {part: [_selection(contents, part, cfg, n) for contents, n in pairs] for part in parts}
    for part, selections in chosen.items():
        _check_equal(part.name, selections, read)
    _check_one_grid(read[0], parts)
    axes = _axes(read, cfg)
    runs = [c.samples for c in read]
    kept = _finite(read, chosen, windows)
    lazy = sum(s.nbytes for selections in chosen.values() for s in selections) > LAZY_ABOVE
    channels = {s[0].shape[1] for s in chosen.values() if s[0].ndim == 2 + len(axes)}
    variables: dict[str, Any] = {}
    for part, selections in chosen.items():
        about = _about(read[0], part, cfg)
        if len(channels) > 1:  # a dimension has one length
            about["extra"] = f"channel{selections[0].shape[1]}"
        variables[part.new] = (_values(selections, kept, lazy), part.role, about)
    for part in _numbers(read, cfg):
        values = np.concatenate([np.repeat(c.numbers[part.name], w) for c, w in zip(read, windows, strict=True)])
        variables[part.new] = (values[kept].astype(np.float32), part.role, _about(read[0], part, cfg))
    counts = [n * w for n, w in zip(runs, windows, strict=True)]
    flags = np.repeat([kind.SPLITS.index(use) for use in cfg.split], counts)[kept] if cfg.split else None
    out = kind.dataset(variables, axes, split=flags, equation=read[0].equation, generator="files that were brought")
    out.attrs["layout"] = read[0].layout
    if cfg.every:
        moments = np.concatenate([np.tile(np.arange(w) * cfg.every, n) for n, w in zip(runs, windows, strict=True)])
        out = out.assign_coords(kind.runs(_run_numbers(runs, windows)[kept], moments[kept]))
        _link(out, parts)
    return out


def _link(out: xr.Dataset, parts: Sequence[Part]) -> None:
    """Say of an input which output is the same field later."""
    later = {part.name: part.new for part in parts if part.role == "output"}
    for part in parts:
        if part.role == "input" and part.name in later and "steps" in out[part.new].attrs:
            out[part.new].attrs[kind.EVOLVES] = later[part.name]


def _parts(first: Contents, cfg: FieldFilesConfig) -> list[Part]:
    inputs, outputs = cfg.inputs or first.inputs, cfg.outputs or first.outputs
    if not inputs or not outputs:
        raise InputError(f"{first.path}: holds {', '.join(first.fields)}; set inputs and outputs to names of these")
    both = set(inputs) & set(outputs)
    return [
        Part(name, role, _renamed(name, role, cfg, clash=name in both))
        for role, names in (("input", inputs), ("output", outputs))
        for name in names
    ]


def _renamed(name: str, role: str, cfg: FieldFilesConfig, *, clash: bool) -> str:
    """Return the new name; one that an axis or a field of another role has says its role too."""
    new = cfg.names.get(name, name)
    return f"{role}_{new}" if clash or new in (*kind.SPACE, "sample", "split", "run", "moment") else new


def _numbers(read: Sequence[Contents], cfg: FieldFilesConfig) -> Iterator[Part]:
    """Yield the numbers that are inputs: those the settings name, else those of all files that differ."""
    for contents in read:
        check_names(
            contents.path, [name for name in cfg.parameters if name != "none"], contents.numbers, "set parameters"
        )
    shared = [name for name in read[0].numbers if all(name in contents.numbers for contents in read)]
    differing = [name for name in shared if np.unique(np.concatenate([c.numbers[name] for c in read])).size > 1]
    wanted = differing if not cfg.parameters else [name for name in cfg.parameters if name != "none"]
    if differing and not cfg.parameters:
        progress.log(f"inputs besides the fields, because they differ between runs: {', '.join(differing)}")
    for name in wanted:
        yield Part(name, "parameter", _renamed(name, "parameter", cfg, clash=False))


def _windows(contents: Contents, parts: Sequence[Part], cfg: FieldFilesConfig) -> int:
    """Return how many samples each run gives."""
    if not cfg.every:
        return 1
    lengths = [contents.fields[p.name].times for p in parts if contents.fields[p.name].times]
    if not lengths:
        raise InputError(f"{contents.path}: its fields do not vary in time; leave every at 0")
    needed = max(*cfg.input_times, *cfg.output_times) + 1
    if needed > min(lengths):
        raise InputError(
            f"{contents.path}: its runs have {min(lengths)} steps, input_times and output_times need {needed}"
        )
    return (min(lengths) - needed) // cfg.every + 1


def _selection(contents: Contents, part: Part, cfg: FieldFilesConfig, windows: int) -> Selection:
    field = contents.fields[part.name]
    if not field.times:
        return Selection(field, (0,), 0, windows)
    found = []
    for step in cfg.input_times if part.role == "input" else cfg.output_times:
        if not -field.times <= step < field.times:
            raise InputError(
                f"{contents.path}: {part.name!r} has {field.times} steps in time, {part.role}_times names {step}"
            )
        found.append(step % field.times)
    return Selection(field, tuple(found), cfg.every, windows)


def _check_equal(name: str, selections: Sequence[Selection], read: Sequence[Contents]) -> None:
    for selection, contents in zip(selections, read, strict=True):
        if selection.shape[1:] != selections[0].shape[1:]:
            raise InputError(
                f"{contents.path}: {name!r} has shape {selection.shape[1:]} a sample, {read[0].path.name} has"
                f" {selections[0].shape[1:]}; one dataset has one grid: make a section of datasets.yaml for each"
                " resolution"
            )
    for contents in read:
        if contents.fields[name].samples != contents.samples:
            raise InputError(
                f"{contents.path}: {name!r} has {contents.fields[name].samples} samples, others have {contents.samples}"
            )


def _check_one_grid(contents: Contents, parts: Sequence[Part]) -> None:
    first, *others = [(part.name, contents.fields[part.name].points) for part in parts]
    for name, points in others:
        if points != first[1]:
            raise InputError(
                f"{contents.path}: {name!r} has {points} points, {first[0]!r} has {first[1]}; accepted is one grid for"
                " inputs and outputs: bring both to one before"
            )


def _axes(read: Sequence[Contents], cfg: FieldFilesConfig) -> dict[str, kind.Axis]:
    sides = read[0].axes
    for contents in read[1:]:
        different = [name for name, side in contents.axes.items() if side.boundary != sides[name].boundary]
        if different and not cfg.boundaries:
            one, other = (c.axes[different[0]].boundary or "unknown" for c in (contents, read[0]))
            raise InputError(
                f"{contents.path}: its edges along {different[0]} are {one}, those of {read[0].path.name} {other};"
                " read them apart, or set boundary"
            )
    low, high = (spread(name, values, len(sides)) for name, values in zip(("low", "high"), cfg.ends, strict=True))
    boundary = spread("boundary", cfg.boundaries, len(sides))
    if not boundary and not all(side.boundary for side in sides.values()):
        progress.warn(f"{read[0].path.name} does not say what holds at the edges: taken as periodic; set boundary")
    found = {}
    for number, (name, side) in enumerate(sides.items()):
        condition = boundary[number] if boundary else side.boundary or "periodic"
        placed = axis(side.points, condition, f"{read[0].path.name}, {name}")
        start, end = (values[number] if values else end for values, end in ((low, placed.low), (high, placed.high)))
        found[name] = kind.Axis(start, end, condition, cfg.grid or placed.grid)
    return found


def _finite(read: Sequence[Contents], chosen: dict[Part, list[Selection]], windows: Sequence[int]) -> NDArray[np.bool_]:
    """Return which samples are kept: those of runs whose values are all finite."""
    kept = []
    for number, (contents, count) in enumerate(zip(read, windows, strict=True)):
        whole = np.ones(contents.samples * count, bool)
        for selections in chosen.values():
            bounds = _bounds(selections[number])
            blocks = ordered_map(_all_finite, ((selections[number], a, b) for a, b in bounds))
            whole &= np.concatenate(list(blocks))
        runs = whole.reshape(-1, count).all(axis=1)
        if not runs.all():
            what = "runs" if any(field.times for field in contents.fields.values()) else "samples"
            left = f"{int((~runs).sum())} of {runs.size} {what} hold values that are not finite"
            progress.warn(f"{contents.path.name}: {left}: left out")
        kept.append(np.repeat(runs, count))
    found = np.concatenate(kept)
    if not found.any():
        raise InputError(f"{read[0].path}: every run holds values that are not finite; nothing is left")
    return found


def _all_finite(block: tuple[Selection, int, int]) -> NDArray[np.bool_]:
    selection, start, stop = block
    values = selection.rows(start, stop)
    return np.asarray(np.isfinite(values).reshape(stop - start, -1).all(axis=1))


def _bounds(selection: Selection) -> list[tuple[int, int]]:
    count = selection.shape[0]
    step = max(1, _BLOCK * count // max(1, selection.nbytes))
    return [(start, min(start + step, count)) for start in range(0, count, step)]


def _values(selections: Sequence[Selection], kept: NDArray[np.bool_], lazy: bool) -> Any:
    """Return the samples of all files, at once or as blocks that are read when they are written."""
    if not lazy:
        return np.concatenate([one.rows(0, one.shape[0]) for one in selections])[kept]
    import dask.array as da

    parts = []
    for number, one in enumerate(selections):
        start, stop = _bounds(one)[0]
        chunks = (stop - start, *one.shape[1:])
        name = f"{one.field.arrays[0]!r}-{number}-{one.times}"
        parts.append(da.from_array(one, chunks=chunks, name=name, meta=np.zeros((0,) * one.ndim, np.float32)))  # type: ignore[no-untyped-call]
    whole = da.concatenate(parts)  # type: ignore[no-untyped-call]
    return whole if kept.all() else whole[np.flatnonzero(kept)]


def _run_numbers(runs: Sequence[int], windows: Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate(
        [np.repeat(np.arange(n) + sum(runs[:i]), w) for i, (n, w) in enumerate(zip(runs, windows, strict=True))]
    )


def _about(contents: Contents, part: Part, cfg: FieldFilesConfig) -> dict[str, str]:
    units = cfg.units.get(part.new, cfg.units.get(part.name, contents.units.get(part.name, "1")))
    text = {"units": units, "long_name": part.new.replace("_", " ")}
    if part.role == "parameter" or not contents.fields[part.name].times:
        return text
    field = contents.fields[part.name]
    steps = [t % field.times for t in (cfg.input_times if part.role == "input" else cfg.output_times)]
    known = contents.time if contents.time.size >= field.times else np.zeros(0)
    text["steps"] = json.dumps(steps)
    if known.size and not cfg.every:
        text["times"] = json.dumps([float(f"{known[t]:.7g}") for t in steps])
    return text
