"""Means of the field over areas and periods, and their anomalies, with errors from joint posterior draws.

``python -m polyadic.methods.funbat.means --posterior posterior.nc --observations split.nc --out means.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import observations as kind
from polyadic.kinds import series as series_kind
from polyadic.kinds import tucker_posterior

if TYPE_CHECKING:
    from polyadic.kernels.local_tucker import LocalTucker
    from polyadic.methods.funbat.averages import Averages
    from polyadic.methods.funbat.grid import Grid

Array = NDArray[np.float64]
_MOST = 200_000


@dataclasses.dataclass(frozen=True)
class MeansConfig:
    """Which areas and periods."""

    regions: dict[str, tuple[float, ...]] = setting(
        {}, "south, north, west and east in degrees by name of region; empty: the box of all training rows"
    )
    period: Literal["year", "month", "all"] = setting("year", "what a mean is taken over: the rows' times within it")
    start: str = setting("", "first date; empty: three years before the last training row")
    end: str = setting("", "last date; empty: that of the last training row")
    reference: tuple[str, ...] = setting((), "first and last date whose mean is subtracted: anomalies; empty: none")
    cells: int = setting(10, "cells along the longer side of a region; each counts by its area")
    draws: int = setting(200, "joint posterior draws")
    grid: str = setting("", "a dataset of datasets.yaml whose rows are the cells and hold the covariates (elevation)")
    seed: int = setting(0, "seed of the draws")

    def __post_init__(self) -> None:
        """Refuse what is no region, no date or no draw."""
        for name, box in self.regions.items():
            if len(box) != 4:
                raise ValueError(f"region {name!r} is south, north, west and east, found {list(box)}")
        if self.cells < 1 or self.draws < 20:
            raise ValueError(f"'cells' are at least 1 and 'draws' at least 20, found {self.cells} and {self.draws}")
        if len(self.reference) not in (0, 2):
            raise ValueError(f"'reference' is a first and a last date, found {list(self.reference)}")
        for text in filter(None, (self.start, self.end, *self.reference)):
            try:
                np.datetime64(text, "ns")
            except ValueError:
                raise ValueError(f"dates are written such as 1990-01-01, found {text!r}") from None


@stage(
    name="funbat.means",
    config=MeansConfig,
    posterior=tucker_posterior.SCHEMA,
    observations=kind.SCHEMA,
    grid=Input((kind.SCHEMA,), optional=True),
    output=series_kind.SCHEMA,
)
def means(
    cfg: MeansConfig, posterior: xr.DataTree, observations: xr.Dataset, grid: xr.Dataset | None = None
) -> xr.Dataset:
    """Average the field over regions and periods, with 90 % bands from joint draws."""
    from polyadic.methods.funbat.columns import PLACE
    from polyadic.methods.funbat.places import train_rows
    from polyadic.methods.funbat.posterior import from_tree

    model, columns = from_tree(posterior)
    train = train_rows(observations)
    if not {*PLACE, "time"} <= set(columns.names):
        raise InputError("means over areas and periods need latitude, longitude and time; use polyadic.averages")
    times, labels = _periods(cfg, train)
    found = []
    regions = cfg.regions or {"all": ()}
    for name, box in progress.track(regions.items(), len(regions)):
        cells = _cells(cfg, box, train, columns.names, grid, times)
        found.append(_averaged(cfg, model, cells, columns.names, labels, name))
    target = str(posterior.attrs["target"])
    return _dataset(cfg, target, found, list(regions), train)


def _periods(cfg: MeansConfig, train: xr.Dataset) -> tuple[Array, NDArray[np.int64]]:
    """Return the training rows' distinct times in the span, in days, and the period of each; -1: the reference."""
    from polyadic.methods.funbat.columns import numbers

    stamps, days = np.unique(train["time"].to_numpy()), np.unique(numbers(train["time"]))
    end = np.datetime64(cfg.end, "ns") if cfg.end else stamps[-1]
    if cfg.start:
        start = np.datetime64(cfg.start, "ns")
    else:
        start = (stamps[-1].astype("datetime64[Y]") - 2).astype("datetime64[ns]")
    inside = (stamps >= start) & (stamps <= end)
    if not inside.any():
        raise InputError(f"there is no training row from {start!s:.10} to {end!s:.10}; set 'start' and 'end'")
    unit = {"year": "datetime64[Y]", "month": "datetime64[M]"}.get(cfg.period)
    label = stamps.astype(unit).astype("datetime64[ns]") if unit else np.full(stamps.size, stamps[inside][0])
    times, periods = days[inside], label.astype("datetime64[ns]").astype(np.int64)[inside]
    if cfg.reference:
        first, last = (np.datetime64(text, "ns") for text in cfg.reference)
        chosen = (stamps >= first) & (stamps <= last)
        if not chosen.any():
            raise InputError(f"there is no training row in the reference {' to '.join(cfg.reference)}")
        times = np.r_[times, days[chosen]]
        periods = np.r_[periods, np.full(int(chosen.sum()), np.iinfo(np.int64).min)]
    return times, periods


