"""The regular grid of a map: its axes, and the rows of a tile of it as the columns that a model reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError, nearest
from polyadic.methods.funbat.columns import PLACE, numbers
from polyadic.methods.funbat.places import Places

Array = NDArray[np.float64]
KM_PER_DEGREE = 111.2
LARGEST = 20_000
"""Most cells along one axis."""


@dataclass(frozen=True)
class Grid:
    """A regular grid.

    Attributes
    ----------
    slices
        Name and values of the index whose slices are mapped (days for times); an empty name: there is none.
    axes
        Names and values of the one or two axes of a slice.
    fixed
        Value of every other index.
    covariates
        Values of each covariate over the cells of a slice, NaN where unknown.
    present
        Which cells of a slice are to be filled.
    """

    slices: tuple[str, Array]
    axes: Mapping[str, Array]
    fixed: Mapping[str, float]
    covariates: Mapping[str, Array]
    present: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells of a slice along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def table(self, names: Sequence[str], rows: slice) -> tuple[Array, NDArray[np.int64]]:
        """Return the columns of the present cells of some rows of the first axis, slice by slice, and their numbers.

        Shape (slices x cells, columns); numbers count the cells of these rows.
        """
        first, *rest = self.axes.items()
        mesh = np.meshgrid(first[1][rows], *(values for _, values in rest), indexing="ij")
        cells = np.flatnonzero(self.present[rows])
        own = {name: values.ravel()[cells] for name, values in zip(self.axes, mesh, strict=True)}
        own |= {name: values[rows].ravel()[cells] for name, values in self.covariates.items()}
        if "longitude" in own:
            own["longitude"] = (own["longitude"] + 180.0) % 360.0 - 180.0
        count = len(self.slices[1])
        table = np.empty((count, cells.size, len(names)))
        for column, name in enumerate(names):
            if name == self.slices[0]:
                table[:, :, column] = self.slices[1][:, None]
            else:
                table[:, :, column] = own[name] if name in own else self.fixed[name]
        return table.reshape(count * cells.size, len(names)), cells


def regular_axes(
    axes: Sequence[str], places: Places, bounds: Mapping[str, Sequence[float]], steps: Mapping[str, float], cells: int
) -> dict[str, Array]:
    """Return the values of each axis: within its bounds by its step, or `cells` along the longer one.

    On the ground a step is the same distance north and east where none is given. A low bound above the high one
    of a longitude crosses the date line.

    Raises
    ------
    InputError
        If bounds are no ascending pair, or an axis would have more than 20,000 cells.
    """
    for name in (*bounds, *steps):
        if name not in axes:
            raise InputError(f"settings 'bounds' and 'step' name {name!r}, no axis of the map; {nearest(name, axes)}")
    limits = [_limits(name, places.coordinates[:, k], bounds.get(name, ())) for k, name in enumerate(axes)]
    stretch = np.ones(len(axes))
    if tuple(axes) == PLACE:
        stretch[1] = np.cos(np.radians(np.clip(np.mean(limits[0]), -85, 85)))
    extents = np.array([high - low for low, high in limits])
    default = (extents * stretch).max() / cells / stretch if tuple(axes) == PLACE else extents / cells
    found = {}
    for name, (low, high), step in zip(axes, limits, default, strict=True):
        size = float(steps.get(name, step)) or 1.0
        count = max(1, int(np.floor((high - low) / size + 1 + 1e-9)))
        if count > LARGEST:
            raise InputError(f"setting 'step' of {size:g} gives {count} cells along {name}, accepted are {LARGEST}")
        found[name] = np.asarray(low + size * np.arange(count), np.float64)
    return found


def _limits(name: str, values: Array, given: Sequence[float]) -> tuple[float, float]:
    if not given:
        return float(values.min()), float(values.max())
    if len(given) != 2:
        raise InputError(f"setting 'bounds' of {name!r} is a low and a high value, found {list(given)}")
    low, high = map(float, given)
    if name == "longitude" and low > high:
        high += 360.0
    if low > high or (name == "latitude" and (low < -90 or high > 90)):
        raise InputError(f"setting 'bounds' of {name!r} must ascend within the range of the axis, found {list(given)}")
    return low, high


def given_cells(
    rows: xr.Dataset, axes: Sequence[str], covariates: Sequence[str]
) -> tuple[dict[str, Array], dict[str, Array], NDArray[np.bool_]]:
    """Return axes, covariates and present cells of a grid given as rows: a row a cell, others are left empty.

    Raises
    ------
    InputError
        If the rows lack an axis or a covariate, or fill less than a hundredth of the grid that they span.
    """
    for name in (*axes, *covariates):
        if name not in rows.variables:
            raise InputError(f"the grid has no {name!r}; {nearest(name, map(str, rows.variables))}")
    found, where = {}, []
    for name in axes:
        found[name], number = np.unique(numbers(rows[name]), return_inverse=True)
        where.append(number.ravel())
    shape = tuple(len(values) for values in found.values())
    if np.prod(shape, dtype=float) > 100.0 * rows.sizes["obs"]:
        raise InputError(f"the rows of the grid fill less than 1 % of {shape} cells; give a regular grid")
    present = np.zeros(shape, bool)
    present[tuple(where)] = True
    filled = {}
    for name in covariates:
        filled[name] = np.full(shape, np.nan)
        filled[name][tuple(where)] = numbers(rows[name])
        present &= np.isfinite(filled[name])
    return found, filled, present


def interpolated(axes: Mapping[str, Array], places: Places, covariates: Mapping[str, Array]) -> dict[str, Array]:
    """Return covariates over the cells, interpolated from the places that were measured; a warning says so."""
    shape = tuple(len(values) for values in axes.values())
    mesh = np.stack([m.ravel() for m in np.meshgrid(*axes.values(), indexing="ij")], axis=1)
    found = {}
    for name, values in covariates.items():
        progress.warn(
            f"{name} of the cells is interpolated from the measured places (mean of the 8 nearest by inverse squared"
            " distance), and its error is not in the standard error; name a dataset of the grid by the setting 'grid'"
        )
        found[name] = places.interpolate(values, mesh).reshape(shape)
    return found
