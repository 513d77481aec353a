r"""Charges spread onto a uniform grid, and functions interpolated from one, by a prolate window.

The window :math:`w(x) = \psi(2x / W)` of W grid spacings turns sums over scattered points into sums over a grid: with
:math:`Q_p = \sum_j q_j w(x_p - x_j)`, :math:`\sum_j q_j e^{-ikx_j} = \sum_p Q_p e^{-ikx_p} / \hat w(k)` for any real k
up to the band, with an error of about :math:`e^{-\pi W (1 - 1/2\sigma)} \hat w(0) / \hat w(k)` at ``oversampling``
:math:`\sigma`. The same window interpolates. This is the gridding of a non-uniform FFT (Barnett, Magland and af
Klinteberg, SIAM J. Sci. Comput. 41, 2019), without a period: charges are real, and the grid covers them and nothing
else.
"""

import dataclasses
import functools

import numpy as np
from numba import njit
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from polyadic.kernels.prolate import Prolate, prolate

Array = NDArray[np.float64]

WIDEST = 16
"""Most grid points of the window along an axis: 3e-15 at an oversampling of 2."""


@dataclasses.dataclass(frozen=True)
class Window:
    """A prolate window.

    Attributes
    ----------
    width
        Grid points that it covers along an axis.
    oversampling
        Grid points per wave of the band, over 2.
    table
        Polynomial of each point's weight in v in [-1, 1], ascending, shape (degree + 1, width to a multiple of 4).
    psi
        The function behind it.
    """

    width: int
    oversampling: float
    table: Array
    psi: Prolate

    def transform(self, wave_number: Array) -> Array:
        """Return the Fourier transform at wave numbers in radians per grid spacing."""
        half = self.width / 2
        return np.asarray(half * self.psi.integral * self.psi.transform(np.asarray(wave_number) * half))

    def matrix(self, x: Array, size: int) -> Array:
        """Return the weights of a grid of ``size`` points at positions in grid spacings, shape (len(x), size)."""
        z = (np.arange(size)[None, :] - np.asarray(x)[:, None]) * (2 / self.width)
        out, near = np.zeros_like(z), np.abs(z) < 1
        out[near] = self.psi(z[near])
        return out


@functools.cache
def _monomials(count: int) -> Array:
    """Return the matrix from Chebyshev coefficients to coefficients of powers."""
    out = np.zeros((count, count))
    for k in range(count):
        out[: k + 1, k] = chebyshev.cheb2poly(np.eye(count)[k, : k + 1])
    return out


