"""Where the measured places are, and covariates of other places interpolated from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kinds import observations as kind
from polyadic.methods.funbat.columns import PLACE, numbers

Array = NDArray[np.float64]
EARTH_RADIUS = 6371.0
NEIGHBOURS = 8


@dataclass(frozen=True)
class Places:
    """Distinct places of the rows.

    Attributes
    ----------
    coordinates
        Latitude and longitude (degrees) or other indexes, shape (places, axes).
    names
        Name of each, shape (places,).
    rows
        The place of every row, shape (rows,).
    first
        One row of each place, shape (places,).
    ground
        Whether the coordinates are latitude and longitude.
    """

    coordinates: Array
    names: NDArray[np.str_]
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    ground: bool

    def nearest(self, coordinates: Array, count: int = 1) -> tuple[Array, NDArray[np.int64]]:
        """Return distances and numbers (n, count) of the nearest places: km on the ground, else in ranges of axes."""
        from scipy.spatial import KDTree

        low, span = self.coordinates.min(axis=0), np.ptp(self.coordinates, axis=0)
        scale = np.where(span > 0, span, 1.0)
        here, there = (
            (on_sphere(c) for c in (self.coordinates, coordinates))
            if self.ground
            else ((c - low) / scale for c in (self.coordinates, coordinates))
        )
        chord, number = KDTree(here).query(there, k=range(1, min(count, len(self.names)) + 1))
        if self.ground:
            chord = 2 * EARTH_RADIUS * np.arcsin(np.minimum(chord / (2 * EARTH_RADIUS), 1.0))
        return np.asarray(chord), np.asarray(number, np.int64)

    def interpolate(self, values: Array, coordinates: Array) -> Array:
        """Return values (n,) at other places: the mean of the 8 nearest places by inverse squared distance."""
        known = np.flatnonzero(np.isfinite(values))
        if known.size == 0:
            return np.full(len(coordinates), np.nan)
        some = Places(self.coordinates[known], self.names[known], self.rows, self.first[known], self.ground)
        distance, number = some.nearest(coordinates, NEIGHBOURS)
        weight = 1.0 / np.maximum(distance, 1e-6) ** 2
        return np.asarray((weight * values[known][number]).sum(axis=1) / weight.sum(axis=1))


def on_sphere(degrees: Array) -> Array:
    """Return points (n, 3) in km of latitudes and longitudes (n, 2) in degrees."""
    latitude, longitude = np.radians(degrees).T
    circle = np.cos(latitude)
    unit = np.stack([circle * np.cos(longitude), circle * np.sin(longitude), np.sin(latitude)], axis=1)
    return np.asarray(EARTH_RADIUS * unit)


def places_of(ds: xr.Dataset, axes: Sequence[str]) -> Places:
    """Return the distinct places of observations along some indexes; stations name them where there are any."""
    coordinates = np.stack([numbers(ds[name]) for name in axes], axis=1) if axes else np.zeros((ds.sizes["obs"], 1))
    unique, first, rows = _distinct(coordinates)
    if "station_index" in ds.coords and "station" in ds.coords:
        names = ds["station"].to_numpy().astype(str)[ds["station_index"].to_numpy()[first]]
    else:
        names = np.array([", ".join(f"{n} {v:.6g}" for n, v in zip(axes, row, strict=False)) for row in unique])
    names = names if axes else np.array(["everywhere"])
    return Places(unique, np.asarray(names, str), rows, first, tuple(axes) == PLACE)


def _distinct(table: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct rows in lexicographic order, a row of each, and the place of every row among them."""
    order = np.lexsort(table.T[::-1])
    ordered = table[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    rows = np.empty(len(table), np.int64)
    rows[order] = np.cumsum(new) - 1
    first = order[new]
    return table[first], first, rows


def map_axes(indexes: Sequence[str]) -> tuple[str, ...]:
    """Return the indexes that a map spans: latitude and longitude, else the first two that are no time."""
    if set(PLACE) <= set(indexes):
        return PLACE
    return tuple(name for name in indexes if name != "time")[:2] or tuple(indexes[:1])


def along_axis(indexes: Sequence[str]) -> str:
    """Return the index that series run along: time, else the last."""
    return "time" if "time" in indexes else indexes[-1]


def train_rows(ds: xr.Dataset) -> xr.Dataset:
    """Return the training rows with their values, loaded."""
    return kind.where_split(ds, "train").load() if "split" in ds.coords else ds.load()
