"""Find the communities of every component's graph of neurons, and what goes with the component.

``python -m polyadic.methods.connectome.communities --factors cp.nc --traces a.nc --out communities.nc``
"""

import dataclasses
from typing import Any, Literal

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import communities as kind
from polyadic.kinds import cp_factors
from polyadic.kinds import traces as traces_kind


@dataclasses.dataclass(frozen=True)
class CommunitiesConfig:
    """How communities are found."""

    model: Literal["auto", "blocks", "mixing", "louvain", "leiden"] = setting("auto", "model of the graphs")
    starts: int = setting(3, "number of starts; their agreement is the probability of a membership")
    edges: Literal["otsu", "share"] = setting(
        "otsu",
        "which pair weights are edges, not chance affinity. otsu: those above the threshold that splits the component's"
        " weights best in two; share: those above a share of its largest",
    )
    threshold: float = setting(0.0, "the share of the largest weight up to which a pair is no edge; in [0, 1)")
    window: float = setting(
        0.0, "time from the start of an event that counts in s; 0: the median length of such events, at least 3 s"
    )
    draws: int = setting(999, "circular shifts of each test of events and behaviour, at least 19")
    seed: int = setting(0, "seed of the search and of the shifts")

    def __post_init__(self) -> None:
        """Refuse what no search or test could use."""
        if self.starts < 1:
            raise ValueError(f"starts must be at least 1, found {self.starts}")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must lie in [0, 1), found {self.threshold}")
        if self.draws < 19 or self.window < 0:
            raise ValueError(f"draws must be at least 19 and window not negative, found {self.draws}, {self.window}")


@stage(
    name="connectome.communities",
    config=CommunitiesConfig,
    factors=cp_factors.SCHEMA,
    traces=traces_kind.SCHEMA,
    significance=Input((cp_factors.SCHEMA,), optional=True),
    output=kind.SCHEMA,
)
def communities(
    cfg: CommunitiesConfig, factors: xr.Dataset, traces: xr.Dataset, significance: xr.Dataset | None = None
) -> xr.Dataset:
    """Find the communities of every component's graph of neurons, and when, where and with what it is active."""
    import numpy as np

    from polyadic.methods.connectome.community_api import apart as find

    graphs = without_chance(pair_graphs(factors), cfg)
    check_animals(factors, traces)
    best, agreement = [], []
    for number, weights in enumerate(progress.track(graphs, len(graphs))):
        found = [find(weights, cfg.model, cfg.seed + start) for start in range(cfg.starts)]
        chosen = min(found, key=lambda f: f.description_length)
        best.append(chosen)
        agreement.append(np.mean([agree(chosen.membership, f.membership) for f in found], axis=0))
        progress.log(f"component {number}: {chosen.membership.max() + 1} communities, {chosen.model}")
    stable = over_starts(factors, cfg, [f.membership for f in best])
    depth = max(f.levels.shape[0] for f in best)
    levels = np.stack([np.pad(f.levels, ((0, depth - f.levels.shape[0]), (0, 0)), mode="edge") for f in best])
    lengths = [[f.description_length for f in best], [f.one_block for f in best]]
    out = kind.dataset(levels, np.stack(agreement), graphs, lengths=lengths, models=[f.model for f in best])
    if stable is not None:
        label = {"units": "1", "long_name": "share of the starts of the decomposition whose communities agree"}
        out["stability"] = (("component", "neuron"), stable, label)
        progress.log(f"memberships over starts: {', '.join(f'{row.mean():.2f}' for row in stable)}")
    out = with_distance(out, traces, cfg)
    out = out.assign_coords({n: c for n, c in factors.coords.items() if c.dims == ("neuron",)})
    return with_significance(with_meaning(out, cfg, factors, traces), significance)


def over_starts(factors: xr.Dataset, cfg: CommunitiesConfig, chosen: list[Any]) -> Any:
    """Return for each component and neuron the share of the other starts of the decomposition that place it alike."""
    import numpy as np

    from polyadic.methods.connectome.community_api import apart as find

    name = next((n for n in ("pair_by_start", "neuron_by_start") if n in factors), "")
    if not name or factors.sizes["replicate"] < 2:
        return None
    agreement = []
    for replicate in range(1, factors.sizes["replicate"]):
        own = factors.assign({f"factor_{name.split('_')[0]}": factors[name].isel(replicate=replicate).astype(float)})
        graphs = without_chance(pair_graphs(own), cfg)
        labels = [find(weights, cfg.model, cfg.seed).membership for weights in graphs]
        agreement.append([agree(best, label) for best, label in zip(chosen, labels, strict=True)])
    return np.mean(agreement, axis=0)


def with_distance(out: xr.Dataset, traces: xr.Dataset, cfg: CommunitiesConfig) -> xr.Dataset:
    """Return the communities with the distances of their neurons, and whether weights go with them, where known.

    Neuropil and motion make neighbours alike: a strong fall with distance is a reason to doubt a component.
    """
    import numpy as np

    from polyadic.kernels.distance_test import mantel, mean_distances

    if "position" not in traces or traces.sizes["neuron"] != out.sizes["neuron"]:
        return out
    apart = mean_distances(traces["position"].to_numpy().astype(float))
    tests = np.array([mantel(graph, apart, cfg.draws, cfg.seed) for graph in out["weights"].to_numpy()])
    units = str(traces["position"].attrs.get("units", "1"))
    for number, (correlation, p) in enumerate(tests):
        progress.log(f"component {number}: weight and distance of ROIs correlate {correlation:.2f}, p {p:.3f}")
    texts = (
        "Spearman correlation of pair weights and distances of ROIs",
        "p-value of it over permuted neurons (Mantel)",
    )
    return out.assign(
        distance=(("neuron", "partner"), apart, {"units": units, "long_name": "mean distance of two ROIs"}),
        distance_correlation=("component", tests[:, 0], {"units": "1", "long_name": texts[0]}),
        p_distance=("component", tests[:, 1], {"units": "1", "long_name": texts[1]}),
    )


