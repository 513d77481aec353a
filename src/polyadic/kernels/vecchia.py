r"""Compiled conditionals of a Gaussian process given a few neighbours of each row.

Row :math:`i` with neighbours :math:`N`: with :math:`A = K_{NN} + \mathrm{diag}(\text{nugget}_N)`, :math:`k = K_{Ni}`,
:math:`b = A^{-1} k`, the conditional mean is :math:`b^T y_N` and the variance :math:`k_{ii} - k^T b`. The sum of the
conditional log densities over an ordering is Vecchia's approximation of the log likelihood (Vecchia 1988; Datta et al.
2016, JASA 111, eq. 2-4; Katzfuss & Guinness 2021, Statist. Sci. 36). All loops are sequential: equal input, equal bits.

``data`` throughout is the tuple ``points`` (N, dimensions) embedded rows, ``starts`` (K + 1,) the modes' blocks,
``nugget`` (N,) noise variance of each row's value, and ``shape``: variances (C,), rates and degrees (C, K) as
:func:`polyadic.kernels.matern_products.rates` returns them. ``rows`` (b,) are conditioned on ``neighbours`` (b, m),
with -1 after the last one. ``space`` is scratch, reused from row to row.
"""

import math

import numpy as np
from numba import njit

from .matern_rows import add_gradient, covariance_row, distance_row, gather

# A pivot below this share of its diagonal means the neighbour repeats others: it is dropped.
_PIVOT = 1e-13


@njit(cache=True)
def _factor(matrix, column, inverse, m):  # type: ignore[no-untyped-def]
    """Turn the lower triangle of ``matrix`` into its Cholesky factor; ``inverse`` holds 1 / diagonal, 0 if dropped."""
    for j in range(m):
        column[j] = matrix[j, j]
    for j in range(m):
        pivot = matrix[j, j]
        scale = 0.0
        if pivot > _PIVOT * inverse[j]:
            scale = 1.0 / math.sqrt(pivot)
        matrix[j, j] = pivot * scale
        inverse[j] = scale
        for i in range(j + 1, m):
            matrix[i, j] *= scale
            column[i] = matrix[i, j]
        for i in range(j + 1, m):
            factor = column[i]
            for k in range(j + 1, i + 1):
                matrix[i, k] -= factor * column[k]


@njit(cache=True)
def _solve(matrix, inverse, vector, m):  # type: ignore[no-untyped-def]
    """Solve ``L L^T x = vector`` in place."""
    for i in range(m):
        total = vector[i]
        for k in range(i):
            total -= matrix[i, k] * vector[k]
        vector[i] = total * inverse[i]
    for i in range(m - 1, -1, -1):
        x = vector[i] * inverse[i]
        vector[i] = x
        for k in range(i):
            vector[k] -= matrix[i, k] * x


@njit(cache=True)
def _prepare(data, row, near, space):  # type: ignore[no-untyped-def]
    """Fill and factor the neighbours' covariance; return the number of neighbours.

    ``space.cross`` holds the covariances with the row, ``space.distance[p]`` and ``space.term[p]`` the pieces of each
    neighbour's (p = m: the row's) covariances with the neighbours before it.
    """
    points, starts, nugget, shape = data
    matrix, cross, inverse, column, gathered, distance, term, scratch = space
    total = shape[0].sum()
    m = 0
    while m < near.size and near[m] >= 0:
        m += 1
    gather(points, near, m, row, gathered)
    for p in range(m + 1):
        out = cross if p == m else matrix[p]
        distance_row(gathered, p, p, starts, distance[p])
        covariance_row(distance[p], p, shape, term[p], scratch, out)
    for p in range(m):
        matrix[p, p] = total + nugget[near[p]]
        inverse[p] = matrix[p, p]
    _factor(matrix, column, inverse, m)
    return m


@njit(cache=True)
def _workspace(m, dimensions, components, modes):  # type: ignore[no-untyped-def]
    """Return matrix, cross, inverse, column, gathered, distance, term and scratch for m neighbours."""
    n = m + 1
    square, lines = np.zeros((n, n)), np.zeros((3, n))
    pieces = np.zeros((n, modes, n)), np.zeros((n, components, n)), np.zeros((2, n))
    return square, lines[0], lines[1], lines[2], np.zeros((dimensions, n)), *pieces


