"""Kriged normals of stations plus kriged anomalies of the time stamp: climatologically aided interpolation.

With value y of station s at time stamp t in calendar month m,

    y = trend(s, m) + normal(s, m) + anomaly(s, t) + noise,

where the trend is linear in elevation and place by calendar month, the normals of a month are one Gaussian field, and
the anomalies of every stamp are another, independent between stamps. Each is kriged given the other, in turn (block
Gauss-Seidel on the joint posterior mean). An unseen station gets the kriged normal, a stamp without data no anomaly.
Willmott & Robeson (1995), *Int. J. Climatology* 15, 221-229.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from polyadic.evaluation.observation_baselines.climatology import anomalies
from polyadic.evaluation.observation_baselines.gaussian_field import Field, Sites
from polyadic.evaluation.observation_baselines.kriging import MonthlyTrend, Stamps, sites
from polyadic.evaluation.observation_baselines.means import group_means
from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table, tables

ROUNDS = 2
LEARNED_MONTHS = (0, 6)


@dataclass(frozen=True, eq=False)
class Anomalies:
    """The fitted model.

    Parameters
    ----------
    normal
        Trend plus normal at the train rows, then at the test rows, and its variance.
    residual
        Train values less their normal.
    field
        Of the anomalies.
    """

    normal: Floats
    normal_variance: Floats
    residual: Floats
    field: Field


def anomaly_kriging(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the kriged normal of the station and calendar month plus the kriged anomaly of the time stamp.

    The variance is that of the normal, the anomaly and the noise added up, as if the first two were independent.

    Raises
    ------
    ValueError
        If the data lack a place or a datetime.
    """
    pair = tables(train, test, variable)
    here, there = sites(pair.train, pair.test)
    model = fit(pair.train, pair.test, here, there, seed)
    stamps = Stamps.of(pair.train, pair.test)
    mean, variance = stamps.krige(model.field, here, model.residual, there)
    rows = len(pair.train)
    return Prediction(
        pair.restore(model.normal[rows:] + mean),
        pair.restore(model.normal_variance[rows:] + variance + model.field.noise),
    )


def fit(train: Table, test: Table, here: Sites, there: Sites, seed: int) -> Anomalies:
    """Return normals at the rows of train and test, and the field of the anomalies."""
    cells = Cells.of(train, test, here, there)
    stamps = Stamps.of(train, train)
    anomaly, _ = anomalies(train, test)
    normal, spread, normal_field = cells.normals(train.value - anomaly, None)
    field = None
    for _ in range(ROUNDS - 1):
        residual = train.value - normal[: len(train)]
        field = stamps.learn(here, residual, seed, field)
        anomaly, _ = stamps.krige(field, here, residual, here)
        normal, spread, normal_field = cells.normals(train.value - anomaly, normal_field)
    residual = train.value - normal[: len(train)]
    return Anomalies(normal, spread, residual, stamps.learn(here, residual, seed, field))


@dataclass(frozen=True, eq=False)
class Cells:
    """The distinct pairs of site and calendar month among the rows of train and test."""

    train: Table
    where: Sites
    row_sites: Sites
    month: Integers
    number: Integers

    @classmethod
    def of(cls, train: Table, test: Table, here: Sites, there: Sites) -> Cells:
        """Return the cells of two tables."""
        if train.month is None or test.month is None or train.site is None or test.site is None:
            raise ValueError("anomaly_kriging: needs coordinates `latitude` and `longitude` and a datetime `time`")
        code = np.concatenate([train.site * 12 + train.month, test.site * 12 + test.month])
        cell, first, number = np.unique(code, return_index=True, return_inverse=True)
        both = (np.concatenate(pair) for pair in zip(vars(here).values(), vars(there).values(), strict=True))
        return cls(train, Sites(*both).take(first), here, cell % 12, number)

    def normals(self, value: Floats, start: Field | None) -> tuple[Floats, Floats, Field]:
        """Return trend plus normal at the rows of train and test, its variance, and the field of the normals."""
        trend = MonthlyTrend.of(self.train, self.row_sites, value)
        departure = value - trend.at(self.train, self.row_sites)
        mean, count = group_means(self.number[: len(value)], departure, len(self.month))
        known = np.flatnonzero(count > 0)
        groups = Stamps.by(self.month[known], self.month)
        sources, residual, weight = self.where.take(known), mean[known], 1 / count[known]
        field = groups.learn_chosen(sources, residual, weight, LEARNED_MONTHS, start)
        normal, variance = groups.krige(field, sources, residual, self.where, weight)
        normal += np.einsum("ij,ij->i", self.where.trend, trend.coefficients[self.month])
        return normal[self.number], variance[self.number], field
