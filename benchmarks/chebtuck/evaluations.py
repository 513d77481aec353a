"""Evaluations to a tolerance, the true error, its estimate, and gradient errors against value errors.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/evaluations.py [NAME ...]`` approximates the functions below, or those
named. Error: the largest at 80,000 points, half of them round the place where the function is difficult at all scales
down to 1e-10, relative to the largest value. Gradient: its largest error times the length of the box over the largest
value error at the same points, 1e-10 and more away from a cusp; functions of the radius only.
"""

import itertools
import sys
import time

import numpy as np

from polyadic import chebyshev_tucker


def radial(value, slope, centre=0.0):
    """Return f of r^2 round a place, and its gradient from the slope d f / d r^2."""

    def f(*x):
        return value(sum((v - centre) ** 2 for v in x))

    def gradient(x):
        away = np.array(x) - centre
        return (2 * slope(np.square(away).sum(axis=0)) * away).T

    return f, gradient, centre


CASES = {
    "runge25": (*radial(lambda s: 1 / (1 + 25 * s), lambda s: -25 / (1 + 25 * s) ** 2), 3, 1e-12),
    "sech2": (lambda *x: 1 / np.cosh(3 * sum(x)) ** 2, None, 0.0, 3, 1e-12),
    "slater": (*radial(lambda s: np.exp(-np.sqrt(s)), lambda s: -np.exp(-np.sqrt(s)) / np.sqrt(4 * s), -1.0), 3, 1e-9),
    "spike": (*radial(lambda s: 1 / (1 + 1e4 * s), lambda s: -1e4 / (1 + 1e4 * s) ** 2), 3, 1e-10),
    "rational5": (lambda *x: 1 / (1 + sum(x) ** 2), None, 0.0, 5, 1e-8),
    "coupled5": (lambda *x: np.exp(-sum(a * b for a, b in itertools.pairwise(x))), None, 0.0, 5, 1e-8),
    "newton": (*radial(lambda s: (0.01 + s) ** -0.5, lambda s: -0.5 * (0.01 + s) ** -1.5), 3, 1e-9),
    "gaussian": (*radial(lambda s: np.exp(-9 * s), lambda s: -9 * np.exp(-9 * s)), 3, 1e-9),
}


def points(centre, d):
    rng = np.random.default_rng(3)
    near = centre + 10 ** -rng.uniform(0, 10, (20_000, 1)) * rng.normal(size=(20_000, d))
    graded = np.clip(centre + 2 * 10 ** -rng.uniform(0, 10, (20_000, d)) * rng.choice([-1, 1], (20_000, d)), -1, 1)
    even = rng.uniform(-1, 1, (20_000, d))
    return np.vstack([near[(np.abs(near) <= 1).all(axis=1)], graded, even, -np.cos(np.pi * (even + 1) / 2)]).T


def main():
    for name in sys.argv[1:] or CASES:
        f, gradient, centre, d, tolerance = CASES[name]
        start = time.process_time()
        model = chebyshev_tucker(f, [(-1, 1)] * d, tolerance)
        seconds = time.process_time() - start
        x = points(centre, d)
        error = np.abs(model(*x) - f(*x)).max()
        line = (
            f"{name:9} {tolerance:.0e} {model.evaluations:8,} evaluations, error {error / model.scale:.1e}, estimate"
            f" {model.error_estimate:.1e}, ranks {model.ranks}, {seconds:.1f} CPU s"
        )
        if gradient and name != "slater":
            ratio = 2 * np.abs(model.gradient(*x) - gradient(x)).max() / error
            line += f", gradient {ratio:.0f}"
        print(line if model.converged else f"{line}, NOT CONVERGED: {model.message}", flush=True)


if __name__ == "__main__":
    main()
