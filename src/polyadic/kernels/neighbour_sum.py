r"""Sums of the short range of a `coulomb_splitting.Splitting` over the particles within its cutoff.

With :math:`s = (r/r_c)^2` and :math:`u = 2s - 1` the short range is :math:`(s^{-1/2} - p(u)) / r_c`. The inner loops run
over contiguous neighbours without branches, so that the compiler vectorises them: about 1 ns a pair.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyadic.kernels.cells import Cells, cells
from polyadic.kernels.coulomb_splitting import Splitting

Array = NDArray[np.float64]
Pieces = tuple[tuple[float, ...], tuple[float, ...]]

_FAST = {"reassoc", "nsz", "contract"}
_SAME = 1e-30  # squared distance in cutoffs below which two points are one
_PIECE = 16  # longest polynomial that the compiler unrolls


def pieces(coefficients: tuple[float, ...]) -> Pieces:
    """Return a polynomial as ``low(u) + u^16 high(u)``, each short enough for the compiler."""
    return (coefficients, (0.0,)) if len(coefficients) <= _PIECE else (coefficients[:_PIECE], coefficients[_PIECE:])


def slopes(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Return the coefficients of the derivative, as many as of the polynomial."""
    return (*(k * c for k, c in enumerate(coefficients) if k), 0.0)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _polynomial(low, high, u):  # type: ignore[no-untyped-def]
    total = low[len(low) - 1]
    for k in range(len(low) - 2, -1, -1):
        total = total * u + low[k]
    if len(high) > 1:
        upper = high[len(high) - 1]
        for k in range(len(high) - 2, -1, -1):
            upper = upper * u + high[k]
        power = (u * u) * (u * u)
        power = power * power
        total = total + power * power * upper
    return total


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _inverse_root(s):  # type: ignore[no-untyped-def]
    """Return 1/sqrt(s) to 1e-14: single precision and one step of Newton."""
    y = np.float64(np.float32(1.0) / np.sqrt(np.float32(s)))
    return y * (1.5 - 0.5 * s * y * y)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _value(x, y, z, near, q, count, low, high, at_zero):  # type: ignore[no-untyped-def]
    """Return the sum over gathered particles at one point; all lengths in cutoffs."""
    total = 0.0
    for k in range(count):
        dx, dy, dz = x - near[0, k], y - near[1, k], z - near[2, k]
        s = dx * dx + dy * dy + dz * dz
        value = _inverse_root(s) - _polynomial(low, high, 2.0 * s - 1.0)
        value = at_zero if s < _SAME else value
        total += q[k] * (value if s < 1.0 else 0.0)
    return total


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _slope(x, y, z, near, q, count, low, high):  # type: ignore[no-untyped-def]
    """Return the gradient of the sum over gathered particles at one point, without particles on the point."""
    gx, gy, gz = 0.0, 0.0, 0.0
    for k in range(count):
        dx, dy, dz = x - near[0, k], y - near[1, k], z - near[2, k]
        s = dx * dx + dy * dy + dz * dz
        inverse = _inverse_root(s)
        slope = -inverse * inverse * inverse - 4.0 * _polynomial(low, high, 2.0 * s - 1.0)
        weight = q[k] * (slope if (s < 1.0) & (s > _SAME) else 0.0)
        gx += weight * dx
        gy += weight * dy
        gz += weight * dz
    return gx, gy, gz


@njit(cache=True)
def _span(low, high, origin, inverse, size):  # type: ignore[no-untyped-def]
    first = np.int64(np.floor((low - origin) * inverse))
    last = np.int64(np.floor((high - origin) * inverse))
    return min(max(first, 0), size - 1), min(max(last, 0), size - 1) + 1


@njit(cache=True)
def _gap(low, high, first, last):  # type: ignore[no-untyped-def]
    """Return the distance of two intervals."""
    return max(low - last, first - high, 0.0)


