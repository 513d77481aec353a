"""Baselines that are one mean: of all rows, of a calendar month, of a time stamp."""

from __future__ import annotations

import numpy as np
import xarray as xr

from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table
from polyadic.evaluation.observation_baselines.withhold import homoscedastic


def mean(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the mean of all train rows.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("obs", [2.0, 1.0])}, {"day": ("obs", [1.0, 0.0])}, {"indexes": '["day"]'})
    >>> mean(ds, ds, "t", 0).mean
    array([1.5, 1.5])
    """
    return homoscedastic(_mean, train, test, variable, seed)


def calendar_month_mean(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the mean of the train rows of the same calendar month; the mean of all where there are none."""
    return homoscedastic(regional_climatology, train, test, variable, seed)


def day_mean(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the mean of the train rows at the same time stamp; elsewhere the calendar month's, or the train mean."""
    return homoscedastic(_day_mean, train, test, variable, seed)


def group_means(group: Integers, value: Floats, size: int) -> tuple[Floats, Floats]:
    """Return the mean of each group (NaN where empty) and its number of rows, both (size,).

    Examples
    --------
    >>> group_means(np.array([0, 0, 2]), np.array([1.0, 3.0, 5.0]), 3)
    (array([ 2., nan,  5.]), array([2., 0., 1.]))
    """
    count = np.bincount(group, minlength=size).astype(float)
    total = np.bincount(group, value, size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def regional_climatology(train: Table, test: Table, seed: int = 0) -> Floats:
    """Return the calendar-month mean of train at the test rows; the train mean without a calendar or a month's rows."""
    _ = seed
    overall = float(np.mean(train.value))
    if train.month is None or test.month is None:
        return np.full(len(test), overall)
    months, _ = group_means(train.month, train.value, 12)
    return np.where(np.isnan(months), overall, months)[test.month]


def stamp_means(train: Table, test: Table) -> Floats:
    """Return the mean of the train rows at the time stamp of each test row, NaN where there are none."""
    if train.stamp is None or test.stamp is None:
        raise ValueError("day_mean: the data have no time; a coordinate `time` (or an index `day`) is needed")
    size = 1 + int(max(train.stamp.max(), test.stamp.max(initial=0)))
    return group_means(train.stamp, train.value, size)[0][test.stamp]


def _mean(train: Table, test: Table, _seed: int) -> Floats:
    return np.full(len(test), float(np.mean(train.value)))


def _day_mean(train: Table, test: Table, _seed: int) -> Floats:
    day = stamp_means(train, test)
    return np.where(np.isnan(day), regional_climatology(train, test), day)
