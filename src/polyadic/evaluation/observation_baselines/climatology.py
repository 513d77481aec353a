"""Baselines of climatology: the normal of a station in a calendar month, and the anomaly of the region.

With the value y of station s at time stamp t in calendar month m(t), the two-way additive model

    y = normal(s, m) + anomaly(t) + residual

is fitted by alternating means, so that a station that reported in warm years only does not get too warm a normal.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from polyadic.evaluation.observation_baselines.means import group_means, regional_climatology
from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Table
from polyadic.evaluation.observation_baselines.withhold import homoscedastic

ROUNDS = 10


def station_climatology(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the mean of the station in the calendar month; the region's for a station without train rows.

    A month in which the station has no train row gets the region's mean of the month plus the station's mean
    departure from the region in its other months.
    """
    return homoscedastic(_station_climatology, train, test, variable, seed)


def climatology_anomaly(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the station's normal plus the mean anomaly of the train rows at the same time stamp (0 where none)."""
    return homoscedastic(_climatology_anomaly, train, test, variable, seed)


def normals(train: Table, value: Floats, test: Table) -> Floats:
    """Return the normal of the station and calendar month of each test row, from ``value`` at the train rows."""
    if train.site is None or test.site is None or train.month is None or test.month is None:
        raise ValueError("station_climatology: needs stations (or places) and a datetime coordinate `time`")
    sites = 1 + int(max(train.site.max(), test.site.max(initial=0)))
    region = regional_climatology(_with(train, value), train)
    departure = np.nan_to_num(group_means(train.site, value - region, sites)[0])
    normal = group_means(train.site * 12 + train.month, value, sites * 12)[0][test.site * 12 + test.month]
    fallback = regional_climatology(_with(train, value), test) + departure[test.site]
    return np.where(np.isnan(normal), fallback, normal)


def anomalies(train: Table, test: Table, rounds: int = ROUNDS) -> tuple[Floats, Floats]:
    """Return the region's anomaly at the train rows and at the test rows, by alternating means."""
    if train.stamp is None or test.stamp is None:
        raise ValueError("climatology_anomaly: the data have no time; a datetime coordinate `time` is needed")
    size = 1 + int(max(train.stamp.max(), test.stamp.max(initial=0)))
    anomaly = np.zeros(size)
    for _ in range(rounds):
        residual = train.value - normals(train, train.value - anomaly[train.stamp], train)
        anomaly = np.nan_to_num(group_means(train.stamp, residual, size)[0])
    return anomaly[train.stamp], anomaly[test.stamp]


def _with(train: Table, value: Floats) -> Table:
    return Table(value, train.features, train.names, month=train.month)


def _station_climatology(train: Table, test: Table, _seed: int) -> Floats:
    return normals(train, train.value, test)


def _climatology_anomaly(train: Table, test: Table, _seed: int) -> Floats:
    here, there = anomalies(train, test)
    return normals(train, train.value - here, test) + there
