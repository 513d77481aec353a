# ruff: noqa: NPY002  (compiled loops draw from their own seeded stream)
r"""Stochastic block models of weighted graphs: description length in nats, exact changes, agglomerative search.

Topology: microcanonical degree-corrected (multigraph, degrees given; Peixoto 2017, Phys. Rev. E 95, 012317) or
plain (:math:`\ln\binom{n_{rs}}{e_{rs}}` a block pair). Weights given the block pair: exponential with a gamma
prior, or normal on a scale with a normal-inverse-gamma prior, both integrated out. ``model`` is the tuple
``corrected``, ``kind`` (0 none, 1 exponential, 2 normal), ``prior`` (scale), ``factorial`` and ``half`` (tables of
ln k! and ln Gamma((k + 1) / 2)), ``by_blocks`` (cost of B blocks and their edge counts). ``state`` is ``stats`` (3,
B, B): edges, sums and squares of values by block pair, ``sizes`` and ``mass`` (degree sums) by block. Labels are 0
.. B - 1.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

from .node_effects import KAPPA
from .weighted_graph import Graph


@njit(cache=True)
def _topology(model, count, cells, diagonal):  # type: ignore[no-untyped-def]
    """Return the cost of the edges of one block pair."""
    factorial, m = model[3], int(count + 0.5)
    if model[0]:
        return -factorial[m] - (m * math.log(2.0) if diagonal else 0.0)
    c = int(cells + 0.5)
    return factorial[c] - factorial[m] - factorial[c - m]


@njit(cache=True)
def _values(model, count, total, square):  # type: ignore[no-untyped-def]
    """Return the cost of the weights of one block pair."""
    _, kind, prior, factorial, half, _ = model
    m = int(count + 0.5)
    if m == 0 or kind == 0:
        return 0.0
    if kind == 1:
        return (1.0 + m) * math.log(prior + total) - math.log(prior) - factorial[m]
    joint = KAPPA + m
    scale = 0.5 * prior + 0.5 * max(square - total * total / joint, 0.0)
    cost = 0.5 * m * math.log(2 * math.pi) + 0.5 * math.log(joint / KAPPA)
    return cost + half[0] - 0.5 * math.log(0.5 * prior) - half[m] + (0.5 + 0.5 * m) * math.log(scale)


@njit(cache=True)
def _pair(model, count, total, square, cells, diagonal):  # type: ignore[no-untyped-def]
    """Return the cost of one block pair."""
    return _topology(model, count, cells, diagonal) + _values(model, count, total, square)


@njit(cache=True)
def _cells(sizes, r, s):  # type: ignore[no-untyped-def]
    return 0.5 * sizes[r] * (sizes[r] - 1.0) if r == s else sizes[r] * sizes[s]


@njit(cache=True)
def _block(model, size, mass):  # type: ignore[no-untyped-def]
    """Return the cost of one block: who is in it, and its stubs."""
    cost = -model[3][int(size + 0.5)]
    return cost + model[3][int(mass + 0.5)] if model[0] else cost


@njit(cache=True)
def _row(model, stats, sizes, r):  # type: ignore[no-untyped-def]
    """Return the cost of all pairs of block ``r``."""
    cost = 0.0
    for t in range(sizes.size):
        cost += _pair(model, stats[0, r, t], stats[1, r, t], stats[2, r, t], _cells(sizes, r, t), r == t)
    return cost


@njit(cache=True)
def _links(graph, y, label, node, links, near):  # type: ignore[no-untyped-def]
    """Fill ``links`` (3, B), zero at first, of a node and the blocks ``near`` that it reaches; return their number."""
    starts, ends, edge = graph
    found = 0
    for p in range(starts[node], starts[node + 1]):
        value, g = y[edge[p]], label[ends[p]]
        if links[0, g] == 0.0:
            near[found] = g
            found += 1
        links[0, g] += 1.0
        links[1, g] += value
        links[2, g] += value * value
    return found


@njit(cache=True)
def _shift(state, links, near, old, new, degree):  # type: ignore[no-untyped-def]
    """Move a node with ``links`` to the blocks ``near`` from block ``old`` to ``new`` in the state."""
    stats, sizes, mass = state
    for c in range(3):
        for t in near:
            stats[c, old, t] -= links[c, t]
            if t != old:
                stats[c, t, old] -= links[c, t]
        for t in near:
            stats[c, new, t] += links[c, t]
            if t != new:
                stats[c, t, new] += links[c, t]
    sizes[old] -= 1.0
    sizes[new] += 1.0
    mass[old] -= degree
    mass[new] += degree


@njit(cache=True)
def _side(model, stats, links, near, pair, sign):  # type: ignore[no-untyped-def]
    """Return the change of the pairs of one of two blocks with others: all of the weights, links where degrees are."""
    r, s = pair
    cost = 0.0
    for t in near:
        if t != r and t != s:
            a, b, c = stats[0, r, t], stats[1, r, t], stats[2, r, t]
            x, y, z = a + sign * links[0, t], b + sign * links[1, t], c + sign * links[2, t]
            cost += _values(model, x, y, z) - _values(model, a, b, c)
            if model[0]:
                cost += _topology(model, x, 0.0, False) - _topology(model, a, 0.0, False)
    return cost


@njit(cache=True)
def _cells_side(model, state, links, pair, sign):  # type: ignore[no-untyped-def]
    """Return the change of the edges of one of two blocks with all others, whose cells change with its size."""
    r, s = pair
    stats, sizes, _ = state
    cost = 0.0
    for t in range(sizes.size):
        if t != r and t != s and (stats[0, r, t] > 0.0 or links[0, t] > 0.0):
            cost += _topology(model, stats[0, r, t] + sign * links[0, t], (sizes[r] + sign) * sizes[t], False)
            cost -= _topology(model, stats[0, r, t], sizes[r] * sizes[t], False)
    return cost


@njit(cache=True)
def _change(model, state, links, near, move):  # type: ignore[no-untyped-def]
    """Return the change of the cost when a node with ``links`` moves; ``move`` is from, to, and its degree."""
    old, new, degree = move
    stats, sizes, mass = state
    cost = _side(model, stats, links, near, (old, new), -1.0) + _side(model, stats, links, near, (new, old), 1.0)
    if not model[0]:
        cost += _cells_side(model, state, links, (old, new), -1.0) + _cells_side(model, state, links, (new, old), 1.0)
    m, n = sizes[old], sizes[new]
    cost += _block(model, m - 1.0, mass[old] - degree) - _block(model, m, mass[old])
    cost += _block(model, n + 1.0, mass[new] + degree) - _block(model, n, mass[new])
    for r, s, cells, left, right in (
        (old, old, 0.5 * (m - 1.0) * (m - 2.0), -1.0, 0.0),
        (new, new, 0.5 * n * (n + 1.0), 0.0, 1.0),
        (old, new, (m - 1.0) * (n + 1.0), 1.0, -1.0),
    ):
        a, b, c = stats[0, r, s], stats[1, r, s], stats[2, r, s]
        x = a + left * links[0, old] + right * links[0, new]
        y = b + left * links[1, old] + right * links[1, new]
        z = c + left * links[2, old] + right * links[2, new]
        cost += _pair(model, x, y, z, cells, r == s) - _pair(model, a, b, c, _cells(sizes, r, s), r == s)
    return cost


@njit(cache=True)
def _offer(k, blocks, label, near):  # type: ignore[no-untyped-def]
    """Return the k-th block to try: each of a few, or one of random neighbours', or any."""
    if blocks <= 8:
        return k
    if k < 3 and near.size > 0:
        return label[near[np.random.randint(near.size)]]
    return np.random.randint(blocks)


