"""Train an operator by Lightning: reproducible, resumable after any kill, checkpoints outside of results."""

import contextlib
import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint

from polyadic.core import checkpoints, progress
from polyadic.core.digest import code_digest
from polyadic.core.provenance import content_hash
from polyadic.kinds import fields
from polyadic.methods.mgtfno import workers
from polyadic.methods.mgtfno.module import OperatorModule
from polyadic.methods.mgtfno.network import Operator, normalisation
from polyadic.methods.mgtfno.recurrence import recurrence
from polyadic.methods.mgtfno.samples import GridDataModule


def fit(
    architecture: Mapping[str, Any], sets: Sequence[xr.Dataset], training: Mapping[str, Any], label: str = "operator"
) -> OperatorModule:
    """Return a trained module, whose operator holds the kept weights.

    Parameters
    ----------
    architecture
        As in `network.Operator`.
    sets
        Of kind `fields` with the flag ``split``, one a resolution; the first gives the normalisation.
    training
        Plain values: epochs, batch, optimiser, learning_rate, weight_decay, warmup, loss, transposition, pushforward,
        keep (best or last), threads, processes, device, precision, seed.
    label
        Folder below that of the checkpoints, and word in the log.

    Raises
    ------
    InputError
        If the folder holds a checkpoint of other data, settings or code.

    Notes
    -----
    A checkpoint follows every epoch. A run that was killed and started again ends with bitwise the weights of a run
    that was not, on the same device with the same number of threads.
    """
    print_of_data = fingerprint(architecture, sets, training)
    job = {"architecture": dict(architecture), "training": dict(training), "label": label, "fingerprint": print_of_data}
    with workers.started(workers.place(training["processes"]), job, sets):
        return run(architecture, sets, training, label, print_of_data)


def run(
    architecture: Mapping[str, Any],
    sets: Sequence[xr.Dataset],
    training: Mapping[str, Any],
    label: str,
    print_of_data: str,
) -> OperatorModule:
    """Return a trained module: the part of :func:`fit` that every process of a training runs."""
    here = workers.place(training["processes"])
    batch, seed, turned, pushed = (training[key] for key in ("batch", "seed", "transposition", "pushforward"))
    data = GridDataModule(sets, batch, seed, turned, here[:2], pushed)
    schedule = {key: training[key] for key in ("loss", "optimiser", "learning_rate", "weight_decay", "warmup")}
    schedule["steps"] = training["epochs"] * data.steps
    with _quiet(training["threads"]), torch.random.fork_rng(devices=[]):
        torch.manual_seed(training["seed"])
        model = Operator(architecture)
        model.normalise(*normalisation(fields.where_split(sets[0], "train")))
        link = recurrence(sets[0]) if training["pushforward"] else None
        module = OperatorModule(model, schedule, print_of_data, link)
        folder = checkpoints.folder(label, print_of_data)
        started, data.first_epoch = resumable(folder, print_of_data)
        trainer = Trainer(
            **workers.trainer_options(here, training["device"]),
            precision=training["precision"],
            max_epochs=training["epochs"],
            callbacks=[Keeper(folder, label)],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic=True,
            use_distributed_sampler=False,
        )
        trainer.fit(module, datamodule=data, ckpt_path=started, weights_only=None if started is None else True)
    if training["keep"] == "best":
        module.model.load_state_dict(module.best["weights"])
    module.model.eval()
    return module


def fingerprint(architecture: Mapping[str, Any], sets: Sequence[xr.Dataset], training: Mapping[str, Any]) -> str:
    """Return a hash of data, settings and code; the device does not count."""
    settings = {key: value for key, value in training.items() if key != "device"}
    code = code_digest("polyadic.methods.mgtfno.train")
    digest = hashlib.sha256(json.dumps([code, dict(architecture), settings], sort_keys=True).encode())
    for ds in sets:
        digest.update(str(ds.attrs.get("content_sha256") or content_hash({"/": ds})).encode())
    return digest.hexdigest()


def resumable(folder: Path | None, expected: str) -> tuple[Path | None, int]:
    """Return the checkpoint that a run goes on from, or None, and the epoch that comes next.

    Raises
    ------
    InputError
        If there is one of other data, settings or code.
    """
    path = None if folder is None else folder / "last.ckpt"
    if path is None or not path.is_file():
        return None, 0
    found = torch.load(path, weights_only=True, map_location="cpu")
    checkpoints.check(str(found.get("fingerprint")), expected, path)
    if workers.place(1).rank == 0:
        progress.log(f"goes on from {path} after epoch {found['epoch'] + 1}")
    return path, int(found["epoch"]) + 1


class Keeper(Checkpoint):
    """After each epoch: a log line, a table of losses, the last checkpoint and the best one, each in one step.

    It is a callback of the kind that the trainer calls after the module's own hooks, so the curves hold the epoch.
    """

    def __init__(self, folder: Path | None, label: str):
        self._folder, self._label = folder, label

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report and store."""
        if not isinstance(pl_module, OperatorModule):
            return
        curves = pl_module.curves
        done, total = trainer.current_epoch + 1, int(trainer.max_epochs or 0)
        if self._label == "operator" and trainer.is_global_zero:
            progress.report(done, total)
        due = done in {1, total} or done % max(1, total // 5) == 0
        if due and trainer.is_global_zero:
            losses = f"train {curves['train_loss'][-1]:.4g}, validation L2 {curves['validation_loss'][-1]:.4g}"
            progress.log(f"{self._label}, epoch {done}: {losses}")
        if self._folder is not None:
            self._store(trainer, pl_module, self._folder)

    def _store(self, trainer: Trainer, module: OperatorModule, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / ".part"
        trainer.save_checkpoint(part)  # a step that all processes take
        if not trainer.is_global_zero:
            return
        if module.best_epoch == len(module.curves["train_loss"]) - 1:
            shutil.copy(part, folder / ".best")
            (folder / ".best").replace(folder / "best.ckpt")
        part.replace(folder / "last.ckpt")
        rows = zip(*module.curves.values(), strict=True)
        lines = [",".join(["epoch", *module.curves])] + [f"{i},{a},{b},{c}" for i, (a, b, c) in enumerate(rows, 1)]
        part.write_text("\n".join(lines) + "\n")
        part.replace(folder / "losses.csv")


@contextlib.contextmanager
def _quiet(threads: int) -> Iterator[None]:
    """Hold torch at some threads and its trainer at silence."""
    names = (
        "pytorch_lightning",
        "pytorch_lightning.utilities.rank_zero",
        "lightning.pytorch",
        "lightning_fabric.utilities.distributed",
    )
    levels = {name: logging.getLogger(name).level for name in names}
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(threads)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(strict)
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
