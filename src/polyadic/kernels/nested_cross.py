r"""Nested adaptive cross approximation: a Tucker model of a function from fibres and a core of its values.

.. math:: \tilde f = (P_1 \otimes \cdots \otimes P_d) f

with :math:`P_k` the interpolation in the span of the fibres of mode k at as many nodes. Only fibres and the values
at the tensor product of the nodes are needed, and these are, beyond three modes, themselves approximated by crosses
as a tensor train. Nodes are nested, so no value is asked for twice when ranks grow. Modes that may be exchanged share
span and nodes, and one value stands for all permutations of its point.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import chebyshev, nonuniform_series, permutation_symmetry, tucker_compression
from polyadic.kernels.counted_function import BudgetError, CountedFunction
from polyadic.kernels.full_core import FullCore, FullForm
from polyadic.kernels.mode_space import ModeSpace
from polyadic.kernels.piecewise_fibre import PiecewiseFibre, sample
from polyadic.kernels.series_length import Length, series_length
from polyadic.kernels.train_core import TrainCore, TrainForm
from polyadic.kernels.tucker_expansion import Expansion

Array = NDArray[np.float64]
Found = dict[int, tuple[PiecewiseFibre, float]]  # by mode: a fibre, and the largest residual on it

FIRST_GRID = 17
LARGEST = 2**17 + 1
"""Most points of a fibre, and most coefficients of a mode."""

CAREFUL = 1025
"""Coefficients of a mode from which an error below the tolerance counts as expensive."""

_FLOOR = 4e-15  # of the largest value: below it, values of f are rounding
_SHARE = 0.1  # of the tolerance: what the tail of a series may take
_SLOPES, _LEAST_TAIL = 20.0, 1e-3  # what a tail may add to gradients, and the least share of the tolerance it is cut at
_ROUNDING = 3e-16  # of the largest value: in smaller tails there is noise, whose slopes are large too
_LAST = 4.0  # thresholds that the tail may take where no finer grid is affordable: tests will show whether it is enough
_STEPS = 1.3  # least growth of a long grid
_TELLING = 0.5  # of the largest residual: what one fibre brings where it is taken before others are sampled
_ABOVE = 10.0  # targets: nearer to it, the best of all fibres is sought, for ill-chosen nodes carry rounding
_FITTING = 0.5  # of what a fibre has to bring: below it the spans are good enough, and the core is suspected
_CORE = 0.05  # of the target: the error that an entry of the core may have
_PIVOT = 1e-12  # of the largest value: the least pivot of a train


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
    exchangeable
        Groups of modes that may be exchanged.
    """

    def __init__(
        self,
        function: CountedFunction,
        bases: Sequence[str],
        tolerance: float,
        rng: np.random.Generator,
        exchangeable: Sequence[Sequence[int]] = (),
    ) -> None:
        self.function = function
        self.tolerance = tolerance
        self.rng = rng
        self.spaces = [ModeSpace(name, FIRST_GRID if name == "chebyshev" else FIRST_GRID - 1) for name in bases]
        self.unresolved: dict[int, Length] = {}
        d = function.dimension
        self.exchangeable = list(exchangeable)
        for group in exchangeable:
            for mode in group:
                self.spaces[mode] = self.spaces[group[0]]
        self.core = FullCore(self._at_nodes, d) if d <= 3 else TrainCore(self._at_nodes, d, rng)
        self.points = np.empty((0, d))
        self.values = np.empty(0)
        self._at_points: list[Array] = [np.empty((0, 0))] * d
        self._reduced: FullForm | TrainForm | None = None
        self.seen: list[Array] = []
        self.careful = False

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
    def _entry_error(self) -> float:
        """Absolute error that an entry of the core may have; below the tolerance no pivots are taken near rounding."""
        return max(_CORE * self.target, _PIVOT * self.function.largest if self.careful else 0.0)

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
        if self._reduced is None:
            return self.values.copy()
        step = self._reduced.step
        out = np.zeros_like(self.values)
        for start in range(0, len(out), step):
            part = slice(start, start + step)
            out[part] = self.values[part] - self._reduced.at([u[part] for u in self._at_points])
            if np.abs(out[part]).max() > enough:
                break
        return out

    def grow(self, x: Array, value: float) -> bool:
        """Raise ranks by the fibres through a point of large residual, moved along each to a larger one.

        Where they are in the spans already, fibres through nodes: what interpolation there gets wrong it carries to
        the point. Returns whether any rank was raised.
        """
        start, x = x, x.copy()
        found: Found = {}
        try:
            for mode in range(self.dimension):
                fibre, rest = self._followed(x, mode, value)
                found[mode] = fibre, float(np.abs(rest).max())
                space = self.spaces[mode]
                top = int(np.abs(rest).argmax())
                x[mode], value = space.points[top], float(space.on_grid(fibre)[top])
                if self._enough(found, mode):
                    break
        finally:  # a spike is not forgotten where evaluations run out on its slope
            self.seen.append(x)
        return self._take(found, start) or self._take_at_nodes(start, found[0])

    def _enough(self, found: Found, mode: int) -> bool:
        """Return whether a fibre brings so much to a span shared by all modes that the others need not be sampled."""
        if len(self._alike(mode)) < self.dimension:
            return False
        telling = max(_TELLING * max(rest for _, rest in found.values()), _ABOVE * self.target)
        return self.spaces[mode].residual(found[mode][0]).peak >= telling

    def _followed(self, x: Array, mode: int, value: float) -> tuple[PiecewiseFibre, Array]:
        """Return the fibre through a point, and what the approximation leaves of it on the grid of its mode."""
        fibre = self._fibre(x, mode, value)
        space = self.spaces[mode]
        return fibre, space.on_grid(fibre) - space.basis.values(space.span @ self._along(x, mode))

    def _take_at_nodes(self, x: Array, first: tuple[PiecewiseFibre, float]) -> bool:
        """Take fibres whose first coordinates are nodes, as in the sum of the errors of one interpolation a mode."""
        if self._reduced is None:
            return False
        near = [space.nodes[i] for space, i in zip(self.spaces, self._weightiest(x), strict=True)]
        y, found = x.copy(), {0: first}
        for mode in range(1, self.dimension):
            y[:mode] = near[:mode]
            fibre, rest = self._followed(y, mode, float(self.function(y[None])[0]))
            found[mode] = fibre, float(np.abs(rest).max())
        return self._take(found, y)

    def widths(self, points: Array) -> Array:
        """Return how wide the pieces of fibres are round ``(n, d)`` points, in every mode."""
        columns = []
        for space, t in zip(self.spaces, points.T, strict=True):
            edges = space.edges
            at = np.clip(np.searchsorted(edges, t, side="right"), 1, len(edges) - 1)
            columns.append(edges[at] - edges[at - 1])
        return np.column_stack(columns)

    def amid_pieces(self, n: int) -> Array:
        """Return ``n`` points whose coordinates lie in pieces of fibres drawn at random: many where these are small."""
        columns = []
        for space in self.spaces:
            edges = space.edges
            at = self.rng.integers(1, len(edges), n)
            share = (1 - np.cos(np.pi * self.rng.uniform(size=n))) / 2
            columns.append(edges[at - 1] + share * (edges[at] - edges[at - 1]))
        return np.column_stack(columns)

    def _along(self, x: Array, mode: int) -> Array:
        """Return the approximation on a line, as coordinates in the span of its mode."""
        if self._reduced is None:
            return np.zeros(self.spaces[mode].rank)
        return self._reduced.along([space.at(x[k : k + 1]) for k, space in enumerate(self.spaces)], mode)

    def _take(self, found: Found, x: Array) -> bool:
        before = self.core.shape
        residuals = {mode: self.spaces[mode].residual(fibre) for mode, (fibre, _) in found.items()}
        needed = 0.1 * max(rest for _, rest in found.values())
        strongest = max(r.peak for r in residuals.values())
        if strongest < _FITTING * needed and self._refine_core(x):
            return True
        noise = _FLOOR * self.function.largest
        for mode in sorted(found, key=lambda k: -residuals[k].peak):
            space, fibre = self.spaces[mode], found[mode][0]
            shared = space.rank > before[mode]  # a fibre of an exchangeable mode was taken in
            residual = space.residual(fibre) if shared else residuals[mode]
            wanted = residual.peak >= (3 * needed if shared else needed) or (residual.peak >= strongest and not shared)
            if wanted and residual.peak > noise and space.rank < space.size:
                space.add(fibre, residual)
        if all(space.rank == r for space, r in zip(self.spaces, before, strict=True)):
            return False
        self._extend_core(before)
        self._update(before)
        return True

    def _refine_core(self, x: Array) -> bool:
        """Look for errors of the core at the nodes that matter most at a point; return whether any was put right."""
        if not self.core.refine(self._entry_error, self._weightiest(x)[None]):
            return False
        self._reduced = self.reduced_core()
        return True

    def _weightiest(self, x: Array) -> NDArray[np.intp]:
        """Return the node of every mode whose value counts most at a point."""
        rows = [space.at(x[k : k + 1])[0] @ space.solve(np.eye(space.rank)) for k, space in enumerate(self.spaces)]
        return np.array([int(np.abs(row).argmax()) for row in rows])

    def at(self, points: Array) -> Array:
        """Return the values of the approximation at ``(n, d)`` points of the reference box."""
        if self._reduced is None:
            return np.zeros(len(points))
        rows = [space.at(points[:, k]) for k, space in enumerate(self.spaces)]
        step = self._reduced.step
        parts = [slice(start, start + step) for start in range(0, len(points), step)]
        return np.concatenate([self._reduced.at([r[part] for r in rows]) for part in parts])

    def _at_nodes(self, index: NDArray[np.intp]) -> Array:
        """Return the values at nodes of the modes, those of exchangeable modes asked for once."""
        nodes = [np.array(space.nodes) for space in self.spaces]
        if not self.exchangeable:
            return self.function(np.column_stack([x[i] for x, i in zip(nodes, index.T, strict=True)]))
        alike = permutation_symmetry.representative(index, self.exchangeable)
        distinct, inverse = np.unique(alike, axis=0, return_inverse=True)
        points = np.column_stack([x[i] for x, i in zip(nodes, distinct.T, strict=True)])
        return self.function(points)[inverse.ravel()]

    def _extend_core(self, before: tuple[int, ...]) -> None:
        try:
            self.core.extend(tuple(space.rank for space in self.spaces), self._entry_error)
        except Exception:
            for space, rank in zip(self.spaces, before, strict=True):
                space.truncate(rank)
            raise

    def _update(self, before: tuple[int, ...]) -> None:
        self._reduced = self.reduced_core()
        for mode, space in enumerate(self.spaces):
            old = self._at_points[mode]
            fresh = space.at(self.points[:, mode], before[mode])
            self._at_points[mode] = np.hstack([old[:, : before[mode]], fresh])

    def reduced_core(self) -> FullForm | TrainForm:
        """Return the core that belongs to the orthonormal spans."""
        return self.core.reduced([space.solve(np.eye(space.rank)) for space in self.spaces])

    def _fibre(self, x: Array, mode: int, value: float) -> PiecewiseFibre:
        """Return the fibre through x; the mode gets as many coefficients as the fibre needs."""
        space = self.spaces[mode]

        def along(t: Array) -> Array:
            return self.function.line(x, mode, t)[:, 0]

        most = max(65, min(LARGEST, self.function.left // (4 * self.dimension)))
        fibre = sample(along, self.threshold, space.layout, most)
        if not self._agrees(fibre, along, x[mode], value, fresh=space.rank == 0):
            fibre = sample(along, self.threshold, _graded(x[mode]), most)
        if self.careful and not fibre.resolved:
            self._give_up(x, mode, fibre)
        if mode not in self.unresolved:
            self._resolve(mode, fibre, x)
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

    def _give_up(self, x: Array, mode: int, fibre: PiecewiseFibre) -> None:
        """Keep in mind where a fibre is difficult, and stop the growth."""
        narrow = min(fibre.pieces, key=lambda piece: piece.high - piece.low)
        there = x.copy()
        there[mode] = (narrow.low + narrow.high) / 2
        self.seen.append(there)
        raise BudgetError("an error below the tolerance would be expensive")

    def _resolve(self, mode: int, fibre: PiecewiseFibre, where: Array) -> None:
        """Give the mode as many coefficients as the series of a fibre needs, or note that no number will do."""
        space, t = self.spaces[mode], where[mode]
        size, previous = space.size, 0.0
        while True:
            length = series_length(space.basis.coefficients(space.on_grid(fibre, size)), self.threshold)
            if length.resolved and self._is_series(space, fibre, size, t):
                size = min(size, int(1.1 * length.length) + 6)
                break
            if self.careful and size > CAREFUL:
                self._give_up(where, mode, fibre)
            noisy = length.noisy and (fibre.noisy or len(fibre.pieces) == 1)
            if noisy or _hopeless(size, length, previous, self.threshold):
                if noisy or size < LARGEST or length.error > _LAST * self.threshold:
                    self.unresolved.update(dict.fromkeys(self._alike(mode), length))
                break
            size, previous = min(space.basis.nested(size), space.basis.fast(LARGEST)), length.order
        self._regrid(mode, size)

    def _regrid(self, mode: int, size: int) -> None:
        """Give a mode, and those that share its space, more coefficients."""
        space = self.spaces[mode]
        if size > space.size:
            if space.size > CAREFUL:  # each move transforms all fibres again
                size = max(size, int(_STEPS * space.size))
            space.regrid(space.basis.fast(size))
            for other in self._alike(mode):
                self._at_points[other] = space.at(self.points[:, other])
            if self._reduced is not None:
                self._reduced = self.reduced_core()

    def _alike(self, mode: int) -> list[int]:
        """Return the modes that share the space of one."""
        return [k for k, space in enumerate(self.spaces) if space is self.spaces[mode]]

    def _is_series(self, space: ModeSpace, fibre: PiecewiseFibre, size: int, where: float) -> bool:
        """Return whether the series of a fibre agrees with it at a point and amid pieces: a grid may miss a spike."""
        t = np.array([where, *((p.low + p.high) / 2 for p in fibre.pieces)])
        c = space.basis.coefficients(space.on_grid(fibre, size))
        at = nonuniform_series.evaluate(space.name, c[:, None], t)[:, 0]
        rest = np.abs(at - fibre(t))
        return bool(rest[0] <= 2 * self.threshold and rest.max() <= 5 * self.threshold)

    def expansion(self, tolerance: float) -> Expansion:
        """Return the approximation with ranks and degrees reduced by about ``tolerance`` (absolute)."""
        spans = [space.span for space in self.spaces]
        core, inner = tucker_compression.hosvd(self.reduced_core().dense(), tolerance)
        factors = [span @ u for span, u in zip(spans, inner, strict=True)]
        singular = tucker_compression.mode_singular_values(core)
        short = []
        for space, v, s in zip(self.spaces, factors, singular, strict=True):
            weight = np.sqrt(np.square(v * s[: v.shape[1]]).sum(axis=1)) if v.shape[1] <= len(s) else np.abs(v).max(1)
            length = series_length(weight, tolerance).length
            finer = max(_finer(tolerance, length), _ROUNDING * self.function.largest)
            length = max(series_length(weight, finer).length, v.shape[1])
            if space.name == "fourier":
                short.append(v[: min(len(v), length + 1 - length % 2)])
            else:
                short.append(chebyshev.shortened(v, max(2, length)) if length < len(v) else v)
        core, orthonormal = tucker_compression.compress(core, short, 0.0)
        domain = tuple((float(low), float(high)) for low, high in self.function.domain)
        return Expansion(core, tuple(orthonormal), domain, tuple(space.name for space in self.spaces))


def _finer(tolerance: float, length: int) -> float:
    """Return what a tail may take so that it does not show in gradients: its slope is up to n^2 times its size."""
    return tolerance * min(1.0, max(_SLOPES / length**2, _LEAST_TAIL))


def _hopeless(size: int, length: Length, previous: float, threshold: float) -> bool:
    """Return whether no affordable number of coefficients will resolve a series.

    The order of an algebraic decay stays when the grid doubles, that of a geometric one doubles.
    """
    if size >= LARGEST:
        return True
    if size < 1500 or length.order > 1.4 * previous + 0.2:
        return False
    return bool(size * (length.error / threshold) ** (1 / max(length.order - 1, 0.3)) > 4 * LARGEST)


def _graded(t: float) -> tuple[tuple[float, float, int], ...]:
    """Return pieces that shrink towards t, where something was missed."""
    steps = 8.0 ** -np.arange(1, 9)
    edges = np.unique(np.clip(np.concatenate([[-1.0, 1.0], t - steps, t + steps]), -1, 1))
    return tuple((float(a), float(b), FIRST_GRID) for a, b in itertools.pairwise(edges))
