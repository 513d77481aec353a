"""Figures of kind `tucker_posterior`: factor functions with bands, evidence by iteration."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import tucker_posterior as kind
from polyadic.plotting.style import COLOURS, DIVERGING

_FUNCTIONS = 4  # more do not fit on a page; they are in the file


def factors(ds: xr.Dataset) -> Figure:
    """Return the strongest functions of every mode: a row a mode, with two standard deviations along a coordinate."""
    modes = kind.modes(ds)
    shown = {mode: _strongest(ds, mode) for mode in modes}
    width = max(len(columns) for columns in shown.values())
    figure = Figure(figsize=(2.9 * width, 2.3 * len(modes)))
    panels = figure.subplots(len(modes), width, squeeze=False)
    for row, mode in zip(panels, modes, strict=True):
        for axes, function in zip(row, shown[mode], strict=False):
            _function(axes, ds, mode, function)
        for axes in row[len(shown[mode]) :]:
            axes.set_axis_off()
    return figure


def evidence(ds: xr.Dataset) -> Figure:
    """Return the evidence lower bound by iteration."""
    figure = Figure(figsize=(4.2, 2.8))
    axes = figure.subplots()
    values = ds["evidence"].to_numpy()
    axes.plot(np.arange(1, values.size + 1), values, "o-", markersize=3)
    state = "converged" if bool(ds["converged"]) else "not converged"
    axes.set(xlabel="sweep", ylabel="evidence lower bound [nat]", title=f"{state} after {values.size} sweeps")
    return figure


def _strongest(ds: xr.Dataset, mode: str) -> list[int]:
    if f"relevance_{mode}" in ds:
        strength = np.nan_to_num(ds[f"relevance_{mode}"].to_numpy(), nan=-1.0)
    else:
        strength = np.var(ds[f"factor_{mode}"].to_numpy(), axis=0)
    order = [int(i) for i in np.argsort(-strength, kind="stable") if strength[i] >= 0]
    return order[:_FUNCTIONS]


def _function(axes: Any, ds: xr.Dataset, mode: str, function: int) -> None:
    dimension = kind.function_dimension(ds, mode)
    mean = ds[f"factor_{mode}"].isel({dimension: function}).to_numpy()
    deviation = np.sqrt(ds[f"factor_{mode}_variance"].isel({dimension: function}).to_numpy())
    own = [str(name) for name, c in ds.coords.items() if c.dims == (mode,)]
    title = f"{mode} {function}"
    if {"latitude", "longitude"} <= set(own):
        bound = float(np.abs(mean).max()) or 1.0
        points = axes.scatter(ds["longitude"], ds["latitude"], c=mean, s=8, cmap=DIVERGING, vmin=-bound, vmax=bound)
        axes.figure.colorbar(points, ax=axes)
        axes.set(title=title, xlabel="longitude", ylabel="latitude")
        axes.locator_params(axis="x", nbins=2, integer=True)
        return
    x = ds[mode] if mode in ds.coords else ds[own[0]] if own else np.arange(mean.size)
    order = np.argsort(np.asarray(x), kind="stable")
    x, mean, deviation = np.asarray(x)[order], mean[order], deviation[order]
    axes.fill_between(x, mean - 2 * deviation, mean + 2 * deviation, color=COLOURS[5], linewidth=0)
    axes.plot(x, mean, linewidth=0.7)
    if x.dtype.kind == "M":
        axes.tick_params(axis="x", rotation=30)
    axes.set(title=title)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"factors": factors, "evidence": evidence}