@njit(cache=True)
def _runs(low, high, tree, cutoff, runs):  # type: ignore[no-untyped-def]
    """Write the runs of particles that may be nearer than the cutoff to a box; return their number and total."""
    start, _, origin, width, shape = tree
    spans = np.empty((3, 2), np.int64)
    for d in range(3):
        spans[d] = _span(low[d] - cutoff, high[d] + cutoff, origin[d], 1.0 / width[d], shape[d])
    count, total = 0, 0
    for a in range(spans[0, 0], spans[0, 1]):
        dx = _gap(low[0], high[0], origin[0] + a * width[0], origin[0] + (a + 1) * width[0])
        for b in range(spans[1, 0], spans[1, 1]):
            dy = _gap(low[1], high[1], origin[1] + b * width[1], origin[1] + (b + 1) * width[1])
            left = cutoff * cutoff - dx * dx - dy * dy
            if left > 0.0:
                reach = np.sqrt(left)
                first, last = _span(low[2] - reach, high[2] + reach, origin[2], 1.0 / width[2], shape[2])
                row = (a * shape[1] + b) * shape[2]
                runs[count, 0], runs[count, 1] = start[row + first], start[row + last]
                total += runs[count, 1] - runs[count, 0]
                count += 1
    return count, total


@njit(cache=True)
def _gather(runs, count, tree, q, scale, near, charge):  # type: ignore[no-untyped-def]
    """Copy the particles of the runs, lengths in cutoffs."""
    particles = tree[1]
    at = 0
    for r in range(count):
        first, length = runs[r, 0], runs[r, 1] - runs[r, 0]
        for k in range(length):
            near[0, at + k] = particles[0, first + k] * scale
            near[1, at + k] = particles[1, first + k] * scale
            near[2, at + k] = particles[2, first + k] * scale
            charge[at + k] = q[first + k]
        at += length


@njit(cache=True)
def _at_points(targets, tree, q, cutoff, value, slope, at_zero, out, gradient):  # type: ignore[no-untyped-def]
    points, order, start = targets
    shape, width = tree[4], tree[3]
    columns = 1
    for d in range(2):
        columns *= min(np.int64(np.ceil(3.0 * cutoff / width[d])) + 3, shape[d])
    runs = np.empty((columns, 2), np.int64)
    near, charge = np.empty((3, 256)), np.empty(256)
    low, high = np.empty(3), np.empty(3)
    scale = 1.0 / cutoff
    for cell in range(start.size - 1):
        first, last = start[cell], start[cell + 1]
        if first == last:
            continue
        for d in range(3):
            low[d], high[d] = points[d, first:last].min(), points[d, first:last].max()
        count, total = _runs(low, high, tree, cutoff, runs)
        if total > charge.size:
            near, charge = np.empty((3, 2 * total)), np.empty(2 * total)
        _gather(runs, count, tree, q, scale, near, charge)
        for i in range(first, last):
            x, y, z = points[0, i] * scale, points[1, i] * scale, points[2, i] * scale
            out[order[i]] = _value(x, y, z, near, charge, total, value[0], value[1], at_zero) * scale
            if gradient.size > 0:
                g = _slope(x, y, z, near, charge, total, slope[0], slope[1])
                for d in range(3):
                    gradient[order[i], d] = g[d] * scale * scale


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _shorts(s, count, low, high, charge, out):  # type: ignore[no-untyped-def]
    """Write the short range at squared distances."""
    for k in range(count):
        value = _inverse_root(s[k]) - _polynomial(low, high, 2.0 * s[k] - 1.0)
        out[k] = charge * (np.inf if s[k] < _SAME else value)


@njit(cache=True)
def _squares(span, offset, step, flat, square, runs):  # type: ignore[no-untyped-def]
    """Write the squared distances of a plane's points that one particle reaches, and the run in each row."""
    count = 0
    for b in range(span[0], span[1]):
        dy = offset[1] + b * step[1]
        left = 1.0 - flat - dy * dy
        first, last = 0, 0
        if left > 0.0:
            half = np.sqrt(left)
            first = max(np.int64(np.ceil((-half - offset[2]) / step[2])), 0)
            last = max(min(np.int64(np.floor((half - offset[2]) / step[2])) + 1, span[2]), first)
            for c in range(last - first):
                dz = offset[2] + (first + c) * step[2]
                square[count + c] = 1.0 - left + dz * dz
        runs[b - span[0], 0], runs[b - span[0], 1] = first, last
        count += last - first
    return count


