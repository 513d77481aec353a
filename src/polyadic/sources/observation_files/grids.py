"""What the variables of a NetCDF file are: regular and curvilinear grids, station series, points, ragged arrays."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError, nearest
from polyadic.sources.observation_files import climatology, columns, presets, rotated
from polyadic.sources.observation_files.cleaning import Array
from polyadic.sources.observation_files.columns import Layout
from polyadic.sources.observation_files.places import PLACE, Places
from polyadic.sources.observation_files.presets.preset import Preset, Reading
from polyadic.sources.observation_files.settings import ObservationsConfig
from polyadic.sources.observation_files.stores import opened

KEPT = ("title", "institution", "source", "references", "license")
"""Global attributes that go with the data."""

KEPT_OF_VARIABLES = ("units", "long_name", "standard_name", "cell_methods", "comment", "period")
"""Attributes that go with a variable or an index."""

_AXES = {
    "latitude": ("degrees_north", "degree_north", "degrees_n"),
    "longitude": ("degrees_east", "degree_east", "degrees_e"),
}
_NAMES = {"surface_altitude": "elevation", "altitude": "elevation", "height_above_mean_sea_level": "elevation"}


@dataclass(frozen=True)
class Grid:
    """One NetCDF file that was looked at and not yet read.

    Attributes
    ----------
    dims
        Dimensions of the values.
    maps
        Per instance dimension of a ragged array the dimension of its samples, and the instance of each sample.
    merged
        Dimensions of the file along which the first value that is not missing is taken.
    """

    path: Path
    layout: Layout
    attributes: dict[str, dict[str, str]]
    dims: tuple[str, ...]
    maps: dict[str, tuple[str, NDArray[np.intp]]]
    merged: tuple[str, ...] = ()


def inspect(path: Path, cfg: Reading, sites: Places | None) -> Grid:
    """Return what the variables of a NetCDF file are.

    Raises
    ------
    InputError
        If it is of another kind, a variable is missing or may be several, or a dimension is left over.
    """
    with opened(path) as ds:
        _refuse_other_kinds(ds, path)
        ds = prepared(ds, cfg, path)
        cfg = _with_month(ds, cfg, path)
        maps = _ragged(ds)
        names = _named(ds)
        where = str(path)
        own = cfg if sites is None else columns.limited(cfg, names, PLACE)
        roles = columns.find_roles(names, own, where, _hints(ds, names))
        roles = {role: found for role, found in roles.items() if role not in ("parameter", "units")}
        if "time" not in roles | cfg.columns:
            roles.update([("time", (name,)) for name in _since(ds, names)[:1]])
        supplied = [] if sites is None or "station" not in roles else [n for n in sites.coordinates if n not in roles]
        indexes, covariates = columns.find_coordinates(roles, names, cfg, where, supplied)
        draft = Layout({r: c for r, c in roles.items() if r == "station"}, {}, indexes, covariates)
        covered = {d for name in draft.used for d in _dims(ds[name], maps)}
        left = [name for name in names if name not in draft.used]
        measured = columns.find_values(
            names if cfg.values else left, lambda some: _measured(ds, some, draft, maps), cfg, where
        )
        merged = tuple(d for d in cfg.known.merged if d in ds[measured[0]].dims and d not in covered)
        dims = _common_dims(ds.isel(dict.fromkeys(merged, 0)), measured, covered, path)
        _refuse_text(
            ds, [*measured, *(c for n, joined in draft.coordinates.items() if n != "time" for c in joined)], path
        )
        layout = Layout(roles, {columns.variable_name(name): name for name in measured}, indexes, covariates)
        columns.refuse_equal_names(layout, measured, where)
        return Grid(path, layout, _attributes(ds, layout), dims, maps, merged)


def prepared(ds: xr.Dataset, cfg: ObservationsConfig, path: Path) -> xr.Dataset:
    """Return the file at the selected points, with places where the pole is rotated and months of climatologies."""
    ds = rotated.placed(select(ds, cfg, path))
    named = cfg.columns.get("time", ())
    if named == "" or set(named) == {""}:
        return ds
    return climatology.by_month(ds, _since(ds, [str(name) for name in ds.variables]), path)


def _with_month(ds: xr.Dataset, cfg: Reading, path: Path) -> Reading:
    """Return the settings that take the months of a climatology for an index."""
    if "period" not in (ds[climatology.MONTH].attrs if climatology.MONTH in ds.variables else {}):
        return cfg
    if "time" in cfg.indexes:
        raise InputError(
            f"{path}: its time is a climatology, months of no particular year; write month for time in the setting"
            " indexes"
        )
    indexes = cfg.indexes or ("latitude", "longitude", climatology.MONTH)
    return replace(cfg, columns={**cfg.columns, "time": ""}, indexes=indexes)


def preset(path: Path) -> Preset:
    """Return the preset that the variables or attributes of a file tell."""
    with opened(path) as ds:
        return presets.of_grid(
            {*map(str, ds.variables), *map(str, ds.dims)}, [ds.attrs, *(v.attrs for v in ds.variables.values())]
        )


def has_place(path: Path, cfg: ObservationsConfig) -> bool:
    """Return whether a file has latitude and longitude of its own."""
    with opened(path) as ds:
        names = _named(ds)
        roles = columns.find_roles(names, columns.limited(cfg, names), str(path), _hints(ds, names))
        return {"latitude", "longitude"} <= set(roles)


def titles(grid: Grid) -> dict[str, str]:
    """Return the global attributes that go with the data."""
    with opened(grid.path) as ds:
        return {name: str(ds.attrs[name]) for name in KEPT if name in ds.attrs}


def _refuse_other_kinds(ds: xr.Dataset, path: Path) -> None:
    kind = ds.attrs.get("kind")
    if kind is not None and "schema_version" in ds.attrs and kind != "observations":
        raise InputError(f"{path}: its kind is {kind!r}; accepted are measured values, or kind 'observations'")
    if not ds.variables:
        raise InputError(f"{path}: holds no variables in its root group; accepted is a NetCDF file with values")


def select(ds: xr.Dataset, cfg: ObservationsConfig, path: Path) -> xr.Dataset:
    """Return the file at one point of each selected dimension; the point must be there."""
    for name, wanted in cfg.select.items():
        if name not in ds.dims:
            raise InputError(
                f"{path}: setting 'select' names the dimension {name!r}; {nearest(name, map(str, ds.dims))}"
            )
        labels = ds[name].to_numpy() if name in ds.variables else np.arange(ds.sizes[name])
        if labels.dtype.kind in "iuf" and not isinstance(wanted, str):
            found = np.flatnonzero(np.isclose(labels.astype(np.float64), wanted, rtol=1e-6, atol=0))
        else:
            found = np.flatnonzero(labels.astype(str) == str(wanted))
        if found.size == 0:
            raise InputError(f"{path}: {name} {wanted!r} is not there; accepted are {_listed(labels)}")
        ds = ds.isel({name: int(found[0])})
    return ds


def _listed(labels: Array) -> str:
    shown = ", ".join(str(label) for label in labels[:12])
    return shown + (f", ... ({labels.size} values)" if labels.size > 12 else "")


def _ragged(ds: xr.Dataset) -> dict[str, tuple[str, NDArray[np.intp]]]:
    """Return the instance of each sample of CF ragged arrays, indexed or contiguous."""
    maps: dict[str, tuple[str, NDArray[np.intp]]] = {}
    for variable in ds.variables.values():
        if "instance_dimension" in variable.attrs and variable.ndim == 1:
            numbers = variable.to_numpy().astype(np.intp)
            maps[str(variable.attrs["instance_dimension"])] = (str(variable.dims[0]), numbers)
        elif "sample_dimension" in variable.attrs and variable.ndim == 1:
            counts = variable.to_numpy().astype(np.intp)
            sample = str(variable.attrs["sample_dimension"])
            maps[str(variable.dims[0])] = (sample, np.repeat(np.arange(counts.size), counts))
    return maps


def _named(ds: xr.Dataset) -> list[str]:
    """Return the variables that may play a role: no bounds, grid mappings, counts of ragged arrays or flags."""
    aside = {str(v.attrs[key]) for v in ds.variables.values() for key in ("bounds", "grid_mapping") if key in v.attrs}
    aside |= {
        str(name)
        for name, v in ds.variables.items()
        if {"instance_dimension", "sample_dimension", "flag_values", "flag_masks", "grid_mapping_name"} & set(v.attrs)
    }
    return [str(name) for name in ds.variables if str(name) not in aside]


def _hints(ds: xr.Dataset, names: Sequence[str]) -> dict[str, str]:
    """Return what CF attributes tell of the roles."""
    hints: dict[str, str] = {}
    for name in names:
        attrs = ds[name].attrs
        standard = str(attrs.get("standard_name", ""))
        role = _NAMES.get(standard, standard if standard in ("latitude", "longitude", "time") else "")
        units = str(attrs.get("units", ""))
        role = role or next((r for r, accepted in _AXES.items() if units.casefold() in accepted), "")
        if not role and attrs.get("cf_role") in ("timeseries_id", "trajectory_id", "profile_id"):
            role = "station"
        if role:
            hints.setdefault(role, name)
    if "station" not in hints:  # texts along their own dimension
        hints.update([("station", n) for n in names if ds[n].dims == (n,) and ds[n].dtype.kind in "UOST"][:1])
    return hints


def _since(ds: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Return the variables that count from a date; the last resort, for files hold several of them."""
    return [name for name in names if " since " in str(ds[name].attrs.get("units", ""))]


