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
_LANES = 16  # gathered particles are filled up to a multiple: vectors without a remainder
_GROUP = 4  # points of a row that are handled at once
_FAR = 2.0  # a squared distance that counts as beyond the cutoff


def _fours(coefficients: Array) -> Array:
    """Return ascending coefficients as descending ones whose number is a multiple of four."""
    return np.concatenate([np.zeros(-len(coefficients) % 4), coefficients[::-1]])


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _polynomial(s, count, c, out):  # type: ignore[no-untyped-def]
    """Write the polynomial in 2 s - 1, coefficients as of `_fours`, into ``out``: four a pass, to spare the cache."""
    for k in range(count):
        u = 2.0 * s[k] - 1.0
        out[k] = ((c[0] * u + c[1]) * u + c[2]) * u + c[3]
    for j in range(4, c.size, 4):
        c0, c1, c2, c3 = c[j], c[j + 1], c[j + 2], c[j + 3]
        for k in range(count):
            u = 2.0 * s[k] - 1.0
            out[k] = (((out[k] * u + c0) * u + c1) * u + c2) * u + c3


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
def _gather(found, tree, q, scale, beyond, held):  # type: ignore[no-untyped-def]
    """Copy the particles of the runs, lengths in cutoffs; return how many with those, at ``beyond``, that fill up."""
    particles, (runs, count, _), (near, charge) = tree[1], found, held
    at = 0
    for r in range(count):
        first, length = runs[r, 0], runs[r, 1] - runs[r, 0]
        for k in range(length):
            near[0, at + k] = particles[0, first + k] * scale
            near[1, at + k] = particles[1, first + k] * scale
            near[2, at + k] = particles[2, first + k] * scale
            charge[at + k] = q[first + k]
        at += length
    padded = (at + _LANES - 1) // _LANES * _LANES
    for k in range(at, padded):
        near[0, k], near[1, k], near[2, k], charge[k] = beyond, 0.0, 0.0, 0.0
    return padded


@njit(cache=True)
def _cell_values(targets, tree, q, cutoff, series, found, state):  # type: ignore[no-untyped-def]
    """Evaluate at the points of one cell; ``found`` are the runs of particles, ``state`` the buffers and results."""
    points, order, first, last = targets
    near, charge, work, at_zero, out, gradient = state
    scale = 1.0 / cutoff
    beyond = points[0, first:last].min() * scale - 1.5
    total = _gather(found, tree, q, scale, beyond, (near, charge))
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
            if total + _LANES > charge.size:
                room = 2 * (total + _LANES)
                near, charge = np.empty((3, room)), np.empty(room)
                work = (np.empty(room), np.empty(room))
            state = (near, charge, work, at_zero, out, gradient)
            _cell_values((points, order, first, last), tree, q, cutoff, series, (runs, count, total), state)


@njit(cache=True, fastmath=_FAST, error_model="numpy")
def _shorts(s, count, coefficients, charge, out):  # type: ignore[no-untyped-def]
    """Write the short range at squared distances; zero beyond the cutoff."""
    _polynomial(s, count, coefficients, out)
    for k in range(count):
        value = np.inf if s[k] < _SAME else _inverse_root(s[k]) - out[k]
        out[k] = charge * (value if s[k] < 1.0 else 0.0)


@njit(cache=True)
def _rows(span, offset, step, flat, runs):  # type: ignore[no-untyped-def]
    """Write for each row of a plane the first point that one particle reaches, and how many groups from there."""
    inverse = 1.0 / step[2]
    middle = -offset[2] * inverse
    for b in range(span[0], span[1]):
        dy = offset[1] + b * step[1]
        left = 1.0 - flat - dy * dy
        half = np.sqrt(max(left, 0.0)) * inverse
        first = max(np.int64(np.ceil(middle - half)), 0)
        last = min(np.int64(np.floor(middle + half)) + 1, span[2])
        groups = max(last - first + _GROUP - 1, 0) // _GROUP if left > 0.0 else 0
        if b == span[3]:  # behind the last row of all there is no memory
            first = min(first, span[2] - groups * _GROUP)
        runs[b - span[0], 0], runs[b - span[0], 1] = first, groups


