"""Figures of kind `station_scores`: where stations are predicted well, and how the error grows with distance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.plotting.style import COLOURS, DIVERGING, label, unit, wrapped

_ERROR = "viridis_r"


def stations(ds: xr.Dataset) -> Figure:
    """Return bias and error of every station on the ground, and error and coverage by distance to training."""
    ground = {"latitude", "longitude"} <= set(ds.coords)
    figure = Figure(figsize=(8.8, 6.4 if ground else 3.2))
    panels = figure.subplots(2 if ground else 1, 2, squeeze=False)
    if ground:
        bound = float(np.nanquantile(np.abs(ds["bias"]), 0.95)) or 1.0
        _ground(panels[0, 0], ds, "bias", DIVERGING, (-bound, bound))
        low, high = np.nanquantile(ds["rmse"], [0.02, 0.95])
        _ground(panels[0, 1], ds, "rmse", _ERROR, (float(low), float(high)))
    _against(panels[-1, 0], ds, "rmse")
    _against(panels[-1, 1], ds, "coverage90")
    panels[-1, 1].axhline(0.9, color=COLOURS[-1], linewidth=0.8, linestyle="--")
    return figure


def _ground(axes: Any, ds: xr.Dataset, name: str, colours: str, limits: tuple[float, float]) -> None:
    points = axes.scatter(
        ds["longitude"], ds["latitude"], c=ds[name], s=16, cmap=colours, vmin=limits[0], vmax=limits[1],
        edgecolors=COLOURS[-1], linewidths=0.25,
    )  # fmt: skip
    axes.figure.colorbar(points, ax=axes, pad=0.02, label=f"[{unit(str(ds[name].attrs['units']))}]")
    middle = float(ds["latitude"].mean())
    axes.set_aspect(float(1 / np.cos(np.radians(np.clip(middle, -80, 80)))))
    axes.set(xlabel=label(ds, "longitude"), ylabel=label(ds, "latitude"), title=str(ds[name].attrs["long_name"]))


def _against(axes: Any, ds: xr.Dataset, name: str) -> None:
    x = "distance" if "distance" in ds.coords else "rows"
    size = np.clip(np.sqrt(ds["rows"].to_numpy()) * 1.6, 3, 30)
    axes.scatter(ds[x], ds[name], s=size, color=COLOURS[0], alpha=0.6, linewidths=0)
    axes.set(xlabel=label(ds, x), ylabel=wrapped(label(ds, name), 30))


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"stations": stations}
