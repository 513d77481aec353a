"""Communities of a weighted graph, from an array: the facade behind `polyadic.communities`."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MODELS = ("auto", "blocks", "mixing", "louvain", "leiden")


@dataclasses.dataclass(frozen=True)
class Communities:
    """Communities of the nodes of one graph.

    Attributes
    ----------
    membership
        (n,) label of every node at the level that the model picks; 0 is the largest community.
    levels
        (levels, n) labels of the nodes, ``levels[0]`` is ``membership``, the last level is one block.
    description_length
        Length of the description of the whole graph by the model, in bits (weights as densities).
    model
        What was chosen: topology and weights.
    one_block
        Description length of the best model without communities, in bits.
    """

    membership: NDArray[np.int64]
    levels: NDArray[np.int64]
    description_length: float
    model: str
    one_block: float


def communities(weights: ArrayLike, model: str = "auto", seed: int = 0) -> Communities:
    """Return the communities of a weighted undirected graph, chosen by description length.

    Parameters
    ----------
    weights
        (n, n) symmetric, non-negative; exact zeros are absent edges, the diagonal is ignored. Dense matrices are fine.
    model
        ``"auto"`` compares all models; ``"blocks"``: only nested stochastic block models; ``"mixing"``: only constant
        mixing; ``"louvain"`` and ``"leiden"``: fast modularity heuristics without a test of structure.
    seed
        Seed of the search: equal input and seed give equal output.

    Returns
    -------
    `Communities`; one block where several do not pay for their description.

    Raises
    ------
    ValueError
        For an unknown model, or weights that are not square, symmetric, finite and non-negative.

    Notes
    -----
    The shortest description wins; several blocks must beat one by 8 nats. Parts, in nats, for B groups of n nodes:

    - partition: ``ln n + ln C(n - 1, B - 1) + ln n! - sum_r ln n_r!``;
    - topology of blocks: plain ``sum_rs ln C(n_rs, e_rs)``, or degree-corrected (Peixoto 2017), counts nested;
    - topology of constant mixing: the degrees; the internal edges, ``ln(E + 1)``, and degrees,
      ``ln C(2E, 2E_in) - sum_i ln C(k_i, k_i,in)``; simple graphs inside, and outside (dense: two densities);
    - weights of blocks: exponential, log-normal, or normal on the scale ``log w``, ``w**(1/3)``, ``w**(1/2)`` or
      ``w`` beyond what the nodes explain in one block;
    - weights of constant mixing, inside and outside apart, on one of the four scales:
      ``y_ij = theta_i + theta_j + mu_c + sqrt(v_c) e_ij``, ``c`` the pair of the degree classes of both ends; the
      variance of ``theta`` is that of its class. Effects and means are integrated out, variances named.

    Two to four CPU seconds at 125 nodes; time grows as ``E log n + n ** 3``, memory as ``n ** 2``. Peixoto, Phys. Rev.
    E 95, 012317 (2017) and 97, 012306 (2018); planted partitions: Zhang and Peixoto, Phys. Rev. Research 2, 043271
    (2020). The weights of constant mixing are ours.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = np.repeat([0, 1], 20)
    >>> mean = np.where(truth[:, None] == truth, 4.0, 1.0)
    >>> w = np.triu(rng.gamma(3.0, mean), 1)
    >>> np.bincount(communities(w + w.T).membership)
    array([20, 20])
    """
    from polyadic.kernels import community_search, weighted_graph

    if model not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, found {model!r}")
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number >= 0, found {seed!r}")
    graph = weighted_graph.from_matrix(np.asarray(weights, dtype=float))
    if model in ("louvain", "leiden"):
        return _modularity(graph, model, int(seed))
    found, null = community_search.describe(graph, ("blocks", "mixing") if model == "auto" else (model,), int(seed))
    return _result(found.label, found.above, found.cost, found.model, null)


def _result(label: Any, above: list[Any], cost: float, model: str, null: float) -> Communities:
    membership = by_size(label)
    levels = [membership]
    current = label
    for upper in above:
        current = upper[current]
        levels.append(by_size(current))
    if levels[-1].max() > 0:
        levels.append(np.zeros_like(membership))
    bit = np.log(2)
    return Communities(membership, np.stack(levels), float(cost / bit), model, float(null / bit))


def apart(weights: ArrayLike, model: str = "auto", seed: int = 0) -> Communities:
    """Return the communities of a graph, nodes without any edge in a block of their own.

    A model that corrects for degrees says nothing of such nodes and would lay them to any community. Arguments as in
    `communities`.

    Examples
    --------
    >>> w = np.zeros((5, 5))
    >>> w[:3, :3] = 1 - np.eye(3)
    >>> apart(w).membership
    array([0, 0, 0, 1, 1])
    """
    w = np.asarray(weights, float)
    edges = w.any(axis=0)
    if edges.all() or edges.sum() < 2:
        return communities(w, model, seed)
    found = communities(w[np.ix_(edges, edges)], model, seed)
    levels = np.zeros((len(found.levels) + 1, len(w)), np.int64)
    for level, labels in enumerate(found.levels):
        levels[level] = int(labels.max()) + 1
        levels[level, edges] = labels
    name = f"{found.model}; {int((~edges).sum())} without edges"
    return dataclasses.replace(found, membership=levels[0], levels=levels, model=name)


def by_size(label: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return labels renumbered: the largest block first, ties by first member.

    Examples
    --------
    >>> by_size(np.array([2, 0, 0, 1]))
    array([1, 0, 0, 2])
    """
    _, first, inverse, count = np.unique(label, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(first.size, np.int64)
    rank[np.lexsort((first, -count))] = np.arange(first.size)
    return rank[inverse]


def _modularity(graph: Any, model: str, seed: int) -> Communities:
    """Return the communities of scikit-network's Louvain or Leiden, with their length under a block model."""
    from polyadic.kernels.block_model import BlockModel
    from polyadic.kernels.community_search import degree_cost, simple_correction
    from polyadic.kernels.modularity import of_graph

    n = graph.size
    if graph.weight.size == 0:
        return _result(np.zeros(n, np.int64), [], 0.0, model, 0.0)
    label = of_graph(graph, model, True, seed)
    blocks = BlockModel(graph, graph.weight, True, 1)
    extra = degree_cost(graph) + simple_correction(graph)
    one = blocks.cost(np.zeros(n, np.int64)) + extra
    return _result(label, [], blocks.cost(label) + extra, f"{model}, modularity", one)
