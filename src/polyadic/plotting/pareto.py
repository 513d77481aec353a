"""Scores against the numbers that methods learned or store."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from polyadic.kinds.metrics import over_folds
from polyadic.plotting.style import COLOURS


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
    What scores zero is the reference that errors are measured against: a line at its size, no point.
    """
    figure = Figure(figsize=(5.4, 3.6))
    axes = figure.subplots()
    better = ds["better"].to_numpy()
    aimed = np.isfinite(ds["target"].to_numpy()) if "target" in ds.coords else np.zeros(better.size, bool)
    metric = ds["metric"].to_numpy()[np.flatnonzero(~aimed)[0] if (~aimed).any() else 0]
    found = sorted(_points(ds.sel(metric=metric)), key=lambda point: point.learned)
    points = [point for point in found if point.score != 0 or point.own]
    if not points:
        axes.annotate("the file does not say how many numbers were learned", (0.5, 0.5), ha="center")
        axes.set_axis_off()
        return figure
    _scale(axes, points)
    for exact in (point for point in found if point not in points):
        _reference(axes, exact)
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
    stored = "stores" in str(ds["parameters"].attrs.get("long_name", ""))
    label = str(metric) if units == "1" else f"{metric} [{units}]"
    axes.set(xlabel="numbers stored" if stored else "numbers learned", ylabel=label)
    return figure


def _reference(axes: Any, exact: _Point) -> None:
    """Draw what errors are measured against: a line at its size."""
    axes.axvline(exact.learned, color=COLOURS[-1], linewidth=0.7)
    how = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "rotation": 90, "va": "center"}
    axes.annotate(f"{exact.text}, error 0", (exact.learned, 0.5), (3, 0), fontsize=7.5, **how)


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
    if 0 < 2 * least < most < 1e3 * least:  # wider ranges have the ticks of decades
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
            learned, score = float(at["parameters"]), float(over_folds(at["value"]))
            spread = 2 * float(np.nan_to_num(over_folds(at["standard_error"])))
            if learned > 0 and np.isfinite(score):
                found.append(_Point(", ".join(own) or method, learned, score, spread, number == 0))
    return found
