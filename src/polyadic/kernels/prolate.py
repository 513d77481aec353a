"""The prolate spheroidal function of order zero: the function of bounded support that is best confined in frequency."""

import dataclasses
import functools

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

Array = NDArray[np.float64]

LARGEST = 60.0
"""Largest bandwidth: at 60 the function has fallen to 1e-25 at its ends."""


@dataclasses.dataclass(frozen=True)
class Prolate:
    r"""The function :math:`\psi` on [-1, 1] whose share of energy in frequencies up to ``bandwidth`` is greatest.

    It is even, positive, 1 at 0, and its own Fourier transform: :math:`\int_{-1}^{1} \psi(t) e^{i \kappa t} dt =
    \lambda \psi(\kappa / c)` for :math:`|\kappa| \le c`; what it has beyond is of order :math:`e^{-c}`.

    Attributes
    ----------
    bandwidth
        The bandwidth c.
    series
        Legendre coefficients of the function.
    integral
        Its integral over [-1, 1], :math:`\lambda`.
    """

    bandwidth: float
    series: Array
    integral: float

    def __call__(self, t: Array) -> Array:
        """Return the function at |t| <= 1."""
        return np.asarray(legendre.legval(t, self.series))

    def running_mean(self, t: Array) -> Array:
        """Return the mean of the function over [0, t], over its mean over [0, 1]; without cancellation at small t."""
        nodes, weights = legendre.leggauss(32)
        values = self(np.multiply.outer(np.asarray(t), (nodes + 1) / 2))
        return np.asarray(values @ weights / self.integral)

    def transform(self, kappa: Array) -> Array:
        """Return the Fourier transform over its value at 0, for |kappa| <= bandwidth (beyond: its end value)."""
        return self(np.minimum(np.abs(kappa) / self.bandwidth, 1.0))


@functools.lru_cache(maxsize=64)
def prolate(bandwidth: float) -> Prolate:
    r"""Return the prolate function of a bandwidth in (0, 60].

    Eigenvector of the Legendre recurrence of the differential operator that commutes with the truncated Fourier
    transform; 1e-15 absolute.

    Raises
    ------
    ValueError
        For a bandwidth outside (0, 60].

    Notes
    -----
    Slepian and Pollak (1961), Bell Syst. Tech. J. 40, 43; Xiao, Rokhlin and Yarvin (2001), Inverse Problems 17, 805.

    Examples
    --------
    >>> psi = prolate(12.0)
    >>> psi(np.array([0.0, 1.0])).round(6)
    array([1.0e+00, 7.4e-05])
    """
    if not 0 < bandwidth <= LARGEST:
        raise ValueError(f"bandwidth must lie in (0, {LARGEST:g}], found {bandwidth:g}")
    k = 2.0 * np.arange(40 + int(bandwidth))
    diagonal = k * (k + 1) + bandwidth**2 * (2 * k * (k + 1) - 1) / ((2 * k + 3) * (2 * k - 1))
    beside = bandwidth**2 * (k + 2) * (k + 1) / ((2 * k + 3) * np.sqrt((2 * k + 1) * (2 * k + 5)))
    _, vectors = eigh_tridiagonal(diagonal, beside[:-1], select="i", select_range=(0, 0))
    series = np.zeros(2 * k.size - 1)
    series[::2] = vectors[:, 0] * np.sqrt(k + 0.5)
    series /= legendre.legval(0.0, series)
    series[np.abs(series) < 1e-18 * np.abs(series).max()] = 0.0
    return Prolate(bandwidth, np.trim_zeros(series, "b"), float(2 * series[0]))


@functools.lru_cache(maxsize=64)
def bandwidth_of(tolerance: float) -> float:
    """Return the bandwidth at which the function has fallen to ``tolerance``, 1e-15 at least, at its ends.

    Examples
    --------
    >>> round(bandwidth_of(1e-6), 1)
    16.5
    """
    goal = np.log(max(tolerance, 1e-15))  # smaller ends are rounding
    near, bandwidth = 1.5 - goal, 2.5 - goal
    before = _end(near)
    for _ in range(12):  # secant method: the logarithm of the end value is nearly a straight line
        here = _end(bandwidth)
        if abs(here - goal) < 1e-3:
            break
        step = (goal - here) * (bandwidth - near) / (here - before)
        near, before, bandwidth = bandwidth, here, max(bandwidth + step, 0.1)
    return float(bandwidth) + 1e-3


def _end(bandwidth: float) -> float:
    """Return the logarithm of the function at its ends."""
    return float(np.log(prolate(bandwidth)(np.array(1.0))))
