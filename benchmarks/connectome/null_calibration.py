"""False and true components of the surrogate tests at level .05, by null model, on small simulated populations.

    OMP_NUM_THREADS=1 PYTHONPATH=src python -u benchmarks/connectome/null_calibration.py [--replicates 100] [--power 20]
        [--only TEXT] [--first 7000]

Populations of 20 neurons, 2 animals, 200 s, 19 surrogates each; two components. A population with any component of
p <= .05 counts; the interval is that of Clopper and Pearson at 95 %.

- Without dynamics: calcium with fixed communities, stationary and skewed (a community bursts every 5 s), and sparse
  (every 16 s, 6 spikes a burst, hardly any others); for the nulls of blocks, innovations and adjusted amplitudes.
- Without synchrony: private spikes only.
- With both: two states that take turns every 30 s (dense or sparse), and stationary communities. Weak synchrony are
  bursts of 1.5 spikes that three in ten join, every 8 s.
"""

import argparse
import time

import numpy as np
from scipy.stats import beta

from polyadic.methods.connectome import significance
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

COMMON = {"neurons": 20, "communities": 2, "states": 2, "animals": 2, "duration": 200.0, "detail": False}
SPARSE = {"burst_rate": 0.15, "burst_spikes": 6.0, "background": 0.03}
WEAK = {"burst_rate": 0.3, "burst_spikes": 1.5, "participation": 0.3}
STATIONARY = {"dynamics": "stationary"}
PRIVATE = {"burst_rate": 0.0, "background": 0.3}
COUNT, LEVEL, BLOCK = 19, 0.05, 6.0
CASES = (
    ("false, synchrony", PRIVATE, "shifts"),
    ("false, dynamics, skewed, by blocks", STATIONARY, "blocks"),
    ("false, dynamics, skewed, by innovations", STATIONARY, "innovations"),
    ("false, dynamics, sparse, by blocks", {**STATIONARY, **SPARSE}, "blocks"),
    ("false, dynamics, sparse, by innovations", {**STATIONARY, **SPARSE}, "innovations"),
    ("false, dynamics, skewed, by amplitudes", STATIONARY, "amplitude"),
    ("false, dynamics, sparse, by amplitudes", {**STATIONARY, **SPARSE}, "amplitude"),
    ("true, synchrony", STATIONARY, "shifts"),
    ("true, synchrony, weak", {**STATIONARY, **WEAK}, "shifts"),
    ("true, dynamics by blocks", {}, "blocks"),
    ("true, dynamics by innovations", {}, "innovations"),
    ("true, dynamics, sparse, by blocks", SPARSE, "blocks"),
    ("true, dynamics, sparse, by innovations", SPARSE, "innovations"),
    ("true, dynamics by amplitudes", {}, "amplitude"),
)


def tested(seed: int, settings: dict[str, object], null: str) -> np.ndarray:
    """Return the p-values of the components of one population."""
    values = simulated_traces(SimulatedTracesConfig(**COMMON, **settings, seed=seed))["fluorescence"].to_numpy()
    recording = significance.Recording(values.astype(float), 10.0, "rises", 1.5, False)
    rows = recording.rows(recording.traces)
    window = round(3 * BLOCK * 10.0 / rows.width)
    position = 1 if null == "shifts" else 0
    seen = significance.seen_pairs(rows)
    observed = significance.statistics(significance.refitted(rows, 2, 0), window, seen)[position]
    made = significance.surrogates(recording, null, COUNT, seed, BLOCK)
    fits = [significance.refitted(one, 2, 0) for one in made]
    return significance.p_values(
        observed, np.stack([significance.statistics(fit, window, seen)[position] for fit in fits])
    )


def interval(count: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Clopper and Pearson)."""
    low = beta.ppf(0.025, count, of - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, of - count) if count < of else 1.0
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--power", type=int, default=20)
    parser.add_argument("--only", default="")
    parser.add_argument("--first", type=int, default=7000)
    options = parser.parse_args()
    for what, settings, null in CASES:
        count = options.replicates if what.startswith("false") else options.power
        if options.only not in what or not count:
            continue
        begun = time.process_time()
        found = np.stack([tested(options.first + seed, settings, null) for seed in range(count)]) <= LEVEL
        having = int(found.any(axis=1).sum())
        low, high = interval(having, count)
        print(
            f"{what}: {having} of {count} populations ({low:.3f} to {high:.3f}), {found.mean():.3f} of components,"
            f" {time.process_time() - begun:.0f} CPU s",
            flush=True,
        )


if __name__ == "__main__":
    main()
