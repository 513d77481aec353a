"""Which format a file of fields has, by its content, and what it holds."""

import zipfile
from pathlib import Path

import h5py

from polyadic.core.errors import InputError, OtherFormError
from polyadic.sources.field_formats import arrays, pdebench, the_well
from polyadic.sources.field_formats.contents import Contents
from polyadic.sources.field_formats.settings import FieldFilesConfig
from polyadic.sources.field_formats.stored import first_line

ACCEPTED = (
    "PDEBench and The Well (HDF5), tensors saved by torch (.pt), MATLAB (.mat), NetCDF and Zarr, and HDF5 of arrays"
)
KNOWN = ("pdebench", "the_well", "torch", "matlab", "matlab73")
"""Formats that are read without settings, or nearly so."""

_ZARR = (".zgroup", "zarr.json", ".zattrs")


def of(path: Path) -> str:
    """Return the format of a file.

    Raises
    ------
    InputError
        For a missing file and for every other format; the message lists what is accepted.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path")
    if path.is_dir():
        if any((path / mark).is_file() for mark in _ZARR):
            return "netcdf"
        raise InputError(f"{path}: is a folder; accepted are files: {ACCEPTED}")
    with path.open("rb") as file:
        return _of_content(path, file.read(520))


def _of_content(path: Path, start: bytes) -> str:
    if start.startswith(b"\x89HDF") or start[512:].startswith(b"\x89HDF"):
        return _of_hdf5(path, matlab=start.startswith(b"MATLAB"))
    if start.startswith(b"MATLAB"):
        return "matlab"
    if start.startswith((b"CDF\x01", b"CDF\x02", b"CDF\x05")):
        return "netcdf"
    if path.suffix.casefold() in (".pt", ".pth") or (start.startswith(b"PK") and _is_torch(path)):
        return "torch"
    if path.suffix.casefold() in (".h5", ".hdf5", ".nc", ".mat"):
        raise InputError(f"{path}: it begins with {start[:8]!r}, so it is no {path.suffix} file; get it again")
    raise OtherFormError(f"{path}: a file of extension {path.suffix or 'none'} is not read; accepted are {ACCEPTED}")


def _is_torch(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/data.pkl") for name in archive.namelist())


def _of_hdf5(path: Path, *, matlab: bool) -> str:
    if matlab:
        return "matlab73"
    with _file(path) as file:
        if str(file.attrs.get("kind", "")) and "Conventions" in file.attrs:
            raise InputError(f"{path}: is a file that polyadic has made; use it as it is")
        if the_well.is_well(file):
            return "the_well"
        if pdebench.layout(file):
            return "pdebench"
        scales = any(isinstance(item, h5py.Dataset) and "DIMENSION_LIST" in item.attrs for item in file.values())
        return "netcdf" if "_NCProperties" in file.attrs or scales else "hdf5"


def _file(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a readable HDF5 file ({first_line(error)}); it may be truncated: get it again"
        ) from error


def read(path: Path, cfg: FieldFilesConfig) -> Contents:
    """Return what a file holds; its fields are read when they are asked for.

    Raises
    ------
    InputError
        If it is none of the formats, or damaged, or lacks what the settings name.
    """
    form = of(path)
    if form == "torch":
        return arrays.of_arrays(path, arrays.tensors(path), cfg)
    if form == "matlab":
        return arrays.of_arrays(path, arrays.matlab(path), cfg, form)
    if form == "netcdf":
        return arrays.variables(path, cfg)
    with _file(path) as file:
        try:
            if form == "the_well":
                return the_well.read(path, file)
            if form == "pdebench":
                return pdebench.read(path, file)
            return arrays.of_arrays(path, arrays.hdf5(path, file), cfg, "" if form == "hdf5" else form)
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{path}: a part of it cannot be read ({first_line(error)}); it may be truncated: get it again"
            ) from error