@njit(cache=True)
def _sweep(model, graph, y, label, state, order, allowed):  # type: ignore[no-untyped-def]
    """Move every node to the best block it is offered; return the number of moves. No block is emptied."""
    starts, ends, _ = graph
    blocks = state[1].size
    links, reached, moves = np.zeros((3, blocks)), np.zeros(blocks, np.int64), 0
    for node in order:
        old = label[node]
        if state[1][old] < 1.5:
            continue
        degree = starts[node + 1] - starts[node]
        near = reached[: _links(graph, y, label, node, links, reached)]
        best, gain = old, -1e-9
        for k in range(blocks if blocks <= 8 else 5):
            new = _offer(k, blocks, label, ends[starts[node] : starts[node + 1]])
            if new == old or not allowed[new] or not allowed[old]:
                continue
            change = _change(model, state, links, near, (old, new, degree))
            if change < gain:
                best, gain = new, change
        if best != old:
            _shift(state, links, near, old, best, degree)
            label[node] = best
            moves += 1
        for t in near:
            links[0, t], links[1, t], links[2, t] = 0.0, 0.0, 0.0
    return moves


@njit(cache=True)
def _merge_change(model, state, rows, r, s):  # type: ignore[no-untyped-def]
    """Return the change of the cost, but for the number of blocks, when ``s`` joins ``r``; ``rows`` are their costs."""
    stats, sizes, mass = state
    joined = sizes[r] + sizes[s]
    both = _pair(model, stats[0, r, s], stats[1, r, s], stats[2, r, s], _cells(sizes, r, s), False)
    cost = both - rows[r] - rows[s]
    cost += _block(model, joined, mass[r] + mass[s]) - _block(model, sizes[r], mass[r])
    cost -= _block(model, sizes[s], mass[s])
    for t in range(sizes.size):
        if t == r or t == s:  # noqa: SIM109  (a tuple of both is compiled far longer)
            continue
        a = stats[0, r, t] + stats[0, s, t]
        if a > 0.0:
            b, c = stats[1, r, t] + stats[1, s, t], stats[2, r, t] + stats[2, s, t]
            cost += _pair(model, a, b, c, joined * sizes[t], False)
    a = stats[0, r, r] + stats[0, s, s] + stats[0, r, s]
    b = stats[1, r, r] + stats[1, s, s] + stats[1, r, s]
    c = stats[2, r, r] + stats[2, s, s] + stats[2, r, s]
    return cost + _pair(model, a, b, c, 0.5 * joined * (joined - 1.0), True)


