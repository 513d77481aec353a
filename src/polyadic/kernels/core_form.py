"""Which functions the modes of a Tucker or CP model have, how they combine, and the moments of all of them.

Of the ``F_k`` functions of mode k some are learned, some given (seasons, :mod:`polyadic.kernels.harmonics`), and one or
more are the constant one. Second moments :math:`E[u u^T]` are kept as upper triangles of ``v = F(F+1)/2`` numbers.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Form:
    """Which functions a mode has and how they combine.

    Attributes
    ----------
    kind
        ``"tucker"`` or ``"cp"``.
    sizes
        ``F_k``, functions of each mode with the constant ones.
    free
        For each mode the positions of the functions that are learned.
    known
        For each mode the positions of given functions, such as seasons; all others are the constant one.
    """

    kind: str
    sizes: tuple[int, ...]
    free: tuple[tuple[int, ...], ...]
    known: tuple[tuple[int, ...], ...] = ()

    @property
    def entries(self) -> int:
        """Number of core entries."""
        return int(np.prod(self.sizes)) if self.kind == "tucker" else self.sizes[0]


def tucker_form(ranks: tuple[int, ...], known: tuple[int, ...] = ()) -> Form:
    """Return a full core over the constant, which carries the main effects, ``known`` and ``rank`` functions a mode.

    Examples
    --------
    >>> tucker_form((2, 3)).sizes, tucker_form((2, 3), (0, 4)).free[1]
    ((3, 4), (5, 6, 7))
    """
    counts = known or (0,) * len(ranks)
    each = list(zip(ranks, counts, strict=True))
    return Form(
        "tucker",
        tuple(1 + count + rank for rank, count in each),
        tuple(tuple(range(1 + count, 1 + count + rank)) for rank, count in each),
        tuple(tuple(range(1, 1 + count)) for count in counts),
    )


def cp_form(rank: int, modes: int, known: tuple[int, ...] = ()) -> Form:
    """Return a constant, ``rank`` products of one function per mode, and one main effect for each mode.

    Every known function of a mode comes twice: alone, and times a learned function of each other mode.

    Examples
    --------
    >>> cp_form(2, 3).free[0]
    (1, 2, 3)
    >>> cp_form(1, 2, (0, 2)).free, cp_form(1, 2, (0, 2)).known[1]
    (((1, 2, 6, 7), (1, 3)), (4, 5, 6, 7))
    """
    free = [[*range(1, rank + 1), 1 + rank + k] for k in range(modes)]
    given: list[list[int]] = [[] for _ in range(modes)]
    size = 1 + rank + modes
    for k, count in enumerate(known):
        given[k] = list(range(size, size + 2 * count))
        for other in range(modes):
            free[other] += given[k][count:] if other != k else []
        size += 2 * count
    return Form("cp", (size,) * modes, tuple(map(tuple, free)), tuple(map(tuple, given)))


@cache
def pairs(size: int) -> tuple[Index, Index]:
    """Return rows and columns of the upper triangle of a symmetric matrix, in the order they are stored in."""
    rows, columns = (part.astype(np.int64) for part in np.triu_indices(size))
    rows.flags.writeable = columns.flags.writeable = False
    return rows, columns


@cache
def pair_index(size: int) -> Index:
    """Return, for each entry of a (size, size) matrix, its place in the stored upper triangle.

    Examples
    --------
    >>> pair_index(2)
    array([[0, 1],
           [1, 2]])
    """
    place = np.zeros((size, size), dtype=np.int64)
    rows, columns = pairs(size)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    place.flags.writeable = False
    return place


def fixed_values(form: Form, mode: int, count: int, known: Array | None = None) -> Array:
    """Return all functions of a mode (D, F) with the ``known`` ones (D, given) in place and one everywhere else."""
    values = np.ones((count, form.sizes[mode]))
    if known is not None and known.shape[1]:
        values[:, list(form.known[mode])] = known
    return values


def extend(form: Form, mode: int, mean: Array, covariance: Array, known: Array | None = None) -> tuple[Array, Array]:
    """Return first (D, F) and stored second (D, v) moments of all functions of a mode from those of its free ones.

    ``known`` (D, given) are the values of its given functions, if it has any.

    Examples
    --------
    >>> extend(tucker_form((1,)), 0, np.array([[2.0]]), np.array([[[0.5]]]))
    (array([[1., 2.]]), array([[1. , 2. , 4.5]]))
    """
    size, free = form.sizes[mode], list(form.free[mode])
    first = fixed_values(form, mode, mean.shape[0], known)
    first[:, free] = mean
    rows, columns = pairs(size)
    second = first[:, rows] * first[:, columns]
    left, right = pairs(len(free))
    where = pair_index(size)[np.asarray(free)[left], np.asarray(free)[right]]
    second[:, where] += covariance[:, left, right]
    return first, second
