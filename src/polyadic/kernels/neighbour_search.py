"""Neighbours that tell most about a row, under a sum of Matern products.

Every component, and every pair of components by the geometric mean of their length scales, proposes the nearest rows in
its own scaled Euclidean metric (one k-d tree each). Of the proposals the neighbours are taken one by one, each the one
that reduces the row's conditional variance most given those taken before (greedy conditional selection, Huan et al.
2023, arXiv 2307.11648). The highest covariances alone would be twenty stations of the same month that all say the same;
greedy selection also brings the same station's other months, and the stations that explain those.
"""

import math
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from .matern_products import Floats, Integers, MaternProducts, block_starts, rates
from .matern_rows import covariance_row, distance_row, gather

_CHUNK = 4096
# Proposals of each metric for one neighbour wanted.
_PROPOSALS = 0.75


@dataclass(frozen=True)
class Field:
    """Embedded rows (N, dimensions), their nuggets (N,), the covariance and the modes."""

    points: Floats
    nugget: Floats
    kernel: MaternProducts
    modes: tuple[str, ...]

    @property
    def arrays(self) -> tuple[Floats, Integers, Floats, Floats, Floats, Integers]:
        """Points, blocks, nuggets, variances, rates and degrees: what compiled code takes."""
        return (self.points, block_starts(self.modes), self.nugget, self.kernel.variance, *rates(self.kernel))


def nearest(field: Field, queries: Integers, known: int, count: int) -> Integers:
    """Return (b, count) informative rows among the first ``known`` for each of the rows ``queries``.

    A query never finds itself. Unused places hold -1, at the end.
    """
    scales = _scales(field)
    trees = [cKDTree(field.points[:known] * s, balanced_tree=False) for s in scales]
    limits = np.full(queries.size, known, dtype=np.int64)
    return _search(trees, scales, field, queries, limits, count, _wanted(count, known), 0)


def nearest_before(field: Field, queries: Integers, first: int, count: int) -> Integers:
    """Return (b, count) informative rows among rows ``first`` to q - 1 for each q of ``queries``.

    ``points`` must be in random order: a query at q searches trees of the first 2^j > q rows, about half of which
    come before it.
    """
    points, scales = field.points, _scales(field)
    out = np.full((queries.size, count), -1, dtype=np.int64)
    low, high = first, min(first + max(4 * count, 64), len(points))
    while low < len(points):
        chosen = np.flatnonzero((queries >= low) & (queries < high))
        if chosen.size:
            trees = [cKDTree(points[first:high] * s, balanced_tree=False) for s in scales]
            wanted = high - first if low == first else min(high - first, 2 * _wanted(count, high - first) + 8)
            rows = queries[chosen]
            out[chosen] = _search(trees, scales, field, rows, rows, count, wanted, first)
        low, high = high, min(first + 2 * (high - first), len(points))
    return out


def _wanted(count: int, known: int) -> int:
    """Return the proposals that each metric makes; all rows where they are hardly more than the neighbours."""
    return known if known <= count + 1 else min(known, math.ceil(_PROPOSALS * count) + 1)


def _scales(field: Field) -> list[Floats]:
    """Return a factor of every embedded column for each metric, without repeats.

    A component that does not depend on a mode still breaks ties by it: 1/1000 of the mode's range counts as nearness.
    """
    starts = block_starts(field.modes)
    rate, _ = rates(field.kernel)
    spread = np.array([np.ptp(field.points[:, a:b], axis=0).max() for a, b in pairwise(starts)])
    weak = 1e-3 / np.where(spread > 0.0, spread, 1.0)
    rate = np.maximum(rate, weak)
    between = [np.sqrt(a * b) for a, b in combinations(rate, 2)]
    return list(np.unique(np.repeat(np.array([*rate, *between]), np.diff(starts), axis=1), axis=0))


def _search(
    trees: list[Any],
    scales: list[Floats],
    field: Field,
    queries: Integers,
    limits: Integers,
    count: int,
    wanted: int,
    first: int,
) -> Integers:
    out = np.full((queries.size, count), -1, dtype=np.int64)
    for low in range(0, queries.size, _CHUNK):
        part = slice(low, low + _CHUNK)
        places = field.points[queries[part]]
        found = [t.query(places * s, k=np.arange(1, wanted + 1))[1] for t, s in zip(trees, scales, strict=True)]
        proposals = np.sort(np.concatenate(found, axis=1) + first, axis=1)
        _select(field.arrays, queries[part], limits[part], proposals, out[part])
    return out


@njit(cache=True)
def _distinct(proposals, row, limit, index):  # type: ignore[no-untyped-def]
    """Write the distinct proposals below ``limit`` other than ``row`` into ``index``; return how many."""
    n, last = 0, -1
    for c in proposals:
        if c != last and c < limit and c != row:
            index[n] = c
            n += 1
        last = c
    return n


@njit(cache=True)
def _select(data, rows, limits, proposals, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (b, m) by greedy selection; ``proposals`` (b, q) are sorted along their rows."""
    points, starts, nugget, variance, rate, degree = data
    m, size = out.shape[1], proposals.shape[1] + 1
    gathered, distance = np.zeros((points.shape[1], size)), np.zeros((starts.size - 1, size))
    term, scratch, lines = np.zeros((variance.size, size)), np.zeros((2, size)), np.zeros((2, size))
    index, factor = np.zeros(size, dtype=np.int64), np.zeros((m, size))
    cross, left = lines[0], lines[1]
    total = variance.sum()
    for r in range(rows.size):
        n = _distinct(proposals[r], rows[r], limits[r], index)
        if n <= m:
            out[r, :n] = index[:n]
            continue
        gather(points, index, n, rows[r], gathered)
        distance_row(gathered, n, n, starts, distance)
        covariance_row(distance, n, variance, rate, degree, term, scratch, cross)
        for j in range(n):
            left[j] = total + nugget[index[j]]
        for t in range(m):
            best, most = 0, -1.0
            for j in range(n):
                gain = cross[j] * cross[j] / left[j]
                if gain > most:
                    best, most = j, gain
            out[r, t] = index[best]
            column = factor[t]
            distance_row(gathered, best, n, starts, distance)
            covariance_row(distance, n, variance, rate, degree, term, scratch, column)
            for u in range(t):
                share = factor[u, best]
                for j in range(n):
                    column[j] -= share * factor[u, j]
            scale = 1.0 / math.sqrt(left[best])
            step = cross[best] * scale
            for j in range(n):
                column[j] *= scale
                cross[j] -= step * column[j]
                left[j] = max(left[j] - column[j] * column[j], 1e-12 * total)
            left[best] = np.inf
