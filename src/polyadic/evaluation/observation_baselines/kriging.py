"""Kriging by time stamp, with a trend in elevation, latitude and longitude shrunk to that of the calendar month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation.observation_baselines.gaussian_field import Field, Group, Sites, learn
from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table, tables

LEARNED_STAMPS = 48
LEARNED_ROWS = 400
SMALLEST_GROUP = 5


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


@dataclass(frozen=True, eq=False)
class Stamps:
    """Positions of the train rows and of the test rows of every group (time stamp, calendar month)."""

    train: list[Integers]
    test: list[Integers]

    @classmethod
    def of(cls, train: Table, test: Table) -> Stamps:
        """Return the groups by time stamp."""
        if train.stamp is None or test.stamp is None:
            raise ValueError("kriging: the data have no time; a coordinate `time` (or an index `day`) is needed")
        return cls.by(train.stamp, test.stamp)

    @classmethod
    def by(cls, train: NDArray[np.int64], test: NDArray[np.int64]) -> Stamps:
        """Return the groups by any number."""
        size = 1 + int(max(train.max(), test.max(initial=0)))
        return cls(_positions(train, size), _positions(test, size))

    def learn(self, here: Sites, residual: Floats, seed: int, start: Field | None = None) -> Field:
        """Return the field learned on some groups of at least five rows (the largest where none has five)."""
        size = np.array([len(rows) for rows in self.train])
        enough = np.flatnonzero(size >= min(SMALLEST_GROUP, size.max()))
        chosen = np.sort(np.random.default_rng(seed).permutation(enough)[:LEARNED_STAMPS])
        field = learn([self._some(here, residual, None, number) for number in chosen], start)
        return field.matched(here, residual)

    def learn_chosen(
        self, here: Sites, residual: Floats, weight: Floats, chosen: Sequence[int], start: Field | None = None
    ) -> Field:
        """Return the field learned on the groups of the given numbers, or on all where those have no rows."""
        some = [number for number in chosen if number < len(self.train) and len(self.train[number])]
        some = some or [number for number, rows in enumerate(self.train) if len(rows)]
        return learn([self._some(here, residual, weight, number) for number in some], start)

    def krige(
        self, field: Field, here: Sites, residual: Floats, there: Sites, weight: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return the posterior mean and variance of the noise-free field at the test rows, group by group."""
        mean, variance = np.zeros(len(there.trend)), np.zeros(len(there.trend))
        for number, rows in enumerate(self.test):
            if len(rows):
                group = self._group(here, residual, weight, number)
                mean[rows], variance[rows] = field.krige(group, there.take(rows))
        return mean, variance

    def leave_one_out(self, field: Field, here: Sites, residual: Floats) -> Floats:
        """Return the residual of every train row from the kriging of the other train rows of its group."""
        left = residual.copy()
        for number, rows in enumerate(self.train):
            if len(rows) > 1:
                left[rows] = field.leave_one_out(self._group(here, residual, None, number))
        return left

    def _some(self, here: Sites, residual: Floats, weight: Floats | None, number: int) -> Group:
        """Return the group, thinned evenly to 400 rows: enough to learn from."""
        rows = self.train[number]
        step = max(1, -(-len(rows) // LEARNED_ROWS))
        return Stamps([rows[::step]], [])._group(here, residual, weight, 0)

    def _group(self, here: Sites, residual: Floats, weight: Floats | None, number: int) -> Group:
        rows = self.train[number]
        return Group(here.take(rows), residual[rows], np.ones(len(rows)) if weight is None else weight[rows])


def _positions(label: NDArray[np.int64], size: int) -> list[Integers]:
    order = np.argsort(label, kind="stable")
    return np.split(order, np.cumsum(np.bincount(label, minlength=size))[:-1])
