"""Values on grids of any size, computed chunk by chunk when they are asked for."""

import functools
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

    Nothing is computed here. A slice is fused with the chunks it meets and costs the mode products of its own rows
    of the factor functions, nothing of the rest of a chunk; a grid larger than memory streams to disk.

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
    values = _Values(model, coordinates)
    # Only an inlined array lets Dask fuse a slice with the parts that it meets.
    lazy = da.from_array(values, chunks=_chunks(values.shape), name=False, asarray=True, inline_array=True)
    names = model.names or mode_names(values.ndim)
    return xr.DataArray(
        lazy,
        {name: (name, x, {"units": "1", "long_name": name}) for name, x in zip(names, coordinates, strict=True)},
        names,
        name="value",
        attrs={"units": units, "long_name": "value of the function"},
    )


class _Values:
    """The values on a tensor grid as an array whose parts are computed when they are indexed."""

    def __init__(self, model: ChebyshevTucker, axes: Sequence[Array]) -> None:
        self.expansion = model.expansion
        self.axes = axes
        self.shape = tuple(len(x) for x in axes)
        self.ndim = len(axes)
        self.dtype = np.dtype(float)

    @functools.cached_property
    def _factors(self) -> list[Array]:
        return [self.expansion.factor(k, x) for k, x in enumerate(self.axes)]

    def __getitem__(self, index: tuple[Any, ...]) -> Array:
        """Return the values at slices, arrays of numbers or numbers, one a mode; a number takes the mode out."""
        rows = [
            f[i : i + 1] if isinstance(i, int | np.integer) else f[i] for f, i in zip(self._factors, index, strict=True)
        ]
        values = tucker_compression.multiply(self.expansion.core, rows)
        # A copy in C order, which unlike `ascontiguousarray` leaves a single number without a dimension.
        return np.array(values[tuple(0 if isinstance(i, int | np.integer) else slice(None) for i in index)], order="C")


def _chunks(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return chunks that are as cubic as the shape allows: slices along every mode then touch few of them."""
    side = max(1, round((_CHUNK_BYTES / 8) ** (1 / len(shape))))
    return tuple((*[side] * (n // side), *([n % side] if n % side else [])) for n in shape)