@njit(cache=True)
def _merges(model, state, tries):  # type: ignore[no-untyped-def]
    """Return for every block the best partner among a few and the change of the cost."""
    blocks = state[1].size
    partner, change, rows = np.zeros(blocks, np.int64), np.zeros(blocks), np.zeros(blocks)
    for r in range(blocks):
        rows[r] = _row(model, state[0], state[1], r)
    for r in range(blocks):
        change[r] = np.inf
        for k in range(min(tries, blocks)):
            s = k if blocks <= tries else np.random.randint(blocks)
            if s != r:
                cost = _merge_change(model, state, rows, r, s)
                if cost < change[r]:
                    partner[r], change[r] = s, cost
    return partner, change


@njit(cache=True)
def _state(graph, y, label, blocks):  # type: ignore[no-untyped-def]
    starts, ends, edge = graph
    stats, sizes, mass = np.zeros((3, blocks, blocks)), np.zeros(blocks), np.zeros(blocks)
    for i in range(label.size):
        sizes[label[i]] += 1.0
        mass[label[i]] += starts[i + 1] - starts[i]
        for p in range(starts[i], starts[i + 1]):
            if ends[p] > i:
                r, s, value = label[i], label[ends[p]], y[edge[p]]
                v = 1.0
                for c in range(3):
                    stats[c, r, s] += v
                    if r != s:
                        stats[c, s, r] += v
                    v *= value
    return stats, sizes, mass


@njit(cache=True)
def _total(model, state):  # type: ignore[no-untyped-def]
    stats, sizes, mass = state
    cost = model[5][sizes.size]
    for r in range(sizes.size):
        cost += _block(model, sizes[r], mass[r])
        for s in range(r, sizes.size):
            cost += _pair(model, stats[0, r, s], stats[1, r, s], stats[2, r, s], _cells(sizes, r, s), r == s)
    return cost


@njit(cache=True)
def _seed(seed):  # type: ignore[no-untyped-def]
    np.random.seed(seed)


