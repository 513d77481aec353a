"""Errors of potentials of charges that crowd: largest error over tolerance, and the estimate over the tolerance.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/crowds.py [FIRST LAST]`` draws clouds (default numbers 100 to 160) of 200
to 4,000 charges in a box of ten Angstrom, a fifth, a half or nine tenths of them in a cube of 1e-6 to 0.1 of the
volume, all positive or of random sign, tolerances 1e-3 to 1e-9. Errors against direct sums at 1,500 points of the box
and 1,500 at distances of a hundredth to once the cutoff from particles, a tenth of the mean spacing round particles
left out.
"""

import sys
import time

import numpy as np
from scipy.spatial import cKDTree

from polyadic import particle_potential
from polyadic.kernels import direct_sum


def crowd(number):
    rng = np.random.default_rng([17, number])
    n, side = int(10 ** rng.uniform(2.3, 3.6)), 10 ** rng.uniform(-2, -0.3)
    near, tolerance = int(n * rng.choice([0.2, 0.5, 0.9])), 10 ** -rng.uniform(3, 9)
    corner = rng.uniform(0, 1 - side, 3)
    x = 10 * np.vstack([rng.uniform(0, 1, (n - near, 3)), corner + side * rng.uniform(0, 1, (near, 3))])
    return x, rng.choice([-1.0, 1.0], n) if number % 2 else rng.uniform(0, 1, n), tolerance, rng


def ratios(number):
    x, q, tolerance, rng = crowd(number)
    potential = particle_potential(x, q, tolerance)
    low, high = potential.box
    reach = potential.splitting.cutoff * 10 ** -rng.uniform(0, 2, (1500, 1))
    around = x[rng.integers(0, len(x), 1500)] + reach * rng.normal(size=(1500, 3))
    points = np.vstack([rng.uniform(low, high, (1500, 3)), np.clip(around, low, high)])
    points = points[cKDTree(x).query(points)[0] > potential.error_estimate.excluded_radius]
    error = np.abs(potential(points) - direct_sum.potential(points, x, q)).max()
    return np.array([error, potential.error_estimate.value]) / (tolerance * potential.scale), len(x)


def main():
    first, last = map(int, sys.argv[1:3] or ("100", "160"))
    start, found = time.process_time(), []
    for number in range(first, last):
        (error, estimate), n = ratios(number)
        found.append((error, estimate))
        print(f"{number:4} {n:5} charges: error {error:6.2f} of the tolerance, estimate {estimate:6.2f}", flush=True)
    error, estimate = np.array(found).T
    print(
        f"{len(found)} crowds: largest error {error.max():.2f} of the tolerance, {np.sum(error > 1)} above it;"
        f" estimate over error {np.min(estimate / error):.2f} to {np.max(estimate / error):.2f};"
        f" {time.process_time() - start:.0f} CPU s"
    )


if __name__ == "__main__":
    main()
