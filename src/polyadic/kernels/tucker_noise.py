r"""How entries meet the model: a linear drift in covariates, and Gaussian or Student-t noise.

Student-t noise is a scale mixture, :math:`\epsilon_n \sim N(0, \sigma^2 / \lambda_n)`,
:math:`\lambda_n \sim Gamma(\nu/2, \nu/2)`. With :math:`e_n = E (y_n - f_n)^2` the best :math:`q(\lambda_n)` has
mean :math:`(\nu + 1) / (\nu + e_n / \sigma^2)`, and leaves in the bound the Student-t log density with :math:`e_n` in
the place of the squared residual; scale and degrees of freedom maximise that.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import gamma

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observation:
    """Posterior of the drift, its divergence from the prior and summed variance; degrees of freedom of the noise."""

    mean: Array = field(default_factory=lambda: np.zeros(0))
    covariance: Array = field(default_factory=lambda: np.zeros((0, 0)))
    divergence: float = 0.0
    energy: float = 0.0
    degrees: float = np.inf


def fit_drift(residual: Array, drift: Array, weight: Array, noise: float) -> Observation:
    """Return the posterior of drift coefficients with a standard normal prior.

    Parameters
    ----------
    residual
        Values less the mean of the rest of the model, shape (N,).
    drift
        Standardised covariates, shape (N, q).
    weight
        Relative precision of each entry, shape (N,).
    noise
        Noise variance.

    Examples
    --------
    >>> fit_drift(np.array([2.0, -2.0]), np.array([[1.0], [-1.0]]), np.ones(2), 1.0).mean
    array([1.33333333])
    """
    q = drift.shape[1]
    if not q:
        return Observation()
    covariance = np.linalg.inv((drift * weight[:, None]).T @ drift / noise + np.eye(q))
    mean = covariance @ (drift.T @ (weight * residual)) / noise
    divergence = (np.trace(covariance) + mean @ mean - q - np.linalg.slogdet(covariance)[1]) / 2
    return Observation(np.asarray(mean), np.asarray(covariance, dtype=np.float64), float(divergence))


def fit_student(square: Array, variance: float, degrees: float) -> tuple[float, float, Array, float]:
    """Return squared scale, degrees of freedom, weights (N,) and log likelihood bound of Student-t noise.

    Parameters
    ----------
    square
        Expected squared residuals, shape (N,).
    variance, degrees
        Where to start.

    Notes
    -----
    Degrees of freedom stay within 2.1 and 200.
    """
    start = np.array([np.log(variance), np.log(min(max(degrees, 2.2), 100.0) if np.isfinite(degrees) else 8.0)])

    def loss(at: Array) -> tuple[float, Array]:
        scale, nu = np.exp(at)
        ratio = square / scale
        growth = np.log1p(ratio / nu)
        value = _constant(nu) - at[0] / 2 - (nu + 1) / 2 * growth.mean()
        weight = (nu + 1) / (nu + ratio)
        by_scale = -0.5 + (weight * ratio).mean() / 2
        slope = (_constant(nu * 1.0001) - _constant(nu * 0.9999)) / 0.0002
        by_nu = slope - nu / 2 * growth.mean() + (weight * ratio).mean() / 2
        return -value, -np.array([by_scale, by_nu])

    limits = [(start[0] - 5, start[0] + 5), (np.log(2.1), np.log(200.0))]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    scale, nu = np.exp(found)
    return float(scale), float(nu), (nu + 1) / (nu + square / scale), -loss(found)[0] * square.size


def _constant(nu: float) -> float:
    return float(gammaln((nu + 1) / 2) - gammaln(nu / 2) - np.log(np.pi * nu) / 2)


def mixture_scales(degrees: float, count: int = 32) -> Array:
    """Return ``count`` equally likely values of 1/lambda: Student-t noise is a mixture of such normals."""
    if np.isinf(degrees):
        return np.ones(1)
    return np.asarray(1.0 / gamma.ppf((np.arange(count) + 0.5) / count, degrees / 2, scale=2 / degrees))
