"""Membership AMI over all neurons and epoch IoU on simulated populations, beside the baselines of the evaluation.

    OMP_NUM_THREADS=1 PYTHONPATH=src python -u benchmarks/connectome/ntf_population.py [--seeds 5] [--first 700]
        [--baselines]

With ``--baselines`` only what needs no decomposition of ours is scored: epochs known and windows.

Ours: the default decomposition and communities (rank 3). Baselines: epochs known, one naive start and windows of
correlation, each with greedy modularity; our components with greedy modularity as well. Settings were chosen on seeds
800, 801, 810, 811, 820 and 821.
"""

import argparse

import numpy as np

import polyadic
from polyadic.evaluation import connectomes
from polyadic.kernels.dynamic_affinity import affinity_rows
from polyadic.methods.connectome.communities import CommunitiesConfig, without_chance
from polyadic.methods.connectome.community_api import apart
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

HARD = {"participation": 0.6, "burst_rate": 0.4, "jitter": 0.15, "background": 0.3, "shared_rate": 0.05}


def found_communities(pairs: np.ndarray, neurons: int) -> np.ndarray:
    graphs = np.stack([connectomes.refold(column, neurons) for column in pairs.T])
    return np.stack([apart(graph).membership for graph in without_chance(graphs, CommunitiesConfig())])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=700)
    parser.add_argument("--baselines", action="store_true")
    options = parser.parse_args()
    for name, settings in (("hard, 10 dB", HARD), ("hard, 5 dB", {**HARD, "snr": 5.0}), ("easy, 10 dB", {})):
        table: dict[str, list[list[float]]] = {}
        for seed in range(options.first, options.first + options.seeds):
            tree = simulated_traces(SimulatedTracesConfig(seed=seed, detail=False, **settings))
            values, truth = tree["fluorescence"].to_numpy().astype(float), tree["truth"]
            recorded, membership = tree["observed"].to_numpy().any(axis=0), truth["membership"].to_numpy()
            active = truth["active"].to_numpy().any(axis=1)
            rows = affinity_rows(values, 10.0, kernel="rises", smoothing=1.5, per_animal=False)
            found = {
                "epochs known": (connectomes.epochs_known(rows, active), None),
                "windows": (connectomes.window_correlation(values, 10.0, len(membership)), None),
            }
            if not options.baselines:
                cp = polyadic.dynamic_affinity_cp(values, len(membership), 10.0)
                ours = connectomes.Components(cp.factors[0], cp.factors[2], cp.frames)
                found |= {
                    "ours": (ours, found_communities(cp.factors[2], membership.shape[1])),
                    "ours, greedy": (ours, None),
                    "naive": (connectomes.naive(values, 10.0, len(membership), "rises"), None),
                }
            for method, (components, labels) in found.items():
                scores = connectomes.scores(components, membership, active, labels, recorded)
                table.setdefault(method, []).append([float(score.mean()) for score in scores])
        for method, rowed in table.items():
            ami, iou = np.array(rowed).T
            print(f"{name}: {method:13} AMI {ami.mean():.2f} ({ami.min():.2f} to {ami.max():.2f}),", end=" ")
            print(f"IoU {iou.mean():.2f} ({iou.min():.2f} to {iou.max():.2f})", flush=True)


if __name__ == "__main__":
    main()
