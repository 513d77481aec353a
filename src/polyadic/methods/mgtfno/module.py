"""The module that Lightning trains: losses by the boundary, an optimiser, a schedule that moves every step."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning import LightningModule

from polyadic.kernels.field_errors import relative_h1, relative_l2
from polyadic.kernels.soap import SOAP
from polyadic.methods.mgtfno.network import Operator
from polyadic.methods.mgtfno.recurrence import Recurrence
from polyadic.methods.mgtfno.samples import Drawn
from polyadic.methods.mgtfno.workers import mean

CURVES = ("train_loss", "validation_loss", "learning_rate")


class OperatorModule(LightningModule):
    """An operator in training.

    Parameters
    ----------
    model
        The operator.
    schedule
        Plain values: ``loss`` (h1 or l2), ``optimiser`` (soap or adamw), ``learning_rate``, ``weight_decay``,
        ``warmup`` and ``steps`` in all.
    fingerprint
        Of data and settings; it goes into every checkpoint.
    link
        Which outputs are inputs of the next step, where batches are judged one step later.
    """

    def __init__(
        self, model: Operator, schedule: Mapping[str, Any], fingerprint: str = "", link: Recurrence | None = None
    ):
        super().__init__()
        self.save_hyperparameters({"schedule": dict(schedule)})
        self.model = model
        self.schedule, self.fingerprint, self.link = dict(schedule), fingerprint, link
        self.curves: dict[str, list[float]] = {name: [] for name in CURVES}
        self.best: dict[str, Any] = {"loss": float("inf"), "epoch": -1, "weights": {}}
        self._sums = {"train": [0.0, 0], "validation": [0.0, 0]}

    @property
    def best_epoch(self) -> int:
        """The epoch, from 0, whose weights are the best; -1 before the first."""
        return int(self.best["epoch"])

    def loss(self, prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Return the loss of each sample."""
        if self.schedule["loss"] == "l2":
            return relative_l2(prediction, truth)
        known = self.model.architecture
        return relative_h1(prediction, truth, known["boundary"], known["grid"], known["lengths"])

    def training_step(self, batch: Drawn, _: int) -> torch.Tensor:
        """Return the mean loss of a batch, or of the part of it that this process has.

        Of a pushed batch the inputs are first moved on by the network as it is, without a gradient (the pushforward of
        J. Brandstetter et al., Message passing neural PDE solvers, ICLR 2022).
        """
        inputs = batch.inputs
        if batch.pushed and self.link is not None:
            with torch.no_grad():
                inputs = self.link.advance(inputs, self.model(inputs))
        loss = self.loss(self.model(inputs), batch.outputs).mean()
        self._count("train", mean(loss.detach()), batch.samples)
        return loss

    def validation_step(self, batch: Drawn, _: int) -> None:
        """Count the relative L2 error of a batch, whatever the loss in training is."""
        error = relative_l2(self.model(batch.inputs), batch.outputs).mean()
        self._count("validation", mean(error), batch.samples)

    def _count(self, part: str, loss: float, samples: int) -> None:
        self._sums[part][0] += loss * samples
        self._sums[part][1] += samples

    def on_train_epoch_start(self) -> None:
        """Start the sums anew."""
        self._sums = {"train": [0.0, 0], "validation": [0.0, 0]}

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the curves and keep the weights that are best on the validation samples."""
        train, validation = (total / max(count, 1) for total, count in self._sums.values())
        if not self._sums["validation"][1]:
            validation = float("nan")
        rate = float(self.optimizers().param_groups[0]["lr"])  # type: ignore[union-attr]
        for name, value in zip(CURVES, (train, validation, rate), strict=True):
            self.curves[name].append(value)
        judged = validation if self._sums["validation"][1] else train
        if judged < self.best["loss"]:
            weights = {name: values.clone() for name, values in self.model.state_dict().items()}
            self.best = {"loss": judged, "epoch": len(self.curves["train_loss"]) - 1, "weights": weights}

    def configure_optimizers(self) -> Any:
        """Return the optimiser and a one-cycle schedule that moves every step."""
        rate, decay = self.schedule["learning_rate"], self.schedule["weight_decay"]
        optimiser: torch.optim.Optimizer
        if self.schedule["optimiser"] == "soap":
            optimiser = SOAP(self.parameters(), lr=rate, weight_decay=decay)
        else:
            optimiser = torch.optim.AdamW(self.parameters(), lr=rate, weight_decay=decay, fused=True)
        steps, warmup = self.schedule["steps"], self.schedule["warmup"]
        fewest = math.ceil(2 / min(warmup, 1 - warmup))  # both parts of the cycle need a step
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=max(fewest, steps), pct_start=warmup, cycle_momentum=False
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Store what a later run needs to go on as if nothing had happened."""
        checkpoint |= {"curves": self.curves, "best": self.best, "fingerprint": self.fingerprint}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it up again."""
        self.curves, self.best = checkpoint["curves"], checkpoint["best"]
