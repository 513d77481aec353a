# ruff: noqa: NPY002  (compiled loops draw from their own seeded stream)
"""Weighted LFR benchmark graphs (Lancichinetti and Fortunato 2009, Phys. Rev. E 80, 016118).

Degrees follow a power law, community sizes another one; every node spends the share ``mut`` of its degree and the share
``muw`` of its strength ``degree ** beta`` outside its community. Written from the paper: internal and external edges
are
random at given degrees (greedy start, then double edge swaps), weights are relaxed node by node until strengths are
met.

    PYTHONPATH=src python benchmarks/connectome/weighted_lfr.py      # shapes of the nine configurations
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Planted(NamedTuple):
    """A graph with its truth: symmetric weights (n, n), zero where there is no edge, and labels (n,)."""

    weights: NDArray[np.float64]
    membership: NDArray[np.int64]


BASE = {"n": 125, "degree": 25.0, "maximum": 100, "mut": 0.5, "muw": 0.5, "beta": 2.0}

CONFIGURATIONS: dict[str, dict[str, float]] = {
    "beta=.5": {"beta": 0.5},
    "beta=1": {"beta": 1.0},
    "beta=2": {"beta": 2.0},
    "mut=.25": {"mut": 0.25},
    "mut=.5": {"mut": 0.5},
    "mut=.75": {"mut": 0.75},
    "k=10": {"degree": 10.0},
    "muw=.25": {"muw": 0.25},
    "muw=.75": {"muw": 0.75},
}
"""The nine configurations of the comparison; what is not named stays at `BASE`."""


def power_law(low: int, high: int, exponent: float) -> NDArray[np.float64]:
    """Return the cumulative probabilities of ``low .. high`` under ``x ** -exponent``."""
    mass = np.arange(low, high + 1, dtype=float) ** -exponent
    return np.cumsum(mass) / mass.sum()


def smallest_degree(mean: float, high: int, exponent: float) -> int:
    """Return the lower end of the power law whose mean comes nearest to ``mean``."""
    values = np.arange(1, high + 1, dtype=float)
    mass = values**-exponent
    means = np.cumsum((mass * values)[::-1])[::-1] / np.cumsum(mass[::-1])[::-1]
    return int(np.argmin(np.abs(means - mean))) + 1


def community_sizes(rng: np.random.Generator, n: int, largest_internal: int, low: int, high: int) -> list[int]:
    """Return sizes that add up to ``n``: one for the best connected node, then a power law of exponent 1."""
    cumulative = power_law(low, high, 1.0)
    sizes = [largest_internal + 1] if largest_internal + 1 > low else []
    while True:
        size = int(np.searchsorted(cumulative, rng.random())) + low
        if sum(sizes) + size > n:
            break
        sizes.append(size)
    sizes[int(np.argmin(sizes))] += n - sum(sizes)
    return sizes


def assign(rng: np.random.Generator, internal: NDArray[np.int64], sizes: list[int]) -> NDArray[np.int64]:
    """Return a random community of each node that is large enough for its internal degree."""
    sizes = list(sizes)
    while True:
        room, label = np.array(sizes), np.full(internal.size, -1)
        for node in np.argsort(-internal, kind="stable"):
            allowed = np.flatnonzero((np.array(sizes) > internal[node]) & (room > 0))
            if allowed.size == 0:
                break
            label[node] = rng.choice(allowed, p=room[allowed] / room[allowed].sum())
            room[label[node]] -= 1
        else:
            return label
        sizes.sort()
        sizes = [sizes[0] + sizes[1], *sizes[2:]]


@njit(cache=True)
def _start(edges, left, label, inside):  # type: ignore[no-untyped-def]
    """Join the node with most stubs left to those with most, until none is left."""
    n = left.size
    while True:
        node = np.argmax(left)
        if left[node] <= 0:
            break
        order = np.argsort(-left + np.random.random(n))
        for other in order:
            allowed = other != node and (label[other] == label[node]) == inside and not edges[node, other]
            if left[node] > 0 and left[other] > 0 and allowed:
                edges[node, other] = edges[other, node] = True
                left[node] -= 1
                left[other] -= 1
        left[node] = 0


@njit(cache=True)
def _wire(edges, left, label, inside, seed):  # type: ignore[no-untyped-def]
    """Join stubs ``left`` between nodes of one community (or of different ones), then shuffle by edge swaps."""
    np.random.seed(seed)
    _start(edges, left, label, inside)
    ends = np.argwhere(np.triu(edges))
    for _ in range(20 * ends.shape[0]):
        p, q = np.random.randint(ends.shape[0]), np.random.randint(ends.shape[0])
        a, b, c, d = ends[p, 0], ends[p, 1], ends[q, 0], ends[q, 1]
        if np.random.random() < 0.5:
            c, d = d, c
        wrong = (label[a] == label[d]) != inside or (label[c] == label[b]) != inside
        if wrong or len({a, b, c, d}) < 4 or edges[a, d] or edges[c, b]:
            continue
        edges[a, b] = edges[b, a] = edges[c, d] = edges[d, c] = False
        edges[a, d] = edges[d, a] = edges[c, b] = edges[b, c] = True
        ends[p, 0], ends[p, 1], ends[q, 0], ends[q, 1] = a, d, c, b


@njit(cache=True)
def _shift(weights, edges, label, have, node, change):  # type: ignore[no-untyped-def]
    """Add ``change`` to a node's internal and external weights where they stay positive."""
    for other in range(label.size):
        if edges[node, other]:
            side = 0 if label[other] == label[node] else 1
            if weights[node, other] + change[side] > 0:
                weights[node, other] += change[side]
                weights[other, node] = weights[node, other]
                have[node, side] += change[side]
                have[other, side] += change[side]


