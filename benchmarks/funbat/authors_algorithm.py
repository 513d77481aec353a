"""The published algorithm, written plainly, against this project in one process: CPU s at lower or equal error.

``python benchmarks/funbat/authors_algorithm.py [COORDS.npz --variable PM25] [--rows 3000] [--rank 2] [--sweeps 50]``

Without a file: planted values (those of seeds.py). `published` is conditional expectation propagation as in Fang et al.
(arXiv 2311.04829, section 4): Matern-3/2 functions with length and variance set by hand (0.1 and 1 on axes of [0, 10]),
a message for every entry and mode from the Kronecker product of the other modes' moments, held in arrays of entries x
R^(2 (K - 1)), merged by unique index into pseudo-observations, a Kalman filter and smoother over these in Python, then
the core from arrays of entries x R^(2 K), then the noise; damped by a half. It is written from the paper, in NumPy, so
that both sides run on the same libraries; it is not the authors' code, which takes longer.

Prints RMSE on a fifth withheld, and CPU s, first call and warm call of this project, and the ratio.

Measured: see docs/decisions/019-large-observations.md.
"""

import argparse
import sys
import time
from functools import reduce
from pathlib import Path

import numpy as np

from polyadic import FunctionalTucker

sys.path.insert(0, str(Path(__file__).parent))
from seeds import planted

LENGTH, VARIANCE, DAMPING = 0.1, 1.0, 0.5
Array = np.ndarray


def transition(gap: float) -> tuple[Array, Array]:
    """Return A and Q of a Matern-3/2 state (value, derivative) over a gap."""
    lam = np.sqrt(3) / LENGTH
    A = np.exp(-lam * gap) * np.array([[1 + lam * gap, gap], [-(lam**2) * gap, 1 - lam * gap]])
    P = np.diag([VARIANCE, lam**2 * VARIANCE])
    return A, P - A @ P @ A.T


def smoothed(knots: Array, precision: Array, shift: Array) -> tuple[Array, Array]:
    """Return means (D, R) and covariances (D, R, R) by a Kalman filter and RTS smoother, index by index."""
    D, R = shift.shape
    H = np.kron(np.eye(R), [[1.0, 0.0]])
    start = np.kron(np.eye(R), np.diag([VARIANCE, 3 / LENGTH**2 * VARIANCE]))
    steps = [transition(gap) for gap in np.diff(knots)]
    m, P, filtered, predicted = np.zeros(2 * R), start, [], []
    for d in range(D):
        if d:
            A, Q = np.kron(np.eye(R), steps[d - 1][0]), np.kron(np.eye(R), steps[d - 1][1])
            m, P = A @ m, A @ P @ A.T + Q
        predicted.append((m, P))
        P = np.linalg.inv(np.linalg.inv(P + 1e-9 * np.eye(2 * R)) + H.T @ precision[d] @ H)
        m = P @ (np.linalg.solve(predicted[-1][1] + 1e-9 * np.eye(2 * R), m) + H.T @ shift[d])
        filtered.append((m, P))
    means, covariances = np.empty((D, R)), np.empty((D, R, R))
    for d in range(D - 1, -1, -1):
        if d < D - 1:
            A = np.kron(np.eye(R), steps[d][0])
            gain = filtered[d][1] @ A.T @ np.linalg.inv(predicted[d + 1][1] + 1e-9 * np.eye(2 * R))
            m = filtered[d][0] + gain @ (m - predicted[d + 1][0])
            P = filtered[d][1] + gain @ (P - predicted[d + 1][1]) @ gain.T
        means[d], covariances[d] = H @ m, H @ P @ H.T
    return means, covariances


def kron_rows(parts: list[Array]) -> Array:
    """Return the Kronecker product of each row, (N, product of widths); of matrices (N, a, a) likewise."""
    if parts[0].ndim == 2:
        return reduce(lambda a, b: (a[:, :, None] * b[:, None, :]).reshape(len(a), -1), parts)
    return reduce(lambda a, b: np.einsum("nij,nkl->nikjl", a, b).reshape(len(a), a.shape[1] * b.shape[1], -1), parts)


