"""Figures of kind `metrics`: the method beside the baselines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from polyadic.kinds.metrics import over_folds
from polyadic.plotting.pareto import pareto
from polyadic.plotting.style import COLOURS
from polyadic.plotting.trend import trend

_FIRST = ("rmse", "mae", "crps", "coverage90")


def comparison(ds: xr.Dataset) -> Figure:
    """Return one panel a metric: the method (orange) and the baselines, with twice their standard errors."""
    if "run" in ds["value"].dims:
        return runs(ds)
    known = [str(m) for m in ds["metric"].to_numpy()]
    shown = [m for m in _FIRST if m in known] or known[:4]
    methods = [str(m) for m in ds["method"].to_numpy()]
    figure = Figure(figsize=(2.2 + 2.1 * len(shown), 0.9 + 0.26 * len(methods)))
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, shown, strict=True):
        _panel(axes, ds.sel(metric=metric), metric)
    panels[0].set(yticks=np.arange(len(methods)), yticklabels=methods)
    panels[0].invert_yaxis()
    return figure


def _panel(axes: Any, one: xr.Dataset, metric: str) -> None:
    value, error = over_folds(one["value"]), np.nan_to_num(over_folds(one["standard_error"]))
    rows = np.arange(value.size)
    colours = [COLOURS[1], *[COLOURS[0]] * (value.size - 1)]
    axes.errorbar(value, rows, xerr=2 * error, fmt="none", color=COLOURS[-1], linewidth=0.8)
    axes.scatter(value, rows, c=colours, s=22, zorder=3)
    axes.axvline(value[0], color=COLOURS[1], linewidth=0.6, linestyle=":")
    for row, number in zip(rows, value, strict=True):
        axes.annotate(f"{number:.3g}", (number, row), (5, 3), textcoords="offset points", fontsize=6.5)
    target = float(one["target"]) if "target" in one.coords else np.nan
    if np.isfinite(target):
        axes.axvline(target, color=COLOURS[-1], linewidth=0.8)
    elif value.min() > 0 and value.max() > 5 * value.min():
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.margins(x=0.18)
    units = str(one["metric_units"].item())
    axes.set(xlabel=metric if units == "1" else f"{metric} [{units}]")


def runs(ds: xr.Dataset) -> Figure:
    """Return the first metric of every run of a sweep, the method and the best baseline."""
    metric = str(ds["metric"].to_numpy()[0])
    value = ds["value"].sel(metric=metric)
    figure = Figure(figsize=(2 + 0.5 * ds.sizes["run"], 3.2))
    axes = figure.subplots()
    x = np.arange(ds.sizes["run"])
    axes.plot(x, value.isel(method=0), "o-", label=str(ds["method"].to_numpy()[0]))
    if ds.sizes["method"] > 1:
        axes.plot(x, value.isel(method=slice(1, None)).min("method"), "s--", label="best baseline")
    axes.set_xticks(x, [str(r) for r in ds["run"].to_numpy()], rotation=45, ha="right")
    axes.set_ylabel(metric)
    axes.legend()
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"comparison": comparison, "pareto": pareto, "trend": trend}
