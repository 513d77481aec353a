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
    def arrays(self) -> tuple[Floats, Integers, Floats, tuple[Floats, Floats, Integers]]:
        """Points, blocks, nuggets and the covariance's shape: what compiled code takes."""
        return self.points, block_starts(self.modes), self.nugget, (self.kernel.variance, *rates(self.kernel))


def nearest(field: Field, queries: Integers, known: int, count: int) -> Integers:
    """Return (b, count) informative rows among the first ``known`` for each of the rows ``queries``.

    A query never finds itself. Unused places hold -1, at the end.
    """
    limits = np.full(queries.size, known, dtype=np.int64)
    return _Forest.planted(field, 0, known).search(queries, limits, count, _wanted(count, known))


def nearest_before(field: Field, queries: Integers, first: int, count: int) -> Integers:
    """Return (b, count) informative rows among rows ``first`` to q - 1 for each q of ``queries``.

    ``points`` must be in random order: a query at q searches trees of the first 2^j > q rows, about half of which
    come before it.
    """
    size = len(field.points)
    out = np.full((queries.size, count), -1, dtype=np.int64)
    low, high = first, min(first + max(4 * count, 64), size)
    while low < size:
        chosen = np.flatnonzero((queries >= low) & (queries < high))
        if chosen.size:
            forest = _Forest.planted(field, first, high)
            wanted = high - first if low == first else min(high - first, 2 * _wanted(count, high - first) + 8)
            rows = queries[chosen]
            out[chosen] = forest.search(rows, rows, count, wanted)
        low, high = high, min(first + 2 * (high - first), size)
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


@dataclass(frozen=True)
class _Forest:
    """One tree for each metric, over the field's rows from ``first`` on."""

    field: Field
    first: int
    scales: list[Floats]
    trees: list[Any]

    @classmethod
    def planted(cls, field: Field, first: int, stop: int) -> "_Forest":
        scales = _scales(field)
        return cls(field, first, scales, [cKDTree(field.points[first:stop] * s, balanced_tree=False) for s in scales])

    def search(self, queries: Integers, limits: Integers, count: int, wanted: int) -> Integers:
        """Return (b, count) neighbours below each query's limit out of ``wanted`` proposals of each tree."""
        out = np.full((queries.size, count), -1, dtype=np.int64)
        ranks = np.arange(1, wanted + 1)
        for low in range(0, queries.size, _CHUNK):
            part = slice(low, low + _CHUNK)
            places = self.field.points[queries[part]]
            found = [tree.query(places * s, k=ranks)[1] for tree, s in zip(self.trees, self.scales, strict=True)]
            proposals = np.sort(np.concatenate(found, axis=1) + self.first, axis=1)
            _select(self.field.arrays, queries[part], limits[part], proposals, out[part])
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
    points, starts, nugget, shape = data
    m, size = out.shape[1], proposals.shape[1] + 1
    index, lines = np.zeros(size, dtype=np.int64), np.zeros((2, size))
    gathered, distance = np.zeros((points.shape[1], size)), np.zeros((starts.size - 1, size))
    space = gathered, distance, np.zeros((shape[0].size, size)), np.zeros((2, size)), np.zeros((m, size))
    left = lines[1]
    for r in range(rows.size):
        n = _distinct(proposals[r], rows[r], limits[r], index)
        if n <= m:
            out[r, :n] = index[:n]
            continue
        gather(points, index, n, rows[r], gathered)
        for j in range(n):
            left[j] = shape[0].sum() + nugget[index[j]]
        _choose(n, starts, shape, space, lines, out[r])
        for t in range(m):
            out[r, t] = index[out[r, t]]


@njit(cache=True)
def _choose(n, starts, shape, space, lines, chosen):  # type: ignore[no-untyped-def]
    r"""Fill ``chosen`` with positions among n gathered candidates for the row gathered behind them.

    ``lines`` holds each candidate's covariance with the row and its variance, both given the chosen ones: pivoted
    Cholesky steps keep them, :math:`c_j - L_{tj} c_t / \sqrt{v_t}` and :math:`v_j - L_{tj}^2`.
    """
    gathered, distance, term, scratch, factor = space
    cross, left = lines
    floor = 1e-12 * shape[0].sum()
    distance_row(gathered, n, n, starts, distance)
    covariance_row(distance, n, shape, term, scratch, cross)
    for t in range(chosen.size):
        best = np.argmax(cross[:n] * cross[:n] / left[:n])
        chosen[t] = best
        column = factor[t]
        distance_row(gathered, best, n, starts, distance)
        covariance_row(distance, n, shape, term, scratch, column)
        for u in range(t):
            share = factor[u, best]
            for j in range(n):
                column[j] -= share * factor[u, j]
        scale = 1.0 / math.sqrt(left[best])
        step = cross[best] * scale
        for j in range(n):
            column[j] *= scale
            cross[j] -= step * column[j]
            left[j] = max(left[j] - column[j] * column[j], floor)
        left[best] = np.inf
