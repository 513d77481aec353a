"""How far an expansion of a canonical tensor is from the function that the tensor samples: an estimate by probes."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.grid_interpolation import interpolation_matrix

Array = NDArray[np.float64]

_SAFETY = 8.0
_RANDOM, _CHOSEN, _PRODUCTS = 2000, 8, 3000
_FLOOR = 1e-15


def probes(candidates: Sequence[Array], wanted: Sequence[Array] | None = None) -> list[Array]:
    """Return one coordinate array a mode: random combinations of candidates, and of the wanted coordinates."""
    rng = np.random.default_rng(0)
    points = [rng.choice(x, _RANDOM) for x in candidates]
    if wanted is None:
        return points
    return [np.r_[x, rng.choice(w, _PRODUCTS)] for x, w in zip(points, wanted, strict=True)]


def of_interpolation(
    weights: Array, factors: Sequence[Array], grid: Sequence[Array], points: list[Array], order: int
) -> float:
    r"""Return the estimated error of local interpolation of a degree, from what two lower degrees give.

    With :math:`d_p = \max |f_p - f_{p-2}|` over the points, errors that shrink geometrically with the degree leave
    :math:`d_p \min(1, d_p / d_{p-2})`.
    """
    fields = []
    for p in (order, max(order - 2, 0), max(order - 4, 0)):
        rows = [interpolation_matrix(x, t, p) @ a for a, x, t in zip(factors, grid, points, strict=True)]
        fields.append(_sum(weights, [np.asarray(r) for r in rows]))
    return _extrapolated(fields)


def _extrapolated(fields: Sequence[Array]) -> float:
    near, far = float(np.abs(fields[0] - fields[1]).max()), float(np.abs(fields[1] - fields[2]).max())
    return near * min(1.0, near / far) if far > 0 else near


def of_columns(columns: Array, grid: Array, order: int) -> float:
    """Return what local interpolation of a degree may miss of columns amid the grid, of their largest value.

    Zero for degrees below five, whose error says nothing of the degree that a series needs.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> 1e-9 < of_columns(np.exp(-20 * x[:, None] ** 2), x, 9) < 1e-6
    True
    """
    if order < 5:
        return 0.0
    middle = (grid[1:] + grid[:-1]) / 2
    fields = [np.asarray(interpolation_matrix(grid, middle, order - less) @ columns) for less in (0, 2, 4)]
    scale = float(np.abs(columns).max(initial=0.0)) or 1.0
    return _extrapolated(fields) / scale


def on_grid(
    at: Callable[[Sequence[Array]], Array],
    weights: Array,
    factors: Sequence[Array],
    grid: Sequence[Array],
    ends: Sequence[tuple[float, float]],
    order: int,
) -> float:
    """Return the estimated largest error, absolute, of an expansion of a canonical tensor on a grid.

    The sum of what local interpolation of degree ``order`` may have missed between the points, and of the distance
    of the expansion from the interpolant between them and from the entries of the tensor on them; eight times it.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> a = np.exp(-4 * x[:, None] ** 2)
    >>> error = on_grid(lambda p: np.exp(-4 * (p[0]**2 + p[1]**2)), np.ones(1), [a, a], [x, x], [(-1, 1)] * 2, 9)
    >>> 0 < error < 1e-8
    True
    """
    between = [np.r_[low, (x[1:] + x[:-1]) / 2, high] for x, (low, high) in zip(grid, ends, strict=True)]
    worst = [_worst(weights, factors, k, x, t, order) for k, (x, t) in enumerate(zip(grid, between, strict=True))]
    peaks = [x[_largest(_size(weights, factors, k, a))] for k, (a, x) in enumerate(zip(factors, grid, strict=True))]
    points = probes(between, [np.r_[w, p] for w, p in zip(worst, peaks, strict=True)])

    def interpolated(mode: int, t: Array) -> Array:
        return np.asarray(interpolation_matrix(grid[mode], t, order) @ factors[mode])

    def distance(points: Sequence[Array]) -> tuple[float, float]:
        inside = [np.clip(x, *interval) for x, interval in zip(points, ends, strict=True)]
        values = _sum(weights, [interpolated(k, x) for k, x in enumerate(points)])
        return float(np.abs(at(inside) - values).max()), float(np.abs(values).max())

    off, scale = distance(points)
    on, peak = distance(probes(grid, peaks))
    missed = of_interpolation(weights, factors, grid, points, order)
    return _SAFETY * (missed + max(off, on)) + _FLOOR * max(scale, peak)


def of_gaussians(
    at: Callable[[Sequence[Array]], Array],
    weights: Array,
    exponents: Array,
    centres: Array,
    ends: Sequence[tuple[float, float]],
) -> float:
    """Return the estimated largest error, absolute, of an expansion of Gaussians: eight times what probes find.

    Parameters
    ----------
    at
        Values of the expansion.
    weights
        ``(R,)``.
    exponents, centres
        ``(R, d)``.
    ends
        Per mode (low, high).
    """
    rng = np.random.default_rng(0)
    spread = [(low + high - (high - low) * np.cos(np.pi * rng.uniform(size=4000))) / 2 for low, high in ends]
    heaviest = np.argsort(-np.abs(weights), kind="stable")[:1000]
    points = []
    for k, (low, high) in enumerate(ends):
        near = centres[heaviest, k] + rng.normal(size=len(heaviest)) / np.sqrt(exponents[heaviest, k] + 1e-300)
        points.append(np.r_[low, high, spread[k], np.clip(near, low, high), np.clip(centres[heaviest, k], low, high)])
    rows = [np.exp(-exponents[:, k] * np.square(x[:, None] - centres[:, k])) for k, x in enumerate(points)]
    values = _sum(weights, rows)
    return _SAFETY * float(np.abs(at(points) - values).max()) + _FLOOR * float(np.abs(values).max())


def _sum(weights: Array, rows: Sequence[Array]) -> Array:
    return np.asarray(np.prod(rows, axis=0) @ weights)


def _size(weights: Array, factors: Sequence[Array], mode: int, columns: Array) -> Array:
    """Return how much the columns of a mode at each coordinate can contribute to the sum."""
    others = [np.abs(a).max(axis=0) for k, a in enumerate(factors) if k != mode]
    return np.asarray(np.abs(columns) @ (np.abs(weights) * np.prod(others, axis=0)))


def _worst(weights: Array, factors: Sequence[Array], mode: int, x: Array, t: Array, order: int) -> Array:
    """Return the coordinates where interpolation of a degree and of a lower one differ most."""
    difference = (interpolation_matrix(x, t, order) - interpolation_matrix(x, t, max(order - 2, 0))) @ factors[mode]
    return t[_largest(_size(weights, factors, mode, np.asarray(difference)))]


def _largest(size: Array) -> NDArray[np.intp]:
    return np.argsort(-size, kind="stable")[:_CHOSEN]
