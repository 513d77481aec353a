"""Undirected weighted graphs as compressed rows and as a list of edges; exact zeros are absent edges."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Graph(NamedTuple):
    """An undirected graph without loops.

    Attributes
    ----------
    starts, ends
        Compressed rows: the neighbours of node ``i`` are ``ends[starts[i]:starts[i + 1]]``, ascending.
    edge
        (2 E,) the position in ``pairs`` of every entry of ``ends``.
    pairs
        (2, E) the two nodes of every edge, the smaller first, in row-major order.
    weight
        (E,) positive weights of the edges.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    edge: NDArray[np.int64]
    pairs: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of nodes."""
        return int(self.starts.size - 1)

    @property
    def degree(self) -> NDArray[np.int64]:
        """Number of neighbours of every node."""
        return np.diff(self.starts)

    @property
    def density(self) -> float:
        """Share of the pairs of nodes that are edges."""
        pairs = self.size * (self.size - 1) / 2
        return float(self.weight.size / pairs) if pairs else 0.0


def from_matrix(weights: NDArray[np.floating]) -> Graph:
    """Return the graph of a symmetric matrix of weights.

    Parameters
    ----------
    weights
        (n, n) symmetric, finite, non-negative; the diagonal is ignored, zeros are absent edges.

    Raises
    ------
    ValueError
        If ``weights`` is not square and symmetric, or holds negative, infinite or missing values.

    Notes
    -----
    Time and memory grow with ``n ** 2``.

    Examples
    --------
    >>> from_matrix(np.array([[0, 2.0, 0], [2.0, 0, 1.0], [0, 1.0, 0]])).pairs
    array([[0, 1],
           [1, 2]])
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 2 or w.shape[0] != w.shape[1] or w.shape[0] == 0:
        raise ValueError(f"weights must be a square matrix (n, n) with n >= 1, found shape {w.shape}")
    if not np.isfinite(w).all() or (w < 0).any():
        raise ValueError(f"weights must be finite and non-negative, found {_odd(w)}")
    if not np.allclose(w, w.T, rtol=1e-8, atol=0):
        i, j = np.argwhere(~np.isclose(w, w.T, rtol=1e-8, atol=0))[0]
        raise ValueError(f"weights must be symmetric, found {w[i, j]:g} at ({i}, {j}) and {w[j, i]:g} at ({j}, {i})")
    upper = np.triu(w, 1)
    i, j = np.nonzero(upper)
    number = np.zeros(w.shape, np.int64)
    number[i, j] = number[j, i] = np.arange(i.size)
    rows, ends = np.nonzero(upper + upper.T)
    starts = np.searchsorted(rows, np.arange(w.shape[0] + 1))
    return Graph(starts, ends.astype(np.int64), number[rows, ends], np.stack([i, j]).astype(np.int64), upper[i, j])


def _odd(w: NDArray[np.float64]) -> str:
    i, j = np.argwhere(~(np.isfinite(w) & (w >= 0)))[0]
    return f"{w[i, j]:g} at ({i}, {j})"
