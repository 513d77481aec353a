r"""Sums of the short range of a `coulomb_splitting.Splitting` over the particles within its cutoff.

With :math:`s = (r/r_c)^2` and :math:`u = 2s - 1` the short range is :math:`(s^{-1/2} - p(u)) / r_c`. Squared distances
are gathered in a buffer first; the loops over it have no branches, and the compiler vectorises them.
"""

import numpy as np
from numba import njit
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from polyadic.kernels.cells import Cells, cells
from polyadic.kernels.coulomb_splitting import Splitting

Array = NDArray[np.float64]

_FAST = {"reassoc", "nsz", "contract"}
_SAME = 1e-30  # squared distance in cutoffs below which two points are one
_BLOCK = 256  # numbers of a buffer that stay in the first cache while a polynomial is evaluated


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _polynomial(s, count, coefficients, out):  # type: ignore[no-untyped-def]
    """Write the polynomial in 2 s - 1, ascending coefficients, into ``out``."""
    top = coefficients.size - 1
    for start in range(0, count, _BLOCK):
        here, total = s[start : min(start + _BLOCK, count)], out[start : min(start + _BLOCK, count)]
        total[:] = coefficients[top]
        for j in range(top - 1, -1, -1):
            c = coefficients[j]
            for k in range(total.size):
                total[k] = total[k] * (2.0 * here[k] - 1.0) + c


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _inverse_root(s):  # type: ignore[no-untyped-def]
    """Return 1/sqrt(s) to 1e-14: single precision and one step of Newton."""
    y = np.float64(np.float32(1.0) / np.sqrt(np.float32(s)))
    return y * (1.5 - 0.5 * s * y * y)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _value(x, near, q, work, coefficients, at_zero):  # type: ignore[no-untyped-def]
    """Return the sum over gathered particles at one point; all lengths in cutoffs."""
    square, smooth = work
    count = q.size
    for k in range(count):
        dx, dy, dz = x[0] - near[0, k], x[1] - near[1, k], x[2] - near[2, k]
        square[k] = dx * dx + dy * dy + dz * dz
    _polynomial(square, count, coefficients, smooth)
    total = 0.0
    for k in range(count):
        s = square[k]
        value = at_zero if s < _SAME else _inverse_root(s) - smooth[k]
        total += q[k] * (value if s < 1.0 else 0.0)
    return total


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _slope(x, near, q, work, derivative, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the sum that `_value` has just gathered, without particles on the point."""
    square, smooth = work
    count = q.size
    _polynomial(square, count, derivative, smooth)
    gx, gy, gz = 0.0, 0.0, 0.0
    for k in range(count):
        s = square[k]
        inverse = _inverse_root(s)
        slope = -inverse * inverse * inverse - 4.0 * smooth[k]
        weight = q[k] * (slope if (s < 1.0) & (s > _SAME) else 0.0)
        gx += weight * (x[0] - near[0, k])
        gy += weight * (x[1] - near[1, k])
        gz += weight * (x[2] - near[2, k])
    out[0], out[1], out[2] = gx, gy, gz


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
def _cell_values(targets, tree, q, cutoff, series, found, state):  # type: ignore[no-untyped-def]
    """Evaluate at the points of one cell; ``found`` are the runs of particles, ``state`` the buffers and results."""
    points, order, first, last = targets
    runs, count, total = found
    near, charge, work, at_zero, out, gradient = state
    scale = 1.0 / cutoff
    _gather(runs, count, tree, q, scale, near, charge)
    x, g = np.empty(3), np.empty(3)
    for i in range(first, last):
        for d in range(3):
            x[d] = points[d, i] * scale
        out[order[i]] = _value(x, near, charge[:total], work, series[0], at_zero) * scale
        if gradient.size > 0:
            _slope(x, near, charge[:total], work, series[1], g)
            for d in range(3):
                gradient[order[i], d] = g[d] * scale * scale


@njit(cache=True)
def _at_points(targets, tree, q, cutoff, series, at_zero, out, gradient):  # type: ignore[no-untyped-def]
    points, order, start = targets
    runs = np.empty((tree[4][0] * tree[4][1], 2), np.int64)
    near, charge, work = np.empty((3, 256)), np.empty(256), (np.empty(256), np.empty(256))
    low, high = np.empty(3), np.empty(3)
    for cell in range(start.size - 1):
        first, last = start[cell], start[cell + 1]
        if first < last:
            for d in range(3):
                low[d], high[d] = points[d, first:last].min(), points[d, first:last].max()
            count, total = _runs(low, high, tree, cutoff, runs)
            if total > charge.size:
                near, charge = np.empty((3, 2 * total)), np.empty(2 * total)
                work = (np.empty(2 * total), np.empty(2 * total))
            state = (near, charge, work, at_zero, out, gradient)
            _cell_values((points, order, first, last), tree, q, cutoff, series, (runs, count, total), state)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _shorts(s, count, coefficients, charge, out):  # type: ignore[no-untyped-def]
    """Write the short range at squared distances below 1."""
    _polynomial(s, count, coefficients, out)
    for k in range(count):
        out[k] = charge * (np.inf if s[k] < _SAME else _inverse_root(s[k]) - out[k])


@njit(cache=True)
def _inside(left, offset, step, size):  # type: ignore[no-untyped-def]
    """Return the run of points whose squared offset is below ``left``."""
    if left <= 0.0:
        return 0, 0
    half = np.sqrt(left)
    first = max(np.int64(np.ceil((-half - offset) / step)), 0)
    return first, max(min(np.int64(np.floor((half - offset) / step)) + 1, size), first)


@njit(cache=True)
def _squares(span, offset, step, flat, square, runs):  # type: ignore[no-untyped-def]
    """Write the squared distances of a plane's points that one particle reaches, and the run in each row."""
    count = 0
    for b in range(span[0], span[1]):
        dy = offset[1] + b * step[1]
        left = 1.0 - flat - dy * dy
        first, last = _inside(left, offset[2], step[2], span[2])
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
def _on_grid(particles, q, cutoff, coefficients, grid, out):  # type: ignore[no-untyped-def]
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
            _shorts(square, count, coefficients, q[j] * scale, value)
            at = 0
            for b in range(b0, b1):
                first = runs[b - b0, 0]
                length = runs[b - b0, 1] - first
                row, part = out[a, b, first : first + length], value[at : at + length]
                for c in range(length):
                    row[c] += part[c]
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
    About 1 ns for each particle that is looked at: some five times those nearer than the cutoff.
    """
    out, slope = np.empty(len(points)), np.empty((len(points) if gradient else 0, 3))
    if len(points) == 0:
        return out, slope
    targets = cells(points, splitting.cutoff / 1.5)
    tree = (particles.start, particles.points, particles.origin, particles.width, particles.shape)
    coefficients = np.array(splitting.coefficients)
    series = (coefficients, polynomial.polyder(coefficients))
    sorted_targets = (targets.points, targets.order, targets.start)
    _at_points(sorted_targets, tree, charges, splitting.cutoff, series, 0.0 if own else np.inf, out, slope)
    return out, slope


def add_to_grid(out: Array, origin: Array, step: Array, particles: Cells, charges: Array, splitting: Splitting) -> None:
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
    coefficients = np.array(splitting.coefficients)
    _on_grid(particles.points, charges, splitting.cutoff, coefficients, (origin, step), out)
