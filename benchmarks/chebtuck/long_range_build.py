"""Build of the long range alone: N charges in [0, 2]^3, splitting erf(mu r)/r with mu = 6, tolerance 1e-7.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/long_range_build.py [N ...]``. Prints CPU seconds of the second build
(the first compiles), ranks, and the largest error of long plus short range at 40 points against direct summation,
relative to the root mean square of the potential.
"""

import sys
import time

import numpy as np

from polyadic.kernels import direct_sum
from polyadic.methods.chebtuck.particle_potential import particle_potential


def main():
    particle_potential(np.random.default_rng(0).uniform(0, 2, (1000, 3)), np.ones(1000), 1e-7, 6.0)
    for n in map(int, sys.argv[1:] or ["10000", "1000000"]):
        rng = np.random.default_rng(n)
        x, q = rng.uniform(0, 2, (n, 3)), rng.choice([-1.0, 1.0], n)
        start = time.process_time()
        potential = particle_potential(x, q, 1e-7, 6.0)
        seconds = time.process_time() - start
        points = rng.uniform(0, 2, (40, 3))
        error = np.abs(potential(points) - direct_sum.potential(points, x, q)).max() / potential.scale
        print(f"N = {n:,}: {seconds:.2f} CPU s, ranks {potential.long.ranks}, error {error:.1e}", flush=True)


if __name__ == "__main__":
    main()
