"""Figures of kind `cp_factors`: a card a component, the error by iteration."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import cp_factors as kind
from polyadic.plotting.style import COLOURS, SEQUENTIAL

_SHOWN = 8  # components; more do not fit on a page, and they are in the file
_BARS = 40  # indexes of a mode that are drawn as bars; above, as a line


def components(ds: xr.Dataset) -> Figure:
    """Return a row a component: its factor of every mode; pairs of neurons as a matrix, neurons in spectral order."""
    ds = _first(ds)
    modes = kind.modes(ds)
    rows = min(_SHOWN, ds.sizes["component"])
    widths = [2.6 if mode in ("time", "frame") else 1.3 for mode in modes]
    figure = Figure(figsize=(1.7 * sum(widths), 1.7 * rows))
    panels = figure.subplots(rows, len(modes), squeeze=False, width_ratios=widths)
    for component, row in enumerate(panels):
        for axes, mode in zip(row, modes, strict=True):
            if mode == "pair" and "neuron_first" in ds.coords:
                _matrix(axes, ds, component)
            else:
                _course(axes, ds, mode, component)
        row[0].set_title(_title(ds, component))
    return figure


def errors(ds: xr.Dataset) -> Figure:
    """Return the relative error by iteration, a line a replicate."""
    figure = Figure(figsize=(4.2, 2.8))
    axes = figure.subplots()
    if "relative_error" in ds:
        curves = np.atleast_2d(ds["relative_error"].to_numpy())
        axes.plot(np.arange(1, curves.shape[1] + 1), curves.T, linewidth=0.9)
    else:
        axes.annotate("the file holds no errors", (0.5, 0.5), xycoords="axes fraction", ha="center")
    axes.set(xlabel="iteration", ylabel="relative error")
    return figure


def _first(ds: xr.Dataset) -> xr.Dataset:
    return ds.isel(replicate=0) if "replicate" in ds["weight"].dims else ds


def _title(ds: xr.Dataset, component: int) -> str:
    text = f"component {component}, weight {float(ds['weight'][component]):.3g}"
    if "stability" in ds:
        text += f", stability {float(ds['stability'][component]):.2f}"
    for name in ("dynamics", "synchrony"):
        if f"p_{name}" in ds:
            text += f", p {name} {float(ds[f'p_{name}'][component]):.2g}"
    return text


def _matrix(axes: Any, ds: xr.Dataset, component: int) -> None:
    values = ds["factor_pair"].isel(component=component).to_numpy()
    first, second = ds["neuron_first"].to_numpy(), ds["neuron_second"].to_numpy()
    size = int(second.max()) + 1
    matrix = np.zeros((size, size))
    matrix[first, second] = matrix[second, first] = values
    order = _spectral_order(matrix)
    top = float(np.quantile(values, 0.99)) or 1.0
    axes.imshow(matrix[np.ix_(order, order)], cmap=SEQUENTIAL, vmin=0, vmax=top, rasterized=True)
    axes.set(xticks=[], yticks=[], xlabel=f"{size} neurons")


def _spectral_order(matrix: np.ndarray) -> np.ndarray:
    """Return the neurons by the Fiedler vector of the normalised Laplacian: strong pairs come to lie side by side."""
    degree = np.sqrt(matrix.sum(axis=0) + 1e-12 * matrix.max(initial=1e-300))
    _, vectors = np.linalg.eigh(matrix / degree[:, None] / degree)
    fiedler = vectors[:, -2] if len(matrix) > 1 else vectors[:, 0]
    return np.argsort(fiedler * (1.0 if fiedler[np.argmax(np.abs(fiedler))] > 0 else -1.0), kind="stable")


def _course(axes: Any, ds: xr.Dataset, mode: str, component: int) -> None:
    factor = ds[f"factor_{mode}"].isel(component=component)
    values = factor.to_numpy().reshape(-1, factor.shape[-1]).T
    numeric = mode in ds.coords and ds[mode].dtype.kind in "fiuM"
    x = ds[mode].to_numpy() if numeric else np.arange(len(values))
    if len(values) <= _BARS and not numeric:
        axes.bar(x, values[:, 0], color=COLOURS[component % len(COLOURS)])
        if mode in ds.coords:
            axes.set_xticks(x, [str(name) for name in ds[mode].to_numpy()], rotation=60, fontsize=6)
    else:
        axes.plot(x, values, color=COLOURS[component % len(COLOURS)], linewidth=0.8)
        _stimuli(axes, ds, mode)
    units = ds[mode].attrs.get("units", "1") if mode in ds.coords else "1"
    axes.set_xlabel(mode if units == "1" else f"{mode} [{units}]")


def _stimuli(axes: Any, ds: xr.Dataset, mode: str) -> None:
    """Shade the intervals in which a stimulus was on, where the file knows them."""
    if "stimulus" not in ds or ds["stimulus"].dims != (mode,):
        return
    on = np.r_[False, ds["stimulus"].to_numpy() != 0, False]
    edges = np.flatnonzero(on[1:] != on[:-1]).reshape(-1, 2)
    x = ds[mode].to_numpy()
    for start, stop in edges:
        axes.axvspan(x[start], x[min(stop, x.size - 1)], color=COLOURS[4], alpha=0.25, linewidth=0)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"components": components, "errors": errors}
