"""Source `grids`: a variable of a NetCDF file or a Zarr store as values of a function on a tensor grid.

``python -m polyadic.sources.grids --files field.nc --config '{"variable": "t2m", "fill": "nearest"}' --out a.nc``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError, OtherFormError, nearest
from polyadic.core.stage import stage
from polyadic.kinds import sampled_function as kind
from polyadic.sources.observation_files.stores import ZARR_MARKS, opened

Array = NDArray[np.float64]

_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
_SECONDS |= {name.removesuffix("s"): length for name, length in _SECONDS.items()}


@dataclass(frozen=True)
class GridsConfig:
    """Which variable, which part of it, and what becomes of missing values."""

    variable: str = setting("", "name of the variable; empty: the only one of two or more dimensions")
    select: dict[str, int] = setting({}, "index of a dimension that is taken at one place, by name")
    fill: Literal["refuse", "mean", "nearest"] = setting(
        "refuse", "missing values: refused, or filled by the mean of the others, or by the nearest one (in grid steps)"
    )


@stage(name="sources.grids", config=GridsConfig, output=kind.SCHEMA, files=True)
def grids(cfg: GridsConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read a variable on a tensor grid as the samples of a function."""
    if len(files) != 1:
        raise InputError(f"a grid is read from one file or store, found {len(files)}")
    path = files[0]
    with opened(path) as ds:
        field = _selected(_variable(ds, cfg.variable, path), cfg.select, path).load()
    field = field.squeeze(drop=True)
    if not 2 <= field.ndim <= 8:
        raise InputError(f"{path.name}: {field.name!r} has {field.ndim} dimensions longer than 1, accepted are 2 to 8")
    if field.dtype.kind not in "fiu":
        raise InputError(f"{path.name}: {field.name!r} must hold real numbers, found {field.dtype}")
    field = _rising(field, path)
    value, filled = _filled(field.to_numpy().astype(float), cfg.fill, f"{path.name}: {field.name!r}")
    progress.log(f"{field.name}: {' x '.join(map(str, field.shape))} values, {int(filled.sum()):,} filled")
    names = [str(d) for d in field.dims]
    axes = {name: _axis(field[name]) for name in names}
    out = kind.dataset(
        value,
        {name: x for name, (x, _) in axes.items()},
        units=str(field.attrs.get("units", "1")),
        long_name=str(field.attrs.get("long_name", field.name)),
        axis_units=[unit for _, unit in axes.values()],
        filled=filled if filled.any() else None,
    )
    out.attrs |= {"variable": str(field.name), "fill": cfg.fill}
    return out


def _axis(coordinate: xr.DataArray) -> tuple[Array, str]:
    """Return coordinates and their unit; times become seconds since the first one."""
    x, unit = coordinate.to_numpy().astype(float), str(coordinate.attrs.get("units", "1"))
    period = unit.partition(" since ")[0].strip().casefold()
    if period not in _SECONDS:
        return x, unit
    return (x - x[0]) * _SECONDS[period], "s"


def _variable(ds: xr.Dataset, name: str, path: Path) -> xr.DataArray:
    fields = [str(n) for n, v in ds.data_vars.items() if v.ndim >= 2 and v.dtype.kind in "fiu" and "bnds" not in str(n)]
    if name:
        if name not in ds.variables:
            raise InputError(f"{path.name}: there is no variable {name!r}; {nearest(name, fields)}")
        return ds[name]
    if len(fields) != 1:
        raise InputError(f"{path.name}: set variable to one of {', '.join(fields) or 'none: no variable is a grid'}")
    return ds[fields[0]]


def _selected(field: xr.DataArray, select: dict[str, int], path: Path) -> xr.DataArray:
    for name, index in select.items():
        if name not in field.dims:
            raise InputError(f"{path.name}: select names dimension {name!r}; {nearest(name, map(str, field.dims))}")
        if not -field.sizes[name] <= index < field.sizes[name]:
            raise InputError(f"{path.name}: select {name} must be below {field.sizes[name]}, found {index}")
    return field.isel(select, drop=True)


def _rising(field: xr.DataArray, path: Path) -> xr.DataArray:
    """Return the field with rising coordinates; a dimension without any counts its points."""
    for name in map(str, field.dims):
        if name not in field.coords:
            field = field.assign_coords({name: (name, np.arange(float(field.sizes[name])), {"units": "1"})})
        steps = np.diff(field[name].to_numpy().astype(float))
        if (steps < 0).all():
            field = field.isel({name: slice(None, None, -1)})
        elif not (steps > 0).all():
            raise InputError(f"{path.name}: coordinate {name!r} neither rises nor falls; select one index of it")
    return field


def _filled(values: Array, rule: str, where: str) -> tuple[Array, NDArray[np.bool_]]:
    missing = ~np.isfinite(values)
    if not missing.any():
        return values, missing
    if missing.all():
        raise InputError(f"{where}: all values are missing")
    if rule == "refuse":
        raise InputError(
            f"{where}: {int(missing.sum())} of {missing.size} values are missing; set fill to mean or nearest"
        )
    if rule == "mean":
        return np.where(missing, values[~missing].mean(), values), missing
    from scipy.ndimage import distance_transform_edt

    nearest_known = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return np.asarray(values[tuple(nearest_known)]), missing


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return no settings where the file holds one grid, else raise `InputError` naming its variables."""
    path = files[0]
    if path.suffix not in (".nc", ".nc4", ".cdf", ".zarr") and not any((path / mark).exists() for mark in ZARR_MARKS):
        raise OtherFormError(f"{path.name}: source grids reads NetCDF files and Zarr stores")
    with opened(path) as ds:
        _variable(ds, "", path)
    return {}


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a NetCDF file of a wave with three missing values."""
    x, y = np.linspace(0, 1, 20), np.linspace(0, 2, 24)
    value = np.sin(3 * x[:, None] + y)
    value[3, 4:7] = np.nan
    path = folder / "wave.nc"
    xr.Dataset({"wave": (("x", "y"), value, {"units": "m"})}, {"x": x, "y": y}).to_netcdf(path)
    return [path], {"fill": "nearest"}


if __name__ == "__main__":
    grids.cli()
