"""Figures of kind `traces`: every neuron as a row of colours, and some as lines with the events above."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from polyadic.kinds import traces
from polyadic.plotting.style import COLOURS, SEQUENTIAL

_SHOWN = 4  # animals in a heat map
_COLUMNS = 1500  # pixels of a heat map along time: more frames are averaged
_LINES = 8  # example traces
_SECONDS = 120.0  # of the example traces


def heat_map(ds: xr.Dataset) -> Figure:
    """Return the traces of the first animals, each row scaled to its own range; missing neurons are blank."""
    animals = min(_SHOWN, ds.sizes["animal"])
    figure = Figure(figsize=(9, 1 + 1.9 * animals))
    panels = figure.subplots(animals, 1, sharex=True, squeeze=False)[:, 0]
    time, image = ds["time"].to_numpy(), None
    for index, axes in enumerate(panels):
        values = _scaled(_coarse(ds["fluorescence"][index].to_numpy()))
        extent = (float(time[0]), float(time[-1]), values.shape[0] - 0.5, -0.5)
        image = axes.imshow(values, aspect="auto", cmap=SEQUENTIAL, vmin=0, vmax=1, extent=extent, interpolation="none")
        axes.set(ylabel="neuron", title=f"{ds['animal'].to_numpy()[index]}: {_seen(ds, index)}")
        _bars(ds, index, axes, axes.get_ylim()[1])
    panels[-1].set_xlabel("time [s]")
    if image is not None:
        figure.colorbar(image, ax=list(panels), label=f"{_label(ds)}, 2nd to 99.5th percentile")
    return figure


def lines(ds: xr.Dataset) -> Figure:
    """Return example traces of the first animal, shifted apart, with bars for the events and the behaviour below."""
    behaviours = traces.behaviours(ds)
    rows = 2 if behaviours else 1
    figure = Figure(figsize=(9, 4.2 + 1.1 * (rows - 1)))
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=(4, 1)[:rows])[:, 0]
    time = ds["time"].to_numpy()
    window = time <= time[0] + _SECONDS
    values = ds["fluorescence"][0].to_numpy()[:, window]
    shown = np.flatnonzero(np.isfinite(values).any(axis=1))
    shown = shown[np.unique(np.linspace(0, shown.size - 1, _LINES).astype(int))] if shown.size else shown
    step = float(np.nanpercentile(np.ptp(np.nan_to_num(values[shown]), axis=1), 90)) if shown.size else 1.0
    for row, neuron in enumerate(shown):
        panels[0].plot(time[window], values[neuron] + row * step, color=COLOURS[row % len(COLOURS)], linewidth=0.7)
    panels[0].set_yticks(np.arange(shown.size) * step, ds["neuron"].to_numpy()[shown].tolist())
    panels[0].set(title=f"{_label(ds)} of {ds['animal'].to_numpy()[0]}", xlim=(time[window][0], time[window][-1]))
    _bars(ds, 0, panels[0], (shown.size + 0.2) * step)
    for name in behaviours[:1]:
        panels[1].plot(time[window], ds[name][0].to_numpy()[window], color=COLOURS[-1], linewidth=0.7)
        panels[1].set_ylabel(f"{ds[name].attrs['long_name']}\n[{ds[name].attrs['units']}]")
    panels[-1].set_xlabel("time [s]")
    return figure


def _bars(ds: xr.Dataset, animal: int, axes: Axes, height: float) -> None:
    """Draw a bar for each event of an animal along the upper edge, one colour a label."""
    events = [event for event in traces.events(ds) if event[0] == str(ds["animal"].to_numpy()[animal])]
    labels = sorted({label for *_, label in events})
    low, high = axes.get_xlim()
    for number, label in enumerate(labels[: len(COLOURS)]):
        spans = [(start, max(stop, start)) for _, start, stop, name in events if name == label]
        inside = [span for span in spans if span[1] >= low and span[0] <= high]
        x = np.array([[max(start, low), min(stop, high), np.nan] for start, stop in inside]).ravel()
        axes.plot(x, np.full(x.size, height), color=COLOURS[number], linewidth=4, solid_capstyle="butt", clip_on=False)
        axes.plot([], [], color=COLOURS[number], linewidth=4, label=label)
    if labels and animal == 0:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, fontsize="small")
    axes.set_xlim(low, high)


def _seen(ds: xr.Dataset, animal: int) -> str:
    seen = int(ds["observed"][animal].to_numpy().sum())
    return f"{seen} of {ds.sizes['neuron']} neurons"


def _coarse(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return means over neighbouring frames, as many columns as a figure can show."""
    factor = max(1, values.shape[1] // _COLUMNS)
    whole = values[:, : values.shape[1] // factor * factor]
    found: NDArray[np.float32] = whole.reshape(values.shape[0], -1, factor).mean(axis=2)
    return found


def _scaled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.full_like(values, np.nan)
    rows = np.isfinite(values).any(axis=1)
    low, high = np.nanpercentile(values[rows], (2, 99.5), axis=1)[..., None] if rows.any() else (0.0, 1.0)
    found[rows] = (values[rows] - low) / np.where(high > low, high - low, 1)
    return found


def _label(ds: xr.Dataset) -> str:
    attributes = ds["fluorescence"].attrs
    units = attributes["units"]
    return f"{attributes['long_name']} [{units}]" if units != "1" else str(attributes["long_name"])


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"heat_map": heat_map, "lines": lines}
