"""Figures of kind `predictions`: truth against prediction, errors in space and time, calibration."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import ndtr

from polyadic.kinds import predictions
from polyadic.plotting.style import COLOURS, DIVERGING

_SHOWN = 20_000  # more points are not told apart


def scatter(ds: xr.Dataset) -> Figure:
    """Return predictions against the truth, one panel a method."""
    parts = _by_method(ds)
    name = predictions.target(ds)
    label = f"{ds[name].attrs.get('long_name', name)} [{ds[name].attrs.get('units', '1')}]"
    figure = Figure(figsize=(3.6 * len(parts), 3.6))
    for axes, (method, truth, mean, _) in zip(np.atleast_1d(figure.subplots(1, len(parts))), parts, strict=True):
        step = max(1, truth.size // _SHOWN)
        axes.plot(truth[::step], mean[::step], ".", markersize=2, alpha=0.3, rasterized=True)
        ends = [float(truth.min()), float(truth.max())]
        axes.plot(ends, ends, color=COLOURS[-1], linewidth=0.8)
        rmse = float(np.sqrt(np.mean((truth - mean) ** 2)))
        axes.set(xlabel=f"measured {label}", ylabel="predicted", title=f"{method}: RMSE {rmse:.3g}", aspect="equal")
    return figure


def residuals(ds: xr.Dataset) -> Figure:
    """Return the mean error by place and the spread of the error along time, of the first method."""
    method, truth, mean, _ = _by_method(ds)[0]
    error = mean - truth
    figure = Figure(figsize=(9, 3.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    names = ("longitude", "latitude") if {"latitude", "longitude"} <= set(ds.coords) else _first_two(ds)
    frame = ds.coords.to_dataset()[list(names)].to_dataframe()[list(names)]
    frame = frame.iloc[_known(ds)].assign(error=error).groupby(list(names), sort=True)["error"].mean().reset_index()
    bound = float(np.quantile(np.abs(frame["error"]), 0.98)) or 1.0
    points = left.scatter(
        frame[names[0]], frame[names[1]], c=frame["error"], s=12, cmap=DIVERGING, vmin=-bound, vmax=bound
    )
    figure.colorbar(points, ax=left, label="mean of predicted - measured")
    left.set(xlabel=names[0], ylabel=names[1], title=f"{method}: where it errs")
    edges = np.quantile(truth, np.linspace(0, 1, 13))
    group = np.clip(np.searchsorted(edges, truth, "right") - 1, 0, 11)
    right.boxplot([error[group == g] for g in range(12) if (group == g).any()], showfliers=False)
    right.axhline(0, color=COLOURS[-1], linewidth=0.8)
    right.set(xlabel="twelfth of the measured values", ylabel="predicted - measured", title="at which values it errs")
    return figure


def calibration(ds: xr.Dataset) -> Figure:
    """Return how often the truth falls below each predicted quantile: the diagonal is perfect."""
    figure = Figure(figsize=(3.8, 3.6))
    axes = figure.subplots()
    levels = np.linspace(0, 1, 101)
    axes.plot([0, 1], [0, 1], color=COLOURS[-1], linewidth=0.8)
    for method, truth, mean, variance in _by_method(ds):
        pit = np.sort(ndtr((truth - mean) / np.sqrt(variance)))
        axes.plot(levels, np.searchsorted(pit, levels, "right") / pit.size, label=method)
    axes.set(xlabel="predicted probability", ylabel="observed share", title="calibration", aspect="equal")
    axes.legend()
    return figure


def _known(ds: xr.Dataset) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    name = predictions.target(ds)
    return np.flatnonzero(np.isfinite(ds[name].to_numpy())) if name in ds else np.arange(0)


def _first_two(ds: xr.Dataset) -> tuple[str, str]:
    names = [str(n) for n, c in ds.coords.items() if c.dims == ("obs",) and n not in ("split", "station_index")]
    return (names[0], names[min(1, len(names) - 1)])


def _by_method(ds: xr.Dataset) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Return (method, truth, mean, variance) of the rows whose truth is known; without truth nothing is drawn."""
    rows = _known(ds)
    if rows.size == 0:
        raise ValueError("the predictions hold no measured values to draw them against")
    truth = ds[predictions.target(ds)].to_numpy()[rows]
    mean, variance = predictions.mean(ds), predictions.variance(ds)
    if "method" not in mean.dims:
        return [("model", truth, mean.to_numpy()[rows], variance.to_numpy()[rows])]
    return [
        (str(m), truth, mean.sel({"method": m}).to_numpy()[rows], variance.sel({"method": m}).to_numpy()[rows])
        for m in ds["method"].to_numpy()
    ]


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {
    "scatter": scatter,
    "residuals": residuals,
    "calibration": calibration,
}
