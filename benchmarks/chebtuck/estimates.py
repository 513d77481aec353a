"""How honest the error estimate is, and how many evaluations it takes, over a family of functions.

``python benchmarks/chebtuck/estimates.py`` prints, per case, evaluations, ranks, the estimate, the largest error found
by 120,000 points (evenly spread, and at all scales round the centre of the function), their ratio, and CPU seconds.
The family: Runge, Gaussians, long-range Newton and plane waves in 2 to 4 variables with random centres and scales
(seeds 0 to 39), at tolerances 1e-6, 1e-8 and 1e-10.
"""

import time

import numpy as np
from scipy.special import erf

from polyadic import chebyshev_tucker


def case(seed):
    rng = np.random.default_rng(seed)
    d, kind = int(rng.integers(2, 5)), ("runge", "gaussian", "newton", "wave", "product")[seed % 5]
    centre, scale = rng.uniform(-0.8, 0.8, d), 10 ** rng.uniform(-0.5, 1.2)
    weights = rng.uniform(0.5, 1.5, d)

    def square(x):
        return sum(w * (v - c) ** 2 for v, c, w in zip(x, centre, weights, strict=True))

    functions = {
        "runge": lambda *x: 1 / (1 + scale**2 * square(x)),
        "gaussian": lambda *x: np.exp(-(scale**2) * square(x)),
        "newton": lambda *x: erf(scale * np.sqrt(square(x) + 1e-30)) / np.sqrt(square(x) + 1e-30),
        "wave": lambda *x: np.cos(scale * sum(w * v for v, w in zip(x, weights, strict=True))),
        "product": lambda *x: np.exp(x[0] * x[1]) / (1.5 + x[0] * x[-1]) + np.sin(scale * x[-1]),
    }
    return kind, d, functions[kind], centre, (1e-6, 1e-8, 1e-10)[seed % 3]


def largest_error(model, f, centre):
    rng = np.random.default_rng(99)
    d = len(centre)
    spread = [rng.uniform(-1, 1, (40_000, d)), -np.cos(np.pi * rng.uniform(size=(40_000, d)))]
    near = np.clip(centre + 10 ** -rng.uniform(0, 5, (40_000, 1)) * rng.normal(size=(40_000, d)), -1, 1)
    x = np.vstack([*spread, near]).T
    return np.abs(model(*x) - f(*x)).max() / model.scale


def main():
    ratios, converged = [], 0
    for seed in range(40):
        kind, d, f, centre, tolerance = case(seed)
        start = time.process_time()
        model = chebyshev_tucker(f, [(-1, 1)] * d, tolerance)
        seconds = time.process_time() - start
        ratio = model.error_estimate / largest_error(model, f, centre)
        ratios.append(ratio)
        converged += model.converged
        print(
            f"{seed:3} {kind:9} {d} {tolerance:.0e} {model.evaluations:8} {model.ranks} {model.error_estimate:.1e}"
            f" ratio {ratio:6.2f} {seconds:5.1f} {model.message[:60]}",
            flush=True,
        )
    ratios = np.array(ratios)
    good = np.mean((ratios >= 1) & (ratios <= 30))
    print(f"estimate between 1 and 30 times the error: {good:.1%}; converged {converged} of {len(ratios)}")


if __name__ == "__main__":
    main()
