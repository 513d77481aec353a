"""Figures of kind `fields`: samples side by side, and the spectra of outputs and predictions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter
from numpy.typing import NDArray

from polyadic.kinds import fields
from polyadic.plotting.style import COLOURS, DIVERGING, SEQUENTIAL, label

_SAMPLES = 3


def samples(ds: xr.Dataset) -> Figure:
    """Return inputs, outputs, predictions and their errors of the first samples (test samples where flagged).

    The prediction is drawn in the colours of the truth, so that equal colours are equal values.
    """
    test = fields.where_split(ds, "test")
    shown = (test if test.sizes["sample"] else ds).isel(sample=slice(0, _SAMPLES))
    columns = _columns(shown)
    rows = shown.sizes["sample"]
    figure = Figure(figsize=(2.6 * len(columns), 0.5 + 2.2 * rows))
    panels = figure.subplots(rows, len(columns), squeeze=False)
    for column, (title, values, coloured) in enumerate(columns):
        for row in range(rows):
            _draw(figure, panels[row, column], values[row], shown, None if coloured is None else coloured[row])
        panels[0, column].set_title(title, fontsize="small")
    for row, number in enumerate(shown["sample"].to_numpy() if "sample" in shown.coords else range(rows)):
        panels[row, 0].set_ylabel(f"sample {number}")
    if len(fields.space(shown)) == 1:
        for panel in panels[-1]:
            panel.set_xlabel(label(shown, fields.space(shown)[0]))
    return figure


def _columns(ds: xr.Dataset) -> list[tuple[str, NDArray[Any], NDArray[Any] | None]]:
    """Return title, values and what they are coloured as; an error, with None, has a scale about zero."""
    inputs = [(label(ds, n), _plane(ds, n)) for n in fields.names(ds, "input")[:1]]
    found: list[tuple[str, NDArray[Any], NDArray[Any] | None]] = [(title, v, v) for title, v in inputs]
    for name in fields.names(ds, "output")[:1]:
        truth = _plane(ds, name)
        found.append((label(ds, name), truth, truth))
        for guess in [n for n in fields.names(ds, "prediction") if ds[n].attrs.get("predicts") == name][:2]:
            method = str(ds[guess].attrs.get("method", "prediction"))
            found.append((f"by {method}", _plane(ds, guess), truth))
            found.append((f"error of {method}", _plane(ds, guess) - truth, None))
    return found


def _plane(ds: xr.Dataset, name: str) -> NDArray[Any]:
    """Return (sample, y, x) or (sample, x): the last entry of other dimensions, the middle plane of a volume."""
    values = ds[name]
    for dim in values.dims[1:]:
        if dim not in fields.SPACE:
            values = values.isel({dim: -1})
    where = fields.space(ds)
    return np.asarray(values.isel({where[0]: ds.sizes[where[0]] // 2}) if len(where) == 3 else values)


def _draw(figure: Figure, axes: Any, values: NDArray[Any], ds: xr.Dataset, coloured: NDArray[Any] | None) -> None:
    if values.ndim == 1:
        axes.plot(ds[fields.space(ds)[0]], values, color=COLOURS[0], linewidth=0.8)
        return
    if coloured is None:
        high = float(np.nanmax(np.abs(values)))
        low, colours = -high, DIVERGING
    else:
        low, high, colours = float(np.nanmin(coloured)), float(np.nanmax(coloured)), SEQUENTIAL
    image = axes.imshow(values, origin="lower", cmap=colours, vmin=low, vmax=high, interpolation="none")
    axes.set(xticks=[], yticks=[])
    figure.colorbar(image, ax=axes, shrink=0.8)


def spectra(ds: xr.Dataset) -> Figure:
    """Return the mean energy by wave number of outputs and predictions, of the field after its mean is taken off."""
    figure = Figure(figsize=(5, 3.4))
    panel = figure.subplots()
    names = [*fields.names(ds, "output")[:1], *fields.names(ds, "prediction")[:5]]
    for number, name in enumerate(names):
        energy = _energy(_plane(ds, name))
        text = "truth" if number == 0 else str(ds[name].attrs.get("method", name))
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "label": text}
        if number == 0:  # wide and pale below, or a good prediction hides it
            style |= {"linewidth": 4, "alpha": 0.4}
        panel.loglog(np.arange(1, energy.size), energy[1:], **style)
    panel.set(xlabel="wave number", ylabel="energy, relative to the total")
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.legend()
    return figure


def _energy(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of the variance in shells of unit width round each wave number."""
    space = tuple(range(1, values.ndim))
    power = np.square(np.abs(np.fft.fftn(values - values.mean(axis=space, keepdims=True), axes=space))).mean(axis=0)
    grids = np.meshgrid(*[np.fft.fftfreq(n, 1 / n) for n in values.shape[1:]], indexing="ij")
    shell = np.rint(np.sqrt(sum(g**2 for g in grids))).astype(int)
    top = min(values.shape[1:]) // 2
    total = np.bincount(shell.ravel(), power.ravel(), minlength=top + 1)[: top + 1]
    return np.asarray(np.maximum(total / max(power.sum(), 1e-300), 1e-16), np.float64)


def rollout(ds: xr.Dataset) -> Figure:
    """Return the relative L2 error of each method by applications since the start, in the mean over the runs."""
    figure = Figure(figsize=(5, 3.4))
    panel = figure.subplots()
    errors = [ds[name] for name in fields.names(ds, "check") if "lead" in ds[name].dims]
    if not errors:
        panel.annotate("the file holds no runs in time", (0.5, 0.5), xycoords="axes fraction", ha="center")
        panel.set_axis_off()
        return figure
    for number, error in enumerate(errors):
        colour, lead = COLOURS[number % len(COLOURS)], ds["lead"].to_numpy()
        middle, count = error.mean("sample").to_numpy(), error.sizes["sample"]
        panel.plot(
            lead, middle, color=colour, marker="o", markersize=3, label=str(error.attrs.get("method", error.name))
        )
        if count > 1:
            half = 2 * error.std("sample", ddof=1).to_numpy() / np.sqrt(count)
            panel.fill_between(lead, middle - half, middle + half, color=colour, alpha=0.2, linewidth=0)
    panel.set(xlabel="steps since the start", ylabel="relative L2 error", ylim=(0, None))
    panel.legend()
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"samples": samples, "spectra": spectra, "rollout": rollout}
