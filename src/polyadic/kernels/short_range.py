r"""What both sums of the short range of a `coulomb_splitting.Splitting` share: the function, and who is near.

With :math:`s = (r/r_c)^2` and :math:`u = 2s - 1` the short range is :math:`(s^{-1/2} - p(u)) / r_c`. Squared distances
are gathered in a buffer first; the loops over it have no branches, and the compiler vectorises them.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

FAST = {"reassoc", "nsz", "contract"}
LANES = 16
"""Numbers in a step of a loop that the compiler makes of four vectors."""
SAME = 1e-26
"""Squared distance in cutoffs below which two points are one."""


def fours(coefficients: Array) -> Array:
    """Return ascending coefficients as descending ones whose number is a multiple of four."""
    return np.concatenate([np.zeros(-len(coefficients) % 4), coefficients[::-1]])


@njit(cache=True, fastmath=FAST, error_model="numpy")
def polynomial(s, count, c, out):  # type: ignore[no-untyped-def]
    """Write the polynomial in 2 s - 1, coefficients as of `fours`, into ``out``: four a pass, to spare the cache."""
    for k in range(count):
        u = 2.0 * s[k] - 1.0
        out[k] = ((c[0] * u + c[1]) * u + c[2]) * u + c[3]
    for j in range(4, c.size, 4):
        c0, c1, c2, c3 = c[j], c[j + 1], c[j + 2], c[j + 3]
        for k in range(count):
            u = 2.0 * s[k] - 1.0
            out[k] = (((out[k] * u + c0) * u + c1) * u + c2) * u + c3


@njit(cache=True, fastmath=FAST, error_model="numpy")
def inverse_root(s):  # type: ignore[no-untyped-def]
    """Return 1/sqrt(s) to 1e-14: single precision and one step of Newton."""
    y = np.float64(np.float32(1.0) / np.sqrt(np.float32(s)))
    return y * (1.5 - 0.5 * s * y * y)


@njit(cache=True)
def span_of(low, high, origin, inverse, size):  # type: ignore[no-untyped-def]
    """Return the first cell of an interval and the one after the last, along an axis."""
    first = np.int64(np.floor((low - origin) * inverse))
    last = np.int64(np.floor((high - origin) * inverse))
    return min(max(first, 0), size - 1), min(max(last, 0), size - 1) + 1


@njit(cache=True)
def gap(low, high, first, last):  # type: ignore[no-untyped-def]
    """Return the distance of two intervals."""
    return max(low - last, first - high, 0.0)


@njit(cache=True)
def runs_near(low, high, tree, cutoff, runs):  # type: ignore[no-untyped-def]
    """Write the runs of particles that may be nearer than the cutoff to a box; return their number and total."""
    start, _, origin, width, shape = tree
    spans = np.empty((3, 2), np.int64)
    for d in range(3):
        spans[d] = span_of(low[d] - cutoff, high[d] + cutoff, origin[d], 1.0 / width[d], shape[d])
    count, total = 0, 0
    for a in range(spans[0, 0], spans[0, 1]):
        dx = gap(low[0], high[0], origin[0] + a * width[0], origin[0] + (a + 1) * width[0])
        for b in range(spans[1, 0], spans[1, 1]):
            dy = gap(low[1], high[1], origin[1] + b * width[1], origin[1] + (b + 1) * width[1])
            left = cutoff * cutoff - dx * dx - dy * dy
            if left > 0.0:
                reach = np.sqrt(left)
                first, last = span_of(low[2] - reach, high[2] + reach, origin[2], 1.0 / width[2], shape[2])
                row = (a * shape[1] + b) * shape[2]
                runs[count, 0], runs[count, 1] = start[row + first], start[row + last]
                total += runs[count, 1] - runs[count, 0]
                count += 1
    return count, total
