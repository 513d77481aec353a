"""The loops of Kalman filtering, adjoint smoothing and simulation, compiled; :mod:`state_space` says what they compute.

Systems are block diagonal: ``low`` and ``high`` give, for every state, the first and one past the last of its block.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _times(a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return a b by plain loops: for a handful of states they are several times faster than calls of BLAS."""
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            x = a[i, k]
            if x != 0.0:
                for j in range(b.shape[1]):
                    out[i, j] += x * b[k, j]
    return out


@njit(cache=True)
def _apply(a, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.zeros(a.shape[0])
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            out[i] += a[i, k] * x[k]
    return out


@njit(cache=True)
def _plus_identity(a):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(a.shape[0]):
        a[i, i] += 1.0
    return a


@njit(cache=True)
def _substitute(L, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return L^-1 b for lower triangular L."""
    out = b.copy()
    for i in range(L.shape[0]):
        for k in range(i):
            for j in range(b.shape[1]):
                out[i, j] -= L[i, k] * out[k, j]
        for j in range(b.shape[1]):
            out[i, j] /= L[i, i]
    return out


@njit(cache=True)
def _solve(a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return a^-1 b by elimination with row pivots; overwrites a."""
    n, x = a.shape[0], b.copy()
    for c in range(n):
        p = c + np.argmax(np.abs(a[c:, c]))
        for j in range(n):
            a[c, j], a[p, j] = a[p, j], a[c, j]
        x[c], x[p] = x[p], x[c]
        for i in range(c + 1, n):
            ratio = a[i, c] / a[c, c]
            for j in range(c, n):
                a[i, j] -= ratio * a[c, j]
            x[i] -= ratio * x[c]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= a[i, j] * x[j]
        x[i] /= a[i, i]
    return x


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
        L = root(precision[d])
        factor = root(_plus_identity(_times(L.T, _times(S, L))))
        half = _substitute(factor, L.T)
        G = _times(half.T, half)
        gain[d] = G
        residual = shift[d] - _apply(precision[d], predicted[d])
        e = _solve(_plus_identity(_times(precision[d], S)), residual)
        innovation[d] = e
        for r in range(R):
            evidence -= np.log(factor[r, r])
            evidence += predicted[d, r] * (shift[d, r] + residual[r]) / 2
        evidence += (residual * _apply(S, e)).sum() / 2
        mean[d] = m + _apply(lift[d], e)
        covariance[d] = P - _times(lift[d], _times(G, lift[d].T))
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
        HtG = _times(H.T, G)
        r = r + _apply(H.T, innovation[d]) - _apply(HtG, _apply(PH.T, r))
        PHtN = _times(PH.T, N)
        half = _times(HtG, PHtN)
        inner = _plus_identity(_times(_times(PHtN, PH), G))
        N = N - half - half.T + _times(_times(HtG, inner), H)
        mean[d] = _apply(PH.T, r)
        marginal[d] = _times(H, PH) - _times(_times(PH.T, N), PH)
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
        residual = shift[d] - _apply(precision[d], _apply(H, m))
        e = _solve(_plus_identity(_times(precision[d], _times(H, lift[d]))), residual)
        innovation[d] = e
        m = m + _apply(lift[d], e)
    r = np.zeros(n)
    for d in range(D - 1, -1, -1):
        r = r + _apply(H.T, innovation[d] - _apply(gain[d], _apply(lift[d].T, r)))
        out[d] = _apply(H, predicted[d]) + _apply(lift[d].T, r)
        if d > 0:
            r = _step_vector(A[which[d - 1]].T, low, high, r)
    return out
