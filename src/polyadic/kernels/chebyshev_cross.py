"""Functions of several variables approximated to a tolerance from as few values as the method finds enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import low_discrepancy
from polyadic.kernels.counted_function import BudgetError, CountedFunction, Function
from polyadic.kernels.nested_cross import NestedCross
from polyadic.kernels.tucker_expansion import Expansion, from_reference

Array = NDArray[np.float64]

_SAFETY = 4.0  # estimate = this times the largest residual found by the search
_POOL = 512
_TESTS = 3000


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

    def __init__(self, function: CountedFunction, bases: Sequence[str], tolerance: float, seed: int) -> None:
        self.f = function
        self.rng = np.random.default_rng(seed)
        self.offset = self.rng.uniform(size=function.dimension)
        self.drawn = 0
        self.cross = NestedCross(function, bases, tolerance, self.rng)
        self.stopped = ""

    def fresh(self, n: int) -> Array:
        """Return the next points of the low-discrepancy sequence."""
        self.drawn += n
        return low_discrepancy.even_points(n, self.f.dimension, self.offset, self.drawn - n)

    def start(self) -> tuple[Array, float]:
        """Fill the pool, climb to the largest value and return where and how large it is."""
        points = np.vstack([low_discrepancy.landmarks(self.f.dimension), self.fresh(_POOL)])
        values = self.f(points)
        if not values.any():
            points = np.vstack([points, self.fresh(min(2**16, self.f.left // 4))])
            values = self.f(points)
        starts = low_discrepancy.peaks(points, values, 4)
        best, height, tried, found = low_discrepancy.climb(self.f, points[starts], values[starts], self.rng, 3)
        top = int(np.abs(height).argmax())
        near = low_discrepancy.cloud(best[top], 128, self.rng)
        self.cross.add_tests(np.vstack([points, tried, near]), np.concatenate([values, found, self.f(near)]))
        return best[top], float(height[top])

    def grow(self) -> None:
        """Raise ranks until the pool is approximated, or nothing helps."""
        futile = 0
        tried: set[int] = set()
        while True:
            residuals = np.abs(self.cross.residuals())
            residuals[list(tried)] = 0
            worst = int(residuals.argmax())
            if residuals[worst] <= self.cross.target:
                return
            if not self.cross.grow(self.cross.points[worst], self.cross.values[worst]):
                tried.add(worst)
                futile += 1
                if futile > 8:
                    return

    def expansion(self) -> tuple[Expansion, float]:
        """Return the compressed expansion and its largest residual on the pool."""
        plain = float(np.abs(self.cross.residuals()).max(initial=0.0))
        tolerance = 0.1 * self.cross.target
        for _ in range(6):
            expansion = self.cross.expansion(tolerance)
            error = self.largest(expansion, self.cross.points, self.cross.values)
            if error <= max(1.3 * plain, 0.6 * self.cross.target):
                break
            tolerance /= 8
        return expansion, error

    def residual(self, expansion: Expansion, points: Array, values: Array) -> Array:
        """Return value minus expansion at points of the reference box."""
        return values - expansion.at([from_reference(points[:, k], i) for k, i in enumerate(expansion.domain)])

    def largest(self, expansion: Expansion, points: Array, values: Array) -> float:
        """Return the largest absolute residual."""
        return float(np.abs(self.residual(expansion, points, values)).max(initial=0.0))

    def check(self, expansion: Expansion) -> float:
        """Search adversarially for the largest residual; all points join the pool."""
        n = min(_TESTS, max(256, self.f.left // 4))
        points = self.fresh(n)
        values = self.f(points)
        residual = self.residual(expansion, points, values)
        everything = np.vstack([points, self.cross.points])
        rest = np.concatenate([residual, self.residual(expansion, self.cross.points, self.cross.values)])
        starts = low_discrepancy.peaks(everything, rest, 6)
        known: list[Array] = [values]

        def residual_of(where: Array) -> Array:
            got = self.f(where)
            known.append(got)
            return self.residual(expansion, where, got)

        _, height, tried, _ = low_discrepancy.climb(residual_of, everything[starts], rest[starts], self.rng, 2)
        self.cross.add_tests(np.vstack([points, tried]), np.concatenate(known))
        return max(float(np.abs(height).max()), float(np.abs(rest).max()))


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
    run = _Run(f, bases, tolerance, seed)
    x, value = run.start()
    expansion, error = None, np.inf
    try:
        run.cross.grow(x, value)
        for _ in range(8):
            run.grow()
            expansion, error = run.expansion()
            error = run.check(expansion)
            if _SAFETY * error <= tolerance * f.largest or error <= run.cross.target:
                break
    except BudgetError as stop:
        run.stopped = str(stop)
        expansion, error = run.expansion()
    estimate = _SAFETY * error / f.largest
    return Approximation(expansion, f.largest, estimate, estimate <= tolerance, f.count, run.stopped)
