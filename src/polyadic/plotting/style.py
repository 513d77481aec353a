"""One look for all figures: colours told apart by every eye, deterministic files."""

import contextlib
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cycler
import matplotlib as mpl
import xarray as xr
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette (2008), blue first."""

SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"

_SETTINGS: dict[Any, Any] = {
    "axes.prop_cycle": cycler.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 9,
    "legend.frameon": False,
    "savefig.dpi": 150,
    "svg.hashsalt": "polyadic",  # otherwise every SVG differs in its identifiers
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw inside this context to get the look of the project."""
    with mpl.rc_context({**_SETTINGS, "backend": "agg"}):
        yield


def save(draw: Callable[[xr.Dataset], Figure], ds: xr.Dataset, path: Path) -> None:
    """Write the figure of a Dataset in one step, without a date: equal data, equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    no_date = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {"Software": None}}
    try:
        with style():
            draw(ds).savefig(part, metadata=no_date.get(path.suffix))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def label(ds: xr.Dataset, name: str) -> str:
    """Return the long name of a variable with its unit, for an axis.

    Examples
    --------
    >>> label(xr.Dataset({"t": ("x", [1.0], {"long_name": "temperature", "units": "degC"})}), "t")
    'temperature [°C]'
    """
    attributes = ds[name].attrs
    text, units = str(attributes.get("long_name", name)), str(attributes.get("units", "1"))
    return text if units == "1" else f"{text} [{unit(units)}]"


def unit(units: str) -> str:
    """Return a unit as readers know it.

    Examples
    --------
    >>> unit("degrees_north"), unit("ug m-3")
    ('°N', 'µg m⁻³')
    """
    known = {"degC": "°C", "degrees_north": "°N", "degrees_east": "°E"}
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    text = re.sub(r"(?<=[A-Za-z])(-?\d+)", lambda found: found[1].translate(raised), units)
    return known.get(units, re.sub(r"\bug\b", "µg", text))


def wrapped(text: str, width: int) -> str:
    """Return a text in lines of at most ``width`` characters."""
    return "\n".join(textwrap.wrap(text, width))
