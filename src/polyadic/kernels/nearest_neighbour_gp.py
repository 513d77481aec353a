r"""A Gaussian process on scattered rows at linear cost: each row is conditioned on its nearest neighbours.

.. math:: y_i = \mu + f(x_i) + \epsilon_i, \quad f \sim GP(0, k), \quad \epsilon_i \sim N(0, \tau + r_i),

with :math:`k` a sum of Matern products (:mod:`polyadic.kernels.matern_products`) and :math:`r_i` a known extra variance
of the row. The likelihood is Vecchia's over a random order; hyperparameters maximise it. With as many neighbours as
rows everything here equals the dense Gaussian process.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from . import vecchia
from .matern_products import Floats, Integers, MaternProducts, embed
from .neighbour_search import Field, nearest, nearest_before
from .vecchia_fit import Search, VecchiaTask

__all__ = [
    "NearestNeighbourGP",
    "Search",
    "coverage",
    "fit_nearest_neighbour_gp",
    "leave_one_out",
    "log_likelihood",
    "predict",
    "sample",
]


@dataclass(frozen=True)
class NearestNeighbourGP:
    """A fitted process: the rows, and the parameters that came out of them.

    Parameters
    ----------
    modes
        The kind of each mode, ``"line"`` or ``"sphere"``.
    coordinates
        (n, columns) the observed rows.
    values
        (n,) observed values.
    row_variance
        (n,) known extra variance of each value.
    mean
        The constant mean.
    kernel
        Variances, length scales, smoothness and noise.
    neighbours
        Neighbours that a row is conditioned on.
    row_log_likelihood
        Mean conditional log density of the rows that the fit used, in the values' own units.
    converged, iterations
        Of the last optimisation round, and of all together.
    """

    modes: tuple[str, ...]
    coordinates: Floats
    values: Floats
    row_variance: Floats
    mean: float
    kernel: MaternProducts
    neighbours: int
    row_log_likelihood: float = math.nan
    converged: bool = True
    iterations: int = 0


def fit_nearest_neighbour_gp(
    coordinates: Floats,
    values: Floats,
    modes: Sequence[str],
    *,
    row_variance: Floats | None = None,
    search: Search | None = None,
) -> NearestNeighbourGP:
    r"""Return the process whose hyperparameters maximise Vecchia's likelihood of the values.

    The rows are put in random order; :math:`\sum_i \log p(y_i \mid y_{N(i)})` runs over ``search.rows`` of them, with
    neighbours :math:`N(i)` among all rows earlier in the order: an unbiased share of the whole log likelihood.

    Parameters
    ----------
    coordinates
        (n, columns): one column for each ``"line"``, latitude and longitude in degrees for each ``"sphere"``.
    values
        (n,) values, any units.
    modes
        The modes, by the order of their columns.
    row_variance
        (n,) known extra variance of each value, squared units; zero by default.
    search
        How to look for the hyperparameters.

    Returns
    -------
    the fitted process; ``converged`` says whether the last round met its tolerance.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, a variance is negative or a mode is unknown.

    Notes
    -----
    O(rows m^2 (m + C K)) an evaluation, O(n log n) for the neighbours; memory O(n). Datta et al. 2016 (JASA 111);
    Katzfuss & Guinness 2021 (Statist. Sci. 36); random order: Guinness 2018 (Technometrics 60).

    Examples
    --------
    >>> x = np.linspace(0.0, 6.0, 60)[:, None]
    >>> gp = fit_nearest_neighbour_gp(x, np.sin(x[:, 0]), ["line"], search=Search(smoothness=((1.5,),), neighbours=8))
    >>> mean, variance = predict(gp, np.array([[1.55]]))
    >>> mean.round(2), bool(variance[0] < 1e-3)
    (array([1.]), True)
    """
    search = search or Search()
    points = embed(coordinates, modes)
    y, extra = _checked(points, values, row_variance)
    order = np.random.default_rng([search.seed, 0]).permutation(len(y))
    task = VecchiaTask(points[order], y[order] - y.mean(), extra[order], tuple(modes), search)
    kernel, score, converged, iterations = task.solve()
    coordinates = np.array(coordinates, dtype=np.float64)
    fitted = (float(y.mean()), kernel, search.neighbours, score, converged, iterations)
    return NearestNeighbourGP(tuple(modes), coordinates, y.copy(), extra.copy(), *fitted)


def predict(gp: NearestNeighbourGP, coordinates: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance (p,) of mean + f at rows (p, columns), each given its nearest observed rows.

    Notes
    -----
    The variance of a new value is this plus ``gp.kernel.noise``. O(p m^2 (m + C K)) and O(p) memory.

    Raises
    ------
    ValueError
        If the columns do not match the modes or a coordinate is not finite.
    """
    known = embed(gp.coordinates, gp.modes)
    new = embed(coordinates, gp.modes)
    return _conditionals(gp, np.concatenate([known, new]), np.arange(len(new)) + len(known))


