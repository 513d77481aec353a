"""Opening grids: NetCDF files of every format, and Zarr stores of version 2 and 3 in a folder or a zip archive."""

import contextlib
import importlib
import traceback
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from polyadic.core.errors import InputError

ZARR_MARKS = ("zarr.json", ".zgroup", ".zmetadata")
"""Files at the root of a Zarr store."""

# The NetCDF library reads what a truncated classic file lacks as fill values; SciPy refuses such a file.
_ENGINES = {b"\x89HDF": "h5netcdf", b"CDF\x01": "scipy", b"CDF\x02": "scipy"}
_FAILURES = (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError, zipfile.BadZipFile)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a grid lazily, scaled and masked but with times as numbers, or raise `InputError`."""
    with contextlib.ExitStack() as stack:
        source, engine, options = _source(path, stack)
        try:
            ds = xr.open_dataset(
                source,
                engine=engine,
                decode_times=False,
                decode_timedelta=False,
                decode_coords=False,
                cache=False,
                **options,
            )
        except _FAILURES as error:
            _release(error)
            raise InputError(_unreadable(path, error)) from error
        try:
            with ds:
                yield ds
        except (OSError, RuntimeError, zipfile.BadZipFile) as error:
            raise InputError(_unreadable(path, error)) from error


def _source(path: Path, stack: contextlib.ExitStack) -> tuple[Any, Any, dict[str, Any]]:
    """Return what xarray opens, by which engine and options."""
    if path.is_dir() or zipfile.is_zipfile(path):
        return _store(path, stack), "zarr", {"consolidated": False, "chunks": None}
    with path.open("rb") as file:
        engine = _ENGINES.get(file.read(4), "netcdf4")
    # HDF5 files that are no NetCDF name no dimensions; asked to number them, xarray does not warn.
    return path, engine, {"phony_dims": "sort"} if engine == "h5netcdf" else {}


def _store(path: Path, stack: contextlib.ExitStack) -> Any:
    try:
        storage = importlib.import_module("zarr.storage")
    except ImportError:
        raise InputError(
            f"{path}: a Zarr store needs the package zarr; install it (pip install 'zarr>=3'), or convert the store to"
            " NetCDF"
        ) from None
    if path.is_dir():
        return storage.LocalStore(path, read_only=True)
    store = storage.ZipStore(path, mode="r", read_only=True)
    stack.callback(store.close)
    return store


def _release(error: Exception) -> None:
    """Close the file that a failed opening holds: SciPy keeps it, and warns of its buffer whenever it is collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traceback.clear_frames(error.__traceback__)


def _unreadable(path: Path, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0][:120]
    what = "Zarr store" if path.is_dir() or zipfile.is_zipfile(path) else "NetCDF file"
    return f"{path}: not a readable {what} ({reason}); it may be truncated: get it again"
