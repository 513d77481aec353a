"""Map the field of a fitted model, with its standard error, on a regular grid.

``python -m polyadic.methods.funbat.map --posterior posterior.nc --observations split.nc --out map.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import maps, tucker_posterior
from polyadic.kinds import observations as kind

if TYPE_CHECKING:
    from polyadic.kernels.local_tucker import LocalTucker
    from polyadic.methods.funbat.columns import Columns
    from polyadic.methods.funbat.grid import Grid
    from polyadic.methods.funbat.places import Places

_ROWS = 100_000
_CELLS = 4000
_SITES = 5000


@dataclasses.dataclass(frozen=True)
class MapConfig:
    """Where the map lies."""

    axes: tuple[str, ...] = setting((), "one or two indexes, the slower first; empty: latitude and longitude")
    bounds: dict[str, tuple[float, ...]] = setting(
        {}, "low and high value by axis, in its unit; default: the range of the training rows"
    )
    step: dict[str, float] = setting({}, "distance of cells by axis, in its unit")
    cells: int = setting(50, "cells along the longer axis where no step is given")
    times: tuple[str, ...] = setting((), "dates that are mapped, such as 1997-07-01; empty: see slices")
    slices: int = setting(4, "dates that are mapped where none are named, evenly among the last twelve")
    at: dict[str, float] = setting({}, "value of every other index; default: its median")
    grid: str = setting(
        "",
        "a dataset of datasets.yaml whose rows are the cells and hold the covariates (elevation);"
        " empty: a regular grid, covariates interpolated from the measured places",
    )
    quantity: Literal["field", "measurement"] = setting(
        "field", "the noise-free field with its standard error, or a new measurement with its standard deviation"
    )

    def __post_init__(self) -> None:
        """Refuse what is no map."""
        if len(self.axes) > 2:
            raise ValueError(f"'axes' are one or two indexes, found {len(self.axes)}")
        if self.cells < 1 or self.slices < 1:
            raise ValueError(f"'cells' and 'slices' are whole numbers from 1, found {self.cells} and {self.slices}")
        if any(not step > 0 for step in self.step.values()):
            raise ValueError(f"'step' is positive, found {self.step}")
        for text in self.times:
            try:
                np.datetime64(text, "ns")
            except ValueError:
                raise ValueError(f"'times' are dates such as 1997-07-01, found {text!r}") from None


@stage(
    name="funbat.map",
    config=MapConfig,
    posterior=tucker_posterior.SCHEMA,
    observations=kind.SCHEMA,
    grid=Input((kind.SCHEMA,), optional=True),
    output=maps.SCHEMA,
)
def map(cfg: MapConfig, posterior: xr.DataTree, observations: xr.Dataset, grid: xr.Dataset | None = None) -> xr.Dataset:
    """Map the field with its standard error on a regular grid, tile by tile."""
    from polyadic.methods.funbat.places import map_axes, places_of, train_rows
    from polyadic.methods.funbat.posterior import from_tree

    model, columns = from_tree(posterior)
    train = train_rows(observations)
    indexes = [columns.names[c] for parts in columns.modes.values() for c in parts]
    axes = cfg.axes or map_axes(indexes)
    for name in (*axes, *cfg.at):
        if name not in indexes:
            raise InputError(f"setting 'axes' or 'at' names {name!r}, which is no index; known: {', '.join(indexes)}")
    places = places_of(train, axes)
    found = _grid(cfg, train, columns, places, grid)
    both = _lazy(model, columns, found, cfg.quantity)
    target = str(posterior.attrs["target"])
    attributes: dict[str, Any] = {"units": "1", "long_name": target, **train[target].attrs}
    out = maps.dataset(
        target, both[0], both[1], _coordinates(train, found), attributes, _sites(places) if places.ground else None
    )
    out.attrs["quantity"] = cfg.quantity
    if found.covariates:
        given = "the grid" if grid is not None else "the measured places, by inverse squared distance of the nearest 8"
        out.attrs["comment"] = f"{', '.join(found.covariates)} of the cells from {given}"
    return out


def _grid(cfg: MapConfig, train: xr.Dataset, columns: "Columns", places: "Places", rows: xr.Dataset | None) -> "Grid":
    """Return the grid of the settings, or of the rows that were given."""
    from polyadic.methods.funbat.columns import numbers
    from polyadic.methods.funbat.grid import Grid, given_cells, interpolated, regular_axes
    from polyadic.methods.funbat.places import map_axes

    indexes = [columns.names[c] for parts in columns.modes.values() for c in parts]
    axes = cfg.axes or map_axes(indexes)
    covariates = [columns.names[c] for c in columns.covariates]
    slices = _slices(cfg, train) if "time" in indexes and "time" not in axes else ("", np.zeros(1))
    rest = [name for name in indexes if name not in (*axes, slices[0])]
    fixed = {name: cfg.at.get(name, float(np.median(numbers(train[name])))) for name in rest}
    if rows is not None:
        values, filled, present = given_cells(rows, axes, covariates)
        return Grid(slices, values, fixed, filled, present)
    values = regular_axes(axes, places, cfg.bounds, cfg.step, cfg.cells)
    known = {name: numbers(train[name])[places.first] for name in covariates}
    filled = interpolated(values, places, known)
    return Grid(slices, values, fixed, filled, np.ones(tuple(len(v) for v in values.values()), bool))


def _slices(cfg: MapConfig, train: xr.Dataset) -> tuple[str, NDArray[np.float64]]:
    """Return the times in days since 1970: those named, or some of the last twelve."""
    from polyadic.methods.funbat.columns import EPOCH, numbers

    if cfg.times:
        stamps = np.array(cfg.times, "datetime64[ns]")
        return "time", np.unique(np.asarray((stamps - EPOCH) / np.timedelta64(1, "D"), np.float64))
    last = np.unique(numbers(train["time"]))[-12:]
    return "time", last[np.unique(np.linspace(0, last.size, cfg.slices, endpoint=False).astype(int))]


def _coordinates(train: xr.Dataset, grid: "Grid") -> dict[str, tuple[Any, dict[str, Any]]]:
    from polyadic.methods.funbat.columns import times

    named = {**({grid.slices[0]: grid.slices[1]} if grid.slices[0] else {}), **grid.axes}
    return {
        name: (times(values) if train[name].dtype.kind == "M" else values, dict(train[name].attrs))
        for name, values in named.items()
    }


def _sites(places: "Places") -> NDArray[np.float64]:
    step = -(-len(places.names) // _SITES)
    return places.coordinates[::step].T


def _lazy(model: "LocalTucker", columns: "Columns", grid: "Grid", quantity: Literal["field", "measurement"]) -> Any:
    """Return mean and standard error as one Dask array (2, slices, axes...) whose blocks are rows of the first axis."""
    import dask.array as da
    from dask.delayed import delayed

    from polyadic.methods.funbat.query import moments

    shape, count = grid.shape, len(grid.slices[1])
    width = int(np.prod(shape[1:]))
    step = max(1, min(_CELLS, max(1, _ROWS // count)) // width)

    def tile(start: int) -> NDArray[np.float64]:
        rows = slice(start, min(start + step, shape[0]))
        table, cells = grid.table(columns.names, rows)
        out = np.full((2, count, (rows.stop - rows.start) * width), np.nan)
        if cells.size:
            for part, values in enumerate(moments(model, table, quantity)):
                out[part][:, cells] = values.reshape(count, cells.size)
        return out.reshape(2, count, rows.stop - rows.start, *shape[1:])

    blocks = []
    for start in range(0, shape[0], step):
        size = (2, count, min(step, shape[0] - start), *shape[1:])
        block = delayed(tile, pure=False)(start)
        blocks.append(da.from_delayed(block, size, np.float64))  # type: ignore[no-untyped-call]
    whole = da.concatenate(blocks, axis=2)  # type: ignore[no-untyped-call]
    return whole if grid.slices[0] else whole[:, 0]


if __name__ == "__main__":
    map.cli()
