"""Error of ways to train by patches, against the whole domain, on forced flow at Reynolds number 500.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/decomposition.py [POINTS LEVELS SAMPLES EPOCHS [WORDS]]``, by default 64
points, one level, 112 samples, 20 epochs: about 9 CPU minutes; with words only variants whose name holds them. All are
judged on the same 32 samples, which train nothing.
"""

import sys
import time
from typing import Any

import numpy as np

from polyadic.core import config as configs
from polyadic.kinds import fields
from polyadic.methods.mgtfno import network, training
from polyadic.methods.mgtfno.split import split
from polyadic.methods.mgtfno.train import train
from polyadic.sources.navier_stokes import navier_stokes

VARIANTS: dict[str, dict[str, Any]] = {
    "whole domain": {"levels": 0},
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


def main() -> None:
    """Print a row a variant."""
    points, levels, samples, epochs = (int(a) for a in (*sys.argv[1:5], *("64", "1", "112", "20")[len(sys.argv) - 1 :]))
    ds = navier_stokes(
        configs.build(
            navier_stokes.config, {"samples": samples, "points": points, "step": 2.4 / points, "amplitude": 0.3}
        )
    )
    divided = split(split.config(test=32 / samples, validation=0.1), fields=ds)
    held = fields.where_split(divided, "test")
    inputs, truth = fields.array(held, "input"), fields.array(held, "output")
    cfg = configs.build(
        train.config,
        {"epochs": epochs, "optimiser": "adamw", "learning_rate": 5e-3, "width": 16, "modes": 24, "rank": 0.05},
    )
    shared = {"form": "tfno", "modes": [24, 24], "width": 16, "layers": 4, "factorisation": "tucker", "rank": 0.05}
    words = " ".join(sys.argv[5:])
    for name, own in ((name, own) for name, own in VARIANTS.items() if words in name):
        start = time.process_time()
        architecture = {**network.geometry(divided), **shared, "joint": True, "levels": levels, "padding": 0.0, **own}
        module = training.fit(architecture, [divided], cfg.training(0), label="variant")
        error = network.predicted(module.model, inputs) - truth
        relative = np.linalg.norm(error.reshape(len(truth), -1), axis=1) / np.linalg.norm(
            truth.reshape(len(truth), -1), axis=1
        )
        count = sum(p.numel() for p in module.model.parameters())
        seconds = time.process_time() - start
        print(f"{name:48} {count:7,} parameters, L2 {relative.mean():.4f}, {seconds:5.0f} CPU s", flush=True)


if __name__ == "__main__":
    main()
