"""Draws of test and validation parts: single rows, whole groups, blocks along an axis."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

TRAIN, VALIDATION, TEST = 0, 1, 2
"""The flags of a split."""

Labels = NDArray[np.int64]


def draw_groups(
    labels: ArrayLike, test: float, validation: float, seed: int | Sequence[int], fold: int = 0
) -> NDArray[np.int8]:
    """Return the part of each row (0 train, 1 validation, 2 test), whole groups together.

    The groups are shuffled once by the seed. With ``G`` groups the test part of fold ``k`` holds those at positions
    ``round(k test G)`` to ``round((k + 1) test G)``, one at least; the validation part holds the
    ``round(validation G)`` that follow, cyclically. So the folds ``0 .. 1/test - 1`` of one seed share no test group
    and cover all of them.

    Parameters
    ----------
    labels
        The group of each row, whole numbers, shape (row,); single rows are groups ``arange(n)``.
    test, validation
        Fractions of the groups, ``test`` in (0, 1), ``validation`` in [0, 1), together below 1.
    seed
        Of `numpy.random.default_rng`.
    fold
        Which test part, from 0; ``(fold + 1) test`` is at most 1.

    Raises
    ------
    ValueError
        If a fraction or the fold is out of range, or there are fewer groups than parts.

    Notes
    -----
    :math:`O(n log n)` for the groups' numbers. Row counts follow the group sizes: they match the fractions on average.

    Examples
    --------
    >>> draw_groups([7, 7, 8, 9, 9], test=0.3, validation=0.0, seed=0)
    array([0, 0, 0, 2, 2], dtype=int8)
    """
    check_fractions(test, validation, fold)
    distinct, rows = np.unique(np.asarray(labels), return_inverse=True)
    size = distinct.size
    parts = 3 if validation > 0 else 2
    if size < parts:
        raise ValueError(f"labels hold {size} groups, accepted are at least {parts}, one for each part")
    start, stop = round(fold * test * size), round((fold + 1) * test * size)
    n_validation = min(max(1, round(validation * size)), size - 2) if validation > 0 else 0
    n_test = min(max(1, stop - start), size - 1 - n_validation)
    order = np.roll(np.random.default_rng(seed).permutation(size), -start)
    part = np.full(size, TRAIN, np.int8)
    part[order[:n_test]] = TEST
    part[order[n_test : n_test + n_validation]] = VALIDATION
    return part[rows]


def check_fractions(test: float, validation: float, fold: int = 0) -> None:
    """Raise `ValueError` for fractions or a fold that `draw_groups` does not accept."""
    if not 0 < test < 1:
        raise ValueError(f"'test' is a fraction in (0, 1), found {test:g}")
    if not 0 <= validation < 1 or test + validation >= 1:
        raise ValueError(
            f"'validation' is a fraction in [0, 1) that leaves a rest beside 'test' {test:g}, found {validation:g}"
        )
    if fold < 0 or (fold + 1) * test > 1 + 1e-9:
        raise ValueError(
            f"'fold' is a whole number from 0 with (fold + 1) * test <= 1, found {fold} with test {test:g}"
        )


def connected_labels(*partitions: ArrayLike) -> Labels:
    """Return the finest groups of rows of which no two share a label in any of the partitions.

    Two rows are in one group when a chain of rows leads from one to the other in which neighbours share a label.

    Parameters
    ----------
    partitions
        Labels of the same rows, whole numbers, each of shape (row,).

    Returns
    -------
    The first row of the group of each row, shape (row,).

    Notes
    -----
    Minimum labels spread until nothing changes: :math:`O(n)` a sweep, as many sweeps as the longest chain; two or three
    in station data.

    Examples
    --------
    >>> connected_labels([0, 0, 1, 1, 2], [0, 1, 1, 2, 3])
    array([0, 0, 0, 0, 4])
    """
    numbered = [np.unique(np.asarray(p), return_inverse=True)[1] for p in partitions]
    labels = np.arange(numbered[0].size)
    while True:
        before = labels
        for group in numbered:
            lowest = np.full(group.max(initial=-1) + 1, labels.size)
            np.minimum.at(lowest, group, labels)
            labels = lowest[group]
        if np.array_equal(labels, before):
            return labels


def block_labels(positions: ArrayLike, length: float) -> Labels:
    """Return the number of the block of ``length`` that each position lies in, counted from the lowest position.

    Raises
    ------
    ValueError
        If ``length`` is not positive.

    Examples
    --------
    >>> block_labels([10.0, 11.9, 12.0, 30.0], 2.0)
    array([ 0,  0,  1, 10])
    """
    if not length > 0:
        raise ValueError(f"'length' is positive, found {length:g}")
    x = np.asarray(positions, np.float64)
    labels: Labels = np.floor((x - x.min(initial=np.inf)) / length).astype(np.int64)
    return labels


def near_blocks(positions: ArrayLike, length: float, chosen: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """Return which positions lie less than ``margin`` outside a block that holds a chosen position.

    Blocks are those of `block_labels`; positions inside a chosen block are not near it.

    Examples
    --------
    >>> near_blocks([0.0, 1.0, 2.0, 3.0, 4.5], 1.0, np.array([False, False, True, False, False]), 1.5)
    array([False,  True, False,  True, False])
    """
    x = np.asarray(positions, np.float64)
    blocks = block_labels(x, length)
    held = np.unique(blocks[chosen])
    inside = np.isin(blocks, held)
    if held.size == 0:
        return inside
    low = x.min() + held * length
    after = np.searchsorted(low, x, side="right")
    since = np.where(after > 0, x - (low[np.maximum(after - 1, 0)] + length), np.inf)
    until = np.where(after < held.size, low[np.minimum(after, held.size - 1)] - x, np.inf)
    near: NDArray[np.bool_] = ~inside & ((since < margin) | (until < margin))
    return near
