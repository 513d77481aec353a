"""Errors and ranks on canonical tensors of the paper's MAT files, slab by slab.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/canonical_files.py FOLDER [SIZE ...]`` where FOLDER holds
``Newton_CP_-1_1/``, ``Data_256-2048/`` and ``lattice/``. Prints for each file: error in the maximum norm over the
largest value, that value, ranks, degrees, CPU seconds (least of five, the error estimate included). To n = 512 every
slab of the grid counts; beyond, 24 slabs: both ends, those next to the middle where the kernel peaks, and others drawn
at random.
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


def lattice(path):
    """Return the long range: of the 25 terms a sign the 14 smoothest, by second differences."""
    mat = loadmat(path)
    parts = mat["Ldip"][0, 0]
    factors = [np.asarray(parts[f"Ut{k}"], float) for k in (1, 2, 3)]
    rough = np.linalg.norm(np.diff(factors[2], 2, axis=0), axis=0) / np.linalg.norm(factors[2], axis=0)
    half = len(rough) // 2
    flat = np.r_[np.argsort(rough[:half], kind="stable")[:14], half + np.argsort(rough[half:], kind="stable")[:14]]
    return np.ones(28), [a[:, flat] for a in factors], [mat[f"{axis}col"].ravel() for axis in "xyz"]


def slabs(n):
    """Return the indices along the first axis that are compared."""
    if n <= 512:
        return np.arange(n)
    drawn = np.random.default_rng(0).choice(n, 18, replace=False)
    return np.unique(np.r_[0, 1, n // 2 - 1, n // 2, n - 2, n - 1, drawn])


def cut(f, ranks):
    """Return a model cut to ranks, by the leading singular vectors of every mode of its core."""
    core, bases = f.expansion.core, []
    for k, rank in enumerate(ranks):
        unfolded = np.moveaxis(core, k, 0).reshape(core.shape[k], -1)
        bases.append(np.linalg.svd(unfolded, full_matrices=False)[0][:, :rank])
    small = np.einsum("abc,ai,bj,ck->ijk", core, *bases, optimize=True)
    coefficients = [c @ b for c, b in zip(f.expansion.coefficients, bases, strict=True)]
    return ChebyshevTucker.from_coefficients(small, coefficients, f.domain)


def report(name, case, degree=None, tolerance=1e-13, ranks=None):
    weights, factors, grid = case
    seconds = []
    for _ in range(6):
        start = time.process_time()
        f = ChebyshevTucker.from_cp(weights, factors, grid, tolerance, degree=degree)
        f = f if ranks is None else cut(f, ranks)
        seconds.append(time.process_time() - start)
    worst, largest = 0.0, 0.0
    for i in slabs(len(grid[0])):
        truth = (factors[1] * (weights * factors[0][i])) @ factors[2].T
        got = f.on_grid(grid[0][[i]], grid[1], grid[2])[0]
        worst, largest = max(worst, np.abs(got - truth).max()), max(largest, np.abs(truth).max())
    print(
        f"{name:16} error {worst / largest:.1e} of values to {largest:.3g}, ranks {f.ranks}, degrees {f.degrees},"
        f" {min(seconds[1:]):.3f} CPU s",
        flush=True,
    )


def main():
    folder = Path(sys.argv[1])
    for n in map(int, sys.argv[2:] or ["256", "512"]):
        case = newton(folder / f"Newton_CP_-1_1/Newt_canon_{n}.mat", n)
        report(f"newton {n}", case)
        report(f"newton {n} m129", case, degree=128)
    salt = lattice(folder / "lattice/Lattice_n960_ParticlesNumber_2304_Rank_50.mat")
    for ranks in (None, (18, 18, 12), (16, 16, 11)):
        report("lattice 960", salt, ranks=ranks)
        report("lattice 960 m129", salt, degree=128, ranks=ranks)
    for tolerance in (1e-5, 1e-6, 1e-7):
        report(f"lattice {tolerance:.0e}", salt, degree=128, tolerance=tolerance)
    protein = molecule(folder / "Data_256-2048/n256_Pn500.mat", 256)
    report("molecule 256", protein, degree=128)
    report("molecule 256", protein, degree=128, ranks=(39, 34, 40))
    for tolerance in (3e-5, 1e-5):
        report(f"molecule {tolerance:.0e}", protein, degree=128, tolerance=tolerance)


if __name__ == "__main__":
    main()
