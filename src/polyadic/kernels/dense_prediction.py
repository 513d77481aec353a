"""Predictions and joint draws of Gaussian processes over points, from the arrays that a dense solution leaves."""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.dense_process import DensePosterior, Points, distances, matern, prior_covariance

Array = NDArray[np.float64]


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
    functions = state.log_parameters.shape[0]
    crosses = [cross_covariance(row, state.points, coordinates, covariates) for row in state.log_parameters]
    mean = np.stack([cross[0] @ state.weight[:, r] for r, cross in enumerate(crosses)], axis=1)
    covariance = np.zeros((coordinates.shape[0], functions, functions))
    for r in range(functions):
        covariance[:, r, r] = crosses[r][1]
        for s in np.flatnonzero(state.group[: r + 1] == state.group[r]):
            reduced = np.einsum("ne,ne->n", crosses[r][0] @ state.reduction[r, :, s, :], crosses[s][0])
            covariance[:, r, s] -= reduced
            if r != s:
                covariance[:, s, r] = covariance[:, r, s]
    return mean, covariance


def cross_covariance(
    log_parameters: Array, points: Points, coordinates: Array, covariates: Array
) -> tuple[Array, Array]:
    """Return one function's prior covariance between new and known points (n, D), and its variance at the new (n,)."""
    values = np.exp(log_parameters)
    distance = distances(points.geometry, coordinates, points.coordinates)
    same = (coordinates[:, None, :] == points.coordinates).all(axis=2)
    known = (points.covariates - points.centre) / points.scale
    new = (covariates - points.centre) / points.scale
    cross = values[0] * matern(points.kernel, distance, values[1])[0] + (new * values[2:-1]) @ known.T
    return cross + values[-1] * same, values[0] + new**2 @ values[2:-1] + values[-1]


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
    out = np.empty((count, n, functions))
    for label in np.unique(state.group):
        members = np.flatnonzero(state.group == label)
        crosses = [cross_covariance(state.log_parameters[r], state.points, coordinates, covariates)[0] for r in members]
        joint = np.zeros((members.size, n, members.size, n))
        for i, r in enumerate(members):
            joint[i, :, i, :] = prior_covariance(state.log_parameters[r], own, distance)[0]
            for j, s in enumerate(members):
                joint[i, :, j, :] -= crosses[i] @ state.reduction[r, :, s, :] @ crosses[j].T
        values, vectors = np.linalg.eigh(joint.reshape(members.size * n, -1))
        noise = generator.standard_normal((count, values.size)) * np.sqrt(np.maximum(values, 0.0))
        mean = np.stack([cross @ state.weight[:, r] for cross, r in zip(crosses, members, strict=True)])
        out[:, :, members] = (noise @ vectors.T).reshape(count, members.size, n).transpose(0, 2, 1) + mean.T
    return out
