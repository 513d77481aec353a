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
    starts: int = setting(3, "random starts of each rank, at least 1")
    kernel: Literal["auto", "rises", "changes", "product", "gaussian", "correlation"] = setting(
        "auto", "affinity of two neurons, as in decompose"
    )
    smoothing: float = setting(0.0, "standard deviation of the time window in s, as in decompose")
    seed: int = setting(0, "seed of the starts and of the halves of pairs")

    def __post_init__(self) -> None:
        """Refuse what could not be compared."""
        if not self.ranks or min(self.ranks) < 1 or list(self.ranks) != sorted(set(self.ranks)):
            raise ValueError(f"ranks must be ascending whole numbers from 1, found {self.ranks}")
        if self.folds < 2 or self.starts < 1 or self.buffer < 0 or self.smoothing < 0:
            raise ValueError("folds must be at least 2, starts at least 1, buffer and smoothing not negative")


@stage(name="connectome.rank", config=RankConfig, traces=kind.SCHEMA, output=curve_kind.SCHEMA)
def rank(cfg: RankConfig, traces: xr.Dataset) -> xr.Dataset:
    """Compare ranks by withheld blocks of time and by stability over starts, and choose one."""
    from polyadic.kernels.cp_rank import rank_curve
    from polyadic.kernels.dynamic_affinity import affinity_rows

    if aligned("auto", traces) == "per_animal":
        progress.warn("no shared clock: the curve is that of the first animal")
        traces = traces.isel(animal=[0])
    rate = float(traces["sampling_rate"])
    rows = affinity_rows(
        traces["fluorescence"].to_numpy().astype(float),
        rate,
        kernel=chosen_kernel(cfg.kernel, traces),
        smoothing=cfg.smoothing or max(1.5, 3 / rate),
        per_animal=False,
    )
    buffer = int(np.ceil(cfg.buffer * rate / rows.width))
    found = rank_curve(rows.stored(), cfg.ranks, folds=cfg.folds, buffer=buffer, starts=cfg.starts, seed=cfg.seed)
    progress.log(found.reason)
    return curve_kind.dataset(found.ranks, found.error, np.clip(found.stability, 0, 1), found.chosen, found.reason)


if __name__ == "__main__":
    rank.cli()