def published(X: Array, y: Array, new: Array, rank: int, sweeps: int, seed: int = 0) -> Array:
    """Return predictions at rows whose indexes were all in training, else of the nearest index."""
    K, rng = X.shape[1], np.random.default_rng(seed)
    knots, index = zip(*(np.unique(X[:, k], return_inverse=True) for k in range(K)), strict=True)
    mean = [rng.normal(0, 1, (len(t), rank)) for t in knots]
    spread = [np.tile(np.eye(rank), (len(t), 1, 1)) for t in knots]
    size = rank**K
    core, core_cov, tau = rng.normal(0, 1, size), np.eye(size), 1.0
    old = [(np.zeros((len(t), rank, rank)), np.zeros((len(t), rank))) for t in knots]
    for _ in range(sweeps):
        first = [m[i] for m, i in zip(mean, index, strict=True)]
        second = [(c + np.einsum("dr,ds->drs", m, m))[i] for m, c, i in zip(mean, spread, index, strict=True)]
        for k in range(K):
            rest = [j for j in range(K) if j != k]
            W = np.moveaxis(core.reshape([rank] * K), k, 0).reshape(rank, -1)
            others, squares = kron_rows([first[j] for j in rest]), kron_rows([second[j] for j in rest])
            message = tau * np.einsum("ra,nab,sb->nrs", W, squares, W)
            push = tau * y[:, None] * (others @ W.T)
            precision, shift = np.zeros_like(old[k][0]), np.zeros_like(old[k][1])
            np.add.at(precision, index[k], message)
            np.add.at(shift, index[k], push)
            old[k] = tuple(DAMPING * a + (1 - DAMPING) * b for a, b in zip(old[k], (precision, shift), strict=True))
            mean[k], spread[k] = smoothed(knots[k], *old[k])
            first[k] = mean[k][index[k]]
            second[k] = (spread[k] + np.einsum("dr,ds->drs", mean[k], mean[k]))[index[k]]
        phi, squares = kron_rows(first), kron_rows(second)
        core_cov = np.linalg.inv(tau * squares.sum(axis=0) + np.eye(size))
        core = tau * core_cov @ (phi.T @ y)
        error = y @ y - 2 * y @ phi @ core + np.sum((np.outer(core, core) + core_cov) * squares.sum(axis=0))
        tau = (1 + len(y) / 2) / (1 + error / 2)
    at = [np.abs(np.searchsorted(t, new[:, k]).clip(0, len(t) - 1)) for k, t in enumerate(knots)]
    return kron_rows([m[i] for m, i in zip(mean, at, strict=True)]) @ core


def main() -> None:
    """Run both and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("coords", nargs="?")
    parser.add_argument("--variable", default="PM25")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--rank", type=int, default=2)
    parser.add_argument("--sweeps", type=int, default=50)
    args = parser.parse_args()
    if args.coords:
        data = np.load(args.coords)
        X, y = data["conti"], data[f"{args.variable}_std"]
    else:
        X, y = planted()
    rows = np.random.default_rng(0).permutation(len(y))[: args.rows]
    test, train = rows[: len(rows) // 5], rows[len(rows) // 5 :]

    def timed(function) -> tuple[float, float]:
        cpu = time.process_time()
        found = function()
        return time.process_time() - cpu, float(np.sqrt(np.mean((found - y[test]) ** 2)))

    def ours() -> Array:
        model = FunctionalTucker(rank=args.rank, kernels=["matern32"] * X.shape[1], residual="none")
        return model.fit(X[train], y[train]).predict(X[test])

    first, warm = timed(ours), timed(ours)
    peer = timed(lambda: published(X[train], y[train], X[test], args.rank, args.sweeps))
    print(f"this project: RMSE {warm[1]:.4f}, {first[0]:.2f} CPU s first, {warm[0]:.2f} CPU s warm")
    print(f"published, {args.sweeps} sweeps: RMSE {peer[1]:.4f}, {peer[0]:.2f} CPU s")
    print(f"ratio of CPU {warm[0] / peer[0]:.4f} (1/{peer[0] / warm[0]:.0f}), of RMSE {warm[1] / peer[1]:.3f}")


if __name__ == "__main__":
    main()
