"""One interface over the kinds of mode: a coordinate (state space), points (dense), many points (inducing points).

A *prior* says what the mode is; :func:`update` finds the best Gaussian for its functions under given messages, and
moves the hyperparameters uphill in the evidence of that Gaussian problem, which is a lower bound of the whole model's.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import (
    dense_prediction,
    dense_process,
    inducing_mode,
    inducing_prediction,
    inducing_process,
    linear_sde,
    state_space,
)
from polyadic.kernels.dense_process import DensePosterior, Points
from polyadic.kernels.evidence_climb import climb
from polyadic.kernels.inducing_prediction import InducingPosterior
from polyadic.kernels.state_space import AxisPosterior

Array = NDArray[np.float64]
LARGEST_DENSE = 3000
"""Most points of a mode that is solved densely."""
LITTLE = 1e-3
"""Variance that effects of single points begin with where there are inducing points: hardly any evidence tells a small
one from none, but it is in the error of every new point, so it has to earn its size."""
JOINT = 600
"""Most points times functions that are solved together."""
Posterior = AxisPosterior | DensePosterior | InducingPosterior


@dataclass(frozen=True)
class AxisPrior:
    """A mode of one coordinate: ``kernel`` name and sorted distinct ``knots`` (D,)."""

    kernel: str
    knots: Array


@dataclass(frozen=True)
class PointPrior:
    """A mode of points: the ``points``, their ``distance`` (D, D), and the number of functions solved jointly."""

    points: Points
    distance: Array
    block: int


@dataclass(frozen=True)
class InducingPrior:
    """A mode of many points: the ``points``, which of them are inducing, (M,), and the distances (M, M) of these.

    Any first inducing points lie evenly among all.
    """

    points: Points
    chosen: NDArray[np.int64]
    distance: Array


Prior = AxisPrior | PointPrior | InducingPrior


@dataclass(frozen=True)
class Update:
    """What :func:`update` finds.

    Attributes
    ----------
    mean, covariance
        Moments at the unique indexes, (D, R) and (D, R, R).
    divergence
        Kullback-Leibler divergence from the prior, nats.
    log_parameters
        Hyperparameters, (R, parameters).
    gain
        What the mode adds to the evidence lower bound: expected log messages less the divergence.
    """

    mean: Array
    covariance: Array
    divergence: float
    log_parameters: Array
    gain: float


def point_prior(points: Points, inducing: int = inducing_process.INDUCING) -> PointPrior | InducingPrior:
    """Return a mode of points: dense up to :data:`LARGEST_DENSE` of them, else by at most that many inducing points."""
    at, size = points.coordinates, points.coordinates.shape[0]
    if size <= LARGEST_DENSE:
        return PointPrior(points, dense_process.distances(points.geometry, at, at), max(1, JOINT // size))
    chosen = inducing_process.spread_points(points.geometry, at, inducing)
    return InducingPrior(points, chosen, dense_process.distances(points.geometry, at[chosen], at[chosen]))


def coarse(prior: Prior) -> Prior:
    """Return the mode as it is when starts are compared: with few inducing points, if it has any."""
    if not isinstance(prior, InducingPrior):
        return prior
    count = inducing_process.COARSE
    return replace(prior, chosen=prior.chosen[:count], distance=prior.distance[:count, :count])


def refined(own: Prior, prior: Prior) -> Prior:
    """Return a coarse mode with all inducing points of another; other modes as they are."""
    if not isinstance(own, InducingPrior) or not isinstance(prior, InducingPrior):
        return own
    return replace(own, chosen=prior.chosen, distance=prior.distance)


def coordinates(prior: Prior) -> tuple[Array, Array]:
    """Return the coordinates (D, columns) and covariates (D, q) of the unique indexes of a mode."""
    if isinstance(prior, AxisPrior):
        return prior.knots[:, None], np.zeros((prior.knots.size, 0))
    return prior.points.coordinates, prior.points.covariates


def training_points(state: Posterior) -> tuple[Array, Array]:
    """Return the coordinates (D, columns) and covariates (D, q) of the unique indexes that a mode was fitted to."""
    if isinstance(state, AxisPosterior):
        return state.knots[:, None], np.zeros((state.knots.size, 0))
    return state.points.coordinates, state.points.covariates


def with_kernel(prior: Prior, kernel: str) -> Prior | None:
    """Return the mode with another Matern kernel, whose hyperparameters mean the same; None if it has it already."""
    if isinstance(prior, AxisPrior):
        return None if prior.kernel == kernel else replace(prior, kernel=kernel)
    return None if prior.points.kernel == kernel else replace(prior, points=replace(prior.points, kernel=kernel))


def size(prior: Prior) -> int:
    """Return the number of unique indexes."""
    return prior.knots.size if isinstance(prior, AxisPrior) else prior.points.coordinates.shape[0]


def parameter_names(prior: Prior) -> tuple[str, ...]:
    """Return the names of the hyperparameters of one function."""
    if isinstance(prior, AxisPrior):
        return linear_sde.parameter_names(linear_sde.parse(prior.kernel))
    return dense_process.parameter_names(prior.points)


def variance_columns(prior: Prior) -> NDArray[np.bool_]:
    """Return which hyperparameters are variances: these scale with the functions."""
    return np.array(["variance" in name for name in parameter_names(prior)])


def start_parameters(prior: Prior, functions: int) -> Array:
    """Return first logarithmic hyperparameters (functions, parameters): total variance one, middling lengths."""
    names = parameter_names(prior)
    share = 1.0 / sum("variance" in name for name in names)
    low, high = span(prior)
    values = {"length": np.sqrt(low * high), "roughness": 1.0}
    row = [np.log(share if "variance" in name else values[name.split("_")[0]]) for name in names]
    if isinstance(prior, InducingPrior):
        row[-1] = np.log(LITTLE)
    return np.tile(row, (functions, 1))


def span(prior: Prior) -> tuple[float, float]:
    """Return the smallest typical gap and the extent of the coordinates, of inducing points where there are any."""
    if isinstance(prior, AxisPrior):
        gaps = np.diff(prior.knots)
        if not gaps.size:
            return 1.0, 1.0
        return float(np.median(gaps)), float(prior.knots[-1] - prior.knots[0])
    away = prior.distance + np.where(np.eye(prior.distance.shape[0]) > 0, np.inf, 0.0)
    if prior.distance.shape[0] < 2:
        return 1.0, 1.0
    return max(float(np.median(away.min(axis=1))), 1e-9), float(prior.distance.max())


def _bounds(prior: Prior, functions: int) -> list[tuple[float, float]]:
    low, high = span(prior)
    limits = {"variance": (-20.0, 5.0), "length": (np.log(low) - 4, np.log(high) + 3), "roughness": (-0.7, 3.0)}
    return [limits[next(k for k in limits if k in name)] for name in parameter_names(prior)] * functions


def update(prior: Prior, log_parameters: Array, precision: Array, shift: Array, mean: Array, steps: int) -> Update:
    """Return the posterior of a mode's functions under its messages, after ``steps`` climbs of the hyperparameters.

    Parameters
    ----------
    prior
        The mode.
    log_parameters
        Shape (R, parameters).
    precision, shift
        Messages, shapes (D, R, R) and (D, R).
    mean
        Present means (D, R), used by modes of points, whose functions are solved in blocks or, with inducing points,
        one by one.
    steps
        Quasi-Newton steps; 0 keeps the hyperparameters.

    Returns
    -------
    the :class:`Update`.
    """
    if isinstance(prior, AxisPrior):
        terms = linear_sde.parse(prior.kernel)

        def evaluate(at: Array) -> tuple[float, Array]:
            found, gradient = state_space.smooth(terms, prior.knots, at, precision, shift)
            return found.evidence, gradient

        if steps:
            log_parameters = climb(evaluate, log_parameters, _bounds(prior, shift.shape[1]), steps)
        found, _ = state_space.smooth(terms, prior.knots, log_parameters, precision, shift, slopes=False)
        divergence = _energy(found.mean, found.covariance, precision, shift) - found.evidence
        return Update(found.mean, found.covariance, divergence, log_parameters, found.evidence)
    if isinstance(prior, InducingPrior):
        messages, bounds = (precision, shift, mean), _bounds(prior, 1)
        solved = inducing_mode.update(log_parameters, prior.points, prior.chosen, messages, (bounds, steps))
        gain = _energy(solved.mean, solved.covariance, precision, shift) - solved.divergence
        return Update(*solved, gain)
    return _update_blocks(prior, log_parameters, precision, shift, mean, steps)


def _energy(mean: Array, covariance: Array, precision: Array, shift: Array) -> float:
    second = covariance + mean[:, :, None] * mean[:, None, :]
    return float(-(precision * second).sum() / 2 + (shift * mean).sum())


def blocks(prior: PointPrior, functions: int) -> list[NDArray[np.int64]]:
    """Return the functions solved together, in turn."""
    return [np.arange(i, min(i + prior.block, functions)) for i in range(0, functions, prior.block)]


def _block_shift(precision: Array, shift: Array, mean: Array, block: NDArray[np.int64]) -> Array:
    rest = np.setdiff1d(np.arange(shift.shape[1]), block)
    return np.asarray(shift[:, block] - np.einsum("drs,ds->dr", precision[:, block][:, :, rest], mean[:, rest]))


def _update_blocks(
    prior: PointPrior, log_parameters: Array, precision: Array, shift: Array, mean: Array, steps: int
) -> Update:
    mean, log_parameters, divergence = mean.copy(), log_parameters.copy(), 0.0
    covariance = np.zeros_like(precision)
    for block in blocks(prior, shift.shape[1]):
        own = np.ascontiguousarray(precision[:, block][:, :, block])
        pull = _block_shift(precision, shift, mean, block)

        def evaluate(at: Array, own: Array = own, pull: Array = pull) -> tuple[float, Array]:
            found, gradient = dense_process.solve(at, prior.points, prior.distance, own, pull)
            return found.evidence, gradient

        if steps:
            log_parameters[block] = climb(evaluate, log_parameters[block], _bounds(prior, block.size), steps)
        found, _ = dense_process.solve(log_parameters[block], prior.points, prior.distance, own, pull)
        mean[:, block] = found.mean
        covariance[:, block[:, None], block] = found.covariance
        divergence += _energy(found.mean, found.covariance, own, pull) - found.evidence
    gain = _energy(mean, covariance, precision, shift) - divergence
    return Update(mean, covariance, divergence, log_parameters, gain)


def finish(prior: Prior, log_parameters: Array, precision: Array, shift: Array, mean: Array) -> Posterior:
    """Return the posterior in the form that prediction needs; arguments as in :func:`update`."""
    if isinstance(prior, AxisPrior):
        return state_space.posterior(prior.kernel, prior.knots, log_parameters, precision, shift)
    if isinstance(prior, InducingPrior):
        return inducing_mode.finish(log_parameters, prior.points, prior.chosen, (precision, shift, mean))
    D, functions = shift.shape
    own_blocks = blocks(prior, functions)
    weight, reduction = np.zeros((D, functions)), np.zeros((functions, D, own_blocks[0].size, D))
    group = np.zeros(functions, dtype=np.int64)
    for label, block in enumerate(own_blocks):
        own = np.ascontiguousarray(precision[:, block][:, :, block])
        pull = _block_shift(precision, shift, mean, block)
        found, _ = dense_process.solve(log_parameters[block], prior.points, prior.distance, own, pull)
        weight[:, block], group[block] = found.weight, label
        for i, r in enumerate(block):
            reduction[r][:, : block.size] = found.reduction[i]
    return DensePosterior(prior.points, log_parameters, group, weight, reduction)


def predict(state: Posterior, coordinates: Array, covariates: Array) -> tuple[Array, Array]:
    """Return mean (n, R) and covariance (n, R, R) of the functions at coordinates (n, columns)."""
    if isinstance(state, AxisPosterior):
        return state_space.predict(state, coordinates[:, 0])
    if isinstance(state, InducingPosterior):
        return inducing_prediction.predict(state, coordinates, covariates)
    return dense_prediction.predict(state, coordinates, covariates)


def sample(
    state: Posterior, coordinates: Array, covariates: Array, count: int, generator: np.random.Generator
) -> Array:
    """Return joint draws (count, n, R) of the functions at distinct coordinates (n, columns)."""
    if isinstance(state, AxisPosterior):
        return state_space.sample(state, coordinates[:, 0], count, generator)
    if isinstance(state, InducingPosterior):
        return inducing_prediction.sample(state, coordinates, covariates, count, generator)
    return dense_prediction.sample(state, coordinates, covariates, count, generator)


def scan_lengths(prior: Prior, log_parameters: Array, precision: Array, shift: Array) -> Array:
    """Return hyperparameters with the shared length of best evidence on a grid: a start for the local climb.

    Notes
    -----
    Seven filters of a mode of one coordinate; a mode of points keeps its start.
    """
    names = parameter_names(prior)
    columns = [i for i, name in enumerate(names) if "length" in name]
    if not columns or not isinstance(prior, AxisPrior):
        return log_parameters
    low, high = span(prior)
    best, found = -np.inf, log_parameters
    for length in np.linspace(np.log(low), np.log(high), 7):
        trial = log_parameters.copy()
        trial[:, columns] = length
        evidence = state_space.log_evidence(linear_sde.parse(prior.kernel), prior.knots, trial, precision, shift)
        if evidence > best:
            best, found = evidence, trial
    return found


def state_names(state: Posterior) -> tuple[str, ...]:
    """Return the hyperparameter names of a posterior."""
    if isinstance(state, AxisPosterior):
        return linear_sde.parameter_names(linear_sde.parse(state.kernel))
    return dense_process.parameter_names(state.points)


def state_variance_columns(state: Posterior) -> NDArray[np.bool_]:
    """Return which hyperparameters of a posterior are variances."""
    return np.array(["variance" in name for name in state_names(state)])
