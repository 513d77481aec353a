"""Places of grids with a rotated pole, where the file states rotated coordinates alone."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def degrees(latitude: Floats, longitude: Floats, pole: tuple[float, float], turn: float = 0.0) -> tuple[Floats, Floats]:
    r"""Return geographic latitude and longitude, in degrees, of points of a grid with a rotated pole.

    With the pole of the grid at latitude :math:`\phi_p` and longitude :math:`\lambda_p`, and :math:`\lambda' =
    \lambda_r - t`: :math:`\sin\phi = \sin\phi_p \sin\phi_r + \cos\phi_p \cos\phi_r \cos\lambda'`.

    Parameters
    ----------
    latitude, longitude
        Rotated coordinates in degrees, of one shape.
    pole
        Latitude and longitude of the grid's north pole in degrees.
    turn
        Longitude of the true north pole in the rotated grid, in degrees.

    Examples
    --------
    >>> degrees(np.array([0.0]), np.array([0.0]), (39.25, -162.0))
    (array([50.75]), array([18.]))
    """
    north, east = np.radians(latitude), np.radians(longitude - turn)
    tilt = np.radians(pole[0])
    sine = np.sin(tilt) * np.sin(north) + np.cos(tilt) * np.cos(north) * np.cos(east)
    along = np.cos(tilt) * np.sin(north) - np.sin(tilt) * np.cos(north) * np.cos(east)
    across = np.cos(north) * np.sin(east)
    found = pole[1] + np.degrees(np.arctan2(-across, along))
    return np.degrees(np.arcsin(np.clip(sine, -1, 1))), np.round(np.mod(found + 180, 360) - 180, 12)


def placed(ds: xr.Dataset) -> xr.Dataset:
    """Return the file with latitude and longitude of each cell, where it states rotated coordinates alone."""
    standard = {str(v.attrs.get("standard_name", "")): str(name) for name, v in ds.variables.items()}
    mapping = [v for v in ds.variables.values() if v.attrs.get("grid_mapping_name") == "rotated_latitude_longitude"]
    rotated = [standard.get(f"grid_{axis}", "") for axis in ("latitude", "longitude")]
    if not mapping or not all(rotated) or {"latitude", "longitude"} & set(standard):
        return ds
    if any(ds[name].ndim != 1 for name in rotated):
        return ds
    attrs = mapping[0].attrs
    pole = float(attrs["grid_north_pole_latitude"]), float(attrs["grid_north_pole_longitude"])
    grid = np.meshgrid(*(ds[name].to_numpy().astype(np.float64) for name in rotated), indexing="ij")
    places = degrees(grid[0], grid[1], pole, float(attrs.get("north_pole_grid_longitude", 0.0)))
    dims = tuple(ds[name].dims[0] for name in rotated)
    names = ("latitude", "longitude")
    return ds.assign({name: (dims, p, {"standard_name": name}) for name, p in zip(names, places, strict=True)})
