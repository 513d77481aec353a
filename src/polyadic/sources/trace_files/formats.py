"""Which format a file of traces has, by its content."""

import zipfile
from pathlib import Path

from polyadic.core.errors import InputError, OtherFormError
from polyadic.sources.trace_files import arrays, caiman, nwb, suite2p, tables
from polyadic.sources.trace_files.recording import Recording
from polyadic.sources.trace_files.settings import TracesConfig

ACCEPTED = "NWB 2 (.nwb), a suite2p folder, CaImAn (.hdf5), .csv, .tsv, and named arrays in .npz, .mat or HDF5 files"


def of(path: Path) -> str:
    """Return the format of a file or folder.

    Raises
    ------
    InputError
        For a missing file and for every other format; the message lists what is accepted.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file; check the path")
    if suite2p.folder_of(path) is not None:
        return "suite2p"
    if path.is_dir():
        raise InputError(f"{path}: the folder holds no F.npy of suite2p; accepted are {ACCEPTED}")
    with path.open("rb") as file:
        start = file.read(516)
    if not start:
        raise InputError(f"{path}: the file is empty; get it again")
    return _of_content(path, start)


def _of_content(path: Path, start: bytes) -> str:
    suffix = path.suffix.casefold()
    if start.startswith(b"\x89HDF") or start[512:] == b"\x89HDF" or suffix == ".nwb":
        return _of_hdf5(path)
    if start.startswith(b"MATLAB"):
        return "matlab"
    if zipfile.is_zipfile(path) and suffix == ".npz":
        return "npz"
    if suffix in (".csv", ".tsv", ".txt"):
        return "table"
    raise OtherFormError(f"{path}: a file of extension {suffix or 'none'} is not read; accepted are {ACCEPTED}")


def _of_hdf5(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if nwb.is_nwb(file):
                return "nwb"
            if isinstance(file.get("estimates"), h5py.Group):
                return "caiman"
            if str(file.attrs.get("kind", "")) and "Conventions" in file.attrs:
                raise InputError(f"{path}: is a file that polyadic has made; use it as it is")
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file ({error}); it may be truncated: get it again") from error
    return "matlab" if path.suffix.casefold() == ".mat" else "hdf5"


def read(path: Path, cfg: TracesConfig) -> list[Recording]:
    """Return the recordings of a file in its own or the stated format."""
    form = of(path) if cfg.format == "auto" else cfg.format
    if form == "nwb":
        found = nwb.read(path, cfg)
    elif form == "suite2p":
        found = suite2p.read(path, cfg)
    elif form == "caiman":
        found = caiman.read(path, cfg)
    elif form == "table":
        found = tables.read(path, cfg)
    else:
        found = arrays.read(path, form, cfg)
    for recording in found:
        recording.check()
    return found
