r"""Nested adaptive cross approximation: a Tucker model of a function from fibres and a core of its values.

.. math:: \tilde f = (P_1 \otimes \cdots \otimes P_d) f

with :math:`P_k` the interpolation in the span of the fibres of mode k at as many nodes. Only fibres and the values
at the tensor product of the nodes are needed; nodes are nested, so no value is asked for twice when ranks grow.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import nonuniform_series, tucker_compression
from polyadic.kernels.counted_function import BudgetError, CountedFunction
from polyadic.kernels.mode_space import ModeSpace
from polyadic.kernels.piecewise_fibre import PiecewiseFibre, sample
from polyadic.kernels.series_length import Length, series_length
from polyadic.kernels.tucker_expansion import Expansion, contract

Array = NDArray[np.float64]

FIRST_GRID = 17
LARGEST = 2**15 + 1
"""Most points of a fibre, and most coefficients of a mode."""

_FLOOR = 4e-15  # of the largest value: below it, values of f are rounding
_SHARE = 0.1  # of the tolerance: what the tail of a series may take


class NestedCross:
    """The state of the approximation: a `ModeSpace` a mode, the core of values, a pool of tests.

    Parameters
    ----------
    function
        The counted function.
    bases
        ``"chebyshev"`` or ``"fourier"``, one a mode.
    tolerance
        Accepted error relative to the largest value.
    rng
        Draws guards against aliasing.
    """

    def __init__(
        self, function: CountedFunction, bases: Sequence[str], tolerance: float, rng: np.random.Generator
    ) -> None:
        self.function = function
        self.tolerance = tolerance
        self.rng = rng
        self.spaces = [ModeSpace(name, FIRST_GRID if name == "chebyshev" else FIRST_GRID - 1) for name in bases]
        self.unresolved: dict[int, Length] = {}
        d = function.dimension
        self.core = np.empty((0,) * d)
        self.points = np.empty((0, d))
        self.values = np.empty(0)
        self._at_points: list[Array] = [np.empty((0, 0))] * d
        self._reduced = self.core

    @property
    def dimension(self) -> int:
        """The number of modes."""
        return len(self.spaces)

    @property
    def target(self) -> float:
        """Absolute residual that the pool has to come down to: a part of the tolerance, or what grids can resolve."""
        unresolved = sum(min(length.error, self.function.largest) for length in self.unresolved.values())
        return max(0.2 * self.tolerance * self.function.largest, _FLOOR * self.function.largest, 0.5 * unresolved)

    @property
    def threshold(self) -> float:
        """Absolute error that the tail of a fibre's series may have."""
        return max(_SHARE * self.tolerance, _FLOOR) * self.function.largest

    def add_tests(self, points: Array, values: Array) -> None:
        """Put points with known values into the pool."""
        self.points = np.vstack([self.points, points])
        self.values = np.concatenate([self.values, values])
        for mode, space in enumerate(self.spaces):
            new = space.at(points[:, mode])
            old = self._at_points[mode]
            self._at_points[mode] = np.vstack([old, new]) if len(old) else new

    def residuals(self, enough: float = np.inf) -> Array:
        """Return value minus approximation at the pool; beyond one above ``enough``, the rest may be zero."""
        if not self._reduced.size:
            return self.values.copy()
        step = max(64, 2**22 // max(1, self._reduced[0].size))
        out = np.zeros_like(self.values)
        for start in range(0, len(out), step):
            part = slice(start, start + step)
            out[part] = self.values[part] - contract(self._reduced, [u[part] for u in self._at_points])
            if np.abs(out[part]).max() > enough:
                break
        return out

    def grow(self, x: Array, value: float) -> bool:
        """Raise ranks by the fibres through a point of large residual, moved along each to a larger one.

        Returns whether any rank was raised.
        """
        x = x.copy()
        found = []
        for mode in range(self.dimension):
            fibre = self._fibre(x, mode, value)
            space = self.spaces[mode]
            values = space.on_grid(fibre)
            rest = values - space.basis.values(space.span @ self._along(x, mode))
            found.append((fibre, float(np.abs(rest).max())))
            top = int(np.abs(rest).argmax())
            x[mode], value = space.points[top], float(values[top])
        return self._take(found)

    def _along(self, x: Array, mode: int) -> Array:
        """Return the approximation on a line, as coordinates in the span of its mode."""
        if not self._reduced.size:
            return np.zeros(self.spaces[mode].rank)
        rows: list[Array | None] = [space.at(x[k : k + 1]) for k, space in enumerate(self.spaces)]
        rows[mode] = None
        return tucker_compression.multiply(self._reduced, rows).ravel()

    def _take(self, found: list[tuple[PiecewiseFibre, float]]) -> bool:
        before = self.core.shape
        residuals = [s.residual(f) for s, (f, _) in zip(self.spaces, found, strict=True)]
        needed = 0.1 * max(rest for _, rest in found)
        strongest = max(r.peak for r in residuals)
        noise = _FLOOR * self.function.largest
        for space, (fibre, _), residual in zip(self.spaces, found, residuals, strict=True):
            wanted = residual.peak >= needed or residual.peak >= strongest
            if wanted and residual.peak > noise and space.rank < space.size:
                space.add(fibre, residual)
        if all(space.rank == r for space, r in zip(self.spaces, before, strict=True)):
            return False
        self._extend_core()
        self._update(before)
        return True

    def _extend_core(self) -> None:
        old, shape = self.core.shape, tuple(space.rank for space in self.spaces)
        missing = np.ones(shape, bool)
        missing[tuple(slice(r) for r in old)] = False
        index = np.nonzero(missing)
        points = np.column_stack([np.array(s.nodes)[i] for s, i in zip(self.spaces, index, strict=True)])
        try:
            values = self.function(points)
        except BudgetError:
            for space, rank in zip(self.spaces, old, strict=True):
                space.truncate(rank)
            raise
        core = np.empty(shape)
        core[~missing] = self.core.ravel()
        core[missing] = values
        self.core = core

    def _update(self, before: tuple[int, ...]) -> None:
        self._reduced = self.reduced_core()
        for mode, space in enumerate(self.spaces):
            old = self._at_points[mode]
            fresh = space.at(self.points[:, mode], before[mode])
            self._at_points[mode] = np.hstack([old[:, : before[mode]], fresh])

    def reduced_core(self) -> Array:
        """Return the core that belongs to the orthonormal spans."""
        core = self.core
        for mode, space in enumerate(self.spaces):
            solved = space.solve(tucker_compression.unfold(core, mode))
            shape = (core.shape[mode], *np.delete(core.shape, mode))
            core = np.moveaxis(solved.reshape(shape), 0, mode)
        return np.ascontiguousarray(core)

    def _fibre(self, x: Array, mode: int, value: float) -> PiecewiseFibre:
        """Return the fibre through x; the mode gets as many coefficients as the fibre needs."""
        space = self.spaces[mode]

        def along(t: Array) -> Array:
            return self.function.line(x, mode, t)[:, 0]

        most = max(65, min(LARGEST, self.function.left // (4 * self.dimension)))
        fibre = sample(along, self.threshold, space.layout, most)
        if not self._agrees(fibre, along, x[mode], value, fresh=space.rank == 0):
            fibre = sample(along, self.threshold, _graded(x[mode]), most)
        if mode not in self.unresolved:
            self._resolve(mode, fibre)
        return fibre

    def _agrees(
        self, fibre: PiecewiseFibre, along: Callable[[Array], Array], t: float, value: float, *, fresh: bool
    ) -> bool:
        """Return whether the fibre has the known value at t, the first one of a mode also values at random points."""
        if abs(float(fibre(np.array([t]))[0]) - value) > 5 * self.threshold:
            return False
        if not fresh:
            return True
        guards = self.rng.uniform(-1, 1, 4)
        return bool(np.abs(fibre(guards) - along(guards)).max() <= 5 * self.threshold)

    def _resolve(self, mode: int, fibre: PiecewiseFibre) -> None:
        """Give the mode as many coefficients as the series of a fibre needs, or note that no number will do."""
        space = self.spaces[mode]
        size = space.size
        previous = 0.0
        while True:
            length = series_length(space.basis.coefficients(space.on_grid(fibre, size)), self.threshold)
            if length.resolved and self._is_series(space, fibre, size):
                size = min(size, int(1.1 * length.length) + 6)
                break
            if length.noisy or _hopeless(size, length, previous, self.threshold):
                self.unresolved[mode] = length
                break
            size, previous = space.basis.nested(size), length.order
        if size > space.size:
            space.regrid(size)
            self._at_points[mode] = space.at(self.points[:, mode])
            if self.core.size:
                self._reduced = self.reduced_core()

    def _is_series(self, space: ModeSpace, fibre: PiecewiseFibre, size: int) -> bool:
        """Return whether the series of a fibre agrees with it in the middle of its pieces: a grid may miss a spike."""
        t = np.array([(p.low + p.high) / 2 for p in fibre.pieces])
        c = space.basis.coefficients(space.on_grid(fibre, size))
        at = nonuniform_series.evaluate(space.name, c[:, None], t)[:, 0]
        return bool(np.abs(at - fibre(t)).max() <= 5 * self.threshold)

    def expansion(self, tolerance: float) -> Expansion:
        """Return the approximation with ranks and degrees reduced by about ``tolerance`` (absolute)."""
        spans = [space.span for space in self.spaces]
        core, inner = tucker_compression.hosvd(self.reduced_core(), tolerance)
        factors = [span @ u for span, u in zip(spans, inner, strict=True)]
        singular = tucker_compression.mode_singular_values(core)
        short = []
        for space, v, s in zip(self.spaces, factors, singular, strict=True):
            weight = np.sqrt(np.square(v * s[: v.shape[1]]).sum(axis=1)) if v.shape[1] <= len(s) else np.abs(v).max(1)
            length = max(series_length(weight, tolerance).length, v.shape[1])
            if space.name == "fourier":
                length = min(len(v), length + 1 - length % 2)
            short.append(v[:length])
        core, orthonormal = tucker_compression.compress(core, short, 0.0)
        domain = tuple((float(low), float(high)) for low, high in self.function.domain)
        return Expansion(core, tuple(orthonormal), domain, tuple(space.name for space in self.spaces))


def _hopeless(size: int, length: Length, previous: float, threshold: float) -> bool:
    """Return whether no affordable number of coefficients will resolve a series.

    The order of an algebraic decay stays when the grid doubles, that of a geometric one doubles.
    """
    if 2 * size > LARGEST:
        return True
    if size < 1500 or length.order > 1.4 * previous + 0.2:
        return False
    return bool(size * (length.error / threshold) ** (1 / max(length.order - 1, 0.3)) > LARGEST)


def _graded(t: float) -> tuple[tuple[float, float, int], ...]:
    """Return pieces that shrink towards t, where something was missed."""
    steps = 8.0 ** -np.arange(1, 9)
    edges = np.unique(np.clip(np.concatenate([[-1.0, 1.0], t - steps, t + steps]), -1, 1))
    return tuple((float(a), float(b), FIRST_GRID) for a, b in itertools.pairwise(edges))
