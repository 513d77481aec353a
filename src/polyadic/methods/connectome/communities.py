"""Find the communities of every component's graph of neurons."""

import dataclasses
from typing import Any, Literal

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import communities as kind
from polyadic.kinds import cp_factors


@dataclasses.dataclass(frozen=True)
class CommunitiesConfig:
    """How communities are found."""

    model: Literal["auto", "blocks", "mixing", "louvain", "leiden"] = setting("auto", "model of the graphs")
    starts: int = setting(3, "number of starts; their agreement is the probability of a membership")
    threshold: float = setting(0.0, "pair weights below this share of the largest are absent edges, in [0, 1)")
    seed: int = setting(0, "seed of the search")

    def __post_init__(self) -> None:
        if self.starts < 1:
            raise ValueError(f"starts must be at least 1, found {self.starts}")
        if not 0 <= self.threshold < 1:
            raise ValueError(f"threshold must lie in [0, 1), found {self.threshold}")


@stage(name="connectome.communities", config=CommunitiesConfig, factors=cp_factors.SCHEMA, output=kind.SCHEMA)
def communities(cfg: CommunitiesConfig, factors: xr.Dataset) -> xr.Dataset:
    """Find the communities of every component's graph of neurons."""
    import numpy as np

    from polyadic.methods.connectome.community_api import communities as find

    graphs = pair_graphs(factors)
    graphs = np.where(graphs > cfg.threshold * graphs.max(axis=(1, 2), keepdims=True), graphs, 0.0)
    best, agreement = [], []
    for number, weights in enumerate(graphs):
        found = [find(weights, cfg.model, cfg.seed + start) for start in range(cfg.starts)]
        chosen = min(found, key=lambda f: f.description_length)
        best.append(chosen)
        agreement.append(np.mean([agree(chosen.membership, f.membership) for f in found], axis=0))
        progress.log(f"component {number}: {chosen.membership.max() + 1} communities, {chosen.model}")
    depth = max(f.levels.shape[0] for f in best)
    levels = np.stack([np.pad(f.levels, ((0, depth - f.levels.shape[0]), (0, 0)), mode="edge") for f in best])
    lengths = [[f.description_length for f in best], [f.one_block for f in best]]
    out = kind.dataset(levels, np.stack(agreement), graphs, lengths=lengths, models=[f.model for f in best])
    return out.assign_coords({n: c for n, c in factors.coords.items() if c.dims == ("neuron",)})


def pair_graphs(factors: xr.Dataset) -> Any:
    """Return (component, n, n) symmetric weights that the pair factor holds as its upper triangle."""
    import numpy as np

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
