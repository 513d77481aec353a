r"""Levels above a block model: the edge counts of one level are a multigraph that the next level describes.

Level by level the multigraph of B nodes is grouped into C < B blocks; its cost is
:math:`\sum_{R<S}\ln\!\left(\!\binom{n_Rn_S}{e_{RS}}\!\right)
+\sum_R\ln\!\left(\!\binom{n_R(n_R+1)/2}{e_{RR}}\!\right)` plus the
partition, and the last level has a flat prior (Peixoto 2014, Phys. Rev. X 4, 011047).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from .block_model import multiset
from .mixing_blocks import partition_cost


def levels_above(counts: NDArray[np.float64]) -> tuple[float, list[NDArray[np.int64]]]:
    """Return the nats that name the edge counts and the labels of the levels above, lowest first.

    Parameters
    ----------
    counts
        (B, B) symmetric edge counts; the diagonal counts every internal edge once.

    Notes
    -----
    Greedy merges, ``O(B ** 4)`` array operations at worst; above 64 blocks the prior stays flat.

    Examples
    --------
    >>> levels_above(np.array([[5.0]]))
    (0.0, [])
    """
    blocks = counts.shape[0]
    best, labels = float(multiset(np.array(blocks * (blocks + 1) / 2), float(np.triu(counts).sum()))), None
    if blocks < 4 or blocks > 64:
        return best, []
    label = np.arange(blocks)
    while label.max() > 1:
        label = _best_merge(counts, label)
        cost = _level_cost(counts, label) + _flat(counts, label)
        if cost < best - 1e-9:
            best, labels = cost, label
    if labels is None:
        return best, []
    upper, rest = levels_above(_fold(counts, labels))
    return min(best, _level_cost(counts, labels) + upper), [labels, *rest]


def _fold(counts: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the edge counts between groups of blocks."""
    hot = np.eye(int(label.max()) + 1)[label]
    ordered = hot.T @ (counts + np.diag(np.diag(counts))) @ hot
    return np.asarray(ordered - np.diag(np.diag(ordered)) / 2)


def _flat(counts: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    groups = int(label.max()) + 1
    return float(multiset(np.array(groups * (groups + 1) / 2), float(np.triu(counts).sum())))


def _level_cost(counts: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """Return the nats of a multigraph given the edge counts of its groups, with the partition."""
    sizes = np.bincount(label).astype(float)
    cells = np.outer(sizes, sizes)
    cells[np.diag_indices_from(cells)] = sizes * (sizes + 1) / 2
    folded = _fold(counts, label)
    terms = gammaln(cells + folded) - gammaln(cells) - gammaln(folded + 1)
    return float(np.triu(terms).sum()) + partition_cost(np.bincount(label))


def _best_merge(counts: NDArray[np.float64], label: NDArray[np.int64]) -> NDArray[np.int64]:
    groups = int(label.max()) + 1
    candidates = []
    for r in range(groups):
        for s in range(r + 1, groups):
            merged = np.where(label == s, r, label)
            merged = np.where(merged > s, merged - 1, merged)
            candidates.append((_level_cost(counts, merged), r, s, merged))
    return min(candidates, key=lambda c: c[:3])[3]
