"""Figures of kind `observations`: where and when there are values."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import observations
from polyadic.plotting.rows import note, sampled, taken
from polyadic.plotting.style import COLOURS, SEQUENTIAL

_COUNTED = 200_000  # of more rows so many show the same


def coverage(ds: xr.Dataset) -> Figure:
    """Return where the values lie (mean by place) and how they spread along the last index."""
    name = observations.values(ds)[0]
    first, second, last = ([*observations.indexes(ds)] * 3)[:3]
    x, y = ("longitude", "latitude") if {"latitude", "longitude"} <= set(ds.coords) else (first, second)
    figure = Figure(figsize=(9, 3.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    count = ds.sizes["obs"]
    rows = sampled(np.arange(count), _COUNTED)
    frame = pd.DataFrame({n: taken(ds[n], rows) for n in (x, y, name)})
    frame = frame.groupby(list(dict.fromkeys([x, y])), sort=True)[name].mean().reset_index()
    points = left.scatter(frame[x], frame[y], c=frame[name], s=12, cmap=SEQUENTIAL, rasterized=len(frame) > 5000)
    figure.colorbar(points, ax=left, label=_label(ds, name))
    what = note(rows.size, count) or f"{count:,} values"
    left.set(xlabel=_label(ds, x), ylabel=_label(ds, y), title=f"mean of {what} by place")
    right.hist(taken(ds[last], rows), bins=40, color=COLOURS[0])
    if ds[last].dtype.kind == "M":
        right.tick_params(axis="x", rotation=30)
    right.set(xlabel=_label(ds, last), ylabel="values", title=f"values along {last}")
    return figure


def distribution(ds: xr.Dataset) -> Figure:
    """Return a histogram of every measured variable, by split where there is one."""
    names = observations.values(ds)
    figure = Figure(figsize=(4.5 * len(names), 3.2))
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        count = ds.sizes["obs"]
        rows = sampled(np.arange(count), _COUNTED)
        values = taken(ds[name], rows)
        groups = {"all": np.ones(values.size, bool)}
        if "split" in ds.coords:
            flags = taken(ds["split"], rows)
            groups = {m: flags == i for i, m in enumerate(observations.SPLITS) if (flags == i).any()}
        bins = np.histogram_bin_edges(values[np.isfinite(values)], 50).tolist()
        for group, own in groups.items():
            axes.hist(values[own], bins=bins, density=True, histtype="step", label=f"{group} ({int(own.sum()):,})")
        axes.set(xlabel=_label(ds, name), ylabel="density", title=note(rows.size, count))
        axes.legend()
    return figure


def _label(ds: xr.Dataset, name: str) -> str:
    attributes = ds[name].attrs
    units = attributes.get("units")
    label = str(attributes.get("long_name", name))
    return f"{label} [{units}]" if units and units != "1" else label


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"coverage": coverage, "distribution": distribution}
