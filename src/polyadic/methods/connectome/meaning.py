"""When and where components are active, and which events and behaviours go with them."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation.connectomes import otsu
from polyadic.kernels import event_tests
from polyadic.kinds import traces as kind

Array = NDArray[Any]

_SHARE = 0.5  # of the greatest loading, from which an animal counts
_SHORTEST = 3.0  # s behind the start of a moment that count


def activity(factors: xr.Dataset) -> Array:
    """Return weight x course x loading of every component: ``(component, animal, time)``."""
    course, loading = factors["factor_time"].to_numpy(), factors["factor_animal"].to_numpy()
    scaled = loading * factors["weight"].to_numpy()
    spec = "tr,ar->rat" if course.ndim == 2 else "atr,ar->rat"
    return np.asarray(np.einsum(spec, course, scaled))


def high(factors: xr.Dataset) -> tuple[Array, Array]:
    """Return in which animals components load, ``(component, animal)``, and when they are high there, with time.

    An animal counts where its loading is at least half of the component's greatest. A component is high where its
    course exceeds Otsu's threshold of that course.
    """
    loading = factors["factor_animal"].to_numpy().T
    loads = loading >= _SHARE * loading.max(axis=1, keepdims=True)
    course = factors["factor_time"].to_numpy()
    course = np.moveaxis(course, -1, 0)  # (component, time) or (component, animal, time)
    above = np.stack([[one > otsu(one) for one in np.atleast_2d(component)] for component in course])
    return loads, above & loads[:, :, None]


def intervals(mask: Array, time: Array) -> list[tuple[int, int, float, float]]:
    """Return (component, animal, start, stop) of every run of ``mask`` (component, animal, time), ends by half a bin.

    Examples
    --------
    >>> intervals(np.array([[[False, True, True, False]]]), np.arange(4.0))
    [(0, 0, 0.5, 2.5)]
    """
    half = float(np.median(np.diff(time))) / 2 if time.size > 1 else 0.0
    found = []
    for component, animal in np.ndindex(*mask.shape[:2]):
        edges = np.flatnonzero(np.diff(np.r_[False, mask[component, animal], False].astype(int)))
        for first, last in edges.reshape(-1, 2):
            found.append((component, animal, float(time[first]) - half, float(time[last - 1]) + half))
    return found


def event_masks(traces: xr.Dataset, time: Array) -> tuple[list[str], Array]:
    """Return the labels of the events, and when which was on: ``(label, animal, time)``; a moment takes one bin."""
    labels = sorted({label for *_, label in kind.events(traces)})
    animals = list(map(str, traces["animal"].to_numpy()))
    on = np.zeros((len(labels), len(animals), time.size), bool)
    for animal, start, stop, label in kind.events(traces):
        first = min(int(np.searchsorted(time, start)), time.size - 1)
        last = max(int(np.searchsorted(time, stop)), first + 1)
        on[labels.index(label), animals.index(animal), first:last] = True
    return labels, on


def event_tests_of(factors: xr.Dataset, traces: xr.Dataset, window: float, draws: int, seed: int) -> dict[str, Array]:
    """Return effects and p-values of events and behaviours on components, p-values also by Holm over all together."""
    course, time = factors["factor_time"].to_numpy(), factors["time"].to_numpy().astype(float)
    shared = course.ndim == 2
    courses = np.moveaxis(course, -1, 0)[:, None] if shared else np.moveaxis(course, -1, 0)
    happened = kind.events(traces)
    labels = sorted({label for *_, label in happened})
    names = kind.behaviours(traces)
    events, behaviours = np.full((2, len(courses), len(labels)), np.nan), np.full((2, len(courses), len(names)), np.nan)
    for column, label in enumerate(labels):
        starts, length = _starts([e for e in happened if e[3] == label], traces, time, shared)
        wide = _bins(window or max(length, _SHORTEST), time)
        for row, one in enumerate(courses):
            events[:, row, column] = event_tests.joint_shift_test(one, starts, wide, draws, seed)
    for column, name in enumerate(names):
        frames = factors["frame"].to_numpy() if "frame" in factors else np.arange(time.size)
        series = traces[name].to_numpy()[:, frames].astype(float)
        series = np.nanmean(series, axis=0, keepdims=True) if shared else series
        for row, one in enumerate(courses):
            behaviours[:, row, column] = event_tests.joint_correlation(one, series, draws, seed)
    tested = np.concatenate([events[1], behaviours[1]], axis=1)
    adjusted = np.full(tested.shape, np.nan)
    valid = np.isfinite(tested)
    adjusted[valid] = event_tests.holm(tested[valid])
    cut = len(labels)
    return {
        "effect": events[0],
        "p_event": events[1],
        "p_event_adjusted": adjusted[:, :cut],
        "correlation": behaviours[0],
        "p_behaviour": behaviours[1],
        "p_behaviour_adjusted": adjusted[:, cut:],
    }


def _bins(seconds: float, time: Array) -> int:
    step = float(np.median(np.diff(time)))
    return int(np.clip(round(seconds / step), 1, time.size - 1))


def _starts(
    events: list[tuple[str, float, float, str]], traces: xr.Dataset, time: Array, shared: bool
) -> tuple[list[Array], float]:
    """Return for every course the bins at which events start, and the median length of the events in s."""
    animals = list(map(str, traces["animal"].to_numpy()))
    starts: list[list[int]] = [[] for _ in range(1 if shared else len(animals))]
    for animal, start, *_ in events:
        if time[0] - _SHORTEST <= start <= time[-1]:
            starts[0 if shared else animals.index(animal)].append(min(int(np.searchsorted(time, start)), time.size - 1))
    return [np.asarray(one, int) for one in starts], float(np.median([stop - start for _, start, stop, _ in events]))
