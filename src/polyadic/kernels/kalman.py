"""The loops of Kalman filtering, adjoint smoothing and simulation, compiled; :mod:`state_space` says what they compute.

Systems are block diagonal: ``low`` and ``high`` give, for every state, the first and one past the last of its block.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _times(a, b, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a b by plain loops: for a handful of states they are several times faster than calls of BLAS."""
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = 0.0
        for k in range(a.shape[1]):
            x = a[i, k]
            if x != 0.0:
                for j in range(b.shape[1]):
                    out[i, j] += x * b[k, j]
    return out


@njit(cache=True)
def _apply(a, x, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(a.shape[0]):
        out[i] = 0.0
        for k in range(a.shape[1]):
            out[i] += a[i, k] * x[k]
    return out


@njit(cache=True)
def _plus_identity(a):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(a.shape[0]):
        a[i, i] += 1.0
    return a


@njit(cache=True)
def _substitute(L, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Replace x by L^-1 x for lower triangular L."""
    for i in range(L.shape[0]):
        for k in range(i):
            for j in range(x.shape[1]):
                x[i, j] -= L[i, k] * x[k, j]
        for j in range(x.shape[1]):
            x[i, j] /= L[i, i]
    return x


@njit(cache=True)
def _pivot(a, x, c):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Bring the largest entry of what is left of column c to its diagonal."""
    p = c
    for i in range(c + 1, a.shape[0]):
        if abs(a[i, c]) > abs(a[p, c]):
            p = i
    for j in range(a.shape[0]):
        a[c, j], a[p, j] = a[p, j], a[c, j]
    x[c], x[p] = x[p], x[c]


@njit(cache=True)
def _solve(a, x):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Replace x by a^-1 x by elimination with row pivots; overwrites a."""
    n = a.shape[0]
    for c in range(n):
        _pivot(a, x, c)
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
def _owners(H):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return the function that reads each state, -1 for none: H holds ones, and no state serves two functions."""
    owner = np.full(H.shape[1], -1)
    for r in range(H.shape[0]):
        for j in range(H.shape[1]):
            if H[r, j] != 0.0:
                owner[j] = r
    return owner


@njit(cache=True)
def _lift_states(owner, m, P, value, PH, S):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write H m, P H^T and H P H^T to zeroed ``value`` and ``PH``, and to ``S``."""
    n = m.size
    for j in range(n):
        r = owner[j]
        if r >= 0:
            value[r] += m[j]
            for i in range(n):
                PH[i, r] += P[i, j]
    S[:] = 0.0
    for j in range(n):
        if owner[j] >= 0:
            for r in range(S.shape[1]):
                S[owner[j], r] += PH[j, r]


@njit(cache=True)
def forward_pass(A, Q, P0, H, low, high, which, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return filtered means and covariances, predictions H m, lifts P H^T, gains G, innovations, and the log evidence.

    Shapes: A, Q (gaps, n, n); P0 (n, n); H (R, n); low, high (n,); which (D - 1,); precision (D, R, R); shift (D, R).
    With S = H P H^T and L L^T = precision: G = L (I + L^T S L)^-1 L^T, innovation (I + precision S)^-1 (shift -
    precision H m), filtered mean m + P H^T innovation, covariance P - P H^T G H P.
    O(D n^2 (b + R)) for blocks of size b; nothing is allocated inside the loop.
    """
    D, R = shift.shape
    n = P0.shape[0]
    owner = _owners(H)
    mean, covariance = np.zeros((D, n)), np.zeros((D, n, n))
    predicted, lift = np.zeros((D, R)), np.zeros((D, n, R))
    gain, innovation = np.zeros((D, R, R)), np.zeros((D, R))
    m, P, work = np.zeros(n), P0.copy(), np.zeros((n, n))
    S, L, half = np.zeros((R, R)), np.zeros((R, R)), np.zeros((R, R))
    square, factor = np.zeros((R, R)), np.zeros((R, R))
    residual, small, tall = np.zeros(R), np.zeros(R), np.zeros((n, R))
    evidence = 0.0
    for d in range(D):
        if d > 0:
            g = which[d - 1]
            _step_vector(A[g], low, high, mean[d - 1], m)
            _step_matrix(A[g], low, high, covariance[d - 1], work, P)
            P += Q[g]
        _lift_states(owner, m, P, predicted[d], lift[d], S)
        _root(precision[d], L)
        _times(S, L, half)
        _root(_plus_identity(_times(L.T, half, square)), factor)
        half[:] = L.T
        _substitute(factor, half)
        _times(half.T, half, gain[d])
        _apply(precision[d], predicted[d], small)
        for r in range(R):
            residual[r] = shift[d, r] - small[r]
            innovation[d, r] = residual[r]
        _solve(_plus_identity(_times(precision[d], S, square)), innovation[d])
        _apply(S, innovation[d], small)
        for r in range(R):
            evidence -= np.log(factor[r, r])
            evidence += predicted[d, r] * (shift[d, r] + residual[r]) / 2 + residual[r] * small[r] / 2
        _apply(lift[d], innovation[d], mean[d])
        mean[d] += m
        _less(P, _times(lift[d], gain[d], tall), lift[d], covariance[d])
    return mean, covariance, predicted, lift, gain, innovation, evidence


@njit(cache=True)
def _less(P, a, b, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write P - a b^T, which is symmetric."""
    for i in range(P.shape[0]):
        for j in range(i + 1):
            value = P[i, j]
            for r in range(a.shape[1]):
                value -= a[i, r] * b[j, r]
            out[i, j] = value
            out[j, i] = value


@njit(cache=True)
def root(matrix):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return L with L L^T the positive semidefinite matrix; vanishing pivots give vanishing columns."""
    return _root(matrix, np.zeros(matrix.shape))


@njit(cache=True)
def _root(matrix, L):  # type: ignore[no-untyped-def]  # pragma: no cover
    R = matrix.shape[0]
    for j in range(R):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= L[j, k] ** 2
        found = pivot > 1e-14 * matrix[j, j]
        L[j, j] = np.sqrt(pivot) if found else 0.0
        for i in range(j + 1, R):
            value = matrix[i, j]
            for k in range(j):
                value -= L[i, k] * L[j, k]
            L[i, j] = value / L[j, j] if found else 0.0
    return L


@njit(cache=True)
def _step_vector(A, low, high, x, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(x.size):
        out[i] = 0.0
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
def _absorb(owner, pull, shared, inner, r, N):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add H^T pull to r, and H^T inner H - H^T shared - (H^T shared)^T to the symmetric N."""
    for i in range(owner.size):
        a = owner[i]
        if a < 0:
            continue
        r[i] += pull[a]
        for j in range(owner.size):
            N[i, j] -= shared[a, j]
            N[j, i] -= shared[a, j]
            if owner[j] >= 0:
                N[i, j] += inner[a, owner[j]]


@njit(cache=True)
def backward_pass(A, H, low, high, which, lift, gain, innovation, filtered, covariance, keep):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Return smoothed H P r, marginal covariances, adjoints r and N (of all knots if ``keep``), and log Z by A and Q.

    r <- H^T innovation + (I - K H)^T r, N <- H^T G H + (I - K H)^T N (I - K H), K = P H^T G; then both through A^T.
    """
    D, n, R = lift.shape
    owner = _owners(H)
    mean, marginal = np.zeros((D, R)), np.zeros((D, R, R))
    stored = D if keep else 1
    adjoint, adjoint_precision = np.zeros((stored, n)), np.zeros((stored, n, n))
    by_transition, by_noise = np.zeros(A.shape), np.zeros(A.shape)
    r, N, work, row = np.zeros(n), np.zeros((n, n)), np.zeros((n, n)), np.zeros(n)
    next_r, next_N = np.zeros(n), np.zeros((n, n))
    wide, shared, square, inner = np.zeros((R, n)), np.zeros((R, n)), np.zeros((R, R)), np.zeros((R, R))
    small, pull = np.zeros(R), np.zeros(R)
    for d in range(D - 1, -1, -1):
        PH, G = lift[d], gain[d]
        pull[:] = innovation[d]
        pull -= _apply(G, _apply(PH.T, r, small), mean[d])
        _times(G, _times(PH.T, N, wide), shared)
        _times(_times(shared, PH, square), G, inner)
        inner += G
        _absorb(owner, pull, shared, inner, r, N)
        _apply(PH.T, r, mean[d])
        for i in range(n):
            if owner[i] >= 0:
                marginal[d, owner[i]] += PH[i]
        marginal[d] -= _times(_times(PH.T, N, wide), PH, square)
        if keep or d == 0:
            slot = d if keep else 0
            adjoint[slot], adjoint_precision[slot] = r, N
        if d > 0:
            g = which[d - 1]
            _gradient(A[g], low, high, r, N, filtered[d - 1], covariance[d - 1], by_transition[g], by_noise[g], row)
            r[:] = _step_vector(A[g].T, low, high, r, next_r)
            _step_matrix(A[g].T, low, high, N, work, next_N)
            N[:] = next_N
    return mean, marginal, adjoint, adjoint_precision, by_transition, by_noise


@njit(cache=True)
def _gradient(A, low, high, r, N, m, P, by_transition, by_noise, row):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the derivatives of log Z by one A and Q, on their blocks alone."""
    n = m.size
    for i in range(n):
        for j in range(low[i], high[i]):
            by_noise[i, j] += (r[i] * r[j] - N[i, j]) / 2
        row[:] = 0.0
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
    D, n = noise.shape
    out = np.zeros((D, H.shape[0]))
    moved, jump = np.zeros(n), np.zeros(n)
    x = root0 @ noise[0]
    out[0] = H @ x
    for d in range(1, D):
        g = which[d - 1]
        x = _step_vector(A[g], low, high, x, moved) + _step_vector(roots[g], low, high, noise[d], jump)
        out[d] = H @ x
    return out


@njit(cache=True)
def mean_pass(A, H, low, high, which, lift, gain, precision, shift):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Smoothed means alone, for another shift under the same gains."""
    D, n, R = lift.shape
    owner = _owners(H)
    predicted, innovation = np.zeros((D, R)), np.zeros((D, R))
    m, r, moved, pull = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(R)
    S, square, small = np.zeros((R, R)), np.zeros((R, R)), np.zeros(R)
    for d in range(D):
        if d > 0:
            m[:] = _step_vector(A[which[d - 1]], low, high, m, moved)
        _read(owner, m, predicted[d])
        _innovate(owner, lift[d], precision[d], shift[d], predicted[d], innovation[d], S, square)
        m += _apply(lift[d], innovation[d], moved)
    for d in range(D - 1, -1, -1):
        _apply(gain[d], _apply(lift[d].T, r, small), pull)
        for i in range(n):
            if owner[i] >= 0:
                r[i] += innovation[d, owner[i]] - pull[owner[i]]
        predicted[d] += _apply(lift[d].T, r, small)
        if d > 0:
            r[:] = _step_vector(A[which[d - 1]].T, low, high, r, moved)
    return predicted


@njit(cache=True)
def _read(owner, x, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write H x."""
    out[:] = 0.0
    for i in range(owner.size):
        if owner[i] >= 0:
            out[owner[i]] += x[i]


@njit(cache=True)
def _innovate(owner, PH, precision, shift, predicted, out, S, square):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write (I + precision S)^-1 (shift - precision H m), S = H P H^T."""
    _apply(precision, predicted, out)
    for a in range(out.size):
        out[a] = shift[a] - out[a]
        _read(owner, PH[:, a], S[:, a])
    _solve(_plus_identity(_times(precision, S, square)), out)
