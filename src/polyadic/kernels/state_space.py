r"""Gaussian processes of one coordinate by Kalman filter and adjoint smoother, for vector-valued pseudo-observations.

``R`` functions ``u(t)`` with independent priors (:mod:`polyadic.kernels.linear_sde`) meet, at each of ``D`` sorted knots,
the Gaussian factor :math:`\exp(-\tfrac12 u^T \Lambda_d u + h_d^T u)`; ``\Lambda_d`` may be singular. The forward pass is
a Kalman filter; the backward pass carries the adjoint :math:`r` and its precision :math:`N` of Durbin & Koopman
(*Time Series Analysis by State Space Methods*, OUP 2012, sec. 4.4), so that no covariance is ever inverted and
deterministic parts (periodic, constant) are allowed: smoothed mean :math:`m + P r`, covariance :math:`P - P N P`.
The same pair gives the posterior between and beyond the knots, and the gradient of the evidence, since
:math:`\partial \log Z / \partial m = r` and :math:`\partial \log Z / \partial P = (r r^T - N)/2`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

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


@njit(cache=True)
def _forward(A, Q, P0, H, low, high, which, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    D, R = shift.shape
    n = P0.shape[0]
    mean, covariance = np.zeros((D, n)), np.zeros((D, n, n))
    predicted, lift = np.zeros((D, R)), np.zeros((D, n, R))
    gain, innovation = np.zeros((D, R, R)), np.zeros((D, R))
    m, P, work = np.zeros(n), P0.copy(), np.zeros((n, n))
    evidence = 0.0
    for d in range(D):
        if d > 0:
            g = which[d - 1]
            m = _step_vector(A[g], low, high, mean[d - 1])
            _step_matrix(A[g], low, high, covariance[d - 1], work, P)
            P += Q[g]
        PH = lift[d]
        for r in range(R):
            for j in range(n):
                if H[r, j] != 0.0:
                    predicted[d, r] += m[j]
                    for i in range(n):
                        PH[i, r] += P[i, j]
        S = np.zeros((R, R))
        for r in range(R):
            for j in range(n):
                if H[r, j] != 0.0:
                    for s in range(R):
                        S[r, s] += PH[j, s]
        root = _root(precision[d])
        core = np.eye(R) + root.T @ S @ root
        factor = np.linalg.cholesky(core)
        half = np.linalg.solve(factor, root.T)
        G = half.T @ half
        gain[d] = G
        residual = shift[d] - precision[d] @ predicted[d]
        e = np.linalg.solve(np.eye(R) + precision[d] @ S, residual)
        innovation[d] = e
        for r in range(R):
            evidence -= np.log(factor[r, r])
            evidence += predicted[d, r] * (shift[d, r] + residual[r]) / 2
        evidence += residual @ (S @ e) / 2
        mean[d] = m + PH @ e
        covariance[d] = P - PH @ (G @ PH.T)
    return mean, covariance, predicted, lift, gain, innovation, evidence


@njit(cache=True)
def _root(matrix):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return L with L L^T the positive semidefinite matrix; vanishing pivots give vanishing columns."""
    R = matrix.shape[0]
    L = np.zeros((R, R))
    for j in range(R):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= L[j, k] ** 2
        if pivot > 1e-14 * matrix[j, j]:
            L[j, j] = np.sqrt(pivot)
            for i in range(j + 1, R):
                value = matrix[i, j]
                for k in range(j):
                    value -= L[i, k] * L[j, k]
                L[i, j] = value / L[j, j]
    return L


