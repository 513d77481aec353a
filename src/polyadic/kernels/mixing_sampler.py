# ruff: noqa: NPY002  (compiled loops draw from their own seeded stream)
r"""Annealed Gibbs sampler of the constant-mixing model (`polyadic.kernels.mixing_blocks`).

The topology counts as Poisson given the degrees :math:`k`, with :math:`e_r=\sum_{i\in r}k_i` and :math:`E` edges,

.. math:: \lambda_{ij} = (1-\mu) k_i k_j / e_r \ \text{(both in } r),\qquad
          \lambda_{ij} = \mu E k_i k_j / \Omega \ \text{(else)},\qquad \Omega = \sum_{r<s} e_r e_s.

A node's label is drawn with its own two effects integrated out, those of the others and the mean and variance of every
cell and side held; then its effects are drawn, and after every sweep the means and variances are set.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .mixing_counts import group, partition, shares
from .weighted_graph import Graph

Marked = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


@njit(cache=True)
def _gather(graph, values, label, effect, cells, node, sums):  # type: ignore[no-untyped-def]
    """Fill ``sums`` (groups, 7) of a node by group.

    Links; then precision, weighted residual and square (with the logarithm of the variance), inside and outside.
    """
    starts, ends, edge = graph
    y, cell, _ = values
    mean, precisions, logs = cells
    sums[:] = 0.0
    for p in range(starts[node], starts[node + 1]):
        other, e = ends[p], edge[p]
        row, c = sums[label[other]], cell[e]
        row[0] += 1.0
        for side in range(2):
            rest, precision = y[e] - effect[other, side] - mean[side, c], precisions[side, c]
            row[1 + 3 * side] += precision
            row[2 + 3 * side] += rest * precision
            row[3 + 3 * side] += rest * rest * precision - logs[side, c]


@njit(cache=True)
def _side(precision, total, square, spread):  # type: ignore[no-untyped-def]
    """Return the cost of a node's residuals on one side, its own effect integrated out."""
    if precision <= 0.0:
        return 0.0
    joint = 1.0 + precision * spread
    return 0.5 * (square + math.log(joint) - total * total * spread / joint)


@njit(cache=True)
def _costs(plain, state, mass, edges, size, sums, spread, costs):  # type: ignore[no-untyped-def]
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
    precision, out, out2 = sums[:, 4].sum(), sums[:, 5].sum(), sums[:, 6].sum()
    for g in range(count.size):
        costs[g] = np.inf
        if count[g] == 0 and g != empty:
            continue
        row, new = sums[g], total[g] + mass
        cost = partition(size, blocks + (count[g] == 0)) - math.log(count[g] + 1.0)
        cost += group(plain, new, inner[g] + row[0]) - group(plain, total[g], inner[g])
        cost += shares(plain, within + row[0], edges, squares - total[g] ** 2 + new * new, size)
        cost += _side(row[1], row[2], row[3], spread[0])
        left = max(precision - row[4], 0.0) if precision - row[4] > 1e-9 * precision else 0.0
        cost += _side(left, out - row[5], out2 - row[6], spread[1])
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
def _own_effect(precision, total, spread, heat):  # type: ignore[no-untyped-def]
    variance = 1.0 / (1.0 / spread + precision)
    return variance * total + math.sqrt(variance * heat) * np.random.randn()


