"""A function of several variables called in batches, each call counted against a budget."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.tucker_expansion import from_reference

Array = NDArray[np.float64]
Function = Callable[..., Any]

_BATCH = 2**20


class BudgetError(RuntimeError):
    """The next batch would exceed the budget; nothing of it was evaluated."""


class CountedFunction:
    """A vectorised function on a box, called with coordinates of [-1, 1], its points counted.

    Parameters
    ----------
    function
        Takes one coordinate array a mode, returns an array of their shape.
    domain
        Per mode (low, high).
    limit
        Most points.
    """

    def __init__(self, function: Function, domain: Sequence[tuple[float, float]], limit: int) -> None:
        self.function = function
        self.domain = list(domain)
        self.limit = limit
        self.count = 0
        self.largest = 0.0

    @property
    def dimension(self) -> int:
        """The number of modes."""
        return len(self.domain)

    @property
    def left(self) -> int:
        """The points that may still be evaluated."""
        return self.limit - self.count

    def __call__(self, points: Array) -> Array:
        """Return the values at ``(n, d)`` points of the reference box, in batches of a million.

        Raises
        ------
        BudgetError
            If the budget does not hold all of them.
        ValueError
            If the function raises, or returns another shape, complex or non-finite values.
        """
        if len(points) > self.left:
            raise BudgetError(f"{len(points)} points were asked for, {self.left} are left")
        out = np.empty(len(points))
        for start in range(0, len(points), _BATCH):
            part = slice(start, start + _BATCH)
            coordinates = [from_reference(points[part, k], interval) for k, interval in enumerate(self.domain)]
            out[part] = self._checked(self._asked(coordinates), coordinates)
        self.count += len(points)
        if len(out):
            self.largest = max(self.largest, float(np.abs(out).max()))
        return out

    def _asked(self, coordinates: list[Array]) -> Any:
        try:
            return self.function(*coordinates)
        except Exception as error:
            raise ValueError(
                f"f must take {len(coordinates)} coordinate arrays, one a mode, but raised"
                f" {type(error).__name__}: {error}; numpy.vectorize(f) makes a function of numbers take arrays"
            ) from error

    def _checked(self, values: Any, coordinates: list[Array]) -> Array:
        found = np.asarray(values)
        if found.shape != coordinates[0].shape:
            if found.shape == ():  # a constant
                found = np.full(coordinates[0].shape, found)
            else:
                raise ValueError(
                    f"f must be vectorised: for {len(coordinates)} coordinate arrays of shape {coordinates[0].shape}"
                    f" it must return that shape, found {found.shape}; numpy.vectorize(f) makes any f so"
                )
        if found.dtype.kind not in "fiub":
            raise ValueError(f"f must return real numbers, found {found.dtype}; give real and imaginary part apart")
        bad = ~np.isfinite(found)
        if bad.any():
            where = tuple(float(x[bad][0]) for x in coordinates)
            raise ValueError(f"f must be finite on the whole domain, found {found[bad][0]} at {where}")
        return found.astype(float)

    def line(self, base: Array, mode: int, t: Array) -> Array:
        """Return the values on axis-parallel lines through ``base`` (lines, d): ``(len(t), lines)``."""
        bases = np.atleast_2d(base)
        points = np.repeat(bases, len(t), axis=0)
        points[:, mode] = np.tile(t, len(bases))
        return self(points).reshape(len(bases), len(t)).T
