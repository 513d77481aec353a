# ruff: noqa: NPY002  (compiled loops draw from their own seeded stream)
r"""Communities by constant mixing: every node spends about one share of its links inside its community.

The sampler's topology, given the degrees :math:`k`, :math:`e_r=\sum_{i\in r}k_i` and :math:`E` edges, is Poisson with

.. math:: \lambda_{ij} = (1-\mu) k_i k_j / e_r \ \text{(both in } r),\qquad
          \lambda_{ij} = \mu E k_i k_j / \Omega \ \text{(else)},\qquad \Omega = \sum_{r<s} e_r e_s,

where :math:`\mu` takes its best value: one parameter instead of B(B+1)/2. It is assortative or the reverse. The
description
length (`topology`) counts simple graphs exactly, which matters where hubs are dense. The weights have
node effects of two sides (`polyadic.kernels.node_effects`): what a node gives inside and what it gives outside.
``plain`` topology (dense graphs) has two densities instead, ignoring degrees. The sampler draws the label of a node
with its
own two effects integrated out and the others' held, then its effects; temperatures anneal it.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from .node_effects import evidence
from .simple_graphs import log_count
from .weighted_graph import Graph


@njit(cache=True)
def _binomial(total, part):  # type: ignore[no-untyped-def]
    if part <= 0 or part >= total:
        return 0.0
    return math.lgamma(total + 1.0) - math.lgamma(part + 1.0) - math.lgamma(total - part + 1.0)


@njit(cache=True)
def _group(plain, mass, inner):  # type: ignore[no-untyped-def]
    """Return the cost of one group: ``mass`` is its degree sum, ``inner`` its internal edges."""
    if plain or mass <= 0:
        return 0.0
    return math.lgamma(mass + 1.0) + (inner - mass) * math.log(mass)


@njit(cache=True)
def _shares(plain, inner, edges, squares, size):  # type: ignore[no-untyped-def]
    """Return the cost of ``inner`` internal edges among all; ``squares`` is the sum of squared masses."""
    outer = edges - inner
    if plain:
        cells = 0.5 * (squares - size)
        return _binomial(cells, inner) + _binomial(0.5 * size * (size - 1.0) - cells, outer)
    cost = 0.0
    if inner > 0:
        cost -= inner * math.log(inner / edges)
    if outer > 0.5:
        cost -= outer * math.log(outer / max(2.0 * edges * edges - 0.5 * squares, 1.0))
    return cost


@njit(cache=True)
def _side(count, total, square, noise, spread):  # type: ignore[no-untyped-def]
    """Return the cost of a node's residuals on one side, its own effect integrated out."""
    if count == 0:
        return 0.0
    joint = noise + count * spread
    cost = 0.5 * count * math.log(2 * math.pi * noise) + 0.5 * math.log(joint / noise)
    return cost + (square - total * total * spread / joint) / (2 * noise)


@njit(cache=True)
def _partition(size, blocks):  # type: ignore[no-untyped-def]
    return math.lgamma(size) - math.lgamma(blocks) - math.lgamma(size - blocks + 1.0)


@njit(cache=True)
def _gather(graph, y, label, effect, mean, node, sums):  # type: ignore[no-untyped-def]
    """Fill ``sums`` (groups, 5): links, residual sums and squares of a node by group, inside and outside effects."""
    starts, ends, edge = graph
    sums[:] = 0.0
    for p in range(starts[node], starts[node + 1]):
        other = ends[p]
        inside = y[edge[p]] - effect[other, 0] - mean[0]
        outside = y[edge[p]] - effect[other, 1] - mean[1]
        row = sums[label[other]]
        row[0] += 1.0
        row[1] += inside
        row[2] += inside * inside
        row[3] += outside
        row[4] += outside * outside


@njit(cache=True)
def _costs(plain, state, mass, edges, size, sums, noise, spread, costs):  # type: ignore[no-untyped-def]
    """Fill the cost of putting a node of ``mass`` into each group (and one empty group)."""
    count, total, inner = state
    blocks, squares, within, empty = 0, 0.0, 0.0, -1
    for g in range(count.size):
        if count[g] > 0:
            blocks += 1
            squares += total[g] * total[g]
            within += inner[g]
        elif empty < 0:
            empty = g
    links, out, out2 = sums[:, 0].sum(), sums[:, 3].sum(), sums[:, 4].sum()
    for g in range(count.size):
        costs[g] = np.inf
        if count[g] == 0 and g != empty:
            continue
        row, new = sums[g], total[g] + mass
        cost = _partition(size, blocks + (count[g] == 0)) - math.log(count[g] + 1.0)
        cost += _group(plain, new, inner[g] + row[0]) - _group(plain, total[g], inner[g])
        cost += _shares(plain, within + row[0], edges, squares - total[g] ** 2 + new * new, size)
        cost += _side(row[0], row[1], row[2], noise[0], spread[0])
        cost += _side(links - row[0], out - row[3], out2 - row[4], noise[1], spread[1])
        costs[g] = cost


@njit(cache=True)
def _draw(costs, temperature):  # type: ignore[no-untyped-def]
    """Return a group drawn with probability ``exp(-cost / temperature)``."""
    lowest = costs.min()
    chance = np.exp(-(costs - lowest) / temperature)
    left = np.random.random() * chance.sum()
    for g in range(costs.size):
        left -= chance[g]
        if left <= 0 and chance[g] > 0:
            return g
    return np.argmin(costs)


@njit(cache=True)
def _own_effect(count, total, mean, noise, spread, heat):  # type: ignore[no-untyped-def]
    variance = 1.0 / (1.0 / spread + count / noise)
    return mean + variance * total / noise + math.sqrt(variance * heat) * np.random.randn()


