"""Error against the number of spectral weights: one network in several formats and ranks, beside dense weights.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/parameters.py [--samples 500] [--epochs 25] [--seeds 3] [--only WORDS]``:
flow through two permeabilities, 16 x 16 points, as the run `darcy` trains; about 10 CPU minutes. With ``--fields FILE``
samples that were solved before, such as those of the source `navier_stokes`. Every network has equal samples, epochs,
batches and first seeds; validation samples choose the epoch; a fifth of the samples is the test.

Prints for each format and seed what came out, then the ratio of the errors to those of dense weights with a 95 %
bootstrap interval over the test samples, means over seeds.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core import config as configs
from polyadic.core import io
from polyadic.kinds import fields
from polyadic.methods.mgtfno import network, training
from polyadic.methods.mgtfno.split import split
from polyadic.methods.mgtfno.train import train
from polyadic.sources.darcy_flow import darcy_flow

FORMATS: dict[str, tuple[str, float]] = {
    "dense": ("dense", 1.0),
    "Tucker 1/10": ("tucker", 0.1),
    "Tucker 1/30": ("tucker", 1 / 30),
    "Tucker 1/150": ("tucker", 1 / 150),
    "CP 1/30": ("cp", 1 / 30),
    "TT 1/30": ("tt", 1 / 30),
}


def settings() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    numbers = {"samples": 500, "epochs": 25, "seeds": 3, "width": 24, "modes": 12, "batch": 8}
    for name, default in {**numbers, "rate": 2.5e-2, "fields": "", "only": ""}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def trained(args: argparse.Namespace, ds: xr.Dataset, form: tuple[str, float], seed: int) -> Any:
    """Return the module of one format."""
    known = network.geometry(ds)
    sides = known["boundary"][0] != "periodic"  # the default run: transposed batches, five values an axis
    how = {"epochs": args.epochs, "batch": args.batch, "learning_rate": args.rate, "transposition": sides}
    points = [ds.sizes[name] for name in fields.space(ds)]
    more = {"stencil": 5, "points": points, "symmetric": True} if sides else {}
    architecture = {
        **known,
        **more,
        "form": "tfno",
        "modes": [args.modes] * len(points),
        "width": args.width,
        "layers": 4,
        "factorisation": form[0],
        "rank": form[1],
        "joint": True,
        "levels": 0,
        "padding": 0.0,
    }
    return training.fit(architecture, [ds], configs.build(train.config, how).training(seed), label="variant")


def main() -> None:
    """Print a row a format and seed, then ratios."""
    args = settings()
    flow = {"samples": args.samples, "points": 16, "refinement": 4}
    ds = io.read(Path(args.fields)) if args.fields else darcy_flow(configs.build(darcy_flow.config, flow))
    ds = split(split.config(), fields=ds.isel(sample=slice(0, args.samples)).load())
    held = fields.where_split(ds, "test")
    inputs, truth = fields.array(held, "input"), fields.array(held, "output")
    found: dict[str, list[np.ndarray]] = {}
    for name, form in FORMATS.items():
        for seed in range(args.seeds):
            if args.only and name not in args.only.split("|"):
                continue
            start = time.process_time()
            model = trained(args, ds, form, seed).model
            error = (network.predicted(model, inputs) - truth).reshape(len(truth), -1)
            relative = np.linalg.norm(error, axis=1) / np.linalg.norm(truth.reshape(len(truth), -1), axis=1)
            found.setdefault(name, []).append(relative)
            spectral = sum(weight.parameter_count for weight in model.network.weights)
            count, seconds = sum(p.numel() for p in model.parameters()), time.process_time() - start
            print(
                f"{name:13} seed {seed}: L2 {relative.mean():.4f}, {spectral:7,} spectral weights, "
                f"{model.network.compression:5.1f} times fewer, {count:7,} in all, ranks {model.network.ranks}, "
                f"{seconds:.0f} CPU s",
                flush=True,
            )
    rng = np.random.default_rng(0)
    means = {name: np.mean(errors, axis=0) for name, errors in found.items()}
    for name, errors in means.items():
        rows = rng.integers(len(errors), size=(4000, len(errors)))
        ratios = errors[rows].mean(1) / means["dense"][rows].mean(1) if "dense" in means else np.full(2, np.nan)
        low, high = np.quantile(ratios, [0.025, 0.975])
        ratio = errors.mean() / means["dense"].mean() if "dense" in means else np.nan
        print(f"{name:13} L2 {errors.mean():.4f}, relative to dense {ratio:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
