"""How often the rank chosen by withheld blocks is the planted one: tensors of rank 3, 5, 8, 12, and populations.

    OMP_NUM_THREADS=1 PYTHONPATH=src python -u benchmarks/connectome/ntf_rank.py [--tensors 50] [--populations 12]

Tensors of 200 x 5 x 300: smooth sparse courses, uniform loadings, a quarter of the pairs in each; Gaussian noise; each
row predicted from half of its own entries. Simulated populations of 2 to 5 states, 600 s, weak bursts and shared ones;
each moment is predicted from moments a lag of 6 s away; with --halves also from half of its own pairs, for comparison.
"""

import argparse
import time

import numpy as np
from scipy.ndimage import gaussian_filter1d

from polyadic.kernels.cp_rank import Folds, rank_curve
from polyadic.kernels.dynamic_affinity import affinity_rows
from polyadic.kernels.nonnegative_cp import DenseRows
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

RANKS, STATES = (3, 5, 8, 12), (2, 3, 4, 5)
HARD = {"participation": 0.6, "burst_rate": 0.4, "jitter": 0.15, "background": 0.3, "shared_rate": 0.05}


def planted(seed: int, rank: int, snr: float) -> DenseRows:
    rng = np.random.default_rng(seed)
    shape = (200, 5, 300)
    courses = gaussian_filter1d(rng.standard_normal((shape[0], rank)), 4, axis=0)
    courses = np.maximum(0, courses / courses.std(axis=0) - 0.3)
    loadings = rng.uniform(0.3, 1, (shape[1], rank))
    pairs = np.where(rng.random((shape[2], rank)) < 0.25, rng.random((shape[2], rank)) + 0.3, 0.02)
    tensor = np.einsum("ir,jr,kr->ijk", courses, loadings, pairs, optimize=True)
    tensor += tensor.std() * 10 ** (-snr / 20) * rng.standard_normal(shape)
    return DenseRows(tensor.reshape(shape[0], -1).astype(np.float32), shape, None)


def of_population(seed: int, states: int, snr: float, lags: list[int]) -> list[int]:
    settings = SimulatedTracesConfig(seed=seed, states=states, snr=snr, detail=False, **HARD)
    values = simulated_traces(settings)["fluorescence"].to_numpy().astype(float)
    rows = affinity_rows(values, 10.0, kernel="rises", smoothing=1.5, per_animal=False).stored()
    return [rank_curve(rows, (1, 2, 3, 4, 5, 6, 8), Folds(5, 20, lag), starts=2, seed=0).chosen for lag in lags]


def report(what: str, misses: list[int]) -> None:
    found = np.abs(misses)
    print(f"{found.size} {what}: exact {np.mean(found == 0):.2f}, within one {np.mean(found <= 1):.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tensors", type=int, default=50)
    parser.add_argument("--populations", type=int, default=12)
    parser.add_argument("--snr", type=float, default=10)
    parser.add_argument("--halves", action="store_true")
    options = parser.parse_args()
    misses = []
    for number in range(options.tensors):
        rank = RANKS[number % len(RANKS)]
        rows = planted(5000 + number, rank, options.snr)
        misses.append(rank_curve(rows, range(1, 15), Folds(5, 8), starts=3, seed=0, max_iterations=60).chosen - rank)
    if misses:
        report("tensors", misses)
    lags = {"persistence": 12, "halves": 0} if options.halves else {"persistence": 12}
    found = []
    for number in range(options.populations):
        states = STATES[number % len(STATES)]
        ranks = of_population(6000 + number, states, options.snr, list(lags.values()))
        print(f"{states} states: {', '.join(f'{r} by {n}' for r, n in zip(ranks, lags, strict=True))}", flush=True)
        found.append([rank - states for rank in ranks])
    for name, misses in zip(lags, zip(*found, strict=True), strict=False):
        report(f"populations, {name}", list(misses))
    print(f"{time.process_time():.0f} CPU s")


if __name__ == "__main__":
    main()
