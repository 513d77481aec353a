"""Time of one training step beside the library `neuraloperator`, in one process, CPU seconds of one thread.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/training_step.py`` (needs neuraloperator from 2.0 on). Both have
four layers of width 32 with 16 modes an axis, Tucker weights and about equal numbers of parameters; steps alternate.
"""

import importlib
import statistics
import time
from typing import Any

import torch

from polyadic.kernels.fourier_operator import TFNO


def library() -> Any:
    try:
        models = importlib.import_module("neuralop.models")
    except ImportError as error:
        raise SystemExit("this benchmark needs the peer: pip install neuraloperator") from error
    shape = {"n_modes": (16, 16), "in_channels": 1, "out_channels": 1, "hidden_channels": 32, "n_layers": 4}
    return models.TFNO(**shape, factorization="tucker", rank=0.1, implementation="factorized")


def step(model: torch.nn.Module, optimiser: torch.optim.Optimizer, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the CPU seconds of one step."""
    start = time.process_time()
    optimiser.zero_grad()
    (model(x) - y).square().mean().backward()
    optimiser.step()
    return time.process_time() - start


def main() -> None:
    """Print milliseconds and ratios."""
    torch.set_num_threads(1)
    for n, batch, repeats in ((16, 16, 30), (64, 8, 10)):
        torch.manual_seed(0)
        x, y = torch.randn(batch, 1, n, n), torch.randn(batch, 1, n, n)
        models = {
            "library": library(),
            "each layer its own": TFNO(1, 1, (16, 16), 32, rank=0.02, joint=False, positions="all"),
            "joint": TFNO(1, 1, (16, 16), 32, rank=0.04, positions="all"),
        }
        optimisers = {
            name: torch.optim.AdamW(model.parameters(), fused=name != "library") for name, model in models.items()
        }
        times: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(repeats + 2):
            for name, model in models.items():
                times[name].append(step(model, optimisers[name], x, y))
        for name, model in models.items():
            middle = statistics.median(times[name][2:])
            ratio = statistics.median(times["library"][2:]) / middle
            count = sum(p.numel() for p in model.parameters())
            print(f"{n:3d}^2 batch {batch:2d} {name:20} {1e3 * middle:7.1f} ms {ratio:5.2f}x {count:9,} parameters")


if __name__ == "__main__":
    main()
