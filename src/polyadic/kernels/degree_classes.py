"""Classes of nodes by degree, each with the same share of all stubs, so that hubs are told apart finely."""

import numpy as np
from numpy.typing import NDArray

_EDGES_A_CLASS = 5.0
_MOST = 8


def how_many(edges: int) -> int:
    """Return the number of classes that ``edges`` weights can tell apart: one for every five of the root, at most 8.

    Examples
    --------
    >>> how_many(25), how_many(500), how_many(100_000)
    (1, 4, 8)
    """
    return int(min(max(round(edges**0.5 / _EDGES_A_CLASS), 1), _MOST))


def by_stubs(degree: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return the class (n,) of every node, 0 for the least degrees; nodes of equal degree share a class.

    Parameters
    ----------
    degree
        (n,) degrees.
    count
        Number of classes aimed at, each with about the same sum of degrees; fewer where degrees are equal.

    Notes
    -----
    ``O(n log n)``. The classes depend on the degrees only: who knows the topology knows them.

    Examples
    --------
    >>> by_stubs(np.array([1, 1, 1, 1, 2, 2, 8]), 3)
    array([0, 0, 0, 0, 1, 1, 2])
    """
    values, inverse = np.unique(degree, return_inverse=True)
    stubs = np.bincount(inverse) * values.astype(float)
    middle = np.cumsum(stubs) - 0.5 * stubs
    number = np.minimum((middle / max(stubs.sum(), 1.0) * count).astype(np.int64), count - 1)
    return np.unique(number, return_inverse=True)[1].astype(np.int64)[inverse]


def cells(classes: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cell (E,) of every edge, 0 .. cells - 1: the unordered pair of the classes of its ends.

    Examples
    --------
    >>> cells(np.array([0, 1, 1]), np.array([[0, 0, 1], [1, 2, 2]]))
    array([0, 0, 1])
    """
    a, b = classes[pairs]
    code = np.minimum(a, b) * (int(classes.max(initial=0)) + 1) + np.maximum(a, b)
    return np.unique(code, return_inverse=True)[1].astype(np.int64)
