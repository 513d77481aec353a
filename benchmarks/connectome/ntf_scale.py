"""Cost of one streamed chunk at 2,000 neurons, R = 10, extrapolated to 20 passes over 10,000 frames.

OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/connectome/ntf_scale.py [--neurons 2000]
"""

import argparse
import resource
import time

import numpy as np

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.dynamic_affinity import affinity_rows

FRAMES, RANK, PASSES = 10_000, 10, 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--neurons", type=int, default=2000)
    neurons = parser.parse_args().neurons
    traces = np.random.default_rng(0).standard_normal((1, neurons, FRAMES)).astype(np.float32)
    rows = affinity_rows(traces, 10.0, kernel="rises", smoothing=1.5, per_animal=False)
    rng = np.random.default_rng(1)
    one = engine.begin(rows, [rng.random((n, RANK)) for n in rows.shape[1:]])
    spent = []
    for chunks in (1, 2):  # the second pass minus the first leaves out compiling and what a pass does once
        begun = time.process_time()
        engine.sweep(rows, [one], lambda work, numbers, n=chunks: map(work, list(numbers)[:n]), measure=False)
        spent.append(time.process_time() - begun)
    chunk = spent[1] - spent[0] if spent[1] > spent[0] else spent[1] / 2
    total = PASSES * len(rows.chunks) * chunk
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{neurons} neurons: {len(rows.chunks)} chunks of {rows.chunks[0].stop} rows, {chunk:.2f} CPU s a chunk")
    print(f"{PASSES} passes: {total / 60:.1f} CPU min extrapolated; peak {peak:.2f} GiB with one chunk at a time")


if __name__ == "__main__":
    main()
