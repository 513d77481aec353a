"""What can be reached on weighted LFR graphs: the planted partition, improved under two likelihoods.

``generator``: the graphs fix, up to rounding and what could not be wired or relaxed, which share of every node's links
and strength lies inside its community. Under that nearly exact likelihood (shares: the medians at the planted
partition; heavy-tailed, of width one link and a hundredth of the strength) single nodes are moved downhill from the
planted partition. Where many shares were not met (mut=.25, k=10) it is no bound: other rows may exceed it.
``model``: the planted partition is refined under our own description length; one block where that is shorter.
"""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import community_search, mixing_blocks, mixing_search, weighted_graph

Labels = NDArray[np.int64]


def generator(w: NDArray[np.float64], truth: Labels) -> Labels:
    """Return the planted labels, single nodes moved where the shares of links and strength are met better."""
    shares = [float(np.median(share)) for share in _inside(w, truth)]
    label, best = truth.copy(), _misfit(w, truth, shares)
    while True:
        moves = [(node, c) for node in range(len(w)) for c in range(int(truth.max()) + 1) if c != label[node]]
        costs = [_misfit(w, np.where(np.arange(len(w)) == node, c, label), shares) for node, c in moves]
        if min(costs) > best - 1e-9:
            return label
        best = min(costs)
        node, c = moves[int(np.argmin(costs))]
        label[node] = c


def _inside(w: NDArray[np.float64], label: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of every node's links and strength that lies inside its community."""
    same, edges = label[:, None] == label, w > 0
    return (edges & same).sum(axis=1) / edges.sum(axis=1), (w * same).sum(axis=1) / w.sum(axis=1)


def _misfit(w: NDArray[np.float64], label: Labels, shares: list[float]) -> float:
    links, strength = _inside(w, label)
    missed = (links - shares[0]) * (w > 0).sum(axis=1)
    return float(np.log1p(missed**2).sum() + np.log1p(((strength - shares[1]) / 0.01) ** 2).sum())


def model(w: NDArray[np.float64], truth: Labels, seed: int = 0) -> Labels:
    """Return the labels that our own description refines the planted ones to."""
    graph = weighted_graph.from_matrix(w)
    scales = community_search.scales_of(graph)
    starts = [mixing_search._measured(graph, scales, truth, name) for name in scales]
    best = mixing_search._refined(graph, scales, min(starts, key=lambda s: s[0]), [], seed)
    best = mixing_search._polished(graph, scales, best)
    one = min(mixing_blocks.cost(graph, s, 0 * truth) + s.jacobian for s in scales.values())
    return best[1] if best[0] < one - community_search.MARGIN else 0 * truth
