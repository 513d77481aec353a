"""Sums of the short range of a `coulomb_splitting.Splitting` over the particles within its cutoff, at points."""

import numpy as np
from numba import njit
from numpy.polynomial import polynomial as powers
from numpy.typing import NDArray

from polyadic.kernels import neighbour_spread
from polyadic.kernels.cells import Cells, cells
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kernels.short_range import FAST, LANES, SAME, fours, inverse_root, polynomial, runs_near

Array = NDArray[np.float64]

_MANY = 3  # points a particle from which it is cheaper to go from particles to points
_SHARED = 8  # points that share one gathering


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _value(x, near, q, work, coefficients, at_zero):  # type: ignore[no-untyped-def]
    """Return the sum over gathered particles at one point; all lengths in cutoffs."""
    square, smooth = work
    count = q.size
    for k in range(count):
        dx, dy, dz = x[0] - near[0, k], x[1] - near[1, k], x[2] - near[2, k]
        square[k] = dx * dx + dy * dy + dz * dz
    polynomial(square, count, coefficients, smooth)
    total = 0.0
    for k in range(count):
        s = square[k]
        value = at_zero if s < SAME else inverse_root(s) - smooth[k]
        total += q[k] * (value if s < 1.0 else 0.0)
    return total


@njit(cache=True, fastmath=FAST, error_model="numpy")
def _slope(x, near, q, work, derivative, out):  # type: ignore[no-untyped-def]
    """Write the gradient of the sum that `_value` has just gathered, without particles on the point."""
    square, smooth = work
    count = q.size
    polynomial(square, count, derivative, smooth)
    gx, gy, gz = 0.0, 0.0, 0.0
    for k in range(count):
        s = square[k]
        inverse = inverse_root(s)
        slope = -inverse * inverse * inverse - 4.0 * smooth[k]
        weight = q[k] * (slope if (s < 1.0) & (s > SAME) else 0.0)
        gx += weight * (x[0] - near[0, k])
        gy += weight * (x[1] - near[1, k])
        gz += weight * (x[2] - near[2, k])
    out[0], out[1], out[2] = gx, gy, gz


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
    padded = (at + LANES - 1) // LANES * LANES
    for k in range(at, padded):
        near[0, k], near[1, k], near[2, k], charge[k] = beyond, 0.0, 0.0, 0.0
    return padded


@njit(cache=True)
def _cell_values(targets, tree, q, cutoff, series, found, state):  # type: ignore[no-untyped-def]
    """Evaluate at the points of one cell; ``found`` are the runs of particles, ``state`` the buffers and results."""
    points, first, last = targets
    near, charge, work, at_zero, out, gradient = state
    scale = 1.0 / cutoff
    beyond = points[0, first:last].min() * scale - 1.5
    total = _gather(found, tree, q, scale, beyond, (near, charge))
    x, g = np.empty(3), np.empty(3)
    for i in range(first, last):
        for d in range(3):
            x[d] = points[d, i] * scale
        out[i] = _value(x, near, charge[:total], work, series[0], at_zero) * scale
        if gradient.size > 0:
            _slope(x, near, charge[:total], work, series[1], g)
            for d in range(3):
                gradient[i, d] = g[d] * scale * scale


@njit(cache=True)
def _at_points(targets, tree, q, cutoff, series, at_zero, out, gradient):  # type: ignore[no-untyped-def]
    points, start = targets
    runs = np.empty((tree[4][0] * tree[4][1], 2), np.int64)
    near, charge, work = np.empty((3, 256)), np.empty(256), (np.empty(256), np.empty(256))
    low, high = np.empty(3), np.empty(3)
    for cell in range(start.size - 1):
        first, last = start[cell], start[cell + 1]
        if first < last:
            for d in range(3):
                low[d], high[d] = points[d, first:last].min(), points[d, first:last].max()
            count, total = runs_near(low, high, tree, cutoff, runs)
            if total + LANES > charge.size:
                room = 2 * (total + LANES)
                near, charge = np.empty((3, room)), np.empty(room)
                work = (np.empty(room), np.empty(room))
            state = (near, charge, work, at_zero, out, gradient)
            _cell_values((points, first, last), tree, q, cutoff, series, (runs, count, total), state)


def sources(positions: Array, cutoff: float) -> Cells:
    """Return particles sorted for `at_cells` and `neighbour_spread`, about one in a cell."""
    size = np.maximum(np.ptp(positions, axis=0), 1e-3 * cutoff)
    edge = float((np.prod(size) / len(positions)) ** (1 / 3))
    return cells(positions, min(max(edge, cutoff / 4), cutoff / 2))


def targets(points: Array, particles: Cells, splitting: Splitting, *, gradient: bool = False) -> Cells:
    """Return points sorted for `at_cells`, in cells of the edge that costs least."""
    cutoff = splitting.cutoff
    if _from_particles(len(points), particles, gradient):
        return cells(points, cutoff / 3)
    size = np.maximum(np.ptp(points, axis=0), 1e-3 * cutoff)
    shared = float((_SHARED * np.prod(size) / len(points)) ** (1 / 3))
    return cells(points, min(max(shared, cutoff / 3), cutoff))


def _from_particles(points: int, particles: Cells, gradient: bool) -> bool:
    return not gradient and points > _MANY * particles.order.size


def at_cells(
    targets: Cells, particles: Cells, charges: Array, splitting: Splitting, *, gradient: bool = False, own: bool = False
) -> tuple[Array, Array]:
    """Return what `at_points` does, at sorted points and in their order."""
    n = targets.order.size
    out, slope = np.zeros(n), np.empty((n if gradient else 0, 3))
    if _from_particles(n, particles, gradient):
        neighbour_spread.add_to_points(out, targets, particles, charges, splitting, own=own)
        return out, slope
    tree = (particles.start, particles.points, particles.origin, particles.width, particles.shape)
    coefficients = np.array(splitting.coefficients)
    series = (fours(coefficients), fours(powers.polyder(coefficients)))
    points = (targets.points, targets.start)
    _at_points(points, tree, charges, splitting.cutoff, series, 0.0 if own else np.inf, out, slope)
    return out, slope


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
    About 1 ns for each particle that is looked at: two (many points a particle) to five times those nearer than the
    cutoff.
    """
    if len(points) == 0:
        return np.empty(0), np.empty((0, 3))
    held = targets(points, particles, splitting, gradient=gradient)
    values, slopes = at_cells(held, particles, charges, splitting, gradient=gradient, own=own)
    return unsorted(held, values), unsorted(held, slopes) if gradient else slopes


def unsorted(held: Cells, values: Array) -> Array:
    """Return values at sorted points in the order that the points came in."""
    out = np.empty_like(values)
    out[held.order] = values
    return out
