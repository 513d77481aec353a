"""Figures of kind `rank_curve`: error and stability by rank."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.plotting.style import COLOURS


def curve(ds: xr.Dataset) -> Figure:
    """Return the withheld error with its standard error, stability over starts, and the chosen rank."""
    figure = Figure(figsize=(5.5, 3.2))
    left = figure.subplots()
    rank, error = ds["rank"].to_numpy(), ds["error"]
    spread = error.std("fold", ddof=1).to_numpy() / np.sqrt(ds.sizes["fold"]) if ds.sizes["fold"] > 1 else None
    left.errorbar(rank, error.mean("fold").to_numpy(), yerr=spread, fmt="o-", color=COLOURS[0])
    left.axvline(int(ds["chosen"]), color=COLOURS[-1], linewidth=0.8, linestyle=":")
    left.set_ylabel("error on withheld blocks", color=COLOURS[0])
    left.set(xlabel="rank")
    left.set_title(str(ds.attrs.get("reason", "")), fontsize=7, wrap=True)
    right = left.twinx()
    right.plot(rank, ds["stability"].to_numpy(), "s--", color=COLOURS[1])
    right.set(ylim=(0, 1.05))
    right.set_ylabel("stability over starts", color=COLOURS[1])
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"curve": curve}
