"""Figures of kind `particles`: the charges in space, and how they are distributed."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.plotting.style import COLOURS, DIVERGING


def charges(ds: xr.Dataset) -> Figure:
    """Return the particles seen along each axis, coloured by charge."""
    x, q = ds["position"].to_numpy(), ds["charge"].to_numpy()
    order = np.argsort(np.abs(q), kind="stable")[-20_000:]
    largest = float(np.abs(q).max()) or 1.0
    figure = Figure(figsize=(9, 3.2))
    panels = figure.subplots(1, 3)
    for axes, (a, b) in zip(panels, ((0, 1), (0, 2), (1, 2)), strict=True):
        points = axes.scatter(
            x[order, a], x[order, b], c=q[order], s=6, cmap=DIVERGING, vmin=-largest, vmax=largest, rasterized=True
        )
        names = ds["axis"].to_numpy()
        axes.set(xlabel=f"{names[a]} [{_units(ds)}]", ylabel=f"{names[b]} [{_units(ds)}]", aspect="equal")
    figure.colorbar(points, ax=panels, label=f"charge [{ds['charge'].attrs.get('units', '1')}]")
    figure.suptitle(f"{len(q):,} particles, net charge {q.sum():.4g}", fontsize=9)
    return figure


def distribution(ds: xr.Dataset) -> Figure:
    """Return a histogram of the charges."""
    q = ds["charge"].to_numpy()
    figure = Figure(figsize=(4.5, 3))
    axes = figure.subplots()
    axes.hist(q, bins=50, color=COLOURS[0])
    axes.set(xlabel=f"charge [{ds['charge'].attrs.get('units', '1')}]", ylabel="particles")
    return figure


def _units(ds: xr.Dataset) -> str:
    return str(ds["position"].attrs.get("units", "1"))


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"charges": charges, "distribution": distribution}
