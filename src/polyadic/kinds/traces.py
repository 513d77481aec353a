"""Kind `traces`: activity of neurons (or regions) over time, of one or several animals."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

SIGNAL_TYPES = ("raw", "dF/F", "z-score", "spikes", "BOLD")
"""Accepted values of the attribute ``signal_type``."""

_WORDS = {"spikes": "deconvolved activity", "BOLD": "BOLD signal", "z-score": "standardised fluorescence"}

CLOCKS = ("shared", "per_animal")
"""Accepted values of the attribute ``clock``: whether equal times of two animals mean the same moment of a stimulus."""

TRUTH = "truth"
"""The child group with what a simulator planted."""

BEHAVIOUR = "behaviour_"
"""Prefix of the variables (animal, time) that hold behaviour."""


@dataclass(frozen=True)
class Events:
    """A table of stimuli or behaviours: what happened in which animal, from when to when.

    Attributes
    ----------
    animal
        Index of the animal of each event (event,).
    start, stop
        In s, on the clock of the traces (event,); equal for a moment.
    label
        What happened (event,).
    """

    animal: ArrayLike
    start: ArrayLike
    stop: ArrayLike
    label: Sequence[str]


def events(ds: xr.Dataset) -> list[tuple[str, float, float, str]]:
    """Return the events as (animal, start, stop, label), by start; an empty list where there are none."""
    if "event_start" not in ds:
        return []
    animals = ds["animal"].to_numpy()[ds["event_animal"].to_numpy()]
    columns = (animals, *(ds[f"event_{name}"].to_numpy() for name in ("start", "stop", "label")))
    return sorted(((str(a), float(b), float(c), str(d)) for a, b, c, d in zip(*columns, strict=True)), key=_by_start)


def truth(data: xr.Dataset | xr.DataTree) -> xr.Dataset | None:
    """Return what a simulator planted, or None where the traces hold no such group."""
    if isinstance(data, xr.DataTree) and TRUTH in data.children:
        return data.children[TRUTH].to_dataset(inherit=False)
    return None


def root(data: xr.Dataset | xr.DataTree) -> xr.Dataset:
    """Return the traces themselves, without groups."""
    return data.to_dataset() if isinstance(data, xr.DataTree) else data


def trials(ds: xr.Dataset) -> list[tuple[int, int, int, int]]:
    """Return the trials as (animal, number, first frame, frame behind the last), by animal and frame.

    Examples
    --------
    >>> ds = example().assign(trial=(("animal", "time"), np.tile(np.arange(200) // 100 - 1, (2, 1))))
    >>> trials(ds)
    [(0, 0, 100, 200), (1, 0, 100, 200)]
    """
    if "trial" not in ds:
        return []
    found = []
    for animal, row in enumerate(ds["trial"].to_numpy()):
        edges = np.r_[0, np.flatnonzero(np.diff(row)) + 1, row.size]
        found += [(animal, int(row[a]), int(a), int(b)) for a, b in itertools.pairwise(edges) if row[a] >= 0]
    return found


def _by_start(event: tuple[str, float, float, str]) -> tuple[float, str]:
    return event[1], event[0]


def behaviours(ds: xr.Dataset) -> list[str]:
    """Return the names of the behaviour variables."""
    return [str(name) for name in ds.data_vars if str(name).startswith(BEHAVIOUR)]


def has_shared_clock(ds: xr.Dataset) -> bool:
    """Return whether equal times of two animals mean the same moment of a common stimulus."""
    return bool(ds.attrs.get("clock") == "shared") or ds.sizes["animal"] == 1


def _word_faults(ds: xr.Dataset) -> list[str]:
    return [
        f"attribute {name!r} is {ds.attrs.get(name)!r}, accepted are {', '.join(accepted)}"
        for name, accepted in (("signal_type", SIGNAL_TYPES), ("clock", CLOCKS))
        if ds.attrs.get(name) not in accepted
    ]


def _axis_faults(ds: xr.Dataset) -> list[str]:
    faults = [
        f"{name!r} holds a name twice"
        for name in ("animal", "neuron")
        if name in ds.coords and len(set(ds[name].to_numpy().tolist())) < ds.sizes[name]
    ]
    if "time" in ds.coords and not (np.diff(ds["time"].to_numpy()) > 0).all():
        faults.append("'time' is not ascending")
    if "sampling_rate" in ds and ds["sampling_rate"].ndim == 0 and not float(ds["sampling_rate"]) > 0:
        faults.append(f"'sampling_rate' is {float(ds['sampling_rate']):g} Hz, accepted is above 0")
    return faults


def _event_faults(ds: xr.Dataset) -> list[str]:
    index = ds["event_animal"].to_numpy() if "event_animal" in ds else np.zeros(0, int)
    wrong = index.size and (index.min() < 0 or index.max() >= ds.sizes.get("animal", 0))
    return ["'event_animal' names no animal"] if wrong else []


SCHEMA = Schema(
    kind="traces",
    variables={
        "fluorescence": Var(("animal", "neuron", "time")),
        "observed": Var(("animal", "neuron"), kinds="b"),
        "sampling_rate": Var((), units="Hz"),
    },
    coords={
        "animal": Var(("animal",), kinds="UO"),
        "neuron": Var(("neuron",), kinds="UO"),
        "time": Var(("time",), units="s"),
    },
    optional={
        "event_animal": Var(("event",), kinds="i"),
        "event_start": Var(("event",), units="s"),
        "event_stop": Var(("event",), units="s"),
        "event_label": Var(("event",), kinds="UO"),
        "stimulus": Var(("animal", "time"), kinds="i"),
        "trial": Var(("animal", "time"), kinds="i"),
        "session": Var(("animal",), kinds="UO"),
        "position": Var(("animal", "neuron", "axis")),
    },
    rules=(_word_faults, _axis_faults, _event_faults),
)


def dataset(
    fluorescence: ArrayLike,
    sampling_rate: float,
    *,
    animal: Sequence[str],
    neuron: Sequence[str],
    time: ArrayLike | None = None,
    observed: ArrayLike | None = None,
    signal_type: str = "dF/F",
    clock: str = "per_animal",
    events: Events | None = None,
    behaviour: Mapping[str, tuple[ArrayLike, Mapping[str, Any]]] | None = None,
    units: str = "1",
) -> xr.Dataset:
    """Return a Dataset of kind `traces`.

    Parameters
    ----------
    fluorescence
        Traces (animal, neuron, time), NaN where missing; stored as float32.
    sampling_rate
        Frames a second, in Hz.
    animal, neuron
        Names, each once.
    time
        Time of each frame in s; default: from 0 by the sampling rate.
    observed
        Whether a neuron was recorded in an animal (animal, neuron); default: where any value is finite.
    signal_type
        One of `SIGNAL_TYPES`.
    clock
        One of `CLOCKS`.
    events, behaviour
        Stimuli and behaviours as a table; per name the values (animal, time) and their attributes.
    units
        Units of the traces.
    """
    values = np.asarray(fluorescence, np.float32)
    seconds = np.arange(values.shape[-1]) / sampling_rate if time is None else np.asarray(time, np.float64)
    seen = np.isfinite(values).any(axis=-1) if observed is None else np.asarray(observed, bool)
    what = _WORDS.get(signal_type, f"fluorescence, {signal_type}")
    ds = xr.Dataset(
        {
            "fluorescence": (("animal", "neuron", "time"), values, {"units": units, "long_name": what}),
            "observed": (("animal", "neuron"), seen, {"long_name": "whether the neuron was recorded in the animal"}),
            "sampling_rate": ((), float(sampling_rate), {"units": "Hz", "long_name": "frames a second"}),
        },
        {
            "animal": ("animal", np.asarray(animal, str), {"long_name": "animal"}),
            "neuron": ("neuron", np.asarray(neuron, str), {"long_name": "neuron"}),
            "time": ("time", seconds, {"units": "s", "long_name": "time from the start"}),
        },
    )
    ds.attrs |= {"signal_type": signal_type, "clock": clock}
    series = {
        f"{BEHAVIOUR}{key}": (("animal", "time"), np.asarray(one, np.float32), dict(attributes))
        for key, (one, attributes) in (behaviour or {}).items()
    }
    return ds.assign({**(event_variables(events) if events is not None else {}), **series})


def event_variables(events: Events) -> dict[str, tuple[str, NDArray[Any], dict[str, Any]]]:
    """Return the variables of an events table, by name."""
    index = {"units": "1", "long_name": "animal of the event, an index into animal"}
    return {
        "event_animal": ("event", np.asarray(events.animal, np.int32), index),
        "event_start": (
            "event",
            np.asarray(events.start, np.float64),
            {"units": "s", "long_name": "start of the event"},
        ),
        "event_stop": ("event", np.asarray(events.stop, np.float64), {"units": "s", "long_name": "end of the event"}),
        "event_label": ("event", np.asarray(events.label, str), {"long_name": "what happened"}),
    }


def with_dropped(ds: xr.Dataset, dropped: Mapping[str, int]) -> xr.Dataset:
    """Return the Dataset with the counts of what was left out, by reason, in the attribute ``dropped``."""
    return ds.assign_attrs(dropped=json.dumps(dict(dropped), sort_keys=True))


def example(seed: int = 0) -> xr.Dataset:
    """Return 2 animals x 8 neurons x 200 frames of two groups that take turns, with events and one neuron missing."""
    rng = np.random.default_rng(seed)
    frames, rate = 200, 5.0
    time = np.arange(frames) / rate
    turn = np.sin(2 * np.pi * time / 20) > 0
    group = np.arange(8) % 2 == 0
    kicks = (rng.random((2, 1, frames)) < 0.1) & (turn == group[:, None])[None]
    decay = np.exp(-np.arange(30) / rate)
    traces = np.apply_along_axis(lambda row: np.convolve(row, decay)[:frames], -1, kicks.astype(float))
    traces += 0.1 * rng.standard_normal(traces.shape)
    traces[1, 7] = np.nan
    velocity = np.stack([np.where(turn, 1.0, -1.0) + 0.1 * rng.standard_normal(frames) for _ in range(2)])
    return dataset(
        traces,
        rate,
        animal=["A1", "A2"],
        neuron=[f"N{i}" for i in range(8)],
        clock="shared",
        events=Events([0, 1], [0.0, 0.0], [10.0, 10.0], ["light", "light"]),
        behaviour={"velocity": (velocity, {"units": "mm s-1", "long_name": "velocity"})},
    )
