"""The values of a NetCDF file slab by slab, with the coordinates of kept values only."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import columns, times
from polyadic.sources.observation_files.cleaning import Array, Block, Floats
from polyadic.sources.observation_files.grids import Grid, prepared
from polyadic.sources.observation_files.places import Places
from polyadic.sources.observation_files.presets.preset import Reading
from polyadic.sources.observation_files.settings import ObservationsConfig
from polyadic.sources.observation_files.stores import opened

VALUES = 2**21
"""Values of a variable that are held at a time, unless one chunk of the file holds more."""


def blocks(grid: Grid, cfg: Reading, sites: Places | None) -> Iterator[Block]:
    """Yield the values of a NetCDF file slab by slab; each chunk of the file is read once."""
    with opened(grid.path) as ds:
        ds = prepared(ds, cfg, grid.path)
        layout = grid.layout
        columns_of = {name: joined[0] for name, joined in layout.coordinates.items() if joined}
        coordinates = {name: _coordinate(ds[c], name, cfg, grid.path) for name, c in columns_of.items()}
        station = layout.roles.get("station")
        if station is not None:
            coordinates["station"] = _text(ds[station[0]])
        limits = {name: _limits(ds[column]) for name, column in layout.values.items()}
        arrays = {name: _layers(ds[column], grid) for name, column in layout.values.items()}
        gather = _Gather(grid, coordinates, sites)
        first = next(iter(arrays.values()))[0]
        for slab in _slabs(first):
            values = {name: _first_there(layers, slab) for name, layers in arrays.items()}
            shape, start = _extent(first, slab)
            yield gather.block(values, shape, start, limits)


def _layers(array: xr.DataArray, grid: Grid) -> list[xr.Variable]:
    """Return the values, one array a point of the merged dimensions."""
    points = itertools.product(*(range(array.sizes[dimension]) for dimension in grid.merged))
    layers = [array.isel(dict(zip(grid.merged, point, strict=True))) for point in points]
    return [layer.transpose(*grid.dims).variable for layer in layers]


def _first_there(layers: Sequence[xr.Variable], slab: Mapping[str, slice]) -> Floats:
    """Return the values of a slab, of the first layer where they are not missing."""
    values = np.asarray(layers[0][slab].values, np.float64).ravel()
    for layer in layers[1:]:
        values = np.where(np.isnan(values), np.asarray(layer[slab].values, np.float64).ravel(), values)
    return values


def _coordinate(variable: xr.DataArray, name: str, cfg: ObservationsConfig, path: Path) -> xr.Variable:
    if name != "time":
        factor = (
            columns.metres(cfg.units.get("elevation", str(variable.attrs.get("units", ""))))
            if name == "elevation"
            else 1.0
        )
        return xr.Variable(variable.dims, variable.to_numpy().astype(np.float64) * factor)
    units = str(variable.attrs.get("units", cfg.time_format))
    if " since " not in units:
        raise InputError(
            f"{path}: time {variable.name!r} has units {units!r}, accepted are such as 'days since 1900-01-01';"
            " set 'time_format' to them, or read a relative time by columns: {time: ''} and indexes"
        )
    numbers = variable.to_numpy().astype(np.float64)
    try:
        found = times.decode(numbers.ravel(), units, str(variable.attrs.get("calendar", "standard")).casefold())
    except (ValueError, OverflowError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"{path}: time {variable.name!r} with units {units!r} cannot be decoded ({reason})") from error
    return xr.Variable(variable.dims, _placed(found, cfg).reshape(numbers.shape))


def _placed(found: times.Times, cfg: ObservationsConfig) -> times.Times:
    """Return times without a zone as UTC; midnights alone are days and stay."""
    days = found.astype("datetime64[D]").astype(found.dtype)
    if cfg.local_day:
        return days
    midnights = bool((days == found)[~np.isnat(found)].all())
    return found if midnights else times.localise(found, times.zone(cfg.time_zone))


def _text(variable: xr.DataArray) -> xr.Variable:
    values = variable.to_numpy()
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    elif values.dtype.kind == "f":  # whole numbers that were masked
        values = np.array([f"{v:.0f}" if v == np.round(v) else str(v) for v in values.ravel()]).reshape(values.shape)
    return xr.Variable(variable.dims, np.char.strip(values.astype(str)))


def _limits(variable: xr.DataArray) -> tuple[float, float]:
    """Return valid_min, valid_max or valid_range in the units of the unpacked values."""
    attrs, packing = variable.attrs, variable.encoding
    low, high = np.asarray(attrs.get("valid_range", [-np.inf, np.inf])).ravel()[:2]
    low, high = attrs.get("valid_min", low), attrs.get("valid_max", high)
    factor, offset = float(packing.get("scale_factor", 1.0)), float(packing.get("add_offset", 0.0))
    packed = (factor, offset) != (1.0, 0.0) and np.asarray(low).dtype.kind + np.asarray(high).dtype.kind != "ff"
    if not packed:
        return float(low), float(high)
    ends = sorted((float(low) * factor + offset, float(high) * factor + offset))
    return ends[0] - abs(factor) / 2, ends[1] + abs(factor) / 2  # half a step: the packed numbers are whole


def _slabs(array: xr.Variable) -> Iterator[dict[str, slice]]:
    """Yield slabs along the dimension that the file cuts into most chunks, whole chunks at a time."""
    stored = array.encoding
    chunks = stored.get("chunksizes") or stored.get("shards") or stored.get("chunks") or (1, *array.shape[1:])
    if len(chunks) != array.ndim:  # a dimension was selected away
        chunks = (1, *array.shape[1:])
    if array.ndim == 0:
        yield {}
        return
    axis = int(np.argmax([size / max(chunk, 1) for size, chunk in zip(array.shape, chunks, strict=True)]))
    size, chunk = array.shape[axis], max(1, chunks[axis])
    per_chunk = chunk * max(1, array.size // max(size, 1))
    step = chunk * max(1, VALUES // per_chunk)
    for low, high in itertools.pairwise([*range(0, size, step), size]):
        yield {str(array.dims[axis]): slice(low, high)}


def _extent(array: xr.Variable, slab: Mapping[str, slice]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape of a slab and its first position in the array."""
    ranges = [slab.get(str(d), slice(0, n)).indices(n) for d, n in zip(array.dims, array.shape, strict=True)]
    return tuple(high - low for low, high, _ in ranges), tuple(low for low, _, _ in ranges)


