r"""Chebyshev polynomials on [-1, 1]: points of the second kind, transforms, evaluation, calculus.

A function is an array of coefficients :math:`c`, of degree along the first axis, :math:`p = \sum_j c_j T_j`; further
axes are further functions. Trefethen, *Approximation Theory and Approximation Practice* (SIAM, 2019).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]

_SHORT = 1000


def points(n: int) -> Array:
    r"""Return the ``n`` points :math:`-\cos(\pi j / (n - 1))`, ascending; one point is 0.

    Sines keep them exactly antisymmetric, and every second point of ``2 n - 1`` points is one of ``n`` points.

    Examples
    --------
    >>> points(3)
    array([-1.,  0.,  1.])
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, found {n}")
    return np.sin(np.pi * np.arange(1 - n, n, 2) / (2 * max(n - 1, 1)))


def nested(n: int) -> int:
    """Return the size of the next grid that holds all points of a grid of ``n >= 2``."""
    return 2 * n - 1


def fast(n: int) -> int:
    """Return ``n``, or where it is large the next size whose transforms have no large prime factor.

    Examples
    --------
    >>> fast(84), fast(61_442)
    (84, 62209)
    """
    return n if n < _SHORT else int(fft.next_fast_len(n - 1, real=True)) + 1


def coefficients(values: Array) -> Array:
    r"""Return the coefficients of the polynomial through ``values`` at `points`, along the first axis.

    Parameters
    ----------
    values
        ``(n, ...)``, by ascending x.

    Returns
    -------
    ``(n, ...)``: one discrete cosine transform of type I, :math:`O(n \log n)` a function; exact below degree ``n``.

    Examples
    --------
    >>> coefficients(points(4) ** 2).round(12) + 0.0
    array([0.5, 0. , 0.5, 0. ])
    """
    n = len(values)
    if n < 2:
        return np.array(values, float)
    out: Array = fft.dct(np.asarray(values, float)[::-1], type=1, axis=0) / (n - 1)
    out[0] /= 2
    out[-1] /= 2
    return out


def values(coefficients: Array) -> Array:
    """Return the values at as many `points` as there are coefficients: the inverse of `coefficients`."""
    n = len(coefficients)
    if n < 2:
        return np.array(coefficients, float)
    scaled = np.array(coefficients, float)
    scaled[1:-1] /= 2
    out: Array = fft.dct(scaled, type=1, axis=0)[::-1]
    return out


def shortened(coefficients: Array, n: int) -> Array:
    r"""Return the ``n >= 2`` coefficients of the interpolant of a series at ``n`` `points`, along the first axis.

    What is lost is a sum of :math:`c_j (T_j - T_{2N-j})`, ``N = n - 1``, which vanishes at the ends: its slope there is
    :math:`4 N (j - N) |c_j|`, that of a series that is cut off :math:`j^2 |c_j|`.

    Examples
    --------
    >>> shortened(np.array([1.0, 0.0, 0.0, 0.5]), 3)  # T_3 = T_1 at -1, 0 and 1
    array([1. , 0.5, 0. ])
    """
    period = 2 * (n - 1)
    folded = np.zeros((period, *np.shape(coefficients)[1:]))
    for start in range(0, len(coefficients), period):
        part = coefficients[start : start + period]
        folded[: len(part)] += part
    folded[1 : n - 1] += folded[: n - 1 : -1]
    return folded[:n]


def functions(x: Array, n: int) -> Array:
    r"""Return :math:`T_j(x_i)` as an ``(n, len(x))`` array, ``x`` in [-1, 1].

    Blocks double by :math:`T_{m+k} = 2 T_m T_k - T_{m-k}`: three flops an entry, no trigonometric function.

    Examples
    --------
    >>> functions(np.array([0.5]), 4).ravel()
    array([ 1. ,  0.5, -0.5, -1. ])
    """
    out = np.empty((n, len(x)))
    out[:1] = 1
    if n > 1:
        out[1] = x
    done = 2
    while done < n:
        m = done - 1
        size = min(m, n - done)
        block = out[done : done + size]
        np.multiply(out[1 : size + 1], 2 * out[m], out=block)
        block -= out[m - size : m][::-1]
        done += size
    return out


def derivative(coefficients: Array) -> Array:
    r"""Return the coefficients of :math:`p'`: :math:`c'_{j-1} = c'_{j+1} + 2 j c_j`, as many as were given.

    Examples
    --------
    >>> derivative(np.array([0.0, 0.0, 1.0]))  # T_2' = 4 T_1
    array([0., 4., 0.])
    """
    c = np.asarray(coefficients, float)
    n = len(c)
    terms = 2 * np.arange(n).reshape(-1, *[1] * (c.ndim - 1)) * c
    out = np.zeros_like(c)
    for start in (n - 1, n - 2):  # even and odd degrees do not mix
        if start >= 1:
            out[start - 1 :: -2] = np.cumsum(terms[start:0:-2], axis=0)
    out[:1] /= 2
    return out


def antiderivative(coefficients: Array) -> Array:
    r"""Return the ``n + 1`` coefficients of :math:`\int_{-1}^x p`.

    Examples
    --------
    >>> antiderivative(np.array([1.0]))  # x + 1
    array([1., 1.])
    """
    c = np.asarray(coefficients, float)
    n = len(c)
    padded = np.concatenate([c, np.zeros((2, *c.shape[1:]))])
    padded[0] *= 2
    j = np.arange(1, n + 1).reshape(-1, *[1] * (c.ndim - 1))
    out = np.zeros((n + 1, *c.shape[1:]))
    out[1:] = (padded[:n] - padded[2 : n + 2]) / (2 * j)
    signs = np.where(np.arange(n + 1) % 2, -1.0, 1.0)
    out[0] = -np.tensordot(signs, out, 1)
    return out


def integrals(n: int) -> Array:
    r"""Return :math:`\int_{-1}^1 T_j = 2 / (1 - j^2)` for even ``j``, else 0, for ``j < n``.

    Examples
    --------
    >>> integrals(3)[:2]
    array([2., 0.])
    """
    out = np.zeros(n)
    out[::2] = 2 / (1 - np.arange(0, n, 2.0) ** 2)
    return out
