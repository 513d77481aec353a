"""Train a multi-grid tensorised Fourier neural operator on the training samples.

``python -m polyadic.methods.mgtfno.train --fields split.nc --config '{"width": 24}' --out operator.nc``
"""

import dataclasses
from typing import Any, Literal

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import fields as kind
from polyadic.kinds import operator
from polyadic.methods.mgtfno.settings import TrainingConfig


@dataclasses.dataclass(frozen=True)
class TrainConfig(TrainingConfig):
    """Settings of the operator and of its training."""

    width: int = setting(24, "channels inside, at least 2")
    modes: int | tuple[int, ...] = setting(12, "modes kept per axis, one number or one an axis")
    layers: int = setting(4, "blocks, at least 1")
    factorisation: Literal["tucker", "cp", "tt", "dense"] = setting("tucker", "format of the spectral weights")
    rank: float | int | tuple[int, ...] = setting(
        0.06, "a share of the dense parameters as 0.06, or true ranks as 8 or [3, 8, 8, 6, 6]; 1.0 for dense"
    )
    joint: bool = setting(True, "whether one tensor holds the spectral weights of all layers")
    stencil: int = setting(
        1, "values an axis of the input that the first layer sees round each point, odd; 1: the point alone"
    )
    levels: int = setting(0, "multi-grid levels L: 2^L patches an axis, each with L coarser views; 0: the whole domain")
    padding: float = setting(0.125, "padding of a patch on each side, a share of the points of the whole axis")
    coarse: bool = setting(
        True, "with levels: whether an operator of the coarsened whole domain predicts first and patches add the rest"
    )
    fine: str = setting("", "dataset of the same equation on another grid whose samples join the training; empty: none")
    seed: int = setting(0, "seed of the first weights and of the order of the samples")

    def __post_init__(self) -> None:
        """Refuse what builds no operator."""
        super().__post_init__()
        for name, low in (("width", 2), ("layers", 1), ("levels", 0), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")
        if self.stencil < 1 or self.stencil % 2 == 0:
            raise ValueError(f"stencil is to be odd, from 1, found {self.stencil}")
        if not 0 <= self.padding < 0.5:
            raise ValueError(f"padding is a share in [0, 0.5), found {self.padding:g}")


@stage(
    name="mgtfno.train",
    config=TrainConfig,
    fields=kind.SCHEMA,
    fine=Input((kind.SCHEMA,), optional=True),
    output=operator.SCHEMA,
)
def train(cfg: TrainConfig, fields: xr.Dataset, fine: xr.Dataset | None = None) -> xr.DataTree:
    """Train an operator from the inputs to the outputs; validation samples choose the epoch, test is not looked at."""
    # Imported here: the trainer takes 4 s to import.
    from polyadic.methods.mgtfno import network, training

    sets = [fields] if fine is None else [fields, _without_test(fine)]
    known = network.geometry(fields)
    points = [int(fields.sizes[name]) for name in kind.space(fields)]
    architecture = {**known, **_form(cfg, points), **_patches(cfg, known["boundary"])}
    if cfg.transposition and not cfg.levels:
        architecture["symmetric"] = True
    if fine is not None and network.geometry(fine) != known:
        raise InputError(f"setting fine: its grid and channels are {network.geometry(fine)}, expected {known}")
    module = training.fit(architecture, sets, cfg.training(cfg.seed))
    tree = network.to_tree(
        module.model, module.curves, "relative H1 error" if cfg.loss == "h1" else "relative L2 error"
    )
    spectral = getattr(module.model.network, "ranks", ())
    count = sum(p.numel() for p in module.model.parameters())
    compression = float(getattr(module.model.network, "compression", 1.0))
    progress.log(
        f"ranks {tuple(spectral)}, {count:,} parameters, spectral weights {compression:.1f} times fewer than dense"
    )
    tree.attrs |= {
        "ranks": str(tuple(spectral)),
        "parameter_count": count,
        "spectral_compression": compression,
        "best_epoch": module.best_epoch + 1,
        "inputs_of_operator": ", ".join([*kind.names(fields, "input"), *kind.names(fields, "parameter")]),
        "outputs_of_operator": ", ".join(kind.names(fields, "output")),
    }
    return tree


def _without_test(fine: xr.Dataset) -> xr.Dataset:
    return kind.where_split(fine, "train", "validation")


def _form(cfg: TrainConfig, points: list[int]) -> dict[str, Any]:
    axes = len(points)
    modes = [cfg.modes] * axes if isinstance(cfg.modes, int) else list(cfg.modes)
    if len(modes) != axes:
        raise InputError(f"setting modes names {len(modes)} numbers, the fields have {axes} axes; name one an axis")
    return {
        "form": "tfno",
        "modes": modes,
        "width": cfg.width,
        "layers": cfg.layers,
        "factorisation": cfg.factorisation,
        "rank": list(cfg.rank) if isinstance(cfg.rank, tuple) else cfg.rank,
        "joint": cfg.joint,
        **({"stencil": cfg.stencil, "points": points} if cfg.stencil > 1 else {}),
    }


def _patches(cfg: TrainConfig, boundary: list[str]) -> dict[str, Any]:
    """Return what the network of a patch is: the best of those compared in decision 046."""
    form: dict[str, Any] = {"levels": cfg.levels, "padding": cfg.padding, "coarse": cfg.coarse}
    if cfg.levels:
        form["patch"] = "neumann" if cfg.coarse else "open"
        form["positions"] = "none" if all(kind == "periodic" for kind in boundary) else "all"
    return form


if __name__ == "__main__":
    train.cli()