@njit(cache=True)
def _spreads(graph, y, label, effect, mean, noise, spread, scale):  # type: ignore[no-untyped-def]
    """Update the noise, the mean and the spread of the effects of both sides."""
    starts, ends, edge = graph
    square, count = np.zeros(2), np.zeros(2)
    for i in range(label.size):
        for p in range(starts[i], starts[i + 1]):
            side = 0 if label[ends[p]] == label[i] else 1
            rest = y[edge[p]] - effect[i, side] - effect[ends[p], side]
            square[side] += 0.5 * rest * rest
            count[side] += 0.5
    for side in range(2):
        noise[side] = max((square[side] + 0.5 * scale) / (count[side] + 1.0), 1e-8 * scale)
        mean[side] = effect[:, side].mean()
        spread[side] = (((effect[:, side] - mean[side]) ** 2).sum() + 0.25 * scale) / (label.size + 1.0)


@njit(cache=True)
def _anneal(graph, y, label, temperatures, groups, plain, seed):  # type: ignore[no-untyped-def]
    """Change ``label`` in place by one Gibbs sweep a temperature."""
    np.random.seed(seed)
    starts, ends, _ = graph
    n, edges = label.size, float(y.size)
    count, total, inner = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    mass = np.ones(n) if plain else (starts[1:] - starts[:-1]).astype(np.float64)
    for i in range(n):
        count[label[i]] += 1.0
        total[label[i]] += mass[i]
        for p in range(starts[i], starts[i + 1]):
            inner[label[i]] += 0.5 * (label[ends[p]] == label[i])
    scale = y.var() + 1e-300
    mean, noise, spread = np.zeros(2), np.full(2, 0.5 * scale), np.full(2, 0.25 * scale)
    effect, sums, costs = np.zeros((n, 2)), np.zeros((groups, 5)), np.zeros(groups)
    for temperature in temperatures:
        heat = min(temperature, 1.0)
        for node in np.random.permutation(n):
            _gather(graph, y, label, effect, mean, node, sums)
            old = label[node]
            count[old] -= 1.0
            total[old] -= mass[node]
            inner[old] -= sums[old, 0]
            _costs(plain, (count, total, inner), mass[node], edges, n, sums, noise, spread, costs)
            new = _draw(costs, temperature)
            label[node] = new
            count[new] += 1.0
            total[new] += mass[node]
            inner[new] += sums[new, 0]
            row, links = sums[new], sums[:, 0].sum()
            effect[node, 0] = _own_effect(row[0], row[1], mean[0], noise[0], spread[0], heat)
            rest = sums[:, 3].sum() - row[3]
            effect[node, 1] = _own_effect(links - row[0], rest, mean[1], noise[1], spread[1], heat)
        _spreads(graph, y, label, effect, mean, noise, spread, scale)


def anneal(
    graph: Graph, y: NDArray[np.float64], start: NDArray[np.int64], temperatures: NDArray[np.float64], seed: int
) -> NDArray[np.int64]:
    """Return labels (n,) after one Gibbs sweep a temperature from ``start``; equal seed, equal labels.

    Notes
    -----
    ``O(E + n * groups)`` a sweep; there are at most 24 groups or twice those of the start.
    """
    label = np.unique(start, return_inverse=True)[1].astype(np.int64)
    groups = min(max(24, 2 * int(label.max()) + 2), max(label.size, int(label.max()) + 2))
    rows = (graph.starts, graph.ends, graph.edge)
    _anneal(rows, y, label, temperatures, groups, graph.density > 0.5, seed)
    return np.asarray(np.unique(label, return_inverse=True)[1])


def cost(graph: Graph, y: NDArray[np.float64], label: NDArray[np.int64]) -> float:
    """Return the description length in nats of labels, topology given the degrees, and values ``y``.

    Parameters
    ----------
    graph
        The graph.
    y
        (E,) weights on their scale, centred.
    label
        (n,) labels 0, 1, ...

    Notes
    -----
    ``O(E + n ** 3)``: the node effects are integrated out exactly, each side alone.
    """
    plain, n, edges = graph.density > 0.5, graph.size, y.size
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    sizes = np.bincount(label)
    total = partition_cost(sizes) + topology(graph, label, plain)
    if sizes.size > 1:
        total += math.log(edges + 1.0)
    variance = float(y.var())
    for side in (same, ~same):
        total += evidence(graph.pairs[:, side], y[side], n, variance)[0]
    return float(total)


def partition_cost(sizes: NDArray[np.int64]) -> float:
    """Return the nats that name a partition: number of blocks, then their sizes, then who is where."""
    n, blocks = int(sizes.sum()), sizes.size
    return float(math.log(n) + _partition(float(n), float(blocks)) + gammaln(n + 1) - gammaln(sizes + 1.0).sum())


def topology(graph: Graph, label: NDArray[np.int64], plain: bool) -> float:
    """Return the nats of the edges given the labels (and the degrees unless ``plain``).

    Given the degrees, the internal degrees are named as a random share of each node's, then the internal and the
    external
    edges are one of all simple graphs with these degrees.
    """
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    edges, inner = float(same.size), float(same.sum())
    if plain:
        cells = float((np.bincount(label) ** 2).sum())
        return float(_shares(True, inner, edges, cells, float(graph.size))) + math.log(edges + 1.0)
    inside = np.bincount(graph.pairs[:, same].ravel(), minlength=graph.size)
    outside = graph.degree - inside
    chosen = _log_choose(graph.degree, inside).sum()
    named = float(_log_choose(2 * edges, 2 * inner) - chosen)
    mates = label[:, None] == label
    return named + log_count(inside, mates) + log_count(outside, ~mates)


def _log_choose(total: ArrayLike, part: ArrayLike) -> NDArray[np.float64]:
    n, k = np.asarray(total, float), np.asarray(part, float)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
