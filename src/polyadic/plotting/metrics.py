"""Figures of kind `metrics`: the method beside the baselines."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter, StrMethodFormatter

from polyadic.plotting.style import COLOURS

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
    value, error = _over_folds(one["value"]), np.nan_to_num(_over_folds(one["standard_error"]))
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


class _Point(NamedTuple):
    """A method, or a run of a sweep of it: the numbers that it learned, its score and twice the standard error."""

    text: str
    learned: float
    score: float
    spread: float
    own: bool


def pareto(ds: xr.Dataset) -> Figure:
    """Return the first metric against the numbers that each method learned, and the line that no method is beyond.

    Of a sweep every run of the method is a point, named by what was varied. Methods without a count are left out.
    """
    figure = Figure(figsize=(5.4, 3.6))
    axes = figure.subplots()
    better = ds["better"].to_numpy()
    aimed = np.isfinite(ds["target"].to_numpy()) if "target" in ds.coords else np.zeros(better.size, bool)
    metric = ds["metric"].to_numpy()[np.flatnonzero(~aimed)[0] if (~aimed).any() else 0]
    points = sorted(_points(ds.sel(metric=metric)), key=lambda point: point.learned)
    if not points:
        axes.annotate("the file does not say how many numbers were learned", (0.5, 0.5), ha="center")
        axes.set_axis_off()
        return figure
    _scale(axes, points)
    sign = -int(better[list(ds["metric"].to_numpy()).index(metric)])
    best = np.minimum.accumulate([sign * point.score for point in points]) * sign
    axes.step([p.learned for p in points], best, where="post", color=COLOURS[-1], linewidth=0.7, linestyle=":")
    for number, point in enumerate(points):
        colour = COLOURS[1] if point.own else COLOURS[0]
        axes.errorbar(
            point.learned, point.score, yerr=point.spread, fmt="o", color=colour, markersize=5, elinewidth=0.8
        )
        shift = -14 if _below(points, number) else 7
        place = (point.learned, point.score)
        axes.annotate(point.text, place, (0, shift), textcoords="offset points", fontsize=7.5, ha="center")
    axes.margins(x=0.14, y=0.16)
    units = str(ds["metric_units"].sel(metric=metric).item())
    axes.set(xlabel="numbers learned", ylabel=str(metric) if units == "1" else f"{metric} [{units}]")
    return figure


def _scale(axes: Any, points: list[_Point]) -> None:
    """Take logarithms of sizes, and of scores that differ much; ticks say numbers as readers write them."""
    axes.set_xscale("log")
    if points[-1].learned < 30 * points[0].learned:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    least, most = min(point.score for point in points), max(point.score for point in points)
    if 0 < 2 * least < most:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if most > 20 * least else (1, 1.5, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _below(points: list[_Point], number: int) -> bool:
    """Say whether the name of a point stands below it: where the nearest one has a greater score."""
    score = np.array([point.score for point in points])
    places = np.stack([np.log([point.learned for point in points]), np.log(score) if score.min() > 0 else score])
    across = np.hypot(*((places - places[:, [number]]) / np.maximum(np.ptp(places, axis=1, keepdims=True), 1e-300)))
    across[number] = np.inf
    return bool(len(points) > 1 and score[np.argmin(across)] > score[number])


def _points(one: xr.Dataset) -> list[_Point]:
    """Return the points of one metric: each method with a count; of a sweep the method run by run."""
    if "parameters" not in one.coords:
        return []
    if "run" not in one["value"].dims:
        one = one.expand_dims("run").assign_coords(parameters=one["parameters"].expand_dims("run"))
    varied = [name for name, c in one.coords.items() if c.dims == ("run",) and name not in ("run", "parameters")]
    found = []
    for number, method in enumerate(map(str, one["method"].to_numpy())):
        for run in range(one.sizes["run"] if number == 0 else 1):
            at = one.isel(run=run, method=number)
            own = [f"{str(name).partition('_')[2]} {at[name].item()}" for name in varied] if number == 0 else []
            learned, score = float(at["parameters"]), float(_over_folds(at["value"]))
            spread = 2 * float(np.nan_to_num(_over_folds(at["standard_error"])))
            if learned > 0 and np.isfinite(score):
                found.append(_Point(", ".join(own) or method, learned, score, spread, number == 0))
    return found


def _over_folds(array: xr.DataArray) -> np.ndarray:
    return np.asarray(array.mean("fold") if "fold" in array.dims else array)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"comparison": comparison, "pareto": pareto}