class _Gather:
    """Reads the coordinates of kept values only: nothing is broadcast to the whole grid."""

    def __init__(self, grid: Grid, coordinates: dict[str, xr.Variable], sites: Places | None) -> None:
        self.grid = grid
        self.coordinates = coordinates
        self.sites = sites

    def block(
        self,
        values: dict[str, Floats],
        shape: tuple[int, ...],
        start: tuple[int, ...],
        limits: dict[str, tuple[float, float]],
    ) -> Block:
        def at(name: str, rows: Array) -> Array:
            found = np.unravel_index(rows, shape) if shape else ()
            position = {d: i + s for d, i, s in zip(self.grid.dims, found, start, strict=True)}
            return self._at(self.coordinates[name], position, rows.size)

        def coordinates(rows: Array) -> dict[str, Array]:
            layout = self.grid.layout
            read = {name: at(name, rows) for name in layout.coordinates if name in self.coordinates}
            if self.sites is not None and len(read) < len(layout.coordinates):
                names = at("station", rows)
                read |= {name: self.sites.at(name, names) for name in layout.coordinates if name not in read}
            return {name: read[name] for name in layout.coordinates}

        def place(name: str, _: int) -> str:
            return f"{self.grid.path}, variable {' '.join(self.grid.layout.coordinates[name])!r}"

        stations = (lambda rows: at("station", rows)) if "station" in self.coordinates else None
        return Block(str(self.grid.path), values, coordinates, stations, place, limits)

    def _at(self, variable: xr.Variable, position: Mapping[str, NDArray[np.intp]], size: int) -> Array:
        """Return a coordinate at positions in the values, by way of the instances of a ragged array."""
        picks = []
        for dimension in map(str, variable.dims):
            if dimension in position:
                picks.append(position[dimension])
            else:
                sample, instance = self.grid.maps[dimension]
                picks.append(instance[position[sample]])
        taken = variable.values[tuple(picks)]
        return taken if picks else np.full(size, taken)
