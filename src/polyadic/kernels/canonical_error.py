"""How far an expansion of a canonical tensor is from the function that the tensor samples: an estimate by probes."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.grid_interpolation import interpolation_matrix

Array = NDArray[np.float64]

Boxes = Sequence[Sequence[Array]]

_SAFETY = 8.0
_CHOSEN, _FLOOR = 8, 1e-15
_DRAWN, _PRODUCTS = (16_000, 1300), (40_000, 20_000)  # probes in all and in one tensor product of coordinates


def boxes(candidates: Sequence[Array], wanted: Sequence[Array] | None = None) -> list[list[Array]]:
    """Return small tensor products of coordinates, one array a mode: of candidates at random, and of the wanted ones.

    Sums over terms and ranks cost a tenth of their price at scattered points there.

    Examples
    --------
    >>> [[len(x) for x in box] for box in boxes([np.arange(40.0)] * 3, [np.arange(12.0)] * 3)][-2:]
    [[10, 10, 10], [12, 12, 12]]
    """
    rng = np.random.default_rng(0)
    out = _drawn(candidates, *_DRAWN, rng)
    return out if wanted is None else out + _drawn(wanted, *_PRODUCTS, rng)


def _drawn(candidates: Sequence[Array], total: int, most: int, rng: np.random.Generator) -> list[list[Array]]:
    side = max(2, round(most ** (1 / len(candidates)) - 0.5))
    sizes = [min(side, len(x)) for x in candidates]
    whole = all(n == len(x) for n, x in zip(sizes, candidates, strict=True))
    count = 1 if whole else -(-total // int(np.prod(sizes)))
    out = [[rng.choice(x, n, replace=False) for x, n in zip(candidates, sizes, strict=True)] for _ in range(count)]
    for box in out:  # local interpolation errs most at the ends
        for k, x in enumerate(candidates):
            box[k][:2] = x[0], x[-1]
    return out


def of_interpolation(
    weights: Array, factors: Sequence[Array], grid: Sequence[Array], places: Boxes, order: int
) -> float:
    r"""Return the estimated error of local interpolation of a degree, from what two lower degrees give.

    With :math:`d_p = \max |f_p - f_{p-2}|` over the places, errors that shrink geometrically with the degree leave
    :math:`d_p \min(1, d_p / d_{p-2})`.
    """
    fields = [_interpolated(weights, factors, grid, places, max(order - less, 0)) for less in (0, 2, 4)]
    return _extrapolated(fields)


def _interpolated(weights: Array, factors: Sequence[Array], grid: Sequence[Array], places: Boxes, order: int) -> Array:
    """Return the values of the interpolant of a degree on boxes, one after the other."""
    tables = []
    for k, (a, x) in enumerate(zip(factors, grid, strict=True)):
        rows = np.asarray(interpolation_matrix(x, np.concatenate([box[k] for box in places]), order) @ a)
        tables.append(np.split(rows, np.cumsum([len(box[k]) for box in places])[:-1]))
    return np.concatenate([_sum_on_box(weights, rows) for rows in zip(*tables, strict=True)])


def _sum_on_box(weights: Array, rows: Sequence[Array]) -> Array:
    """Return the sum of products on the tensor product of the rows, flat: all modes but the last by Khatri-Rao."""
    left = weights[None]
    for r in rows[:-1]:
        left = (left[:, None] * r[None]).reshape(-1, len(weights))
    return np.asarray(left @ rows[-1].T).ravel()


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
    on_axes: Callable[[Sequence[Array]], Array],
    weights: Array,
    factors: Sequence[Array],
    grid: Sequence[Array],
    ends: Sequence[tuple[float, float]],
    order: int,
) -> float:
    """Return the estimated largest error, absolute, of an expansion of a canonical tensor on a grid.

    The sum of what local interpolation of degree ``order`` may have missed between the points, and of the distance
    of the expansion from the interpolant between them and from the entries of the tensor on them; eight times it.
    ``on_axes`` are the values of the expansion on tensor products of coordinates.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> a = np.exp(-4 * x[:, None] ** 2)
    >>> f = lambda axes: np.exp(-4 * np.add.outer(axes[0] ** 2, axes[1] ** 2))
    >>> 0 < on_grid(f, np.ones(1), [a, a], [x, x], [(-1, 1)] * 2, 9) < 1e-8
    True
    """
    between = [np.r_[low, (x[1:] + x[:-1]) / 2, high] for x, (low, high) in zip(grid, ends, strict=True)]
    worst = [_worst(weights, factors, k, x, t, order) for k, (x, t) in enumerate(zip(grid, between, strict=True))]
    peaks = [x[_largest(_size(weights, factors, k, a))] for k, (a, x) in enumerate(zip(factors, grid, strict=True))]
    places = boxes(between, [np.union1d(w, p) for w, p in zip(worst, peaks, strict=True)])

    def distance(places: Boxes) -> tuple[float, float]:
        inside = [[np.clip(x, *interval) for x, interval in zip(box, ends, strict=True)] for box in places]
        values = _interpolated(weights, factors, grid, places, order)
        found = np.concatenate([on_axes(box).ravel() for box in inside])
        return float(np.abs(found - values).max()), float(np.abs(values).max())

    off, scale = distance(places)
    on, peak = distance(boxes(grid, peaks))
    missed = of_interpolation(weights, factors, grid, places, order)
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
    others = [np.maximum(a.max(axis=0), -a.min(axis=0)) for k, a in enumerate(factors) if k != mode]
    return np.asarray(np.abs(columns) @ (np.abs(weights) * np.prod(others, axis=0)))


def _worst(weights: Array, factors: Sequence[Array], mode: int, x: Array, t: Array, order: int) -> Array:
    """Return the coordinates where interpolation of a degree and of a lower one differ most."""
    difference = (interpolation_matrix(x, t, order) - interpolation_matrix(x, t, max(order - 2, 0))) @ factors[mode]
    return t[_largest(_size(weights, factors, mode, np.asarray(difference)))]


def _largest(size: Array) -> NDArray[np.intp]:
    return np.argsort(-size, kind="stable")[:_CHOSEN]
