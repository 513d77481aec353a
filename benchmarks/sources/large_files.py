"""Ingest a generated table, or grid, of N values: CPU seconds, peak memory, and the hash of what is written.

``python benchmarks/sources/large_files.py table 10000000 FOLDER`` (or ``grid``); FOLDER keeps the files. Run it under
one and two threads (OMP_NUM_THREADS) to compare the hashes.
"""

import hashlib
import resource
import sys
import time
from pathlib import Path

import numpy as np
import xarray as xr

from polyadic.core import io
from polyadic.sources.observations import ObservationsConfig, observations


def table(path: Path, size: int) -> None:
    """Write stations by hours, written hour by hour."""
    stations = 1000
    names = [f"S{s:04d},{30 + s * 0.01:.2f},{-100 + s * 0.02:.2f}" for s in range(stations)]
    hours = np.datetime64("2000-01-01T00", "h") + np.arange(-(-size // stations))
    values = np.random.default_rng(0).normal(10, 3, stations).round(2)
    with path.open("w") as file:
        file.write("station,lat,lon,time,value\n")
        for number, hour in enumerate(hours.astype(str)):
            rows = zip(names, np.roll(values, number), strict=True)
            file.writelines(f"{name},{hour}:00,{value}\n" for name, value in rows)


def grid(path: Path, size: int) -> None:
    """Write a field over time, latitude and longitude, in chunks of one time."""
    times = -(-size // 40_000)
    field = np.random.default_rng(0).normal(280, 10, (times, 100, 400)).astype(np.float32)
    axes = {"time": np.arange(times), "latitude": np.linspace(60, 10, 100), "longitude": np.arange(400) * 0.9}
    ds = xr.Dataset({"t": (("time", "latitude", "longitude"), field, {"units": "K"})}, axes)
    ds["time"].attrs = {"units": "hours since 2000-01-01"}
    ds.to_netcdf(path, engine="h5netcdf", encoding={"t": {"chunksizes": (1, 100, 400)}})


if __name__ == "__main__":
    what, size, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    path = folder / f"{what}-{size}.{'csv' if what == 'table' else 'nc'}"
    if not path.exists():
        {"table": table, "grid": grid}[what](path, size)
        sys.exit(f"wrote {path}; run again to read it")  # the peak memory of writing is not that of reading
    cpu = time.process_time()
    io.write(observations(ObservationsConfig(units={"value": "1"} if what == "table" else {}), path), folder / "out.nc")
    seconds, peak = time.process_time() - cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    digest = hashlib.sha256((folder / "out.nc").read_bytes()).hexdigest()[:16]
    print(f"{what} {size:,}: {seconds:.1f} CPU s, peak {peak:.2f} GiB, sha256 {digest}")
