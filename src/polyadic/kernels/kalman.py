"""The loops of Kalman filtering, adjoint smoothing and simulation, compiled; :mod:`state_space` says what they compute.

Systems are block diagonal: ``low`` and ``high`` give, for every state, the first and one past the last of its block.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _lift_states(H, m, P, value, PH):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write H m and P H^T, skipping the zeros of H, and return H P H^T."""
    R, n = H.shape
    for r in range(R):
        for j in np.flatnonzero(H[r]):
            value[r] += m[j]
            for i in range(n):
                PH[i, r] += P[i, j]
    S = np.zeros((R, R))
    for r in range(R):
        for j in np.flatnonzero(H[r]):
            S[r] += PH[j]
    return S


@njit(cache=True)
def forward_pass(A, Q, P0, H, low, high, which, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return filtered means and covariances, predictions H m, lifts P H^T, gains G, innovations, and the log evidence.

    Shapes: A, Q (gaps, n, n); P0 (n, n); H (R, n); low, high (n,); which (D - 1,); precision (D, R, R); shift (D, R).
    With S = H P H^T and L L^T = precision: G = L (I + L^T S L)^-1 L^T, innovation (I + precision S)^-1 (shift -
    precision H m), filtered mean m + P H^T innovation, covariance P - P H^T G H P.
    O(D n^2 (b + R)) for blocks of size b.
    """
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
        S = _lift_states(H, m, P, predicted[d], lift[d])
        half_precision = root(precision[d])
        core = np.eye(R) + half_precision.T @ S @ half_precision
        factor = np.linalg.cholesky(core)
        half = np.linalg.solve(factor, half_precision.T)
        G = half.T @ half
        gain[d] = G
        residual = shift[d] - precision[d] @ predicted[d]
        e = np.linalg.solve(np.eye(R) + precision[d] @ S, residual)
        innovation[d] = e
        for r in range(R):
            evidence -= np.log(factor[r, r])
            evidence += predicted[d, r] * (shift[d, r] + residual[r]) / 2
        evidence += residual @ (S @ e) / 2
        mean[d] = m + lift[d] @ e
        covariance[d] = P - lift[d] @ (G @ lift[d].T)
    return mean, covariance, predicted, lift, gain, innovation, evidence


@njit(cache=True)
def root(matrix):  # type: ignore[no-untyped-def]  # pragma: no cover
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
def backward_pass(A, H, low, high, which, lift, gain, innovation, filtered, covariance, keep):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return smoothed H P r, marginal covariances, adjoints r and N (of all knots if ``keep``), and log Z by A and Q.

    r <- H^T innovation + (I - K H)^T r, N <- H^T G H + (I - K H)^T N (I - K H), K = P H^T G; then both through A^T.
    """
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


@njit(cache=True)
def simulate(A, roots, root0, H, low, high, which, noise):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return one draw of the functions from the prior, (D, R), from standard normal ``noise`` (D, n)."""
    D = noise.shape[0]
    out = np.zeros((D, H.shape[0]))
    x = root0 @ noise[0]
    out[0] = H @ x
    for d in range(1, D):
        g = which[d - 1]
        x = _step_vector(A[g], low, high, x) + _step_vector(roots[g], low, high, noise[d])
        out[d] = H @ x
    return out


@njit(cache=True)
def mean_pass(A, H, low, high, which, lift, gain, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
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
