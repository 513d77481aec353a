"""How often the rank chosen by withheld blocks is the planted one: tensors of rank 3, 5, 8, 12 at 10 dB.

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/connectome/ntf_rank.py [--tensors 50] [--snr 10]

Tensors of 200 x 5 x 300: smooth sparse courses, uniform loadings, a quarter of the pairs in each; Gaussian noise.
"""

import argparse
import time

import numpy as np
from scipy.ndimage import gaussian_filter1d

from polyadic.kernels.cp_rank import rank_curve
from polyadic.kernels.nonnegative_cp import DenseRows

RANKS = (3, 5, 8, 12)


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tensors", type=int, default=50)
    parser.add_argument("--snr", type=float, default=10)
    options = parser.parse_args()
    misses = []
    for number in range(options.tensors):
        rank = RANKS[number % len(RANKS)]
        rows = planted(5000 + number, rank, options.snr)
        curve = rank_curve(rows, range(1, 15), folds=5, buffer=8, starts=3, seed=0, max_iterations=60)
        misses.append(abs(curve.chosen - rank))
    found = np.array(misses)
    print(f"{options.tensors} tensors: exact {np.mean(found == 0):.2f}, within one {np.mean(found <= 1):.2f},")
    print(f"{time.process_time():.0f} CPU s")


if __name__ == "__main__":
    main()