@njit(cache=True)
def _reached(x, cutoff, origin, step, size):  # type: ignore[no-untyped-def]
    first = max(np.int64(np.ceil((x - cutoff - origin) / step)), 0)
    return first, max(min(np.int64(np.floor((x + cutoff - origin) / step)) + 1, size), first)


@njit(cache=True)
def _on_grid(particles, q, cutoff, low, high, grid, out):  # type: ignore[no-untyped-def]
    origin, step = grid
    scale = 1.0 / cutoff
    rows = min(np.int64(2.0 * cutoff / step[1]) + 2, out.shape[1])
    most = rows * min(np.int64(2.0 * cutoff / step[2]) + 2, out.shape[2])
    square, value, runs = np.empty(most), np.empty(most), np.empty((rows, 2), np.int64)
    offset = np.empty(3)
    for j in range(q.size):
        a0, a1 = _reached(particles[0, j], cutoff, origin[0], step[0], out.shape[0])
        b0, b1 = _reached(particles[1, j], cutoff, origin[1], step[1], out.shape[1])
        for d in range(3):
            offset[d] = (origin[d] - particles[d, j]) * scale
        for a in range(a0, a1):
            dx = offset[0] + a * step[0] * scale
            count = _squares((b0, b1, out.shape[2]), offset, step * scale, dx * dx, square, runs)
            _shorts(square, count, low, high, q[j] * scale, value)
            at = 0
            for b in range(b0, b1):
                first = runs[b - b0, 0]
                length = runs[b - b0, 1] - first
                for c in range(length):
                    out[a, b, first + c] += value[at + c]
                at += length


def at_points(
    points: Array, particles: Cells, charges: Array, splitting: Splitting, *, gradient: bool = False, own: bool = False
) -> tuple[Array, Array]:
    """Return the short-range potential and, if asked for, its gradient at points.

    Parameters
    ----------
    points
        Shape (n, 3), in units of length.
    particles, charges
        The particles, and their charges in the order of ``particles``, shape (particles,).
    splitting
        Whose short range is summed.
    gradient
        Whether the gradient is made; else it has shape (0, 3).
    own
        Leave out particles that lie on a point (the particle itself); else the potential there is infinite.

    Notes
    -----
    About 1 ns a pair nearer than the cutoff and 1 ns for each of the three times as many that are looked at.
    """
    out, slope = np.empty(len(points)), np.empty((len(points) if gradient else 0, 3))
    if len(points) == 0:
        return out, slope
    targets = cells(points, splitting.cutoff / 1.5)
    tree = (particles.start, particles.points, particles.origin, particles.width, particles.shape)
    value, derivative = pieces(splitting.coefficients), pieces(slopes(splitting.coefficients))
    at = 0.0 if own else np.inf
    sorted_targets = (targets.points, targets.order, targets.start)
    _at_points(sorted_targets, tree, charges, splitting.cutoff, value, derivative, at, out, slope)
    return out, slope


def add_to_grid(
    out: Array, origin: Array, step: Array, particles: Cells, charges: Array, splitting: Splitting
) -> None:
    """Add the short-range potential to values on a uniform grid, in place.

    Parameters
    ----------
    out
        Values, shape (nx, ny, nz), the last axis contiguous.
    origin, step
        Point (0, 0, 0) and the spacing of the grid, in units of length, shape (3,).
    particles, charges, splitting
        As in `at_points`. A grid point on a particle becomes infinite.
    """
    low, high = pieces(splitting.coefficients)
    _on_grid(particles.points, charges, splitting.cutoff, low, high, (origin, step), out)
