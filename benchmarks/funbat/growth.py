"""Ten times the entries at fixed unique indexes: CPU s and peak memory of a fit, one process a size.

``python benchmarks/funbat/growth.py [--sizes 20000,200000,2000000]`` prints for each size the CPU s of `fit` (after a
warm-up that compiles), the peak memory, the memory above that of the imports, and both ratios to the size before. The
targets are 10x and 1.5x. 200 places, 2,000 times, rank 3, eight sweeps, no local process.

Measured: see docs/decisions/019-large-observations.md. A table in memory grows with its entries whatever a fit does
with it, so the ratio of memory is held only while
the table is small beside the program.
"""

import argparse
import os
import resource
import subprocess
import sys
import time

import numpy as np

PLACES, TIMES = 200, 2_000


def planted(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows on a grid of places and times, with repeats, and values of two products and noise."""
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(0, PLACES, rows) / 20.0, rng.integers(0, TIMES, rows) / 100.0], axis=1)
    f = np.sin(X[:, 0]) * np.cos(X[:, 1]) + 0.5 * np.cos(0.5 * X[:, 0]) * np.sin(2 * X[:, 1])
    return X, f + 0.3 * rng.normal(size=rows)


def one(rows: int) -> None:
    """Fit one size and print CPU s, GiB of the process, GiB before."""
    from polyadic import FunctionalTucker

    settings = {"rank": 3, "residual": "none", "max_iterations": 8, "tolerance": 1e-12}
    X, y = planted(500)
    FunctionalTucker(**{**settings, "max_iterations": 1}).fit(X, y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    X, y = planted(rows)
    cpu = time.process_time()
    FunctionalTucker(**settings).fit(X, y)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.process_time() - cpu, peak, before)


def main() -> None:
    """Run the sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="20000,200000,2000000")
    parser.add_argument("--one", type=int)
    args = parser.parse_args()
    if args.one:
        one(args.one)
        return
    last: tuple[float, float] | None = None
    for size in map(int, args.sizes.split(",")):
        command = [sys.executable, __file__, "--one", str(size)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        cpu, peak, before = map(float, text.split())
        ratios = "" if last is None else f"  x{cpu / last[0]:.1f} CPU, x{peak / last[1]:.2f} memory"
        print(f"{size:>10,}: {cpu:7.2f} CPU s, {peak:.2f} GiB ({peak - before:.2f} above imports){ratios}", flush=True)
        last = cpu, peak


if __name__ == "__main__":
    main()