def _cells(
    cfg: MeansConfig, box: tuple[float, ...], train: xr.Dataset, names: tuple[str, ...], rows: Any, times: Array
) -> "Grid":
    """Return the cells of a region at all times."""
    from polyadic.methods.funbat.columns import PLACE, numbers
    from polyadic.methods.funbat.grid import Grid, given_cells, interpolated, regular_axes
    from polyadic.methods.funbat.places import places_of

    indexes = kind.indexes(train)
    covariates = [name for name in names if name not in indexes]
    fixed = {n: float(np.median(numbers(train[n]))) for n in indexes if n not in (*PLACE, "time")}
    bounds = {"latitude": box[:2], "longitude": box[2:]} if box else {}
    if rows is not None:
        axes, filled, present = given_cells(rows, PLACE, covariates)
        for axis, (low, high) in bounds.items():
            inside = (axes[axis] >= low) & (axes[axis] <= high)
            present &= inside[:, None] if axis == "latitude" else inside[None, :]
        return Grid(("time", times), axes, fixed, filled, present)
    places = places_of(train, PLACE)
    axes = regular_axes(PLACE, places, bounds, {}, cfg.cells)
    known = {name: numbers(train[name])[places.first] for name in covariates}
    shape = tuple(len(values) for values in axes.values())
    return Grid(("time", times), axes, fixed, interpolated(axes, places, known), np.ones(shape, bool))


def _averaged(
    cfg: MeansConfig, model: "LocalTucker", cells: "Grid", names: tuple[str, ...], labels: Any, region: str
) -> "Averages":
    from polyadic.kernels import local_tucker
    from polyadic.methods.funbat.averages import mean_draws

    table, kept = cells.table(names, slice(0, cells.shape[0]))
    if not kept.size:
        raise InputError(f"region {region!r} holds no cell of the grid; widen it")
    if len(table) > _MOST:
        raise InputError(
            f"region {region!r} has {kept.size} cells at {len(labels)} times, {len(table):,} rows;"
            f" accepted are {_MOST:,}: lower 'cells' or shorten the span"
        )
    weight = np.cos(np.radians(table[:, names.index("latitude")]))
    groups = np.repeat(labels, kept.size)
    found = mean_draws(lambda n: local_tucker.draws(model, table, n, cfg.seed), groups, weight, cfg.draws, 0.9)
    return _anomalies(found) if cfg.reference else found


def _anomalies(found: "Averages") -> "Averages":
    """Return the means less that of the reference, draw by draw: what both share cancels."""
    draws = found.draws[:, 1:] - found.draws[:, :1]
    low, high = np.quantile(draws, [0.05, 0.95], axis=0, method="weibull")
    return type(found)(found.groups[1:], draws.mean(axis=0), draws.std(axis=0, ddof=1), low, high, draws)


def _dataset(cfg: MeansConfig, target: str, found: list["Averages"], names: list[str], train: xr.Dataset) -> xr.Dataset:
    parts = {
        "mean": np.stack([one.mean for one in found]),
        **{p: np.stack([getattr(one, p) for one in found]) for p in ("standard_error", "lower", "upper")},
    }
    begins = found[0].groups.astype("datetime64[ns]")
    what = "anomaly" if cfg.reference else "mean"
    label = (
        f"{what} over area and {cfg.period.replace('all', 'period')} of {train[target].attrs.get('long_name', target)}"
    )
    attributes = {"units": str(train[target].attrs.get("units", "1")), "long_name": label}
    attributes["cell_methods"] = f"{train[target].attrs.get('cell_methods', '')} area: mean time: mean".strip()
    places = {"place": (np.array(names, str), {"long_name": "region"})}
    axis = (
        "time",
        begins,
        {"long_name": f"begin of the {cfg.period.replace('all', 'period')}", "standard_name": "time"},
    )
    out = series_kind.dataset(target, parts, axis, places, attributes)
    out.attrs["draws"] = cfg.draws
    if cfg.reference:
        out.attrs["reference"] = " to ".join(cfg.reference)
    return out


if __name__ == "__main__":
    means.cli()
