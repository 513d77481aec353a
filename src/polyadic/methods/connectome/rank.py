"""Compare ranks by withheld blocks of time and by stability over starts, and choose one."""

import dataclasses
from typing import Literal

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import rank_curve as curve_kind
from polyadic.kinds import traces as kind
from polyadic.methods.connectome.decompose import aligned, chosen_kernel


@dataclasses.dataclass(frozen=True)
class RankConfig:
    """Settings of the comparison."""

    ranks: tuple[int, ...] = setting((1, 2, 3, 4, 5, 6, 8), "ranks that are compared, ascending")
    folds: int = setting(5, "blocks of time that are withheld in turn, at least 2")
    buffer: float = setting(10.0, "time left out on either side of a withheld block in s; longer than the decay")
    predict: Literal["persistence", "halves"] = setting(
        "persistence",
        "what predicts a withheld moment. persistence: moments a lag away, so a component is what lasts longer;"
        " halves: half of the pairs of the same moment, so communities that burst apart are components of their own",
    )
    lag: float = setting(0.0, "lag of persistence in s, above four windows and below an epoch; 0: four windows")
    starts: int = setting(2, "random starts of each rank, at least 1")
    neurons: int = setting(200, "most neurons that enter, drawn at random where there are more, at least 2")
    kernel: Literal["auto", "rises", "changes", "product", "gaussian", "correlation"] = setting(
        "auto", "affinity of two neurons, as in decompose"
    )
    smoothing: float = setting(0.0, "standard deviation of the time window in s, as in decompose")
    background: bool = setting(True, "take from every moment the mean over the pairs of an animal, as in decompose")
    seed: int = setting(0, "seed of the starts, of the halves of pairs and of the draw of neurons")

    def __post_init__(self) -> None:
        """Refuse what could not be compared."""
        if not self.ranks or min(self.ranks) < 1 or list(self.ranks) != sorted(set(self.ranks)):
            raise ValueError(f"ranks must be ascending whole numbers from 1, found {self.ranks}")
        for name, low in (("folds", 2), ("starts", 1), ("neurons", 2), ("buffer", 0), ("smoothing", 0), ("lag", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")


@stage(name="connectome.rank", config=RankConfig, traces=kind.SCHEMA, output=curve_kind.SCHEMA)
def rank(cfg: RankConfig, traces: xr.Dataset) -> xr.Dataset:
    """Compare ranks by withheld blocks of time and by stability over starts, and choose one."""
    from polyadic.core.parallel import ordered_map
    from polyadic.kernels.cp_rank import Folds, rank_curve
    from polyadic.methods.connectome.api import prepared

    alignment = aligned("auto", traces)
    traces = drawn(traces, cfg.neurons, cfg.seed)
    rate = float(traces["sampling_rate"])
    seconds = cfg.smoothing or max(1.5, 3 / rate)
    kernel = chosen_kernel(cfg.kernel, traces)
    rows = prepared(
        traces["fluorescence"].to_numpy(),
        rate,
        kernel=kernel,
        smoothing=seconds,
        alignment=alignment,
        background=cfg.background,
    )
    bins = rate / rows.width
    lag = int(np.ceil((cfg.lag or 4 * seconds) * bins)) if cfg.predict == "persistence" else 0
    found = rank_curve(
        rows.kept(),
        cfg.ranks,
        Folds(cfg.folds, int(np.ceil(cfg.buffer * bins)), lag, traces.sizes["animal"] if rows.per_animal else 1),
        starts=cfg.starts,
        seed=cfg.seed,
        mapper=ordered_map,
        watch=lambda _, fits: progress.report(sum(one.converged for one in fits), len(fits)),
    )
    progress.log(found.reason)
    return curve_kind.dataset(found.ranks, found.error, np.clip(found.stability, 0, 1), found.chosen, found.reason)


def drawn(traces: xr.Dataset, most: int, seed: int) -> xr.Dataset:
    """Return the traces of all neurons, or of some drawn at random where there are more than ``most``."""
    count = traces.sizes["neuron"]
    if count <= most:
        return traces
    progress.log(f"{most} of {count} neurons are drawn for the curve")
    return traces.isel(neuron=np.sort(np.random.default_rng([seed, count]).permutation(count)[:most]))


if __name__ == "__main__":
    rank.cli()