def _dims(variable: xr.DataArray, maps: Mapping[str, tuple[str, Any]]) -> tuple[str, ...]:
    """Return the dimensions of a coordinate as the values have them."""
    return tuple(maps[str(d)][0] if str(d) in maps else str(d) for d in variable.dims)


def _measured(ds: xr.Dataset, names: Sequence[str], draft: Layout, maps: Mapping[str, tuple[str, Any]]) -> list[str]:
    """Return the variables of numbers that run along all dimensions of the indexes."""
    wanted = {d for joined in draft.indexes.values() for c in joined for d in _dims(ds[c], maps)}
    return [n for n in names if ds[n].dtype.kind in "fiu" and n not in ds.dims and wanted <= set(map(str, ds[n].dims))]


def _common_dims(ds: xr.Dataset, measured: Sequence[str], covered: set[str], path: Path) -> tuple[str, ...]:
    """Return the dimensions of the values without those of length one, or refuse what no coordinate covers."""
    dims = tuple(str(d) for d in ds[measured[0]].dims)
    for name in measured[1:]:
        if set(map(str, ds[name].dims)) != set(dims):
            raise InputError(
                f"{path}: {measured[0]!r} has dims {dims} and {name!r} {ds[name].dims}; read them one by one"
            )
    for dimension in dims:
        if dimension not in covered and ds.sizes[dimension] > 1:
            labels = ds[dimension].to_numpy() if dimension in ds.variables else np.arange(ds.sizes[dimension])
            raise InputError(
                f"{path}: {measured[0]!r} has the further dimension {dimension!r} ({_listed(labels)}); choose one by"
                f" select: {{{dimension}: {labels[0]}}}, or add it to 'indexes'"
            )
    missing = covered - set(dims)
    if missing:
        raise InputError(
            f"{path}: {measured[0]!r} has dims {dims}, without {', '.join(sorted(missing))} of its coordinates"
        )
    return dims


