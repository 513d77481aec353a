"""Figures of kind `sampled_function`: slices through the middle."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import sampled_function as kind

_PANELS = 3


def slices(ds: xr.Dataset) -> Figure:
    """Return the values on planes through the middle of the grid, a panel a pair of modes."""
    pairs = list(combinations(kind.modes(ds), 2))[:_PANELS]
    value = ds[kind.VALUE]
    middle = {mode: ds.sizes[mode] // 2 for mode in kind.modes(ds)}
    figure = Figure(figsize=(0.8 + 3.2 * len(pairs), 2.8), layout="constrained")
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    planes = [value.isel({m: i for m, i in middle.items() if m not in pair}).transpose(*pair[::-1]) for pair in pairs]
    low, high = min(float(p.min()) for p in planes), max(float(p.max()) for p in planes)
    for axes, pair, plane in zip(panels, pairs, planes, strict=True):
        x, y = (ds[mode].to_numpy() for mode in pair)
        shown = axes.pcolormesh(x, y, np.asarray(plane), shading="nearest", vmin=low, vmax=high, rasterized=True)
        axes.set(xlabel=_label(ds, pair[0]), ylabel=_label(ds, pair[1]))
    units = value.attrs.get("units", "1")
    name = str(value.attrs.get("long_name", "value"))
    figure.colorbar(shown, ax=list(panels), label=name if units == "1" else f"{name} [{units}]")
    return figure


def _label(ds: xr.Dataset, mode: str) -> str:
    units = ds[mode].attrs.get("units", "1")
    return mode if units == "1" else f"{mode} [{units}]"


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"slices": slices}
