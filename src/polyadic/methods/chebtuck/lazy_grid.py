"""Values on grids of any size, computed chunk by chunk when they are asked for."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.kernels import tucker_compression
from polyadic.methods.chebtuck.model import ChebyshevTucker, mode_names

Array = NDArray[np.float64]

_CHUNK_BYTES = 2**23


def lazy_grid(model: ChebyshevTucker, axes: Sequence[ArrayLike], units: str = "1") -> xr.DataArray:
    """Return the values on a tensor grid as a lazy DataArray of chunks of about 8 MiB.

    Only the factor functions at the axes are computed here; a chunk costs its mode products when it is asked for, so
    a slice is quick and a grid larger than memory streams to disk.

    Parameters
    ----------
    model
        The function.
    axes
        One coordinate array a mode.
    units
        Unit of the values.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> model = ChebyshevTucker.from_coefficients(np.ones((1, 1)), [x, x], [(-1, 1), (-1, 1)])
    >>> grid = lazy_grid(model, [np.linspace(-1, 1, 5)] * 2)
    >>> float(grid.sel(x=0.5, y=-1.0))
    -0.5
    """
    da: Any = importlib.import_module("dask.array")  # heavy, and only needed here

    coordinates = [np.asarray(x, float).ravel() for x in axes]
    expansion = model.expansion
    factors = [expansion.factor(k, x) for k, x in enumerate(coordinates)]
    shape = tuple(len(x) for x in coordinates)

    def block(core: Array, block_info: Any = None) -> Array:
        bounds = block_info[None]["array-location"]
        rows = [f[low:high] for f, (low, high) in zip(factors, bounds, strict=True)]
        return np.ascontiguousarray(tucker_compression.multiply(core, rows))

    lazy = da.map_blocks(block, expansion.core, chunks=_chunks(shape), dtype=float, meta=np.empty((0,) * len(shape)))
    names = model.names or mode_names(len(shape))
    return xr.DataArray(
        lazy,
        {name: (name, x, {"units": "1", "long_name": name}) for name, x in zip(names, coordinates, strict=True)},
        names,
        name="value",
        attrs={"units": units, "long_name": "value of the function"},
    )


def _chunks(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return chunks that are as cubic as the shape allows: slices along every mode then touch few of them."""
    side = max(1, round((_CHUNK_BYTES / 8) ** (1 / len(shape))))
    return tuple((*[side] * (n // side), *([n % side] if n % side else [])) for n in shape)
