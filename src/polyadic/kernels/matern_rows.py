"""Compiled rows of a sum of Matern products and their derivatives.

Every loop runs over contiguous neighbours without branches, so that the compiler vectorises it; numba has no vector
exponential of its own on every machine, hence :func:`exp_negative`.
"""

import numpy as np
from numba import njit

# 1.5 * 2^52: adding it rounds a double to the nearest integer and leaves that integer in the low bits.
_ROUND = 6755399441055744.0
_INVERSE_LN2 = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_LARGEST = 700.0


@njit(cache=True)
def exp_negative(x, count, whole, out):  # type: ignore[no-untyped-def]
    r"""Write :math:`e^{-x}` of the first ``count`` entries of ``x >= 0`` into ``out``; ``whole`` is scratch.

    :math:`e^{-x} = 2^n e^r`, :math:`|r| \le \ln 2 / 2`, with the Taylor polynomial of degree 13 of :math:`e^r`: 3e-16
    relative. Beyond 700 the value at 700 (1e-304) stands.
    """
    for i in range(count):
        z = -min(x[i], _LARGEST)
        shifted = z * _INVERSE_LN2 + _ROUND
        n = shifted - _ROUND
        r = (z - n * _LN2_HIGH) - n * _LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
        whole[i] = shifted
    exponent, bits = whole.view(np.int64), out.view(np.int64)
    for i in range(count):
        bits[i] += exponent[i] << 52


@njit(cache=True)
def gather(points, index, count, row, out):  # type: ignore[no-untyped-def]
    """Write the embedded columns of ``index[:count]``, then of ``row``, into ``out`` (dimensions, >= count + 1)."""
    for d in range(points.shape[1]):
        for j in range(count):
            out[d, j] = points[index[j], d]
        out[d, count] = points[row, d]


@njit(cache=True)
def distance_row(gathered, p, count, starts, out):  # type: ignore[no-untyped-def]
    """Write the distances of gathered row p to the first ``count`` gathered rows into ``out`` (K, >= count)."""
    for k in range(starts.size - 1):
        first = starts[k]
        here = gathered[first, p]
        if starts[k + 1] == first + 1:
            for j in range(count):
                out[k, j] = abs(gathered[first, j] - here)
        else:
            for j in range(count):
                out[k, j] = (gathered[first, j] - here) ** 2
            for d in range(first + 1, starts[k + 1]):
                here = gathered[d, p]
                for j in range(count):
                    out[k, j] += (gathered[d, j] - here) ** 2
            for j in range(count):
                out[k, j] = np.sqrt(out[k, j])


@njit(cache=True)
def _times_polynomial(distance, count, scale, degree, out):  # type: ignore[no-untyped-def]
    """Multiply ``out`` by the polynomial before the exponential."""
    if degree == 1:
        for j in range(count):
            out[j] *= 1.0 + scale * distance[j]
    elif degree == 2:
        for j in range(count):
            a = scale * distance[j]
            out[j] *= 1.0 + a + a * a * (1.0 / 3.0)


@njit(cache=True)
def covariance_row(distance, count, shape, term, scratch, out):  # type: ignore[no-untyped-def]
    """Write each component's covariance into ``term`` (C, >= count) and their sum into ``out``.

    ``shape`` is the tuple of variances (C,), rates and degrees (C, K).
    """
    variance, rate, degree = shape
    exponent, whole = scratch[0], scratch[1]
    out[:count] = 0.0
    for c in range(variance.size):
        exponent[:count] = 0.0
        for k in range(rate.shape[1]):
            scale = rate[c, k]
            for j in range(count):
                exponent[j] += scale * distance[k, j]
        exp_negative(exponent, count, whole, term[c])
        height = variance[c]
        for j in range(count):
            term[c, j] *= height
        for k in range(rate.shape[1]):
            _times_polynomial(distance[k], count, rate[c, k], degree[c, k], term[c])
        for j in range(count):
            out[j] += term[c, j]


@njit(cache=True, fastmath={"reassoc", "nsz"})
def _total(values, count):  # type: ignore[no-untyped-def]
    total = 0.0
    for j in range(count):
        total += values[j]
    return total


@njit(cache=True)
def _by_log_length(product, distance, count, scale, degree, out):  # type: ignore[no-untyped-def]
    """Write ``product`` times the logarithmic derivative of one Matern factor by its log length scale."""
    if degree == 0:
        for j in range(count):
            out[j] = product[j] * scale * distance[j]
    elif degree == 1:
        for j in range(count):
            a = scale * distance[j]
            out[j] = product[j] * a * a / (1.0 + a)
    else:
        for j in range(count):
            a = scale * distance[j]
            out[j] = product[j] * a * a * (1.0 + a) / (3.0 + 3.0 * a + a * a)


@njit(cache=True)
def add_gradient(weight, distance, count, shape, term, scratch, gradient):  # type: ignore[no-untyped-def]
    """Add the derivative of ``sum(weight * covariance)`` by log variances (C), then log length scales (C K)."""
    _, rate, degree = shape
    components, modes = rate.shape
    product, slope = scratch[0], scratch[1]
    for c in range(components):
        for j in range(count):
            product[j] = weight[j] * term[c, j]
        gradient[c] += _total(product, count)
        for k in range(modes):
            _by_log_length(product, distance[k], count, rate[c, k], degree[c, k], slope)
            gradient[components + c * modes + k] += _total(slope, count)
