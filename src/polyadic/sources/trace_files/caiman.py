"""CaImAn: the HDF5 file of its ``estimates``."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polyadic.core.errors import InputError
from polyadic.sources.trace_files.recording import Recording, numbers
from polyadic.sources.trace_files.settings import TracesConfig

SERIES = {"F_dff": "dF/F", "C": "raw", "S": "spikes"}


def read(path: Path, cfg: TracesConfig) -> list[Recording]:
    """Return the recording of a CaImAn file: ``F_dff`` where it was computed, else ``C``; components that were kept.

    Raises
    ------
    InputError
        If the file holds none of them, or ``idx_components`` names others.
    """
    with h5py.File(path, "r") as file:
        estimates = file["estimates"]
        found = [name for name in SERIES if _array(estimates, name) is not None]
        series = cfg.series or next(iter(found), "")
        if series not in found:
            raise InputError(
                f"{path}: estimates hold no traces {series or 'F_dff or C'}, found {', '.join(found) or 'none'};"
                " set series, or save the file after the fit"
            )
        values = numbers(_array(estimates, series), f"{path}, estimates/{series}")
        rois = np.arange(values.shape[0])
        kept = _array(estimates, "idx_components")
        if cfg.only_cells and kept is not None:
            rois = np.asarray(kept, np.intp).ravel()
            if rois.size and (rois.min() < 0 or rois.max() >= values.shape[0]):
                raise InputError(
                    f"{path}: idx_components reaches {rois.max()}, {series} has {values.shape[0]} components;"
                    " set only_cells: false"
                )
        rate = file.get("params/data/fr")
        return [
            Recording(
                path,
                "",
                values[rois],
                rate=float(rate[()]) if isinstance(rate, h5py.Dataset) and rate.dtype.kind in "fiu" else None,
                signal_type=SERIES[series],
                rois=rois,
            )
        ]


def _array(group: h5py.Group, name: str) -> Any:
    """Return an array, or None where CaImAn has stored its None: a text 'NoneType', or nothing."""
    item = group.get(name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiub" or item.ndim == 0:
        return None
    return item[()]
