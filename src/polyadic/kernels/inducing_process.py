r"""Gaussian processes over many points by inducing points: their evidence in time linear in the points.

One function has the prior of :mod:`polyadic.kernels.dense_process`, :math:`u_d = m(x_d) + \sum_c \beta_c z_{dc} + e_d`:
a Matern process m of variance :math:`s^2`, a linear term in each covariate, an effect :math:`e_d` of each point of
variance n. The pseudo-observations are :math:`\exp(-\tfrac12 \lambda_d u_d^2 + h_d u_d)`. The *features* are m(Z), at M
of the points, and :math:`\beta`: with C the correlations of m, :math:`A = L^{-1} C_{ZD}`, :math:`L L^T = C_{ZZ}`, and V
the rows :math:`s A` and :math:`b_c z_c`. What m departs from its mean given the features has the variance
:math:`r_d = s^2 (1 - |A_d|^2)`; between different points its covariance is taken as zero (the fully independent
conditional: Snelson and Ghahramani, *NeurIPS* 2006). So it joins the effects: each point has one of its own, of
variance :math:`o_d = n + r_d`, and with :math:`\lambda'_d = \lambda_d / (1 + o_d \lambda_d)`,
:math:`h'_d = h_d / (1 + o_d \lambda_d)`

.. math:: F = -\tfrac12 \log |P| + \tfrac12 h'^T V^T P^{-1} V h'
          + \tfrac12 \sum_d \Big[ \frac{o_d h_d^2}{1 + o_d \lambda_d} - \log(1 + o_d \lambda_d) \Big],
          \quad P = I + V \Lambda' V^T,

is the log evidence of that prior, and of the dense one when Z holds all points. Its gradient is exact.

The variational bound (Titsias, *AISTATS* 2009) keeps the departures' covariance but charges
:math:`\tfrac12 \sum_d \lambda_d r_d` for them as noise and lets no point's own message narrow them; effects n then grow
until they explain the departures a second time, and bands of new points are too wide.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from polyadic.kernels.dense_process import Points, distances, embed, matern

Array = NDArray[np.float64]
INDUCING = 512
"""Inducing points of a mode."""
COARSE = 128
"""Inducing points with which the starts of a fit are compared: the first ones."""
JITTER = 1e-11
"""Variance, relative to that of m, of an independent part of the inducing variables."""
CHUNK = 2**18
"""Values of a chunk of features, 2 MiB: what is done with them value by value stays in the cache."""


@dataclass(frozen=True)
class Basis:
    """The features of one function.

    Attributes
    ----------
    points, chosen
        All points, and which of them are inducing, (M,); none of them for a kernel without a Matern part.
    variance, length, own
        ``s^2``, the length, and the variance ``n`` of the effects of single points.
    factor
        ``L``, (M, M).
    scale
        Standard deviation of each feature, (M + q,).
    """

    points: Points
    chosen: NDArray[np.int64]
    variance: float
    length: float
    own: float
    factor: Array
    scale: Array


@dataclass(frozen=True)
class InducingSolution:
    """What :func:`solve` finds.

    Attributes
    ----------
    weight, covariance
        Posterior mean (M + q,) and covariance of the whitened features: those of unit prior covariance.
    evidence
        ``F``, nats.
    """

    weight: Array
    covariance: Array
    evidence: float


class _Sums(NamedTuple):
    """Over points: the sums of V V^T with weights l' and of V with weights h'; and of each point l', h' and r."""

    square: Array
    right: Array
    precision: Array
    pull: Array
    rest: Array


def spread_points(geometry: str, coordinates: Array, count: int) -> NDArray[np.int64]:
    """Return which points (count,) lie evenly among all: each next one is the farthest from those before.

    The first is the one nearest to the mean; fewer are returned where fewer are distinct.

    Notes
    -----
    O(D count) time, O(D) memory. The largest distance of a point to them is within a factor 2 of the least possible
    (Gonzalez, *Theor. Comput. Sci.* 38 (1985), 293).

    Examples
    --------
    >>> spread_points("plane", np.array([[0.0], [1.0], [5.0], [9.0], [10.0]]), 3)
    array([2, 0, 4])
    """
    x = embed(geometry, coordinates)
    last = int(((x - x.mean(axis=0)) ** 2).sum(axis=1).argmin())
    nearest, chosen = np.full(x.shape[0], np.inf), [last]
    while len(chosen) < count:
        np.minimum(nearest, ((x - x[last]) ** 2).sum(axis=1), out=nearest)
        last = int(nearest.argmax())
        if nearest[last] == 0:
            break
        chosen.append(last)
    return np.array(chosen, np.int64)


def basis(log_parameters: Array, points: Points, chosen: NDArray[np.int64]) -> Basis:
    """Return the features of a function of logarithmic parameters (3 + q,), see :class:`Basis`."""
    values = np.exp(log_parameters)
    variance, own = float(values[0]), float(values[-1])
    if points.kernel == "independent":
        chosen, variance, own = chosen[:0], 0.0, variance + own
    at = points.coordinates[chosen]
    correlation = matern(points.kernel, distances(points.geometry, at, at), values[1])[0]
    factor = np.linalg.cholesky(correlation + JITTER * np.eye(chosen.size)) if chosen.size else correlation
    scale = np.sqrt(np.r_[np.full(chosen.size, variance), values[2:-1]])
    return Basis(points, chosen, variance, float(values[1]), own, np.asfortranarray(factor), scale)


def features(base: Basis, coordinates: Array, covariates: Array, slopes: bool = False) -> tuple[Array, Array]:
    """Return the features U (M + q, n) of unit variance at points, and with ``slopes`` dC_Zn by log length (M, n)."""
    points, M = base.points, base.chosen.size
    z = (covariates - points.centre) / points.scale
    out = np.empty((base.scale.size, coordinates.shape[0]), order="F")
    out[M:] = z.T
    if not M:
        return out, out[:0]
    shape, slope = matern(
        points.kernel, distances(points.geometry, coordinates, points.coordinates[base.chosen]), base.length
    )
    out[:M] = blas.dtrsm(1.0, base.factor, shape.T, side=0, lower=1, overwrite_b=1)
    return out, slope.T if slopes else out[:0]


def chunks(base: Basis, size: int) -> list[slice]:
    """Return slices of points whose features are made at once."""
    step = max(64, CHUNK // max(base.scale.size, 1))
    return [slice(first, min(first + step, size)) for first in range(0, size, step)]


def solve(
    log_parameters: Array,
    points: Points,
    chosen: NDArray[np.int64],
    messages: tuple[Array, Array],
    slopes: bool = True,
) -> tuple[InducingSolution, Array]:
    """Return the posterior of one function by its inducing points, and the gradient of its evidence.

    Parameters
    ----------
    log_parameters
        Shape (3 + q,), see :class:`polyadic.kernels.dense_process.DensePosterior`.
    points, chosen
        The points, and which of them are inducing, (M,).
    messages
        Precision ``lambda`` >= 0 and shift ``h`` of each point, (D,) each.
    slopes
        Whether the gradient is wanted; without it, an empty array stands for it.

    Returns
    -------
    the :class:`InducingSolution` and the gradient by ``log_parameters``.

    Notes
    -----
    D M correlations and 2 D M^2 flops, 8 D M^2 more for the gradient; memory O(D + M^2) and a chunk of features.

    Examples
    --------
    >>> from polyadic.kernels.dense_process import points_of
    >>> points = points_of("matern12", "plane", np.array([[0.0]]), np.zeros((1, 0)))
    >>> found, _ = solve(np.zeros(3), points, np.array([0]), (np.ones(1), np.ones(1)))
    >>> round(found.evidence, 4)
    -0.216
    """
    precision, shift = messages
    base = basis(log_parameters, points, chosen)
    sums = _sums(base, messages)
    factor, info = lapack.dpotrf(np.eye(base.scale.size) + sums.square, lower=1)
    if info:
        raise np.linalg.LinAlgError("pseudo-observation matrix of the inducing points is not positive definite")
    covariance = lapack.dpotri(factor, lower=1)[0] if base.scale.size else factor
    covariance = np.tril(covariance) + np.tril(covariance, -1).T
    weight = covariance @ sums.right
    own = base.own + sums.rest
    evidence = (sums.right @ weight - np.log1p(own * precision).sum() + (own * shift) @ sums.pull) / 2
    found = InducingSolution(weight, covariance, float(evidence - np.log(np.diag(factor)).sum()))
    return found, _gradient(base, np.exp(log_parameters), found, sums) if slopes else np.zeros(0)


def left_over(base: Basis, U: Array) -> Array:
    """Return the variance r (n,) that features U (M + q, n) leave of the Matern part."""
    M = base.chosen.size
    return np.asarray(base.variance * np.maximum(1.0 - (U[:M] ** 2).sum(axis=0), 0.0)) if M else np.zeros(U.shape[1])


def _sums(base: Basis, messages: tuple[Array, Array]) -> _Sums:
    m, where = base.scale.size, base.points
    precision, pull, rest = messages[0].copy(), messages[1].copy(), np.zeros(messages[0].size)
    square, right = np.zeros((m, m), order="F"), np.zeros(m)
    for rows in chunks(base, pull.size):
        U, _ = features(base, where.coordinates[rows], where.covariates[rows])
        rest[rows] = left_over(base, U)
        keep = 1.0 / (1.0 + (base.own + rest[rows]) * precision[rows])
        precision[rows] *= keep
        pull[rows] *= keep
        if m:
            U *= base.scale[:, None]
            right += U @ pull[rows]
            square = blas.dsyrk(1.0, U * np.sqrt(precision[rows]), beta=1.0, c=square, lower=1, overwrite_c=1)
    return _Sums(square + np.tril(square, -1).T, right, precision, pull, rest)


def _gradient(base: Basis, values: Array, found: InducingSolution, sums: _Sums) -> Array:
    r"""Return the gradient of F by variance, length, covariate variances, and the variance of single points.

    With g, v the moments of a point by its features, F changes with its own variance by
    :math:`c_d = \tfrac12 [(h'_d - \lambda'_d g_d)^2 + \lambda'^2_d v_d - \lambda'_d]`. By the length, F changes through
    the columns :math:`A_d` alone, of which it depends on :math:`A^T A`, by some :math:`Z_d`.
    """
    M, scale, where = base.chosen.size, base.scale, base.points
    by_own, by_rest, by_length, inner = 0.0, 0.0, 0.0, np.zeros((M, M))
    for rows in chunks(base, sums.pull.size):
        U, slope = features(base, where.coordinates[rows], where.covariates[rows], slopes=True)
        V, lam, pull = scale[:, None] * U, sums.precision[rows], sums.pull[rows]
        image, mean = found.covariance @ V, found.weight @ V
        change = ((pull - lam * mean) ** 2 + lam**2 * (V * image).sum(axis=0) - lam) / 2
        by_own += change.sum()
        by_rest += change @ sums.rest[rows]
        if not M:
            continue
        Z = found.weight[:M, None] * (pull - lam * mean) - image[:M] * lam
        Z = scale[:M, None] * Z - (2 * base.variance * change) * U[:M]
        inner += Z @ U[:M].T
        by_length += (slope * blas.dtrsm(1.0, base.factor, np.asfortranarray(Z), side=0, lower=1, trans_a=1)).sum()
    by_feature = (found.weight**2 - 1.0 + np.diag(found.covariance)) / 2
    by_variance = by_feature[:M].sum() + by_rest
    if where.kernel == "independent":
        by_variance = values[0] * by_own
    if M:
        by_length -= _through_points(base, inner) / 2
    return np.asarray(np.r_[by_variance, by_length, by_feature[M:], values[-1] * by_own])


def _through_points(base: Basis, inner: Array) -> float:
    """Return the sum of an array (M, M) times the slope of C_ZZ by the log length, whitened on both sides."""
    at = base.points.coordinates[base.chosen]
    slope = matern(base.points.kernel, distances(base.points.geometry, at, at), base.length)[1]
    for _ in range(2):
        slope = blas.dtrsm(1.0, base.factor, np.asfortranarray(slope), side=0, lower=1).T
    return float((inner * slope).sum())


def moments(base: Basis, found: InducingSolution, coordinates: Array, covariates: Array) -> tuple[Array, Array, Array]:
    """Return mean and variance (n,) of what the features tell of the function, and what they leave of m, at any points.

    Notes
    -----
    3 n M^2 flops, in chunks.
    """
    n = coordinates.shape[0]
    mean, variance, rest = np.zeros(n), np.zeros(n), np.zeros(n)
    for rows in chunks(base, n) if base.scale.size else []:
        U, _ = features(base, coordinates[rows], covariates[rows])
        V = base.scale[:, None] * U
        mean[rows], rest[rows] = found.weight @ V, left_over(base, U)
        variance[rows] = (V * (found.covariance @ V)).sum(axis=0)
    return mean, variance, rest


def with_effects(
    own: float | Array, moments: tuple[Array, Array], messages: tuple[Array, Array]
) -> tuple[Array, Array]:
    r"""Return mean and variance of the function, what is of single points included.

    With moments g, v by the features and own variance o, :math:`(g + o h) / (1 + o \lambda)` and
    :math:`o / (1 + o \lambda) + v / (1 + o \lambda)^2`; a point without a message has zeros there.

    Parameters
    ----------
    own
        o of each point, (n,), or of all: the effects' variance and what the features leave of m.
    moments, messages
        g, v and lambda, h, (n,) each.

    Examples
    --------
    >>> with_effects(1.0, (np.zeros(1), np.ones(1)), (np.ones(1), np.ones(1)))
    (array([0.5]), array([0.75]))
    """
    keep = 1.0 / (1.0 + own * messages[0])
    return keep * (moments[0] + own * messages[1]), own * keep + keep**2 * moments[1]
