"""Communities of a weighted graph: every model of topology and weights is searched, the shortest description wins."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from . import mixing_blocks
from .block_hierarchy import levels_above
from .block_model import BlockModel, multiset
from .mixing_search import search_mixing
from .modularity import of_graph
from .node_effects import KAPPA, noise_cost, power_scale
from .simple_graphs import log_count
from .weight_scales import POWERS, Scaled, scaled
from .weighted_graph import Graph

MARGIN = 8.0
"""Nats by which several blocks must beat one: the choice among the models and the greed of the search are paid by
it."""


RELATIVE = "strength"
"""How models of weights relative to the effects of both nodes are called."""


class Described(NamedTuple):
    """A partition with the cost of the whole graph in nats, the levels above it, and the name of its model."""

    cost: float
    label: NDArray[np.int64]
    above: list[NDArray[np.int64]]
    model: str


class Weights(NamedTuple):
    """One model of the weights for block models: values, kind, and what its cost lacks, in nats."""

    name: str
    values: NDArray[np.float64]
    kind: int
    overhead: float


def one_normal_block(values: NDArray[np.float64]) -> float:
    """Return the nats of values of zero prior mean under one normal distribution, mean and variance integrated out."""
    joint = KAPPA + values.size
    square = float(values @ values) - float(values.sum()) ** 2 / joint
    return noise_cost(values.size, square, float(values.var()) + 1e-300) + 0.5 * float(np.log(joint / KAPPA))


def weight_models(graph: Graph, scales: dict[str, Scaled]) -> list[Weights]:
    """Return the models of the weights; equal weights are no information."""
    w = graph.weight
    if not scales:
        return [Weights("unweighted", np.ones(w.size), 0, 0.0)]
    logarithm, jacobian = power_scale(w, 0.0)
    models = [Weights("exponential", w, 1, 0.0), Weights("log-normal", logarithm, 2, jacobian)]
    for name, scale in scales.items():
        overhead = scale.evidence + scale.jacobian - one_normal_block(scale.rest)
        models.append(Weights(f"{RELATIVE} {name}", scale.rest, 2, overhead))
    return models


def scales_of(graph: Graph) -> dict[str, Scaled]:
    """Return the weights on every power scale, none where all weights are equal."""
    w = graph.weight
    if w.size < 3 or np.ptp(w) <= 1e-9 * w.max():
        return {}
    return {name: scaled(graph, power) for name, power in POWERS.items()}


def degree_cost(graph: Graph) -> float:
    """Return the nats that name the degrees: uniform, by histogram, log-normal or power law, whichever is shortest."""
    return float(min(_codes_of_degrees(graph.degree.astype(float), 2.0 * graph.weight.size)) + np.log(4))


def simple_correction(graph: Graph) -> float:
    """Return what a degree-corrected block model overstates by counting multigraphs, in nats (negative), in one block.

    Without it dense hubs would look like blocks.
    """
    stubs = 2.0 * graph.weight.size
    multigraphs = (
        gammaln(stubs + 1) - gammaln(stubs / 2 + 1) - stubs / 2 * np.log(2) - gammaln(graph.degree + 1.0).sum()
    )
    return float(log_count(graph.degree) - multigraphs)


def _codes_of_degrees(degree: NDArray[np.float64], stubs: float) -> list[float]:
    """Return the nats of the degrees under four codes; two real parameters cost ``log(n)``, the smallest degree too."""
    n = float(degree.size)
    uniform = float(multiset(np.array(n), stubs))
    cells = stubs + n * (n + 1) / 2 - 1  # partitions of the stubs into n parts, from above
    partitions = min(
        np.pi * np.sqrt(2 * stubs / 3), float(gammaln(cells + 1) - gammaln(n) - gammaln(cells - n + 2) - gammaln(n + 1))
    )
    histogram = gammaln(n + 1) - gammaln(np.bincount(degree.astype(int)) + 1.0).sum()
    logarithm = np.log(degree + 0.5)
    normal = float(logarithm.sum()) + 0.5 * n * (1 + np.log(2 * np.pi * max(float(logarithm.var()), 1e-4))) + np.log(n)
    low = max(float(degree.min()), 1.0)
    support = np.log(np.arange(low, n))
    steep = [
        tau * np.log(np.maximum(degree, 1)).sum() + n * np.log(np.exp(-tau * support).sum())
        for tau in np.arange(0.0, 5.0, 0.25)
    ]
    power = min(steep) + 2 * np.log(n) if degree.min() > 0 and support.size else np.inf
    return [uniform, max(partitions, 0.0) + float(histogram), normal, float(power)]


def nested(model: BlockModel, label: NDArray[np.int64]) -> tuple[float, list[NDArray[np.int64]]]:
    """Return the cost of labels with the best levels above them, and those levels."""
    counts, flat = model.edge_counts(label)
    upper, above = levels_above(counts)
    return model.cost(label) - flat + upper, above


def search_blocks(model: BlockModel, seed: int, splits: int = 8) -> NDArray[np.int64]:
    """Return the labels of shortest description: agglomeration from single nodes, then merges and splits."""
    label = np.arange(model.size)
    best, best_cost = np.zeros(model.size, np.int64), model.cost(np.zeros(model.size, np.int64))
    while (blocks := int(label.max()) + 1) > 1:
        label = model.merge(label, blocks - 1 if blocks <= 12 else int(blocks / 1.3), seed + blocks)
        if label.max() < model.size / 3:
            model.relax(label, seed + blocks)
        cost = model.cost(label)
        if cost < best_cost:
            best, best_cost = label.copy(), cost
    for candidate in _variations(model, best, seed, splits):
        cost = model.cost(candidate)
        if cost < best_cost - 1e-9:
            best, best_cost = candidate, cost
    return best


def _variations(model: BlockModel, label: NDArray[np.int64], seed: int, splits: int) -> Iterator[NDArray[np.int64]]:
    """Yield labels with one block split at random and relaxed, or one pair merged and relaxed."""
    rng = np.random.default_rng([seed, 7])
    for trial in range(splits):
        blocks = int(label.max()) + 1
        members = np.flatnonzero(label == rng.integers(blocks))
        if members.size < 4:
            continue
        new = label.copy()
        new[rng.permutation(members)[: members.size // 2]] = blocks
        model.relax(new, seed + trial, blocks=(int(label[members[0]]), blocks))
        model.relax(new, seed + trial)
        yield new
        back = model.merge(new, blocks, seed + trial)
        model.relax(back, seed + trial)
        yield back


def describe(graph: Graph, families: tuple[str, ...], seed: int) -> tuple[Described, float]:
    """Return the shortest description of a graph and the cost of the best one-block description, in nats.

    Parameters
    ----------
    graph
        The graph.
    families
        ``"blocks"`` (nested block models), ``"mixing"`` (constant mixing), or both.
    seed
        Seed of the search; equal seeds, equal results.

    Notes
    -----
    Block models: ``O(n ** 2 log n + E log n)`` a model of topology and weights; node effects: ``O(n ** 3)``.
    """
    one = np.zeros(graph.size, np.int64)
    if graph.weight.size == 0 or graph.size < 3:
        return Described(0.0, one, [], "one block"), 0.0
    scales = scales_of(graph)
    found, nulls = _block_descriptions(graph, scales, seed)
    degrees = 0.0 if graph.density > 0.5 else degree_cost(graph)
    if "mixing" in families and scales:
        starts = _distinct([d.label for d in sorted(found, key=lambda d: d.cost)])[:2]
        cost, label, name = search_mixing(graph, scales, starts, _modular(graph, seed), seed)
        nulls.append(min(mixing_blocks.cost(graph, scale, one) + scale.jacobian for scale in scales.values()) + degrees)
        found.append(Described(cost + degrees, label, [], f"mixing, {RELATIVE} {name} weights"))
    if families == ("mixing",) and scales:
        found = [d for d in found if d.model.startswith("mixing")]
    best, null = min(found, key=lambda d: d.cost), min(nulls)
    if best.label.max() == 0 or best.cost > null - MARGIN:
        return Described(null, one, [], "one block"), null
    return best, null


def _block_descriptions(graph: Graph, scales: dict[str, Scaled], seed: int) -> tuple[list[Described], list[float]]:
    """Return the best description by every block model that is allowed, and the costs of one block.

    Degree correction, and weights relative to node effects, are decided by description length in one block: classes of
    strong and weak nodes are no communities, so blocks are judged beyond what the nodes alone explain.
    """
    one = np.zeros(graph.size, np.int64)
    models, nulls = [], []
    for corrected in (False, True):
        extra = degree_cost(graph) + simple_correction(graph) if corrected else 0.0
        for weights in weight_models(graph, scales):
            model = BlockModel(graph, weights.values, corrected, weights.kind)
            models.append((model, corrected, weights, extra + weights.overhead))
            nulls.append(model.cost(one) + extra + weights.overhead)
    _, corrected, weights, _ = models[int(np.argmin(nulls))]
    relative = weights.name.startswith(RELATIVE)
    found = []
    for model, also, by, extra in models:
        if also != corrected or by.name.startswith(RELATIVE) != relative:
            continue
        label = search_blocks(model, seed)
        cost, above = nested(model, label)
        name = f"{'degree-corrected' if corrected else 'plain'} blocks, {by.name} weights"
        found.append(Described(cost + extra, label, above, name))
    return found, nulls


def _modular(graph: Graph, seed: int) -> list[NDArray[np.int64]]:
    """Return partitions of high modularity, of the weights and of the edges alone, to search from."""
    return _distinct([of_graph(graph, method, by, seed) for by in (True, False) for method in ("louvain", "leiden")])


def _distinct(labels: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return the labels without repeats and without single blocks, in their order."""
    kept = {label.tobytes(): label for label in labels if label.max() > 0}
    return list(kept.values())
