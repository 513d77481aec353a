"""Figures of kind `function`: a slice through the middle of the domain."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from polyadic.kernels.named_functions import resolve
from polyadic.kinds import function as kind
from polyadic.plotting.style import SEQUENTIAL


def middle(ds: xr.Dataset) -> Figure:
    """Return the values on the plane of the first two modes, the others at their middles."""
    f = resolve(ds.attrs["expression"], kind.parameters(ds))
    ends = kind.domain(ds)
    x, y = (np.linspace(*interval, 121) for interval in ends[:2])
    rest = [np.full((121, 121), (low + high) / 2) for low, high in ends[2:]]
    values = f(*np.meshgrid(x, y, indexing="ij"), *rest)
    figure = Figure(figsize=(4.2, 3.4))
    axes = figure.subplots()
    mesh = axes.pcolormesh(x, y, np.asarray(values).T, cmap=SEQUENTIAL, rasterized=True)
    figure.colorbar(mesh, ax=axes)
    names = [str(name) for name in ds["mode"].to_numpy()]
    axes.set(xlabel=names[0], ylabel=names[1], title=ds.attrs["expression"])
    return figure


FIGURES: dict[str, Callable[[xr.Dataset], Figure]] = {"middle": middle}
