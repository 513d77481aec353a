"""Short ranges of particles added to all the points they reach: a uniform grid, or many scattered points.

The counterpart of `neighbour_sum`, for more points than particles: vectors run over points, whose memory is in runs.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyadic.kernels.cells import Cells, cells
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kernels.short_range import FAST, LANES, SAME, fours, inverse_root, polynomial, runs_near

Array = NDArray[np.float64]

_GROUP = 4  # points of a row that are handled at once
_ROWS = 4  # rows that share their run
_FAR = 2.0  # a squared distance that counts as beyond the cutoff


@njit(cache=True)
def _filled(square, count):  # type: ignore[no-untyped-def]
    """Return a count that whole vectors make up, what is new in it far away: loops without a remainder."""
    whole = (count + LANES - 1) // LANES * LANES
    for k in range(count, whole):
        square[k] = _FAR
    return whole


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _shorts(s, count, coefficients, charge, out):  # type: ignore[no-untyped-def]
    """Write the short range at squared distances; zero beyond the cutoff, infinite at distance zero."""
    polynomial(s, count, coefficients, out)
    for k in range(count):
        value = np.inf if s[k] < SAME else inverse_root(s[k]) - out[k]
        out[k] = charge * (value if s[k] < 1.0 else 0.0)


@njit(cache=True)
def _rows(span, offset, step, flat, runs):  # type: ignore[no-untyped-def]
    """Write for each row of a plane the first point that one particle reaches, and how many groups from there.

    Four rows share what the one nearest to the particle needs: square roots cost more than a few points too many.
    """
    inverse = 1.0 / step[2]
    middle = -offset[2] * inverse
    for start in range(span[0], span[1], _ROWS):
        stop = min(start + _ROWS, span[1])
        below, above = offset[1] + start * step[1], offset[1] + (stop - 1) * step[1]
        dy = max(below, -above, 0.0)
        left = 1.0 - flat - dy * dy
        half = np.sqrt(max(left, 0.0)) * inverse
        first = max(np.int64(np.ceil(middle - half)), 0)
        last = min(np.int64(np.floor(middle + half)) + 1, span[2])
        groups = max(last - first + _GROUP - 1, 0) // _GROUP if left > 0.0 else 0
        if stop == span[3] + 1:  # behind the last row of all there is no memory
            first = min(first, span[2] - groups * _GROUP)
        for b in range(start - span[0], stop - span[0]):
            runs[b, 0], runs[b, 1] = first, groups


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
    most = rows * (min(np.int64(2.0 * cutoff / step[2]) + 2, shape[2]) + _GROUP) + LANES
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
            _shorts(square, _filled(square, count), coefficients, q[j] * scale, value)
            _add_rows((a * shape[1] + b0) * shape[2], shape[2], runs[: b1 - b0], value, out)


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _distances(x, points, runs, square):  # type: ignore[no-untyped-def]
    """Write the squared distances of the points of runs; return how many."""
    count = 0
    for r in range(len(runs)):
        first, last = runs[r, 0], runs[r, 1]
        px, py, pz = points[0, first:last], points[1, first:last], points[2, first:last]
        out = square[count : count + last - first]
        for k in range(last - first):
            dx, dy, dz = px[k] - x[0], py[k] - x[1], pz[k] - x[2]
            out[k] = dx * dx + dy * dy + dz * dz
        count += last - first
    return count


@njit(cache=True)
def _add_runs(runs, value, out):  # type: ignore[no-untyped-def]
    at = 0
    for r in range(len(runs)):
        to = out[runs[r, 0] : runs[r, 1]]
        of = value[at : at + to.size]
        for k in range(to.size):
            to[k] += of[k]
        at += to.size


@njit(cache=True)
def _to_points(particles, q, tree, coefficients, own, out):  # type: ignore[no-untyped-def]
    """Add to sorted points; all lengths in cutoffs."""
    runs = np.empty((tree[4][0] * tree[4][1], 2), np.int64)
    square, value = np.empty(4096), np.empty(4096)
    x = np.empty(3)
    for j in range(q.size):
        for d in range(3):
            x[d] = particles[d, j]
        count, total = runs_near(x, x, tree, 1.0, runs)
        if total + LANES > square.size:
            square, value = np.empty(2 * (total + LANES)), np.empty(2 * (total + LANES))
        _distances(x, tree[1], runs[:count], square)
        _shorts(square, _filled(square, total), coefficients, q[j], value)
        if own:
            for k in range(total):
                value[k] = 0.0 if square[k] < SAME else value[k]
        _add_runs(runs[:count], value, out)


def add_to_points(
    out: Array, targets: Cells, particles: Cells, charges: Array, splitting: Splitting, *, own: bool = False
) -> None:
    """Add the short-range potential to values at sorted points, in place.

    Parameters
    ----------
    out
        Values in the order of ``targets``, shape (n,).
    targets
        The points, best in cells of a third of the cutoff.
    particles, charges, splitting, own
        As in `neighbour_sum.at_points`.

    Notes
    -----
    About 2 ns for each pair nearer than the cutoff where points are dense.
    """
    scale = 1.0 / splitting.cutoff
    tree = (targets.start, targets.points * scale, targets.origin * scale, targets.width * scale, targets.shape)
    _to_points(particles.points * scale, charges * scale, tree, fours(np.array(splitting.coefficients)), own, out)


def add_to_grid(out: Array, origin: Array, step: Array, particles: Cells, charges: Array, splitting: Splitting) -> None:
    """Add the short-range potential to values on a uniform grid, in place.

    Parameters
    ----------
    out
        Values, shape (nx, ny, nz), contiguous.
    origin, step
        Point (0, 0, 0) and the spacing of the grid, in units of length, shape (3,).
    particles, charges, splitting
        As in `neighbour_sum.at_points`. A grid point on a particle becomes infinite.

    Raises
    ------
    ValueError
        If the values are not contiguous.
    """
    if not out.flags.c_contiguous:
        raise ValueError("out must be contiguous, the last axis fastest")
    coefficients = fours(np.array(splitting.coefficients))
    grid = (origin, step, np.array(out.shape))
    if out.shape[0] * out.shape[1] == 1:  # one row: whole groups would reach over its ends
        row = np.tile(origin, (out.size, 1))
        row[:, 2] += step[2] * np.arange(out.size)
        held, sums = cells(row, splitting.cutoff / 3), np.zeros(out.size)
        add_to_points(sums, held, particles, charges, splitting)
        out.reshape(-1)[held.order] += sums
        return
    _on_grid(particles.points, charges, splitting.cutoff, coefficients, grid, out.reshape(-1))
