"""Divide observations into train, validation and test.

``python -m polyadic.methods.funbat.split --observations a.nc --config '{"scheme": "stations"}' --out b.nc``
"""

import dataclasses
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError, nearest
from polyadic.core.stage import stage
from polyadic.kernels import splitting
from polyadic.kinds import observations as kind

FEWEST = 10
"""Fewest values that can be divided: below, one part would hold next to nothing."""

_DAY = np.timedelta64(1, "D")


@dataclasses.dataclass(frozen=True)
class SplitConfig:
    """Which part of the values is held out, and how it is drawn."""

    variable: str = setting("", "the measured variable that is kept and modelled; empty: the only one")
    scheme: Literal["random", "stations", "blocks"] = setting(
        "random", "what is held out: single values, whole stations (places), or whole blocks of time"
    )
    test: float = setting(0.1, "fraction of the values, stations or blocks that is for the test, in (0, 1)")
    validation: float = setting(0.0, "fraction that is for choices of settings, in [0, 1)")
    block_length: float = setting(14.0, "length of a block of time in days; blocks start at the first time")
    buffer: float = setting(0.0, "train values nearer than this to a held-out block, in days, are left out of the file")
    fold: int = setting(0, "which of the 1/test disjoint test parts of the seed, from 0")
    seed: int = setting(0, "seed of the draw")

    def __post_init__(self) -> None:
        """Refuse fractions, folds and lengths that no data could satisfy."""
        splitting.check_fractions(self.test, self.validation, self.fold)
        if not self.block_length > 0:
            raise ValueError(f"'block_length' is a positive number of days, found {self.block_length:g}")
        if not self.buffer >= 0:
            raise ValueError(f"'buffer' is a number of days from 0, found {self.buffer:g}")
        if self.seed < 0:
            raise ValueError(f"'seed' is a whole number from 0, found {self.seed}")


@stage(name="funbat.split", config=SplitConfig, output=kind.SCHEMA, observations=kind.SCHEMA)
def split(cfg: SplitConfig, observations: xr.Dataset) -> xr.Dataset:
    """Return the observations of one variable with the flag ``split``: train, validation or test.

    Values that are missing, and train values within the buffer of a held-out block, are left out.

    Raises
    ------
    InputError
        If the variable is not there or may be several, there are fewer than ten values, or too few stations or blocks.
    """
    target = _target(cfg, observations)
    others = [name for name in kind.values(observations) if name != target]
    ds = observations.drop_vars([*others, *(["split"] if "split" in observations.coords else [])])
    for name in [n for n, v in ds.variables.items() if v.dtype.kind not in "fiu"]:
        ds[name].load()  # only numbers can be written as a stream
    present = np.flatnonzero(np.isfinite(ds[target].to_numpy()))
    if present.size < ds.sizes["obs"]:
        ds = ds.isel(obs=present)
    if present.size < FEWEST:
        raise InputError(f"{target!r} holds {present.size} values, accepted are at least {FEWEST}; read more data")
    flags, used = _draw(cfg, ds)
    attributes = {**kind.KNOWN["split"]}
    ds = ds.assign_coords(split=("obs", flags, attributes))
    if not used.all():
        ds = ds.isel(obs=np.flatnonzero(used))
    counts = np.bincount(flags[used], minlength=len(kind.SPLITS))
    named = ", ".join(f"{number:,} {name}" for name, number in zip(kind.SPLITS, counts, strict=True))
    progress.log(f"{target!r} by {cfg.scheme}: {named}, {int((~used).sum()):,} left out by the buffer")
    return ds


def _target(cfg: SplitConfig, ds: xr.Dataset) -> str:
    names = kind.values(ds)
    if cfg.variable:
        if cfg.variable not in names:
            raise InputError(
                f"setting 'variable' names {cfg.variable!r}, which is not measured; {nearest(cfg.variable, names)}"
            )
        return cfg.variable
    if len(names) > 1:
        raise InputError(f"{len(names)} variables are measured ({', '.join(names)}); name one by variable: {names[0]}")
    return names[0]


def _draw(cfg: SplitConfig, ds: xr.Dataset) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return the part of each row, and which rows are used at all."""
    labels = {"random": _rows, "stations": _places, "blocks": _blocks}[cfg.scheme](cfg, ds)
    groups, parts = np.unique(labels).size, 3 if cfg.validation > 0 else 2
    if groups < parts:
        raise InputError(
            f"scheme {cfg.scheme!r} needs at least {parts} {cfg.scheme}, found {groups};"
            + (" use scheme random or blocks" if cfg.scheme == "stations" else " lower 'block_length'")
        )
    flags = splitting.draw_groups(labels, cfg.test, cfg.validation, [cfg.seed, 0], cfg.fold)
    used = np.ones(flags.size, bool)
    if cfg.scheme == "blocks" and cfg.buffer > 0:
        held = flags != splitting.TRAIN
        used = ~splitting.near_blocks(_days(ds), cfg.block_length, held, cfg.buffer) | held
        if not (flags[used] == splitting.TRAIN).any():
            raise InputError(f"setting 'buffer' of {cfg.buffer:g} days leaves no train values; lower it")
    return flags, used


def _rows(_: SplitConfig, ds: xr.Dataset) -> NDArray[np.int64]:
    return np.arange(ds.sizes["obs"])


def _places(_: SplitConfig, ds: xr.Dataset) -> NDArray[np.int64]:
    """Return the station of each row; stations that share a place, and places that share a station, are one."""
    from polyadic.kernels.tucker_layout import distinct_rows  # here: pandas takes long to import

    partitions = []
    if "station_index" in ds.coords:
        partitions.append(ds["station_index"].to_numpy())
    if {"latitude", "longitude"} <= set(ds.coords):
        place = np.stack([ds["latitude"].to_numpy(), ds["longitude"].to_numpy()], axis=1)
        partitions.append(distinct_rows(place.astype(np.float64, copy=False))[2])
    if not partitions:
        raise InputError("scheme 'stations' needs stations, or latitude and longitude; use scheme random or blocks")
    return splitting.connected_labels(*partitions)


def _blocks(cfg: SplitConfig, ds: xr.Dataset) -> NDArray[np.int64]:
    return splitting.block_labels(_days(ds), cfg.block_length)


def _days(ds: xr.Dataset) -> NDArray[np.float64]:
    if "time" not in ds.coords:
        raise InputError("scheme 'blocks' needs times, and the observations have none; use scheme random or stations")
    time = ds["time"].to_numpy()
    return np.asarray((time - time.min()) / _DAY, np.float64)


if __name__ == "__main__":
    split.cli()
