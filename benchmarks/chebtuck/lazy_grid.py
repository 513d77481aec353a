"""A grid larger than memory from a few thousand numbers: peak memory and time by its size, and slices of it.

``OMP_NUM_THREADS=1 python benchmarks/chebtuck/lazy_grid.py FOLDER [n ...]`` approximates 1 / (1 + 25 r^2) at 1e-10,
then writes its values on an n^3 grid (default 256, 512, 1024, 2048) by chunks to a Zarr store of float32 in FOLDER
and removes it again. Every size runs in a process of its own, so that peak memory (resident set, from the operating
system) is its own. A size is skipped with a sentence where the raw values do not fit the free disk. Slices are those
of the lazy grid, nothing of which is stored: a plane of n^2 values, and a line of n, median of five.
"""

import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np


def median_milliseconds(read):
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - start)
    return 1e3 * sorted(seconds)[2]


def one(folder, n):
    import dask

    from polyadic import chebyshev_tucker
    from polyadic.methods.chebtuck.lazy_grid import lazy_grid

    dask.config.set(scheduler="threads", num_workers=2)
    model = chebyshev_tucker(lambda *x: 1 / (1 + 25 * sum(v * v for v in x)), [(-1, 1)] * 3, 1e-10)
    axis = np.linspace(-1, 1, n)
    grid = lazy_grid(model, [axis] * 3)
    plane = median_milliseconds(lambda: grid[:, n // 3].to_numpy())
    line = median_milliseconds(lambda: grid[n // 5, :, n // 3].to_numpy())
    store = folder / f"lazy_{n}.zarr"
    start, cpu = time.perf_counter(), time.process_time()
    try:
        grid.astype("float32").to_dataset().to_zarr(store, mode="w", consolidated=False)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        size = sum(p.stat().st_size for p in store.rglob("*") if p.is_file())
    finally:
        shutil.rmtree(store, ignore_errors=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"n {n:5}  values {4 * n**3 / 2**30:6.2f} GiB  on disk {size / 2**30:6.2f} GiB  peak memory {peak:5.2f} GiB"
        f"  {cpu:6.1f} CPU s  {wall:6.1f} s  plane {plane:7.1f} ms  line {line:6.2f} ms",
        flush=True,
    )


def main():
    folder = Path(sys.argv[1])
    if len(sys.argv) == 4 and sys.argv[2] == "--one":
        one(folder, int(sys.argv[3]))
        return
    for n in map(int, sys.argv[2:] or ["256", "512", "1024", "2048"]):
        free = shutil.disk_usage(folder).free
        if 4 * n**3 > 0.9 * free:
            print(f"n {n}: {4 * n**3 / 2**30:.0f} GiB do not fit {free / 2**30:.0f} GiB of free disk")
            continue
        subprocess.run([sys.executable, __file__, str(folder), "--one", str(n)], check=True)


if __name__ == "__main__":
    main()