def _refuse_text(ds: xr.Dataset, names: Sequence[str], path: Path) -> None:
    for name in names:
        if ds[name].dtype.kind not in "fiub":
            raise InputError(f"{path}: variable {name!r} is text ({ds[name].dtype}), accepted are numbers")


def _attributes(ds: xr.Dataset, layout: Layout) -> dict[str, dict[str, str]]:
    attributes: dict[str, dict[str, str]] = {}
    of = {**{name: joined[0] for name, joined in layout.coordinates.items() if joined}, **layout.values}
    for name, column in of.items():
        found = ds[column].attrs
        kept = ("long_name", "standard_name") if name == "time" else KEPT_OF_VARIABLES
        attributes[name] = {key: found[key] if key == "period" else str(found[key]) for key in kept if key in found}
        attributes[name].setdefault("long_name", name)
    for name in ("time", "latitude", "longitude"):
        if name in of:
            attributes[name] |= _cells(ds, ds[of[name]])
    calendar = str(ds[of["time"]].attrs.get("calendar", "standard")).casefold() if "time" in of else "standard"
    if calendar not in ("standard", "gregorian", "proleptic_gregorian"):
        attributes["time"]["source_calendar"] = calendar
    return attributes


def _cells(ds: xr.Dataset, time: xr.DataArray) -> dict[str, str]:
    """Return how far the cells of an index reach before and after it."""
    attributes: dict[str, str] = {}
    bounds = str(time.attrs.get("bounds", ""))
    if bounds in ds.variables and ds[bounds].ndim == time.ndim + 1 and ds[bounds].shape[-1] == 2:
        reach = ds[bounds].to_numpy().astype(np.float64) - time.to_numpy().astype(np.float64)[..., None]
        unit = str(time.attrs.get("units", "")).partition(" since ")[0]
        ends = {"start": reach[..., 0], "end": reach[..., 1]}
        ends = {"start": reach[..., 0], "end": reach[..., 1]}
        spans = {end: [float(np.nanmin(x)), float(np.nanmax(x))] for end, x in ends.items()}
        attributes["cell_bounds"] = json.dumps({"unit": unit, **spans})
    return attributes
