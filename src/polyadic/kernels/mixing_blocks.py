r"""Communities by constant mixing: every node spends about one share of its links inside its community.

One share :math:`\mu` instead of B(B+1)/2 counts of edges: the planted partition, assortative or the reverse. The
description counts simple graphs exactly, which matters where hubs are dense. The weights have node effects of two
sides (`polyadic.kernels.node_effects`, `polyadic.kernels.class_effects`): what a node gives inside and what it gives
outside. ``plain`` topology (dense graphs) has two densities instead, ignoring degrees.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from .mixing_counts import partition, shares
from .simple_graphs import log_count
from .weight_scales import Scaled
from .weighted_graph import Graph


def cost(graph: Graph, scale: Scaled, label: NDArray[np.int64]) -> float:
    """Return the description length in nats of labels, topology given the degrees, and weights on a scale.

    Parameters
    ----------
    graph
        The graph.
    scale
        Weights on their scale; the Jacobian is not counted.
    label
        (n,) labels 0, 1, ...

    Notes
    -----
    ``O(E + n ** 3)``: the node effects are integrated out exactly, each side alone.
    """
    plain, edges = graph.density > 0.5, graph.weight.size
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    sizes = np.bincount(label)
    total = partition_cost(sizes) + topology(graph, label, plain)
    if sizes.size > 1:
        total += math.log(edges + 1.0)
    return float(total + sum(scale.cost(graph, side) for side in (same, ~same) if side.any()))


def partition_cost(sizes: NDArray[np.int64]) -> float:
    """Return the nats that name a partition: number of blocks, then their sizes, then who is where."""
    n, blocks = int(sizes.sum()), sizes.size
    return float(math.log(n) + partition(float(n), float(blocks)) + gammaln(n + 1) - gammaln(sizes + 1.0).sum())


def topology(graph: Graph, label: NDArray[np.int64], plain: bool) -> float:
    """Return the nats of the edges given the labels (and the degrees unless ``plain``).

    Given the degrees, the internal degrees are named as a random share of each node's, then the internal and the
    external edges are one of all simple graphs with these degrees.
    """
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    edges, inner = float(same.size), float(same.sum())
    if plain:
        cells = float((np.bincount(label) ** 2).sum())
        return float(shares(True, inner, edges, cells, float(graph.size))) + math.log(edges + 1.0)
    inside = np.bincount(graph.pairs[:, same].ravel(), minlength=graph.size)
    outside = graph.degree - inside
    chosen = _log_choose(graph.degree, inside).sum()
    named = float(_log_choose(2 * edges, 2 * inner) - chosen)
    mates = label[:, None] == label
    return named + log_count(inside, mates) + log_count(outside, ~mates)


def _log_choose(total: ArrayLike, part: ArrayLike) -> NDArray[np.float64]:
    n, k = np.asarray(total, float), np.asarray(part, float)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