@njit(cache=True)
def _set_cells(graph, values, label, effect, cells, spread, scale):  # type: ignore[no-untyped-def]
    """Set the mean and variance of every cell, and the spread of the effects by class, of both sides."""
    starts, ends, edge = graph
    y, cell, classes = values
    mean, precisions, logs = cells
    count, total, square = np.zeros(mean.shape), np.zeros(mean.shape), np.zeros(mean.shape)
    for i in range(label.size):
        for p in range(starts[i], starts[i + 1]):
            side, c = (0 if label[ends[p]] == label[i] else 1), cell[edge[p]]
            rest = y[edge[p]] - effect[i, side] - effect[ends[p], side]
            count[side, c] += 0.5
            total[side, c] += 0.5 * rest
            square[side, c] += 0.5 * rest * rest
    for side in range(2):
        links, middle = count[side].sum() + 1e-9, total[side].sum() / (count[side].sum() + 1e-9)
        pooled = max(square[side].sum() / links - middle * middle, 0.0) + scale / (links + 1.0)
        for c in range(mean.shape[1]):
            m = (total[side, c] + middle) / (count[side, c] + 1.0)
            left = square[side, c] - 2 * m * total[side, c] + m * m * count[side, c]
            mean[side, c] = m
            noise = max((max(left, 0.0) + 2.0 * pooled) / (count[side, c] + 2.0), 1e-8 * scale)
            precisions[side, c], logs[side, c] = 1.0 / noise, -math.log(noise)
        together = ((effect[:, side] ** 2).sum() + 0.25 * scale) / (label.size + 1.0)
        nodes, own = np.ones(spread.shape[1]), np.full(spread.shape[1], together)
        for i in range(label.size):
            nodes[classes[i]] += 1.0
            own[classes[i]] += effect[i, side] ** 2
        spread[side] = own / nodes


@njit(cache=True)
def _length(graph, values, label, effect, cells, spread, plain):  # type: ignore[no-untyped-def]
    """Return the cost of labels at these effects and cells in nats, quickly: determinants node by node."""
    starts, ends, edge = graph
    y, cell, classes = values
    mean, precisions, logs = cells
    groups = int(label.max()) + 1
    size, mass, inner = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    links, cost = np.zeros(mean.shape), 0.0
    for i in range(label.size):
        precision = np.zeros(2)
        size[label[i]] += 1.0
        mass[label[i]] += 1.0 if plain else starts[i + 1] - starts[i]
        for p in range(starts[i], starts[i + 1]):
            side, c = (0 if label[ends[p]] == label[i] else 1), cell[edge[p]]
            rest = y[edge[p]] - effect[i, side] - effect[ends[p], side] - mean[side, c]
            cost += 0.25 * (rest * rest * precisions[side, c] + math.log(2 * math.pi) - logs[side, c])
            precision[side] += precisions[side, c]
            links[side, c] += 0.5
            inner[label[i]] += 0.5 * (side == 0)
        for side in range(2):
            wide = spread[side, classes[i]]
            cost += 0.5 * (effect[i, side] ** 2 / wide + math.log(1.0 + precision[side] * wide))
    for g in range(groups):
        cost += group(plain, mass[g], inner[g]) - math.lgamma(size[g] + 1.0)
    cost += shares(plain, inner.sum(), float(y.size), (mass * mass).sum(), label.size)
    return cost + partition(float(label.size), float(groups)) + np.log(np.maximum(links, 1.0)).sum()


@njit(cache=True)
def _groups(graph, label, mass, groups):  # type: ignore[no-untyped-def]
    """Return the sizes, masses and internal edges of the groups."""
    starts, ends, _ = graph
    count, total, inner = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    for i in range(label.size):
        count[label[i]] += 1.0
        total[label[i]] += mass[i]
        for p in range(starts[i], starts[i + 1]):
            inner[label[i]] += 0.5 * (label[ends[p]] == label[i])
    return count, total, inner


@njit(cache=True)
def _next(costs, group):  # type: ignore[no-untyped-def]
    """Return the least further cost of another group, and which."""
    other, best = group, np.inf
    for g in range(costs.size):
        if g != group and costs[g] < best:
            other, best = g, costs[g]
    return best - costs[group], other


