"""Figures of kind `communities`: matrices sorted by community, graphs in the plane, connectivity."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.plotting.style import COLOURS, SEQUENTIAL

_SHOWN = 4  # more components do not fit on a page; they are in the file


def matrix(ds: xr.Dataset) -> Figure:
    """Return the weights of every component, neurons sorted by community, with lines between communities."""
    figure, panels, shown = _panels(ds)
    for axes, c in zip(panels, range(shown), strict=True):
        label = ds["membership"].to_numpy()[c, 0]
        order = np.argsort(label, kind="stable")
        weights = ds["weights"].to_numpy()[c][np.ix_(order, order)]
        axes.imshow(weights, cmap=SEQUENTIAL, interpolation="nearest")
        for edge in np.flatnonzero(np.diff(label[order])) + 0.5:
            axes.axhline(edge, color="w", linewidth=0.7)
            axes.axvline(edge, color="w", linewidth=0.7)
        axes.set(title=f"component {c}", xlabel="neuron", ylabel="neuron")
    return figure


def graph(ds: xr.Dataset) -> Figure:
    """Return every graph in the plane: communities on a circle, neurons around them, the strongest edges drawn."""
    figure, panels, shown = _panels(ds)
    for axes, c in zip(panels, range(shown), strict=True):
        label, weights = ds["membership"].to_numpy()[c, 0], np.triu(ds["weights"].to_numpy()[c], 1)
        place = _places(label)
        cut = np.sort(weights.ravel())[-min(4 * label.size, weights.size)]
        for i, j in np.argwhere((weights >= cut) & (weights > 0)):
            axes.plot(*place[[i, j]].T, color="0.7", linewidth=0.4, zorder=1)
        axes.scatter(*place.T, c=[COLOURS[k % len(COLOURS)] for k in label], s=14, zorder=2)
        axes.set(title=f"component {c}: {label.max() + 1} communities", aspect="equal")
        axes.set_axis_off()
    return figure


def connectivity(ds: xr.Dataset) -> Figure:
    """Return the mean weight between communities by component."""
    figure, panels, shown = _panels(ds)
    for axes, c in zip(panels, range(shown), strict=True):
        count = int(ds["membership"].to_numpy()[c, 0].max()) + 1
        drawn = axes.imshow(ds["connectivity"].to_numpy()[c, :count, :count], cmap=SEQUENTIAL)
        figure.colorbar(drawn, ax=axes, shrink=0.7)
        axes.set(title=f"component {c}", xlabel="community", ylabel="community")
    return figure


def _panels(ds: xr.Dataset) -> tuple[Figure, Any, int]:
    shown = min(ds.sizes["component"], _SHOWN)
    figure = Figure(figsize=(3.0 * shown, 2.9))
    return figure, figure.subplots(1, shown, squeeze=False)[0], shown


def _places(label: Any) -> Any:
    """Return (n, 2) places: communities around a circle, members around their centre."""
    groups = int(label.max()) + 1
    centre = 2 * np.pi * label / groups
    member = np.array([np.sum(label[:i] == k) for i, k in enumerate(label)])
    turn = 2 * np.pi * member / np.bincount(label)[label]
    distance = 1.2 if groups > 1 else 0.0
    radius = 0.5
    x = distance * np.cos(centre) + radius * np.cos(turn)
    return np.stack([x, distance * np.sin(centre) + radius * np.sin(turn)], axis=1)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"matrix": matrix, "graph": graph, "connectivity": connectivity}
