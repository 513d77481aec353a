"""Batches of fields: one resolution each, in an order that the seed and the epoch fix."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset, Sampler

from polyadic.kinds import fields
from polyadic.methods.mgtfno.recurrence import recurrence

IN_MEMORY = 2**30
"""Sets of fields below 1 GiB are held in memory; of larger ones each batch is read when its turn comes."""


class Batch(NamedTuple):
    """Which samples of which set, whether the first two axes of space change places, and how many all processes have.

    ``whole`` is 0 where the samples are all. Where ``following`` names samples, the outputs are theirs: those of the
    step after.
    """

    number: int
    samples: tuple[int, ...]
    transposed: bool = False
    whole: int = 0
    following: tuple[int, ...] = ()

    def part(self, rank: int, size: int) -> "Batch":
        """Return what one of several processes takes: an equal part, or all where the batch has no equal parts.

        So the mean over processes of the gradients of their means is the gradient of the mean.

        >>> Batch(0, (7, 5, 3, 1)).part(1, 2).samples, Batch(0, (7, 5, 3)).part(1, 2).samples
        ((5, 1), (7, 5, 3))
        """
        count = len(self.samples)
        mine = slice(None) if count % size else slice(rank, None, size)
        return self._replace(samples=self.samples[mine], following=self.following[mine], whole=count)


class Drawn(NamedTuple):
    """Inputs and outputs (sample, channel, axes ...) of a batch, and how many samples all processes have.

    Where it is ``pushed``, the outputs are those of the step after: the network is to move the inputs on first.
    """

    inputs: torch.Tensor
    outputs: torch.Tensor
    samples: int
    pushed: bool = False


class GridSet(Dataset[Drawn]):
    """Samples of one or several sets of fields, each on a grid of its own, looked up by `Batch`."""

    def __init__(self, sets: Sequence[xr.Dataset]):
        self.sizes = [int(ds.sizes["sample"]) for ds in sets]
        self._sets = [self._held(ds) if ds.nbytes < IN_MEMORY else ds for ds in sets]

    @staticmethod
    def _held(ds: xr.Dataset) -> tuple[torch.Tensor, torch.Tensor]:
        inputs, outputs = (torch.as_tensor(fields.array(ds, role)) for role in ("input", "output"))
        return inputs, outputs

    def __getitem__(self, batch: Batch) -> Drawn:
        """Return the inputs and outputs of a batch."""
        inputs, outputs = self._read(batch.number, batch.samples)
        if batch.following:
            _, outputs = self._read(batch.number, batch.following)
        if batch.transposed:
            inputs, outputs = inputs.transpose(2, 3).contiguous(), outputs.transpose(2, 3).contiguous()
        return Drawn(inputs, outputs, batch.whole or len(batch.samples), bool(batch.following))

    def _read(self, number: int, samples: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        chosen, rows = self._sets[number], list(samples)
        if not isinstance(chosen, xr.Dataset):
            return chosen[0][rows], chosen[1][rows]
        order = np.argsort(rows)
        inputs, outputs = self._held(chosen.isel(sample=np.sort(rows)))
        back = torch.as_tensor(np.argsort(order))
        return inputs[back], outputs[back]


class Order(Sampler[Batch]):
    """The batches of an epoch: shuffled by the seed and the epoch, or in order where the seed is None.

    A share ``pushforward`` of them hold samples whose next one, by ``following``, is known, and have its outputs.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        batch: int,
        seed: int | None,
        transposition: bool = False,
        place: tuple[int, int] = (0, 1),
        following: Sequence[NDArray[np.int64]] = (),
        pushforward: float = 0.0,
    ):
        self._following, self._pushforward = list(following), pushforward
        self._sizes, self._batch, self._seed, self._transposition = list(sizes), batch, seed, transposition
        self._place, self._epoch = place, 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; the trainer calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        return sum(-(-size // self._batch) for size in self._sizes)

    def __iter__(self) -> Iterator[Batch]:
        return (batch.part(*self._place) for batch in self._batches())

    def _batches(self) -> list[Batch]:
        rng = None if self._seed is None else np.random.default_rng([self._seed, 1, self._epoch])
        batches = []
        for number, size in enumerate(self._sizes):
            rows = np.arange(size) if rng is None else rng.permutation(size)
            batches += [Batch(number, tuple(rows[i : i + self._batch].tolist())) for i in range(0, size, self._batch)]
        if rng is None:
            return batches
        turned = rng.random(len(batches)) < (0.5 if self._transposition else 0.0)
        order = [batches[i]._replace(transposed=bool(turned[i])) for i in rng.permutation(len(batches))]
        pushed = rng.random(len(batches)) < self._pushforward
        return [self._pushed(batch) if go else batch for batch, go in zip(order, pushed, strict=True)]

    def _pushed(self, batch: Batch) -> Batch:
        """Return the samples of a batch that another follows, and those; the batch itself where there are none."""
        known = self._following[batch.number]
        samples = tuple(i for i in batch.samples if known[i] >= 0)
        return batch._replace(samples=samples, following=tuple(known[list(samples)].tolist())) if samples else batch


class GridDataModule(LightningDataModule):
    """Train and validation samples of sets of fields that hold the flag ``split``.

    Parameters
    ----------
    sets
        Of kind `fields`, one a resolution. Test samples are never looked at.
    batch
        Samples a step; a batch holds one resolution.
    seed
        Of the order of the samples.
    transposition
        Whether half of the batches have the first two axes of space exchanged.
    place
        Number of this process and of all that share each batch.
    pushforward
        Share of the batches that are judged one step later.
    """

    def __init__(
        self,
        sets: Sequence[xr.Dataset],
        batch: int,
        seed: int,
        transposition: bool = False,
        place: tuple[int, int] = (0, 1),
        pushforward: float = 0.0,
    ):
        super().__init__()
        training = [fields.where_split(ds, "train") for ds in sets]
        self._train = GridSet(training)
        self._pushforward = pushforward
        self._following = [recurrence(ds).next_samples(ds) for ds in training] if pushforward else []
        held = [fields.where_split(ds, "validation") for ds in sets if "split" in ds.variables]
        self._validation = GridSet([ds for ds in held if ds.sizes["sample"]])
        self._batch, self._seed, self._transposition, self._place = batch, seed, transposition, place
        self.first_epoch = 0
        """The epoch that comes first: a trainer that goes on takes its first batches before it names the epoch."""

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return len(self._order(self._train, self._seed))

    def _order(self, found: GridSet, seed: int | None) -> Order:
        pushed = self._following, self._pushforward
        order = Order(found.sizes, self._batch, seed, self._transposition, self._place, *pushed)
        order.set_epoch(self.first_epoch)
        return order

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of training."""
        return DataLoader(self._train, batch_size=None, sampler=self._order(self._train, self._seed))

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the batches of validation."""
        return DataLoader(self._validation, batch_size=None, sampler=self._order(self._validation, None))
