r"""A Gaussian field over places with a linear drift, learned from values of known error: universal kriging.

.. math:: y_i = h_i^T \beta + f(x_i) + e_i + \epsilon_i, \quad f \sim GP(0, k), \quad e_i \sim N(0, \tau), \quad
          \epsilon_i \sim N(0, r_i)

with a column of ones and the standardised coordinates (covariates such as elevation among them; a place on the sphere
by its three chord coordinates) in h, the effect e of each place, and the known error variance r of each value. What is
wanted at a place is :math:`h^T \beta + f + e`. Conditionals are those of the nearest neighbours
(:mod:`polyadic.kernels.nearest_neighbour_gp`), so thousands of places cost no more than a multiple of one; with fewer
places than neighbours all is exact. The slopes have the prior :math:`N(0, s^2)`, s the standard deviation of the
values: with many places it is not felt, with few it keeps them finite.

References
----------
Omre (1987), *Math. Geology* 19, 25-39. Datta et al. (2016), *JASA* 111.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels import neighbour_search, vecchia
from polyadic.kernels.matern_products import Floats, embed
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP, Search

_FLAT = 1e6
"""Prior variance of the level, in mean squares of the values."""
_ROUNDS = 2


@dataclass(frozen=True)
class DriftingField:
    """A fitted field.

    Attributes
    ----------
    process
        The process f on the values less the drift; its noise is the variance tau of a place's effect.
    centre, scale
        Mean and standard deviation of the embedded coordinates over the places, (d,).
    drift, drift_covariance
        Posterior moments of beta, (1 + d,) and (1 + d, 1 + d).
    """

    process: NearestNeighbourGP
    centre: Floats
    scale: Floats
    drift: Floats
    drift_covariance: Floats


def search_of(seed: int) -> Search:
    """Return how the hyperparameters of a field are looked for: one rough component, one start."""
    return Search(smoothness=((0.5,),), neighbours=40, fit_neighbours=30, rows=1000, starts=1, rounds=1, seed=seed)


def fit(
    coordinates: Floats, values: Floats, modes: Sequence[str], variance: Floats, search: Search | None = None
) -> DriftingField:
    """Return the field whose hyperparameters maximise the likelihood of the values.

    Parameters
    ----------
    coordinates
        Distinct places and their covariates, (P, columns), as ``modes`` say.
    values
        (P,), any units.
    modes
        ``"line"`` for each column, ``"sphere"`` for latitude and longitude in degrees.
    variance
        Known error variance of each value, (P,).
    search
        How to look for the hyperparameters.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, there are fewer than two or a mode is unknown.

    Notes
    -----
    Hyperparameters and drift are found in turn, twice. O(P m^2 (m + C K)) for m neighbours.

    Examples
    --------
    >>> x = np.linspace(0.0, 6.0, 40)[:, None]
    >>> field = fit(x, 3.0 * x[:, 0] + np.sin(3 * x[:, 0]), ["line"], np.full(40, 1e-4))
    >>> predict(field, np.array([[3.03]]))[0].round(1)
    array([9.4])
    """
    search = search or search_of(0)
    points = embed(coordinates, modes)
    scale = points.std(axis=0)
    centre, scale = points.mean(axis=0), np.where(scale > 1e-12 * np.abs(points).max(axis=0), scale, 1.0)
    design = _design(points, centre, scale)
    drift = _solved(design, values, np.full(len(values), float(np.var(values)) or 1.0), values)[0]
    for _ in range(_ROUNDS):
        left = values - design @ drift
        process = nearest.fit_nearest_neighbour_gp(coordinates, left, modes, row_variance=variance, search=search)
        field = given(DriftingField(process, centre, scale, drift, np.zeros((drift.size,) * 2)), values, variance)
        drift = field.drift
    return field


def given(field: DriftingField, values: Floats, variance: Floats, coordinates: Floats | None = None) -> DriftingField:
    """Return the field of the same hyperparameters given other values, at other places if ``coordinates`` are given."""
    places = field.process.coordinates if coordinates is None else coordinates
    process = replace(field.process, coordinates=places, values=values, row_variance=variance, mean=0.0)
    points = embed(places, process.modes)
    design = _design(points, field.centre, field.scale)
    white = _whitened(process, points, np.column_stack([design, values]))
    drift, covariance = _solved(white[:, :-1], white[:, -1], np.ones(len(values)), values)
    return replace(
        field, process=replace(process, values=values - design @ drift), drift=drift, drift_covariance=covariance
    )


def predict(field: DriftingField, coordinates: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance (p,) of drift + f + e at new places (p, columns).

    Notes
    -----
    The variance holds the error of the drift, as in universal kriging, and the effect of the new place.
    """
    mean, variance, _ = _conditional(field, coordinates)
    return mean, variance + field.process.kernel.noise


