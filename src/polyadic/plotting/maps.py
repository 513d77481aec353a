"""Figures of kind `maps`: the field and its standard error side by side, the measured places marked."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import maps
from polyadic.plotting.style import COLOURS, SEQUENTIAL, label, unit, wrapped

ERROR = "BuPu"
"""Colours of a standard error: light is certain."""

_SLICES = 4  # more do not fit on a page; they are in the file
_CELLS = 400  # along an axis; more are not told apart


def field(ds: xr.Dataset) -> Figure:
    """Return the mean (left) and its standard error (right), a row a slice; of one axis, a curve with two errors."""
    axes = maps.axes(ds)
    if len(axes) < 2 or axes[0] != "time":
        slices, spatial = [ds], axes
    else:
        shown = _some(ds.sizes["time"], _SLICES)
        slices, spatial = [ds.isel(time=number) for number in shown], axes[1:]
    return _curves(slices, ds, spatial[0]) if len(spatial) == 1 else _panels(slices, ds, spatial)


def _some(size: int, most: int) -> list[int]:
    return sorted({round(float(number)) for number in np.linspace(0, size - 1, min(size, most))})


def _panels(slices: list[xr.Dataset], ds: xr.Dataset, spatial: tuple[str, ...]) -> Figure:
    name, (y, x) = maps.target(ds), spatial
    aspect = _aspect(ds, y, x)
    height, width = (float(np.ptp(ds[axis].to_numpy().astype(float))) or 1.0 for axis in (y, x))
    tall = 3.2 * (np.clip(height * aspect / width, 0.3, 2.0) if aspect else 0.75)
    figure = Figure(figsize=(8.6, 0.75 + (tall + 0.3) * len(slices)))
    panels = figure.subplots(len(slices), 2, squeeze=False, sharex=True, sharey=True)
    thin = {axis: slice(None, None, -(-ds.sizes[axis] // _CELLS)) for axis in (y, x)}
    titles = (wrapped(label(ds, name), 44), f"standard error [{unit(str(ds[name].attrs.get('units', '1')))}]")
    for column, (variable, colours) in enumerate(((name, SEQUENTIAL), (f"{name}_standard_error", ERROR))):
        arrays = [one[variable].isel(thin) for one in slices]
        ends = [_range(array) for array in arrays]
        if column == 1:  # certainty is compared between slices, the field within one
            ends = [(min(low for low, _ in ends), max(high for _, high in ends))] * len(ends)
        for array, axes, (low, high) in zip(arrays, panels[:, column], ends, strict=True):
            cells = array.transpose(y, x)
            mesh = axes.pcolormesh(array[x], array[y], cells, cmap=colours, vmin=low, vmax=high, rasterized=True)
            figure.colorbar(mesh, ax=axes, shrink=0.9, aspect=16, pad=0.02)
            _frame(axes, array, ds, aspect)
        top = panels[0, column]
        top.set_title("\n".join(filter(None, [titles[column], top.get_title(loc="left")])))
    for axes in panels[-1]:
        axes.set_xlabel(label(ds, x))
    for axes in panels[:, 0]:
        axes.set_ylabel(label(ds, y))
    return figure


def _range(array: xr.DataArray) -> tuple[float, float]:
    known = array.to_numpy()[np.isfinite(array.to_numpy())]
    if not known.size:
        return 0.0, 1.0
    low, high = np.quantile(known, [0.002, 0.998])
    return float(low), float(high)


def _frame(axes: Any, array: xr.DataArray, ds: xr.Dataset, aspect: float) -> None:
    if "station_latitude" in ds:
        axes.plot(
            ds["station_longitude"], ds["station_latitude"], "o", markersize=1.9, markerfacecolor="white",
            markeredgecolor=COLOURS[-1], markeredgewidth=0.35, rasterized=ds.sizes["site"] > 1000,
        )  # fmt: skip
        axes.set(xlim=_ends(array["longitude"]), ylim=_ends(array["latitude"]))
    if aspect:
        axes.set_aspect(aspect)
    if "time" in array.coords and array["time"].ndim == 0:
        axes.set_title(str(array["time"].to_numpy())[:10])


def _ends(axis: xr.DataArray) -> tuple[float, float]:
    values = axis.to_numpy()
    half = abs(float(values[-1] - values[0])) / max(values.size - 1, 1) / 2 or 0.5
    return float(values.min()) - half, float(values.max()) + half


def _aspect(ds: xr.Dataset, y: str, x: str) -> float:
    """Return the aspect that makes equal distances equal lengths at the middle latitude; 0: free."""
    if (y, x) != maps.GROUND:
        return 0.0
    middle = float(ds["latitude"].mean())
    return float(1 / np.cos(np.radians(np.clip(middle, -80, 80))))


def _curves(slices: list[xr.Dataset], ds: xr.Dataset, x: str) -> Figure:
    name = maps.target(ds)
    figure = Figure(figsize=(7, 3.4))
    axes = figure.subplots()
    for number, one in enumerate(slices):
        mean, error = one[name].to_numpy(), one[f"{name}_standard_error"].to_numpy()
        when = str(one["time"].to_numpy())[:10] if "time" in one.coords and one["time"].ndim == 0 else "mean"
        axes.fill_between(one[x], mean - 2 * error, mean + 2 * error, color=COLOURS[number], alpha=0.25, linewidth=0)
        axes.plot(one[x], mean, color=COLOURS[number], label=when)
    axes.set(xlabel=label(ds, x), ylabel=wrapped(label(ds, name), 36), title="mean and two standard errors")
    if len(slices) > 1:
        axes.legend()
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"field": field}
