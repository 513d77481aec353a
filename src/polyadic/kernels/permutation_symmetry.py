"""Which variables of a function may be exchanged: then one value stands for all permutations of a point."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_FIRST, _POINTS = 4, 32


def exchangeable(
    values: Callable[[Array], Array], kinds: Sequence[Any], accepted: float, rng: np.random.Generator
) -> list[list[int]]:
    """Return groups of two or more modes whose exchange changes no value at points drawn at random.

    Parameters
    ----------
    values
        Values at ``(n, d)`` points of the reference box.
    kinds
        What two modes must have in common: domain and basis.
    accepted
        Difference, relative to the largest value seen, that counts as rounding.
    rng
        Draws the points.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> exchangeable(lambda p: p[:, 0] * p[:, 2] + p[:, 1] ** 2, ["a"] * 3, 1e-12, rng)
    [[0, 2]]
    """
    points = rng.uniform(-1, 1, (_POINTS, len(kinds)))
    points[::2] = -np.cos(np.pi * (points[::2] + 1) / 2)
    known = np.full(_POINTS, np.nan)
    group = list(range(len(kinds)))
    for later in range(1, len(kinds)):
        for mode in sorted(set(group[:later])):
            if kinds[mode] == kinds[later] and _alike(values, points, known, (mode, later), accepted):
                group[later] = mode
                break
    groups = [[k for k, g in enumerate(group) if g == first] for first in sorted(set(group))]
    return [modes for modes in groups if len(modes) > 1]


def _alike(
    values: Callable[[Array], Array], points: Array, known: Array, modes: tuple[int, int], accepted: float
) -> bool:
    for part in (slice(_FIRST), slice(_FIRST, None)):
        if np.isnan(known[part]).any():
            known[part] = values(points[part])
        swapped = points[part].copy()
        swapped[:, modes] = swapped[:, modes[::-1]]
        size = float(np.abs(known[part]).max())
        if size == 0 or np.abs(values(swapped) - known[part]).max() > accepted * size:
            return False
    return True


def representative(points: NDArray[Any], groups: Sequence[Sequence[int]]) -> NDArray[Any]:
    """Return points whose exchangeable coordinates rise: the same one for all permutations of a point.

    Examples
    --------
    >>> representative(np.array([[3, 1, 2]]), [[0, 2]])
    array([[2, 1, 3]])
    """
    out = points.copy()
    for group in groups:
        out[:, group] = np.sort(points[:, group], axis=1)
    return out
