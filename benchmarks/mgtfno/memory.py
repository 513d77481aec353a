"""Memory of a training step and of a prediction, patch by patch against the whole domain.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/memory.py`` for the table against points and levels, measured by the
profiler of torch (bytes of tensors alive, parameters and data not counted), about 60 CPU s;
``... memory.py step 1024 3`` for one training step on 1024 x 1024 points with three levels and
``... memory.py predict 4096 3`` for a prediction through Dask, both with the peak memory of the process.
"""

import resource
import sys
import time

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from polyadic.kernels.field_errors import relative_h1
from polyadic.methods.mgtfno.network import Operator

WIDTH, MODES, LAYERS = 24, 12, 4


def operator(levels: int, padding: float) -> Operator:
    architecture = {
        "form": "tfno",
        "modes": [MODES, MODES],
        "width": WIDTH,
        "layers": LAYERS,
        "factorisation": "tucker",
        "rank": 0.06,
        "joint": True,
        "levels": levels,
        "padding": padding,
        "boundary": ["periodic", "periodic"],
        "grid": ["both", "both"],
        "lengths": [1.0, 1.0],
        "in_channels": 1,
        "out_channels": 1,
    }
    torch.manual_seed(0)
    return Operator(architecture)


def step(model: Operator, x: torch.Tensor, y: torch.Tensor) -> None:
    relative_h1(model(x), y, ["periodic"] * 2, ["both"] * 2).mean().backward()


def peak(model: Operator, n: int, batch: int) -> float:
    """Return the greatest number of MiB that a step holds besides data and parameters."""
    x, y = torch.randn(batch, 1, n, n), torch.randn(batch, 1, n, n)
    step(model, x, y)  # the matrices of the transforms are made once
    model.zero_grad(set_to_none=False)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        step(model, x, y)
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return float(held.max()) / 2**20


def table() -> None:
    """Print MiB a step and how many times less than the whole domain."""
    for n, batch in ((64, 4), (128, 4), (256, 2)):
        whole = peak(operator(0, 0.0), n, batch)
        print(f"{n:4d}^2 batch {batch}, whole domain {whole:8.1f} MiB")
        for levels, share in ((1, 1 / 16), (2, 1 / 16), (2, 1 / 8), (3, 1 / 32), (3, 1 / 16)):
            found = peak(operator(levels, share), n, batch)
            domain = (1 / 2**levels + 2 * share) ** -2
            print(
                f"   {levels} levels, padding N/{round(1 / share):2d} {found:8.1f} MiB, {whole / found:5.1f} times less,"
                f" domain {domain:5.1f} times smaller"
            )


def resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def training_step(n: int, levels: int) -> None:
    model = operator(levels, 1 / 32)
    start = time.process_time()
    step(model, torch.randn(1, 1, n, n), torch.randn(1, 1, n, n))
    print(f"{n}^2, {levels} levels: {time.process_time() - start:.1f} CPU s a step, peak memory {resident():.2f} GiB")


def main() -> None:
    """Print the table, or one of the large cases."""
    torch.set_num_threads(1)
    if len(sys.argv) == 1:
        table()
    elif sys.argv[1] == "step":
        training_step(int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
