r"""Weights of both ends and of their degree classes: node effects in noise that differs between pairs of classes.

With :math:`c` the cell of an edge (the pair of the degree classes of its ends, `polyadic.kernels.degree_classes`),

.. math:: y_{ij} = \theta_i + \theta_j + \mu_c + \sqrt{v_c}\, \varepsilon_{ij},\quad
          \theta_i \sim N(0, \tau_{d(i)}),\quad \mu_c \sim N(0, s),

where :math:`s` is the variance of all values and :math:`d(i)` the degree class of a node. Effects and means are
integrated out; the variances :math:`v_c` and :math:`\tau_d` are named to their precision, :math:`\tfrac12\ln m_c` and
:math:`\tfrac12\ln n_d` nats (a two-part code: a valid length for any variances; expectation maximisation makes it
short).
"""

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

_STEPS = 8
_LENT = 2.0
"""Edges of the pooled variance that a cell's own variance is shrunk by."""


class Fit(NamedTuple):
    """Cost in nats, node effects (n,), means and variances of the cells, variances of the effects by node class."""

    cost: float
    effects: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    spread: NDArray[np.float64]


def fit(
    pairs: NDArray[np.int64], y: NDArray[np.float64], classes: NDArray[np.int64], cell: NDArray[np.int64], scale: float
) -> Fit:
    """Return the fitted effects, cells and the description length of ``y`` in nats.

    Parameters
    ----------
    pairs
        (2, E) nodes of each edge.
    y
        (E,) values around zero.
    classes
        (n,) class of each node, 0, 1, ...; those of a class share the variance of their effects.
    cell
        (E,) cell of each edge, 0, 1, ...
    scale
        Prior variance of the means, in squared units of ``y``.

    Notes
    -----
    Eight steps of one Cholesky factor and inverse of order n + cells: ``O(E + n ** 3)``.

    Examples
    --------
    >>> pairs = np.stack(np.triu_indices(12, 1))
    >>> y = np.random.default_rng(0).normal(size=66)
    >>> cell = (pairs[1] > 6).astype(int)
    >>> one = np.zeros(12, int)
    >>> fit(pairs, y, one, cell, 1.0).cost < fit(pairs, y * (1 + 9 * cell), one, cell, 1.0).cost
    True
    """
    size, count, nodes = classes.size, np.bincount(cell, minlength=1), np.bincount(classes, minlength=1)
    spread, variance = np.full(nodes.size, 0.25 * scale), np.full(count.size, 0.5 * scale)
    named = 0.5 * float(np.log(np.maximum(count, 1)).sum() + np.log(np.maximum(nodes, 1)).sum())
    best = Fit(math.inf, np.zeros(size), np.zeros(count.size), variance, spread)
    for _ in range(_STEPS):
        cost, solution, inverse = evidence(pairs, y, cell, (variance, spread[classes], scale))
        if cost + named < best.cost:
            best = Fit(cost + named, solution[:size], solution[size:], variance, spread)
        square = np.bincount(cell, _squares(pairs, y, cell, solution, inverse), count.size)
        variance = (square + _LENT * square.sum() / y.size) / (count + _LENT) + 1e-9 * scale
        own = solution[:size] ** 2 + np.diag(inverse)[:size]
        spread = np.maximum((np.bincount(classes, own, nodes.size) + own.mean()) / (nodes + 1), 1e-6 * scale)
    return best


def evidence(
    pairs: NDArray[np.int64],
    y: NDArray[np.float64],
    cell: NDArray[np.int64],
    priors: tuple[NDArray[np.float64], NDArray[np.float64], float],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return minus the log marginal density of ``y`` in nats, the posterior mean (n + cells,) and its covariance.

    ``priors`` are the variances of the cells, those of the effects (n,) and that of the means.
    """
    variance, spread, scale = priors
    size = spread.size
    precision = 1.0 / variance[cell]
    normal, right = _normal_equations(pairs, y, size, cell, precision)
    prior = np.concatenate([1.0 / spread, np.full(variance.size, 1.0 / scale)])
    normal[np.diag_indices_from(normal)] += prior
    factor = scipy.linalg.cholesky(normal, lower=True, overwrite_a=True, check_finite=False)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    solution = scipy.linalg.cho_solve((factor, True), right, check_finite=False)
    logdet = 2 * np.log(np.diag(factor)).sum() - np.log(prior).sum() + np.log(variance[cell]).sum()
    square = float(precision @ (y * y) - right @ solution)
    return 0.5 * float(y.size * math.log(2 * math.pi) + logdet + square), solution, inverse


def _normal_equations(
    pairs: NDArray[np.int64],
    y: NDArray[np.float64],
    size: int,
    cell: NDArray[np.int64],
    precision: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    i, j = pairs
    cells = int(cell.max(initial=0)) + 1
    order = size + cells
    design: NDArray[np.int64] = np.concatenate([i * order + j, j * order + i, i * order + i, j * order + j])
    mixed = np.concatenate([i * order + size + cell, j * order + size + cell])
    flat = np.bincount(design, np.tile(precision, 4), order * order)
    flat += np.bincount(mixed, np.tile(precision, 2), order * order)
    normal = np.asarray(flat.reshape(order, order), np.float64)
    normal[size:, :size] = normal[:size, size:].T
    own = np.arange(size, order)
    normal[own, own] = np.bincount(cell, precision, cells)
    weighted = precision * y
    right = [np.bincount(i, weighted, size) + np.bincount(j, weighted, size), np.bincount(cell, weighted, cells)]
    return normal, np.asarray(np.concatenate(right), np.float64)


def _squares(
    pairs: NDArray[np.int64],
    y: NDArray[np.float64],
    cell: NDArray[np.int64],
    solution: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the expected squared residual of every edge."""
    i, j = pairs
    k = cell + solution.size - (int(cell.max(initial=0)) + 1)
    rest = y - solution[i] - solution[j] - solution[k]
    own = inverse[i, i] + inverse[j, j] + inverse[k, k]
    return np.asarray(rest * rest + own + 2 * (inverse[i, j] + inverse[i, k] + inverse[j, k]))
