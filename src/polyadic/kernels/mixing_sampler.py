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
    for g in range(sums.shape[0]):
        for k in range(7):
            sums[g, k] = 0.0
    for p in range(starts[node], starts[node + 1]):
        other, e = ends[p], edge[p]
        g, c = label[other], cell[e]
        sums[g, 0] += 1.0
        for side in range(2):
            rest, precision = y[e] - effect[other, side] - mean[side, c], precisions[side, c]
            sums[g, 1 + 3 * side] += precision
            sums[g, 2 + 3 * side] += rest * precision
            sums[g, 3 + 3 * side] += rest * rest * precision - logs[side, c]


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
    precision, out, out2 = 0.0, 0.0, 0.0
    for g in range(count.size):
        precision += sums[g, 4]
        out += sums[g, 5]
        out2 += sums[g, 6]
        if count[g] > 0:
            blocks += 1
            squares += total[g] * total[g]
            within += inner[g]
        elif empty < 0:
            empty = g
    for g in range(count.size):
        costs[g] = np.inf
        if count[g] == 0 and g != empty:
            continue
        new = total[g] + mass
        cost = partition(size, blocks + (count[g] == 0)) - math.log(count[g] + 1.0)
        cost += group(plain, new, inner[g] + sums[g, 0]) - group(plain, total[g], inner[g])
        cost += shares(plain, within + sums[g, 0], edges, squares - total[g] ** 2 + new * new, size)
        cost += _side(sums[g, 1], sums[g, 2], sums[g, 3], spread[0])
        left = precision - sums[g, 4] if precision - sums[g, 4] > 1e-9 * precision else 0.0
        cost += _side(left, out - sums[g, 5], out2 - sums[g, 6], spread[1])
        costs[g] = cost


@njit(cache=True)
def _draw(costs, temperature):  # type: ignore[no-untyped-def]
    """Return a group drawn with probability ``exp(-cost / temperature)``."""
    best, total = 0, 0.0
    for g in range(costs.size):
        if costs[g] < costs[best]:
            best = g
    for g in range(costs.size):
        total += math.exp((costs[best] - costs[g]) / temperature)
    left = np.random.random() * total
    for g in range(costs.size):
        chance = math.exp((costs[best] - costs[g]) / temperature)
        left -= chance
        if left <= 0 and chance > 0:
            return g
    return best


@njit(cache=True)
def _own_effect(precision, total, spread, heat):  # type: ignore[no-untyped-def]
    variance = 1.0 / (1.0 / spread + precision)
    return variance * total + math.sqrt(variance * heat) * np.random.randn()


@njit(cache=True)
def _add_rests(graph, values, label, effect, work):  # type: ignore[no-untyped-def]
    """Fill ``work`` (3, 2, cells) with the number, sum and squares of what the effects leave, by side and cell."""
    starts, ends, edge = graph
    y, cell, _ = values
    for k in range(3):
        for side in range(2):
            for c in range(work.shape[2]):
                work[k, side, c] = 0.0
    for i in range(label.size):
        for p in range(starts[i], starts[i + 1]):
            side, c = (0 if label[ends[p]] == label[i] else 1), cell[edge[p]]
            rest = y[edge[p]] - effect[i, side] - effect[ends[p], side]
            work[0, side, c] += 0.5
            work[1, side, c] += 0.5 * rest
            work[2, side, c] += 0.5 * rest * rest


@njit(cache=True)
def _set_cells(graph, values, label, effect, cells, work, scale):  # type: ignore[no-untyped-def]
    """Set the mean and variance of every cell of both sides."""
    mean, precisions, logs = cells
    _add_rests(graph, values, label, effect, work)
    for side in range(2):
        links, middle, pooled = 1e-9, 0.0, 0.0
        for c in range(mean.shape[1]):
            links += work[0, side, c]
            middle += work[1, side, c]
            pooled += work[2, side, c]
        middle /= links
        pooled = max(pooled / links - middle * middle, 0.0) + scale / (links + 1.0)
        for c in range(mean.shape[1]):
            count, total = work[0, side, c], work[1, side, c]
            m = (total + middle) / (count + 1.0)
            left = work[2, side, c] - 2 * m * total + m * m * count
            mean[side, c] = m
            noise = max((max(left, 0.0) + 2.0 * pooled) / (count + 2.0), 1e-8 * scale)
            precisions[side, c], logs[side, c] = 1.0 / noise, -math.log(noise)


@njit(cache=True)
def _set_spread(classes, effect, spread, scale):  # type: ignore[no-untyped-def]
    """Set the variance of the effects of every class of nodes on both sides; each is lent one effect of all."""
    n, kinds = classes.size, spread.shape[1]
    for side in range(2):
        together = 0.25 * scale
        for i in range(n):
            together += effect[i, side] * effect[i, side]
        for c in range(kinds):
            nodes, own = 1.0, together / (n + 1.0)
            for i in range(n):
                if classes[i] == c:
                    nodes += 1.0
                    own += effect[i, side] * effect[i, side]
            spread[side, c] = own / nodes