def without_chance(graphs: Any, cfg: CommunitiesConfig) -> Any:
    """Return graphs ``(component, neuron, neuron)`` whose weak pairs are absent."""
    import numpy as np

    from polyadic.evaluation.connectomes import otsu

    upper = np.triu_indices(graphs.shape[-1], 1)
    least = [otsu(g[upper]) if cfg.edges == "otsu" and g[upper].any() else cfg.threshold * g.max() for g in graphs]
    return np.where(graphs > np.array(least)[:, None, None], graphs, 0.0)


def check_animals(factors: xr.Dataset, traces: xr.Dataset) -> None:
    """Raise `InputError` where the factors are not of these traces."""
    if "trial" in factors.dims:
        return
    if factors.sizes["animal"] != traces.sizes["animal"] or not {"time", "animal"} <= set(factors.coords):
        raise InputError(
            f"factors: {factors.sizes['animal']} animals, but the traces hold {traces.sizes['animal']};"
            " give the traces that were decomposed"
        )


def with_meaning(out: xr.Dataset, cfg: CommunitiesConfig, factors: xr.Dataset, traces: xr.Dataset) -> xr.Dataset:
    """Return the communities with when and in which animals their components are high, and the tests of events."""
    from polyadic.methods.connectome import meaning, trial_tests

    names = [name.removeprefix(traces_kind.BEHAVIOUR) for name in traces_kind.behaviours(traces)]
    if "trial" in factors.dims:
        labels, tests = trial_tests.tests_of(factors, traces, cfg.draws, cfg.seed)
        return kind.with_tests(out.assign_coords(component=factors["component"]), tests, labels, names, trials=True)
    time = factors["time"].to_numpy().astype(float)
    loads, mask = meaning.high(factors)
    labels, on = meaning.event_masks(traces, time)
    tests = meaning.event_tests_of(factors, traces, cfg.window, cfg.draws, cfg.seed)
    coords = {name: factors[name] for name in ("component", "time", "animal")}
    out = out.assign_coords(coords)
    found = kind.Meaning(meaning.activity(factors), loads, mask, meaning.intervals(mask, time), labels, on, names)
    out = kind.with_meaning(out, found, tests)
    for row, column in zip(*((tests["p_event_adjusted"] <= 0.05).nonzero()), strict=True):
        progress.log(f"component {row}: {labels[column]}, effect {tests['effect'][row, column]:.2f}")
    return out


def with_significance(out: xr.Dataset, significance: xr.Dataset | None) -> xr.Dataset:
    """Return the communities with the p-values of their components against surrogates, where there are any."""
    if significance is None:
        return out
    if significance.sizes["component"] != out.sizes["component"]:
        raise InputError(f"significance: {significance.sizes['component']} components, found {out.sizes['component']}")
    for name, label in (("dynamics", "p_surrogate"), ("synchrony", "p_synchrony")):
        if f"p_{name}" in significance:
            values = significance[f"p_{name}"]
            out[label] = ("component", values.to_numpy(), dict(values.attrs))
    return out


def pair_graphs(factors: xr.Dataset) -> Any:
    """Return (component, n, n) symmetric weights that the pair factor holds as its upper triangle."""
    import numpy as np

    if "factor_neuron" in factors and "factor_pair" not in factors:  # neurons that are active together are a clique
        neurons = factors["factor_neuron"].to_numpy().T
        return neurons[:, :, None] * neurons[:, None, :] * (1 - np.eye(neurons.shape[1]))
    if "factor_pair" not in factors or factors["factor_pair"].dims != ("pair", "component"):
        raise InputError(
            "factors: communities need 'factor_pair' (pair, component) of one replicate; choose a replicate"
        )
    pair = factors["factor_pair"].to_numpy()
    n = round((1 + (1 + 8 * pair.shape[0]) ** 0.5) / 2)
    if n * (n - 1) // 2 != pair.shape[0]:
        raise InputError(f"factors: {pair.shape[0]} pairs are no upper triangle, accepted are n (n - 1) / 2")
    if pair.min(initial=0.0) < 0:
        raise InputError("factors: 'factor_pair' has negative entries; communities need non-negative factors")
    graphs = np.zeros((pair.shape[1], n, n))
    i, j = np.triu_indices(n, 1)
    graphs[:, i, j] = graphs[:, j, i] = pair.T
    return graphs


def agree(reference: Any, other: Any) -> Any:
    """Return for every node whether its label agrees after the best matching of labels."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((int(reference.max()) + 1, int(other.max()) + 1))
    np.add.at(table, (reference, other), 1.0)
    rows, columns = linear_sum_assignment(-table)
    matched = np.full(table.shape[1], -1)
    matched[columns] = rows
    return (matched[other] == reference).astype(float)


if __name__ == "__main__":
    communities.cli()
