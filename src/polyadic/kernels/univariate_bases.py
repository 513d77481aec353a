"""The one-dimensional bases of a functional tensor by name, and how long a series has to be."""

from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import chebyshev, fourier

Array = NDArray[np.float64]


class Basis(Protocol):
    """What a module of basis functions on [-1, 1] offers."""

    def points(self, n: int) -> Array:
        """Return ``n`` interpolation points."""

    def nested(self, n: int) -> int:
        """Return the size of the next grid that holds this one."""

    def fast(self, n: int) -> int:
        """Return the next size whose transforms are fast."""

    def coefficients(self, values: Array) -> Array:
        """Return the coefficients of the interpolant."""

    def values(self, coefficients: Array) -> Array:
        """Return the values at the interpolation points."""

    def functions(self, x: Array, n: int) -> Array:
        """Return ``(n, len(x))`` values of the basis functions."""

    def derivative(self, coefficients: Array) -> Array:
        """Return the coefficients of the derivative."""

    def integrals(self, n: int) -> Array:
        """Return the integrals of the basis functions."""


BASES: MappingProxyType[str, Basis] = MappingProxyType({"chebyshev": chebyshev, "fourier": fourier})


def resample(basis: Basis, values: Array, n: int) -> Array:
    """Return the interpolant of ``values`` (points, ...) at the ``n`` points of another grid of the same basis.

    Examples
    --------
    >>> bool(np.allclose(resample(chebyshev, chebyshev.points(3) ** 2, 5), chebyshev.points(5) ** 2))
    True
    """
    c = basis.coefficients(values)
    if n >= len(c):
        return basis.values(np.concatenate([c, np.zeros((n - len(c), *c.shape[1:]))]))
    return np.tensordot(basis.functions(basis.points(n), len(c)).T, c, 1)
