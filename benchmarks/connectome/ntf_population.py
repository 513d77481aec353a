"""Membership AMI and epoch IoU on weaker simulated populations, beside the baselines of the evaluation.

OMP_NUM_THREADS=1 PYTHONPATH=src python -u benchmarks/connectome/ntf_population.py [--seeds 3]
"""

import argparse

import numpy as np

import polyadic
from polyadic.evaluation import connectomes
from polyadic.kernels.dynamic_affinity import affinity_rows
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

WEAK = {"participation": 0.5, "burst_rate": 0.3, "background": 0.3, "jitter": 0.15}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    for name, settings in (("weak, 5 dB", {**WEAK, "snr": 5.0}), ("default, 5 dB", {"snr": 5.0}), ("default", {})):
        for seed in range(700, 700 + parser.parse_args().seeds):
            tree = simulated_traces(SimulatedTracesConfig(seed=seed, detail=False, **settings))
            values, truth = tree["fluorescence"].to_numpy().astype(float), tree["truth"]
            seen = tree["observed"].to_numpy().any(axis=0)
            membership = np.where(seen, truth["membership"].to_numpy(), -1)
            active = truth["active"].to_numpy().any(axis=1)
            cp = polyadic.dynamic_affinity_cp(values, len(membership), 10.0)
            rows = affinity_rows(values, 10.0, kernel="rises", smoothing=1.5, per_animal=False)
            found = {
                "ours": connectomes.Components(cp.factors[0], cp.factors[2], cp.frames),
                "epochs known": connectomes.epochs_known(rows, active),
                "naive": connectomes.naive(values, 10.0, len(membership), "rises"),
                "windows": connectomes.window_correlation(values, 10.0, len(membership)),
            }
            shown = [(n, [s.mean() for s in connectomes.scores(f, membership, active)]) for n, f in found.items()]
            print(name, seed, ", ".join(f"{n} {ami:.2f}/{iou:.2f}" for n, (ami, iou) in shown), flush=True)


if __name__ == "__main__":
    main()
