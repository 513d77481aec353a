r"""Several predictors of the same values made one: shares by precision, and a distribution of errors from held rows.

With moments :math:`(m_k, v_k)` of a new value by each predictor,

.. math:: y \sim \sum_j p_j \, N\Big(\sum_k w_k m_k,\; (v - v_0)_+ + c f_j \min(v, v_0)\Big), \quad v = \sum_k w_k v_k,
          \quad w_k = \frac{a_k / v_k}{\sum_l a_l / v_l}:

where one of them knows little the others have the say. Factor c and shape (:mod:`polyadic.kernels.scale_mixture`: the
sharp peak and long tails of what is left) hold up to the mean variance :math:`v_0` of the rows they were found on; what
a row is less sure of than these, far from all others, is the field's own and stays normal.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import scale_mixture
from polyadic.kernels.scale_mixture import NORMAL, Placed, Shape

Array = NDArray[np.float64]
Moments = tuple[Array, Array]
_STEPS = 10
_LEARNED = 20_000


@dataclass(frozen=True)
class Pool:
    """How predictors are pooled.

    Attributes
    ----------
    weights
        Shares a of each where all are equally sure, (predictors,).
    spread
        Factor c of the variance where that is at most ``typical``; the correction grows no further beyond.
    typical
        Mean variance of the rows that c and the shape were found on.
    shape
        Of that part of the variance; one normal by default.
    """

    weights: Array
    spread: float = 1.0
    typical: float = 0.0
    shape: Shape = NORMAL


def shares(weights: Array, moments: Sequence[Moments]) -> list[Array]:
    """Return the share w (n,) of each predictor.

    Examples
    --------
    >>> pair = [(np.zeros(1), np.array([1.0])), (np.zeros(1), np.array([3.0]))]
    >>> [w.round(2).tolist() for w in shares(np.array([0.5, 0.5]), pair)]
    [[0.75], [0.25]]
    """
    # Over the common denominator: a precise zero weight stays zero, and no variance is divided by.
    variances = [variance for _, variance in moments]
    parts = [
        a * np.prod([v for number, v in enumerate(variances) if number != k], axis=0) for k, a in enumerate(weights)
    ]
    total = sum(parts)
    return [np.asarray(part / total) for part in parts]


def mixed(weights: Array, moments: Sequence[Moments]) -> Moments:
    """Return mean and variance (n,) by the shares, before the spread."""
    by = shares(weights, moments)
    mean = sum(w * m for w, (m, _) in zip(by, moments, strict=True))
    return np.asarray(mean), np.asarray(sum(w * v for w, (_, v) in zip(by, moments, strict=True)))


def divided(pool: Pool, variance: Array) -> tuple[Array, Array]:
    """Return the part of a variance (n,) that the shape's factors multiply, and the rest that is added."""
    near = np.minimum(variance, pool.typical)
    return pool.spread * near, variance - near


def pooled(pool: Pool, moments: Sequence[Moments]) -> Moments:
    """Return mean and variance (n,) of a new value."""
    mean, variance = mixed(pool.weights, moments)
    return mean, np.asarray(sum(divided(pool, variance)))


def density(pool: Pool, values: Array, moments: Sequence[Moments]) -> Array:
    """Return the log density (n,) of values under the pool, its shape included."""
    mean, variance = mixed(pool.weights, moments)
    scaled, shared = divided(pool, variance)
    rows = Placed(mean, scaled, shared, np.zeros(values.size, np.int64))
    return scale_mixture.log_density(
        scale_mixture.mixture(scale_mixture.family([pool.shape], "identity"), rows), values
    )


def found(values: Array, moments: Sequence[Moments]) -> Pool:
    """Return the pool whose weights, in steps of a tenth, factor and shape give held values the greatest likelihood.

    Parameters
    ----------
    values
        Held values (n,).
    moments
        Of each predictor at their rows.

    Notes
    -----
    Weights come first, with normal errors. Factor and shape are learned from at most 20,000 rows, drawn at random.
    """
    grid = [w for w in itertools.product(range(_STEPS + 1), repeat=len(moments)) if sum(w) == _STEPS]
    candidates = [np.array(w, dtype=np.float64) / _STEPS for w in grid]
    scores = [log_density(values, *mixed(weights, moments)).mean() for weights in candidates]
    weights = candidates[int(np.argmax(scores))]
    mean, variance = mixed(weights, moments)
    typical = float(variance.mean())
    rows = np.arange(values.size)
    if values.size > _LEARNED:
        rows = np.sort(np.random.default_rng(0).choice(values.size, _LEARNED, replace=False))
    near = np.minimum(variance, typical)[rows]
    shape, factor = scale_mixture.learn((values - mean)[rows], near, variance[rows] - near)
    return Pool(weights, factor, typical, shape)


def log_density(value: Array, mean: Array, variance: Array) -> Array:
    """Return the Gaussian log density (n,)."""
    return np.asarray(-0.5 * np.log(2 * np.pi * variance) - (value - mean) ** 2 / (2 * variance))
