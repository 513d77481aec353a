"""Figures of kind `communities`: matrices by community, graphs in the plane, connectivity, courses with events."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.patches import Patch

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
    """Return every graph in the plane: communities on a circle, neurons around them, the strongest edges drawn.

    A neuron is the paler the fewer starts of the decomposition place it in the same community.
    """
    figure, panels, shown = _panels(ds)
    for axes, c in zip(panels, range(shown), strict=True):
        label, weights = ds["membership"].to_numpy()[c, 0], np.triu(ds["weights"].to_numpy()[c], 1)
        place = _places(label)
        cut = np.sort(weights.ravel())[-min(4 * label.size, weights.size)]
        for i, j in np.argwhere((weights >= cut) & (weights > 0)):
            axes.plot(*place[[i, j]].T, color="0.7", linewidth=0.4, zorder=1)
        stable = ds["stability"].to_numpy()[c] if "stability" in ds else np.ones(label.size)
        colours = [COLOURS[k % len(COLOURS)] for k in label]
        axes.scatter(*place.T, c="w", s=14, zorder=2)  # what is seen through a pale neuron is no edge
        axes.scatter(*place.T, c=colours, s=14, alpha=0.15 + 0.85 * stable, zorder=3)
        title = f"component {c}: {label.max() + 1} communities"
        axes.set(title=title + (f"\nstable {stable.mean():.2f}" if "stability" in ds else ""), aspect="equal")
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


def distance(ds: xr.Dataset) -> Figure:
    """Return the pair weights of every component by the distance of the two ROIs, and their running median."""
    figure, panels, shown = _panels(ds)
    for axes, c in zip(panels, range(shown), strict=True):
        if "distance" not in ds:
            axes.annotate("no positions of ROIs", (0.5, 0.5), xycoords="axes fraction", ha="center", fontsize="small")
            axes.set_axis_off()
            continue
        upper = np.triu_indices(ds.sizes["neuron"], 1)
        apart, weights = ds["distance"].to_numpy()[upper], ds["weights"].to_numpy()[c][upper]
        known = np.isfinite(apart)
        order = np.argsort(apart[known], kind="stable")
        apart, weights = apart[known][order], weights[known][order]
        axes.plot(apart, weights, ".", markersize=1.5 if apart.size > 300 else 5, color="0.6", rasterized=True)
        parts = np.array_split(np.arange(apart.size), max(1, min(12, apart.size // 8)))
        middles = [[np.median(values[part]) for part in parts] for values in (apart, weights)]
        axes.plot(*middles, color=COLOURS[0])
        text = f"component {c}: r {float(ds['distance_correlation'][c]):.2f}, p {float(ds['p_distance'][c]):.2g}"
        axes.set_title(text, fontsize="small")
        units = ds["distance"].attrs.get("units", "1")
        axes.set(xlabel="distance" if units == "1" else f"distance [{units}]", ylabel="weight of the pair")
    return figure


def courses(ds: xr.Dataset) -> Figure:
    """Return when every component is active, a line an animal, with events as bars and its p-values."""
    shown = min(ds.sizes["component"], 2 * _SHOWN)
    figure = Figure(figsize=(7.5, 0.6 + 1.5 * shown))
    panels = figure.subplots(shown, 1, squeeze=False, sharex=True)[:, 0]
    if "activity" not in ds:
        panels[0].annotate("the file holds no courses", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return figure
    time, mask = ds["time"].to_numpy(), ds["high"].to_numpy()
    for c, axes in enumerate(panels):
        lines = ds["activity"].to_numpy()[c]
        top = float(lines.max()) or 1.0
        axes.fill_between(time, 0, top, where=mask[c].any(axis=0), step="mid", color="0.88", linewidth=0)
        axes.plot(time, lines.T, color="0.25", linewidth=0.7, alpha=max(0.3, 1 / len(lines)))
        _bars(axes, ds, top)
        axes.set_title(_tested(ds, c), fontsize="small")
        axes.set(ylabel="activity", xlim=(time[0], time[-1]), ylim=(0, None))
    panels[-1].set_xlabel("time [s]")
    if "event" in ds.coords:
        handles = [Patch(color=COLOURS[k % len(COLOURS)], label=str(n)) for k, n in enumerate(ds["event"].to_numpy())]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), fontsize="small")
    return figure


def _bars(axes: Any, ds: xr.Dataset, top: float) -> None:
    """Draw a bar above the courses where an event is on in any animal."""
    time, count = ds["time"].to_numpy(), ds.sizes.get("event", 0)
    for k in range(count):
        on = ds["event_on"].to_numpy()[k].any(axis=0)
        low = top * (1.08 + 0.1 * (k if count <= 4 else 0))
        axes.fill_between(time, low, low + 0.07 * top, where=on, step="mid", color=COLOURS[k % len(COLOURS)], lw=0)


def _tested(ds: xr.Dataset, c: int) -> str:
    words = [f"component {c}"]
    for name, title in (("p_surrogate", "dynamics"), ("p_synchrony", "synchrony")):
        if name in ds:
            words.append(f"p {title} {float(ds[name][c]):.2g}")
    for dimension in ("event", "behaviour"):
        if dimension in ds.coords and ds.sizes[dimension]:
            p = ds[f"p_{dimension}_adjusted"].to_numpy()[c]
            if np.isfinite(p).any():
                k = int(np.nanargmin(p))
                words.append(f"{ds[dimension].to_numpy()[k]}: p {p[k]:.2g}")
    return ", ".join(words)


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
    radius = min(0.5, 0.8 * 1.2 * np.sin(np.pi / groups)) if groups > 1 else 0.5  # circles do not meet
    x = distance * np.cos(centre) + radius * np.cos(turn)
    return np.stack([x, distance * np.sin(centre) + radius * np.sin(turn)], axis=1)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {
    "matrix": matrix,
    "graph": graph,
    "connectivity": connectivity,
    "courses": courses,
    "distance": distance,
}
