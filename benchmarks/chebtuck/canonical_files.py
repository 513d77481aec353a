"""Errors and ranks on canonical tensors of the paper's MAT files, over the whole grid.

``python benchmarks/chebtuck/canonical_files.py FOLDER`` where FOLDER holds ``Newton_CP_-1_1/`` and ``Data_256-2048/``.
Prints for each file: error in the maximum norm (absolute), largest value, ranks, degrees, CPU seconds.
"""

import sys
import time
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from polyadic import ChebyshevTucker


def newton(path, n):
    mat = loadmat(path)
    h = 2 / n
    factors = [mat[f"U{k}r"] / h for k in (1, 2, 3)]
    rank = factors[0].shape[1]
    # Flat Gaussians first: the peak of a column against its mean says how sharp it is.
    sharpness = np.abs(factors[0]).max(axis=0) / np.abs(factors[0]).mean(axis=0)
    flat = np.argsort(sharpness, kind="stable")[: -(-rank // 2) - 3]
    return np.ones(len(flat)), [a[:, flat] for a in factors], [(np.arange(n) + 0.5) * h - 1] * 3


def molecule(path, n):
    reduced = loadmat(path)["LRed"][0, 0]
    factors = [reduced[f"CU{k}"] for k in (1, 2, 3)]
    return reduced["LAM1C"].ravel() / 0.1953125**3, factors, [(np.arange(n) + 0.5) * (2 / n) - 1] * 3


def report(name, weights, factors, grid, degree=None):
    ChebyshevTucker.from_cp(weights, factors, grid, degree=degree)
    start = time.process_time()
    f = ChebyshevTucker.from_cp(weights, factors, grid, degree=degree)
    seconds = time.process_time() - start
    worst, largest = 0.0, 0.0
    for block in np.array_split(np.arange(len(grid[0])), max(1, len(grid[0]) // 32)):
        columns = (factors[1][:, None] * factors[2][None]).reshape(-1, len(weights)) if len(grid[0]) <= 256 else None
        if columns is not None:
            truth = ((factors[0][block] * weights) @ columns.T).reshape(len(block), len(grid[1]), -1)
        else:
            truth = np.einsum("ar,br,cr->abc", factors[0][block] * weights, factors[1], factors[2], optimize=True)
        got = f.on_grid(grid[0][block], grid[1], grid[2])
        worst, largest = max(worst, np.abs(got - truth).max()), max(largest, np.abs(truth).max())
    print(
        f"{name:16} error {worst:.1e} of values to {largest:.3g}, ranks {f.ranks}, degree {f.degrees[0]},"
        f" {seconds:.3f} CPU s"
    )


def main():
    folder = Path(sys.argv[1])
    for n in map(int, sys.argv[2:] or ["256", "512"]):
        case = newton(folder / f"Newton_CP_-1_1/Newt_canon_{n}.mat", n)
        report(f"newton {n}", *case)
        report(f"newton {n} m129", *case, degree=128)
    report("molecule 256", *molecule(folder / "Data_256-2048/n256_Pn500.mat", 256), degree=128)


if __name__ == "__main__":
    main()