@njit(cache=True)
def _squares(span, offset, step, flat, line, work):  # type: ignore[no-untyped-def]
    """Write the squared distances of a plane's points that one particle reaches, row by row in whole groups.

    ``line`` holds squared offsets along a row, with ``_GROUP`` points before and after it that count as far. Indices
    are unsigned here and in `_add_rows`, or the compiler allows for negative ones and makes no vectors.
    """
    square, runs = work
    _rows(span, offset, step, flat, runs)
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(_GROUP)
    to = np.uint64(0)
    for b in range(span[1] - span[0]):
        dy = offset[1] + (span[0] + b) * step[1]
        aside = flat + dy * dy
        of = np.uint64(runs[b, 0] + _GROUP)
        for _ in range(runs[b, 1]):
            square[to], square[to + one] = aside + line[of], aside + line[of + one]
            square[to + two], square[to + three] = aside + line[of + two], aside + line[of + three]
            to += four
            of += four
    return np.int64(to)


@njit(cache=True)
def _add_rows(plane, size, runs, value, out):  # type: ignore[no-untyped-def]
    """Add the values of a plane, row by row in whole groups, to the flat grid; what lies beyond the cutoff is zero."""
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(_GROUP)
    of = np.uint64(0)
    for b in range(len(runs)):
        to = np.uint64(plane + b * size + runs[b, 0])
        for _ in range(runs[b, 1]):
            p, q = out[to] + value[of], out[to + one] + value[of + one]
            r, s = out[to + two] + value[of + two], out[to + three] + value[of + three]
            out[to], out[to + one], out[to + two], out[to + three] = p, q, r, s
            to += four
            of += four


@njit(cache=True)
def _reached(x, cutoff, origin, step, size):  # type: ignore[no-untyped-def]
    first = max(np.int64(np.ceil((x - cutoff - origin) / step)), 0)
    return first, max(min(np.int64(np.floor((x + cutoff - origin) / step)) + 1, size), first)


@njit(cache=True)
def _on_grid(particles, q, cutoff, coefficients, grid, out):  # type: ignore[no-untyped-def]
    origin, step, shape = grid
    scale = 1.0 / cutoff
    rows = min(np.int64(2.0 * cutoff / step[1]) + 2, shape[1])
    most = rows * (min(np.int64(2.0 * cutoff / step[2]) + 2, shape[2]) + _GROUP)
    square, value, runs = np.empty(most), np.empty(most), np.empty((rows, 2), np.int64)
    offset, line = np.empty(3), np.full(shape[2] + 2 * _GROUP, _FAR)
    for j in range(q.size):
        a0, a1 = _reached(particles[0, j], cutoff, origin[0], step[0], shape[0])
        b0, b1 = _reached(particles[1, j], cutoff, origin[1], step[1], shape[1])
        c0, c1 = _reached(particles[2, j], cutoff, origin[2], step[2], shape[2])
        for d in range(3):
            offset[d] = (origin[d] - particles[d, j]) * scale
        for c in range(max(c0 - _GROUP, 0), min(c1 + _GROUP, shape[2])):
            line[c + _GROUP] = (offset[2] + c * step[2] * scale) ** 2
        for a in range(a0, a1):
            dx = offset[0] + a * step[0] * scale
            last = shape[1] - 1 if a == shape[0] - 1 else -1
            count = _squares((b0, b1, shape[2], last), offset, step * scale, dx * dx, line, (square, runs))
            _shorts(square, count, coefficients, q[j] * scale, value)
            _add_rows((a * shape[1] + b0) * shape[2], shape[2], runs[: b1 - b0], value, out)


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
    series = (_fours(coefficients), _fours(polynomial.polyder(coefficients)))
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
    coefficients = _fours(np.array(splitting.coefficients))
    grid = (origin, step, np.array(out.shape))
    _on_grid(particles.points, charges, splitting.cutoff, coefficients, grid, out.reshape(-1))
