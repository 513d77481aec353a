"""What a file is, by its first bytes and its extension."""

import gzip
import zipfile
from pathlib import Path

from polyadic.core.errors import InputError, OtherFormError
from polyadic.sources.observation_files import parquet
from polyadic.sources.observation_files.stores import ZARR_MARKS

ACCEPTED = "CSV (.csv, .tsv, .txt, also .gz), GeoParquet (.parquet), NetCDF (.nc) and Zarr (a folder or .zip)"
_NETCDF = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")
_TEXT = (".csv", ".tsv", ".txt", ".dat", ".dly")
_OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"GRIB": "GRIB; convert it to NetCDF (cdo -f nc copy, or grib_to_netcdf)",
    b"\x93NUM": "a NumPy array; save it as CSV or NetCDF",
    b"%PDF": "a PDF; get the table as CSV",
}


def of(path: Path) -> str:
    """Return `table`, `netcdf` or `zarr` by what a file begins with, or what a folder holds.

    Raises
    ------
    InputError
        For a folder, a missing or empty file, and everything that is neither; the message names what is accepted.
    """
    if any((path / mark).is_file() for mark in ZARR_MARKS):
        return "zarr"
    if path.is_dir():
        raise InputError(f"{path}: is a folder; accepted are files: {ACCEPTED}")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path")
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise InputError(f"{path}: the file is empty; get it again")
    if start.startswith(_NETCDF):
        return "netcdf"
    if start.startswith(b"PK") and _holds_store(path):
        return "zarr"
    packed = start.startswith(b"\x1f\x8b")
    suffixes = [suffix.casefold() for suffix in path.suffixes][-2 if packed else -1 :]
    other = _other(path, start, packed)
    if start.startswith(parquet.MAGIC) or (not other and set(suffixes) & set(_TEXT)):
        return "table"
    raise OtherFormError(f"{path}: {other or _refusal(suffixes, start)}")


def _holds_store(path: Path) -> bool:
    """Return whether a zip archive has a Zarr store at its root."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return bool(set(ZARR_MARKS) & set(archive.namelist()))


def _other(path: Path, start: bytes, packed: bool) -> str:
    """Return what a file of a known other format is, else an empty text."""
    if packed and _unpacked_start(path).startswith(_NETCDF):
        return "is a gzipped NetCDF file; unpack it with gunzip"
    known = next((what for magic, what in _OTHERS.items() if start.startswith(magic)), "")
    return f"is {known}; accepted are {ACCEPTED}" if known else ""


def _refusal(suffixes: list[str], start: bytes) -> str:
    if set(suffixes) & {".nc", ".nc4", ".cdf", ".h5"}:
        return f"is no NetCDF file, it begins with {start!r}; it may be damaged: get it again"
    return f"a file of extension {''.join(suffixes) or 'none'} is not read; accepted are {ACCEPTED}"


def _unpacked_start(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(8)
    except (OSError, EOFError):
        return b""