@functools.lru_cache(maxsize=32)
def window(tolerance: float, oversampling: float = 2.0) -> Window:
    """Return the narrowest window of a tolerance.

    Examples
    --------
    >>> window(1e-6).width, window(1e-12).width
    (7, 13)
    """
    share = np.pi * (1 - 0.5 / oversampling)
    widths = range(3, WIDEST + 1)
    width = next((w for w in widths if prolate(w * share)(np.array(1.0)) <= tolerance), WIDEST)
    psi = prolate(width * share)
    nodes = chebyshev.chebpts1(width + 6)
    pieces = ((nodes[:, None] + 1) / 2 + np.arange(width) - width / 2) * 2 / width
    series = chebyshev.chebfit(nodes, psi(pieces), width + 5)
    tails = np.cumsum(np.abs(series[::-1]), axis=0)[::-1].max(axis=1)
    degree = int(np.count_nonzero(tails > tolerance / 30)) - 1
    table = np.zeros((degree + 1, -(-width // 4) * 4))
    table[:, :width] = _monomials(degree + 1) @ series[: degree + 1]
    return Window(width, oversampling, table, psi)


@njit(cache=True, fastmath={"contract"}, error_model="numpy")
def _weights(g, width, table, out):  # type: ignore[no-untyped-def]
    """Write the weights at a position into ``out``; return the first grid point."""
    first = np.ceil(g - 0.5 * width)
    v = 2.0 * (first - g + 0.5 * width) - 1.0
    top = table.shape[0] - 1
    for b in range(0, out.size, 4):  # four sums in registers, which the compiler makes one vector
        p, q, r, s = table[top, b], table[top, b + 1], table[top, b + 2], table[top, b + 3]
        for j in range(top - 1, -1, -1):
            p, q = p * v + table[j, b], q * v + table[j, b + 1]
            r, s = r * v + table[j, b + 2], s * v + table[j, b + 3]
        out[b], out[b + 1], out[b + 2], out[b + 3] = p, q, r, s
    return np.int64(first)


@njit(cache=True)
def _differences(g, width, table, out):  # type: ignore[no-untyped-def]
    """Write the derivatives of the weights by the position into ``out``."""
    v = 2.0 * (np.ceil(g - 0.5 * width) - g + 0.5 * width) - 1.0
    top = table.shape[0] - 1
    for k in range(out.size):
        total = 0.0
        for j in range(top, 0, -1):
            total = total * v + j * table[j, k]
        out[k] = -2.0 * total


@njit(cache=True, fastmath={"contract"})
def _spread(points, q, origin, inverse, width, table, out):  # type: ignore[no-untyped-def]
    lanes = table.shape[1]
    wx, wy, wz = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    for i in range(q.size):
        a = _weights((points[0, i] - origin[0]) * inverse[0], width, table, wx)
        b = _weights((points[1, i] - origin[1]) * inverse[1], width, table, wy)
        c = _weights((points[2, i] - origin[2]) * inverse[2], width, table, wz)
        for j in range(width):
            for k in range(width):
                weight = q[i] * wx[j] * wy[k]
                row = out[a + j, b + k, c : c + lanes]
                for n in range(lanes):
                    row[n] += weight * wz[n]


@njit(cache=True, fastmath={"contract", "reassoc"})
def _value(values, first, w, width):  # type: ignore[no-untyped-def]
    """Return the value at one point."""
    total, lanes = 0.0, w.shape[1]
    for j in range(width):
        for k in range(width):
            row = values[first[0] + j, first[1] + k, first[2] : first[2] + lanes]
            line = 0.0
            for n in range(lanes):
                line += row[n] * w[2, n]
            total += w[0, j] * w[1, k] * line
    return total


@njit(cache=True, fastmath={"contract", "reassoc"})
def _slopes(values, first, w, d, width, out):  # type: ignore[no-untyped-def]
    """Write the slopes per grid spacing at one point into ``out`` (3,)."""
    gx, gy, gz = 0.0, 0.0, 0.0
    lanes = w.shape[1]
    for j in range(width):
        for k in range(width):
            row = values[first[0] + j, first[1] + k, first[2] : first[2] + lanes]
            line, slope = 0.0, 0.0
            for n in range(lanes):
                line += row[n] * w[2, n]
                slope += row[n] * d[2, n]
            gx += d[0, j] * w[1, k] * line
            gy += w[0, j] * d[1, k] * line
            gz += w[0, j] * w[1, k] * slope
    out[0], out[1], out[2] = gx, gy, gz


@njit(cache=True)
def _read(points, values, origin, inverse, width, table, out, gradient):  # type: ignore[no-untyped-def]
    w, d = np.empty((3, table.shape[1])), np.zeros((3, table.shape[1]))
    first, found = np.empty(3, np.int64), np.empty(3)
    for i in range(out.size):
        for axis in range(3):
            g = (points[axis, i] - origin[axis]) * inverse[axis]
            first[axis] = _weights(g, width, table, w[axis])
            if gradient.size > 0:
                _differences(g, width, table, d[axis])
        out[i] = _value(values, first, w, width)
        if gradient.size > 0:
            _slopes(values, first, w, d, width, found)
            for axis in range(3):
                gradient[i, axis] = found[axis] * inverse[axis]


def size(length: float, step: float, width: int) -> int:
    """Return the points of a grid that covers an interval with the margins of the window."""
    return int(np.ceil(length / step)) + 2 * (width // 2 + 2) + 4


def margin(width: int) -> int:
    """Return the grid points before the interval."""
    return width // 2 + 2


def spread(points: Array, charges: Array, low: Array, step: Array, high: Array, by: Window) -> Array:
    """Return charges spread onto a grid that covers a box with margins.

    Parameters
    ----------
    points, charges
        Shape (3, n), inside the box and best sorted in space; shape (n,).
    low, high
        Corners of the box, in units of length, shape (3,). Grid point ``margin(width)`` lies on ``low``.
    step
        Grid spacing along each axis, in units of length, shape (3,).
    by
        The window.

    Notes
    -----
    width^3 multiply-adds a point, one thread.
    """
    out = np.zeros([size(float(b - a), float(h), by.width) for a, b, h in zip(low, high, step, strict=True)])
    origin = low - margin(by.width) * step
    _spread(points, charges, origin, 1.0 / step, by.width, by.table, out)
    return out


def interpolate(
    points: Array, values: Array, low: Array, step: Array, by: Window, gradient: bool
) -> tuple[Array, Array]:
    """Return a function and, if asked for, its gradient at points, from window coefficients on a grid as of `spread`.

    Parameters
    ----------
    points
        Shape (3, n), best sorted in space.
    values
        Coefficients of the grid.
    low, step, by
        As in `spread`.
    gradient
        Whether the gradient is made; else it has shape (0, 3).
    """
    n = points.shape[1]
    out, slope = np.empty(n), np.empty((n if gradient else 0, 3))
    origin = low - margin(by.width) * step
    _read(points, values, origin, 1.0 / step, by.width, by.table, out, slope)
    return out, slope
