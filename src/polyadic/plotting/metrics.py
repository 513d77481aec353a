"""Figures of kind `metrics`: the method beside the baselines."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.plotting.style import COLOURS

_FIRST = ("rmse", "mae", "crps", "coverage90")


def comparison(ds: xr.Dataset) -> Figure:
    """Return one panel a metric: the method and the baselines with twice their standard errors."""
    if "run" in ds["value"].dims:
        return runs(ds)
    known = [str(m) for m in ds["metric"].to_numpy()]
    shown = [m for m in _FIRST if m in known] or known[:4]
    methods = [str(m) for m in ds["method"].to_numpy()]
    figure = Figure(figsize=(1.4 + 2.6 * len(shown), 0.8 + 0.26 * len(methods)))
    rows = np.arange(len(methods))
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, metric in zip(panels, shown, strict=True):
        one = ds.sel(metric=metric)
        value, error = _over_folds(one["value"]), _over_folds(one["standard_error"])
        colours = [COLOURS[1] if i == 0 else COLOURS[0] for i in rows]
        axes.barh(rows, value, color=colours)
        axes.errorbar(value, rows, xerr=2 * np.nan_to_num(error), fmt="none", color=COLOURS[-1], linewidth=0.8)
        units = str(one["metric_units"].item())
        axes.set(xlabel=metric if units == "1" else f"{metric} [{units}]", yticks=rows, yticklabels=methods)
    panels[0].invert_yaxis()
    return figure


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


def _over_folds(array: xr.DataArray) -> np.ndarray:
    return np.asarray(array.mean("fold") if "fold" in array.dims else array)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"comparison": comparison}
