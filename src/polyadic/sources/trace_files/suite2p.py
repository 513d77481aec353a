"""suite2p: a folder of .npy files; arrays only, pickles not unless they are trusted."""

from pathlib import Path
from typing import Any

import numpy as np

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.sources.trace_files.recording import Recording, numbers
from polyadic.sources.trace_files.settings import TracesConfig

SERIES = ("F", "spks")


def folder_of(path: Path) -> Path | None:
    """Return the plane folder that a path is or lies in: the one with F.npy; None if it is no suite2p folder."""
    candidates = [path, path / "plane0", path / "suite2p" / "plane0"] if path.is_dir() else []
    if path.name in ("F.npy", "spks.npy"):
        candidates = [path.parent]
    return next((folder for folder in candidates if (folder / "F.npy").is_file()), None)


def read(path: Path, cfg: TracesConfig) -> list[Recording]:
    """Return the recording of a suite2p folder.

    ``F - neuropil * Fneu`` or ``spks``; rows that ``iscell`` rejects are left out.

    Raises
    ------
    InputError
        If an array is missing, is a pickle, or has another shape.
    """
    folder = folder_of(path)
    if folder is None:
        raise InputError(f"{path}: holds no F.npy; give the folder plane0 of suite2p")
    series = cfg.series or "F"
    if series not in SERIES:
        raise InputError(f"{folder}: setting series is {series!r}, accepted are F (fluorescence) and spks")
    values = _array(folder, series)
    if series == "F" and cfg.neuropil > 0 and (folder / "Fneu.npy").is_file():
        neuropil = _array(folder, "Fneu")
        if neuropil.shape != values.shape:
            raise InputError(
                f"{folder}: Fneu.npy is {neuropil.shape}, F.npy {values.shape}; set neuropil: 0 to do without"
            )
        values = values - np.float32(cfg.neuropil) * neuropil
    elif series == "F" and cfg.neuropil > 0:
        progress.warn(f"{folder} has no Fneu.npy: the neuropil is not subtracted")
    rois = np.arange(values.shape[0])
    if cfg.only_cells and (folder / "iscell.npy").is_file():
        cells = _array(folder, "iscell")
        if cells.ndim != 2 or cells.shape[0] != values.shape[0]:
            raise InputError(
                f"{folder}: iscell.npy is {cells.shape}, accepted is ({values.shape[0]}, 2); set only_cells: false"
            )
        rois = np.flatnonzero(cells[:, 0] > 0)
    rate = _rate(folder, cfg)
    signal = "spikes" if series == "spks" else "raw"
    return [Recording(folder, "", values[rois], rate=rate, signal_type=signal, rois=rois)]


def _array(folder: Path, name: str) -> Any:
    path = folder / f"{name}.npy"
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; a suite2p folder holds it")
    try:
        values = numbers(np.load(path, allow_pickle=False), str(path))
    except (ValueError, EOFError, OSError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: not a readable array of numbers ({error}); save it again from suite2p") from error
    if values.ndim != 2:
        raise InputError(f"{path}: has shape {values.shape}, accepted is (roi, time)")
    return values


def _rate(folder: Path, cfg: TracesConfig) -> float | None:
    """Return the frame rate of ops.npy, which is a pickle: read on request only."""
    if cfg.sampling_rate is not None or not cfg.trust_pickles or not (folder / "ops.npy").is_file():
        return None
    options = np.load(folder / "ops.npy", allow_pickle=True).item()
    return float(options["fs"]) if isinstance(options, dict) and "fs" in options else None
