"""Search for a function that is called converged and is not; and gradient errors against value errors.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/adversarial.py [CASES [FAMILY]]`` draws CASES (default 300) functions of
two and three variables by the seed FAMILY (default 1; 1, 2 and 2024 have served for development): cusps exp(-r / w),
kinks, steps along any direction, balls, rational spikes, Gaussians on a smooth background, products of both, at random
places, widths w from 1 down to 1e-6 of half the box, tolerances 1e-4 to 1e-9, at most 60,000 evaluations. False: called
converged while the error over 60,000 points, two thirds of them round the feature at all scales down to its width,
exceeds the tolerance, or the estimate. A feature that fills less of the box than about one part in the number of
evaluations cannot be seen by any sampling; such cases are counted apart (``hidden``: width^d below 1 / evaluations, on
a background that does not lead to it).

Before that, for resolved functions, the largest error of the gradient times the length of the box over that of the
value: at evenly drawn points, and with points at the faces, where polynomials of degree n have slopes of order n^2.
"""

import sys
import time

import numpy as np

from polyadic import chebyshev_tucker

KINDS = ("cusp", "kink", "step", "ball", "rational", "gaussian", "oscillating")


def case(seed, family):
    rng = np.random.default_rng([family, seed])
    d, kind = int(rng.integers(2, 4)), KINDS[seed % len(KINDS)]
    centre, width, direction = rng.uniform(-1, 1, d), 10 ** -rng.uniform(0, 6), rng.normal(size=d)
    direction /= np.linalg.norm(direction)
    amplitude, tilt = 10 ** rng.uniform(-2, 0), rng.normal(size=d)

    def square(x):
        return sum((v - c) ** 2 for v, c in zip(x, centre, strict=True)) / width**2

    def along(x):
        return sum(a * (v - c) for v, c, a in zip(x, centre, direction, strict=True))

    feature = {
        "cusp": lambda x: np.exp(-np.sqrt(square(x))),
        "kink": lambda x: np.abs(along(x)),
        "step": lambda x: np.where(along(x) > 0, 1.0, 0.0),
        "ball": lambda x: (square(x) < 1).astype(float),
        "rational": lambda x: 1 / (1 + square(x)),
        "gaussian": lambda x: np.exp(-square(x)),
        "oscillating": lambda x: np.exp(-square(x)) * np.cos(20 * along(x)),
    }[kind]

    def f(*x):
        return amplitude * feature(x) + np.cos(sum(t * v for t, v in zip(tilt, x, strict=True)))

    hidden = kind in ("cusp", "ball", "gaussian", "oscillating")
    return f, d, centre, width, kind, hidden, 10 ** -rng.uniform(4, 9)


def largest_error(model, f, centre, width, d):
    rng = np.random.default_rng(99)
    spread = rng.uniform(-1, 1, (20_000, d))
    reach = 10 ** rng.uniform(np.log10(width) - 1, 0, (40_000, 1))
    x = np.vstack([spread, np.clip(centre + reach * rng.normal(size=(40_000, d)), -1, 1)]).T
    return np.abs(model(*x) - f(*x)).max() / model.scale


def gradients():
    for name, f, slope, d in (
        ("runge25", lambda r: 1 / (1 + 25 * r), lambda r: -50 / (1 + 25 * r) ** 2, 3),
        ("gaussian", lambda r: np.exp(-9 * r), lambda r: -18 * np.exp(-9 * r), 3),
        ("newton", lambda r: 1 / np.sqrt(0.01 + r), lambda r: -((0.01 + r) ** -1.5), 3),
    ):
        for tolerance in (1e-6, 1e-9):
            model = chebyshev_tucker(lambda *x, f=f: f(sum(v * v for v in x)), [(-1, 1)] * d, tolerance)
            rng = np.random.default_rng(3)
            near = np.clip(10 ** -rng.uniform(0, 3, (30_000, 1)) * rng.normal(size=(30_000, d)), -1, 1)
            x = np.vstack([rng.uniform(-1, 1, (30_000, d)), -np.cos(np.pi * rng.uniform(size=(30_000, d))), near]).T
            r = np.square(x).sum(axis=0)
            value = np.abs(model(*x) - f(r))
            gradient = np.abs(model.gradient(*x) - (slope(r) * x).T).max(axis=1)
            even = slice(30_000)
            print(
                f"{name:9} {tolerance:.0e} value error {value.max():.1e}; gradient error times the length of the box"
                f" over it: {2 * gradient[even].max() / value.max():6.1f} at evenly drawn points,"
                f" {2 * gradient.max() / value.max():6.1f} with faces and centre",
                flush=True,
            )


def main():
    gradients()
    start = time.process_time()
    false, unseen, converged = [], [], 0
    given = [int(a) for a in sys.argv[1:3]]
    cases, family = [*given, *(300, 1)[len(given) :]]
    for seed in range(cases):
        f, d, centre, width, kind, hidden, tolerance = case(seed, family)
        model = chebyshev_tucker(f, [(-1, 1)] * d, tolerance, max_evaluations=60_000)
        if seed % 20 == 19:
            print(f"{seed + 1} cases, {converged} called converged, {len(false)} falsely", flush=True)
        if not model.converged:
            continue
        converged += 1
        error = largest_error(model, f, centre, width, d)
        if error > max(tolerance, model.error_estimate):
            small = hidden and width**d < 1 / model.evaluations
            (unseen if small else false).append(seed)
            print(
                f"{'hidden' if small else 'FALSE '} case {seed} {kind} {d} variables width {width:.1e} tolerance"
                f" {tolerance:.1e}: error {error:.1e}, estimate {model.error_estimate:.1e}, {model.evaluations}"
                " evaluations",
                flush=True,
            )
    print(
        f"{cases} cases, {converged} called converged: {len(false)} falsely, {len(unseen)} with a feature too small to"
        f" be seen; {time.process_time() - start:.0f} CPU s"
    )


if __name__ == "__main__":
    main()
