r"""The GELU with its slope, and its way back, each in one pass over memory.

:math:`\mathrm{gelu}(x) = x \Phi(x)` has the slope :math:`\Phi(x) + x \varphi(x)`, which shares its exponential: a
forward pass that keeps the slope leaves one product a value to the backward pass. What stands beside a GELU in a
network (a bias, a field with one weight a channel) and the sums that a gradient needs join the same pass.

Arrays are (points, channels), C-contiguous, float32; sums over points are taken in 64 bits, block by block.
"""

import numpy as np
from numba import njit

__all__ = ["slope_and_gate_applied", "slope_applied", "with_slope", "with_slope_and_gate"]

FAST = {"reassoc", "nsz", "contract", "arcp"}
F = np.float32
ROWS = 128


@njit(inline="always")
def _value_and_slope(x):  # type: ignore[no-untyped-def]
    """Return gelu(x) and its slope.

    1 - Phi(|x|) is Abramowitz & Stegun 7.1.26, off by at most 0.75e-7; the exponential is 2^k times a polynomial.
    """
    y = min(F(0.5) * x * x, F(80.0))
    k = np.floor(y * F(1.4426950408889634) + F(0.5))
    r = (k * F(0.693359375) - y) - k * F(2.12194440e-4)
    p = F(1.9875691500e-4)
    p = p * r + F(1.3981999507e-3)
    p = p * r + F(8.3334519073e-3)
    p = p * r + F(4.1665795894e-2)
    p = p * r + F(1.6666665459e-1)
    p = p * r + F(5.0000001201e-1)
    power = np.int32((np.int32(127) - np.int32(k)) << np.int32(23)).view(np.float32)
    bell = (p * r * r + r + F(1.0)) * power
    t = F(1.0) / (F(1.0) + F(0.23164189) * abs(x))
    q = ((((F(1.061405429) * t + F(-1.453152027)) * t + F(1.421413741)) * t + F(-0.284496736)) * t + F(0.254829592)) * t
    tail = F(0.5) * q * bell
    below = F(1.0) - tail if x >= F(0.0) else tail
    return x * below, below + x * bell * F(0.3989422804014327)


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def with_slope(values, bias, slope):  # type: ignore[no-untyped-def]
    """Turn ``values`` (points, channels) into gelu(values + bias), in place, and fill ``slope``.

    Each row of ``bias`` (rows, channels) belongs to as many points, which follow one another.

    >>> values, slope = np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32)
    >>> with_slope(values, np.float32([[0, 1]]), slope)
    >>> values.round(4).tolist(), slope.round(4).tolist()
    ([[0.0, 0.8413000106811523]], [[0.5, 1.083299994468689]])
    """
    points, channels = values.shape
    repeats = points // len(bias)
    for row in range(len(bias)):
        for i in range(row * repeats, (row + 1) * repeats):
            for c in range(channels):
                values[i, c], slope[i, c] = _value_and_slope(values[i, c] + bias[row, c])


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def with_slope_and_gate(values, bias, field, gate, slope):  # type: ignore[no-untyped-def]
    """Turn ``values`` into gelu(values + bias + gate * field), in place, and fill ``slope``.

    >>> values, slope = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
    >>> with_slope_and_gate(values, np.float32([1]), np.float32([[2]]), np.float32([0.5]), slope)
    >>> values.round(4).tolist()
    [[1.9544999599456787]]
    """
    points, channels = values.shape
    for i in range(points):
        for c in range(channels):
            values[i, c], slope[i, c] = _value_and_slope(values[i, c] + (bias[c] + gate[c] * field[i, c]))


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def slope_applied(gradient, slope, rows):  # type: ignore[no-untyped-def]
    """Multiply ``gradient`` (points, channels) by ``slope``, in place, and return its sums over the points of each row.

    >>> gradient = np.float32([[1, 2], [3, 4]])
    >>> slope_applied(gradient, np.float32([[2, 2], [1, 1]]), 1).tolist(), gradient.tolist()
    ([[5.0, 8.0]], [[2.0, 4.0], [3.0, 4.0]])
    """
    points, channels = gradient.shape
    repeats = points // rows
    total = np.zeros((rows, channels))
    part = np.empty(channels, np.float32)
    for row in range(rows):
        for first in range(row * repeats, (row + 1) * repeats, ROWS):
            part[:] = F(0.0)
            for i in range(first, min(first + ROWS, (row + 1) * repeats)):
                for c in range(channels):
                    product = gradient[i, c] * slope[i, c]
                    gradient[i, c] = product
                    part[c] += product
            for c in range(channels):
                total[row, c] += part[c]
    return total


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def slope_and_gate_applied(gradient, slope, field, gate, through, beside):  # type: ignore[no-untyped-def]
    """Fill ``through`` with gradient * slope and ``beside`` with gate times that.

    Returns the sums over the points of ``through`` and of ``through * field``.

    >>> through, beside = np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32)
    >>> one = np.float32([[2]])
    >>> sums = slope_and_gate_applied(one, one, one, np.float32([3]), through, beside)
    >>> sums.tolist(), through.tolist(), beside.tolist()
    ([[4.0], [8.0]], [[4.0]], [[12.0]])
    """
    points, channels = gradient.shape
    total = np.zeros((2, channels))
    part, gated = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for first in range(0, points, ROWS):
        part[:] = F(0.0)
        gated[:] = F(0.0)
        for i in range(first, min(first + ROWS, points)):
            for c in range(channels):
                product = gradient[i, c] * slope[i, c]
                through[i, c] = product
                beside[i, c] = product * gate[c]
                part[c] += product
                gated[c] += product * field[i, c]
        for c in range(channels):
            total[0, c] += part[c]
            total[1, c] += gated[c]
    return total
