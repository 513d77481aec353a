"""How small a feature may be before it is missed: share of runs that see it, by its share of the box.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/hidden_features.py [CENTRES [FEATURE ...]]`` approximates cos(a . x)
plus one feature at CENTRES (default 20) random places in two to four variables, tolerance 1e-6, at most 20,000
evaluations: a ball, a Gaussian, a rational spike 1 / (1 + r^2 / w^2). Its share of the box is that of the ball of
radius w. Seen: the error at 4,000 points inside of it is at most the tolerance, or the result is not called converged.
"""

import math
import sys
import time

import numpy as np

from polyadic import chebyshev_tucker

FEATURES = {
    "ball": lambda s: (s < 1).astype(float),
    "gaussian": lambda s: np.exp(-s),
    "rational": lambda s: 1 / (1 + s),
}
VOLUMES = {2: math.pi, 3: 4 * math.pi / 3, 4: math.pi**2 / 2}  # of the ball of radius one
SHARES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-5)


def seen(name, d, share, number):
    rng = np.random.default_rng([number, d])
    centre, tilt = rng.uniform(-1, 1, d), rng.normal(size=d)
    width = 2 * (share / VOLUMES[d]) ** (1 / d)

    def f(*x):
        square = sum((v - c) ** 2 for v, c in zip(x, centre, strict=True)) / width**2
        return FEATURES[name](square) + np.cos(sum(t * v for t, v in zip(tilt, x, strict=True)))

    model = chebyshev_tucker(f, [(-1, 1)] * d, 1e-6, max_evaluations=20_000, seed=number)
    if not model.converged:
        return True
    x = np.clip(centre + width * rng.uniform(-1, 1, (4000, d)), -1, 1).T
    return np.abs(model(*x) - f(*x)).max() <= 1e-6 * model.scale


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    start = time.process_time()
    print("feature    d  " + "  ".join(f"{share:6.0e}" for share in SHARES))
    for d in VOLUMES:
        for name in sys.argv[2:] or FEATURES:
            row = [sum(seen(name, d, share, k) for k in range(count)) for share in SHARES]
            print(f"{name:9} {d:2}  " + "  ".join(f"{100 * n / count:5.0f}%" for n in row), flush=True)
    print(f"{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
