"""Arrays in files, and the fields in them: read when they are asked for, whatever the order of their axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError

Floats = NDArray[np.float32]


class Stored(Protocol):
    """An array that is read by slices."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its extents."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a part."""


@dataclass(frozen=True)
class Hdf5Array:
    """A dataset of an HDF5 file, which is opened for each part: nothing stays open, and other processes can read it."""

    path: Path
    key: str
    shape: tuple[int, ...]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        try:
            with h5py.File(self.path, "r") as file:
                return np.asarray(file[self.key][index])
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{self.path}: {self.key!r} cannot be read ({first_line(error)}); it may be truncated: get it again"
            ) from error


@dataclass(frozen=True)
class Variable:
    """A variable of a NetCDF file or Zarr store, opened for each part."""

    path: Path
    key: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read a part, its dimensions in the order of ``dims``."""
        with opened(self.path) as ds:
            return np.asarray(ds[self.key].transpose(*self.dims)[index].to_numpy())


def opened(path: Path) -> xr.Dataset:
    """Open a NetCDF file or a Zarr store lazily, without Dask.

    Raises
    ------
    InputError
        If it is neither.
    """
    try:
        return xr.open_zarr(path, consolidated=False, chunks=None) if path.is_dir() else xr.open_dataset(path)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(f"{path}: not a readable NetCDF file or Zarr store ({first_line(error)})") from error


def first_line(error: Exception) -> str:
    """Return the start of what went wrong."""
    return str(error).strip().partition("\n")[0][:120]


@dataclass(frozen=True)
class Field:
    """One field of a file as (sample, time, component, axes ...), whatever the order of the axes in the file.

    Attributes
    ----------
    arrays
        One array of all samples, or one a sample.
    axes
        A letter per axis of an array: ``s`` samples, ``t`` times, ``c`` and ``d`` components, the others space.
        Samples, times and axes of space that it lacks are constant.
    space
        Letters of the axes of space in the order of the result.
    samples, points
        How many samples, and points per axis of space, the file has.
    """

    arrays: tuple[Stored, ...]
    axes: str
    space: str
    samples: int
    points: tuple[int, ...]

    @property
    def times(self) -> int:
        """Steps in time; 0 where the field does not vary in time."""
        return self.arrays[0].shape[self.axes.index("t")] if "t" in self.axes else 0

    @property
    def components(self) -> int:
        """Components of a vector or tensor; 1 for a number."""
        sizes = [self.arrays[0].shape[self.axes.index(letter)] for letter in "cd" if letter in self.axes]
        return int(np.prod(sizes, dtype=int))

    def read(self, start: int, stop: int, times: Sequence[int]) -> Floats:
        """Return some samples at some times, (stop - start, times, components, points ...)."""
        if "s" in self.axes:
            found = self._part(self.arrays[0], slice(start, stop), times)
        elif len(self.arrays) > 1 or self.samples == 1:
            found = np.concatenate([self._part(array, slice(None), times) for array in self.arrays[start:stop]])
        else:
            found = self._part(self.arrays[0], slice(None), times)
        shape = (stop - start, len(times), self.components, *self.points)
        return np.broadcast_to(found, shape).astype(np.float32)

    def _part(self, array: Stored, rows: slice, times: Sequence[int]) -> NDArray[Any]:
        """Return samples of one array, constant axes of length 1."""
        if "t" not in self.axes:
            return self._ordered(array[tuple(rows if letter == "s" else slice(None) for letter in self.axes)])
        pieces = []
        for few in _runs(times):
            chosen = {"s": rows, "t": few}
            index = tuple(chosen.get(letter, slice(None)) for letter in self.axes)
            pieces.append(self._ordered(array[index]))
        return np.concatenate(pieces, axis=1)

    def _ordered(self, values: NDArray[Any]) -> NDArray[Any]:
        letters = "stcd" + self.space
        present = [letter for letter in letters if letter in self.axes]
        values = np.asarray(values).transpose([self.axes.index(letter) for letter in present])
        sizes = dict(zip(present, values.shape, strict=True))
        full = [sizes.get(letter, 1) for letter in letters]
        return values.reshape(full[0], full[1], full[2] * full[3], *full[4:])


def _runs(times: Sequence[int]) -> list[slice]:
    """Return slices that together are some times in their order, neighbours in one."""
    found: list[list[int]] = []
    for t in times:
        if found and found[-1][1] == t:
            found[-1][1] = t + 1
        else:
            found.append([t, t + 1])
    return [slice(a, b) for a, b in found]


@dataclass(frozen=True)
class Selection:
    """The samples that are cut from a field: some times of each run, or of each window of a run.

    It has what an array needs so that Dask reads it in blocks of samples: (sample, [channel,] points ...), channels
    being times by components.
    """

    field: Field
    times: tuple[int, ...]
    every: int = 0
    windows: int = 1

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """What the values are turned to."""
        return np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples, channels where there are several, points."""
        channels = len(self.times) * self.field.components
        return (self.field.samples * self.windows, *([channels] if channels > 1 else []), *self.field.points)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all samples."""
        return int(np.prod(self.shape, dtype=int)) * int(self.dtype.itemsize)

    def __getitem__(self, index: Any) -> Floats:
        """Read samples, then take what else is asked for."""
        index = index if isinstance(index, tuple) else (index,)
        start, stop, _ = index[0].indices(self.shape[0])
        rows = self.rows(start, stop)
        return rows[(slice(None), *index[1:])]

    def rows(self, start: int, stop: int) -> Floats:
        """Return some samples."""
        if self.windows == 1:
            found = self.field.read(start, stop, self.times)
        else:
            parts = []
            for sample in range(start, stop):
                run, window = divmod(sample, self.windows)
                times = [t + window * self.every for t in self.times]
                parts.append(self.field.read(run, run + 1, times))
            found = np.concatenate(parts)
        return found.reshape(stop - start, *self.shape[1:])


def numbers(values: Mapping[str, Any], samples: int) -> dict[str, NDArray[np.float64]]:
    """Return what are numbers among attributes, as one a sample."""
    found = {}
    for name, value in values.items():
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            found[name] = np.full(samples, float(value))
    return found
