"""A small planted network: a lapse rate, a season, smooth monthly anomalies, station offsets that drift, noise."""

import json

import numpy as np
import xarray as xr

LAPSE = -6.0
NOISE = 0.3


def network(seed=0, stations=12, months=48, share=0.8):
    """Return observations of planted stations; a share of all station months."""
    generator = np.random.default_rng(seed)
    latitude, longitude = generator.uniform(38, 40, stations), generator.uniform(-107, -104, stations)
    elevation = generator.uniform(1200, 3200, stations)
    time = np.arange("1990-01", months, dtype="datetime64[M]").astype("datetime64[ns]")
    month = np.arange(months)
    season = -10 * np.cos(2 * np.pi * month / 12)
    anomaly = generator.normal(size=months)[:, None] + 0.8 * generator.normal(size=months)[:, None] * (latitude - 39)
    offset = 0.12 * np.cumsum(generator.normal(size=(months, stations)), axis=0)
    offset += 0.5 * generator.normal(size=stations)
    value = 20 + season[:, None] + LAPSE * elevation / 1000 + anomaly + offset
    value = value + NOISE * generator.normal(size=value.shape)
    row, station = np.nonzero(generator.random(value.shape) < share)
    return xr.Dataset(
        {"tmax": ("obs", value[row, station], {"units": "degC"})},
        {
            "latitude": ("obs", latitude[station]),
            "longitude": ("obs", longitude[station]),
            "time": ("obs", time[row]),
            "elevation": ("obs", elevation[station]),
            "station_index": ("obs", station.astype("i4")),
            "station": [f"s{number:02}" for number in range(stations)],
        },
        {
            "indexes": json.dumps(["latitude", "longitude", "time"]),
            "covariates": json.dumps(["elevation"]),
        },
    )


def parts(ds, mask):
    """Return the train and the test rows."""
    return ds.isel(obs=np.flatnonzero(~mask)), ds.isel(obs=np.flatnonzero(mask))


def random_rows(ds, seed=0):
    """Return a mask of a fifth of the rows."""
    return np.random.default_rng([seed, 99]).random(ds.sizes["obs"]) < 0.2


def rows(values, **coordinates):
    """Return observations of a few rows; every coordinate is a continuous index."""
    names = [name for name in coordinates if name not in ("station_index", "elevation")]
    return xr.Dataset(
        {"y": ("obs", np.asarray(values, dtype=float))},
        {name: ("obs", column) for name, column in coordinates.items()},
        {"indexes": json.dumps(names), "covariates": "[]"},
    )