@njit(cache=True)
def _anneal(graph, values, label, temperatures, groups, plain, seed):  # type: ignore[no-untyped-def]
    """Change ``label`` in place by one Gibbs sweep a temperature; return the effects, cells and spreads of the end.

    The last value is, by node, what its next best group costs more, and which it is. Sweeps of temperature zero hold
    the labels.
    """
    np.random.seed(seed)
    starts, _, _ = graph
    y, cell, classes = values
    n, edges, kinds = label.size, float(y.size), int(cell.max()) + 1
    mass = np.ones(n) if plain else (starts[1:] - starts[:-1]).astype(np.float64)
    count, total, inner = _groups(graph, label, mass, groups)
    second = np.zeros((n, 2))
    scale = y.var() + 1e-300
    cells = (np.zeros((2, kinds)), np.full((2, kinds), 2.0 / scale), np.full((2, kinds), -math.log(0.5 * scale)))
    spread, effect = np.full((2, int(classes.max()) + 1), 0.25 * scale), np.zeros((n, 2))
    sums, costs = np.zeros((groups, 7)), np.zeros(groups)
    for temperature in temperatures:
        heat = min(temperature, 1.0)
        for node in np.random.permutation(n):
            _gather(graph, values, label, effect, cells, node, sums)
            old = label[node]
            count[old] -= 1.0
            total[old] -= mass[node]
            inner[old] -= sums[old, 0]
            new = old
            if temperature > 0.0:
                _costs(plain, (count, total, inner), mass[node], edges, n, sums, spread[:, classes[node]], costs)
                new = _draw(costs, temperature)
                second[node, 0], second[node, 1] = _next(costs, new)
            label[node] = new
            count[new] += 1.0
            total[new] += mass[node]
            inner[new] += sums[new, 0]
            row = sums[new]
            effect[node, 0] = _own_effect(row[1], row[2], spread[0, classes[node]], heat)
            rest = sums[:, 5].sum() - row[5]
            left = max(sums[:, 4].sum() - row[4], 0.0)
            effect[node, 1] = _own_effect(left, rest, spread[1, classes[node]], heat)
        _set_cells(graph, values, label, effect, cells, spread, scale)
    return effect, cells, spread, second


def anneal(
    graph: Graph,
    values: Marked,
    start: NDArray[np.int64],
    temperatures: NDArray[np.float64],
    seed: int,
    groups: int = 0,
) -> tuple[float, NDArray[np.int64]]:
    """Return a quick cost in nats, and labels (n,) after one Gibbs sweep a temperature from ``start``.

    The cost is that of the effects at hand, for ranking labels on one scale; `mixing_blocks.cost` is the length. Equal
    seed, equal labels.

    ``values`` are the weights (E,) on their scale, the cell (E,) of every edge, and the class (n,) of every node.

    Notes
    -----
    ``O(E + n * groups)`` a sweep; where ``groups`` is 0 there are at most 24 groups or twice those of the start.
    """
    label = np.unique(start, return_inverse=True)[1].astype(np.int64)
    groups = groups or min(max(24, 2 * int(label.max()) + 2), max(label.size, int(label.max()) + 2))
    rows = (graph.starts, graph.ends, graph.edge)
    plain = graph.density > 0.5
    effect, cells, spread, _ = _anneal(rows, values, label, temperatures, groups, plain, seed)
    label = np.unique(label, return_inverse=True)[1].astype(np.int64)
    return float(_length(rows, values, label, effect, cells, spread, plain)), label


def doubtful(graph: Graph, values: Marked, label: NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """Return the nodes whose group is least certain, the least first, each with its next best group (of ``label``).

    Notes
    -----
    ``O(E + n * groups)``; a group that would be new is one more than the greatest label.
    """
    heat, moved = np.append(np.zeros(6), 1e-12), label.copy()
    rows, groups = (graph.starts, graph.ends, graph.edge), int(label.max()) + 2
    second = _anneal(rows, values, moved, heat, groups, graph.density > 0.5, 0)[3]
    second[moved != label] = np.stack([np.full(label.size, -1.0), moved.astype(float)], axis=1)[moved != label]
    order = np.argsort(second[:, 0], kind="stable")[:count]
    return [(int(node), int(second[node, 1])) for node in order if np.isfinite(second[node, 0])]
