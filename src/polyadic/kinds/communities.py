"""Kind `communities`: communities of the neurons by component, their levels, stability and connectivity."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var


def _faults(ds: xr.Dataset) -> list[str]:
    if "membership" not in ds or "probability" not in ds:
        return []
    faults = []
    if ds["membership"].size and int(ds["membership"].min()) < 0:
        faults.append("'membership' holds negative labels")
    if not bool(((ds["probability"] >= 0) & (ds["probability"] <= 1)).all()):
        faults.append("'probability' must lie in [0, 1]")
    return faults


SCHEMA = Schema(
    kind="communities",
    variables={
        "membership": Var(("component", "level", "neuron"), kinds="i"),
        "probability": Var(("component", "neuron"), units="1"),
        "connectivity": Var(("component", "community", "other")),
        "description_length": Var(("component",), units="bit"),
        "description_length_one_block": Var(("component",), units="bit"),
    },
    coords={"model": Var(("component",), kinds="UO")},
    optional={
        "weights": Var(("component", "neuron", "partner")),
        "stability": Var(("component", "neuron"), units="1"),
        "distance": Var(("neuron", "partner")),
        "distance_correlation": Var(("component",), units="1"),
        "p_distance": Var(("component",), units="1"),
        "p_surrogate": Var(("component",), units="1"),
        "p_synchrony": Var(("component",), units="1"),
        "activity": Var(("component", "animal", "time")),
        "loads": Var(("component", "animal"), kinds="b"),
        "high": Var(("component", "animal", "time"), kinds="b"),
        "interval_component": Var(("interval",), kinds="i"),
        "interval_animal": Var(("interval",), kinds="i"),
        "interval_start": Var(("interval",), units="s"),
        "interval_stop": Var(("interval",), units="s"),
        "event_on": Var(("event", "animal", "time"), kinds="b"),
        "effect": Var(("component", "event"), units="1"),
        "p_event": Var(("component", "event"), units="1"),
        "p_event_adjusted": Var(("component", "event"), units="1"),
        "correlation": Var(("component", "behaviour"), units="1"),
        "p_behaviour": Var(("component", "behaviour"), units="1"),
        "p_behaviour_adjusted": Var(("component", "behaviour"), units="1"),
    },
    rules=(_faults,),
)


def dataset(
    membership: ArrayLike, probability: ArrayLike, weights: ArrayLike, *, lengths: ArrayLike, models: list[str]
) -> xr.Dataset:
    """Return a Dataset of kind `communities`.

    Parameters
    ----------
    membership
        (component, level, neuron) labels; level 0 is the one that the model picks.
    probability
        (component, neuron) share of the starts that agree with the membership.
    weights
        (component, neuron, neuron) symmetric weights of the graphs.
    lengths
        (2, component) description length, and that of one block, in bits.
    models
        Name of the chosen model of every component.

    Examples
    --------
    >>> dict(dataset([[[0, 0, 1]]], np.ones((1, 3)), np.ones((1, 3, 3)), lengths=[[5.0], [9.0]], models=["m"]).sizes)
    {'component': 1, 'level': 1, 'neuron': 3, 'partner': 3, 'community': 2, 'other': 2}
    """
    labels, w, bits = np.asarray(membership, np.int32), np.asarray(weights, float), np.asarray(lengths, float)
    one = {"units": "1"}

    def variable(dims: tuple[str, ...], values: Any, units: str, name: str) -> Any:
        return dims, values, {"units": units, "long_name": name}

    ds = xr.Dataset(coords={"model": ("component", np.array(models), {"long_name": "chosen model"})})
    ds["membership"] = variable(("component", "level", "neuron"), labels, "1", "community of the neuron")
    ds["probability"] = variable(
        ("component", "neuron"), np.asarray(probability, float), "1", "share of agreeing starts"
    )
    ds["weights"] = variable(("component", "neuron", "partner"), w, "1", "weight between two neurons")
    ds["connectivity"] = (("component", "community", "other"), connectivity(w, labels[:, 0]), one)
    ds["connectivity"].attrs["long_name"] = "mean weight between two communities"
    ds["description_length"] = variable(("component",), bits[0], "bit", "description length")
    ds["description_length_one_block"] = variable(("component",), bits[1], "bit", "description length of one block")
    return ds


class Meaning(NamedTuple):
    """When and where components are active, and what happened meanwhile.

    Attributes
    ----------
    activity
        (component, animal, time).
    loads
        (component, animal): whether the component counts in the animal.
    high
        (component, animal, time): whether it is active.
    intervals
        (component, animal, start in s, stop in s) of each time that it is.
    events
        Labels of the events.
    event_on
        (event, animal, time).
    behaviours
        Names of the behaviours.
    """

    activity: ArrayLike
    loads: ArrayLike
    high: ArrayLike
    intervals: Sequence[tuple[int, int, float, float]]
    events: Sequence[str]
    event_on: ArrayLike
    behaviours: Sequence[str]


_TESTS = {
    "effect": ("event", "mean behind the events less the mean of the course, in its standard deviations"),
    "p_event": ("event", "p-value of the effect, all events shifted together"),
    "p_event_adjusted": ("event", "p-value of the effect by Holm over all events, behaviours and components"),
    "correlation": ("behaviour", "correlation of the course with the behaviour"),
    "p_behaviour": ("behaviour", "p-value of the correlation under circular shifts"),
    "p_behaviour_adjusted": ("behaviour", "p-value of the correlation by Holm over all events and components"),
}


_OF_TRIALS = {
    "effect": "mean over trials with the event less that over those without, in standard deviations within animals",
    "p_event": "p-value of the effect, whole trials permuted within animals",
    "correlation": "correlation of the component with the mean of the behaviour in the trial, within animals",
    "p_behaviour": "p-value of the correlation, whole trials permuted within animals",
}


def with_meaning(ds: xr.Dataset, found: Meaning, tests: Mapping[str, ArrayLike]) -> xr.Dataset:
    """Return communities with the activity of their components, and the tests of events by variable name.

    Examples
    --------
    >>> ds = with_meaning(example(), Meaning(np.ones((2, 1, 5)), [[True], [True]], np.ones((2, 1, 5), bool),
    ...     [(0, 0, 0.0, 5.0)], ["light"], np.ones((1, 1, 5), bool), []), {"effect": [[1.0], [0.0]]})
    >>> ds["high"].dims, float(ds["interval_stop"][0])
    (('component', 'animal', 'time'), 5.0)
    """
    where = ("component", "animal", "time")
    ds = ds.assign(
        activity=(where, np.asarray(found.activity, float), {"units": "1", "long_name": "weight, course and loading"}),
        loads=(where[:2], np.asarray(found.loads, bool), {"long_name": "loading is at least half of the greatest"}),
        high=(where, np.asarray(found.high, bool), {"long_name": "course exceeds Otsu's threshold, animal loads"}),
        event_on=(("event", *where[1:]), np.asarray(found.event_on, bool), {"long_name": "whether the event is on"}),
    )
    columns: list[Any] = list(zip(*found.intervals, strict=True)) or [(), (), (), ()]
    for name, values in zip(("component", "animal"), columns, strict=False):
        label = {"units": "1", "long_name": f"{name} of the interval, a position"}
        ds[f"interval_{name}"] = ("interval", np.asarray(values, np.int32), label)
    for name, values in zip(("start", "stop"), columns[2:], strict=True):
        ds[f"interval_{name}"] = ("interval", np.asarray(values, float), {"units": "s", "long_name": f"{name}"})
    return with_tests(ds, tests, found.events, found.behaviours)


def with_tests(
    ds: xr.Dataset,
    tests: Mapping[str, ArrayLike],
    events: Sequence[str],
    behaviours: Sequence[str],
    trials: bool = False,
) -> xr.Dataset:
    """Return communities with the tests of events and behaviours by variable name: over time, or over trials.

    Examples
    --------
    >>> ds = with_tests(example(), {"effect": [[1.0], [0.0]]}, ["light"], [], trials=True)
    >>> ds["effect"].sel(event="light").to_numpy()
    array([1., 0.])
    """
    ds = ds.copy()
    for name, values in tests.items():
        dimension, text = _TESTS[name]
        text = _OF_TRIALS.get(name, text) if trials else text
        ds[name] = (("component", dimension), np.asarray(values, float), {"units": "1", "long_name": text})
    names = {"event": events, "behaviour": behaviours}
    return ds.assign_coords(
        {d: (d, np.asarray(list(n), str), {"long_name": d}) for d, n in names.items() if len(n) and d in ds.dims}
    )


def connectivity(weights: ArrayLike, labels: ArrayLike) -> Any:
    """Return the mean weight (component, community, community) between distinct neurons; NaN where there is no pair."""
    w, member = np.asarray(weights, float), np.asarray(labels)
    hot = np.eye(int(member.max()) + 1)[member]
    off = ~np.eye(w.shape[-1], dtype=bool)
    total = np.einsum("cia,cij,cjb->cab", hot, w * off, hot)
    pairs = np.einsum("cia,ij,cjb->cab", hot, off.astype(float), hot)
    return np.divide(total, pairs, out=np.full_like(total, np.nan), where=pairs > 0)


def example(seed: int = 0) -> xr.Dataset:
    """Return two components of nine neurons, the first in two communities."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((2, 2, 9), int)
    labels[0, 0, 5:] = 1
    w = rng.gamma(2.0, 0.5, (2, 9, 9)) * np.where(labels[:, 0, :, None] == labels[:, 0, None, :], 2.0, 0.5)
    w = (w + w.transpose(0, 2, 1)) * ~np.eye(9, dtype=bool)
    lengths = np.array([[310.0, 280.0], [350.0, 280.0]])
    models = ["plain blocks, exponential weights", "one block"]
    return dataset(labels, rng.uniform(0.8, 1, (2, 9)), w, lengths=lengths, models=models)
