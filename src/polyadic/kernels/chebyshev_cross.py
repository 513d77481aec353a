"""Functions of several variables approximated to a tolerance from as few values as the method finds enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import low_discrepancy, permutation_symmetry
from polyadic.kernels.counted_function import BudgetError, CountedFunction, Function
from polyadic.kernels.nested_cross import CAREFUL, NestedCross
from polyadic.kernels.tucker_expansion import Expansion, from_reference

Array = NDArray[np.float64]

_SAFETY = 4.0  # estimate = this times the largest residual found by the search
_POOL = 512
_TESTS = 2000
_ROUNDS = 8
_CLIMBS = 12
_UNRESOLVED_RANK = 16  # where no grid resolves a mode, more ranks cost much and bring little
_LARGE_CORE = 2**17  # entries from which an expansion is compared with a part of the pool only
_SUSPECTS = 32
_KEPT = 128  # points of the lattice that join the pool at a check, the worst ones: all of them would slow down growth
_EXTRA = 4000  # most values spent on an error below the tolerance
_STEP, _FINEST, _FINEST_TRAIN = 1e-3, 2e-14, 1e-9  # factors of the tolerance, and where they end
_FLOOR = 1e-15
_EXCHANGED = 1e-3  # of the tolerance: what an exchange of modes may change where they count as exchangeable


@dataclass(frozen=True)
class Approximation:
    """An expansion and what is known about it.

    Attributes
    ----------
    expansion
        The function.
    scale
        Largest absolute value of f seen.
    error_estimate
        Estimate of the largest error, relative to ``scale``.
    converged
        Whether it is at most the tolerance.
    evaluations
        Points at which f was called, tests included.
    message
        Why it did not converge, or empty.
    """

    expansion: Expansion
    scale: float
    error_estimate: float
    converged: bool
    evaluations: int
    message: str


class _Run:
    """One approximation on its way: growth of ranks by the pool, then checks that enlarge the pool."""

    def __init__(
        self, function: CountedFunction, bases: Sequence[str], tolerance: float, seed: int, *, exchange: bool = True
    ) -> None:
        self.f = function
        self.rng = np.random.default_rng(seed)
        self.offset = self.rng.uniform(size=function.dimension)
        self.drawn = 0
        kinds = list(zip(function.domain, bases, strict=True))
        self.accepted = max(_EXCHANGED * tolerance, 4 * _FLOOR)
        draws = np.random.default_rng(seed + 1)
        alike = permutation_symmetry.exchangeable(function, kinds, self.accepted, draws) if exchange else []
        self.cross = NestedCross(function, bases, tolerance, self.rng, alike)
        self.stopped = ""
        self.extra = 0
        self.lattice = np.empty((0, function.dimension))
        self.on_lattice = np.empty(0)

    def fresh(self, n: int) -> Array:
        """Return the next points of the low-discrepancy sequence."""
        self.drawn += n
        return low_discrepancy.even_points(n, self.f.dimension, self.offset, self.drawn - n)

    def start(self) -> tuple[Array, float]:
        """Fill the pool, climb to the largest value and return where and how large it is."""
        points = np.vstack([low_discrepancy.landmarks(self.f.dimension), self.fresh(_POOL)])
        values = self.f(points)
        if not values.any():
            more = self.fresh(min(2**17, self.f.left // 4))
            points, values = np.vstack([points, more]), np.concatenate([values, self.f(more)])
        if not values.any():
            return points[0], 0.0
        if len(points) > 2**13:
            keep = np.argsort(-np.abs(values), kind="stable")[: 2**12]
            points, values = points[keep], values[keep]
        for _ in range(_CLIMBS):
            before = float(np.abs(values).max())
            starts = low_discrepancy.peaks(points, values, 3)
            wide = np.ones((len(starts), self.f.dimension))
            _, _, tried, found = low_discrepancy.climb(self.f, points[starts], values[starts], wide, self.rng, 2)
            near = low_discrepancy.cloud(points[starts[:1]], 64, self.rng, self.nearest)
            points, values = np.vstack([points, tried, near]), np.concatenate([values, found, self.f(near)])
            if np.abs(values).max() <= 1.05 * before:
                break
        self.cross.add_tests(points, values)
        top = int(np.abs(values).argmax())
        return points[top], float(values[top])

    def grow(self) -> None:
        """Raise ranks until the pool is approximated, or nothing helps."""
        futile = 0
        tried: set[int] = set()
        while True:
            if self.cross.unresolved and max(self.cross.core.shape) >= _UNRESOLVED_RANK:
                return
            residuals = np.abs(self.cross.residuals(100 * self.cross.target))
            residuals[list(tried)] = 0
            worst = int(residuals.argmax())
            if residuals[worst] <= self.cross.target:
                return
            if not self.cross.grow(self.cross.points[worst], self.cross.values[worst]):
                tried.add(worst)
                futile += 1
                if futile > 8:
                    return

    def refine(self, tolerance: float) -> None:
        """Go on below the tolerance for few values: the smaller the error, the further out are spikes seen."""
        limit, before = self.f.limit, self.f.count
        self.f.limit = min(limit, before + max(0, min(_EXTRA, max(1000, before // 4)) - self.extra))
        self.cross.careful = True
        finest = _FINEST if self.f.dimension <= 3 else _FINEST_TRAIN
        try:
            while self.cross.tolerance > finest:
                self.cross.tolerance = max(finest, _STEP * self.cross.tolerance)
                self.grow()
        except (BudgetError, np.linalg.LinAlgError):  # too dear, or pivots have come to rounding
            pass
        finally:
            self.f.limit = limit
            self.extra += self.f.count - before
            self.cross.tolerance, self.cross.careful = tolerance, False

    def rounds(self, tolerance: float) -> tuple[Expansion, float]:
        """Grow and check in turn until the check finds nothing; return expansion and largest residual found."""
        error = float("inf")
        shape: tuple[int, ...] = ()
        try:
            for _ in range(_ROUNDS):
                self.grow()
                if not self.cross.unresolved and max(space.size for space in self.cross.spaces) <= CAREFUL:
                    self.refine(tolerance)
                before, shape = shape, (*self.cross.core.shape, *(space.size for space in self.cross.spaces))
                if shape == before:  # what the last check found did not help
                    break
                error = self.check()
                if _SAFETY * error <= tolerance * self.f.largest or (
                    self.cross.unresolved and error <= self.cross.target
                ):
                    break
        except BudgetError as stop:
            self.stopped = f"the evaluations ran out ({stop}); raise max_evaluations or the tolerance"
            error = self.cross.target  # the last check was cut short: nothing was verified
        expansion, known = self.expansion()
        return expansion, max(known, error)

    def mistaken(self) -> bool:
        """Return whether modes taken for exchangeable are not, at the points where the approximation is worst."""
        groups = self.cross.exchangeable
        worst = np.argsort(-np.abs(self.cross.residuals()), kind="stable")[:_SUSPECTS]
        if not groups or len(worst) > self.f.left:
            return False
        points, values = self.cross.points[worst], self.cross.values[worst]
        alike = self.f(permutation_symmetry.representative(points, groups))
        return bool(np.abs(alike - values).max() > self.accepted * self.f.largest)

    def reason(self, estimate: float, tolerance: float) -> str:
        """Return why the tolerance was not reached, or nothing."""
        if self.stopped:
            return self.stopped
        for mode, length in self.cross.unresolved.items():
            what = "values carry noise" if length.noisy else f"coefficients fall only as degree^-{length.order:.1f}"
            return (
                f"mode {mode} is not resolved: its {what}, as at jumps, kinks or cusps inside of the domain;"
                f" the error estimate is {estimate:.1e}"
            )
        if estimate > tolerance:
            return f"ranks or rounding end at an error estimate of {estimate:.1e}, above the tolerance {tolerance:.1e}"
        return ""

    def expansion(self) -> tuple[Expansion, float]:
        """Return the compressed expansion and how far it is from values of the pool, or from the cross anywhere else.

        Of a large core in many modes the pool is looked at in part: an expansion costs all of its entries a point.
        """
        rest = np.abs(self.cross.residuals())
        plain, size = float(rest.max(initial=0.0)), float(np.prod(self.cross.core.shape))
        part, large = np.arange(len(rest)), self.f.dimension > 3 and size > _LARGE_CORE
        if large:
            part = np.unique(np.r_[np.argsort(-rest, kind="stable")[: _TESTS // 4], part[-_TESTS // 4 :]])
        elsewhere = np.vstack([self.fresh(_TESTS // 4), self.near(rest, _TESTS // 5)])
        points = np.vstack([self.cross.points[part], elsewhere])
        values = np.concatenate([self.cross.values[part], self.cross.at(elsewhere)])
        # Entries of a train have errors of their own, whose norm grows with their number; the maximum hardly does.
        tolerance = 0.1 * self.cross.target * (max(1.0, np.sqrt(size) / 50) if large else 1.0)
        for _ in range(8):
            expansion = self.cross.expansion(tolerance)
            error = self.largest(expansion, points, values)
            accepted = max(1.3 * plain, 0.6 * self.cross.target)
            if error <= accepted:
                break
            tolerance /= 4 if large else max(3.0, error / accepted)  # norms of coefficients hide corners
        return expansion, error

    def residual(self, expansion: Expansion, points: Array, values: Array) -> Array:
        """Return value minus expansion at points of the reference box."""
        return values - expansion.at([from_reference(points[:, k], i) for k, i in enumerate(expansion.domain)])

    def largest(self, expansion: Expansion, points: Array, values: Array) -> float:
        """Return the largest absolute residual."""
        return float(np.abs(self.residual(expansion, points, values)).max(initial=0.0))

    def near(self, residual: Array, n: int) -> Array:
        """Return about ``n`` points round places where functions like to be difficult.

        Half of them lie round corners and centres of faces, half round the largest value and residuals; the nearest as
        close as a slope of one may matter.
        """
        points, values = self.cross.points, self.cross.values
        marks = low_discrepancy.landmarks(self.f.dimension)[:40]
        worst = points[[int(np.abs(values).argmax()), *low_discrepancy.peaks(points, residual, 3)]]
        counts = [max(1, n // (2 * len(c))) for c in (marks, worst)]
        parts = zip((marks, worst), counts, strict=True)
        return np.vstack([low_discrepancy.cloud(c, m, self.rng, self.nearest) for c, m in parts])

    @property
    def nearest(self) -> float:
        """The least distance at which tests lie round a point: with a slope of one, what the tolerance resolves."""
        return min(1e-7, self.cross.tolerance)

    def sweep(self) -> Array:
        """Return the residuals on a lattice without large gaps, whose values are asked for once; beyond four none."""
        if not len(self.lattice) and self.f.dimension <= low_discrepancy.LATTICE_MODES:
            points = low_discrepancy.covering_lattice(self.f.dimension, self.offset)
            if len(points) < self.f.left // 2:
                self.lattice, self.on_lattice = points, self.f(points)
        return self.on_lattice - self.cross.at(self.lattice) if len(self.lattice) else self.on_lattice

    def check(self) -> float:
        """Search adversarially for the largest residual; all points join the pool."""
        before = self.cross.residuals()
        n = min(_TESTS, max(256, self.f.left // 4))
        points = np.vstack(
            [self.fresh(n // 2), self.near(before, n // 4), self.cross.amid_pieces(n // 4), *self.cross.seen]
        )
        self.cross.seen.clear()
        values = self.f(points)
        swept = self.sweep()
        everything = np.vstack([points, self.cross.points, self.lattice])
        rest = np.concatenate([values - self.cross.at(points), before, swept])
        worst = np.argsort(-np.abs(swept), kind="stable")[:_KEPT]
        asked, known = [points, self.lattice[worst]], [values, self.on_lattice[worst]]

        def residual_of(where: Array) -> Array:
            got = self.f(where)
            asked.append(where)
            known.append(got)
            return got - self.cross.at(where)

        def climb(best: Array, height: Array, rounds: int) -> tuple[Array, Array]:
            widths = self.cross.widths(best)
            return low_discrepancy.climb(residual_of, best, height, widths, self.rng, rounds)[:2]

        starts = low_discrepancy.peaks(everything, rest, 6)
        best, height = climb(everything[starts], rest[starts], 2)
        largest = float(np.abs(rest).max())
        for _ in range(_CLIMBS):  # on and on where it leads higher: the flank of a spike is wide, its peak is not
            lower, largest = largest, max(largest, float(np.abs(height).max()))
            if largest <= 1.2 * lower:
                break
            top = np.argsort(-np.abs(height), kind="stable")[:2]
            best, height = climb(best[top], height[top], 3)
        self.cross.add_tests(np.vstack(asked), np.concatenate(known))
        return max(largest, float(np.abs(height).max()))


def approximate(
    function: Function,
    domain: Sequence[tuple[float, float]],
    bases: Sequence[str],
    tolerance: float,
    max_evaluations: int,
    seed: int = 0,
) -> Approximation:
    """Return an expansion of a vectorised function within ``tolerance`` of its largest value.

    Parameters
    ----------
    function
        Takes one coordinate array a mode, returns an array of their shape.
    domain
        Per mode (low, high).
    bases
        Per mode ``"chebyshev"`` or ``"fourier"``.
    tolerance
        Accepted largest error relative to the largest absolute value.
    max_evaluations
        Most points at which the function is called.
    seed
        Seed of the test points.
    """
    f = CountedFunction(function, domain, max_evaluations)
    found, run = _attempt(f, bases, tolerance, seed, exchange=True)
    if not found.converged and f.left > f.count and run.mistaken():
        found, _ = _attempt(f, bases, tolerance, seed, exchange=False)
    return found


def _attempt(
    f: CountedFunction, bases: Sequence[str], tolerance: float, seed: int, *, exchange: bool
) -> tuple[Approximation, _Run]:
    try:
        run = _Run(f, bases, tolerance, seed, exchange=exchange)
        x, value = run.start()
        if value == 0:
            tried = f"f is zero at all {f.count} points that were tried"
            return _zero(run, bases, f"{tried}: it is zero, or lives on a tiny part of the domain"), run
        if not run.cross.grow(x, value):
            return _zero(run, bases, "f lives on a part of the domain that is too small for any grid"), run
    except BudgetError as stop:
        raise ValueError(f"max_evaluations is too small to begin with: {stop}; give more") from stop
    expansion, error = run.rounds(tolerance)
    safety = _SAFETY * 4 if run.cross.unresolved else _SAFETY  # round a cusp the search is furthest from the worst
    estimate = max(safety * error, _FLOOR * f.largest) / f.largest
    message = run.reason(estimate, tolerance)
    return Approximation(expansion, f.largest, estimate, not message, f.count, message), run


def _zero(run: _Run, bases: Sequence[str], message: str) -> Approximation:
    """Return the zero function, unconverged: what is zero wherever one looks may be a spike elsewhere."""
    ends = tuple((float(low), float(high)) for low, high in run.f.domain)
    columns = tuple(np.ones((1, 1)) for _ in bases)
    nothing = Expansion(np.zeros((1,) * len(bases)), columns, ends, tuple(bases))
    message = (
        f"f is zero at all {run.f.count} points that were tried: it is zero, or lives on a tiny part of the domain"
    )
    return Approximation(nothing, 0.0, np.inf, False, run.f.count, message)
