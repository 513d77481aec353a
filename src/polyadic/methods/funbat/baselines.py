"""Predict the withheld rows by strong simple baselines, fitted on the training rows alone."""

import dataclasses

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import nearest
from polyadic.core.stage import stage
from polyadic.evaluation.observation_baselines import NAMES
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions


@dataclasses.dataclass(frozen=True)
class BaselinesConfig:
    """Which baselines are made."""

    only: tuple[str, ...] = setting((), f"names of the baselines; empty: all that the data allow of {', '.join(NAMES)}")
    most_rows: int = setting(
        1_000_000, "training rows that baselines learn from; of more, so many are drawn at random, and the log says so"
    )
    seed: int = setting(0, "seed of the inner splits on which baselines choose their settings")

    def __post_init__(self) -> None:
        """Refuse names that no baseline has, and no rows."""
        if self.most_rows < 10:
            raise ValueError(f"'most_rows' is a whole number from 10, found {self.most_rows}")
        for name in self.only:
            if name not in NAMES:
                raise ValueError(f"only: there is no baseline {name!r}; {nearest(name, NAMES)}")


@stage(name="funbat.baselines", config=BaselinesConfig, observations=kind.SCHEMA, output=predictions.SCHEMA)
def baselines(cfg: BaselinesConfig, observations: xr.Dataset) -> xr.Dataset:
    """Predict the withheld rows by every baseline that the data allow."""
    # Imported here: scikit-learn takes longer to import than a hundred runs take to plan.
    from polyadic.evaluation.observation_baselines.registry import BASELINES, applicable

    target = kind.values(observations)[0]
    train = _thinned(cfg, kind.where_split(observations, "train"))
    withheld = kind.where_split(observations, "validation", "test").load()
    chosen = [BASELINES[name] for name in cfg.only] or list(applicable(train))
    predicted = {}
    for baseline in progress.track(chosen, len(chosen)):
        prediction = baseline.predict(train, withheld, target, cfg.seed)
        if prediction.variance is None:
            raise ValueError(f"baseline {baseline.name!r} gives no variance, which the scores need")
        predicted[baseline.name] = (prediction.mean, prediction.variance)
    out = predictions.dataset(withheld, target, predicted)
    out["method"].attrs["comment"] = "; ".join(f"{b.name}: {b.description}" for b in chosen)
    return out


def _thinned(cfg: BaselinesConfig, train: xr.Dataset) -> xr.Dataset:
    count = train.sizes["obs"]
    if count <= cfg.most_rows:
        return train.load()
    progress.warn(f"baselines learn from {cfg.most_rows:,} of {count:,} training rows, drawn at random: most_rows")
    chosen = np.random.default_rng([cfg.seed, 1]).choice(count, cfg.most_rows, replace=False)
    return train.isel(obs=np.sort(chosen)).load()


if __name__ == "__main__":
    baselines.cli()
