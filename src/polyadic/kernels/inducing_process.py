r"""Gaussian processes over many points by inducing points: a lower bound of the evidence in time linear in the points.

One function has the prior of :mod:`polyadic.kernels.dense_process`, :math:`u_d = m(x_d) + \sum_c \beta_c z_{dc} + e_d`:
a Matern process m of variance :math:`s^2`, a linear term in each covariate, an effect :math:`e_d` of each point of
variance n. The pseudo-observations are :math:`\exp(-\tfrac12 \lambda_d u_d^2 + h_d u_d)`. The effects are integrated
exactly, which leaves :math:`\lambda'_d = \lambda_d / (1 + n \lambda_d)` and :math:`h'_d = h_d / (1 + n \lambda_d)`. The
rest is known through the *features* m(Z), at M of the points, and :math:`\beta`: with C the correlations of m,
:math:`A = L^{-1} C_{ZD}`, :math:`L L^T = C_{ZZ}`, and V the rows :math:`s A` and :math:`b_c z_c`,

.. math:: F = -\tfrac12 \log |P| + \tfrac12 h'^T V^T P^{-1} V h' - \tfrac{s^2}{2} \sum_d \lambda'_d (1 - |A_d|^2)
          + \tfrac12 \sum_d \Big[ \frac{n h_d^2}{1 + n \lambda_d} - \log(1 + n \lambda_d) \Big],
          \quad P = I + V \Lambda' V^T,

is never above the log evidence and equals it when Z holds all points (Titsias, *AISTATS* 2009). It is the maximum of
the variational bound over all Gaussian q(m(Z), beta) and all :math:`q(e_d \mid m, \beta)`. Its gradient is exact; that
by the length goes through :math:`A^T A = C_{DZ} C_{ZZ}^{-1} C_{ZD}` alone, on which F depends.
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
"""Inducing points with which the starts of a fit are compared: the first ones, so that more never lower a bound."""
JITTER = 1e-11
"""Variance, relative to that of m, of an independent part of the inducing variables: F is a bound with it as well."""
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
    """Sums over points of the features U = (A, z): with weights l', h', and for slopes l'^2, l' h'; D = dC_ZD."""

    square: Array
    right: Array
    square_twice: Array
    right_twice: Array
    slope_square: Array
    slope_right: Array


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
    """Return the best posterior of one function by its inducing points, and the gradient of its bound.

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
    D M correlations and 2 D M^2 flops, 5 D M^2 more for the gradient; memory O(D + M^2) and a chunk of features.

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
    keep = 1.0 / (1.0 + base.own * precision)
    lam, pull = precision * keep, shift * keep
    sums, scale, M = _sums(base, lam, pull, slopes), base.scale, base.chosen.size
    factor, info = lapack.dpotrf(np.eye(scale.size) + scale[:, None] * sums.square * scale, lower=1)
    if info:
        raise np.linalg.LinAlgError("pseudo-observation matrix of the inducing points is not positive definite")
    covariance = lapack.dpotri(factor, lower=1)[0] if scale.size else factor
    covariance = np.tril(covariance) + np.tril(covariance, -1).T
    right = scale * sums.right
    weight = covariance @ right
    unknown = lam.sum() - np.trace(sums.square[:M, :M])
    evidence = (right @ weight - base.variance * unknown + np.log(keep).sum() + base.own * (shift @ pull)) / 2
    found = InducingSolution(weight, covariance, float(evidence - np.log(np.diag(factor)).sum()))
    if not slopes:
        return found, np.zeros(0)
    return found, _gradient(base, np.exp(log_parameters), found, sums, (lam, pull))


def _sums(base: Basis, lam: Array, pull: Array, slopes: bool) -> _Sums:
    m, M = base.scale.size, base.chosen.size
    square, twice, cross = (np.zeros(shape, order="F") for shape in ((m, m), (m, m), (M, m)))
    right, right_twice, cross_right = np.zeros(m), np.zeros(m), np.zeros(M)
    where = base.points
    for rows in chunks(base, lam.size) if m else []:
        U, slope = features(base, where.coordinates[rows], where.covariates[rows], slopes)
        square = blas.dsyrk(1.0, U * np.sqrt(lam[rows]), beta=1.0, c=square, lower=1, overwrite_c=1)
        right += U @ pull[rows]
        if not slopes:
            continue
        weighted = U * lam[rows]
        twice = blas.dsyrk(1.0, weighted, beta=1.0, c=twice, lower=1, overwrite_c=1)
        right_twice += weighted @ pull[rows]
        if M:
            cross = blas.dgemm(1.0, slope, weighted, beta=1.0, c=cross, trans_b=1, overwrite_c=1)
            cross_right += slope @ pull[rows]
    square, twice = (part + np.tril(part, -1).T for part in (square, twice))
    return _Sums(square, right, twice, right_twice, cross, cross_right)


def _gradient(base: Basis, values: Array, found: InducingSolution, sums: _Sums, message: tuple[Array, Array]) -> Array:
    """Return the gradient of F by variance, length, covariate variances, and the variance of single points."""
    (lam, pull), M, scale = message, base.chosen.size, base.scale
    a, S = found.weight, found.covariance
    by_feature = (a**2 - 1.0 + np.diag(S)) / 2
    unknown = lam.sum() - np.trace(sums.square[:M, :M])
    by_variance = by_feature[:M].sum() - base.variance * unknown / 2
    twice = scale[:, None] * sums.square_twice * scale
    by_own = pull @ pull - 2 * (scale * sums.right_twice) @ a + a @ twice @ a - lam.sum()
    by_own += (S * twice).sum() + base.variance * (lam @ lam - np.trace(sums.square_twice[:M, :M]))
    by_own /= 2
    if base.points.kernel == "independent":
        by_variance = values[0] * by_own
    return np.asarray(np.r_[by_variance, _by_length(base, found, sums), by_feature[M:], values[-1] * by_own])


def _by_length(base: Basis, found: InducingSolution, sums: _Sums) -> float:
    """Return the slope of F by the log length: through C_ZD, and through C_ZZ, which enters A^T A by its inverse."""
    M, scale = base.chosen.size, base.scale
    if not M:
        return 0.0
    by_square = -(scale[:, None] * (found.covariance + np.outer(found.weight, found.weight)) * scale) / 2
    by_square[:M, :M] += base.variance / 2 * np.eye(M)
    by_right = (scale * found.weight)[:M]
    at = base.points.coordinates[base.chosen]
    slope = matern(base.points.kernel, distances(base.points.geometry, at, at), base.length)[1]

    def whiten(right: Array) -> Array:
        return np.asarray(blas.dtrsm(1.0, base.factor, np.asfortranarray(right), side=0, lower=1))

    through_points = 2 * (whiten(sums.slope_square) * by_square[:M]).sum()
    through_points += by_right @ whiten(sums.slope_right[:, None])[:, 0]
    inner = 2 * by_square[:M] @ sums.square[:, :M] + np.outer(by_right, sums.right[:M])
    return float(through_points - (inner * whiten(whiten(slope).T)).sum() / 2)


def moments(base: Basis, found: InducingSolution, coordinates: Array, covariates: Array) -> tuple[Array, Array]:
    """Return mean and variance (n,) of the function less the effects of single points, at any points.

    Notes
    -----
    3 n M^2 flops, in chunks.
    """
    n, M = coordinates.shape[0], base.chosen.size
    mean, variance = np.zeros(n), np.zeros(n)
    if not base.scale.size:
        return mean, variance
    for rows in chunks(base, n):
        U, _ = features(base, coordinates[rows], covariates[rows])
        unknown = base.variance * np.maximum(1.0 - (U[:M] ** 2).sum(axis=0), 0.0) if M else 0.0
        V = base.scale[:, None] * U
        mean[rows] = found.weight @ V
        variance[rows] = unknown + (V * (found.covariance @ V)).sum(axis=0)
    return mean, variance


def with_effects(own: float, moments: tuple[Array, Array], messages: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Return mean and variance of the function, its effects of single points included.

    With moments g, v without them, :math:`(g + n h) / (1 + n \lambda)` and
    :math:`n / (1 + n \lambda) + v / (1 + n \lambda)^2`; a point without a message has zeros there.

    Examples
    --------
    >>> with_effects(1.0, (np.zeros(1), np.ones(1)), (np.ones(1), np.ones(1)))
    (array([0.5]), array([0.75]))
    """
    keep = 1.0 / (1.0 + own * messages[0])
    return keep * (moments[0] + own * messages[1]), own * keep + keep**2 * moments[1]
