"""Read and write Datasets as NetCDF-4/HDF5: atomic, byte-reproducible, streamed."""

import contextlib
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr

from polyadic.core.errors import InputError
from polyadic.core.parallel import ordered_map
from polyadic.core.provenance import HASH, content_hash

LAZY_ABOVE = 2**26
"""Files above 64 MiB are opened as Dask chunks; smaller ones are read lazily without Dask's import."""

_COMPRESS_BELOW = 2**28  # bytes; above, zlib costs more time than its third of space is worth
_CHUNK_BYTES = 2**22


def read(path: Path, *, groups: bool = False) -> xr.Dataset | xr.DataTree:
    """Open a NetCDF file lazily; with ``groups`` its child groups too.

    Raises
    ------
    InputError
        If there is no such file, or it is no readable NetCDF-4/HDF5 file.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path")
    chunks: dict[str, Any] | None = {} if path.stat().st_size > LAZY_ABOVE else None
    try:
        if groups:
            return xr.open_datatree(path, engine="h5netcdf", chunks=chunks, cache=False)
        return xr.open_dataset(path, engine="h5netcdf", chunks=chunks, cache=False)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path}: not a readable NetCDF-4/HDF5 file ({_first_line(error)}); it may be truncated: make it again"
        ) from error


def write(ds: xr.Dataset | xr.DataTree, path: Path) -> None:
    """Write a Dataset, or a DataTree of groups, in one atomic step, with the hash of its content.

    The file appears under its final name only when it is whole. Lazy variables are computed in
    parallel and written in order from this thread: equal content gives equal bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write_groups(_groups(ds), part)
        with h5py.File(part, "r+") as file:
            file.attrs[HASH] = _stored_hash(part, file)
        _flush(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def verify(path: Path) -> bool:
    """Return whether the content of a file still has the hash it was written with.

    Raises
    ------
    InputError
        If the file cannot be read or carries no hash.
    """
    with contextlib.closing(read(path, groups=True)) as tree:
        recorded = tree.attrs.get(HASH)
        if recorded is None:
            raise InputError(f"{path}: no attribute {HASH!r}; the file was not written by a stage")
        try:
            return content_hash(_groups(tree)) == str(recorded)
        except OSError:  # a chunk whose fletcher32 checksum does not hold
            return False


def _stored_hash(part: Path, file: h5py.File) -> str:
    file.flush()
    with contextlib.closing(xr.open_datatree(part, engine="h5netcdf", cache=False)) as tree:
        return content_hash(_groups(tree))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _groups(ds: xr.Dataset | xr.DataTree) -> dict[str, xr.Dataset]:
    if isinstance(ds, xr.Dataset):
        return {"/": ds}
    return {node.path: node.to_dataset(inherit=False) for node in ds.subtree}


def _write_groups(groups: Mapping[str, xr.Dataset], part: Path) -> None:
    for index, (group, ds) in enumerate(groups.items()):
        plain = ds.drop_encoding()
        # Numbers stream; texts, dates and masks are read: xarray must encode them, and they are small.
        lazy = [str(name) for name, v in plain.variables.items() if v.chunks is not None and v.dtype.kind in "fiu"]
        eager = plain.drop_vars(lazy).compute(scheduler="synchronous")
        eager.to_netcdf(
            part,
            engine="h5netcdf",
            group=None if group == "/" else group,
            mode="w" if index == 0 else "a",
            encoding={str(n): _encoding(v) for n, v in eager.variables.items()},
        )
        if lazy:
            with h5netcdf.File(part, "a") as file:
                node = file if group == "/" else file[group]
                for names in _streams(plain, lazy):
                    _stream({name: plain[name] for name in names}, node)


def _streams(ds: xr.Dataset, names: Sequence[str]) -> list[list[str]]:
    """Return the names of equal blocks together: what they share is computed once."""
    found: dict[Any, list[str]] = {}
    for name in names:
        found.setdefault((ds[name].dims, ds[name].chunks), []).append(name)
    return list(found.values())


def _stream(arrays: Mapping[str, xr.DataArray], node: h5netcdf.Group) -> None:
    """Write lazy arrays of equal dimensions and blocks, block by block."""
    targets = [_target(array, name, node) for name, array in arrays.items()]
    first = next(iter(arrays.values()))
    bounds = [np.cumsum([0, *sizes]) for sizes in first.chunks or ()]
    slices = [[slice(int(a), int(b)) for a, b in itertools.pairwise(edges)] for edges in bounds]
    blocks = list(itertools.product(*slices))
    parts = ([array[block].data for array in arrays.values()] for block in blocks)
    for block, values in zip(blocks, ordered_map(_compute, parts), strict=True):
        for target, value in zip(targets, values, strict=True):
            target[block] = value


def _target(array: xr.DataArray, name: str, node: h5netcdf.Group) -> Any:
    for dimension, size in array.sizes.items():
        if str(dimension) not in node.dimensions:
            node.dimensions[str(dimension)] = size
    storage: dict[str, Any] = {"chunks": _own_blocks(array) or _chunks(array.variable), "fletcher32": True}
    if array.nbytes <= _COMPRESS_BELOW:
        storage |= {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    fill = array.dtype.type(np.nan) if array.dtype.kind == "f" else None
    target = node.create_variable(name, tuple(map(str, array.dims)), array.dtype, fillvalue=fill, **storage)
    target.attrs.update(array.attrs)
    return target


def _own_blocks(array: xr.DataArray) -> tuple[int, ...] | None:
    """Return the blocks as chunks where they are regular and small: then no chunk is written twice."""
    sizes = [tuple(map(int, one)) for one in array.chunks or ()]
    regular = all(len({*one[:-1]}) <= 1 and one[-1] <= one[0] for one in sizes)
    largest = tuple(one[0] for one in sizes)
    small = _CHUNK_BYTES // 16 <= np.prod(largest, dtype=float) * array.dtype.itemsize <= 4 * _CHUNK_BYTES
    return largest if sizes and regular and small else None


def _compute(blocks: list[Any]) -> tuple[Any, ...]:
    from dask.base import compute  # a lazy array is there, so it is imported already

    return tuple(compute(*blocks, scheduler="synchronous"))  # type: ignore[no-untyped-call]


def _encoding(variable: xr.Variable) -> dict[str, Any]:
    if variable.dtype.kind not in "fiubM" or variable.ndim == 0 or variable.size == 0:
        return {}
    encoding: dict[str, Any] = {"chunksizes": _chunks(variable), "fletcher32": True}
    if variable.nbytes <= _COMPRESS_BELOW:
        encoding |= {"zlib": True, "complevel": 1, "shuffle": True}
    if variable.dtype.kind == "M":
        encoding |= {"units": "seconds since 1970-01-01", "dtype": "int64", "calendar": "proleptic_gregorian"}
        if (variable.values.astype("datetime64[ns]").astype(np.int64) % 10**9).any():
            encoding["units"] = "nanoseconds since 1970-01-01"
    return encoding


def _chunks(variable: xr.Variable) -> tuple[int, ...]:
    """Return chunks of at most 4 MiB: whole trailing dimensions, then a part of the first that does not fit."""
    room = max(1, _CHUNK_BYTES // variable.dtype.itemsize)
    chunks: list[int] = []
    for size in reversed(variable.shape):
        step = min(size, room)
        chunks.append(step)
        room = max(1, room // step)
    return tuple(reversed(chunks))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:120]
