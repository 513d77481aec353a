r"""Edge weights that grow with both ends: Gaussian node effects on a power scale, their evidence and their fit.

On the scale :math:`y = \log w` or :math:`y = w^{1/3}` (Wilson and Hilferty's normal scale of gamma variables),

.. math:: y_{ij} = \theta_i + \theta_j + \mu + \sigma \varepsilon_{ij},\quad \theta_i \sim N(0, t\sigma^2),\quad
          \mu \sim N(0, \sigma^2 / \kappa),\quad \sigma^2 \sim IG(1/2, b),

with :math:`y` centred. Everything but the ratio :math:`t` (a grid) is integrated out in closed form.
"""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import gammaln

KAPPA = 0.1
"""Prior precision of a mean, in units of the noise: worth a tenth of an edge."""

_RATIOS = (1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)


def power_scale(weight: NDArray[np.float64], power: float) -> tuple[NDArray[np.float64], float]:
    """Return ``log(weight)`` (power 0) or ``weight ** power``, centred, and minus the log of its Jacobian.

    A density ``p(y)`` on the scale is the density ``p(y) * dy/dw`` of the weights; the second value is
    ``-sum(log(dy/dw))``, what must be added to the cost of ``y``.

    Examples
    --------
    >>> power_scale(np.array([1.0, np.e]), 0.0)
    (array([-0.5,  0.5]), 1.0)
    """
    logarithm = np.log(weight)
    if power == 0:
        return logarithm - logarithm.mean(), float(logarithm.sum())
    y = weight**power
    return y - y.mean(), float(-(np.log(power) + (power - 1) * logarithm).sum())


def straightened(
    pairs: NDArray[np.int64], raw: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return values without the interaction of the node effects of one block, these effects (n,), and the cost.

    Products of the node effects (orders 2 to 4) are regressed out: what bends the scale for all edges alike
    must not look like communities of strong nodes.

    Notes
    -----
    ``O(E + n ** 3)`` time, ``O(n ** 2)`` memory.
    """
    y = raw
    for _ in range(3):
        _, effects = evidence(pairs, y, size, float(raw.var()))
        y = raw - _interaction(pairs, effects, raw)
        y = y - y.mean()
    cost, effects = evidence(pairs, y, size, float(raw.var()))
    return y, effects, cost


def _interaction(pairs: NDArray[np.int64], effects: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the part of ``y`` that products of the node effects explain beyond their sum."""
    spread = float(effects.std())
    if spread < 1e-9:
        return np.zeros_like(y)
    a, b = ((effects - effects.mean()) / spread)[pairs]
    terms = np.stack([a * b, a * b * (a + b), (a * b) ** 2, a * b * (a * a + b * b)], axis=1)
    rest = y - effects[pairs[0]] - effects[pairs[1]]
    rest = rest - rest.mean()
    inner = terms - terms.mean(0)
    ridge = 1e-6 * y.size * np.eye(4)
    return np.asarray(terms @ np.linalg.solve(inner.T @ inner + ridge, inner.T @ rest))


def evidence(
    pairs: NDArray[np.int64], y: NDArray[np.float64], size: int, variance: float
) -> tuple[float, NDArray[np.float64]]:
    """Return minus the log marginal likelihood of ``y`` in nats and the fitted node effects (n,).

    Parameters
    ----------
    pairs
        (2, E) nodes of each edge.
    y
        (E,) values; their prior mean is zero.
    size
        Number of nodes n.
    variance
        Scale of the inverse gamma prior of the noise variance, in squared units of ``y``.

    Notes
    -----
    One Cholesky factor of order n + 1 for each of eight ratios: ``O(E + n ** 3)``.

    Examples
    --------
    >>> pairs = np.array([[0, 0, 1], [1, 2, 2]])
    >>> evidence(pairs, np.zeros(3), 3, 1.0)[0] < evidence(pairs, np.array([3.0, -3.0, 3.0]), 3, 1.0)[0]
    True
    """
    if y.size == 0:
        return 0.0, np.zeros(size)
    normal, right = _normal_equations(pairs, y, size)
    best, solution = np.inf, np.zeros(size + 1)
    square = float(y @ y)
    used = pairs[0].size > 0 and np.unique(pairs).size
    for ratio in _RATIOS:
        prior = np.append(np.full(size, 1 / ratio), KAPPA)
        factor = scipy.linalg.cholesky(normal + np.diag(prior), lower=True)
        half = scipy.linalg.solve_triangular(factor, right, lower=True)
        logdet = 2 * np.log(np.diag(factor)).sum() - np.log(prior).sum()
        cost = 0.5 * logdet + noise_cost(y.size, square - float(half @ half), variance)
        if cost < best:
            best, solution = cost, scipy.linalg.solve_triangular(factor, half, lower=True, trans=1)
    return float(best + np.log(len(_RATIOS)) * (used > 0)), np.asarray(solution[:size])


def noise_cost(count: int, square: float, variance: float) -> float:
    """Return the cost in nats of ``count`` residuals of sum of squares ``square``, the noise variance integrated out.

    Examples
    --------
    >>> round(noise_cost(2, 2.0, 1.0), 4)
    3.4858
    """
    half = 0.5 * variance
    shape = 0.5 + 0.5 * count
    total = half + 0.5 * max(square, 0.0)
    gain = gammaln(shape) - gammaln(0.5)
    return float(0.5 * count * np.log(2 * np.pi) - 0.5 * np.log(half) - gain + shape * np.log(total))


def _normal_equations(
    pairs: NDArray[np.int64], y: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    i, j = pairs
    degree = np.bincount(i, minlength=size) + np.bincount(j, minlength=size)
    normal = np.zeros((size + 1, size + 1))
    normal[i, j] = normal[j, i] = 1.0
    normal[np.arange(size), np.arange(size)] = degree
    normal[:size, size] = normal[size, :size] = degree
    normal[size, size] = y.size
    right = np.append(np.bincount(i, y, size) + np.bincount(j, y, size), y.sum())
    return normal, right