@njit(cache=True)
def _relax(edges, label, wanted):  # type: ignore[no-untyped-def]
    """Return weights whose internal and external strengths approach ``wanted`` (n, 2)."""
    n = label.size
    weights, have = np.zeros((n, n)), np.zeros((n, 2))
    strength = wanted[:, 0] + wanted[:, 1]
    before = np.inf
    for _ in range(10000):
        for node in range(n):
            degree, inner = 0, 0
            for other in range(n):
                if edges[node, other]:
                    degree += 1
                    inner += label[other] == label[node]
            if degree == 0:
                continue
            idle = (strength[node] - have[node, 0] - have[node, 1]) / degree
            _shift(weights, edges, label, have, node, (idle, idle))
            if 0 < inner < degree:
                excess = have[node, 0] - wanted[node, 0]
                _shift(weights, edges, label, have, node, (-excess / inner, excess / (degree - inner)))
        idle_left = strength - have[:, 0] - have[:, 1]
        error = ((have - wanted) ** 2).sum() + (idle_left**2).sum()
        if error < 1e-9 * strength.sum() ** 2 or before - error < 1e-2 * before:
            break
        before = error
    return weights


def graph(seed: int, **settings: float) -> Planted:
    """Return one weighted LFR graph; ``settings`` override `BASE`."""
    s = {**BASE, **settings}
    rng = np.random.default_rng([seed, 2009])
    n, high = int(s["n"]), int(s["maximum"])
    low = smallest_degree(s["degree"], high, 2.0)
    degree = np.sort(np.searchsorted(power_law(low, high, 2.0), rng.random(n)) + low)
    degree[-1] -= degree.sum() % 2
    share = (1 - s["mut"]) * degree
    internal = (share + rng.random(n)).astype(np.int64)
    label = assign(rng, internal, community_sizes(rng, n, int(internal.max()), max(low, 3), high))
    for k in range(label.max() + 1):
        members = np.flatnonzero(label == k)
        if members.size and internal[members].sum() % 2:
            internal[members[np.argmax(internal[members])]] -= 1
    if label.max() == 0:
        internal = degree
    edges = np.zeros((n, n), bool)
    _wire(edges, internal.copy(), label, True, int(rng.integers(2**31)))
    outer = np.zeros((n, n), bool)
    _wire(outer, degree - internal, label, False, int(rng.integers(2**31)))
    edges |= outer
    strength = edges.sum(1) ** s["beta"]
    wanted = np.stack([(1 - s["muw"]) * strength, s["muw"] * strength], axis=1)
    weights = _relax(edges, label, wanted)
    shuffled = rng.permutation(n)
    return Planted(weights[np.ix_(shuffled, shuffled)], label[shuffled])


def main() -> None:
    for name, settings in CONFIGURATIONS.items():
        made = [graph(seed, **settings) for seed in range(100, 110)]
        sizes = [sorted(np.bincount(g.membership).tolist(), reverse=True) for g in made]
        edges = np.mean([(g.weights > 0).sum() / 2 for g in made])
        print(f"{name:8} {edges:7.0f} edges, communities {sizes[:4]}, {sum(len(s) == 1 for s in sizes)} of 10 single")


if __name__ == "__main__":
    main()
