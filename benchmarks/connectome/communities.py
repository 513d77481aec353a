"""Communities against peers on weighted LFR graphs, and one block where nothing is there.

    PYTHONPATH=src python benchmarks/connectome/communities.py --seeds 100 110 [--ceilings] [--null 100] [--other]

Adjusted mutual information of the level that the model itself picks, single edges, no oracle; graphs of one planted
community do not count. Peers: Louvain and Leiden of scikit-network, weighted and unweighted; igraph and leidenalg are
optional (``PYTHONPATH=src:FOLDER`` where they are installed apart). Ceilings: see `lfr_ceiling`. CPU seconds are per
graph.
"""

import argparse
import functools
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score

sys.path.insert(0, str(Path(__file__).parent))

import lfr_ceiling
import weighted_lfr

import polyadic

CEILINGS = {"ceiling, generator": lfr_ceiling.generator, "ceiling, our model": lfr_ceiling.model}

Finder = Callable[[NDArray[np.float64]], NDArray[np.int64]]


def igraph_peer(method: str, weighted: bool) -> Finder | None:
    """Return a partition by leidenalg (modularity, surprise) or by igraph's infomap, or None where not installed."""
    try:
        import igraph
        import leidenalg
    except ImportError:
        return None
    qualities = {"modularity": leidenalg.ModularityVertexPartition, "surprise": leidenalg.SurpriseVertexPartition}

    def find(w: NDArray[np.float64]) -> NDArray[np.int64]:
        i, j = np.nonzero(np.triu(w))
        graph = igraph.Graph(n=len(w), edges=np.stack([i, j], 1).tolist())
        weights = w[i, j].tolist() if weighted else None
        if method == "infomap":
            random.seed(0)
            return np.array(graph.community_infomap(edge_weights=weights).membership)
        parts = leidenalg.find_partition(graph, qualities[method], weights=weights, seed=0)
        return np.array(parts.membership)

    return find


@functools.cache
def finders() -> dict[str, Finder]:
    found: dict[str, Finder | None] = {
        "polyadic auto": lambda w: polyadic.communities(w).membership,
        "polyadic blocks": lambda w: polyadic.communities(w, "blocks").membership,
        "louvain": lambda w: polyadic.communities(w, "louvain").membership,
        "louvain, unweighted": lambda w: polyadic.communities((w > 0).astype(float), "louvain").membership,
        "leiden": lambda w: polyadic.communities(w, "leiden").membership,
    }
    names = {"modularity": "leidenalg", "infomap": "infomap", "surprise": "surprise"}
    for method, name in names.items():
        for weighted, ending in ((True, ""), (False, ", unweighted")):
            found[name + ending] = igraph_peer(method, weighted)
    if found["leidenalg"] is None:
        print("leidenalg and igraph are not installed: pip install leidenalg igraph for these rows")
    return {name: find for name, find in found.items() if find is not None}


def lfr(first: int, last: int, with_ceilings: bool) -> None:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for settings in weighted_lfr.CONFIGURATIONS.values():
        key = repr({**weighted_lfr.BASE, **settings})  # two configurations are the same
        if key not in found:
            found[key] = scored(settings, range(first, last), with_ceilings)
    columns = [found[repr({**weighted_lfr.BASE, **s})] for s in weighted_lfr.CONFIGURATIONS.values()]
    print(f"{'':22}" + "".join(f"{c:>9}" for c in weighted_lfr.CONFIGURATIONS) + "     mean  CPU s")
    print(f"{'graphs':22}" + "".join(f"{len(next(iter(c.values()))):9}" for c in columns))
    for name in columns[0]:
        means = [float(np.mean([score for score, _ in c[name]])) if c[name] else float("nan") for c in columns]
        seconds = np.mean([spent for c in found.values() for _, spent in c[name]])
        print(f"{name:22}" + "".join(f"{m:9.2f}" for m in means) + f"{np.nanmean(means):9.3f}{seconds:7.2f}")


def scored(settings: dict[str, float], seeds: range, with_ceilings: bool) -> dict[str, list[tuple[float, float]]]:
    """Return the scores and CPU seconds of every finder on the graphs of more than one community."""
    names = (*finders(), *(CEILINGS if with_ceilings else ()))
    rows: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for seed in seeds:
        g = weighted_lfr.graph(seed, **settings)
        if g.membership.max() == 0:
            continue
        for name, row in rows.items():
            start = time.process_time()
            label = CEILINGS[name](g.weights, g.membership) if name in CEILINGS else finders()[name](g.weights)
            row.append((adjusted_mutual_info_score(g.membership, label), time.process_time() - start))
    return rows


def null_graphs(count: int) -> Iterator[NDArray[np.float64]]:
    """Yield random graphs of power-law degrees with exponential, log-normal and gamma weights in turn."""
    for seed in range(200, 200 + count):
        rng, n = np.random.default_rng(seed), 125
        degree = np.searchsorted(weighted_lfr.power_law(11, 60, 2.0), rng.random(n)) + 11
        degree[-1] += degree.sum() % 2
        edges = np.zeros((n, n), bool)
        weighted_lfr._wire(edges, degree.copy(), np.zeros(n, np.int64), True, seed)
        draws = (rng.exponential(1, (n, n)), rng.lognormal(0, 1, (n, n)), rng.gamma(2.0, 1.0, (n, n)))
        w = np.triu(draws[seed % 3] * edges, 1)
        yield w + w.T


def nothing(count: int) -> None:
    one = sum(polyadic.communities(w).membership.max() == 0 for w in null_graphs(count))
    print(f"one block on graphs without structure: {one} of {count}")


def other(graphs: int = 10) -> None:
    """Score gamma-weighted planted graphs, assortative and disassortative, in topology or in weights."""
    for name, share, mean in (
        ("assortative topology", (0.35, 0.1), (1.0, 1.0)),
        ("disassortative topology", (0.1, 0.35), (1.0, 1.0)),
        ("assortative weights", (0.3, 0.3), (2.0, 1.0)),
        ("disassortative weights", (0.3, 0.3), (1.0, 2.0)),
    ):
        scores: dict[str, list[float]] = {key: [] for key in ("polyadic auto", "louvain", "leiden")}
        for seed in range(graphs):
            rng, truth = np.random.default_rng([seed, 5]), np.repeat(np.arange(3), (50, 40, 30))
            same = truth[:, None] == truth
            w = rng.gamma(2.0, np.where(same, *mean)) * (rng.random(same.shape) < np.where(same, *share))
            w = np.triu(w, 1)
            for key, values in scores.items():
                values.append(adjusted_mutual_info_score(truth, finders()[key](w + w.T)))
        print(f"{name:24}" + "  ".join(f"{key} {np.mean(values):.2f}" for key, values in scores.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(100, 110), metavar=("FIRST", "LAST"))
    parser.add_argument("--null", type=int, default=0, metavar="COUNT", help="graphs without structure")
    parser.add_argument("--ceilings", action="store_true", help="what could be reached, see lfr_ceiling")
    parser.add_argument("--other", action="store_true", help="gamma-weighted planted graphs")
    arguments = parser.parse_args()
    if arguments.null:
        nothing(arguments.null)
    if arguments.other:
        other()
    if arguments.seeds[1] > arguments.seeds[0]:
        lfr(*arguments.seeds, arguments.ceilings)


if __name__ == "__main__":
    main()