class BlockModel:
    """A block model of one graph: costs, sweeps and merges of label arrays.

    Parameters
    ----------
    graph
        The graph.
    y
        (E,) positive weights for kind 1, centred values on a scale for kind 2, anything for kind 0.
    corrected
        Whether degrees are given (degree-corrected).
    kind
        0 no weights, 1 exponential, 2 normal.

    Notes
    -----
    A move costs ``O(degree)`` and the blocks that it reaches; where degrees are not given, that of a block changes its
    cells with all, ``O(B)`` look-ups. An agglomeration from n blocks costs ``O(n ** 2 + E log n)``.
    """

    def __init__(self, graph: Graph, y: NDArray[np.float64], corrected: bool, kind: int) -> None:
        n, edges = graph.size, graph.weight.size
        table = gammaln(np.arange(max(2 * edges, n * (n - 1) // 2, n) + 2) + 1.0)
        half = gammaln(0.5 + 0.5 * np.arange(edges + 2))
        scale = float(y.mean() if kind == 1 else y.var()) + 1e-300 if edges else 1.0
        absent = n * (n - 1) // 2 - edges
        coded = edges if corrected else min(edges, absent)
        b = np.arange(1, n + 1, dtype=float)
        by_blocks = np.log(n) + gammaln(n + 1) + gammaln(n) - gammaln(b) - gammaln(n - b + 1)
        by_blocks += multiset(b * (b + 1) / 2, coded)
        self.rows = (graph.starts, graph.ends, graph.edge)
        self.values, self.size = np.ascontiguousarray(y, dtype=np.float64), n
        self.model = (corrected, kind, scale, table, half, np.append(0.0, by_blocks))
        self.complement = not corrected and absent < edges
        self.constant = -float(gammaln(graph.degree + 1.0).sum()) if corrected else 0.0

    def cost(self, label: NDArray[np.int64]) -> float:
        """Return the description length in nats with a flat prior of the edge counts; see `edge_counts` for nesting."""
        state = _state(self.rows, self.values, label, int(label.max()) + 1)
        return float(_total(self.model, state)) + self.constant

    def edge_counts(self, label: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """Return what the upper levels must name: (B, B) edges by block pair (or absent ones), and its flat cost."""
        blocks = int(label.max()) + 1
        stats, sizes, _ = _state(self.rows, self.values, label, blocks)
        counts = stats[0]
        if self.complement:
            counts = np.outer(sizes, sizes) - np.diag(0.5 * sizes * (sizes + 1)) - counts
        return counts, float(multiset(np.array(blocks * (blocks + 1) / 2), float(np.triu(counts).sum())))

    def change(self, label: NDArray[np.int64], node: int, block: int) -> float:
        """Return by how much the cost changes when a node joins another block (which it must not empty)."""
        state = _state(self.rows, self.values, label, int(label.max()) + 1)
        links, reached = np.zeros((3, state[1].size)), np.zeros(state[1].size, np.int64)
        near = reached[: _links(self.rows, self.values, label, node, links, reached)]
        degree = self.rows[0][node + 1] - self.rows[0][node]
        return float(_change(self.model, state, links, near, (int(label[node]), block, degree)))

    def relax(self, label: NDArray[np.int64], seed: int, sweeps: int = 8, blocks: tuple[int, ...] = ()) -> None:
        """Move nodes downhill in place, among the named blocks only where any are named."""
        count = int(label.max()) + 1
        state = _state(self.rows, self.values, label, count)
        allowed = np.isin(np.arange(count), blocks) if blocks else np.ones(count, bool)
        nodes = np.flatnonzero(allowed[label])
        rng = np.random.default_rng(seed)
        _seed(seed)
        for _ in range(sweeps):
            if _sweep(self.model, self.rows, self.values, label, state, rng.permutation(nodes), allowed) == 0:
                break

    def merge(self, label: NDArray[np.int64], blocks: int, seed: int) -> NDArray[np.int64]:
        """Return labels with the best merges applied until ``blocks`` are left."""
        _seed(seed)
        while int(label.max()) + 1 > blocks:
            count = int(label.max()) + 1
            partner, change = _merges(self.model, _state(self.rows, self.values, label, count), 12)
            root, left = np.arange(count), count
            for r in np.argsort(change, kind="stable"):
                a, b = _root(root, int(r)), _root(root, int(partner[r]))
                if a != b and left > blocks:
                    root[max(a, b)] = min(a, b)
                    left -= 1
            label = np.unique(np.array([_root(root, int(r)) for r in range(count)])[label], return_inverse=True)[1]
        return label.astype(np.int64)


def _root(root: NDArray[np.int64], r: int) -> int:
    while root[r] != r:
        r = int(root[r])
    return r


def multiset(cells: NDArray[np.float64], items: float) -> NDArray[np.float64]:
    """Return the log of the number of ways to put equal items into cells.

    Examples
    --------
    >>> float(np.exp(multiset(np.array(3.0), 2.0)).round(6))
    6.0
    """
    return np.asarray(gammaln(cells + items) - gammaln(cells) - gammaln(items + 1))
