r"""Predictions and joint draws of Gaussian processes over many points, from what their inducing points tell.

Given the features, a Matern process departs from its mean by a process of known covariance,
:math:`s^2 (C_{xx'} - A_x^T A_{x'})`. Its variance is part of what each point has of its own, which the point's own
message narrows; joint draws keep its covariance between points. They need no matrix of all points: a draw of the prior
by random Fourier features, less what its values at the inducing points predict of it, has that covariance (Wilson et
al., *ICML* 2020).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import inducing_process
from polyadic.kernels.dense_process import Points, embed
from polyadic.kernels.inducing_process import Basis, InducingSolution
from polyadic.kernels.tucker_layout import distinct_rows

Array = NDArray[np.float64]
FREQUENCIES = 1024
"""Random frequencies that draws share: the covariance of departures errs by some 1 / sqrt(FREQUENCIES)."""
_DEGREES = {"matern12": 1, "matern32": 3, "matern52": 5}


@dataclass(frozen=True)
class InducingPosterior:
    """The posterior of ``R`` functions, independent of each other, over points.

    Attributes
    ----------
    points
        All D points that the functions were fitted to.
    chosen
        Which of them are inducing, (M,).
    log_parameters
        As of :class:`polyadic.kernels.dense_process.DensePosterior`, (R, 3 + q).
    weight, covariance
        Of the whitened features, (R, M + q) and (R, M + q, M + q).
    precision, shift
        The messages of each function, (D, R) each, from which the effects of single points follow.
    """

    points: Points
    chosen: NDArray[np.int64]
    log_parameters: Array
    weight: Array
    covariance: Array
    precision: Array
    shift: Array


def predict(state: InducingPosterior, coordinates: Array, covariates: Array) -> tuple[Array, Array]:
    """Return the posterior of the functions at any points: mean (n, R), covariance (n, R, R), which is diagonal.

    A point whose coordinates equal a known one shares its effect; a new point has an effect of its own.

    Parameters
    ----------
    state
        The posterior.
    coordinates, covariates
        Shapes (n, columns) and (n, q).

    Notes
    -----
    O(n M^2) for each function, in chunks; O(D + n) to find known points.
    """
    n, functions = coordinates.shape[0], state.log_parameters.shape[0]
    messages = _messages(state, coordinates)
    mean, covariance = np.empty((n, functions)), np.zeros((n, functions, functions))
    for r in range(functions):
        base, found = _function(state, r)
        *smooth, rest = inducing_process.moments(base, found, coordinates, covariates)
        own = messages[0][:, r], messages[1][:, r]
        mean[:, r], covariance[:, r, r] = inducing_process.with_effects(base.own + rest, (smooth[0], smooth[1]), own)
    return mean, covariance


def _function(state: InducingPosterior, r: int) -> tuple[Basis, InducingSolution]:
    base = inducing_process.basis(state.log_parameters[r], state.points, state.chosen)
    return base, InducingSolution(state.weight[r], state.covariance[r], np.nan)


def _messages(state: InducingPosterior, coordinates: Array) -> tuple[Array, Array]:
    """Return the messages (n, R) of known points, zero at new ones."""
    known = state.points.coordinates.shape[0]
    distinct, _, place = distinct_rows(np.concatenate([state.points.coordinates, coordinates]))
    number = np.full(distinct.shape[0], -1)
    number[place[:known]] = np.arange(known)
    where = number[place[known:]]
    found = [np.where(where[:, None] >= 0, part[where], 0.0) for part in (state.precision, state.shift)]
    return found[0], found[1]


def sample(
    state: InducingPosterior, coordinates: Array, covariates: Array, count: int, generator: np.random.Generator
) -> Array:
    """Return joint draws of the functions at distinct points, shape (count, n, R).

    Parameters
    ----------
    state, coordinates, covariates
        As in :func:`predict`.
    count
        Number of draws.
    generator
        Source of randomness.

    Notes
    -----
    O(n M (M + count)) for each function beside the random features; memory O(count n R).
    """
    n, functions = coordinates.shape[0], state.log_parameters.shape[0]
    messages = _messages(state, coordinates)
    out = np.empty((count, n, functions))
    for r in range(functions):
        base, found = _function(state, r)
        smooth, departure, rest = _smooth(base, found, (coordinates, covariates), count, generator)
        precision, own = messages[0][:, r], base.own + rest
        # A draw of the prior of what is of single points, moved to what their own messages say of it (Matheron).
        departure += np.sqrt(base.own) * generator.standard_normal((count, n))
        keep = 1.0 / (1.0 + own * precision)
        pull = messages[1][:, r] - np.sqrt(precision) * generator.standard_normal((count, n))
        out[:, :, r] = keep * (smooth + departure + own * pull)
    return out


def _smooth(
    base: Basis, found: InducingSolution, at: tuple[Array, Array], count: int, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return draws (count, n) by the features, of the prior of what m departs from them, and its variance (n,)."""
    n, M = at[0].shape[0], base.chosen.size
    values, vectors = np.linalg.eigh(found.covariance)
    features = found.weight + (
        generator.standard_normal((count, values.size)) * np.sqrt(np.maximum(values, 0.0)) @ vectors.T
    )
    features *= base.scale
    wave = _Waves(base, count, generator) if M else None
    # What the prior's draw has at the inducing points is taken out of it, whitened as the features are.
    seen = None if wave is None else np.linalg.solve(base.factor, wave(base.points.coordinates[base.chosen]).T).T
    out, departure, rest = np.zeros((count, n)), np.zeros((count, n)), np.zeros(n)
    for rows in inducing_process.chunks(base, n):
        U = inducing_process.features(base, at[0][rows], at[1][rows])[0]
        out[:, rows], rest[rows] = features @ U, inducing_process.left_over(base, U)
        if wave is not None and seen is not None:
            departure[:, rows] = wave(at[0][rows]) - seen @ U[:M]
    return out, departure, rest


class _Waves:
    """Draws of the prior of the Matern part as sums of random waves: a function of points, (count, n).

    The spectral density of a Matern process of smoothness nu is a Student t of 2 nu degrees of freedom.
    """

    def __init__(self, base: Basis, count: int, generator: np.random.Generator) -> None:
        degrees = _DEGREES[base.points.kernel]
        self.geometry = base.points.geometry
        columns = embed(self.geometry, base.points.coordinates[:1]).shape[1]
        spread = np.sqrt(degrees / generator.chisquare(degrees, FREQUENCIES))
        self.frequency = generator.standard_normal((columns, FREQUENCIES)) * spread / base.length
        scale = np.sqrt(base.variance / FREQUENCIES)
        self.cosines = scale * generator.standard_normal((count, FREQUENCIES))
        self.sines = scale * generator.standard_normal((count, FREQUENCIES))

    def __call__(self, coordinates: Array) -> Array:
        phase = embed(self.geometry, coordinates) @ self.frequency
        return np.asarray(self.cosines @ np.cos(phase).T + self.sines @ np.sin(phase).T)
