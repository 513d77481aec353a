"""How samples of a run follow one another: which outputs become inputs of the next, and which sample is the next."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.kinds import fields

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Window:
    """The channels of one state: among the inputs, which may hold several moments of it, and among the outputs."""

    inputs: slice
    outputs: slice


@dataclass(frozen=True)
class Recurrence:
    """Outputs that become inputs.

    Attributes
    ----------
    windows
        One a state, in the order of the outputs; together they are all outputs.
    steps
        Steps of a run that one application covers.
    """

    windows: tuple[Window, ...]
    steps: int

    def advance(self, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """Return the next inputs (batch, channel, axes ...): every state moves on, the rest stays."""
        import torch

        following = inputs.clone()
        for window in self.windows:
            moments = torch.cat([inputs[:, window.inputs], outputs[:, window.outputs]], 1)
            following[:, window.inputs] = moments[:, outputs[:, window.outputs].shape[1] :]
        return following

    def held(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs if every state stayed as it last was."""
        parts = []
        for window in self.windows:
            last = inputs[:, window.inputs]
            channels = window.outputs.stop - window.outputs.start
            latest = last[:, last.shape[1] - channels // self.steps :]
            parts.append(np.concatenate([latest] * self.steps, axis=1))
        return np.concatenate(parts, axis=1)

    def next_samples(self, ds: xr.Dataset) -> NDArray[np.int64]:
        """Return for each sample the place of that which goes on where it ends, or -1."""
        run, moment = (ds[name].to_numpy() for name in ("run", "moment"))
        place = {key: i for i, key in enumerate(zip(run.tolist(), moment.tolist(), strict=True))}
        following = zip(run.tolist(), (moment + self.steps).tolist(), strict=True)
        return np.array([place.get(key, -1) for key in following], np.int64)


def recurrence(ds: xr.Dataset) -> Recurrence:
    """Return how samples follow one another.

    Raises
    ------
    InputError
        If the samples were not cut from runs, an output becomes no input, or moments are not in a row.
    """
    if "moment" not in ds.coords or "run" not in ds.coords:
        raise InputError(
            f"{fields.origin(ds)}: the samples are not cut from runs in time, accepted are fields with the coordinates"
            " run and moment; set every (files) or snapshots (solver) of the dataset"
        )
    given, wanted = _channels(ds, "input"), _channels(ds, "output")
    sources = {str(ds[name].attrs.get(fields.EVOLVES)): name for name in given}
    lost = [name for name in wanted if name not in sources]
    if lost:
        raise InputError(
            f"{fields.origin(ds)}: output {lost[0]!r} is no input of the next step, so steps cannot follow one another"
        )
    windows, lengths = [], set()
    for name, outputs in wanted.items():
        before, after = (json.loads(str(ds[n].attrs["steps"])) for n in (sources[name], name))
        if before + after != [*range(before[0], before[0] + len(before) + len(after))]:
            raise InputError(
                f"{fields.origin(ds)}: {name!r} is given at steps {before} and wanted at {after}; accepted are steps in"
                " a row"
            )
        lengths.add(len(after))
        windows.append(Window(given[sources[name]], outputs))
    if len(lengths) > 1:
        raise InputError(
            f"{fields.origin(ds)}: the outputs cover {sorted(lengths)} steps; accepted is one number for all"
        )
    return Recurrence(tuple(windows), lengths.pop())


def _channels(ds: xr.Dataset, role: str) -> dict[str, slice]:
    """Return the channels of the variables of a role, in their order in `fields.array`."""
    found, first = {}, 0
    for name in fields.names(ds, role):
        count = int(np.prod([ds.sizes[d] for d in ds[name].dims if d != "sample" and d not in fields.SPACE], dtype=int))
        found[name] = slice(first, first + count)
        first += count
    return found