def of_others(field: DriftingField) -> tuple[Floats, Floats]:
    """Return mean and variance (P,) of drift + f + e at each known place, given the values of the other places.

    The drift is that of all.
    """
    process = field.process
    mean, variance = nearest.leave_one_out(process)
    design = _design(embed(process.coordinates, process.modes), field.centre, field.scale)
    return design @ field.drift + mean, variance + process.kernel.noise


def smoothed(field: DriftingField) -> tuple[Floats, Floats]:
    """Return mean and variance (P,) of drift + f + e at the known places, given all values, its own included.

    Notes
    -----
    What the other places say and its own value, by their precisions: where the error variance is zero it is the value.
    """
    process = field.process
    mean, prior = of_others(field)
    design = _design(embed(process.coordinates, process.modes), field.centre, field.scale)
    gain = prior / np.maximum(prior + process.row_variance, 1e-300)
    return mean + gain * (design @ field.drift + process.values - mean), (1.0 - gain) * prior


def sample(field: DriftingField, coordinates: Floats, draws: int, seed: int) -> Floats:
    """Return joint draws (draws, p) of drift + f + e at distinct new places (p, columns)."""
    mean, _, open_design = _conditional(field, coordinates)
    rng = np.random.default_rng([seed, 5])
    process = field.process
    out = nearest.sample(process, coordinates, draws, seed) - nearest.predict(process, coordinates)[0] + mean
    root = np.linalg.cholesky(field.drift_covariance + 1e-12 * np.diag(np.diag(field.drift_covariance)))
    out += rng.standard_normal((draws, root.shape[0])) @ (open_design @ root).T
    return np.asarray(out + np.sqrt(process.kernel.noise) * rng.standard_normal(out.shape))


def _conditional(field: DriftingField, coordinates: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of drift + f at new places, and the design that the neighbours do not explain."""
    process = field.process
    known, new = embed(process.coordinates, process.modes), embed(coordinates, process.modes)
    n = len(known)
    nugget = np.concatenate([process.kernel.noise + process.row_variance, np.zeros(len(new))])
    space = neighbour_search.Field(np.concatenate([known, new]), nugget, process.kernel, process.modes)
    rows = np.arange(len(new)) + n
    near = neighbour_search.nearest(space, rows, n, min(process.neighbours, n))
    weight, spread = vecchia.weights(space.arrays, rows, near)
    weight = np.where(near >= 0, weight, 0.0)
    design = _design(new, field.centre, field.scale)
    there = _design(known, field.centre, field.scale)[near]
    left = design - np.einsum("pm,pmd->pd", weight, there)
    mean = design @ field.drift + (weight * process.values[near]).sum(axis=1)
    return mean, spread + np.einsum("pd,de,pe->p", left, field.drift_covariance, left), left


def _design(points: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.column_stack([np.ones(len(points)), (points - centre) / scale])


def _solved(design: Floats, white: Floats, variance: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return posterior mean and covariance of the coefficients, the prior variance of each slope being the values'."""
    prior = np.full(design.shape[1], max(float(np.var(values)), 1e-12 * float(np.mean(values**2)), 1e-300))
    prior[0] = max(_FLAT * float(np.mean(values**2)), prior[0])
    covariance = np.linalg.inv((design.T / variance) @ design + np.diag(1.0 / prior))
    return covariance @ (design.T @ (white / variance)), np.asarray(covariance, dtype=np.float64)


def _whitened(process: NearestNeighbourGP, points: Floats, columns: Floats) -> Floats:
    """Return columns (P, c) freed of what earlier places say and divided by the deviation that is left."""
    order = np.random.default_rng([0, 4]).permutation(len(points))
    nugget = process.kernel.noise + process.row_variance[order]
    space = neighbour_search.Field(points[order], nugget, process.kernel, process.modes)
    rows = np.arange(len(points))
    near = neighbour_search.nearest_before(space, rows, 0, max(min(process.neighbours, len(points) - 1), 1))
    weight, spread = vecchia.weights(space.arrays, rows, near)
    weight = np.where(near >= 0, weight, 0.0)
    sorted_columns = columns[order]
    left = sorted_columns - np.einsum("pm,pmc->pc", weight, sorted_columns[near])
    return np.asarray(left / np.sqrt(np.maximum(spread + nugget, 1e-300))[:, None])
