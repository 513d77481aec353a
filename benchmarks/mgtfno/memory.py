"""Memory of a training step and of a prediction, patch by patch against the whole domain.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/memory.py`` for the table against points and levels, measured by the
profiler of torch (bytes of tensors alive, parameters and data not counted), about 120 CPU s; ``... memory.py runs``
for the operators of the runs `navier_stokes_128_patches` and `navier_stokes_128`, about 20 CPU s;
``... memory.py step 1024 3`` for one training step on 1024 x 1024 points with three levels, ``... step 1024 3 coarse``
with the prediction of the coarsened whole domain first, and ``... memory.py predict 4096 3`` for a prediction through
Dask, these with the peak memory of the process.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from polyadic.core import io
from polyadic.kernels.field_errors import relative_h1
from polyadic.kinds import fields
from polyadic.methods.mgtfno import network
from polyadic.methods.mgtfno.network import Operator
from polyadic.methods.mgtfno.predict import predict

WIDTH, MODES, LAYERS = 24, 12, 4


def operator(levels: int, padding: float, coarse: bool = False, **own: Any) -> Operator:
    """Return an operator of patches; with ``coarse`` as the stage `train` builds it, one of the whole domain first."""
    more = {"coarse": True, "patch": "neumann", "positions": "none"} if coarse else {}
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
        **more,
        **own,
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
            first = peak(operator(levels, share, coarse=True), n, batch)
            print(
                f"   {levels} levels, padding N/{round(1 / share):2d} {found:8.1f} MiB, {whole / found:5.1f} times"
                f" less, domain {domain:5.1f} times smaller; coarse prediction first {first:8.1f} MiB,"
                f" {whole / first:5.1f} times less"
            )


def runs() -> None:
    """Print MiB a step of 128 x 128 points as the two named runs train it."""
    form = {"width": 16, "modes": [24, 24]}
    whole = peak(operator(0, 0.0, rank=0.1, **form), 128, 4)
    print(f"navier_stokes_128 {whole:8.1f} MiB")
    for name, coarse in (("navier_stokes_128_patches", True), ("the same without the coarse prediction", False)):
        found = peak(operator(2, 1 / 16, coarse=coarse, rank=0.05, **form), 128, 4)
        print(f"{name} {found:8.1f} MiB, {whole / found:5.1f} times less", flush=True)


def resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def training_step(n: int, levels: int, coarse: bool) -> None:
    model = operator(levels, 1 / 32, coarse=coarse)
    start = time.process_time()
    step(model, torch.randn(1, 1, n, n), torch.randn(1, 1, n, n))
    print(f"{n}^2, {levels} levels: {time.process_time() - start:.1f} CPU s a step, peak memory {resident():.2f} GiB")


def prediction(n: int, levels: int) -> None:
    """Predict one field by the stage, from file to file."""
    text = {"units": "1", "long_name": "noise"}
    noise = np.random.default_rng(0).standard_normal((1, n, n), np.float32)
    ds = fields.dataset(
        {"a": (noise, "input", text), "u": (noise, "output", text)}, {"y": fields.Axis(), "x": fields.Axis()}
    )
    ds.attrs |= {"kind": "fields", "schema_version": "1.0"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        io.write(ds, folder / "a.nc")
        curves = {"train_loss": [0.0], "learning_rate": [0.0]}
        tree = network.to_tree(operator(levels, 1 / 32), curves, "loss")
        tree.attrs |= {"kind": "operator", "schema_version": "1.0"}
        io.write(tree, folder / "operator.nc")
        before, start = resident(), time.process_time()
        with io.read(folder / "a.nc") as opened, io.read(folder / "operator.nc", groups=True) as trained:
            io.write(predict(predict.config(), fields=opened, operator=trained), folder / "predicted.nc")
        seconds = time.process_time() - start
        print(f"{n}^2, {levels} levels: {seconds:.1f} CPU s, peak memory {resident():.2f} GiB ({before:.2f} before)")


def main() -> None:
    """Print the table, or one of the large cases."""
    torch.set_num_threads(1)
    if len(sys.argv) == 1:
        table()
    elif sys.argv[1] == "runs":
        runs()
    elif sys.argv[1] == "step":
        training_step(int(sys.argv[2]), int(sys.argv[3]), "coarse" in sys.argv[4:])
    else:
        prediction(int(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
