"""A sweep as curves: scores of the method and the best baseline against what was varied."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds.metrics import over_folds
from polyadic.plotting.style import COLOURS

_MOST = 3


def trend(ds: xr.Dataset) -> Figure:
    """Return the first metric, and `rank` and `stored_numbers` where they are scored, run by run.

    The axis is the size of the data where it varies (charges, terms, values), otherwise the first number varied.
    Circles are the method, squares the best baseline; scores of zero, by which references are known, are left out.
    """
    figure = Figure(figsize=(1, 2.6))
    if "run" not in ds["value"].dims:
        axes = figure.subplots()
        axes.annotate("one run has no trend; draw the table of a sweep", (0.5, 0.5), ha="center")
        axes.set_axis_off()
        figure.set_size_inches(4, 1)
        return figure
    known = [str(m) for m in ds["metric"].to_numpy()]
    shown = [known[0], *[m for m in ("rank", "stored_numbers") if m in known[1:]]][:_MOST]
    figure.set_size_inches(0.6 + 2.7 * len(shown), 2.6)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    x, label = _axis(ds)
    for axes, metric in zip(panels, shown, strict=True):
        _curves(axes, x, ds.sel(metric=metric))
        units = str(ds["metric_units"].sel(metric=metric).item())
        axes.set(xlabel=label, ylabel=metric if units == "1" else f"{metric} [{units}]")
    panels[0].legend()
    return figure


def _axis(ds: xr.Dataset) -> tuple[np.ndarray, str]:
    """Return what the runs are drawn against, and its name."""
    varied = [name for name, c in ds.coords.items() if c.dims == ("run",) and c.dtype.kind in "iuf" and name != "seed"]
    for name in sorted(varied, key=lambda name: name != "size"):
        values = ds[name].to_numpy().astype(float)
        if np.unique(values).size > 1:
            return values, str(ds[name].attrs.get("long_name", name)).removeprefix("setting ")
    return np.arange(ds.sizes["run"], dtype=float), "run"


def _curves(axes: Any, x: np.ndarray, one: xr.Dataset) -> None:
    """Draw the method and the best baseline; logarithms where everything is above zero and spans a factor of five."""
    order = np.argsort(x, kind="stable")
    score = over_folds(one["value"].transpose("run", "method", ...))[order]
    score = np.where(score == 0, np.nan, score)
    own, others = score[:, 0], score[:, 1:]
    axes.plot(x[order], own, "o-", color=COLOURS[1], markersize=4, label=str(one["method"].to_numpy()[0]))
    if np.isfinite(others).any():
        wanted = np.where(np.isfinite(others), others, np.inf * -float(one["better"]))
        best = wanted.min(axis=1) if float(one["better"]) < 0 else wanted.max(axis=1)
        axes.plot(x[order], np.where(np.isfinite(best), best, np.nan), "s--", color=COLOURS[0], markersize=4)
        axes.get_lines()[-1].set_label("best baseline")
    for values, scale in ((x, axes.set_xscale), (score[np.isfinite(score)], axes.set_yscale)):
        if values.size and values.min() > 0 and values.max() > 5 * values.min():
            scale("log")
