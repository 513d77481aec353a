"""False and true components of the surrogate tests at level .05, by null model, on small simulated populations.

    OMP_NUM_THREADS=1 PYTHONPATH=src python -u benchmarks/connectome/null_calibration.py [--replicates 100] [--power 20]

Populations of 20 neurons, 2 animals, 200 s, 19 surrogates each; two components.
Without dynamics: stationary, sparse and
skewed calcium with fixed communities; a component with p <= .05 is false, for the nulls of blocks and of adjusted
amplitudes. Without synchrony: private spikes only. With both: two states that take turns, and stationary communities.
"""

import argparse
import time

import numpy as np

from polyadic.methods.connectome import significance
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

COMMON = {"neurons": 20, "communities": 2, "states": 2, "animals": 2, "duration": 200.0, "detail": False}
STATIONARY = {"dynamics": "stationary"}
PRIVATE = {"burst_rate": 0.0, "background": 0.3}
COUNT, LEVEL, BLOCK = 19, 0.05, 6.0


def tested(seed: int, settings: dict[str, object], null: str) -> np.ndarray:
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--power", type=int, default=20)
    options = parser.parse_args()
    for what, settings, null, count in (
        ("false, dynamics by blocks", STATIONARY, "blocks", options.replicates),
        ("false, synchrony", PRIVATE, "shifts", options.replicates),
        ("false, dynamics by amplitudes", STATIONARY, "amplitude", options.replicates),
        ("true, dynamics by blocks", {}, "blocks", options.power),
        ("true, dynamics by amplitudes", {}, "amplitude", options.power),
        ("true, synchrony", STATIONARY, "shifts", options.power),
    ):
        found = np.stack([tested(7000 + seed, settings, null) for seed in range(count)]) <= LEVEL
        any_share, error = found.any(axis=1).mean(), np.sqrt(found.any(axis=1).var() / count)
        print(
            f"{what}: {found.mean():.3f} of components, {any_share:.2f} +- {error:.2f} of {count} populations have one"
        )
    print(f"{time.process_time():.0f} CPU s")


if __name__ == "__main__":
    main()
