"""Points sorted into the cells of a box, so that neighbours in space are neighbours in memory."""

import dataclasses

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Cells:
    """Points sorted by cell; within a cell they keep their order.

    Attributes
    ----------
    order
        ``points = original[order]``, shape (n,).
    start
        Cell c holds ``points[start[c]:start[c + 1]]``; cells count along the last axis fastest, shape (cells + 1,).
    points
        The sorted points, shape (3, n): coordinates first.
    origin, width
        Lowest corner of cell 0 and edge of a cell, in units of length, shape (3,).
    shape
        Cells along each axis.
    """

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    points: Array
    origin: Array
    width: Array
    shape: NDArray[np.int64]


def cells(points: Array, width: float, most: int = 2_000_000) -> Cells:
    """Return points sorted into cells of about the given edge.

    Parameters
    ----------
    points
        Shape (n, 3), n >= 1, in units of length.
    width
        Smallest edge of a cell; cells grow where there would be more than ``most`` of them.

    Notes
    -----
    O(n), a counting sort: the order depends on the points alone.

    Examples
    --------
    >>> cells(np.array([[0.9, 0, 0], [0.1, 0, 0], [0.95, 0, 0]]), 0.3).order
    array([1, 0, 2])
    """
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, 1e-300)
    edge = float(width)
    while np.prod(np.maximum(np.floor(size / edge), 1.0)) > most:
        edge *= 1.26
    shape = np.maximum(np.floor(size / edge), 1.0).astype(np.int64)
    widths = np.maximum(size / shape, edge)
    order, start, ordered = _sort(np.ascontiguousarray(points), low, 1.0 / widths, shape)
    return Cells(order, start, ordered, low, widths, shape)


@njit(cache=True)
def _sort(points, origin, inverse, shape):  # type: ignore[no-untyped-def]
    n = points.shape[0]
    cell = np.empty(n, np.int64)
    start = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int64)
    for i in range(n):
        c = 0
        for d in range(3):
            j = np.int64((points[i, d] - origin[d]) * inverse[d])
            c = c * shape[d] + min(max(j, 0), shape[d] - 1)
        cell[i] = c
        start[c + 1] += 1
    for c in range(start.size - 1):
        start[c + 1] += start[c]
    place = start[:-1].copy()
    order = np.empty(n, np.int64)
    ordered = np.empty((3, n))
    for i in range(n):
        at = place[cell[i]]
        place[cell[i]] += 1
        order[at] = i
        for d in range(3):
            ordered[d, at] = points[i, d]
    return order, start, ordered
