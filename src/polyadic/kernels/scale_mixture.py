r"""Predictive distributions: on the linked scale a mixture of normals with one centre, in the units of the values.

.. math:: g(y) = u, \qquad u \sim \sum_k w_k \, N(m, v_k)

with a monotone link g (:mod:`polyadic.kernels.links`). The median is :math:`g^{-1}(m)`; a mixture of few normals has
the sharp peak and the long tails of what is left of measured values, and keeps all moments under any link, which a
Student-t does not. Student-t noise is such a mixture too, with :math:`v_k = v + \sigma^2 / \lambda_k`.

A *shape* is the mixture of one row freed of its scale: weights :math:`w_k` and factors :math:`f_k` of a variance, with
:math:`\sum_k w_k f_k = 1`. It is learned (`learn`) by maximum likelihood over weights at fixed factors, which is a
convex problem without local optima (Lindsay 1983, *Ann. Stat.* 11, 86-94; Stephens 2017, *Biostatistics* 18, 275-294).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from polyadic.kernels import links

Array = NDArray[np.float64]
_GRID = 2.0 ** np.arange(-8, 9)
_SWEEPS = 300
_PRIOR = 20.0
_NODES = 48
_CHUNK = 2**14
_FAR = 1e-12


@dataclass(frozen=True)
class Shape:
    """Weights and factors of the variance, (K,) each; one normal by default."""

    weight: Array
    factor: Array


NORMAL = Shape(np.ones(1), np.ones(1))


@dataclass(frozen=True)
class Mixture:
    """Distributions of n values.

    Attributes
    ----------
    centre
        Centre m on the linked scale, (n,).
    variance
        Variances of the components, (n, K).
    weight
        Their weights, (n, K) or (1, K).
    link
        A name of :data:`polyadic.kernels.links.LINKS`.
    """

    centre: Array
    variance: Array
    weight: Array
    link: str = "identity"


@dataclass(frozen=True)
class Family:
    """The shapes that the rows of a table of predictions refer to: weights and factors (S, K), and the link of all."""

    weight: Array
    factor: Array
    link: str = "identity"


def family(shapes: Sequence[Shape], link: str) -> Family:
    """Return several shapes as one table; what is missing of a shape has no weight."""
    width = max(shape.weight.size for shape in shapes)
    weight, factor = np.zeros((len(shapes), width)), np.ones((len(shapes), width))
    for number, shape in enumerate(shapes):
        weight[number, : shape.weight.size], factor[number, : shape.factor.size] = shape.weight, shape.factor
    return Family(weight, factor, link)


class Placed(NamedTuple):
    """Rows of a family, each (n,): centre, the variance that factors multiply, what is added, number of the shape.

    Component k of a row has the variance ``shared + factor[shape, k] * scaled``.
    """

    centre: Array
    scaled: Array
    shared: Array
    shape: NDArray[np.int64]


def mixture(family: Family, rows: Placed) -> Mixture:
    """Return the distributions of rows of a family."""
    variance = rows.shared[:, None] + rows.scaled[:, None] * family.factor[rows.shape]
    return Mixture(rows.centre, variance, family.weight[rows.shape], family.link)


def of_shape(centre: Array, variance: Array, shape: Shape, link: str = "identity") -> Mixture:
    """Return the mixtures of one shape with given centres and variances (n,) on the linked scale."""
    return Mixture(centre, variance[:, None] * shape.factor, shape.weight[None, :], link)


def of_median(median: Array, variance: Array, weight: Array, link: str = "identity") -> Mixture:
    """Return the mixtures of given medians (n,) in units of y, variances (n, K) on the linked scale and weights."""
    return Mixture(links.forward(link, median), variance, weight, link)


def taken(mixture: Mixture, rows: slice | NDArray[np.int64]) -> Mixture:
    """Return some rows."""
    weight = mixture.weight if len(mixture.weight) == 1 else mixture.weight[rows]
    return Mixture(mixture.centre[rows], mixture.variance[rows], weight, mixture.link)


def median(mixture: Mixture) -> Array:
    """Return the median (n,) in units of y."""
    return links.inverse(mixture.link, mixture.centre)


def moments(mixture: Mixture) -> tuple[Array, Array]:
    """Return mean and variance (n,) of y.

    Examples
    --------
    >>> moments(of_shape(np.zeros(1), np.ones(1), Shape(np.array([0.5, 0.5]), np.array([0.5, 1.5]))))
    (array([0.]), array([1.]))
    """
    mean, variance = links.moments(mixture.link, mixture.centre[:, None], mixture.variance)
    mean = np.broadcast_to(mean, variance.shape)
    centre = (mixture.weight * mean).sum(axis=1)
    return centre, (mixture.weight * (variance + (mean - centre[:, None]) ** 2)).sum(axis=1)


def log_density(mixture: Mixture, y: Array) -> Array:
    """Return the log density (n,) of values y in their own units, the link's Jacobian included."""
    square = (links.forward(mixture.link, y) - mixture.centre)[:, None] ** 2
    with np.errstate(divide="ignore"):
        parts = np.log(mixture.weight) - 0.5 * np.log(2 * np.pi * mixture.variance) - square / (2 * mixture.variance)
    top = parts.max(axis=1, keepdims=True)
    density = top[:, 0] + np.log(np.exp(parts - top).sum(axis=1))
    return np.asarray(density + links.log_jacobian(mixture.link, y))


