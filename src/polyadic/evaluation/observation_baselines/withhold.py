"""An inner split of the train rows that imitates the outer one, and the error variance it gives.

A number of neighbours or an error variance measured on rows withheld at random says little about whole stations or
whole years without data. The coordinates of the test rows (never their values) tell which of the three it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table, tables

Mask = NDArray[np.bool_]
Point = Callable[[Table, Table, int], Floats]
SMALLEST, LARGEST = 0.1, 0.2
REPEATS = 4
RELATIVE = 1e-18


def withheld(train: Table, test: Table, seed: int, repeat: int = 0) -> Mask:
    """Return which train rows to withhold so that they lie to the others as the test rows lie to train.

    Most test rows at unseen time stamps: blocks of consecutive stamps of the median length of the test blocks. Else
    most at unseen sites: whole sites. Else rows at random. The share is that of the test rows, kept within 10-20 %.

    Parameters
    ----------
    train, test
        Tables in canonical order.
    seed, repeat
        Of the draw.

    Raises
    ------
    ValueError
        If ``train`` has fewer than two rows.
    """
    if len(train) < 2:
        raise ValueError(f"train: {len(train)} rows; an inner split needs at least 2")
    share = float(np.clip(len(test) / (len(train) + len(test)), SMALLEST, LARGEST))
    generator = np.random.default_rng([seed, repeat])
    mask = np.zeros(len(train), dtype=bool)
    if train.stamp is not None and test.stamp is not None and _unseen(train.stamp, test.stamp):
        mask = _blocks(train.stamp, _length(train.stamp, test.stamp), share, generator)
    elif train.site is not None and test.site is not None and _unseen(train.site, test.site):
        sites = np.unique(train.site)
        mask = np.isin(train.site, generator.permutation(sites)[: max(1, round(share * len(sites)))])
    if not mask.any() or mask.all():
        mask = np.zeros(len(train), dtype=bool)
        mask[generator.permutation(len(train))[: max(1, round(share * len(train)))]] = True
    return mask


def homoscedastic(
    point: Point, train: xr.Dataset, test: xr.Dataset, variable: str, seed: int, repeats: int = REPEATS
) -> Prediction:
    """Return the predictions of a baseline without variances, with the mean square of its inner withheld residuals.

    Parameters
    ----------
    point
        ``(train table, test table, seed) -> mean`` (test rows,).
    train, test, variable, seed
        As of every baseline.
    repeats
        Number of inner splits that the residuals are pooled over.
    """
    pair = tables(train, test, variable)
    mean = point(pair.train, pair.test, seed)
    if len(pair.train) < 2:
        return Prediction(pair.restore(mean), None)
    squares = []
    for repeat in range(repeats):
        mask = withheld(pair.train, pair.test, seed, repeat)
        inner = point(pair.train.take(~mask), without_values(pair.train.take(mask)), seed)
        squares.append((pair.train.value[mask] - inner) ** 2)
    return Prediction(pair.restore(mean), constant(np.concatenate(squares), pair.train, len(mean)))


def constant(squares: Floats, train: Table, rows: int) -> Floats:
    """Return the mean of squared residuals for every row, above zero even where train is reproduced exactly."""
    return np.full(rows, max(float(np.mean(squares)), RELATIVE * (1e-300 + float(np.mean(train.value**2)))))


def without_values(table: Table) -> Table:
    """Return the table with its values blanked, so that no baseline can look at what it is to predict."""
    columns = vars(table) | {"value": np.full(len(table), np.nan)}
    return Table(**columns)


def _unseen(train: Integers, test: Integers) -> bool:
    shared = len(train) >= 2 * len(np.unique(train))
    return shared and len(test) > 0 and bool(np.mean(~np.isin(test, train)) > 0.5)


def _length(train: Integers, test: Integers) -> int:
    gaps = np.setdiff1d(test, train)
    return int(np.median(np.diff(np.flatnonzero(np.r_[True, np.diff(gaps) > 1, True]))))


def _blocks(stamp: Integers, length: int, share: float, generator: np.random.Generator) -> Mask:
    stamps, position = np.unique(stamp, return_inverse=True)
    block = position // length
    count = max(1, round(share * len(stamps) / length))
    return np.isin(block, generator.permutation(int(block.max()) + 1)[:count])
