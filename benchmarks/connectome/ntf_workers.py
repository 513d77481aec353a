"""Two Dask workers against one: equal bytes, and the ratio of times, streamed passes of one start.

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/connectome/ntf_workers.py [--neurons 1000] [--frames 5000]

Workers are processes of one thread on this machine. Two ratios are printed. That of the wall clock means something on a
quiet machine only. That of the CPU is (client + one worker) / (client + the busier of two workers): what the wall clock
would be if nothing else ran and nobody waited; the client's CPU holds the sums over chunks and the transfers.
"""

import argparse
import hashlib
import os
import time

import numpy as np
from distributed import Client, LocalCluster

from polyadic.core import parallel
from polyadic.kernels import alternating_cp as engine
from polyadic.kernels import dynamic_affinity


def run(workers: int, options: argparse.Namespace) -> tuple[str, float, float, list[float]]:
    """Return a hash of the factors, wall clock, CPU of the client and of each worker, in s, without the first pass."""
    traces = np.random.default_rng(0).standard_normal((1, options.neurons, options.frames), np.float32)
    rows = dynamic_affinity.affinity_rows(traces, 10.0, kernel="rises", smoothing=1.5, per_animal=False)
    fits = dynamic_affinity.starting_points(rows, options.rank, 1, 0)
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        os.environ["POLYADIC_SCHEDULER"] = cluster.scheduler_address
        with Client(cluster, set_as_default=False) as asked, parallel.one_thread_each():
            marks = []

            def mark(*_: object) -> None:
                spent = asked.run(time.process_time)
                marks.append([time.monotonic(), time.process_time(), *(spent[name] for name in sorted(spent))])

            engine.fit(
                rows,
                fits,
                tolerance=0.0,
                max_iterations=options.passes + 1,
                mapper=parallel.ordered_map,
                watch=mark,
            )
        parallel._connect(cluster.scheduler_address).close()
        parallel._connect.cache_clear()
    digest = hashlib.sha256(fits[0].first.tobytes() + b"".join(one.tobytes() for one in fits[0].inner)).hexdigest()
    wall, client, *each = np.diff(np.array(marks), axis=0).sum(axis=0)
    return digest, float(wall), float(client), [float(one) for one in each]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--neurons", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--rank", type=int, default=10)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()
    found = {workers: run(workers, options) for workers in (1, 2)}
    for workers, (digest, wall, client, each) in found.items():
        spent = ", ".join(f"{one:.1f}" for one in each)
        print(f"{workers} workers: wall {wall:.1f} s, CPU client {client:.1f} s, workers {spent} s, {digest[:12]}")
    one, two = found[1], found[2]
    print(f"equal bytes: {one[0] == two[0]}; wall clock {one[1] / two[1]:.2f}", end=", ")
    print(f"CPU {(one[2] + one[3][0]) / (two[2] + max(two[3])):.2f}")


if __name__ == "__main__":
    main()
