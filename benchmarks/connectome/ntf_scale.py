"""Cost and memory of true streamed passes: 2,000 neurons x 10,000 frames, R = 10, one start.

    OMP_NUM_THREADS=1 nice -n 15 PYTHONPATH=src python benchmarks/connectome/ntf_scale.py [--passes 3] [--threads 1]

The first pass also measures the norm, so the cost of 20 passes is the first and 19 times the mean of the others.
"""

import argparse
import os
import resource
import time

import numpy as np

from polyadic.core.parallel import one_thread_each, ordered_map
from polyadic.kernels import alternating_cp as engine
from polyadic.kernels import dynamic_affinity


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--neurons", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--rank", type=int, default=10)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.environ["POLYADIC_THREADS"] = str(options.threads)
    traces = np.random.default_rng(0).standard_normal((1, options.neurons, options.frames), np.float32)
    rows = dynamic_affinity.affinity_rows(traces, 10.0, kernel="rises", smoothing=1.5, per_animal=False)
    fits = dynamic_affinity.starting_points(rows, options.rank, 1, 0)
    clocks = [(time.process_time(), time.monotonic())]
    with one_thread_each():
        engine.fit(
            rows,
            fits,
            tolerance=0.0,
            max_iterations=options.passes,
            mapper=ordered_map,
            watch=lambda *_: clocks.append((time.process_time(), time.monotonic())),
        )
    cpu, wall = np.diff(np.array(clocks), axis=0).T
    error = np.sqrt(np.array(fits[0].errors) / fits[0].norm)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{rows.shape[0]} rows x {rows.pairs} pairs in {len(rows.chunks)} chunks, {options.threads} threads")
    print(f"CPU s by pass {cpu.round(1)}, wall clock {wall.round(1)}, relative error {error.round(4)}")
    total = cpu[0] + 19 * cpu[1:].mean() if len(cpu) > 1 else 20 * cpu[0]
    print(f"20 passes: {total / 60:.1f} CPU min; peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
