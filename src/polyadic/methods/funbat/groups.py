"""Groups of training rows that lie to one another as the withheld rows lie to them: stations, blocks of time, or none.

Bands that are learned from single withheld rows say little about whole stations or whole years without data. Only the
coordinates of the withheld rows are read for this, never their values.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kinds import observations as kind

Codes = NDArray[np.int64]


def groups_of(observations: xr.Dataset) -> tuple[Codes | None, str]:
    """Return the group of each training row, and what the groups are; None and ``"rows"`` where rows stand alone.

    Most withheld rows at times without a training row: blocks of consecutive times, as long as most gaps of the
    training rows are. Else most at stations, or places, without one: stations. Times, or stations, of one row each are
    rows.

    Parameters
    ----------
    observations
        Rows with the flag ``split``.
    """
    if "split" not in observations.coords:
        return None, "rows"
    train = observations["split"].to_numpy() == kind.SPLITS.index("train")
    for what, label in (("blocks", _times(observations)), ("stations", _stations(observations))):
        if label is None or train.all() or not _unseen(label, train):
            continue
        return (_blocks(label, train) if what == "blocks" else label)[train], what
    return None, "rows"


def _times(ds: xr.Dataset) -> Codes | None:
    if "time" not in ds.coords or ds["time"].dims != ("obs",):
        return None
    return np.unique(ds["time"].to_numpy(), return_inverse=True)[1].reshape(-1)


def _stations(ds: xr.Dataset) -> Codes | None:
    if "station_index" in ds.coords:
        return ds["station_index"].to_numpy().astype(np.int64)
    if not {"latitude", "longitude"} <= set(ds.coords):
        return None
    place = np.stack([ds["latitude"].to_numpy(), ds["longitude"].to_numpy()], axis=1)
    return np.unique(place, axis=0, return_inverse=True)[1].reshape(-1)


def _unseen(label: Codes, train: NDArray[np.bool_]) -> bool:
    """Return whether most withheld rows have labels that no training row has, and training rows share theirs."""
    known = np.bincount(label[train], minlength=int(label.max()) + 1)
    shared = int(train.sum()) >= 2 * np.count_nonzero(known)
    return bool(shared and np.mean(known[label[~train]] == 0) > 0.5)


def _blocks(label: Codes, train: NDArray[np.bool_]) -> Codes:
    known = np.bincount(label[train], minlength=int(label.max()) + 1) > 0
    gaps = np.flatnonzero(~known)
    runs = np.diff(np.flatnonzero(np.r_[True, np.diff(gaps) > 1, True]))
    return np.asarray(label // int(np.median(runs)), np.int64)
