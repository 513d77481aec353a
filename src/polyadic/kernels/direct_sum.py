"""The Coulomb potential of point charges by direct summation: slow, and exact to rounding."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


def potential(points: Array, positions: Array, charges: Array) -> Array:
    """Return the sum of charge / distance at points; a charge on a point is left out.

    Parameters
    ----------
    points, positions
        Shapes (m, 3) and (n, 3), in units of length.
    charges
        Shape (n,).

    Notes
    -----
    m n pairs of about 1 ns; halves are summed in double precision.

    Examples
    --------
    >>> potential(np.zeros((1, 3)), np.array([[2.0, 0, 0], [0, 0, 0]]), np.array([3.0, 1.0]))
    array([1.5])
    """
    return np.asarray(_potential(np.ascontiguousarray(points), np.ascontiguousarray(positions.T), charges))


def gradient(points: Array, positions: Array, charges: Array) -> Array:
    """Return the gradient of the potential at points, shape (m, 3); a charge on a point is left out."""
    return np.asarray(_gradient(np.ascontiguousarray(points), np.ascontiguousarray(positions.T), charges))


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"}, error_model="numpy")
def _potential(points, positions, charges):  # type: ignore[no-untyped-def]
    out = np.empty(points.shape[0])
    for i in range(points.shape[0]):
        x, y, z = points[i]
        total = 0.0
        for j in range(charges.size):
            dx, dy, dz = x - positions[0, j], y - positions[1, j], z - positions[2, j]
            square = dx * dx + dy * dy + dz * dz
            total += charges[j] / np.sqrt(square) if square > 0.0 else 0.0
        out[i] = total
    return out


@njit(cache=True, fastmath={"reassoc", "nsz", "contract"}, error_model="numpy")
def _gradient(points, positions, charges):  # type: ignore[no-untyped-def]
    out = np.empty((points.shape[0], 3))
    for i in range(points.shape[0]):
        x, y, z = points[i]
        gx, gy, gz = 0.0, 0.0, 0.0
        for j in range(charges.size):
            dx, dy, dz = x - positions[0, j], y - positions[1, j], z - positions[2, j]
            square = dx * dx + dy * dy + dz * dz
            weight = -charges[j] / (square * np.sqrt(square)) if square > 0.0 else 0.0
            gx += weight * dx
            gy += weight * dy
            gz += weight * dz
        out[i, 0], out[i, 1], out[i, 2] = gx, gy, gz
    return out
