"""Figures of kind `operator`: the curves of the training."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from polyadic.plotting.style import COLOURS


def curves(ds: xr.Dataset) -> Figure:
    """Return the loss on train and validation samples by epoch, and the learning rate below."""
    figure = Figure(figsize=(6, 4))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    marker = "o" if ds.sizes["epoch"] == 1 else ""  # a line of one point is invisible
    for number, name in enumerate(("train_loss", "validation_loss")):
        if name in ds and np.isfinite(ds[name]).any():
            above.plot(ds["epoch"], ds[name], color=COLOURS[number], marker=marker, label=ds[name].attrs["long_name"])
    above.set(ylabel="mean error")
    if ds.sizes["epoch"] and float(ds["train_loss"].min()) > 0:
        above.set_yscale("log")
    above.legend()
    below.plot(ds["epoch"], ds["learning_rate"], color=COLOURS[-1], marker=marker)
    below.set(xlabel="epoch", ylabel="learning rate")
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"curves": curves}
