"""Figures of kind `chebyshev_tucker`: decay of coefficients, singular values, factor functions."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kinds import chebyshev_tucker as kind
from polyadic.plotting.style import COLOURS

_FUNCTIONS = 4  # most factor functions drawn a mode


def decay(ds: xr.Dataset) -> Figure:
    """Return the size of the coefficients by degree, one panel a mode, weighted as they enter the function."""
    figure, panels = _panels(kind.modes(ds))
    for axes, mode, basis in zip(panels, kind.modes(ds), kind.bases(ds), strict=True):
        size = np.abs(_weighted(ds, mode))
        index = np.arange(len(size))
        x = index if basis == "chebyshev" else (index + 1) // 2
        axes.semilogy(x, np.maximum(size.max(axis=1), 1e-300), ".", markersize=2.5)
        axes.axvline(x[-1], color=COLOURS[1], linewidth=0.8)
        label = "degree" if basis == "chebyshev" else "harmonic"
        axes.set(title=f"{mode}: to {label} {x[-1]}", xlabel=label, ylabel="largest coefficient")
        _floor(axes, size.max(axis=1))
    return figure


def singular_values(ds: xr.Dataset) -> Figure:
    """Return the singular values of every mode, and the estimated error."""
    figure = Figure(figsize=(4.6, 3.2))
    axes = figure.subplots()
    for mode in kind.modes(ds):
        values = ds[f"singular_value_{mode}"].to_numpy()
        axes.semilogy(np.arange(1, len(values) + 1), np.maximum(values, 1e-300), "o-", ms=3, lw=0.8, label=mode)
    error = float(ds["error_estimate"]) * float(ds["scale"])
    if error > 0:
        axes.axhline(error, color=COLOURS[-1], linewidth=0.8, linestyle=":", label="estimated error")
    units = ds["core"].attrs.get("units", "1")
    axes.set(xlabel="rank", ylabel="singular value" + ("" if units == "1" else f" [{units}]"))
    axes.legend()
    return figure


def factors(ds: xr.Dataset) -> Figure:
    """Return the first factor functions of every mode."""
    figure, panels = _panels(kind.modes(ds))
    for axes, mode in zip(panels, kind.modes(ds), strict=True):
        functions = ds[f"factor_{mode}"].to_numpy()[:, :_FUNCTIONS]
        axes.plot(ds[mode], functions, linewidth=0.9)
        rank = ds.sizes[f"rank_{mode}"]
        axes.set(title=f"{mode}: {functions.shape[1]} of {rank}", xlabel=_label(ds, mode))
    return figure


def slices(ds: xr.Dataset) -> Figure:
    """Return the function on planes through the middle of its domain, a panel a pair of modes, at most three.

    Below each the error there, where the approximation holds it: of particles it does not.
    """
    modes = kind.modes(ds)
    pairs = list(itertools.combinations(range(len(modes)), 2))[:3]
    drawn = [ds[mode].to_numpy() for mode in modes]
    rows = [ds[f"factor_{mode}"].to_numpy() for mode in modes]
    planes = []
    for pair in pairs:
        plane = ds["core"].to_numpy()
        for k in reversed(range(len(modes))):
            middle = len(rows[k]) // 2
            plane = np.moveaxis(np.tensordot(rows[k] if k in pair else rows[k][[middle]], plane, (1, k)), 0, k)
        planes.append(plane.reshape([len(drawn[k]) for k in pair]).T)
    low, high, colours = _range(planes)
    errors = [ds.get(f"plane_error_{modes[a]}_{modes[b]}") for a, b in pairs]
    known = all(error is not None for error in errors)
    figure = Figure(figsize=(0.8 + 3.2 * len(pairs), 5.4 if known else 2.8), layout="constrained")
    panels = figure.subplots(1 + known, len(pairs), squeeze=False)
    for axes, (a, b), plane in zip(panels[0], pairs, planes, strict=True):
        look = {"vmin": low, "vmax": high, "cmap": colours, "rasterized": True}
        shown = axes.pcolormesh(drawn[a], drawn[b], plane, shading="nearest", **look)
        axes.set(xlabel=_label(ds, modes[a]), ylabel=_label(ds, modes[b]))
    units = ds["core"].attrs.get("units", "1")
    unit = "" if units == "1" else f" [{units}]"
    figure.colorbar(shown, ax=list(panels[0]), label=f"{ds.attrs.get('quantity', 'value')}{unit}")
    if known:
        _errors(ds, panels[1], [(modes[a], modes[b]) for a, b in pairs])
        figure.colorbar(panels[1][0].collections[0], ax=list(panels[1]), label=f"error{unit}")
    return figure


def _errors(ds: xr.Dataset, panels: Any, pairs: list[tuple[str, str]]) -> None:
    """Draw the errors on planes, one scale for all, symmetric about zero."""
    planes = [ds[f"plane_error_{a}_{b}"].to_numpy().T for a, b in pairs]
    most = max(float(np.abs(plane).max()) for plane in planes) or 1.0
    for axes, (a, b), plane in zip(panels, pairs, planes, strict=True):
        x, y = ds[f"plane_{a}"].to_numpy(), ds[f"plane_{b}"].to_numpy()
        axes.pcolormesh(x, y, plane, shading="nearest", vmin=-most, vmax=most, cmap="RdBu_r", rasterized=True)
        axes.set(xlabel=_label(ds, a), ylabel=_label(ds, b))


def ranks(ds: xr.Dataset) -> Figure:
    """Return the rank of every mode that a tolerance needs, from the singular values: those discarded, in norm."""
    figure = Figure(figsize=(4.6, 3.2))
    axes = figure.subplots()
    for mode in kind.modes(ds):
        values = ds[f"singular_value_{mode}"].to_numpy()
        tails = np.sqrt(np.cumsum(np.square(values[::-1])))[::-1]
        axes.step(tails / (tails[0] or 1.0), np.arange(len(values)), where="pre", lw=0.9, label=mode)
    axes.set(xscale="log", xlabel="discarded share of the norm", ylabel="rank")
    axes.invert_xaxis()
    axes.legend()
    return figure


def _range(planes: list[np.ndarray]) -> tuple[float, float, str | None]:
    """Return limits and colours: round zero where values of both signs are about as large."""
    low, high = min(float(p.min()) for p in planes), max(float(p.max()) for p in planes)
    if min(-low, high) < 0.2 * max(-low, high):
        return low, high, None
    return -max(-low, high), max(-low, high), "RdBu_r"


def _label(ds: xr.Dataset, mode: str) -> str:
    units = ds[mode].attrs.get("units", "1")
    return mode if units == "1" else f"{mode} [{units}]"


def _panels(modes: list[str]) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(0.6 + 2.6 * len(modes), 2.6))
    return figure, list(figure.subplots(1, len(modes), squeeze=False)[0])


def _weighted(ds: xr.Dataset, mode: str) -> np.ndarray:
    weights = ds[f"singular_value_{mode}"].to_numpy()
    core = np.moveaxis(ds["core"].to_numpy(), kind.modes(ds).index(mode), 0).reshape(len(weights), -1)
    left = np.linalg.svd(core, full_matrices=False)[0]
    return np.asarray(ds[f"coefficient_{mode}"].to_numpy() @ left * weights[: left.shape[1]])


def _floor(axes: Any, size: np.ndarray) -> None:
    top = float(size.max()) or 1.0
    axes.set_ylim(max(top * 1e-18, float(size[size > 0].min(initial=top)) / 3), top * 3)


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {
    "decay": decay,
    "singular_values": singular_values,
    "factors": factors,
    "slices": slices,
    "ranks": ranks,
}
