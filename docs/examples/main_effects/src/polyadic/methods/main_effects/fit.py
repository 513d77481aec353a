"""Fit main effects on some of the rows and predict the others."""

import dataclasses

import numpy as np
import xarray as xr

from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kernels.additive import main_effects
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Settings of the fit."""

    test: float = setting(0.1, "share of rows withheld at random, in (0, 1)")
    iterations: int = setting(20, "sweeps over the modes")
    seed: int = setting(0, "seed of the withheld rows")

    def __post_init__(self) -> None:
        if not 0 < self.test < 1:
            raise ValueError(f"test must lie in (0, 1), found {self.test}")
        if self.iterations < 1:
            raise ValueError(f"iterations must be at least 1, found {self.iterations}")


@stage(name="main_effects.fit", config=FitConfig, observations=kind.SCHEMA, output=predictions.SCHEMA)
def fit(cfg: FitConfig, observations: xr.Dataset) -> xr.Dataset:
    """Fit main effects of every index on the training rows and predict the withheld ones."""
    name = kind.values(observations)[0]
    withheld = np.random.default_rng(cfg.seed).random(observations.sizes["obs"]) < cfg.test
    labels = [np.unique(observations[i].to_numpy(), return_inverse=True)[1] for i in kind.indexes(observations)]
    values = observations[name].to_numpy()
    mean, effects = main_effects(values[~withheld], [label[~withheld] for label in labels], cfg.iterations)
    # A level that no training row has keeps the effect 0.
    effects = [np.pad(e, (0, int(label.max()) + 1 - e.size)) for e, label in zip(effects, labels, strict=True)]
    fitted = mean + sum(effect[label] for effect, label in zip(effects, labels, strict=True))
    variance = np.var(values[~withheld] - fitted[~withheld])
    rows = observations.drop_vars("split", errors="ignore").assign_coords(
        split=("obs", np.where(withheld, 2, 0).astype(np.int8), kind.KNOWN["split"])
    )
    test = rows.isel(obs=np.flatnonzero(withheld))
    return predictions.dataset(test, name, (fitted[withheld], np.full(int(withheld.sum()), variance)))


if __name__ == "__main__":
    fit.cli()
