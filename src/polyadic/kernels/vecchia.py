r"""Compiled conditionals of a Gaussian process given a few neighbours of each row.

Row :math:`i` with neighbours :math:`N`: with :math:`A = K_{NN} + \mathrm{diag}(\text{nugget}_N)`, :math:`k = K_{Ni}`,
:math:`b = A^{-1} k`, the conditional mean is :math:`b^T y_N` and the variance :math:`k_{ii} - k^T b`. The sum of the
conditional log densities over an ordering is Vecchia's approximation of the log likelihood (Vecchia 1988; Datta et al.
2016, JASA 111, eq. 2-4; Katzfuss & Guinness 2021, Statist. Sci. 36). All loops are sequential: equal input, equal bits.

Arrays throughout: ``points`` (N, dimensions) embedded rows; ``starts`` (K + 1,) the modes' blocks; ``nugget`` (N,) noise
variance of each row's value; ``rows`` (b,) rows to condition; ``neighbours`` (b, m), -1 after the last one;
``variance`` (C,), ``rate`` and ``degree`` (C, K) as of :func:`polyadic.kernels.matern_products.rates`.
"""

import math

import numpy as np
from numba import njit

from .matern_products import add_gradient, covariance_of, distances

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
def _prepare(points, starts, nugget, row, near, variance, rate, degree, matrix, cross, work):  # type: ignore[no-untyped-def]
    """Fill and factor the neighbours' covariance and fill ``cross``; return the number of neighbours."""
    distance, column, inverse = work[0], work[1], work[2]
    modes = starts.size - 1
    total = variance.sum()
    m = 0
    while m < near.size and near[m] >= 0:
        i = near[m]
        for j in range(m):
            distances(points, i, near[j], starts, distance[:modes])
            matrix[m, j] = covariance_of(distance[:modes], variance, rate, degree)
        matrix[m, m] = total + nugget[i]
        inverse[m] = matrix[m, m]
        distances(points, i, row, starts, distance[:modes])
        cross[m] = covariance_of(distance[:modes], variance, rate, degree)
        m += 1
    _factor(matrix, column, inverse, m)
    return m


@njit(cache=True)
def weights(points, starts, nugget, rows, neighbours, variance, rate, degree):  # type: ignore[no-untyped-def]
    """Return the weights (b, m) of the neighbours' values and the conditional variances (b,) of f."""
    size = max(neighbours.shape[1], starts.size)
    matrix, work, cross = np.zeros((size, size)), np.zeros((3, size)), np.zeros(size)
    weight = np.zeros(neighbours.shape)
    spread = np.zeros(rows.size)
    total = variance.sum()
    for r in range(rows.size):
        near = neighbours[r]
        m = _prepare(points, starts, nugget, rows[r], near, variance, rate, degree, matrix, cross, work)
        weight[r, :m] = cross[:m]
        _solve(matrix, work[2], weight[r], m)
        left = total
        for j in range(m):
            left -= cross[j] * weight[r, j]
        spread[r] = max(left, 0.0)
    return weight, spread


@njit(cache=True)
def log_likelihood(points, starts, values, nugget, rows, neighbours, variance, rate, degree, gradient):  # type: ignore[no-untyped-def]
    """Return the sum of the conditional log densities of ``rows``; add its derivative to ``gradient``.

    ``gradient`` (C + C K + 1,) goes by log variance, log length scale and the noise variance itself (not its
    logarithm), which is taken as one summand of every nugget; of size 0 it is skipped.
    """
    size = max(neighbours.shape[1], starts.size)
    matrix, work, cross = np.zeros((size, size)), np.zeros((3, size)), np.zeros(size)
    b, a = np.zeros(size), np.zeros(size)
    total_variance, total = variance.sum(), 0.0
    for r in range(rows.size):
        row, near = rows[r], neighbours[r]
        m = _prepare(points, starts, nugget, row, near, variance, rate, degree, matrix, cross, work)
        for j in range(m):
            b[j] = cross[j]
            a[j] = values[near[j]]
        _solve(matrix, work[2], b, m)
        error, spread = values[row], total_variance + nugget[row]
        for j in range(m):
            error -= b[j] * a[j]
            spread -= b[j] * cross[j]
        spread = max(spread, 1e-12 * total_variance)
        total -= 0.5 * (math.log(2.0 * math.pi * spread) + error * error / spread)
        if gradient.size > 0:
            _solve(matrix, work[2], a, m)
            by_mean = error / spread
            by_spread = 0.5 * (by_mean * by_mean - 1.0 / spread)
            _add_row(points, starts, row, near, m, a, b, by_mean, by_spread, variance, rate, degree, gradient, work[0])
    return total


@njit(cache=True)
def _add_row(points, starts, row, near, m, a, b, by_mean, by_spread, variance, rate, degree, gradient, work):  # type: ignore[no-untyped-def]
    """Add one row's derivative: mean and spread by each covariance of the row and its neighbours."""
    distance = work[: starts.size - 1]
    for c in range(variance.size):
        gradient[c] += by_spread * variance[c]
    gradient[-1] += by_spread
    for p in range(m):
        distances(points, near[p], row, starts, distance)
        add_gradient(by_mean * a[p] - 2.0 * by_spread * b[p], distance, variance, rate, degree, gradient)
        diagonal = by_spread * b[p] * b[p] - by_mean * b[p] * a[p]
        for c in range(variance.size):
            gradient[c] += diagonal * variance[c]
        gradient[-1] += diagonal
        for q in range(p):
            weight = 2.0 * by_spread * b[p] * b[q] - by_mean * (b[p] * a[q] + b[q] * a[p])
            distances(points, near[p], near[q], starts, distance)
            add_gradient(weight, distance, variance, rate, degree, gradient)


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
