"""Communities by greedy modularity: fast, and a baseline, since it finds communities in anything."""

import numpy as np
from numpy.typing import NDArray

from .weighted_graph import Graph

Array = NDArray[np.floating]


def of_graph(graph: Graph, method: str, weighted: bool, seed: int) -> NDArray[np.int64]:
    """Return the labels (n,) of scikit-network's Louvain or Leiden, of the weights or of the edges alone.

    Parameters
    ----------
    graph
        A graph with edges.
    method
        ``"louvain"`` or ``"leiden"``.
    weighted
        Whether the weights count; without them every edge is 1.
    seed
        Seed of the order in which nodes are visited.

    Notes
    -----
    About ``O(E log n)``. V. Traag, L. Waltman and N. J. van Eck, Scientific Reports 9 (2019) 5233.

    Examples
    --------
    >>> from polyadic.kernels.weighted_graph import from_matrix
    >>> of_graph(from_matrix(np.kron(np.eye(2), np.ones((3, 3))) - np.eye(6)), "louvain", True, 0)
    array([0, 0, 0, 1, 1, 1])
    """
    from scipy.sparse import csr_matrix
    from sknetwork.clustering import Leiden, Louvain

    weight = graph.weight if weighted else np.ones(graph.weight.size)
    matrix = csr_matrix((weight[graph.edge], graph.ends, graph.starts), shape=(graph.size, graph.size))
    algorithm = {"louvain": Louvain, "leiden": Leiden}[method](random_state=seed)
    return np.unique(algorithm.fit_predict(matrix), return_inverse=True)[1].astype(np.int64)


def greedy_communities(weights: Array) -> NDArray[np.int64]:
    r"""Return the community of each node of a weighted graph, by moves and merges that raise the modularity.

    :math:`Q = \frac{1}{2m} \sum_{ij} (w_{ij} - k_i k_j / 2m)\, \delta(c_i, c_j)`; nodes move to the best community
    until none gains, then communities become nodes.

    Parameters
    ----------
    weights
        Symmetric, non-negative, shape ``(n, n)``.

    Notes
    -----
    :math:`O(n^2)` a sweep; nodes are visited in their order, so the result is determined. Blondel et al., J. Stat.
    Mech. (2008) P10008.

    Examples
    --------
    >>> greedy_communities(np.kron(np.eye(2), np.ones((3, 3))) - np.eye(6))
    array([0, 0, 0, 1, 1, 1])
    """
    strength = weights.sum(axis=0)
    total = max(float(strength.sum()), np.finfo(float).tiny)
    gains = weights - np.outer(strength, strength) / total
    label = np.arange(len(weights))
    while True:
        size = int(label.max()) + 1
        chosen = np.eye(size)[label]
        merged = _moved(chosen.T @ gains @ chosen)
        if merged.max() + 1 == size:
            return label
        label = merged[label]


def _moved(gains: Array) -> NDArray[np.int64]:
    """Return labels after every node has moved to where it gains most, until none does."""
    count = len(gains)
    label = np.arange(count)
    chosen = np.eye(count)
    for _ in range(100):
        before = label.copy()
        for node in range(count):
            row = gains[node].copy()
            row[node] = 0
            by_community = row @ chosen
            best = int(np.argmax(by_community))
            if by_community[best] > by_community[label[node]] + 1e-12:
                chosen[node] = 0
                chosen[node, best] = 1
                label[node] = best
        if (label == before).all():
            break
    return np.unique(label, return_inverse=True)[1].astype(np.int64)
