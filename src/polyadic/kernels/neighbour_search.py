"""Nearest rows in the correlation of a sum of Matern products.

Each component proposes the nearest rows in its own scaled Euclidean metric (one k-d tree each); the proposals are then
ranked by the whole covariance, ties by row number. So a component that is short in space and long in time brings the
same station's other months, one that is long in space and short in time the same month's other stations.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from .matern_products import Floats, Integers, MaternProducts, block_starts, rates
from .matern_rows import covariance_row, distance_row, gather

_CHUNK = 4096


def nearest(
    points: Floats, queries: Integers, known: int, kernel: MaternProducts, modes: Sequence[str], count: int
) -> Integers:
    """Return (b, count) rows among the first ``known`` of ``points`` of highest covariance with each of ``queries``.

    A query never finds itself. Unused places hold -1, at the end.
    """
    trees = [cKDTree(points[:known] * s, balanced_tree=False) for s in _scales(points, kernel, modes)]
    limits = np.full(queries.size, known, dtype=np.int64)
    return _search(trees, points, queries, limits, kernel, modes, count, min(known, count + 1))


def nearest_before(
    points: Floats, queries: Integers, first: int, kernel: MaternProducts, modes: Sequence[str], count: int
) -> Integers:
    """Return (b, count) rows of highest covariance among rows ``first`` to q - 1 for each q of ``queries``.

    ``points`` must be in random order: a query at q searches trees of the first 2^j > q rows, about half of which
    come before it.
    """
    out = np.full((queries.size, count), -1, dtype=np.int64)
    low = first
    span = min(max(4 * count, 64), len(points) - first)
    while low < len(points):
        high = first + span
        chosen = np.flatnonzero((queries >= low) & (queries < high))
        if chosen.size:
            trees = [cKDTree(points[first:high] * s, balanced_tree=False) for s in _scales(points, kernel, modes)]
            wanted = span if span <= 4 * count else min(span, int(2.5 * count) + 8)
            rows = queries[chosen]
            out[chosen] = _search(trees, points, rows, rows, kernel, modes, count, wanted, first)
        low, span = high, min(2 * span, len(points) - first)
        if low >= len(points):
            break
    return out


def _scales(points: Floats, kernel: MaternProducts, modes: Sequence[str]) -> list[Floats]:
    """Return a component's factor of every embedded column, without repeats.

    Where a component does not depend on a mode, the mode still breaks ties: 1/1000 of its range counts as one unit
    less than any true difference would.
    """
    starts = block_starts(modes)
    rate, _ = rates(kernel)
    spread = np.array([np.ptp(points[:, a:b], axis=0).max() for a, b in zip(starts, starts[1:], strict=False)])
    weak = 1e-3 / np.maximum(spread, 1e-300)
    scale = np.repeat(np.maximum(rate, weak), np.diff(starts), axis=1)
    return list(np.unique(scale, axis=0))


def _search(trees, points, queries, limits, kernel, modes, count, wanted, first=0):  # type: ignore[no-untyped-def]
    starts = block_starts(modes)
    rate, degree = rates(kernel)
    scales = _scales(points, kernel, modes)
    out = np.full((queries.size, count), -1, dtype=np.int64)
    for low in range(0, queries.size, _CHUNK):
        part = slice(low, low + _CHUNK)
        rows = queries[part]
        found = []
        for tree, scale in zip(trees, scales, strict=True):
            _, index = tree.query(points[rows] * scale, k=np.arange(1, wanted + 1), workers=1)
            found.append(index + first)
        candidates = np.sort(np.concatenate(found, axis=1), axis=1)
        out[part] = _rank(points, starts, rows, limits[part], candidates, kernel.variance, rate, degree, count)
    return out


@njit(cache=True)
def _rank(points, starts, rows, limits, candidates, variance, rate, degree, count):  # type: ignore[no-untyped-def]
    """Keep the ``count`` candidates of highest covariance below each row's limit; candidates are sorted by number."""
    size = candidates.shape[1] + 1
    out = np.full((rows.size, count), -1, dtype=np.int64)
    gathered, distance = np.zeros((points.shape[1], size)), np.zeros((starts.size - 1, size))
    term, scratch, value = np.zeros((variance.size, size)), np.zeros((2, size)), np.zeros(size)
    index = np.zeros(size, dtype=np.int64)
    for r in range(rows.size):
        n, last = 0, -1
        for c in candidates[r]:
            if c != last and c < limits[r] and c != rows[r]:
                index[n] = c
                n += 1
            last = c
        gather(points, index, n, rows[r], gathered)
        distance_row(gathered, n, n, starts, distance)
        covariance_row(distance, n, variance, rate, degree, term, scratch, value)
        order = np.argsort(-value[:n], kind="mergesort")
        for j in range(min(n, count)):
            out[r, j] = index[order[j]]
    return out
