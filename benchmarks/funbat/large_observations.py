"""A network of stations with N daily values, written as chunks: what the workflow's scale is measured on.

``python benchmarks/funbat/large_observations.py 10000000 large.nc`` writes a file of kind `observations`; then
``python benchmarks/funbat/large_stages.py large.nc results/large`` runs the stages on it.

The field is a season, a lapse rate and three products of functions of place and time, with noise of 1 K; 400 stations,
at 250 of which there is a value at each time, so that unique indexes grow with N in time alone (40,000 for 1e7). With a
third argument the number of times is fixed and the stations a day grow instead, at fixed unique indexes.
"""

import sys
from pathlib import Path

import numpy as np
import xarray as xr

from polyadic.core import io, provenance
from polyadic.core.parallel import ordered_map
from polyadic.kinds import observations as kind

STATIONS, PRESENT, TIMES_A_BLOCK, SEED = 400, 250, 2_000, 0


def stations() -> dict[str, np.ndarray]:
    """Return latitude, longitude and elevation of the stations, and their three functions."""
    rng = np.random.default_rng(SEED)
    latitude, longitude = rng.uniform(36, 42, STATIONS), rng.uniform(-110, -102, STATIONS)
    elevation = 1500 + 800 * np.sin(latitude) * np.cos(longitude / 2) + rng.uniform(0, 800, STATIONS)
    shape = np.stack([np.sin(latitude), np.cos(0.7 * longitude), np.sin(latitude + 0.5 * longitude)], axis=1)
    return {"latitude": latitude, "longitude": longitude, "elevation": elevation, "shape": shape}


def weather(times: int) -> np.ndarray:
    """Return three functions of time (times, 3), each an autoregression of its own length in days."""
    rng = np.random.default_rng([SEED, 1])
    out = np.empty((times, 3))
    for column, days in enumerate((5.0, 30.0, 200.0)):
        keep = np.exp(-1 / days)
        shocks = rng.normal(0, np.sqrt(1 - keep**2), times)
        state = 0.0
        for t in range(times):
            state = keep * state + shocks[t]
            out[t, column] = state
    return out


def block(
    number: int, times: int, present: int, place: dict[str, np.ndarray], ways: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the columns of the rows of one block of times: the same for every order of blocks."""
    rng = np.random.default_rng([SEED, 2, number])
    days = np.arange(number * TIMES_A_BLOCK, min((number + 1) * TIMES_A_BLOCK, times))
    chosen = np.sort(np.argsort(rng.random((days.size, STATIONS)), axis=1)[:, :present], axis=1)
    s, t = chosen.ravel(), np.repeat(days, present)
    season = -12 * np.cos(2 * np.pi * t / 365.2425)
    value = 15 + season - 0.006 * (place["elevation"][s] - 2000)
    value += np.einsum("nr,nr->n", place["shape"][s], ways[t] * np.array([3.0, 2.0, 1.0]))
    value += rng.normal(0, 1, s.size)
    return {"temperature": value, "station_index": s.astype(np.int32), "time": t}


def observations(count: int, times: int = 0) -> xr.Dataset:
    """Return ``count`` observations, Dask chunks of 2,000 times; ``times`` fixes the number of times."""
    import dask.array as da

    present = PRESENT if not times else max(1, round(count / times))
    times = times or round(count / present)
    place, ways = stations(), weather(times)
    numbers = range(-(-times // TIMES_A_BLOCK))
    rows = [(min((n + 1) * TIMES_A_BLOCK, times) - n * TIMES_A_BLOCK) * present for n in numbers]
    # Dates and station numbers are small beside float64 columns and are made at once; values stream.
    index = np.concatenate(list(ordered_map(lambda n: block(n, times, present, place, ways)["station_index"], numbers)))
    day = np.repeat(np.arange(times, dtype=np.int32), present)

    def values(n: int, name: str):
        return block(n, times, present, place, ways)[name]

    import dask

    value = da.concatenate(
        [
            da.from_delayed(dask.delayed(values)(n, "temperature"), (size,), np.float64)
            for n, size in zip(numbers, rows, strict=True)
        ]
    )
    number = da.from_array(index, chunks=(tuple(rows),))
    columns = {n: number.map_blocks(lambda i, c=place[n]: c[i], dtype=np.float64) for n in place if n != "shape"}
    stamps = (np.datetime64("1900-01-01", "ns") + day.astype("timedelta64[D]")).astype("datetime64[ns]")
    coords = {n: ("obs", v, kind.KNOWN[n]) for n, v in columns.items()}
    coords["time"] = ("obs", stamps, kind.KNOWN["time"])
    coords["station_index"] = ("obs", number, kind.KNOWN["station_index"])
    coords["station"] = ("station", [f"S{i:03d}" for i in range(STATIONS)], kind.KNOWN["station"])
    attributes = {"units": "degC", "long_name": "daily temperature"}
    ds = xr.Dataset({"temperature": ("obs", value, attributes)}, coords)
    ds.attrs = {
        "indexes": '["latitude", "longitude", "time"]',
        "covariates": '["elevation"]',
        "featureType": "timeSeries",
    }
    return ds


def write(count: int, path: Path, times: int = 0) -> None:
    """Write the observations as a stage of a source would."""
    ds = observations(count, times)
    version = kind.SCHEMA.version
    ds.attrs = provenance.stamp(
        dict(ds.attrs), kind="observations", version=version, stage="benchmark", config="{}", code="", inputs={}
    )
    io.write(ds, path)


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
