"""What a file of fields holds, in the same words for every format."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.kinds import fields as kind
from polyadic.sources.field_formats.stored import Field

_EVEN = 1e-3  # spacings that differ by less, relative to their mean, are equal: files hold float32


@dataclass(frozen=True)
class Side:
    """What a file says of an axis: the condition at its ends and its points; empty what it does not say."""

    boundary: str = ""
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Contents:
    """The fields of one file by name, and what the file says of them.

    Attributes
    ----------
    path
        The file.
    layout
        Name of the layout, for the log.
    fields
        Each has the same samples and points.
    axes
        By the names of kind `fields`, in their order.
    inputs, outputs
        What these usually are in the layout; empty where it does not say.
    numbers
        By name, one a sample.
    time
        Times of the steps; empty where the file does not tell them.
    units
        By name of the field, where the file tells them.
    equation
        What the fields solve.
    """

    path: Path
    layout: str
    fields: Mapping[str, Field]
    axes: Mapping[str, Side]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    time: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    units: Mapping[str, str] = field(default_factory=dict)
    equation: str = ""

    @property
    def samples(self) -> int:
        """Runs in the file."""
        return next(iter(self.fields.values())).samples


def axis(points: NDArray[np.floating], boundary: str, where: str) -> kind.Axis:
    """Return the axis that points lie on.

    A periodic axis ends one step behind its last point. Of another one the points are its nodes with both ends, or
    the centres of its cells: whichever gives ends that are the rounder numbers.

    Examples
    --------
    >>> axis(np.arange(4) / 4, "periodic", "x")
    Axis(low=0.0, high=1.0, boundary='periodic', grid='both', units='1')
    >>> axis((np.arange(4) + 0.5) / 2 - 1, "neumann", "x")
    Axis(low=-1.0, high=1.0, boundary='neumann', grid='centre', units='1')
    """
    if points.size < 2 or points[0] == points[-1]:
        return kind.Axis(boundary=boundary)
    points = np.asarray(points, np.float64)
    first, last = float(points[0]), float(points[-1])
    step = (last - first) / (points.size - 1)
    if np.abs(np.diff(points) - step).max() > _EVEN * abs(step):
        progress.warn(f"{where}: the points are not evenly spaced; they are taken as even from {first:g} to {last:g}")
        return kind.Axis(first, last, boundary)
    if boundary == "periodic":
        return kind.Axis(_round(first, last - first), _round(last + step, last - first), boundary)
    nodes, cells = (first, last), (first - step / 2, last + step / 2)
    centre = sum(map(_digits, cells)) < sum(map(_digits, nodes))
    low, high = (_round(end, last - first) for end in (cells if centre else nodes))
    return kind.Axis(low, high, boundary, "centre" if centre else "both")


def _round(value: float, span: float) -> float:
    """Take off what float32 adds to a number."""
    return round(value, 6 - math.floor(math.log10(abs(span)))) + 0.0


def _digits(value: float) -> int:
    return len(f"{round(value, 6) + 0.0:.6g}".replace("-", ""))


def order(letters: str) -> str:
    """Return letters of axes of space in the order of kind `fields`.

    >>> order("xy"), order("xyz")
    ('yx', 'zyx')
    """
    return "".join(letter for letter in kind.SPACE if letter in letters)
