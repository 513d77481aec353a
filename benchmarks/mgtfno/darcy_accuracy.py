"""Error of operators on the flow of our own solver beside the library `neuraloperator`, with paired intervals.

``PYTHONPATH=src:FOLDER python benchmarks/mgtfno/darcy_accuracy.py [--train 1000] [--test 500] [--seeds 3]`` with FOLDER
as in tests/peers. Training fields have 16 x 16 points, test fields are given at 16 and at 32 (the same
fields: seeds and solver grid are equal). Both sides see the same batches in the same order, with transposition, and
minimise the same relative H1 error of the true boundary with a one-cycle schedule; the library trains by AdamW as its
recipe does, and by SOAP as ours does. Learning rates are 5e-3 and 2.5e-2, chosen for our model on other fields. Ours
sees five values an axis round each point; the library is also run with them as channels. All predictions are means over
both orientations.

Prints for each model and seed the relative L2 error at 16, native from 32, and of the prediction at 16 brought to 32 by
sines; then the differences of both sides over the test fields, means over seeds, with 95 % bootstrap intervals.
"""

import argparse
import importlib
import math
import time
import warnings

import numpy as np
import torch

from polyadic.kernels.field_errors import relative_h1, relative_l2, resampled
from polyadic.kernels.fourier_operator import TFNO
from polyadic.kernels.neighbourhood import neighbourhood
from polyadic.kernels.soap import SOAP
from polyadic.sources.darcy_flow import DarcyFlowConfig, darcy_flow

BOUNDARY, GRID = ["dirichlet"] * 2, ["left"] * 2
STENCIL = 5


def fields(samples: int, points: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return permeability and pressure (samples, 1, points, points), solved on 64 intervals an axis."""
    ds = darcy_flow.compute(DarcyFlowConfig(samples=samples, points=points, refinement=64 // points, seed=seed))
    return tuple(torch.as_tensor(ds[name].to_numpy()[:, None]) for name in ("permeability", "pressure"))  # type: ignore[return-value]


class Surrounded(torch.nn.Module):
    """A network that is given the values round each point as channels, 1/16 apart."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.network = network

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Return what the network makes of 25 channels."""
        spacing = [n / 16 for n in field.shape[2:]]
        seen = neighbourhood(field.movedim((0, 1), (2, 3)), STENCIL, spacing, [False, False])
        return self.network(seen.movedim((2, 3), (0, 1)).contiguous())


def library(channels: int = 1) -> torch.nn.Module:
    """Return the library's network of about as many parameters, with its own padding and positions."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            models = importlib.import_module("neuralop.models")
    except ImportError as error:
        raise SystemExit("this benchmark needs the peer: pip install neuraloperator") from error
    shape = {"n_modes": (16, 16), "in_channels": channels, "out_channels": 1, "hidden_channels": 32, "n_layers": 4}
    return models.TFNO(**shape, factorization="tucker", rank=0.1, implementation="factorized")


def ours() -> torch.nn.Module:
    """Return our network: sines, one tensor for all layers."""
    more = {"grid": GRID, "stencil": STENCIL, "spacing": (1 / 16, 1 / 16)}
    return TFNO(1, 1, (12, 12), 32, 4, 0.06, "tucker", True, BOUNDARY, **more)


def trained(model: torch.nn.Module, data: tuple[torch.Tensor, torch.Tensor], soap: bool, epochs: int, seed: int):
    """Return a prediction function of fields in their own units."""
    x, y = data
    moments = [float(f) for f in (x.mean(), x.std(), y.mean(), y.std())]

    def predict(a: torch.Tensor) -> torch.Tensor:
        return model((a - moments[0]) / moments[1]) * moments[3] + moments[2]

    rate, steps = (2.5e-2 if soap else 5e-3), epochs * math.ceil(len(x) / 8)
    parameters = list(model.parameters())
    optimiser = SOAP(parameters, lr=rate) if soap else torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-4)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.2, cycle_momentum=False)
    order = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=order).split(8):
            a, b = x[rows], y[rows]
            if torch.rand((), generator=order) < 0.5:
                a, b = a.mT, b.mT
            optimiser.zero_grad()
            relative_h1(predict(a), b, BOUNDARY, GRID, [1.0, 1.0]).mean().backward()
            optimiser.step()
            cycle.step()
    return lambda a: (predict(a) + predict(a.mT).mT) / 2


def errors(predict, coarse: tuple[torch.Tensor, ...], fine: tuple[torch.Tensor, ...]) -> np.ndarray:
    """Return relative L2 errors (3, samples): at 16, native from 32, the prediction at 16 brought to 32."""
    with torch.no_grad():
        at_16 = torch.cat([predict(a) for a in coarse[0].split(50)])
        at_32 = torch.cat([predict(a) for a in fine[0].split(50)])
        brought = resampled(at_16, fine[1].shape[2:], BOUNDARY, GRID)
    pairs = ((at_16, coarse[1]), (at_32, fine[1]), (brought, fine[1]))
    return np.stack([relative_l2(found, truth).numpy() for found, truth in pairs])


def main() -> None:
    """Train all, print errors and paired differences."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("train", 1000), ("test", 500), ("seeds", 3), ("epochs", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(1)
    train, coarse, fine = fields(args.train, 16, 0), fields(args.test, 16, 1), fields(args.test, 32, 1)
    table: dict[str, list[np.ndarray]] = {}
    for name, build, soap in (
        ("ours", ours, True),
        ("library, AdamW", library, False),
        ("library, SOAP", library, True),
        ("library, SOAP, neighbours", lambda: Surrounded(library(STENCIL**2)), True),
    ):
        for seed in range(args.seeds):
            torch.manual_seed(seed)
            cpu, model = time.process_time(), build()
            found = errors(trained(model, train, soap, args.epochs, seed), coarse, fine)
            table.setdefault(name, []).append(found)
            numbers = " ".join(f"{e:.4f}" for e in found.mean(axis=1))
            count = sum(p.numel() for p in model.parameters())
            print(
                f"{name:25} seed {seed}: {numbers}, {count:,} parameters, {time.process_time() - cpu:.0f} CPU s",
                flush=True,
            )
    rng = np.random.default_rng(0)
    resampled = rng.integers(0, args.test, (10_000, args.test))
    for name in list(table)[1:]:
        for k, what in enumerate(("at 16", "native at 32", "16 brought to 32")):
            gap = np.mean(table["ours"], axis=0)[k] - np.mean(table[name], axis=0)[k]
            low, high = np.quantile(gap[resampled].mean(axis=1), [0.025, 0.975])
            print(f"ours less {name}, {what}: {gap.mean():+.4f} [{low:+.4f}, {high:+.4f}]")


if __name__ == "__main__":
    main()
