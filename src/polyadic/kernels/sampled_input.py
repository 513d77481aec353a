"""Expansions of values on grids, of canonical tensors and of sums of Gaussians, each with an estimate of its error."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyadic.kernels import canonical_error, grid_interpolation, tucker_compression
from polyadic.kernels.tucker_expansion import Expansion

Array = NDArray[np.float64]
Interval = tuple[float, float]

_SHARES = (0.1, 0.08, 0.06, 0.04, 0.02, 0.01)  # of a tolerance in the largest value, which norms bound loosely


def canonical(
    weights: Array,
    factors: Sequence[Array],
    grid: Sequence[Array],
    tolerance: float,
    domain: Sequence[Interval] | None = None,
    degree: int | None = None,
    order: int = 13,
) -> tuple[Expansion, float]:
    """Return the expansion of a canonical tensor on a grid and its estimated absolute error.

    Arguments as of `ChebyshevTucker.from_cp`. Degrees end where local interpolation errs anyway.
    """
    ends = cells(grid) if domain is None else _floats(domain)
    series = []
    for a, x, interval in zip(factors, grid, ends, strict=True):
        most = max(tolerance, canonical_error.of_columns(a, x, order) / 10)
        series.append(grid_interpolation.to_coefficients(a, x, interval, most, degree, order))
    expansion = _joined(weights, series, ends, tolerance)
    return expansion, canonical_error.on_grid(expansion.on_grid, weights, factors, grid, ends, order)


def gaussians(
    weights: Array, exponents: ArrayLike, centres: ArrayLike, domain: Sequence[Interval], tolerance: float
) -> tuple[Expansion, float]:
    """Return the expansion of a sum of Gaussians and its estimated absolute error.

    Arguments as of `ChebyshevTucker.from_gaussians`.
    """
    ends, shape = _floats(domain), (len(weights), len(domain))
    a = np.broadcast_to(np.asarray(exponents, float).reshape(len(weights), -1), shape)
    c = np.broadcast_to(np.asarray(centres, float), shape)
    series = [
        grid_interpolation.series(functools.partial(_bells, a[:, k], c[:, k]), interval, tolerance)
        for k, interval in enumerate(ends)
    ]
    expansion = _joined(weights, series, ends, tolerance)
    return expansion, canonical_error.of_gaussians(expansion.at, weights, a, c, ends)


def whole(
    values: Array, grid: Sequence[Array], tolerance: float, domain: Sequence[Interval] | None = None, order: int = 13
) -> tuple[Expansion, float, float]:
    """Return the expansion of values on a tensor grid, its largest error there relative to the largest value, and that.

    Arguments as of `ChebyshevTucker.from_grid`.
    """
    ends = cells(grid) if domain is None else _floats(domain)
    inside = [np.clip(x, *interval) for x, interval in zip(grid, ends, strict=True)]
    scale = float(np.abs(values).max())
    for share in _SHARES:
        core, columns = tucker_compression.hosvd(values, share * tolerance * float(np.linalg.norm(values)))
        series = [
            grid_interpolation.to_coefficients(u, x, interval, share * tolerance, order=order)
            for u, x, interval in zip(columns, grid, ends, strict=True)
        ]
        found = Expansion(core, tuple(series), tuple(ends), ("chebyshev",) * len(ends)).compressed(0.0)
        found = found.compressed(share * tolerance * float(np.linalg.norm(found.core)))
        error = float(np.abs(found.on_grid(inside) - values).max()) / (scale or 1.0)
        if error <= tolerance:
            break
    return found, error, scale


def cells(grid: Sequence[Array]) -> list[Interval]:
    """Return the intervals that the cells round the points of uniform grids fill.

    Examples
    --------
    >>> cells([np.array([0.5, 1.5])])
    [(0.0, 2.0)]
    """
    return [(float(x[0] - (x[1] - x[0]) / 2), float(x[-1] + (x[-1] - x[-2]) / 2)) for x in grid]


def _floats(domain: Sequence[Interval]) -> list[Interval]:
    return [(float(low), float(high)) for low, high in domain]


def _joined(weights: Array, series: Sequence[Array], ends: Sequence[Interval], tolerance: float) -> Expansion:
    core, spans = grid_interpolation.cp_to_tucker(weights, series, tolerance)
    return Expansion(core, tuple(spans), tuple(ends), ("chebyshev",) * len(ends))


def _bells(exponents: Array, centres: Array, x: Array) -> Array:
    return np.asarray(np.exp(-exponents * np.square(x[:, None] - centres)))
