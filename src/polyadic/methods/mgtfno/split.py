"""Divide the samples of fields into train, validation and test.

``python -m polyadic.methods.mgtfno.split --fields a.nc --config '{"test": 0.2}' --out b.nc``
"""

import dataclasses

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind

FEWEST = 4
"""Fewest samples that can be divided."""


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """How many samples are held out."""

    test: float = setting(0.2, "share of the samples for the test where the file flags none, in (0, 1)")
    validation: float = setting(0.1, "share of the training samples that chooses epochs and settings, in (0, 1)")
    limit: int = setting(0, "most training samples that are kept, validation included; 0: all")
    seed: int = setting(0, "seed of the draw")

    def __post_init__(self) -> None:
        """Refuse shares that leave nothing."""
        for name in ("test", "validation"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name!r} is a share in (0, 1), found {getattr(self, name):g}")
        if self.limit < 0 or self.seed < 0:
            raise ValueError(f"limit and seed must be at least 0, found {self.limit} and {self.seed}")


@stage(name="mgtfno.split", config=SplitConfig, fields=kind.SCHEMA, output=kind.SCHEMA)
def split(cfg: SplitConfig, fields: xr.Dataset) -> xr.Dataset:
    """Return the fields with the flag ``split``: validation is drawn from train, test is kept where the file flags it.

    Samples that were cut from one run, as the coordinate ``run`` says, stay together: shares and limit count runs.

    Raises
    ------
    InputError
        If there are fewer than four samples, or a part would be empty.
    """
    run = fields["run"].to_numpy() if "run" in fields.coords else np.arange(fields.sizes["sample"])
    _, first, of_run = np.unique(run, return_index=True, return_inverse=True)
    count = first.size
    if count < FEWEST:
        what = "runs" if "run" in fields.coords else "samples"
        raise InputError(f"{kind.origin(fields)}: there are {count} {what}, accepted are at least {FEWEST}; bring more")
    rng = np.random.default_rng([cfg.seed, 0])
    order = rng.permutation(count)
    test = np.zeros(count, bool)
    if "split" in fields.variables and (fields["split"].to_numpy() == 2).any():
        test = fields["split"].to_numpy()[first] == 2
    else:
        test[order[: max(1, round(cfg.test * count))]] = True
    train = order[~test[order]]
    kept = np.sort(train[: cfg.limit] if cfg.limit else train)
    flags = np.where(test, 2, 0)
    chosen = rng.permutation(kept)[: max(1, round(cfg.validation * kept.size))]
    flags[chosen] = 1
    if kept.size - chosen.size < 1:
        raise InputError(
            f"{kind.origin(fields)}: of {count} samples none is left to train; bring more, or lower test and validation"
        )
    used = test.copy()
    used[kept] = True
    flags, used = flags[of_run], used[of_run]
    numbers = np.bincount(flags[used], minlength=3)
    progress.log(", ".join(f"{n} {name}" for n, name in zip(numbers, kind.SPLITS, strict=True)))
    out = fields.drop_vars("split", errors="ignore").assign_coords(split=kind.split_flags(flags))
    return out if used.all() else out.isel(sample=np.flatnonzero(used))


if __name__ == "__main__":
    split.cli()
