"""Baselines of a function of several variables: interpolation on full tensor grids of as many values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from polyadic.kernels import chebyshev, low_discrepancy
from polyadic.kernels.tucker_expansion import Expansion, from_reference

Array = NDArray[np.float64]

_LARGEST_GRID = 500_000


class GridRow:
    """A baseline: how many values it took, and its values at points."""

    def __init__(self, evaluations: int, call: Callable[..., Array]) -> None:
        self.evaluations = evaluations
        self._call = call

    def __call__(self, *points: Array) -> Array:
        """Return the values at points."""
        return self._call(*points)


def rows(f: Callable[..., Any], domain: Sequence[tuple[float, float]], evaluations: int) -> dict[str, GridRow]:
    """Return the baselines by name, each from a grid of at most ``evaluations`` values (and at most 500,000)."""
    d = len(domain)
    n = max(4, int(min(evaluations, _LARGEST_GRID) ** (1 / d) + 1e-9))
    return {"chebyshev_grid": _chebyshev_grid(f, domain, n), "spline_grid": _spline_grid(f, domain, n)}


def _values(f: Callable[..., Any], axes: Sequence[Array]) -> Array:
    return np.array(np.broadcast_to(f(*np.meshgrid(*axes, indexing="ij")), [len(x) for x in axes]), float)


def _chebyshev_grid(f: Callable[..., Any], domain: Sequence[tuple[float, float]], n: int) -> GridRow:
    core = _values(f, [from_reference(chebyshev.points(n), interval) for interval in domain])
    for mode in range(len(domain)):
        core = np.moveaxis(chebyshev.coefficients(np.moveaxis(core, mode, 0)), 0, mode)
    ends = tuple((float(low), float(high)) for low, high in domain)
    expansion = Expansion(core, (np.eye(n),) * len(ends), ends, ("chebyshev",) * len(ends))
    return GridRow(core.size, lambda *x: expansion.at(x))


def _spline_grid(f: Callable[..., Any], domain: Sequence[tuple[float, float]], n: int) -> GridRow:
    axes = [np.linspace(*interval, n) for interval in domain]
    values = _values(f, axes)
    method: Literal["cubic", "linear"] = "cubic" if len(domain) <= 3 else "linear"
    spline = RegularGridInterpolator(axes, values, method=method)
    return GridRow(values.size, lambda *x: np.asarray(spline(np.column_stack(x))))


def table(
    f: Callable[..., Any],
    domain: Sequence[tuple[float, float]],
    methods: Mapping[str, Callable[..., Array]],
    rng: np.random.Generator,
    points: int,
) -> Array:
    """Return largest and root-mean-square errors relative to the largest value, ``(2, methods)``.

    Points are spread evenly, then gathered at all scales round the worst places of every method: the same for all.
    """
    d = len(domain)
    spread = low_discrepancy.even_points(points // 2, d, rng.uniform(size=d))
    errors, truth = _errors(f, domain, methods, spread)
    worst = np.unique(np.concatenate([low_discrepancy.peaks(spread, e, 4) for e in errors]))
    corners = low_discrepancy.landmarks(d)[: 2 * d + 1]
    centres = np.vstack([spread[worst], corners])
    near = low_discrepancy.cloud(centres, max(1, points // (2 * len(centres))), rng)
    more, other = _errors(f, domain, methods, near)
    scale = max(float(np.abs(truth).max()), float(np.abs(other).max())) or 1.0
    largest = np.maximum(np.abs(errors).max(axis=1), np.abs(more).max(axis=1))
    return np.vstack([largest, np.sqrt(np.square(errors).mean(axis=1))]) / scale


def _errors(
    f: Callable[..., Any], domain: Sequence[tuple[float, float]], methods: Mapping[str, Callable[..., Array]], t: Array
) -> tuple[Array, Array]:
    x = [from_reference(t[:, k], interval) for k, interval in enumerate(domain)]
    truth = np.broadcast_to(f(*x), x[0].shape)
    return np.array([np.asarray(m(*x)) - truth for m in methods.values()]), truth
