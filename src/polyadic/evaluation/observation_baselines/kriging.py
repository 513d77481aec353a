"""Kriging by time stamp, with a trend in elevation, latitude and longitude shrunk to that of the calendar month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Table, tables
from polyadic.kernels.field_groups import Groups
from polyadic.kernels.gaussian_field import Sites


def elevation_kriging(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return, at every time stamp, a trend in elevation and place plus kriging of its residuals over chords in km.

    The trend's coefficients have the calendar month's pooled ones as their prior mean, so that a stamp of few stations
    keeps the usual lapse rate. The residuals' covariance falls with horizontal and with vertical distance. A stamp
    without train rows gets the calendar month's trend and the prior variance. Hyperparameters by maximum likelihood on
    48 time stamps, drawn by ``seed``.

    Raises
    ------
    ValueError
        If the data lack a time stamp, a place or an elevation.
    """
    pair = tables(train, test, variable)
    if pair.train.elevation is None:
        raise ValueError("elevation_kriging: the data have no elevation; a covariate `elevation` in m is needed")
    here, there = sites(pair.train, pair.test)
    trend = MonthlyTrend.of(pair.train, here, pair.train.value)
    residual = pair.train.value - trend.at(pair.train, here)
    stamps = Stamps.of(pair.train, pair.test)
    field = stamps.learn(here, residual, seed)
    mean, variance = stamps.krige(field, here, residual, there)
    return Prediction(pair.restore(mean + trend.at(pair.test, there)), pair.restore(variance + field.noise))


def sites(train: Table, test: Table) -> tuple[Sites, Sites]:
    """Return where the train and the test rows lie; trend columns are 1, elevation (km), degrees north and east.

    The columns are centred at the train rows; without elevations that column is left out.
    """
    if train.place is None or train.degrees is None:
        raise ValueError("kriging: the data have no place; coordinates `latitude` and `longitude` are needed")
    angle = np.radians(train.degrees[:, 1])
    middle = np.degrees(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()))
    level = 0.0 if train.elevation is None else float(np.nanmean(train.elevation))
    north = float(train.degrees[:, 0].mean())
    return _sites(train, north, middle, level), _sites(test, north, middle, level)


def _sites(table: Table, north: float, middle: float, level: float) -> Sites:
    if table.place is None or table.degrees is None:
        raise ValueError("kriging: the test rows have no place; coordinates `latitude` and `longitude` are needed")
    east = (table.degrees[:, 1] - middle + 180) % 360 - 180
    columns = [np.ones(len(table)), table.degrees[:, 0] - north, east]
    height = np.zeros(len(table))
    if table.elevation is not None:
        height = np.nan_to_num((table.elevation - level) / 1000)
        columns.insert(1, height)
    return Sites(table.place, height[:, None], np.stack(columns, axis=1))


@dataclass(frozen=True, eq=False)
class MonthlyTrend:
    """Coefficients (12, p) of the trend columns in every calendar month; one pooled trend without a calendar."""

    coefficients: Floats

    @classmethod
    def of(cls, train: Table, here: Sites, value: Floats) -> MonthlyTrend:
        """Return least-squares coefficients; those of all months where a month has too few rows."""
        pooled = np.linalg.lstsq(here.trend, value, rcond=None)[0]
        coefficients = np.tile(pooled, (12, 1))
        for month in range(12 if train.month is not None else 0):
            rows = train.month == month
            if np.count_nonzero(rows) >= 4 * here.trend.shape[1]:
                coefficients[month] = np.linalg.lstsq(here.trend[rows], value[rows], rcond=None)[0]
        return cls(coefficients)

    def at(self, table: Table, where: Sites) -> Floats:
        """Return the trend at rows."""
        month = np.zeros(len(table), dtype=int) if table.month is None else table.month
        return np.asarray(np.einsum("ij,ij->i", where.trend, self.coefficients[month]))


class Stamps(Groups):
    """The train rows and the test rows of every time stamp."""

    @classmethod
    def of(cls, train: Table, test: Table) -> Stamps:
        """Return the groups by time stamp."""
        if train.stamp is None or test.stamp is None:
            raise ValueError("kriging: the data have no time; a coordinate `time` (or an index `day`) is needed")
        return cls.by(train.stamp, test.stamp)
