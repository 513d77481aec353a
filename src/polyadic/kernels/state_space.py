r"""Gaussian processes of one coordinate by Kalman filter and adjoint smoother, for vector-valued pseudo-observations.

``R`` functions ``u(t)`` with independent priors (:mod:`polyadic.kernels.linear_sde`) meet, at each of ``D`` sorted
knots, the Gaussian factor :math:`\exp(-\tfrac12 u^T \Lambda_d u + h_d^T u)`; ``\Lambda_d`` may be singular. The forward
pass is a Kalman filter; the backward pass carries the adjoint :math:`r` and its precision :math:`N` of Durbin & Koopman
(*Time Series Analysis by State Space Methods*, OUP 2012, sec. 4.4), so that no covariance is ever inverted and
deterministic parts (periodic, constant) are allowed: smoothed mean :math:`m + P r`, covariance :math:`P - P N P`.
The same pair gives the posterior between and beyond the knots, and the gradient of the evidence, since
:math:`\partial \log Z / \partial m = r` and :math:`\partial \log Z / \partial P = (r r^T - N)/2`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import kalman
from polyadic.kernels.linear_sde import System, Term, derivatives, parse, system

Array = NDArray[np.float64]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class AxisPosterior:
    """The posterior of ``R`` functions of one coordinate: arrays, from which everything else follows.

    Attributes
    ----------
    kernel
        Name of the kernel, see :func:`polyadic.kernels.linear_sde.parse`.
    knots
        Sorted distinct coordinates, shape (D,), units of the coordinate.
    log_parameters
        Logarithms of the hyperparameters, shape (R, parameters).
    precision, shift
        The pseudo-observations, shapes (D, R, R) and (D, R).
    filtered_mean, filtered_covariance
        Of the states at the knots given all knots up to them, shapes (D, n) and (D, n, n).
    adjoint, adjoint_precision
        Of the predicted states at the knots, shapes (D, n) and (D, n, n).
    """

    kernel: str
    knots: Array
    log_parameters: Array
    precision: Array
    shift: Array
    filtered_mean: Array
    filtered_covariance: Array
    adjoint: Array
    adjoint_precision: Array


@dataclass(frozen=True)
class Smoothed:
    """Marginal moments of the functions at the knots: ``mean`` (D, R), ``covariance`` (D, R, R), ``evidence`` log Z."""

    mean: Array
    covariance: Array
    evidence: float


def distinct_gaps(knots: Array) -> tuple[Array, Index]:
    """Return the distinct gaps between sorted knots and, for every knot after the first, which one precedes it.

    Gaps that differ by rounding alone (1e-9 of the span) are the same.

    Examples
    --------
    >>> distinct_gaps(np.array([0.0, 1.0, 2.0, 4.0]))
    (array([1., 2.]), array([0, 0, 1]))
    """
    gaps = np.diff(knots)
    if not gaps.size:
        return np.ones(1), np.zeros(0, dtype=np.int64)
    unit = (knots[-1] - knots[0]) * 1e-9
    _, first, which = np.unique(np.round(gaps / unit), return_index=True, return_inverse=True)
    return gaps[first], which.astype(np.int64)


def smooth(
    terms: tuple[Term, ...],
    knots: Array,
    log_parameters: Array,
    precision: Array,
    shift: Array,
    slopes: bool = True,
) -> tuple[Smoothed, Array]:
    r"""Return the posterior at the knots, the log evidence, and its gradient by the logarithmic hyperparameters.

    :math:`\log Z = \log \int N(u; 0, K) \prod_d \exp(-\tfrac12 u_d^T \Lambda_d u_d + h_d^T u_d)\, du`.

    Parameters
    ----------
    terms
        The kernel, from :func:`polyadic.kernels.linear_sde.parse`.
    knots
        Sorted distinct coordinates, shape (D,).
    log_parameters
        Shape (R, parameters).
    precision, shift
        :math:`\Lambda` (D, R, R), symmetric positive semidefinite, and :math:`h` (D, R).
    slopes
        False leaves the gradient zero and saves a third of the time.

    Returns
    -------
    the :class:`Smoothed` moments, and the gradient of ``log Z``, shape of ``log_parameters``.

    Notes
    -----
    O(D n^2 (b + R)) for states of size n in blocks of size b.

    Examples
    --------
    >>> found, _ = smooth(parse("matern12"), np.zeros(1), np.zeros((1, 2)), np.ones((1, 1, 1)), np.ones((1, 1)))
    >>> found.mean, found.covariance[0]
    (array([[0.5]]), array([[0.5]]))
    """
    gaps = distinct_gaps(knots)
    model, which, forward = _filter(terms, knots, log_parameters, precision, shift, gaps)
    mean, covariance, predicted, lift, gain, innovation, evidence = forward
    back = kalman.backward_pass(
        model.transition, model.readout, model.low, model.high, which, lift, gain, innovation, mean, covariance, False
    )
    found = Smoothed(predicted + back[0], back[1], float(evidence))
    if not slopes:
        return found, np.zeros_like(log_parameters)
    r, N = back[2][0], back[3][0]
    by_start = (np.outer(r, r) - N) / 2
    gradient = np.zeros_like(log_parameters)
    states = model.readout.shape[1] // log_parameters.shape[0]
    for column, change in enumerate(derivatives(terms, log_parameters, gaps[0], model)):
        parts = np.einsum("gij,gij->i", back[4], change.transition) + np.einsum("gij,gij->i", back[5], change.noise)
        parts += (by_start * change.stationary).sum(axis=1)
        gradient[:, column] = parts.reshape(-1, states).sum(axis=1)
    return found, gradient


def log_evidence(terms: tuple[Term, ...], knots: Array, log_parameters: Array, precision: Array, shift: Array) -> float:
    """Return log Z alone, from the filter without the smoother; arguments as in :func:`smooth`.

    Examples
    --------
    >>> round(log_evidence(parse("matern12"), np.zeros(1), np.zeros((1, 2)), np.ones((1, 1, 1)), np.ones((1, 1))), 4)
    -0.0966
    """
    return float(_filter(terms, knots, log_parameters, precision, shift)[2][-1])


def _filter(
    terms: tuple[Term, ...],
    knots: Array,
    log_parameters: Array,
    precision: Array,
    shift: Array,
    distinct: tuple[Array, Index] | None = None,
) -> tuple[System, Index, Any]:
    gaps, which = distinct or distinct_gaps(knots)
    model = system(terms, log_parameters, gaps)
    forward = kalman.forward_pass(
        model.transition,
        model.noise,
        model.stationary,
        model.readout,
        model.low,
        model.high,
        which,
        np.ascontiguousarray(precision),
        np.ascontiguousarray(shift),
    )
    return model, which, forward


def posterior(kernel: str, knots: Array, log_parameters: Array, precision: Array, shift: Array) -> AxisPosterior:
    """Return the posterior with everything that prediction and sampling need; arguments as in :func:`smooth`.

    Memory O(D n^2).

    Examples
    --------
    >>> posterior("matern12", np.zeros(1), np.zeros((1, 2)), np.ones((1, 1, 1)), np.ones((1, 1))).filtered_mean
    array([[0.5]])
    """
    model, which, forward = _filter(parse(kernel), knots, log_parameters, precision, shift)
    mean, covariance, _, lift, gain, innovation, _ = forward
    back = kalman.backward_pass(
        model.transition, model.readout, model.low, model.high, which, lift, gain, innovation, mean, covariance, True
    )
    return AxisPosterior(kernel, knots, log_parameters, precision, shift, mean, covariance, back[2], back[3])


def predict(state: AxisPosterior, coordinates: Array) -> tuple[Array, Array]:
    r"""Return the exact posterior of the functions at any coordinates: between, at and beyond the knots.

    With the last knot before ``t`` a distance ``a`` away and the next one ``b``: :math:`m = A(a) m_f`,
    :math:`P = A(a) P_f A(a)^T + Q(a)`, adjoint :math:`A(b)^T r`; mean :math:`m + P r`, covariance :math:`P - P N P`.

    Parameters
    ----------
    state
        From :func:`posterior`.
    coordinates
        Shape (n,), any order.

    Returns
    -------
    mean (n, R), covariance (n, R, R).

    Examples
    --------
    >>> state = posterior("matern12", np.zeros(1), np.zeros((1, 2)), np.ones((1, 1, 1)), np.ones((1, 1)))
    >>> predict(state, np.array([1.0]))[0].round(3)
    array([[0.184]])
    """
    terms, functions = parse(state.kernel), state.log_parameters.shape[0]
    coordinates = np.asarray(coordinates, dtype=np.float64)
    mean, covariance = np.empty((coordinates.size, functions)), np.empty((coordinates.size, functions, functions))
    size = max(1, 4_000_000 // state.adjoint.shape[1] ** 2)
    for start in range(0, coordinates.size, size):
        rows = slice(start, start + size)
        mean[rows], covariance[rows] = _bridge(state, terms, coordinates[rows])
    return mean, covariance


def _bridge(state: AxisPosterior, terms: tuple[Term, ...], at: Array) -> tuple[Array, Array]:
    knots = state.knots
    after = np.searchsorted(knots, at, side="right")
    before, has_before, has_after = np.maximum(after - 1, 0), after > 0, after < knots.size
    after = np.minimum(after, knots.size - 1)
    back = system(terms, state.log_parameters, np.where(has_before, at - knots[before], 0.0))
    A, H = back.transition, back.readout
    m = np.where(has_before[:, None], np.einsum("tij,tj->ti", A, state.filtered_mean[before]), 0.0)
    P = A @ state.filtered_covariance[before] @ A.transpose(0, 2, 1) + back.noise
    P = np.where(has_before[:, None, None], P, back.stationary)
    B = system(terms, state.log_parameters, np.where(has_after, knots[after] - at, 0.0)).transition
    B = np.where(has_after[:, None, None], B, 0.0)
    r = np.einsum("tji,tj->ti", B, state.adjoint[after])
    PH = P @ H.T
    BPH = B @ PH
    mean = m @ H.T + np.einsum("tjr,tj->tr", PH, r)
    return mean, H @ PH - BPH.transpose(0, 2, 1) @ state.adjoint_precision[after] @ BPH


def sample(state: AxisPosterior, coordinates: Array, count: int, generator: np.random.Generator) -> Array:
    """Return joint draws of all functions at any coordinates.

    Matheron's rule: a draw from the prior, corrected by the smoothed difference between the pseudo-observations and
    pseudo-observations simulated from that draw.

    Parameters
    ----------
    state
        From :func:`posterior`.
    coordinates
        Shape (n,), any order, repeats allowed.
    count
        Number of draws.
    generator
        Source of randomness.

    Returns
    -------
    draws, shape (count, n, R).

    Notes
    -----
    One filter over knots and coordinates together, then O((D + n) states R) for each draw.

    Examples
    --------
    >>> state = posterior("matern12", np.zeros(1), np.zeros((1, 2)), np.full((1, 1, 1), 1e12), np.full((1, 1), 2e12))
    >>> sample(state, np.zeros(1), 1, np.random.default_rng(0)).round(4)
    array([[[2.]]])
    """
    union, place = np.unique(np.r_[state.knots, coordinates], return_inverse=True)
    at, functions = place[: state.knots.size], state.log_parameters.shape[0]
    precision, shift = np.zeros((union.size, functions, functions)), np.zeros((union.size, functions))
    precision[at], shift[at] = state.precision, state.shift
    model, which, forward = _filter(parse(state.kernel), union, state.log_parameters, precision, shift)
    lift, gain = forward[3], forward[4]
    root = np.stack([_symmetric_root(matrix) for matrix in model.noise])
    root0 = _symmetric_root(model.stationary)
    noise_root = np.stack([kalman.root(matrix) for matrix in precision])
    out = np.empty((count, coordinates.size, functions))
    for s in range(count):
        noise = generator.standard_normal((union.size, root0.shape[0]))
        prior = kalman.simulate(model.transition, root, root0, model.readout, model.low, model.high, which, noise)
        blur = np.einsum("drs,ds->dr", noise_root, generator.standard_normal(shift.shape))
        remainder = shift - np.einsum("drs,ds->dr", precision, prior) - blur
        change = kalman.mean_pass(
            model.transition, model.readout, model.low, model.high, which, lift, gain, precision, remainder
        )
        out[s] = (prior + change)[place[state.knots.size :]]
    return out


def _symmetric_root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T)
