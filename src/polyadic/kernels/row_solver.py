"""Non-negative least squares, row by row, for many rows that share few normal matrices."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.floating]


_TOGETHER = 64  # rows whose coordinates are updated side by side, which the processor does several at a time


@njit(cache=True, nogil=True)
def _descend_together(rows: Array, targets: Array, gram: Array, sweeps: int) -> None:
    """Lower the objective of rows that share one normal matrix, a coordinate of many rows at a time."""
    count, rank = rows.shape
    held, asked, slope = np.zeros((rank, _TOGETHER)), np.zeros((rank, _TOGETHER)), np.empty(_TOGETHER)
    for first in range(0, count, _TOGETHER):
        size = min(_TOGETHER, count - first)
        held[:, :size] = rows[first : first + size].T
        asked[:, :size] = targets[first : first + size].T
        for _ in range(sweeps):
            for r in range(rank):
                if gram[r, r] > 0.0:
                    slope[:] = asked[r]
                    _improve(held, r, gram, slope)
        rows[first : first + size] = held[:, :size].T


@njit(cache=True, nogil=True)
def _improve(held: Array, r: int, gram: Array, slope: Array) -> None:
    """Set coordinate r of the rows held to its minimiser; ``slope`` comes as their targets."""
    for s in range(len(held)):
        weight = gram[r, s]
        for i in range(slope.size):
            slope[i] -= weight * held[s, i]
    curvature = gram[r, r]
    for i in range(slope.size):
        value = held[r, i] + slope[i] / curvature
        held[r, i] = value if value > 0.0 else 0.0


@njit(cache=True, nogil=True)
def descend(rows: Array, targets: Array, grams: Array, gram_of_row: NDArray[np.int64], sweeps: int) -> None:
    r"""Lower :math:`\tfrac12 x^T G x - b^T x` over :math:`x \ge 0` for every row, in place, by coordinate descent.

    One sweep sets each coordinate in turn to its minimiser :math:`\max(0, x_r + (b_r - (Gx)_r) / G_{rr})`, so the
    objective of no row ever rises: hierarchical alternating least squares, one row at a time.

    Parameters
    ----------
    rows
        The start, overwritten by the result, shape ``(n, R)``, non-negative.
    targets
        One :math:`b` a row, shape ``(n, R)``.
    grams
        The distinct normal matrices :math:`G`, shape ``(k, R, R)``, symmetric positive semi-definite.
    gram_of_row
        Which of them each row has, shape ``(n,)``; shape ``(1,)`` if all have the same one.
    sweeps
        Sweeps over the coordinates.

    Notes
    -----
    :math:`O(n R^2)` a sweep. A coordinate without curvature stays as it is. Cichocki and Phan, IEICE Trans.
    E92-A (2009) 708, eq. 17.

    Examples
    --------
    >>> x = np.zeros((1, 2))
    >>> descend(x, np.array([[2.0, -1.0]]), np.eye(2)[None], np.zeros(1, np.int64), 1)
    >>> x
    array([[2., 0.]])
    """
    shared = gram_of_row.size == 1
    if shared and len(rows) >= _TOGETHER // 4:  # the same operations in the same order, so the same bits
        _descend_together(rows, targets, grams[gram_of_row[0]], sweeps)
        return
    count, rank = rows.shape
    for i in range(count):
        gram = grams[gram_of_row[0] if shared else gram_of_row[i]]
        row = rows[i]
        target = targets[i]
        for _ in range(sweeps):
            largest = 0.0
            for r in range(rank):
                curvature = gram[r, r]
                if curvature <= 0.0:
                    continue
                slope = float(target[r])
                for s in range(rank):
                    slope -= gram[r, s] * row[s]
                value = max(0.0, row[r] + slope / curvature)
                largest = max(largest, abs(value - row[r]) * np.sqrt(curvature))
                row[r] = value
            if largest == 0.0:
                break
