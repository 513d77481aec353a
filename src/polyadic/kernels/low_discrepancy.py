"""Points that fill a box evenly, and searches for the largest absolute value of a function from them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def even_points(n: int, dimension: int, offset: Array, first: int = 0) -> Array:
    r"""Return ``(n, d)`` points of the additive recurrence :math:`o + j \alpha \bmod 1`, stretched to [-1, 1].

    :math:`\alpha_k = \phi^{-k}` with :math:`\phi^{d+1} = \phi + 1` (Roberts' generalisation of the golden ratio).
    Every second point is moved towards the faces, by the density of Chebyshev points.

    Examples
    --------
    >>> even_points(1, 2, np.array([0.25, 0.5]))
    array([[-0.5,  0. ]])
    """
    phi = 2.0
    for _ in range(60):
        phi = (1 + phi) ** (1 / (dimension + 1))
    alpha = phi ** -np.arange(1.0, dimension + 1)
    index = np.arange(first, first + n)
    unit = (offset + index[:, None] * alpha) % 1
    out: Array = 2 * unit - 1
    out[index % 2 == 1] = -np.cos(np.pi * unit[index % 2 == 1])
    return out


def landmarks(dimension: int) -> Array:
    """Return the centre, the centres of the faces, and up to 64 corners of [-1, 1]^d: where functions like to peak.

    Examples
    --------
    >>> len(landmarks(3))
    15
    """
    faces = np.vstack([np.eye(dimension), -np.eye(dimension)])
    codes = np.arange(min(2**dimension, 64))
    corners = 1.0 - 2 * ((codes[:, None] >> np.arange(dimension)) & 1)
    return np.vstack([np.zeros((1, dimension)), faces, corners])


def cloud(centres: Array, n: int, rng: np.random.Generator) -> Array:
    """Return ``n`` points round every centre at distances of all scales from 1 down to 1e-7, inside of [-1, 1]^d.

    Half of them keep one scale for all coordinates, half draw a scale for each.
    """
    count, d = centres.shape
    exponent = rng.uniform(0, 7, (count, n, d))
    exponent[:, ::2] = exponent[:, ::2, :1]
    points = centres[:, None] + 10**-exponent * rng.uniform(-1, 1, (count, n, d))
    points = np.where(np.abs(points) > 1, 2 * np.sign(points) - points, points)  # reflected, not moved onto the face
    return np.clip(points, -1, 1).reshape(-1, d)


def climb(
    function: Callable[[Array], Array], starts: Array, values: Array, rng: np.random.Generator, rounds: int = 2
) -> tuple[Array, Array, Array, Array]:
    """Search from every start along the axes for larger absolute values.

    In each round and for each mode, eight points on the whole line and six at shorter distances are
    tried, and the largest is kept.

    Parameters
    ----------
    function
        Values at ``(n, d)`` points.
    starts, values
        ``(k, d)`` and ``(k,)``.
    rng
        Draws the points.
    rounds
        Each costs ``14 k d`` evaluations.

    Returns
    -------
    the best points and values, and all points tried with their values.
    """
    best, height = starts.copy(), values.copy()
    tried, found = [], []
    k, d = best.shape
    for number in range(rounds):
        for mode in range(d):
            wide = -np.cos(np.pi * (np.arange(8) + rng.uniform(size=(k, 8))) / 8)
            reach = 10 ** -(rng.uniform(0, 2, (k, 3)) + 0.5 + number + np.arange(3))
            near = best[:, mode : mode + 1] + np.hstack([reach, -reach])
            candidates = np.hstack([wide, np.clip(near, -1, 1)])
            points = np.repeat(best[:, None], candidates.shape[1], axis=1)
            points[:, :, mode] = candidates
            got = function(points.reshape(-1, d)).reshape(k, -1)
            tried.append(points.reshape(-1, d))
            found.append(got.ravel())
            top = np.abs(got).argmax(axis=1)
            better = np.abs(got[np.arange(k), top]) > np.abs(height)
            best[better, mode] = candidates[better, top[better]]
            height[better] = got[better, top[better]]
    return best, height, np.vstack(tried), np.concatenate(found)


def peaks(points: Array, values: Array, count: int, separation: float = 0.05) -> Array:
    """Return the indexes of the largest absolute values that keep a distance from each other."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(values), kind="stable")[: 50 * count]:
        if all(np.abs(points[index] - points[other]).max() > separation for other in chosen):
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return np.array(chosen, int)
