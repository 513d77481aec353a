"""Predict the test samples by simple methods and by networks trained as the operator is.

``python -m polyadic.methods.mgtfno.baselines --fields split.nc --config '{"only": ["mean", "pca"]}' --out b.nc``
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import nearest
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind
from polyadic.methods.mgtfno.predict import with_predictions
from polyadic.methods.mgtfno.settings import TrainingConfig

NAMES = {
    "mean": "mean of the training outputs at every point",
    "persistence": "the input itself, where input and output have equal channels, scaled by least squares",
    "linear": "ridge regression of output coefficients on input coefficients in principal components",
    "pca": "the same on products of the first components too (a quadratic model)",
    "unet": "a small U-Net trained as the operator is",
    "dense_fno": "a Fourier neural operator with dense weights and periodic transforms, trained as the operator is",
}


@dataclasses.dataclass(frozen=True)
class BaselinesConfig(TrainingConfig):
    """Which baselines are made, and the training of those that are networks."""

    only: tuple[str, ...] = setting((), f"names of the baselines; empty: all of {', '.join(NAMES)}")
    unet_width: int = setting(12, "channels of the finest grid of the U-Net, at least 1")
    fno_width: int = setting(16, "channels inside the dense Fourier neural operator, at least 2")
    fno_modes: int = setting(12, "modes an axis of the dense Fourier neural operator, at least 1")
    seed: int = setting(0, "seed of the first weights and of the order of the samples")

    def __post_init__(self) -> None:
        """Refuse names that no baseline has."""
        super().__post_init__()
        for name in self.only:
            if name not in NAMES:
                raise ValueError(f"only: there is no baseline {name!r}; {nearest(name, NAMES)}")


@stage(name="mgtfno.baselines", config=BaselinesConfig, fields=kind.SCHEMA, output=kind.SCHEMA)
def baselines(cfg: BaselinesConfig, fields: xr.Dataset) -> xr.Dataset:
    """Return the test samples with the predictions of every baseline; settings are chosen on validation samples."""
    from polyadic.evaluation import field_baselines

    simple: dict[str, Callable[..., field_baselines.Found | None]] = {
        "mean": field_baselines.mean,
        "persistence": field_baselines.persistence,
        "linear": field_baselines.linear,
        "pca": field_baselines.quadratic,
    }
    parts = {use: kind.where_split(fields, use).load() for use in kind.SPLITS}
    x, y = ({use: kind.array(ds, role) for use, ds in parts.items()} for role in ("input", "output"))
    predicted, parameters = {}, {}
    for name in progress.track(cfg.only or tuple(NAMES), len(cfg.only or NAMES)):
        found = simple[name](x, y) if name in simple else _network(cfg, name, fields, x["test"])
        if found is None:
            progress.log(f"{name}: does not apply, input and output have different channels")
            continue
        predicted[name], parameters[name] = found.values.astype(np.float32), found.parameters
    return with_predictions(parts["test"], predicted, parameters)


def _network(cfg: BaselinesConfig, name: str, fields: xr.Dataset, inputs: NDArray[np.float32]) -> Any:
    """Return the predictions of a trained network and the count of its weights."""
    from polyadic.evaluation.field_baselines import Found
    from polyadic.methods.mgtfno import network, training

    architecture: dict[str, Any] = {**network.geometry(fields), "symmetric": cfg.transposition}
    axes = len(architecture["boundary"])
    if name == "unet":
        architecture |= {"form": "unet", "width": cfg.unet_width, "depth": 3}
    else:
        dense = {"factorisation": "dense", "rank": 1.0, "joint": True, "layers": 4, "levels": 0, "padding": 0.0}
        architecture |= {"form": "tfno", "modes": [cfg.fno_modes] * axes, "width": cfg.fno_width, **dense}
        architecture["transform"] = "periodic"
    module = training.fit(architecture, [fields], cfg.training(cfg.seed), label=name)
    count = sum(p.numel() for p in module.model.parameters())
    progress.log(f"{name}: {count:,} parameters")
    return Found(network.predicted(module.model, inputs), count)


if __name__ == "__main__":
    baselines.cli()
