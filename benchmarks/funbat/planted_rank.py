"""Planted Tucker functions of rank (2, 3, 2): what a fit recovers of ranks, noise, length scales and bands.

``python benchmarks/funbat/planted_rank.py [--rows 1500] [--tensors 50] [--offered 4]``

Functions are draws of Matern-3/2 processes with lengths 3, 1.5 and 0.8 on 81 points of [0, 10], orthonormalised, so a
length is that of a mixture and comparable within a factor; the core is standard normal; f has variance one, the noise
a standard deviation of 0.2. Rank `offered` is offered in every mode. A function counts if its relevance is above 1e-3.

Prints, over all tensors: how often all three ranks are right, the learned noise, the median learned length of each
mode, the error of f, and how many of the f lie within their 90 % bands.

Measured: see docs/decisions/010-functional-tucker-inference.md.
"""

import argparse
import time

import numpy as np

from polyadic.kernels import mode_process, tucker_layout, tucker_model

RANKS, LENGTHS, NOISE = (2, 3, 2), (3.0, 1.5, 0.8), 0.2


def draws(x: np.ndarray, length: float, rng: np.random.Generator, count: int) -> np.ndarray:
    """Return Matern-3/2 draws (len(x), count)."""
    d = np.sqrt(3) * abs(x[:, None] - x) / length
    return np.linalg.cholesky((1 + d) * np.exp(-d) + 1e-9 * np.eye(x.size)) @ rng.normal(size=(x.size, count))


def planted(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return indexes (rows, 3), values and the noise-free f (rows,)."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 10, 81)
    functions = [draws(grid, length, rng, rank) for length, rank in zip(LENGTHS, RANKS, strict=True)]
    functions = [np.linalg.qr(u - u.mean(axis=0))[0] for u in functions]
    core, index = rng.normal(size=RANKS), rng.integers(0, grid.size, (rows, 3))
    f = np.einsum("abc,na,nb,nc->n", core, *[u[index[:, k]] for k, u in enumerate(functions)])
    f /= f.std()
    return grid[index], f + NOISE * rng.normal(size=rows), f


def main() -> None:
    """Fit all tensors and print what was recovered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--tensors", type=int, default=50)
    parser.add_argument("--offered", type=int, default=4)
    args = parser.parse_args()
    right, table, cpu = 0, [], time.process_time()
    for seed in range(args.tensors):
        X, y, f = planted(seed, args.rows)
        model = tucker_model.fit_model(X, y, tucker_layout.layout_of(X, None, (), "auto", args.offered))
        kept = [strength > 1e-3 for strength in tucker_model.relevances(model)]
        right += tuple(int(mode.sum()) for mode in kept) == RANKS
        mean, variance = tucker_model.latent_moments(model, X)
        lengths = [
            float(np.median(np.exp(state.log_parameters[mode, mode_process.state_names(state).index("length")])))
            for state, mode in zip(model.posterior.modes, kept, strict=True)
        ]
        noise = model.scale * model.posterior.noise_variance**0.5
        inside = np.mean(abs(mean - f) < 1.6449 * np.sqrt(variance))
        table.append([noise, *lengths, np.sqrt(np.mean((mean - f) ** 2)), inside])
    noise, *lengths, error, inside = np.transpose(table)
    print(f"all three ranks right: {right} of {args.tensors}; {time.process_time() - cpu:.0f} CPU s")
    print(f"noise {noise.mean():.4f} (sd {noise.std():.4f}), planted {NOISE}")
    print(
        "median length " + ", ".join(f"{np.median(x):.2f} (planted {t})" for x, t in zip(lengths, LENGTHS, strict=True))
    )
    print(f"error of f {error.mean():.4f}; within 90 % bands {inside.mean():.3f}, least {inside.min():.3f}")


if __name__ == "__main__":
    main()
