"""Time of an epoch with one process and with two that share every batch, and the losses of both.

Run: ``PYTHONPATH=src python benchmarks/mgtfno/processes.py`` on two idle cores. Wall-clock counts here, so nothing else
should run; CPU seconds of the first process are printed beside it: what two processes would take on free cores.
"""

import time
from typing import Any

import numpy as np

from polyadic.core import config as configs
from polyadic.kinds import fields
from polyadic.methods.mgtfno.split import split
from polyadic.methods.mgtfno.train import train
from polyadic.methods.mgtfno.training import Keeper

POINTS, SAMPLES, EPOCHS = 64, 96, 3


def forcings() -> Any:
    """Return smooth periodic forcings and the fields that diffuse them."""
    rng = np.random.default_rng(0)
    spectrum = np.fft.fft2(rng.standard_normal((SAMPLES, POINTS, POINTS)))
    k = np.fft.fftfreq(POINTS, 1 / POINTS)
    wave = k[:, None] ** 2 + k[None] ** 2
    smooth = spectrum * np.exp(-wave / 50)
    given, answer = (np.fft.ifft2(s).real.astype(np.float32) for s in (smooth, smooth / (1 + wave)))
    text = {"units": "1", "long_name": "field"}
    axes = {"y": fields.Axis(), "x": fields.Axis()}
    ds = fields.dataset({"forcing": (given, "input", text), "answer": (answer, "output", text)}, axes)
    ds.attrs |= {"kind": "fields", "schema_version": "1.0"}
    return split(split.config(test=0.05, validation=0.05), fields=ds)


def main() -> None:
    """Print seconds an epoch and losses."""
    ds = forcings()
    ends: list[tuple[float, float]] = []
    report = Keeper.on_train_epoch_end

    def timed(keeper: Keeper, *given: Any) -> None:
        ends.append((time.monotonic(), time.process_time()))
        report(keeper, *given)

    Keeper.on_train_epoch_end = timed  # type: ignore[method-assign]
    found = {}
    for processes in (1, 2):
        ends.clear()
        settings = {"width": 24, "modes": 12, "epochs": EPOCHS, "optimiser": "adamw", "learning_rate": 5e-3}
        tree = train(configs.build(train.config, {**settings, "processes": processes}), fields=ds)
        wall, cpu = (np.diff([one[k] for one in ends]).min() for k in (0, 1))
        found[processes] = (wall, cpu, tree["train_loss"].to_numpy())
        print(f"{processes} processes: {wall:6.2f} s an epoch, {cpu:6.2f} CPU s of the first process")
    one, two = found[1], found[2]
    print(f"wall clock {one[0] / two[0]:.2f}x, CPU {one[1] / two[1]:.2f}x faster")
    print(f"losses differ by {np.abs(one[2] / two[2] - 1).max():.1e}")


if __name__ == "__main__":
    main()