@njit(cache=True)
def weights(data, rows, neighbours):  # type: ignore[no-untyped-def]
    """Return the weights (b, m) of the neighbours' values and the conditional variances (b,) of f."""
    variance, rate, _ = data[3]
    space = _workspace(neighbours.shape[1], data[0].shape[1], *rate.shape)
    cross, inverse = space[1], space[2]
    weight = np.zeros(neighbours.shape)
    spread = np.zeros(rows.size)
    total = variance.sum()
    for r in range(rows.size):
        m = _prepare(data, rows[r], neighbours[r], space)
        weight[r, :m] = cross[:m]
        _solve(space[0], inverse, weight[r], m)
        left = total
        for j in range(m):
            left -= cross[j] * weight[r, j]
        spread[r] = max(left, 0.0)
    return weight, spread


@njit(cache=True)
def log_likelihood(data, values, rows, neighbours, gradient):  # type: ignore[no-untyped-def]
    """Return the sum of the conditional log densities of ``rows``; add its derivative to ``gradient``.

    ``gradient`` (C + C K + 1,) goes by log variance, log length scale and the noise variance itself (not its
    logarithm), which is taken as one summand of every nugget; of size 0 it is skipped.
    """
    points, nugget, (variance, rate, _) = data[0], data[2], data[3]
    space = _workspace(neighbours.shape[1], points.shape[1], *rate.shape)
    matrix, cross, inverse = space[0], space[1], space[2]
    b, a = np.zeros(cross.size), np.zeros(cross.size)
    total_variance, total = variance.sum(), 0.0
    for r in range(rows.size):
        row, near = rows[r], neighbours[r]
        m = _prepare(data, row, near, space)
        for j in range(m):
            b[j] = cross[j]
            a[j] = values[near[j]]
        _solve(matrix, inverse, b, m)
        error, spread = values[row], total_variance + nugget[row]
        for j in range(m):
            error -= b[j] * a[j]
            spread -= b[j] * cross[j]
        spread = max(spread, 1e-12 * total_variance)
        total -= 0.5 * (math.log(2.0 * math.pi * spread) + error * error / spread)
        if gradient.size > 0:
            _solve(matrix, inverse, a, m)
            by_mean = error / spread
            by_spread = 0.5 * (by_mean * by_mean - 1.0 / spread)
            _add_row(data, m, a, b, by_mean, by_spread, space, gradient)
    return total


@njit(cache=True)
def _add_row(data, m, a, b, by_mean, by_spread, space, gradient):  # type: ignore[no-untyped-def]
    """Add one row's derivative: mean and spread by each covariance of the row and its neighbours."""
    shape = data[3]
    distance, term, scratch, weight = space[5], space[6], space[7], space[3]
    diagonal = by_spread
    for p in range(m):
        for q in range(p):
            weight[q] = (2.0 * by_spread * b[p] - by_mean * a[p]) * b[q] - by_mean * b[p] * a[q]
        add_gradient(weight, distance[p], p, shape, term[p], scratch, gradient)
        diagonal += by_spread * b[p] * b[p] - by_mean * b[p] * a[p]
    for q in range(m):
        weight[q] = by_mean * a[q] - 2.0 * by_spread * b[q]
    add_gradient(weight, distance[m], m, shape, term[m], scratch, gradient)
    gradient[-1] += diagonal
    for c in range(shape[0].size):
        gradient[c] += diagonal * shape[0][c]


@njit(cache=True)
def draw(mean, spread, weight, neighbours, known, normals, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` (b, draws), row by row: ``mean`` from known values plus weights on the rows drawn before."""
    for r in range(mean.size):
        scale = math.sqrt(spread[r])
        for d in range(out.shape[1]):
            out[r, d] = mean[r] + scale * normals[r, d]
        for j in range(neighbours.shape[1]):
            source = neighbours[r, j] - known
            if source >= 0:
                w = weight[r, j]
                for d in range(out.shape[1]):
                    out[r, d] += w * out[source, d]
