"""Error of ways to train by patches, against the whole domain, on forced flow at Reynolds number 500.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/decomposition.py [--points 64] [--levels 1] [--samples 112] [--epochs 20]
[--only WORDS]``: about 9 CPU minutes; with words only variants whose name is among them, separated by a bar. All are
judged on the same held samples (32, or a fifth), which train nothing. ``--fields FILE`` takes solved samples, as the
source `navier_stokes` writes them; ``--optimiser soap --rate 1e-2`` trains as the workflow does.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from polyadic.core import config as configs
from polyadic.core import io
from polyadic.kinds import fields
from polyadic.methods.mgtfno import network, training
from polyadic.methods.mgtfno.split import split
from polyadic.methods.mgtfno.train import train
from polyadic.sources.navier_stokes import navier_stokes

VARIANTS: dict[str, dict[str, Any]] = {
    "whole domain": {"levels": 0},
    "whole domain, twice the rank": {"levels": 0, "rank": 0.1},
    "patches, padding N/16, periodic in the patch": {"padding": 1 / 16, "patch": "periodic"},
    "patches, padding N/16, bridge": {"padding": 1 / 16},
    "patches, padding N/16, cosines": {"padding": 1 / 16, "patch": "neumann"},
    "patches, padding N/8, bridge": {"padding": 1 / 8},
    "patches, padding N/8, bridge, no positions": {"padding": 1 / 8, "positions": "none"},
    "N/16, bridge, no positions, coarse first": {"padding": 1 / 16, "positions": "none", "coarse": True},
    "N/8, bridge, no positions, coarse first": {"padding": 1 / 8, "positions": "none", "coarse": True},
    "N/16, cosines, no positions, coarse first": {
        "padding": 1 / 16,
        "patch": "neumann",
        "positions": "none",
        "coarse": True,
    },
    "N/16, cosines, no positions": {"padding": 1 / 16, "patch": "neumann", "positions": "none"},
    "N/8, cosines, no positions, coarse first": {
        "padding": 1 / 8,
        "patch": "neumann",
        "positions": "none",
        "coarse": True,
    },
}


def settings() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    whole = {"points": 64, "levels": 1, "samples": 112, "epochs": 20, "width": 16, "modes": 24, "batch": 8, "seed": 0}
    for name, default in {**whole, "rate": 5e-3, "optimiser": "adamw", "only": "", "fields": ""}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser.parse_args()


def main() -> None:
    """Print a row a variant."""
    args = settings()
    flow = {"samples": args.samples, "points": args.points, "step": 2.4 / args.points, "amplitude": 0.3}
    ds = io.read(Path(args.fields)) if args.fields else navier_stokes(configs.build(navier_stokes.config, flow))
    ds = ds.isel(sample=slice(0, args.samples))
    divided = split(split.config(test=max(32 / ds.sizes["sample"], 0.2), validation=0.1), fields=ds)
    held = fields.where_split(divided, "test")
    inputs, truth = fields.array(held, "input"), fields.array(held, "output")
    how = {"epochs": args.epochs, "batch": args.batch, "optimiser": args.optimiser, "learning_rate": args.rate}
    cfg = configs.build(train.config, how)
    shared = {"form": "tfno", "modes": [args.modes] * 2, "width": args.width, "layers": 4, "factorisation": "tucker"}
    shared |= {"rank": 0.05, "joint": True, "padding": 0.0}
    for name, own in VARIANTS.items():
        if args.only and name not in args.only.split("|"):
            continue
        start = time.process_time()
        architecture = {**network.geometry(divided), **shared, "levels": args.levels, **own}
        module = training.fit(architecture, [divided], cfg.training(args.seed), label="variant")
        error = network.predicted(module.model, inputs) - truth
        flat = (len(truth), -1)
        relative = np.linalg.norm(error.reshape(flat), axis=1) / np.linalg.norm(truth.reshape(flat), axis=1)
        count = sum(p.numel() for p in module.model.parameters())
        seconds = time.process_time() - start
        validation = module.curves["validation_loss"]
        last = ", ".join(f"{v:.4f}" for v in validation[-5:])
        found = f"L2 {relative.mean():.4f}, validation {min(validation):.4f}, {seconds:5.0f} CPU s"
        print(f"{name:48} {count:7,} parameters, {found}; last epochs {last}", flush=True)


if __name__ == "__main__":
    main()
