"""Gradient-boosted trees on indexes, covariates and the calendar, without and with the mean of the time stamp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from polyadic.evaluation.observation_baselines.means import group_means, stamp_means
from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Table, tables
from polyadic.evaluation.observation_baselines.withhold import constant, withheld, without_values

TREES = 300
RATE = 0.1
DAYS = 365.2425
CATEGORIES = 255

Columns = Callable[[Table, Table], tuple[Floats, Floats]]


def gradient_boosting(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return boosted trees on indexes, covariates, calendar month and season, and the station where it has no place.

    The number of trees (up to 300) and the variance come from one inner split of train.
    """
    with threadpool_limits(1):
        pair = tables(train, test, variable)
        mean, variance = _boost(pair.train, pair.test, features, seed)
    return Prediction(pair.restore(mean), pair.restore(variance))


def gradient_boosting_day_mean(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the boosted trees with one more feature: the mean of the other train rows at the same time stamp.

    Rows at a stamp without train rows are predicted by trees that do not have the feature.

    Raises
    ------
    ValueError
        If the data have no time stamp.
    """
    with threadpool_limits(1):
        pair = tables(train, test, variable)
        seen = ~np.isnan(stamp_means(pair.train, pair.test))
        mean, variance = np.empty(len(pair.test)), np.empty(len(pair.test))
        for rows, columns in ((seen, _with_stamp_mean), (~seen, features)):
            if rows.any():
                mean[rows], variance[rows] = _boost(pair.train, pair.test.take(rows), columns, seed)
    return Prediction(pair.restore(mean), pair.restore(variance))


def features(train: Table, test: Table) -> tuple[Floats, Floats]:
    """Return the features of train and test rows: indexes, covariates, calendar, and stations that have no place."""
    return _columns(train, train, test), _columns(test, train, test)


def _columns(table: Table, train: Table, test: Table) -> Floats:
    columns = list(table.features.T)
    if table.month is not None and table.day is not None:
        angle = 2 * np.pi * table.day / DAYS
        columns += [table.month.astype(float), np.cos(angle), np.sin(angle)]
    if _categorical(train, test) and table.site is not None:
        columns.append(table.site.astype(float))
    return np.stack(columns, axis=1)


def _categorical(train: Table, test: Table) -> bool:
    if train.site is None or test.site is None or train.place is not None:
        return False
    return max(int(train.site.max()), int(test.site.max(initial=0))) < CATEGORIES


def _with_stamp_mean(train: Table, test: Table) -> tuple[Floats, Floats]:
    """Return the features with the mean of the other train rows at the stamp; NaN for a train row alone at its own."""
    first, second = features(train, test)
    if train.stamp is None:
        raise ValueError("gradient_boosting_day_mean: the data have no time stamp")
    mean, count = (column[train.stamp] for column in group_means(train.stamp, train.value, int(train.stamp.max()) + 1))
    others = np.where(count > 1, (mean * count - train.value) / np.maximum(count - 1, 1), np.nan)
    return np.column_stack([others, first]), np.column_stack([stamp_means(train, test), second])


def _boost(train: Table, test: Table, columns: Columns, seed: int) -> tuple[Floats, Floats]:
    if not len(test):
        return np.empty(0), np.empty(0)
    mask = withheld(train, test, seed)
    inner, outer = train.take(~mask), without_values(train.take(mask))
    learned, asked = columns(inner, outer)
    categorical = [learned.shape[1] - 1] if _categorical(train, test) else None
    trees = _regressor(TREES, categorical, seed).fit(learned, inner.value)
    truth = train.value[mask]
    errors = [float(np.mean((stage - truth) ** 2)) for stage in trees.staged_predict(asked)]
    learned, asked = columns(train, test)
    trees = _regressor(1 + int(np.argmin(errors)), categorical, seed).fit(learned, train.value)
    return np.asarray(trees.predict(asked), dtype=float), constant(np.array([min(errors)]), train, len(test))


def _regressor(count: int, categorical: list[int] | None, seed: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=count,
        learning_rate=RATE,
        min_samples_leaf=10,
        categorical_features=categorical,
        early_stopping=False,
        random_state=seed,
    )
