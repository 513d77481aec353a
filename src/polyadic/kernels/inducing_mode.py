"""A mode of many points by inducing points: its functions are solved one by one, at the means of the others."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import inducing_process
from polyadic.kernels.dense_process import Points
from polyadic.kernels.evidence_climb import climb
from polyadic.kernels.inducing_prediction import InducingPosterior

Array = NDArray[np.float64]
Messages = tuple[Array, Array, Array]
"""Precision (D, R, R) and shift (D, R) of the functions, and their present means (D, R)."""


class Found(NamedTuple):
    """Moments (D, R) and (D, R, R), divergence from the prior in nats, and hyperparameters (R, 3 + q)."""

    mean: Array
    covariance: Array
    divergence: float
    log_parameters: Array


def update(
    log_parameters: Array,
    points: Points,
    chosen: NDArray[np.int64],
    messages: Messages,
    climbs: tuple[list[tuple[float, float]], int],
) -> Found:
    """Return the posterior of the functions in turn, their hyperparameters having climbed.

    Parameters
    ----------
    log_parameters
        Shape (R, 3 + q).
    points, chosen
        All points, and which of them are inducing, (M,).
    messages
        See :data:`Messages`.
    climbs
        Bounds of the hyperparameters of one function, and quasi-Newton steps; 0 keeps the hyperparameters.

    Notes
    -----
    For each function up to ``2 steps + 2`` evaluations of evidence and gradient, one of the evidence and the marginals:
    O(D M^2) each.
    """
    precision, shift, mean = messages[0], messages[1], messages[2].copy()
    log_parameters, divergence, covariance = log_parameters.copy(), 0.0, np.zeros_like(precision)
    bounds, steps = climbs
    for r in range(shift.shape[1]):
        own = _message(precision, shift, mean, r)

        def evaluate(at: Array, own: tuple[Array, Array] = own) -> tuple[float, Array]:
            found, gradient = inducing_process.solve(at, points, chosen, own)
            return found.evidence, gradient

        if steps:
            log_parameters[r] = climb(evaluate, log_parameters[r], bounds, steps)
        found, _ = inducing_process.solve(log_parameters[r], points, chosen, own, slopes=False)
        base = inducing_process.basis(log_parameters[r], points, chosen)
        *smooth, rest = inducing_process.moments(base, found, points.coordinates, points.covariates)
        mean[:, r], variance = inducing_process.with_effects(base.own + rest, (smooth[0], smooth[1]), own)
        covariance[:, r, r] = variance
        divergence += float(own[1] @ mean[:, r] - own[0] @ (variance + mean[:, r] ** 2) / 2) - found.evidence
    return Found(mean, covariance, divergence, log_parameters)


def _message(precision: Array, shift: Array, mean: Array, r: int) -> tuple[Array, Array]:
    """Return precision and shift (D,) of one function at the means of the others."""
    own = np.ascontiguousarray(precision[:, r, r])
    return own, shift[:, r] - np.einsum("ds,ds->d", precision[:, r], mean) + own * mean[:, r]


def finish(log_parameters: Array, points: Points, chosen: NDArray[np.int64], messages: Messages) -> InducingPosterior:
    """Return the posterior in the form that prediction needs; arguments as in :func:`update`."""
    every = [_message(*messages, r) for r in range(log_parameters.shape[0])]
    found = [
        inducing_process.solve(row, points, chosen, own, slopes=False)[0]
        for row, own in zip(log_parameters, every, strict=True)
    ]
    return InducingPosterior(
        points,
        chosen,
        log_parameters,
        np.stack([one.weight for one in found]),
        np.stack([one.covariance for one in found]),
        np.stack([own[0] for own in every], axis=1),
        np.stack([own[1] for own in every], axis=1),
    )
