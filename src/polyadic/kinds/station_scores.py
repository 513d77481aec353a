"""Kind `station_scores`: how well each withheld station, or place, is predicted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core.schema import Schema, Var

SCHEMA = Schema(
    kind="station_scores",
    variables={
        "bias": Var(("station",)),
        "rmse": Var(("station",)),
        "coverage90": Var(("station",), units="1"),
        "rows": Var(("station",), kinds="i"),
    },
    coords={"station": Var(("station",), kinds="UO")},
    optional={
        "distance": Var(("station",), units="km"),
        "latitude": Var(("station",), units="degrees_north"),
        "longitude": Var(("station",), units="degrees_east"),
        "elevation": Var(("station",), units="m"),
    },
)


def dataset(
    scores: Mapping[str, Any], where: Mapping[str, tuple[Any, Mapping[str, Any]]], names: Any, units: str
) -> xr.Dataset:
    """Return a Dataset of kind `station_scores`.

    Parameters
    ----------
    scores
        ``bias``, ``rmse``, ``coverage90`` and ``rows``, each (station,).
    where
        Per name values and attributes of what is known of the stations; ``distance`` to the nearest training station.
    names
        Names of the stations.
    units
        Unit of the measured variable.
    """
    words = {
        "bias": ("mean of predicted less measured", units),
        "rmse": ("root mean squared error", units),
        "coverage90": ("share of the measurements inside the 90 % band", "1"),
        "rows": ("withheld measurements", "1"),
    }
    coords = {name: ("station", np.asarray(v), dict(a)) for name, (v, a) in where.items()}
    coords["station"] = ("station", np.asarray(names, str), {"long_name": "station name"})
    ds = xr.Dataset(coords=coords)
    for name, (text, unit) in words.items():
        ds[name] = ("station", np.asarray(scores[name]), {"long_name": text, "units": unit})
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return scores of eight stations."""
    rng = np.random.default_rng(seed)
    scores = {
        "bias": rng.normal(0, 0.5, 8),
        "rmse": rng.uniform(0.8, 2, 8),
        "coverage90": rng.uniform(0.8, 1, 8),
        "rows": rng.integers(20, 200, 8),
    }
    where = {
        "latitude": (rng.uniform(37, 41, 8), {"long_name": "latitude", "units": "degrees_north"}),
        "longitude": (rng.uniform(-109, -102, 8), {"long_name": "longitude", "units": "degrees_east"}),
        "distance": (rng.uniform(2, 40, 8), {"long_name": "distance to the nearest training station", "units": "km"}),
    }
    return dataset(scores, where, [f"S{i}" for i in range(8)], "degC")