def probability(mixture: Mixture, y: Array) -> Array:
    """Return the probability (n,) of a value below y: uniform on (0, 1) over calibrated predictions.

    Examples
    --------
    >>> probability(of_shape(np.zeros(1), np.ones(1), NORMAL, "log"), np.array([1.0]))
    array([0.5])
    """
    below = (links.forward(mixture.link, y) - mixture.centre)[:, None] / np.sqrt(mixture.variance)
    return np.asarray((mixture.weight * ndtr(below)).sum(axis=1))


def quantiles(mixture: Mixture, levels: Array) -> Array:
    """Return quantiles (n, levels) in units of y, by bisection where there are several normals.

    Examples
    --------
    >>> quantiles(of_shape(np.zeros(1), np.ones(1), NORMAL), np.array([0.975])).round(2)
    array([[1.96]])
    """
    spread = np.sqrt(mixture.variance)
    if spread.shape[1] == 1:
        return links.inverse(mixture.link, mixture.centre[:, None] + spread * ndtri(levels))
    bound = spread.max(axis=1) * -ndtri(_FAR)
    out = np.empty((len(bound), levels.size))
    for column, level in enumerate(levels):
        low, high = -bound, bound.copy()
        for _ in range(50):
            middle = (low + high) / 2
            under = (mixture.weight * ndtr(middle[:, None] / spread)).sum(axis=1) < level
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        out[:, column] = mixture.centre + (low + high) / 2
    return links.inverse(mixture.link, out)


def crps(mixture: Mixture, y: Array) -> Array:
    r"""Return the continuous ranked probability score (n,) in units of y.

    Without a link in closed form, :math:`E|u - y| - \frac12 E|u - u'|` over components and their pairs (Grimit et al.
    2006, *Q. J. R. Meteorol. Soc.* 132, 2925-2942). With one, :math:`\int (F(u) - 1[u \ge g(y)])^2 \frac{dy}{du} du` by
    Gauss-Legendre quadrature on either side of the value.

    Notes
    -----
    O(n K^2), or O(96 n K) with a link; rows go through in chunks.
    """
    if mixture.link == "identity":
        return _crps_normal(mixture, y)
    linked = links.forward(mixture.link, y)
    parts = [slice(begin, begin + _CHUNK) for begin in range(0, len(y), _CHUNK)]
    return np.concatenate([_crps_linked(taken(mixture, part), linked[part]) for part in parts])


