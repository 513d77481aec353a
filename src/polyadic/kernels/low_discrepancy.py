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


_LATTICE = 4093  # points, a prime
LATTICE_MODES = 4
"""Most dimensions of `covering_lattice`."""
_STEPS = {2: 959, 3: 340, 4: 681}


def covering_lattice(dimension: int, offset: Array) -> Array:
    r"""Return the 4,093 points :math:`o + j (1, a, a^2, \ldots) / 4093 \bmod 1`, stretched to [-1, 1]^d.

    Multipliers a were searched that keep points far apart and gaps small, for two to four dimensions; beyond, so few
    points leave gaps of a third of the box. Every ball inside of the box whose radius exceeds 0.0195 in two dimensions,
    0.0897 in three, about 0.2 in four holds a point: 3.0e-4, 3.8e-4, 5e-4 of the box. Another offset moves the points
    and changes nothing of that.

    Examples
    --------
    >>> points = covering_lattice(3, np.zeros(3))
    >>> points.shape, float(points.min())
    ((4093, 3), -1.0)
    """
    step = _STEPS[dimension]
    multipliers = np.array([pow(step, k, _LATTICE) for k in range(dimension)])
    unit = (offset + np.arange(_LATTICE)[:, None] * multipliers % _LATTICE / _LATTICE) % 1
    return np.asarray(2 * unit - 1)


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


def cloud(centres: Array, n: int, rng: np.random.Generator, nearest: float = 1e-7) -> Array:
    """Return ``n`` points round every centre at distances of all scales from 1 to ``nearest``, inside of [-1, 1]^d.

    Half of them keep one scale for all coordinates, half draw a scale for each.
    """
    count, d = centres.shape
    exponent = rng.uniform(0, -np.log10(nearest), (count, n, d))
    exponent[:, ::2] = exponent[:, ::2, :1]
    points = centres[:, None] + 10**-exponent * rng.uniform(-1, 1, (count, n, d))
    points = np.where(np.abs(points) > 1, 2 * np.sign(points) - points, points)  # reflected, not moved onto the face
    return np.clip(points, -1, 1).reshape(-1, d)


def climb(
    function: Callable[[Array], Array],
    starts: Array,
    values: Array,
    widths: Array,
    rng: np.random.Generator,
    rounds: int = 2,
) -> tuple[Array, Array, Array, Array]:
    """Search from every start along axes and in all directions for larger absolute values.

    In each round and for each mode five points on the whole line and four at shorter distances are tried, then where
    parabolas through the logarithm and the reciprocal of the three best have their vertices: from anywhere on the
    flank of a Gaussian or of a rational spike these lead to its ridge. Then ``3 d`` points in random directions. The
    largest is kept. Shorter distances are drawn between one and a thousandth of a width.

    Parameters
    ----------
    function
        Values at ``(n, d)`` points.
    starts, values
        ``(k, d)`` and ``(k,)``.
    widths
        ``(k, d)``: how far the function is alike round every start.
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

    def keep(points: Array) -> Array:
        got = function(points.reshape(-1, d)).reshape(k, -1)
        tried.append(points.reshape(-1, d))
        found.append(got.ravel())
        top = np.abs(got).argmax(axis=1)
        better = np.abs(got[np.arange(k), top]) > np.abs(height)
        best[better] = points[better, top[better]]
        height[better] = got[better, top[better]]
        return got

    for _ in range(rounds):
        for mode in range(d):
            wide = -np.cos(np.pi * (np.arange(5) + rng.uniform(size=(k, 5))) / 5)
            reach = widths[:, mode, None] * 10 ** -rng.uniform([0, 1.5], [1.5, 3], (k, 2))
            t = np.hstack([wide, np.clip(best[:, mode, None] + np.hstack([reach, -reach]), -1, 1)])
            points, known = np.repeat(best[:, None], 9, axis=1), height[:, None].copy()
            line = np.hstack([best[:, mode, None], t])
            points[:, :, mode] = t
            heights = np.hstack([known, keep(points)])
            points = np.repeat(best[:, None], 2, axis=1)
            points[:, :, mode] = vertices(line, np.abs(heights))
            keep(points)
        reach = widths[:, None] * 10 ** -rng.uniform(0, 3, (k, 3 * d, 1))
        keep(np.clip(best[:, None] + reach * rng.normal(size=(k, 3 * d, d)), -1, 1))
    return best, height, np.vstack(tried), np.concatenate(found)


def vertices(t: Array, heights: Array) -> Array:
    """Return where parabolas through three neighbours, the largest height amid them, are highest.

    Parameters
    ----------
    t, heights
        Coordinates and positive heights on lines, ``(lines, points)``.

    Returns
    -------
    ``(lines, 2)``, in [-1, 1]: by the logarithm, exact for a Gaussian; by the reciprocal, exact for ``1 / (1 + t^2)``.

    Examples
    --------
    >>> t = np.array([[-1.0, -0.9, 0.0, 0.1, 1.0]])
    >>> vertices(t, 1 / (1 + 1e4 * (t - 0.6) ** 2)).round(6)[0, 1]
    np.float64(0.6)
    """
    order = np.argsort(t, axis=1, kind="stable")
    t, heights = np.take_along_axis(t, order, 1), np.take_along_axis(heights, order, 1)
    first = np.clip(heights.argmax(axis=1) - 1, 0, t.shape[1] - 3)[:, None] + np.arange(3)
    x, y = np.take_along_axis(t, first, 1), np.maximum(np.take_along_axis(heights, first, 1), 1e-300)
    out = []
    for v in (-np.log(y), 1 / y):
        left = (v[:, 1] - v[:, 0]) * (x[:, 2] - x[:, 1])
        right = (v[:, 2] - v[:, 1]) * (x[:, 1] - x[:, 0])
        bend = right - left
        with np.errstate(all="ignore"):
            at = ((x[:, 0] + x[:, 1]) * right - (x[:, 1] + x[:, 2]) * left) / (2 * bend)
        out.append(np.where((bend > 0) & np.isfinite(at), at, x[:, 1]))
    return np.asarray(np.clip(np.column_stack(out), -1, 1))


def peaks(points: Array, values: Array, count: int, separation: float = 0.05) -> Array:
    """Return the indexes of the largest absolute values that keep a distance from each other."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(values), kind="stable")[: 50 * count]:
        if all(np.abs(points[index] - points[other]).max() > separation for other in chosen):
            chosen.append(int(index))
        if len(chosen) == count:
            break
    return np.array(chosen, int)
