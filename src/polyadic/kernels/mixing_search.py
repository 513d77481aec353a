"""Search of the constant-mixing model: annealing from several starts on every scale, then merges and splits."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import mixing_blocks
from .mixing_sampler import anneal
from .weight_scales import Scaled
from .weighted_graph import Graph

Labels = NDArray[np.int64]
Ranked = tuple[float, Labels]

_SETTLE = np.zeros(6)
_WARM = np.concatenate([_SETTLE, np.geomspace(1.0, 0.05, 40)])
_COOL = np.concatenate([_SETTLE, np.geomspace(0.5, 0.05, 20)])
_HOT = np.concatenate([np.geomspace(3.0, 1.0, 100), np.geomspace(1.0, 0.05, 60)])
_BLOCKS = (2, 3, 5, 8)
_SCALES = 2
_ROUNDS = 4


def search_mixing(
    graph: Graph, scales: dict[str, Scaled], starts: list[Labels], seed: int
) -> tuple[float, Labels, str]:
    """Return the cost in nats (without that of the degrees), the labels and the scale of the shortest description.

    Notes
    -----
    Labels are ranked by the quick cost of the sampler; the best of the best two scales are refined and measured
    exactly.
    """
    rng = np.random.default_rng([seed, 11])
    random = [rng.integers(0, blocks, graph.size) for blocks in _BLOCKS]
    found = []
    for name, scale in scales.items():
        values = (scale.values, scale.cell)
        ended = [_merged(graph, values, start, seed) for start in starts]
        ended += [anneal(graph, values, start, _HOT, seed + k) for k, start in enumerate(random)]
        quick, label = min(ended, key=lambda e: e[0])
        found.append((quick + scale.jacobian, name, label))
    exact = []
    for _, name, label in sorted(found, key=lambda f: f[0])[:_SCALES]:
        better = _refined(graph, (scales[name].values, scales[name].cell), label, seed)
        for candidate in (label, better):
            exact.append((mixing_blocks.cost(graph, scales[name], candidate) + scales[name].jacobian, candidate, name))
    return min(exact, key=lambda e: e[0])


def _merged(graph: Graph, values: tuple[NDArray[np.float64], Labels], label: Labels, seed: int) -> Ranked:
    """Return the best labels met while the blocks of ``label`` are merged one by one, each annealed a little."""
    best = anneal(graph, values, label, _WARM, seed)
    while label.max() > 0:
        candidates = [anneal(graph, values, merged, _SETTLE, seed) for merged in _pairs_merged(label)]
        label = min(candidates, key=lambda c: c[0])[1]
        if label.max() < 8:
            best = min(best, anneal(graph, values, label, _COOL, seed), key=lambda c: c[0])
    return best


def _refined(graph: Graph, values: tuple[NDArray[np.float64], Labels], label: Labels, seed: int) -> Labels:
    """Return labels of no greater quick cost: rounds of one merge and one split, each annealed."""
    best = anneal(graph, values, label, _COOL, seed)
    rng = np.random.default_rng([seed, 13])
    for trial in range(_ROUNDS):
        before = best[0]
        merges = [anneal(graph, values, merged, _SETTLE, seed) for merged in _pairs_merged(best[1])]
        moves = [min(merges, key=lambda c: c[0])[1]] if merges else []
        for split in [*moves, *_splits(best[1], rng)]:
            best = min(best, anneal(graph, values, split, _WARM, seed + trial), key=lambda c: c[0])
        if best[0] > before - 1e-6 and trial:
            break
    return best[1]


def _pairs_merged(label: Labels) -> Iterator[Labels]:
    blocks = int(label.max()) + 1
    for s in range(1, blocks):
        for r in range(s):
            merged = np.where(label == s, r, label)
            yield np.where(merged > s, merged - 1, merged)


def _splits(label: Labels, rng: np.random.Generator) -> Iterator[Labels]:
    """Yield labels with each block split at random."""
    blocks = int(label.max()) + 1
    for block in range(min(blocks, 8)):
        members = rng.permutation(np.flatnonzero(label == block))
        split = label.copy()
        split[members[: members.size // 2]] = blocks
        if members.size >= 4:
            yield split
