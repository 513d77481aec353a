"""Predictions and joint draws of Gaussian processes over points, from the arrays that a dense solution leaves."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.dense_process import DensePosterior, Points, distances, matern, prior_covariance

Array = NDArray[np.float64]
CHUNK = 4_000_000
"""New points times known ones times functions that are held at once."""


def predict(state: DensePosterior, coordinates: Array, covariates: Array) -> tuple[Array, Array]:
    """Return the posterior of the functions at any points, by conditioning.

    A point whose coordinates equal a known one shares its nugget; a new point has a nugget of its own.

    Parameters
    ----------
    state
        The posterior.
    coordinates, covariates
        Shapes (n, columns) and (n, q).

    Returns
    -------
    mean (n, R), covariance (n, R, R).

    Notes
    -----
    O(n D^2 R^2) within blocks.
    """
    n, functions = coordinates.shape[0], state.log_parameters.shape[0]
    mean, covariance = np.empty((n, functions)), np.zeros((n, functions, functions))
    step = max(1, CHUNK // max(1, state.weight.size))
    for begin in range(0, n, step):
        rows = slice(begin, begin + step)
        mean[rows], covariance[rows] = _predict(state, coordinates[rows], covariates[rows])
    return mean, covariance


def _predict(state: DensePosterior, coordinates: Array, covariates: Array) -> tuple[Array, Array]:
    functions, nearby = state.log_parameters.shape[0], relations(state.points, coordinates, covariates)
    crosses = [cross_covariance(row, state.points.kernel, nearby) for row in state.log_parameters]
    mean = np.stack([cross[0] @ state.weight[:, r] for r, cross in enumerate(crosses)], axis=1)
    covariance = np.zeros((coordinates.shape[0], functions, functions))
    for r in range(functions):
        covariance[:, r, r] = crosses[r][1]
        for s in np.flatnonzero(state.group[: r + 1] == state.group[r]).tolist():
            reduced = np.einsum("ne,ne->n", crosses[r][0] @ state.between(r, s), crosses[s][0])
            covariance[:, r, s] -= reduced
            if r != s:
                covariance[:, s, r] = covariance[:, r, s]
    return mean, covariance


class Relations(NamedTuple):
    """New points seen from known ones: distances and whether they are one, (n, D); scaled covariates of both."""

    distance: Array
    same: NDArray[np.bool_]
    known: Array
    new: Array


def relations(points: Points, coordinates: Array, covariates: Array) -> Relations:
    """Return what all functions have in common between new points, (n, columns) and (n, q), and the known ones."""
    same = np.ones((coordinates.shape[0], points.coordinates.shape[0]), bool)
    for here, there in zip(coordinates.T, points.coordinates.T, strict=True):
        same &= here[:, None] == there
    scaled = [(z - points.centre) / points.scale for z in (points.covariates, covariates)]
    return Relations(distances(points.geometry, coordinates, points.coordinates), same, scaled[0], scaled[1])


def cross_covariance(log_parameters: Array, kernel: str, nearby: Relations) -> tuple[Array, Array]:
    """Return one function's prior covariance between new and known points (n, D), and its variance at the new (n,)."""
    values, (distance, same, known, new) = np.exp(log_parameters), nearby
    cross = values[0] * matern(kernel, distance, values[1])[0]
    if new.shape[1]:
        cross += (new * values[2:-1]) @ known.T
    cross[same] += values[-1]
    return cross, values[0] + new**2 @ values[2:-1] + values[-1]


def sample(
    state: DensePosterior, coordinates: Array, covariates: Array, count: int, generator: np.random.Generator
) -> Array:
    """Return joint draws of the functions at distinct points, shape (count, n, R).

    The joint covariance of each block is formed over the new points, so n should stay within a few thousand.

    Parameters
    ----------
    state, coordinates, covariates
        As in :func:`predict`.
    count
        Number of draws.
    generator
        Source of randomness.

    Returns
    -------
    draws, shape (count, n, R).

    Notes
    -----
    O((G n)^3) for blocks of G functions.
    """
    n, functions = coordinates.shape[0], state.log_parameters.shape[0]
    own = Points(
        state.points.kernel, state.points.geometry, coordinates, covariates, state.points.centre, state.points.scale
    )
    distance = distances(own.geometry, coordinates, coordinates)
    nearby = relations(state.points, coordinates, covariates)
    out = np.empty((count, n, functions))
    for label in np.unique(state.group):
        members = np.flatnonzero(state.group == label).tolist()
        crosses = [cross_covariance(state.log_parameters[r], own.kernel, nearby)[0] for r in members]
        joint = np.zeros((len(members), n, len(members), n))
        for i, r in enumerate(members):
            joint[i, :, i, :] = prior_covariance(state.log_parameters[r], own, distance)[0]
            for j, s in enumerate(members):
                joint[i, :, j, :] -= crosses[i] @ state.between(r, s) @ crosses[j].T
        values, vectors = np.linalg.eigh(joint.reshape(len(members) * n, -1))
        noise = generator.standard_normal((count, values.size)) * np.sqrt(np.maximum(values, 0.0))
        mean = np.stack([cross @ state.weight[:, r] for cross, r in zip(crosses, members, strict=True)])
        out[:, :, members] = (noise @ vectors.T).reshape(count, len(members), n).transpose(0, 2, 1) + mean.T
    return out
