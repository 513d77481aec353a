"""Settings of a training that the operator and its trained peers share."""

import dataclasses
from typing import Any, Literal

from polyadic.core.config import setting


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long and how a network is trained."""

    epochs: int = setting(25, "passes over the training samples, at least 1")
    batch: int = setting(8, "samples a step, at least 1")
    optimiser: Literal["soap", "adamw"] = setting(
        "soap", "soap: Adam in the bases of Shampoo, for a learning rate near 0.02; adamw: for one near 0.005"
    )
    learning_rate: float = setting(2.5e-2, "greatest learning rate of the one-cycle schedule, above 0")
    weight_decay: float = setting(1e-4, "decoupled weight decay, at least 0")
    warmup: float = setting(0.2, "share of the steps in which the learning rate rises, in (0, 1)")
    loss: Literal["h1", "l2"] = setting("h1", "what is minimised: the relative H1 or L2 error")
    transposition: bool = setting(
        False,
        "whether half of the batches have the first two axes exchanged, and predictions of the whole domain are means"
        " over both: only where the equation allows it",
    )
    pushforward: float = setting(
        0.0,
        "share of the batches in [0, 1) whose inputs are the network's own predictions of them, without a gradient: for"
        " fields cut from runs, so that it learns to go on from what it predicts",
    )
    keep: Literal["best", "last"] = setting("best", "weights kept: of the epoch best on validation, or of the last one")
    threads: int = setting(1, "threads of torch in each process; equality to the bit holds for equal numbers")
    processes: int = setting(
        1, "processes that share every batch, on one machine or started by srun or torchrun; divides batch"
    )
    device: Literal["cpu", "cuda", "auto"] = setting("cpu", "where the training runs")
    precision: Literal["32-true", "bf16-mixed", "64-true"] = setting("32-true", "numbers of the training")

    def __post_init__(self) -> None:
        """Refuse what trains nothing."""
        for name in ("epochs", "batch", "threads", "processes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.batch % self.processes:
            raise ValueError(f"batch must be a multiple of processes, found {self.batch} and {self.processes}")
        if not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ValueError(
                f"learning_rate must be above 0 and weight_decay at least 0, found {self.learning_rate:g} and"
                f" {self.weight_decay:g}"
            )
        if not 0 < self.warmup < 1:
            raise ValueError(f"warmup must lie in (0, 1), found {self.warmup:g}")
        if not 0 <= self.pushforward < 1:
            raise ValueError(f"pushforward is a share in [0, 1), found {self.pushforward:g}")

    def training(self, seed: int) -> dict[str, Any]:
        """Return the settings as plain values, with the seed."""
        names = [field.name for field in dataclasses.fields(TrainingConfig)]
        return {**{name: getattr(self, name) for name in names}, "seed": seed}