def leave_one_out(gp: NearestNeighbourGP) -> tuple[Floats, Floats]:
    """Return mean and variance (n,) of mean + f at each observed row given its nearest other observed rows."""
    points = embed(gp.coordinates, gp.modes)
    return _conditionals(gp, points, np.arange(len(points)))


def sample(gp: NearestNeighbourGP, coordinates: Floats, draws: int, seed: int) -> Floats:
    """Return joint draws (draws, p) of mean + f at new rows (p, columns).

    The new rows are put in random order; each is conditioned on its nearest observed rows and on its nearest new
    rows before it, up to ``gp.neighbours`` of each (response-first Vecchia prediction, Katzfuss et al. 2020, JABES 25).

    Raises
    ------
    ValueError
        If the columns do not match the modes, a coordinate is not finite or ``draws`` is below 1.

    Notes
    -----
    O(p (2 m)^2 (2 m + C K) + p m draws); memory O(p (m + draws)).
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1; got {draws}")
    known, new = embed(gp.coordinates, gp.modes), embed(coordinates, gp.modes)
    n, order = len(known), np.random.default_rng([seed, 0]).permutation(len(new))
    points = np.concatenate([known, new[order]])
    rows = np.arange(len(new)) + n
    field = _field(gp, points)
    observed = nearest(field, rows, n, min(gp.neighbours, n))
    earlier = nearest_before(field, rows, n, min(gp.neighbours, len(new)))
    neighbours = _left_aligned(np.concatenate([observed, earlier], axis=1))
    mean, spread, weight = _moments(gp, field, rows, neighbours)
    out = np.empty((len(new), draws))
    normals = np.random.default_rng([seed, 1]).standard_normal((len(new), draws))
    vecchia.draw(mean, spread, weight, neighbours, n, normals, out)
    drawn = np.empty((draws, len(new)))
    drawn[:, order] = out.T + gp.mean
    return drawn


def log_likelihood(gp: NearestNeighbourGP, seed: int = 0) -> float:
    """Return Vecchia's log likelihood of all observed values, over the random order that ``seed`` gives."""
    search = Search(fit_neighbours=gp.neighbours)
    order = np.random.default_rng([seed, 0]).permutation(len(gp.values))
    points = embed(gp.coordinates, gp.modes)[order]
    task = VecchiaTask(points, gp.values[order] - gp.mean, gp.row_variance[order], gp.modes, search)
    rows = np.arange(len(order))
    return task.evaluate(gp.kernel, rows, task.neighbours(gp.kernel, rows))[0]


def coverage(truth: Floats, mean: Floats, variance: Floats, level: float = 0.9) -> float:
    """Return the share of ``truth`` inside the central Gaussian bands of probability ``level``.

    Examples
    --------
    >>> coverage(np.array([0.0, 1.0, 2.0]), np.zeros(3), np.ones(3))
    0.6666666666666666
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1; got {level}")
    return float(np.mean(np.abs(truth - mean) <= ndtri(0.5 + level / 2.0) * np.sqrt(variance)))


def _checked(points: Floats, values: Floats, row_variance: Floats | None) -> tuple[Floats, Floats]:
    y = np.asarray(values, dtype=np.float64)
    if y.shape != (len(points),) or len(y) < 2:
        raise ValueError(f"values must be ({len(points)},) as the rows of coordinates, at least 2; got {y.shape}")
    if not np.isfinite(y).all():
        raise ValueError("values must be finite; found NaN or infinity")
    extra = np.zeros(len(y)) if row_variance is None else np.asarray(row_variance, dtype=np.float64)
    if extra.shape != y.shape or not (extra >= 0.0).all():
        raise ValueError(f"row_variance must be ({len(y)},) and not negative; got {extra.shape}, least {extra.min()}")
    return y, extra


def _left_aligned(neighbours: Integers) -> Integers:
    """Move the -1 of every row behind its neighbours."""
    return np.take_along_axis(neighbours, np.argsort(neighbours < 0, axis=1, kind="stable"), axis=1)


def _field(gp: NearestNeighbourGP, points: Floats) -> Field:
    """Return the field whose first rows are the observed ones; the others carry no noise."""
    nugget = np.zeros(len(points))
    nugget[: len(gp.values)] = gp.kernel.noise + gp.row_variance
    return Field(points, nugget, gp.kernel, gp.modes)


def _conditionals(gp: NearestNeighbourGP, points: Floats, rows: Integers) -> tuple[Floats, Floats]:
    field, n = _field(gp, points), len(gp.values)
    near = nearest(field, rows, n, min(gp.neighbours, n))
    mean, variance, _ = _moments(gp, field, rows, near)
    return mean + gp.mean, variance


def _moments(gp: NearestNeighbourGP, field: Field, rows: Integers, near: Integers) -> tuple[Floats, Floats, Floats]:
    """Return the mean by the known neighbours' values, the variance and the weights of all neighbours."""
    n = len(gp.values)
    weight, spread = vecchia.weights(field.arrays, rows, near)
    known = np.where((near >= 0) & (near < n), (gp.values - gp.mean)[np.clip(near, 0, n - 1)], 0.0)
    return (weight * known).sum(axis=1), spread, weight
