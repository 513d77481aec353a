"""Predict fields too large to be held with their activations, in Dask blocks that are made when they are written.

Of an operator with levels a block is one patch; of one of the whole domain a sample, computed row by row.
"""

import threading
from typing import Any

import dask.array as da
import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polyadic.kernels.multi_grid import MultiGrid
from polyadic.kinds import fields
from polyadic.methods.mgtfno.network import Operator


class Patches:
    """The patches of predicted fields, each made from the sample it belongs to.

    The views of one sample at a time are held: the field itself and what is left of it when it is coarsened.
    Whoever computes the blocks in their order, sample by sample, makes the views of each sample once.
    """

    def __init__(self, model: Operator, ds: xr.Dataset):
        self._model, self._ds = model, ds
        self._held: tuple[int, list[torch.Tensor]] = (-1, [])
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what a worker elsewhere makes anew."""
        return {"_model": self._model, "_ds": self._ds, "_held": (-1, [])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what was sent, with a lock of this process."""
        self.__dict__.update(state, _lock=threading.Lock())

    def __call__(self, block_id: tuple[int, ...]) -> NDArray[np.float32]:
        """Return one patch without its padding, (1, out_channels, points ...)."""
        sample, _, *corner = block_id
        with torch.no_grad():
            views = self._views(sample)
            return self._model.predicted_patch(views, tuple(corner)).numpy()

    def whole(self, block_id: tuple[int, ...]) -> NDArray[np.float32]:
        """Return one sample of an operator without patches, (1, out_channels, points ...)."""
        with torch.no_grad():
            return self._model.predicted_in_rows(self._given(block_id[0])).numpy()

    def _given(self, sample: int) -> torch.Tensor:
        return torch.as_tensor(fields.array(self._ds.isel(sample=slice(sample, sample + 1)), "input"))

    def _views(self, sample: int) -> list[torch.Tensor]:
        with self._lock:
            if self._held[0] != sample:
                self._held = (sample, self._model.views(self._given(sample)))
            return self._held[1]


def whole_field(model: Operator, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outputs of one sample, (1, out_channels, axes ...), holding one patch or one state of the network."""
    field = torch.as_tensor(given)
    with torch.no_grad():
        if not model.levels:
            return model.predicted_in_rows(field).numpy()
        views = model.views(field)
        grid = model.multi_grid(field.shape[2:])
        parts = [model.predicted_patch(views, corner) for corner in grid.corners(field.ndim - 2)]
    found: NDArray[np.float32] = MultiGrid(model.levels).stitch(parts).numpy()
    return found


def predicted(model: Operator, ds: xr.Dataset) -> Any:
    """Return the outputs for all samples as a Dask array (sample, out_channels, axes ...).

    Notes
    -----
    Memory is that of one sample's views and of one patch's activations for each thread, or of one state of the network
    for one sample; equal to the whole field predicted at once up to rounding.
    """
    shape = tuple(ds.sizes[name] for name in fields.space(ds))
    count = 2**model.levels
    sizes = tuple((n // count,) * count for n in shape)
    channels = int(model.architecture["out_channels"])
    chunks = ((1,) * ds.sizes["sample"], (channels,), *sizes)
    nothing = np.zeros((0,) * len(chunks), np.float32)
    made = Patches(model, ds)
    # The token spares a hash of fields and weights, by which Dask would name the blocks.
    options: dict[str, Any] = {"chunks": chunks, "dtype": np.float32, "meta": nothing, "token": str(id(made))}
    return da.map_blocks(made if model.levels else made.whole, **options)  # type: ignore[no-untyped-call]