@njit(cache=True)
def _length(graph, values, label, effect, cells, spread, plain):  # type: ignore[no-untyped-def]
    """Return the cost of labels at these effects and cells in nats, quickly: determinants node by node."""
    starts, ends, edge = graph
    y, cell, classes = values
    mean, precisions, logs = cells
    groups = 0
    for i in range(label.size):
        groups = max(groups, label[i] + 1)
    size, mass, inner = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    links, precision, cost = np.zeros(mean.shape), np.zeros(2), 0.0
    for i in range(label.size):
        precision[0], precision[1] = 0.0, 0.0
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
    within, squares = 0.0, 0.0
    for g in range(groups):
        cost += group(plain, mass[g], inner[g]) - math.lgamma(size[g] + 1.0)
        within += inner[g]
        squares += mass[g] * mass[g]
    for side in range(2):
        for c in range(mean.shape[1]):
            cost += math.log(max(links[side, c], 1.0))
    cost += shares(plain, within, float(y.size), squares, float(label.size))
    return cost + partition(float(label.size), float(groups))


@njit(cache=True)
def _next(costs, group):  # type: ignore[no-untyped-def]
    """Return the least further cost of another group, and which."""
    other, best = group, np.inf
    for g in range(costs.size):
        if g != group and costs[g] < best:
            other, best = g, costs[g]
    return best - costs[group], other


@njit(cache=True)
def _draw_effects(sums, own, node, effect, spread, heat):  # type: ignore[no-untyped-def]
    """Draw both effects of a node of group ``own``; ``spread`` is that of its class."""
    left, rest = 0.0, 0.0
    for g in range(sums.shape[0]):
        if g != own:
            left += sums[g, 4]
            rest += sums[g, 5]
    effect[node, 0] = _own_effect(sums[own, 1], sums[own, 2], spread[0], heat)
    effect[node, 1] = _own_effect(left, rest, spread[1], heat)


@njit(cache=True)
def _anneal(graph, values, label, temperatures, begin, second):  # type: ignore[no-untyped-def]
    """Change ``label`` in place by one Gibbs sweep a temperature; ``begin``, of `_sampled`, is changed as well.

    ``second`` (n, 2) takes, by node, what its next best group costs more, and which it is. Sweeps of temperature zero
    hold the labels.
    """
    plain, seed, scale, mass, order, arrays, state, cells = begin
    effect, spread, sums, costs, work = arrays
    count, total, inner = state
    np.random.seed(seed)
    n, edges = label.size, float(values[0].size)
    for temperature in temperatures:
        heat = min(temperature, 1.0)
        for left in range(n - 1, -1, -1):
            pick = np.random.randint(left + 1)
            node = order[pick]
            order[pick], order[left] = order[left], node
            own = spread[:, values[2][node]]
            _gather(graph, values, label, effect, cells, node, sums)
            old = label[node]
            count[old] -= 1.0
            total[old] -= mass[node]
            inner[old] -= sums[old, 0]
            new = old
            if temperature > 0.0:
                _costs(plain, state, mass[node], edges, n, sums, own, costs)
                new = _draw(costs, temperature)
                second[node, 0], second[node, 1] = _next(costs, new)
            label[node] = new
            count[new] += 1.0
            total[new] += mass[node]
            inner[new] += sums[new, 0]
            _draw_effects(sums, new, node, effect, own, heat)
        _set_cells(graph, values, label, effect, cells, work, scale)
        _set_spread(values[2], effect, spread, scale)


def _sampled(
    graph: Graph, values: Marked, label: NDArray[np.int64], temperatures: NDArray[np.float64], by: tuple[int, int]
) -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...], NDArray[np.float64], NDArray[np.float64]]:
    """Anneal labels in place; ``by`` are the number of groups and the seed.

    Returns the effects, the cells, the spreads, and by node what its next best group costs more, and which it is.

    What needs no compiling is made here: it is compiled once for all, and quickly.
    """
    groups, seed = by
    n, y, plain = label.size, values[0], graph.density > 0.5
    kinds, scale = int(values[1].max()) + 1, float(y.var()) + 1e-300
    mass = np.ones(n) if plain else graph.degree.astype(np.float64)
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    inner = np.bincount(label[graph.pairs[0][same]], minlength=groups).astype(np.float64)
    state = (np.bincount(label, minlength=groups).astype(np.float64), np.bincount(label, mass, groups), inner)
    cells = (np.zeros((2, kinds)), np.full((2, kinds), 2.0 / scale), np.full((2, kinds), -math.log(0.5 * scale)))
    spread, effect = np.full((2, int(values[2].max()) + 1), 0.25 * scale), np.zeros((n, 2))
    arrays = (effect, spread, np.zeros((groups, 7)), np.zeros(groups), np.zeros((3, 2, kinds)))
    second = np.zeros((n, 2))
    rows = (graph.starts, graph.ends, graph.edge)
    begin = (plain, seed, scale, mass, np.arange(n), arrays, state, cells)
    _anneal(rows, values, label, temperatures, begin, second)
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
    effect, cells, spread, _ = _sampled(graph, values, label, temperatures, (groups, seed))
    label = np.unique(label, return_inverse=True)[1].astype(np.int64)
    rows = (graph.starts, graph.ends, graph.edge)
    return float(_length(rows, values, label, effect, cells, spread, graph.density > 0.5)), label


def doubtful(graph: Graph, values: Marked, label: NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """Return the nodes whose group is least certain, the least first, each with its next best group (of ``label``).

    Notes
    -----
    ``O(E + n * groups)``; a group that would be new is one more than the greatest label.
    """
    heat, moved = np.append(np.zeros(6), 1e-12), label.copy()
    second = _sampled(graph, values, moved, heat, (int(label.max()) + 2, 0))[3]
    second[moved != label] = np.stack([np.full(label.size, -1.0), moved.astype(float)], axis=1)[moved != label]
    order = np.argsort(second[:, 0], kind="stable")[:count]
    return [(int(node), int(second[node, 1])) for node in order if np.isfinite(second[node, 0])]
