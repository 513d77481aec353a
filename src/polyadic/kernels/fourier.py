r"""Real trigonometric series of period 2 on [-1, 1): equispaced points, transforms, evaluation, calculus.

A function is an array of coefficients along the first axis, in the order
:math:`1, \cos\theta, \sin\theta, \cos 2\theta, \sin 2\theta, \ldots` with :math:`\theta = \pi (x + 1)`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]

_SHORT = 1000


def points(n: int) -> Array:
    """Return the ``n`` points ``-1 + 2 j / n``.

    Examples
    --------
    >>> points(4)
    array([-1. , -0.5,  0. ,  0.5])
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, found {n}")
    return -1 + 2 * np.arange(n) / n


def nested(n: int) -> int:
    """Return the size of the next grid that holds all points of a grid of ``n``."""
    return 2 * n


def fast(n: int) -> int:
    """Return ``n``, or where it is large the next even size whose transforms have no large prime factor.

    Examples
    --------
    >>> fast(84), fast(61_442)
    (84, 62208)
    """
    return n if n < _SHORT else 2 * int(fft.next_fast_len((n + 1) // 2, real=True))


def coefficients(values: Array) -> Array:
    """Return the coefficients of the trigonometric interpolant of ``values`` at `points`, along the first axis.

    With an even number of points the highest one is a cosine alone. One real FFT a function.

    Examples
    --------
    >>> coefficients(np.cos(np.pi * (points(5) + 1))).round(12) + 0.0
    array([0., 1., 0., 0., 0.])
    """
    v = np.asarray(values, float)
    n = len(v)
    spectrum = fft.rfft(v, axis=0) * (2 / n)
    out = np.empty_like(v)
    out[0] = spectrum[0].real / 2
    out[1::2] = spectrum[1 : n // 2 + 1].real
    out[2::2] = -spectrum[1 : (n + 1) // 2].imag
    if n % 2 == 0:
        out[-1] /= 2
    return out


def values(coefficients: Array) -> Array:
    """Return the values at as many `points` as there are coefficients: the inverse of `coefficients`."""
    c = np.asarray(coefficients, float)
    n = len(c)
    spectrum = np.zeros((n // 2 + 1, *c.shape[1:]), complex)
    spectrum[0] = 2 * c[0]
    spectrum[1:] += c[1::2]
    spectrum[1 : (n + 1) // 2] -= 1j * c[2::2]
    if n % 2 == 0:
        spectrum[-1] *= 2
    out: Array = fft.irfft(spectrum * (n / 2), n, axis=0)
    return out


def functions(x: Array, n: int) -> Array:
    """Return the basis functions at ``x`` as an ``(n, len(x))`` array.

    Examples
    --------
    >>> functions(np.array([-0.5]), 3).ravel().round(12)
    array([1., 0., 1.])
    """
    harmonics = np.arange(1, n // 2 + 1)
    waves = np.exp(1j * np.outer(harmonics, np.pi * (np.asarray(x, float) + 1)))
    out = np.empty((n, len(x)))
    out[:1] = 1
    out[1::2] = waves.real
    out[2::2] = waves.imag[: (n - 1) // 2]
    return out


def derivative(coefficients: Array) -> Array:
    r"""Return the coefficients of the derivative: :math:`\cos k\theta \to -k\pi \sin k\theta`, an odd number of them.

    Examples
    --------
    >>> derivative(np.array([5.0, 1.0, 1.0])).round(6)
    array([ 0.      ,  3.141593, -3.141593])
    """
    c = np.asarray(coefficients, float)
    if len(c) % 2 == 0:
        c = np.concatenate([c, np.zeros((1, *c.shape[1:]))])
    out = np.zeros_like(c)
    k = np.pi * np.arange(1, len(c) // 2 + 1).reshape(-1, *[1] * (c.ndim - 1))
    out[1::2] = k * c[2::2]
    out[2::2] = -k * c[1::2]
    return out


def integrals(n: int) -> Array:
    """Return the integrals of the ``n`` basis functions over [-1, 1]: 2 and zeros."""
    out = np.zeros(n)
    out[:1] = 2
    return out
