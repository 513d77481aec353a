"""Figures of kind `predictions`: truth against prediction, errors in space and time, calibration."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kernels import scale_mixture
from polyadic.kinds import predictions
from polyadic.kinds.predictions import Columns
from polyadic.plotting.rows import Rows, finite, note, sampled, taken
from polyadic.plotting.style import COLOURS, DIVERGING

_SHOWN = 20_000  # more points are not told apart
_COUNTED = 200_000  # of more rows so many give the same curves and means to the width of a line
_SLAB = 2**20


def scatter(ds: xr.Dataset) -> Figure:
    """Return predictions against the truth, one panel a method."""
    name = predictions.target(ds)
    known = _known(ds)
    parts = _by_method(ds, sampled(known, _SHOWN))
    label = f"{ds[name].attrs.get('long_name', name)} [{ds[name].attrs.get('units', '1')}]"
    figure = Figure(figsize=(3.6 * len(parts), 3.8))
    for axes, (method, truth, said) in zip(np.atleast_1d(figure.subplots(1, len(parts))), parts, strict=True):
        axes.plot(truth, said.mean, ".", markersize=2, alpha=0.3, rasterized=True)
        ends = [float(truth.min()), float(truth.max())]
        axes.plot(ends, ends, color=COLOURS[-1], linewidth=0.8)
        rmse = _rmse(ds, method, known)
        axes.set(xlabel=f"measured {label}", ylabel="predicted", title=f"{method}: RMSE {rmse:.3g}", aspect="equal")
    _say(figure, min(known.size, _SHOWN), known.size)
    return figure


def residuals(ds: xr.Dataset) -> Figure:
    """Return the mean error by place and the spread of the error along time, of the first method."""
    known = _known(ds)
    rows = sampled(known, _COUNTED)
    method, truth, said = _by_method(ds, rows, only_first=True)[0]
    error = said.mean - truth
    figure = Figure(figsize=(9, 3.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    names = ("longitude", "latitude") if {"latitude", "longitude"} <= set(ds.coords) else _first_two(ds)
    frame = pd.DataFrame({**{n: taken(ds[n], rows) for n in names}, "error": error})
    frame = frame.groupby(list(dict.fromkeys(names)), sort=True)["error"].mean().reset_index()
    bound = float(np.quantile(np.abs(frame["error"]), 0.98)) or 1.0
    colours = {"c": frame["error"], "cmap": DIVERGING, "vmin": -bound, "vmax": bound}
    points = left.scatter(frame[names[0]], frame[names[1]], s=12, rasterized=len(frame) > 5000, **colours)
    figure.colorbar(points, ax=left, label="mean of predicted - measured")
    left.set(xlabel=names[0], ylabel=names[1], title=f"{method}: where it errs")
    edges = np.quantile(truth, np.linspace(0, 1, 13))
    group = np.clip(np.searchsorted(edges, truth, "right") - 1, 0, 11)
    right.boxplot([error[group == g] for g in range(12) if (group == g).any()], showfliers=False)
    right.axhline(0, color=COLOURS[-1], linewidth=0.8)
    right.set(xlabel="twelfth of the measured values", ylabel="predicted - measured", title="at which values it errs")
    _say(figure, rows.size, known.size)
    return figure


def calibration(ds: xr.Dataset) -> Figure:
    """Return how often the truth falls below each predicted quantile, and how much more often than it should.

    The diagonal and zero are perfect. Below zero left and above it right of the middle: bands are too wide.
    """
    figure = Figure(figsize=(7.6, 3.6))
    left, right = figure.subplots(1, 2)
    levels = np.linspace(0, 1, 101)
    left.plot([0, 1], [0, 1], color=COLOURS[-1], linewidth=0.8)
    right.axhline(0, color=COLOURS[-1], linewidth=0.8)
    known = _known(ds)
    rows = sampled(known, _COUNTED)
    for method, truth, said in _by_method(ds, rows):
        mixture = scale_mixture.of_median(*said.components())
        pit = np.sort(scale_mixture.probability(mixture, truth))
        share = np.searchsorted(pit, levels, "right") / pit.size
        left.plot(levels, share, label=method)
        right.plot(levels, 100 * (share - levels), label=method)
    left.set(xlabel="predicted probability", ylabel="observed share", title="calibration", aspect="equal")
    right.set(xlabel="predicted probability", ylabel="observed - predicted, points of 100", title="departure")
    left.legend()
    _say(figure, rows.size, known.size)
    return figure


def _say(figure: Figure, drawn: int, rows: int) -> None:
    if drawn < rows:
        figure.text(0.995, 0.995, note(drawn, rows), ha="right", va="top", fontsize=6)


def _known(ds: xr.Dataset) -> Rows:
    """Return the rows whose truth is known; without any nothing can be drawn."""
    name = predictions.target(ds)
    rows = finite(ds[name]) if name in ds else np.arange(0)
    if rows.size == 0:
        raise ValueError("the predictions hold no measured values to draw them against")
    return rows


def _rmse(ds: xr.Dataset, method: str, known: Rows) -> float:
    """Return the root mean square error over all rows, slab by slab."""
    mean = predictions.mean(ds)
    mean = mean.sel({"method": method}) if "method" in mean.dims else mean
    truth, total = ds[predictions.target(ds)], 0.0
    for begin in range(0, ds.sizes["obs"], _SLAB):
        part = slice(begin, begin + _SLAB)
        total += float(np.nansum((truth[part].to_numpy() - mean[part].to_numpy()) ** 2))
    return float(np.sqrt(total / known.size))


def _first_two(ds: xr.Dataset) -> tuple[str, str]:
    names = [str(n) for n, c in ds.coords.items() if c.dims == ("obs",) and n not in ("split", "station_index")]
    return (names[0], names[min(1, len(names) - 1)])


def _by_method(ds: xr.Dataset, rows: Rows, only_first: bool = False) -> list[tuple[str, np.ndarray, Columns]]:
    """Return (method, truth, predictions) of some rows whose truth is known."""
    truth = taken(ds[predictions.target(ds)], rows)
    if "method" not in ds.dims:
        return [("model", truth, predictions.columns(ds, rows))]
    methods = [str(m) for m in ds["method"].to_numpy()][: 1 if only_first else None]
    return [(method, truth, predictions.columns(ds, rows, number)) for number, method in enumerate(methods)]


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {
    "scatter": scatter,
    "residuals": residuals,
    "calibration": calibration,
}
