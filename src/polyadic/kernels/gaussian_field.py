r"""A Gaussian field over places and elevations, observed in many independent groups of rows (time stamps, months).

In each group the residual r from a known mean is

    r ~ N(0, C),    C_ij = v exp(-d_ij) + sum_k b_k h_ik h_jk + w_i n [i = j],
    d_ij^2 = |x_i - x_j|^2 / l^2 + (z_i - z_j)^2 / m^2

with places x (chords in km), heights z (elevations in km), trend columns h and noise weights w. The variances b of the
trend's coefficients shrink a group's own trend to the known mean: a group of few rows keeps nearly that mean, one of
many rows gets its own lapse rate. The hyperparameters (l, m, v, n, b) are shared by all groups and maximise their
likelihood. scikit-learn's regressor learns from one data set of one size, so it cannot share them; hence these lines.

References
----------
Omre (1987), *Math. Geology* 19, 25-39 (Bayesian kriging). Rasmussen & Williams (2006), eqs. 2.25-2.26, 5.8-5.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

from polyadic.kernels.matern_products import Floats, Integers

ITERATIONS = 40
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Sites:
    """Where rows lie: places (n, d), chords in km; heights (n, k), elevation in km; columns of the trend (n, p)."""

    place: Floats
    height: Floats
    trend: Floats

    def take(self, rows: Integers) -> Sites:
        """Return the sites of some rows."""
        return Sites(self.place[rows], self.height[rows], self.trend[rows])


@dataclass(frozen=True, eq=False)
class Group:
    """Rows that share one draw of the field: their sites, residuals (n,) and noise weights (n,)."""

    sites: Sites
    residual: Floats
    weight: Floats


@dataclass(frozen=True, eq=False)
class Field:
    """Hyperparameters of the field.

    Parameters
    ----------
    length, height_length
        Scales l and m, km.
    variance, noise
        v and n, squared unit of the data.
    trend_variance
        b, shape (p,), squared unit of the data over that of each trend column.
    """

    length: float
    height_length: float
    variance: float
    noise: float
    trend_variance: Floats

    def covariance(self, first: Sites, second: Sites) -> Floats:
        """Return the covariance of the noise-free field between sites, (n, m)."""
        near = cdist(self._scaled(first), self._scaled(second))
        np.exp(-near, out=near)
        return np.asarray(self.variance * near + (first.trend * self.trend_variance) @ second.trend.T)

    def prior_variance(self, sites: Sites) -> Floats:
        """Return the variance of the noise-free field at sites, (n,)."""
        return np.asarray(self.variance + (sites.trend**2) @ self.trend_variance)

    def matched(self, sites: Sites, residual: Floats) -> Field:
        """Return the field whose first trend coefficient varies so much that it has the mean square of all residuals.

        A few groups tell how the field varies within a group, but only all of them how the groups differ.
        """
        excess = float(np.mean(residual**2 - self.prior_variance(sites))) - self.noise
        first = max(float(self.trend_variance[0]) + excess, 0.0)
        return replace(self, trend_variance=np.r_[first, self.trend_variance[1:]])

    def krige(self, group: Group, target: Sites) -> tuple[Floats, Floats]:
        r"""Return the posterior mean and variance of the noise-free field at targets, both (m,).

        :math:`C_{*} C^{-1} r` and :math:`c_{**} - C_* C^{-1} C_*^T` by one Cholesky factor, :math:`O(n^3 + n^2 m)`.
        """
        prior = self.prior_variance(target)
        if not len(group.residual):
            return np.zeros(len(prior)), prior
        matrix = self.covariance(group.sites, group.sites)
        matrix.flat[:: len(matrix) + 1] += self.noise * group.weight
        factor = np.linalg.cholesky(matrix)
        sides = np.column_stack([self.covariance(group.sites, target), group.residual])
        white = solve_triangular(factor, sides, lower=True, check_finite=False)
        mean = white[:, :-1].T @ white[:, -1]
        known = np.einsum("ij,ij->j", white[:, :-1], white[:, :-1])
        return np.asarray(mean), np.maximum(prior - known, TINY * prior)

    def leave_one_out(self, group: Group) -> tuple[Floats, Floats]:
        """Return the residual of every row from the kriging of the others, and its variance with the noise, both (n,).

        These are (C^-1 r)_i / (C^-1)_ii and 1 / (C^-1)_ii.
        """
        matrix = self.covariance(group.sites, group.sites)
        matrix.flat[:: len(matrix) + 1] += self.noise * group.weight
        inverse = np.linalg.inv(matrix)
        left: Floats = inverse @ group.residual / np.diag(inverse)
        return left, 1.0 / np.diag(inverse)

    def _scaled(self, sites: Sites) -> Floats:
        return np.column_stack([sites.place / self.length, sites.height / self.height_length])


def learn(groups: Sequence[Group], start: Field | None = None, iterations: int = ITERATIONS) -> Field:
    r"""Return the hyperparameters of the greatest likelihood over groups, by L-BFGS with the exact gradient.

    Parameters
    ----------
    groups
        Each of at least one row; sizes may differ.
    start
        Where the search begins; by default from the variance of the residuals and the extent of the sites.
    iterations
        At most so many; each costs :math:`O(n^3)` a group.

    Raises
    ------
    ValueError
        If there is no group.
    """
    if not groups:
        raise ValueError("groups: none; at least one group of rows is needed to learn a field")
    scale = float(np.mean(np.concatenate([group.residual for group in groups]) ** 2)) + TINY
    extent = max(float(np.ptp(group.sites.place, axis=0).max()) for group in groups) + 1.0
    power = np.mean(np.concatenate([group.sites.trend for group in groups]) ** 2, axis=0) + TINY
    first = start or Field(extent / 4, 1.0, scale / 2, scale / 4, scale / 4 / power)
    lower = np.log(np.r_[extent * 1e-3, 0.05, np.full(2, scale * 1e-4), scale * 1e-6 / power])
    upper = np.log(np.r_[extent * 10, 20.0, np.full(2, scale * 1e2), scale * 1e2 / power])
    squares = [(_squares(group.sites.place), _squares(group.sites.height)) for group in groups]

    def objective(parameters: Floats) -> tuple[float, Floats]:
        terms = [_likelihood(parameters, *pair) for pair in zip(groups, squares, strict=True)]
        return sum(term[0] for term in terms) / len(groups), np.sum([term[1] for term in terms], axis=0) / len(groups)

    found = minimize(
        objective,
        np.clip(_pack(first), lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
        options={"maxiter": iterations},
    )
    length, height_length, variance, noise, *trend = np.exp(found.x)
    return Field(float(length), float(height_length), float(variance), float(noise), np.array(trend))


def _pack(field: Field) -> Floats:
    packed = np.r_[field.length, field.height_length, field.variance, field.noise, field.trend_variance]
    return np.asarray(np.log(np.maximum(packed, TINY**2)))


def _squares(points: Floats) -> Floats:
    return np.asarray(cdist(points, points, "sqeuclidean"))


def _likelihood(parameters: Floats, group: Group, squares: tuple[Floats, Floats]) -> tuple[float, Floats]:
    """Return the negative log likelihood of a group, without constant, and its gradient by log hyperparameters."""
    length, height_length, variance, noise, *trend = np.exp(parameters)
    columns = group.sites.trend
    along, up = squares[0] / length**2, squares[1] / height_length**2
    distance = np.sqrt(along + up)
    near = variance * np.exp(-distance)
    matrix = near + (columns * trend) @ columns.T
    matrix.flat[:: len(matrix) + 1] += noise * group.weight
    factor = np.linalg.cholesky(matrix)
    inverse = cho_solve((factor, True), np.eye(len(matrix)), check_finite=False)
    alpha = inverse @ group.residual
    value = float(np.log(np.diag(factor)).sum() + 0.5 * group.residual @ alpha)
    slope = 0.5 * (inverse - np.outer(alpha, alpha))  # derivative of the value by the matrix
    steep = slope * near
    pull = steep / np.maximum(distance, TINY)
    gradient = [np.sum(pull * along), np.sum(pull * up), steep.sum(), noise * np.diag(slope) @ group.weight]
    gradient += list(np.array(trend) * np.einsum("ik,ik->k", columns, slope @ columns))
    return value, np.array(gradient)