@njit(cache=True)
def _step_vector(A, low, high, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.zeros(x.size)
    for i in range(x.size):
        for k in range(low[i], high[i]):
            out[i] += A[i, k] * x[k]
    return out


@njit(cache=True)
def _step_matrix(A, low, high, P, work, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write A P A^T to ``out`` for block-diagonal A and symmetric P."""
    n = P.shape[0]
    for i in range(n):
        for j in range(n):
            work[i, j] = 0.0
        for k in range(low[i], high[i]):
            a = A[i, k]
            for j in range(n):
                work[i, j] += a * P[k, j]
    for i in range(n):
        for j in range(i + 1):
            value = 0.0
            for k in range(low[j], high[j]):
                value += work[i, k] * A[j, k]
            out[i, j] = value
            out[j, i] = value


@njit(cache=True)
def _backward(A, H, low, high, which, lift, gain, innovation, filtered, covariance, keep):  # type: ignore[no-untyped-def]  # pragma: no cover
    D, n, R = lift.shape
    mean, marginal = np.zeros((D, R)), np.zeros((D, R, R))
    stored = D if keep else 1
    adjoint, adjoint_precision = np.zeros((stored, n)), np.zeros((stored, n, n))
    by_transition, by_noise = np.zeros(A.shape), np.zeros(A.shape)
    r, N, work, next_N = np.zeros(n), np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
    for d in range(D - 1, -1, -1):
        PH, G = lift[d], gain[d]
        HtG = H.T @ G
        r = r + H.T @ innovation[d] - HtG @ (PH.T @ r)
        half = HtG @ (PH.T @ N)
        N = N - half - half.T + HtG @ (np.eye(R) + PH.T @ (N @ PH) @ G) @ H
        mean[d] = PH.T @ r
        S = H @ PH
        marginal[d] = S - PH.T @ (N @ PH)
        if keep or d == 0:
            slot = d if keep else 0
            adjoint[slot], adjoint_precision[slot] = r, N
        if d > 0:
            g = which[d - 1]
            _gradient(A[g], low, high, r, N, filtered[d - 1], covariance[d - 1], by_transition[g], by_noise[g])
            r = _step_vector(A[g].T, low, high, r)
            _step_matrix(A[g].T, low, high, N, work, next_N)
            N = next_N.copy()
    return mean, marginal, adjoint, adjoint_precision, by_transition, by_noise


@njit(cache=True)
def _gradient(A, low, high, r, N, m, P, by_transition, by_noise):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the derivatives of log Z by one A and Q, on their blocks alone."""
    n = m.size
    for i in range(n):
        for j in range(low[i], high[i]):
            by_noise[i, j] += (r[i] * r[j] - N[i, j]) / 2
        row = np.zeros(n)
        for k in range(n):
            weight = r[i] * r[k] - N[i, k]
            for j in range(low[k], high[k]):
                row[j] += weight * A[k, j]
        for j in range(low[i], high[i]):
            value = r[i] * m[j]
            for k in range(n):
                value += row[k] * P[k, j]
            by_transition[i, j] += value


def smooth(
    terms: tuple[Term, ...],
    knots: Array,
    log_parameters: Array,
    precision: Array,
    shift: Array,
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
    model, which, forward = _filter(terms, knots, log_parameters, precision, shift)
    mean, covariance, predicted, lift, gain, innovation, evidence = forward
    back = _backward(
        model.transition, model.readout, model.low, model.high, which, lift, gain, innovation, mean, covariance, False
    )
    r, N = back[2][0], back[3][0]
    by_start = (np.outer(r, r) - N) / 2
    gradient = np.zeros_like(log_parameters)
    states = model.readout.shape[1] // log_parameters.shape[0]
    for column, change in enumerate(derivatives(terms, log_parameters, distinct_gaps(knots)[0])):
        parts = np.einsum("gij,gij->i", back[4], change.transition) + np.einsum("gij,gij->i", back[5], change.noise)
        parts += (by_start * change.stationary).sum(axis=1)
        gradient[:, column] = parts.reshape(-1, states).sum(axis=1)
    return Smoothed(predicted + back[0], back[1], float(evidence)), gradient


def _filter(terms, knots, log_parameters, precision, shift):  # type: ignore[no-untyped-def]
    gaps, which = distinct_gaps(knots)
    model: System = system(terms, log_parameters, gaps)
    forward = _forward(
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
    back = _backward(
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


@njit(cache=True)
def _simulate(A, root, root0, H, low, high, which, noise):  # type: ignore[no-untyped-def]  # pragma: no cover
    D, n = noise.shape
    out = np.zeros((D, H.shape[0]))
    x = root0 @ noise[0]
    out[0] = H @ x
    for d in range(1, D):
        g = which[d - 1]
        x = _step_vector(A[g], low, high, x) + _step_vector(root[g], low, high, noise[d])
        out[d] = H @ x
    return out


@njit(cache=True)
def _mean_pass(A, H, low, high, which, lift, gain, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Smoothed means alone, for another shift under the same gains."""
    D, n, R = lift.shape
    predicted, innovation, out = np.zeros((D, n)), np.zeros((D, R)), np.zeros((D, R))
    m = np.zeros(n)
    for d in range(D):
        if d > 0:
            m = _step_vector(A[which[d - 1]], low, high, m)
        predicted[d] = m
        residual = shift[d] - precision[d] @ (H @ m)
        e = np.linalg.solve(np.eye(R) + precision[d] @ (H @ lift[d]), residual)
        innovation[d] = e
        m = m + lift[d] @ e
    r = np.zeros(n)
    for d in range(D - 1, -1, -1):
        r = r + H.T @ (innovation[d] - gain[d] @ (lift[d].T @ r))
        out[d] = H @ predicted[d] + lift[d].T @ r
        if d > 0:
            r = _step_vector(A[which[d - 1]].T, low, high, r)
    return out


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
    noise_root = np.stack([_root(matrix) for matrix in precision])
    out = np.empty((count, coordinates.size, functions))
    for s in range(count):
        noise = generator.standard_normal((union.size, root0.shape[0]))
        prior = _simulate(model.transition, root, root0, model.readout, model.low, model.high, which, noise)
        blur = np.einsum("drs,ds->dr", noise_root, generator.standard_normal(shift.shape))
        remainder = shift - np.einsum("drs,ds->dr", precision, prior) - blur
        change = _mean_pass(
            model.transition, model.readout, model.low, model.high, which, lift, gain, precision, remainder
        )
        out[s] = (prior + change)[place[state.knots.size :]]
    return out


def _symmetric_root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)) @ vectors.T)
