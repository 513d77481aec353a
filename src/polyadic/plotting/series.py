"""Figures of kind `series`: the field along time with its bands, a panel a place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.special import ndtri

from polyadic.kinds import series as kind
from polyadic.plotting.style import COLOURS, label, unit, wrapped

_PLACES = 5  # more do not fit on a page; they are in the file
_NINETY = float(ndtri(0.95))


def series(ds: xr.Dataset) -> Figure:
    """Return the mean with 90 % bands of the field and of a new measurement, and what the nearest station measured."""
    shown = min(ds.sizes["place"], _PLACES)
    figure = Figure(figsize=(8.6, 0.5 + 1.9 * shown))
    panels = figure.subplots(shown, 1, squeeze=False, sharex=True)[:, 0]
    for number, axes in enumerate(panels):
        _panel(axes, ds.isel(place=number), ds)
    figure.supylabel(wrapped(label(ds, kind.target(ds)), 24 * shown), fontsize="medium")
    if kind.along(ds) != "time":
        panels[-1].set_xlabel(label(ds, kind.along(ds)))
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names))
    return figure


def _panel(axes: Any, one: xr.Dataset, ds: xr.Dataset) -> None:
    name = kind.target(ds)
    x, mean = one[kind.along(ds)].to_numpy(), one[name].to_numpy()
    if f"{name}_lower" in one:
        low, high = one[f"{name}_lower"].to_numpy(), one[f"{name}_upper"].to_numpy()
        reach = np.maximum(np.stack([mean - low, high - mean]), 0.0)
        axes.errorbar(x, mean, reach, fmt="o", markersize=3, color=COLOURS[0], linewidth=0.9, label="mean, 90 % band")
    else:
        _bands(axes, one, name, x, mean)
    if f"{name}_measured" in one:
        measured = one[f"{name}_measured"].to_numpy()
        axes.plot(x, measured, ".", markersize=3, color=COLOURS[-1], label="measured, nearest station", zorder=3)
    axes.set_title(_title(one), fontsize="medium")
    axes.margins(x=0.01)


def _bands(axes: Any, one: xr.Dataset, name: str, x: np.ndarray, mean: np.ndarray) -> None:
    bands = (
        ("measurement", "spread", COLOURS[5], 0.35, "new measurement, 90 %"),
        ("field", "standard_error", COLOURS[0], 0.45, "field, 90 %"),
    )
    for what, part, colour, alpha, text in bands:
        if f"{name}_{what}_lower" in one:
            low, high = (one[f"{name}_{what}_{end}"].to_numpy() for end in ("lower", "upper"))
        elif f"{name}_{part}" in one:
            reach = _NINETY * one[f"{name}_{part}"].to_numpy()
            low, high = mean - reach, mean + reach
        else:
            continue
        axes.fill_between(x, low, high, color=colour, alpha=alpha, linewidth=0, label=text)
    axes.plot(x, mean, color=COLOURS[0], linewidth=0.9, label="mean")


def _title(one: xr.Dataset) -> str:
    parts = [str(one["place"].to_numpy())]
    if {"latitude", "longitude"} <= set(one.coords):
        latitude, longitude = float(one["latitude"]), float(one["longitude"])
        parts.append(f"{abs(latitude):.2f} °{'NS'[latitude < 0]}, {abs(longitude):.2f} °{'EW'[longitude < 0]}")
    if "elevation" in one.coords:
        parts.append(f"{float(one['elevation']):.0f} {unit(str(one['elevation'].attrs.get('units', 'm')))}")
    if "distance" in one.coords and float(one["distance"]) > 0:
        parts.append(f"nearest station {one['nearest_station'].to_numpy()} at {float(one['distance']):.1f} km")
    return ", ".join(parts)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"series": series}
