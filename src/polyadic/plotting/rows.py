"""Which rows of a large table are drawn: a random sample that is always the same, and said in the figure.

Every n-th row would do for rows in no order; rows sorted by time repeat their stations at equal steps.
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Rows = NDArray[np.intp]
SEED = 0


def sampled(rows: Rows, most: int) -> Rows:
    """Return at most ``most`` of some rows, drawn without replacement by a generator of seed 0, in their order.

    Examples
    --------
    >>> sampled(np.arange(3), 5).tolist(), sampled(np.arange(100), 3).size
    ([0, 1, 2], 3)
    """
    if rows.size <= most:
        return rows
    return rows[np.sort(np.random.default_rng(SEED).choice(rows.size, most, replace=False))]


def note(drawn: int, rows: int) -> str:
    """Return what a figure says of its sample, nothing where all rows are drawn.

    Examples
    --------
    >>> note(5, 5), note(200_000, 10_000_000)
    ('', '200,000 of 10,000,000 rows, drawn at random')
    """
    return "" if drawn == rows else f"{drawn:,} of {rows:,} rows, drawn at random"


def taken(array: xr.DataArray, rows: Rows) -> NDArray[np.generic]:
    """Return the values of some rows along ``obs``; of Dask arrays no more than a chunk a worker is in memory."""
    if array.chunks is not None:
        return np.asarray(array.isel(obs=rows).to_numpy())
    return np.asarray(array.to_numpy()[..., rows])


def finite(array: xr.DataArray) -> Rows:
    """Return the rows whose value is finite."""
    return np.flatnonzero(np.isfinite(array.to_numpy()))
