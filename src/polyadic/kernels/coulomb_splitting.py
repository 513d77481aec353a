"""The Coulomb kernel 1/r split into a short range, zero beyond a cutoff, and a long range of bounded frequency."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev, polynomial
from numpy.typing import NDArray
from scipy.special import erf, erfcinv

from polyadic.kernels.prolate import bandwidth_of, prolate

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Splitting:
    r"""One way to write :math:`1/r = S(r) + L(r)`.

    With :math:`u = 2 (r/r_c)^2 - 1` the long range is :math:`L(r) = p(u) / r_c` for :math:`r \le r_c` and 1/r beyond.
    Its Fourier transform is :math:`4 \pi m(k) / k^2`, negligible beyond ``band``.

    Attributes
    ----------
    form
        ``"gaussian"``, :math:`L(r) = \mathrm{erf}(\mu r)/r`, or ``"prolate"``.
    parameter
        Gaussian: mu, in 1/length; prolate: the bandwidth, without unit.
    cutoff
        :math:`r_c`, in units of length.
    band
        Largest wave number of the long range, in 1/length.
    coefficients
        Of p in powers of u, ascending.
    background
        :math:`\int S d^3r`, in length squared.
    """

    form: str
    parameter: float
    cutoff: float
    band: float
    coefficients: tuple[float, ...]
    background: float

    def multiplier(self, wave_number: Array) -> Array:
        """Return m(k), 1 at k = 0, for wave numbers >= 0 in 1/length."""
        if self.form == "gaussian":
            return np.asarray(np.exp(-((np.asarray(wave_number) / (2 * self.parameter)) ** 2)))
        return prolate(self.parameter).transform(np.asarray(wave_number) * self.cutoff)

    def long(self, distance: Array) -> Array:
        """Return L(r), in 1/length; finite at 0."""
        r = np.asarray(distance, np.float64)
        inside = np.minimum((r / self.cutoff) ** 2, 1.0)
        near = polynomial.polyval(2 * inside - 1, np.array(self.coefficients)) / self.cutoff
        return np.where(r < self.cutoff, near, 1.0 / np.maximum(r, self.cutoff))


def gaussian(mu: float, tolerance: float) -> Splitting:
    r"""Return the splitting :math:`\mathrm{erfc}(\mu r)/r + \mathrm{erf}(\mu r)/r` (Ewald 1921).

    Parameters
    ----------
    mu
        In 1/length, positive.
    tolerance
        Relative size of what is cut off: ``erfc(mu cutoff)`` and :math:`m(` ``band`` :math:`)`.

    Examples
    --------
    >>> split = gaussian(6.0, 1e-7)
    >>> print(f"{split.cutoff:.3f} {split.band:.1f}")
    0.628 48.2
    """
    _positive("mu", mu)
    reach = float(erfcinv(tolerance))
    coefficients = _fit(lambda x: erf(reach * x) / x, tolerance)
    return Splitting(
        "gaussian", mu, reach / mu, 2 * mu * float(np.sqrt(-np.log(tolerance))), coefficients, np.pi / mu**2
    )


def with_cutoff(cutoff: float, tolerance: float) -> Splitting:
    r"""Return the splitting of a given cutoff with the smallest band: the screening charge is a prolate function.

    :math:`L(r) = \Psi(r/r_c)/r` with :math:`\Psi(x) = \int_0^x \psi / \int_0^1 \psi` has :math:`m(k) =
    \psi(k r_c/c)/\psi(0)`: a product band x cutoff = c of about :math:`\ln(1/\epsilon)`, half that of the Gaussian.

    Parameters
    ----------
    cutoff
        In units of length, positive.
    tolerance
        Relative size of what is cut off.

    Notes
    -----
    Liang, Lu, Barnett, Greengard and Jiang, arXiv 2505.09727 (2025).

    Examples
    --------
    >>> split = with_cutoff(0.628, 1e-7)
    >>> print(f"{split.band:.1f}")
    30.0
    """
    _positive("cutoff", cutoff)
    c = bandwidth_of(tolerance)
    psi = prolate(c)
    nodes, weights = _quadrature()
    second_moment = float(weights @ (nodes**2 * psi(nodes))) / psi.integral
    coefficients = _fit(psi.running_mean, tolerance)
    return Splitting("prolate", c, cutoff, c / cutoff, coefficients, 2 * np.pi * second_moment * cutoff**2)


@functools.cache
def _quadrature() -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(80)


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive, found {value!r}")


def _fit(even: Callable[[Array], Array], tolerance: float) -> tuple[float, ...]:
    """Return coefficients in powers of u = 2 x^2 - 1 of an even function of x on [0, 1]."""
    nodes = chebyshev.chebpts1(49)
    series = np.asarray(chebyshev.chebfit(nodes, even(np.sqrt((nodes + 1) / 2)), 48))
    tail = np.cumsum(np.abs(series[::-1]))[::-1]
    needed = int(np.count_nonzero(tail > max(tolerance / 10, 3e-15) * np.abs(series).sum()))
    return tuple(float(v) for v in chebyshev.cheb2poly(series[: max(needed, 2)]))
