"""Fit a functional Tucker model to the training rows.

``python -m polyadic.methods.funbat.fit --observations split.nc --config '{"rank": 3}' --out posterior.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import observations as kind
from polyadic.kinds import tucker_posterior
from polyadic.methods.funbat.columns import columns_of

if TYPE_CHECKING:
    from polyadic.kernels.local_tucker import LocalTucker


@dataclasses.dataclass(frozen=True)
class FitConfig:
    """Settings of the model."""

    rank: int | tuple[int, ...] | Literal["auto"] = setting(
        "auto", "functions of every mode, or a list of one number a mode; auto: generous; useless ones are pruned"
    )
    modes: dict[str, tuple[str, ...]] = setting(
        {}, "indexes by mode; empty: latitude and longitude make one mode 'place', every other index its own"
    )
    kernels: dict[str, str] = setting(
        {},
        "kernel by mode: auto (one of the next three, by evidence), matern12, matern32, matern52, periodic(12), sums"
        " with +, seasons as +harmonics(365.25,3), or 'sphere auto' for latitude and longitude; default: sphere auto"
        " for a place, otherwise auto, times of two years with harmonics(365.25,3), of two days with (1,3), months of a"
        " climatology periodic(12)",
    )
    covariates: tuple[str, ...] | None = setting(
        None, "covariates that are used; nothing: all that are never missing; []: none"
    )
    link: Literal["identity", "log", "cube_root"] = setting(
        "identity", "scale on which the model is additive; log needs values > 0, cube_root suits skewed amounts"
    )
    noise: Literal["gaussian", "student"] = setting("gaussian", "distribution of the noise")
    residual: Literal["auto", "none", "local"] = setting(
        "auto", "a local Gaussian process beside the Tucker model; auto: if it predicts withheld training rows better"
    )
    residual_rows: int = setting(
        2_000_000, "most training rows beside which residual 'auto' tries a local process: it keeps every row in memory"
    )
    withheld: Literal["auto", "rows"] = setting(
        "auto",
        "what bands beside a local process are learned from: single rows withheld from an inner fit; auto: stations or"
        " blocks of time where the split withholds such",
    )
    core: Literal["auto", "tucker", "cp"] = setting(
        "auto", "form of the core; auto: Tucker up to 4,096 entries, then CP"
    )
    max_iterations: int = setting(60, "most sweeps over the modes")
    tolerance: float = setting(1e-3, "stop when a sweep gains less evidence than this, in nats per value")
    inducing_places: int = setting(
        512,
        "places that stand for all in a mode of more than 3,000; cost grows with their square; more tell finer detail",
    )
    seed: int = setting(0, "seed of the start of modes without geometry")

    def __post_init__(self) -> None:
        """Refuse what no data could be fitted with."""
        ranks = self.rank if isinstance(self.rank, tuple) else (1 if self.rank == "auto" else self.rank,)
        if not ranks or min(ranks) < 1:
            raise ValueError(f"rank must be at least 1 in every mode, found {self.rank}")
        if self.max_iterations < 1:
            raise ValueError(f"max_iterations must be at least 1, found {self.max_iterations}")
        if self.inducing_places < 1:
            raise ValueError(f"inducing_places must be at least 1, found {self.inducing_places}")
        if self.tolerance <= 0:
            raise ValueError(f"tolerance must be positive, found {self.tolerance}")


@stage(name="funbat.fit", config=FitConfig, observations=kind.SCHEMA, output=tucker_posterior.SCHEMA)
def fit(cfg: FitConfig, observations: xr.Dataset) -> xr.DataTree:
    """Fit a functional Tucker model to the training rows, hyperparameters by evidence."""
    # Imported here: numba takes longer to import than the settings take to check.
    from polyadic.methods.funbat.api import FunctionalTucker
    from polyadic.methods.funbat.posterior import to_tree

    target = kind.values(observations)[0]
    train = kind.where_split(observations, "train").load()
    columns = columns_of(train, cfg.modes, cfg.kernels, cfg.covariates)
    rows, table, values = train.sizes["obs"], columns.matrix(train), train[target].to_numpy().astype(np.float64)
    train = train.isel(obs=slice(0, 0)).copy(deep=True)  # types and attributes: of many rows the columns would be big
    model = FunctionalTucker(
        rank=cfg.rank,
        kernels=columns.kernels,
        link=cfg.link,
        noise=cfg.noise,
        residual=_residual(cfg, rows),
        seed=cfg.seed,
        modes=tuple(columns.modes.values()),
        covariates=columns.covariates,
        core=cfg.core,
        max_iterations=cfg.max_iterations,
        tolerance=cfg.tolerance,
        inducing=cfg.inducing_places,
    ).fit(table, values, _groups(cfg, observations, rows))
    unit = str(train[target].attrs.get("units", "1")) if cfg.link == "identity" else f"of the {cfg.link}"
    progress.log(f"{model.n_iter_} sweeps, noise {model.noise_scale_:.4g} {unit}")
    # Beside a local process the Tucker part stops early on purpose: more sweeps would follow what that is there for.
    if not model.converged_ and model.combined_.residual is None:
        progress.warn(f"not converged after {model.n_iter_} sweeps; raise max_iterations or tolerance")
    _log_residual(cfg, model.combined_)
    for mode, strength in zip(columns.modes, model.relevance_, strict=True):
        pruned = int((strength < 1e-3).sum())
        if pruned:
            progress.log(f"{pruned} of {strength.size} functions of {mode} carry less than 0.1 % and are pruned")
    times = frozenset(name for name in columns.names if train[name].dtype.kind == "M")
    tree = to_tree(model.combined_, columns, str(train[target].attrs.get("units", "1")), times)
    tree.attrs |= {"target": target, "target_long_name": str(train[target].attrs.get("long_name", target))}
    return tree


def _groups(cfg: FitConfig, observations: xr.Dataset, rows: int) -> NDArray[np.int64] | None:
    """Return the groups of training rows that are withheld together."""
    from polyadic.methods.funbat.groups import groups_of

    alone = cfg.residual == "none" or (cfg.residual == "auto" and rows > cfg.residual_rows)
    if cfg.withheld == "rows" or alone or cfg.noise == "student":
        return None
    groups, what = groups_of(observations)
    if groups is not None:
        progress.log(f"the split withholds {what}: bands are learned from such where places have none of their own")
    return groups


def _residual(cfg: FitConfig, rows: int) -> str:
    if cfg.residual == "auto" and rows > cfg.residual_rows:
        progress.log(f"no local process is tried: {rows:,} training rows are more than residual_rows")
        return "none"
    return cfg.residual


def _log_residual(cfg: FitConfig, model: "LocalTucker") -> None:
    """Log whether there is a local process, and why."""
    chosen = "without a local process" if model.residual is None else "with a local process"
    if np.isnan(model.gain):
        why = "by the setting" if cfg.residual != "auto" else "too few or too many rows, or noise that is not Gaussian"
        progress.log(f"{chosen}: residual is {cfg.residual!r} ({why})")
        return
    share = (
        "" if model.residual is None else f"; weight of Tucker plus local {model.weight:.1f}, of local alone the rest"
    )
    progress.log(f"{chosen}: it gains {model.gain:.3f} nats per withheld training value{share}")


if __name__ == "__main__":
    fit.cli()