def _crps_normal(mixture: Mixture, y: Array) -> Array:
    error, weight = y - mixture.centre, np.broadcast_to(mixture.weight, mixture.variance.shape)
    deviation = np.sqrt(mixture.variance)
    z = error[:, None] / deviation
    out = (weight * deviation * (z * (2 * ndtr(z) - 1) + np.sqrt(2 / np.pi) * np.exp(-(z**2) / 2))).sum(axis=1)
    for k in range(weight.shape[1]):
        spread = np.sqrt(mixture.variance[:, k, None] + mixture.variance[:, k:])
        twice = np.where(np.arange(k, weight.shape[1]) > k, 2.0, 1.0)
        out -= (weight[:, k, None] * weight[:, k:] * twice * spread).sum(axis=1) / np.sqrt(2 * np.pi)
    return np.asarray(out)


def _crps_linked(mixture: Mixture, linked: Array) -> Array:
    node, share = leggauss(_NODES)
    spread, out = np.sqrt(mixture.variance), np.zeros(len(linked))
    width = (np.sqrt((mixture.weight * mixture.variance).sum(axis=1)) + spread.max(axis=1)) * 4.0
    for side in (-1.0, 1.0):
        end = np.where(side < 0, np.minimum(linked, mixture.centre - width), np.maximum(linked, mixture.centre + width))
        # The square of the nodes' position puts more of them where the value lies.
        at = linked[:, None] + (end - linked)[:, None] * ((node + 1) / 2) ** 2
        step = np.abs(end - linked)[:, None] * share * (node + 1) / 2
        z = (at - mixture.centre[:, None])[:, :, None] / spread[:, None, :]
        below = (mixture.weight[:, None, :] * ndtr(-side * z)).sum(axis=2)
        out += (step * below**2 * links.slope(mixture.link, at)).sum(axis=1)
    return out


def learn(error: Array, scaled: Array, shared: Array) -> tuple[Shape, float]:
    r"""Return the shape of errors and the factor c of their variance that have the greatest likelihood.

    .. math:: e_i \sim \sum_k w_k \, N(0, b_i + c f_k a_i).

    Parameters
    ----------
    error
        Errors on the linked scale, (n,).
    scaled, shared
        Variances a and b, (n,).

    Notes
    -----
    The weights of factors :math:`2^{-8 \dots 8}` about the mean square by the EM algorithm, with twenty rows' worth of
    a normal beside: few rows tell no shape. Components below a thousandth are left out. O(n) a sweep, of 300 sweeps.

    Examples
    --------
    >>> error, one = 2.0 * ndtri((np.arange(2000) + 0.5) / 2000), np.ones(2000)
    >>> shape, factor = learn(error, one, 0.0 * one)
    >>> found = quantiles(of_shape(np.zeros(1), np.ones(1), shape), np.array([0.9]))
    >>> round(factor, 1), found.round(1)
    (4.0, array([[1.3]]))
    """
    total = scaled + shared
    centre = float(np.mean(error**2 / np.where(total > 0, total, 1.0))) or 1.0
    scales = centre * _GRID
    spread = shared[:, None] + scales * scaled[:, None]
    density = -0.5 * np.log(spread) - error[:, None] ** 2 / (2 * spread)
    density = np.exp(density - density.max(axis=1, keepdims=True))
    weight = np.full(scales.size, 1.0 / scales.size)
    prior = np.where(_GRID == 1.0, _PRIOR, 0.0)
    for _ in range(_SWEEPS):
        weight = weight * (density.T @ (1.0 / (density @ weight))) + prior
        weight /= weight.sum()
    kept = weight > 1e-3
    weight = weight[kept] / weight[kept].sum()
    factor = float(weight @ scales[kept])
    return Shape(np.asarray(weight), np.asarray(scales[kept] / factor)), factor
