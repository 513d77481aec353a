"""Search of the constant-mixing model: groupings of blocks are annealed on every scale, then pieces, merges, splits."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import mixing_blocks
from .mixing_sampler import anneal, doubtful
from .weight_scales import Scaled
from .weighted_graph import Graph

Labels = NDArray[np.int64]
Ranked = tuple[float, Labels]
Found = tuple[float, Labels, str]

_SETTLE = np.zeros(6)
_COOL = np.concatenate([_SETTLE, np.geomspace(0.5, 0.05, 20)])
_WARM = np.concatenate([_SETTLE, np.geomspace(1.0, 0.05, 50)])
_HOT = np.geomspace(2.0, 0.05, 90)
_EDGES_A_RUN = 80_000
_RUNS = (8, 40)
_SCALES = 2
_MEASURED = 6
_LARGE = 300
"""Nodes from which exact lengths, of the third power of their number, are taken sparingly."""
_HUBS = 5
_BEAM = 2
_DOUBTFUL = 10
_ROUNDS = 4


def search_mixing(
    graph: Graph, scales: dict[str, Scaled], starts: list[Labels], whole: list[Labels], seed: int
) -> Found:
    """Return the cost in nats (without that of the degrees), the labels and the scale of the shortest description.

    Parameters
    ----------
    graph
        The graph.
    scales
        The weights on every scale, by name.
    starts
        Labels of block models: their blocks are the pieces of which communities are put together.
    whole
        Labels of other methods, taken as they are and annealed.
    seed
        Seed; equal seeds, equal results.

    Notes
    -----
    Labels are ranked by the quick cost of the sampler; on the best two scales they are refined and measured exactly.
    There are 40 runs on each of these, 10 on the others; fewer for more than 2,000 edges, at least a fifth. Above 300
    nodes fewer labels are measured, and single nodes are not moved.
    """
    runs = int(np.clip(_EDGES_A_RUN // graph.weight.size, *_RUNS))
    first = {name: _given(graph, scale, [*starts, *whole], seed) for name, scale in scales.items()}
    for name, scale in scales.items():
        first[name] += _runs(graph, scale, starts, seed, range(runs // 4))
    kept = sorted(scales, key=lambda name: min(map(_cost, first[name])) + scales[name].jacobian)[:_SCALES]
    ranked = []
    for name in kept:
        ended = first[name] + _runs(graph, scales[name], starts, seed, range(runs // 4, runs))
        shortest = _distinct(sorted(ended, key=_cost))[: _measures(graph)]
        ranked += [(quick + scales[name].jacobian, name, label) for quick, label in shortest]
    measured = [_measured(graph, scales, label, name) for _, name, label in ranked]
    if graph.size <= _LARGE:
        measured += [_measured(graph, scales, label, name) for label in whole for name in kept]
    leaders = sorted(measured, key=_cost)[: _BEAM if graph.size <= _LARGE else 1]
    best = min((_refined(graph, scales, leader, starts, seed) for leader in leaders), key=_cost)
    best = min([best, *(_measured(graph, scales, best[1], name) for name in scales if name != best[2])], key=_cost)
    return _polished(graph, scales, best) if graph.size <= _LARGE else best


def _measures(graph: Graph) -> int:
    return _MEASURED if graph.size <= _LARGE else 1


def _refined(graph: Graph, scales: dict[str, Scaled], best: Found, starts: list[Labels], seed: int) -> Found:
    """Return what rounds of changes of labels come to, each taken where it is measured to be shorter."""
    for trial in range(_ROUNDS if graph.size <= _LARGE else 1):
        tried = _changes(graph, scales[best[2]], best[1], starts, [seed, trial])
        better = min((_measured(graph, scales, label, best[2]) for label in tried), key=_cost, default=best)
        if better[0] > best[0] - 1e-6:
            break
        best = better
    return best


def _polished(graph: Graph, scales: dict[str, Scaled], best: Found) -> Found:
    """Return the labels with single doubtful nodes, and hubs, moved where that is measured to be shorter."""
    scale = scales[best[2]]
    for _ in range(_ROUNDS if best[1].max() > 0 else 0):
        before = best[0]
        moves = doubtful(graph, scale.marked, best[1], _DOUBTFUL)
        hubs = np.argsort(-graph.degree, kind="stable")[:_HUBS]
        moves += [(int(hub), group) for hub in hubs for group in range(min(int(best[1].max()) + 1, 8))]
        for node, group in moves:
            label = best[1].copy()
            label[node] = group
            if group != best[1][node] and np.unique(label).size == best[1].max() + 1:
                best = min(best, _measured(graph, scales, label, best[2]), key=_cost)
        if best[0] > before - 1e-6:
            break
    return best


def _measured(graph: Graph, scales: dict[str, Scaled], label: Labels, name: str) -> Found:
    return mixing_blocks.cost(graph, scales[name], label) + scales[name].jacobian, label, name


def _distinct(runs: list[Ranked]) -> list[Ranked]:
    """Return the runs without those that end at labels alike but for names."""
    kept: dict[bytes, Ranked] = {}
    for run in runs:
        first = np.unique(run[1], return_index=True)[1]
        kept.setdefault(first[run[1]].tobytes(), run)
    return list(kept.values())


def _cost(found: tuple) -> float:  # type: ignore[type-arg]
    return float(found[0])


def _given(graph: Graph, scale: Scaled, labels: list[Labels], seed: int) -> list[Ranked]:
    """Return given labels as they are, and what they are annealed to."""
    kept = [anneal(graph, scale.marked, label, _SETTLE, seed) for label in labels]
    return kept + [anneal(graph, scale.marked, label, _WARM, seed) for label in labels]


def _runs(graph: Graph, scale: Scaled, starts: list[Labels], seed: int, numbers: range) -> list[Ranked]:
    """Return what random groupings of blocks, and of single nodes, are annealed to."""
    values, ended = scale.marked, []
    for run in numbers:
        rng, groups = np.random.default_rng([seed, 11, run]), 2 + run // 2 % 4
        alone = run % 2 == 0 or not starts
        pieces = np.arange(graph.size) if alone else starts[run // 8 % len(starts)]
        label = rng.integers(0, groups, int(pieces.max()) + 1)[pieces]
        ended.append(anneal(graph, values, label, _HOT if alone else _WARM, seed + run, groups))
    return ended


def _changes(graph: Graph, scale: Scaled, label: Labels, starts: list[Labels], seed: list[int]) -> list[Labels]:
    """Return annealed neighbours of labels: the best merge, the best two moves of a piece, random splits, as it is."""
    values = scale.marked
    moves = [label]
    for family, kept in ((_pairs_merged(label), 1), (_pieces_moved(label, starts), 2)):
        settled = sorted((anneal(graph, values, moved, _SETTLE, 0) for moved in family), key=_cost)
        moves += [changed for _, changed in settled[:kept]]
    moves += _splits(label, np.random.default_rng([13, *seed]))
    ended = [anneal(graph, values, moved, _WARM, seed[0] + k) for k, moved in enumerate(moves)]
    ended += [anneal(graph, values, moved, _COOL, seed[0] + k) for k, moved in enumerate(moves[:4])]
    return [found for _, found in _distinct(sorted(ended, key=_cost))][: _measures(graph)]


def _pairs_merged(label: Labels) -> Iterator[Labels]:
    blocks = int(label.max()) + 1
    for s in range(1, blocks):
        for r in range(s):
            merged = np.where(label == s, r, label)
            yield np.where(merged > s, merged - 1, merged)


def _pieces_moved(label: Labels, starts: list[Labels]) -> Iterator[Labels]:
    """Yield labels with one block of a start moved into one group, where that changes more than two nodes."""
    for start in starts:
        for piece in range(min(int(start.max()) + 1, 16)):
            for target in range(min(int(label.max()) + 1, 8)):
                moved = np.where(start == piece, target, label)
                if (moved != label).sum() > 2:
                    yield moved


def _splits(label: Labels, rng: np.random.Generator) -> Iterator[Labels]:
    """Yield labels with each block split at random."""
    blocks = int(label.max()) + 1
    for block in range(min(blocks, 8)):
        members = rng.permutation(np.flatnonzero(label == block))
        split = label.copy()
        split[members[: members.size // 2]] = blocks
        if members.size >= 4:
            yield split
