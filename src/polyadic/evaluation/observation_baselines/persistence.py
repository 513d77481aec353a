r"""Kriging in time, at every station, of what kriging in space leaves: the errors of a station persist.

The residual q of a train row from the kriging of all other rows of its time stamp (leave-one-out) is, at lag
:math:`\tau` in time at the same station, correlated as

    c(tau) = v_1 exp(-tau / s) + v_2 exp(-tau / l) + v_3 exp(-tau / l) cos(2 pi tau / year),

a short memory (weather regimes), a long one (a station moved, a slow drift) and a yearly one (the station's own
season), plus white noise. Test rows have residuals of the same law, so each is kriged from the nearest residuals in
time at its station. Hyperparameters maximise the likelihood of windows of consecutive residuals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize

from polyadic.evaluation.observation_baselines.anomaly_kriging import solved
from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table

YEAR = 365.2425
NEAREST = 24
WINDOW = 36
WINDOWS = 120
ITERATIONS = 30
CHUNK = 4096


def space_time_kriging(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return the kriged normal and anomaly plus the station's kriging error, kriged in time from its other rows.

    Raises
    ------
    ValueError
        If the data lack a place or a datetime.
    """
    kriged = solved(train, test, variable, seed)
    pair, here, model, stamps = kriged.pair, kriged.here, kriged.model, kriged.stamps
    mean, variance = kriged.mean, kriged.variance
    left = stamps.leave_one_out(model.field, here, model.residual)[0]
    memory = Memory.learn(pair.train, left, seed)
    offset, share = memory.krige(pair.train, left, pair.test)
    rows = len(pair.train)
    total = model.normal_variance[rows:] + variance + model.field.noise
    kept = np.maximum(total - (1 - share) * memory.variance, share * memory.variance)
    return Prediction(pair.restore(model.normal[rows:] + mean + offset), pair.restore(kept))


@dataclass(frozen=True, eq=False)
class Memory:
    """Variances v_1, v_2, v_3 and noise (squared unit of the data), scales s and l (days) of the covariance in time."""

    short: float
    long: float
    yearly: float
    noise: float
    short_scale: float
    long_scale: float

    @property
    def variance(self) -> float:
        """The variance of one residual, noise included."""
        return self.short + self.long + self.yearly + self.noise

    def covariance(self, lag: Floats) -> Floats:
        """Return the covariance without noise at lags in days, of any shape."""
        slow = np.exp(-np.abs(lag) / self.long_scale)
        quick = self.short * np.exp(-np.abs(lag) / self.short_scale)
        return np.asarray(quick + slow * (self.long + self.yearly * np.cos(2 * np.pi * lag / YEAR)))

    @classmethod
    def learn(cls, train: Table, residual: Floats, seed: int) -> Memory:
        """Return the hyperparameters of the greatest likelihood over windows of consecutive rows of a station."""
        day, site, order = _by_site(train)
        width = int(min(WINDOW, np.bincount(site).max()))
        starts = np.flatnonzero(site[: len(site) - width + 1] == site[width - 1 :])
        chosen = np.sort(np.random.default_rng(seed).permutation(starts)[:WINDOWS])
        rows = chosen[:, None] + np.arange(width)
        lag, value = day[rows][:, :, None] - day[rows][:, None, :], residual[order][rows]
        gap = max(float(np.median(np.diff(day[rows], axis=1))) if width > 1 else 1.0, 1e-6)
        scale = float(np.mean(value**2)) + 1e-12
        start = np.log(np.r_[np.full(4, scale / 4), 3 * gap, max(60 * gap, 3 * YEAR)])
        spread = np.log(np.r_[np.full(4, 1e4), 30.0, 30.0])

        def objective(parameters: Floats) -> tuple[float, Floats]:
            return cls(*map(float, np.exp(parameters)))._likelihood(lag, value)

        found = minimize(
            objective,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(float(low), float(high)) for low, high in zip(start - spread, start + spread, strict=True)],
            options={"maxiter": ITERATIONS},
        )
        return cls(*(float(number) for number in np.exp(found.x)))

    def krige(self, train: Table, residual: Floats, test: Table) -> tuple[Floats, Floats]:
        """Return the expected residual at the test rows, and the share of its variance that stays unknown."""
        day, _, order = _by_site(train)
        mean, share = np.zeros(len(test)), np.ones(len(test))
        for first in range(0, len(test), CHUNK):
            part = slice(first, first + CHUNK)
            rows, known = nearest_in_time(train, test.take(np.arange(len(test))[part]), NEAREST)
            if test.day is None:
                raise ValueError("space_time_kriging: the test rows have no time")
            pairs = known[:, :, None] & known[:, None, :]
            matrix = np.where(pairs, self.covariance(day[rows][:, :, None] - day[rows][:, None, :]), 0.0)
            matrix[:, np.arange(rows.shape[1]), np.arange(rows.shape[1])] = self.variance
            cross = np.where(known, self.covariance(day[rows] - test.day[part][:, None]), 0.0)
            weight = np.linalg.solve(matrix, cross[:, :, None])[:, :, 0]
            mean[part] = np.einsum("ij,ij->i", weight, residual[order][rows])
            share[part] = 1 - np.einsum("ij,ij->i", weight, cross) / self.variance
        return mean, np.maximum(share, 1e-6)

    def _likelihood(self, lag: Floats, value: Floats) -> tuple[float, Floats]:
        """Return the mean negative log likelihood of windows and its gradient by log hyperparameters in field order."""
        lag = np.abs(lag)
        slow = np.exp(-lag / self.long_scale)
        quick = self.short * np.exp(-lag / self.short_scale)
        season = self.yearly * slow * np.cos(2 * np.pi * lag / YEAR)
        slow *= self.long
        white = self.noise * np.eye(lag.shape[1])
        matrix = quick + slow + season + white
        inverse = np.linalg.inv(matrix)
        alpha = np.einsum("wij,wj->wi", inverse, value)
        total = 0.5 * (np.linalg.slogdet(matrix)[1].sum() + np.sum(value * alpha))
        slope = 0.5 * (inverse - alpha[:, :, None] * alpha[:, None, :])
        by = (quick, slow, season, white, quick * lag / self.short_scale, (slow + season) * lag / self.long_scale)
        return float(total) / len(value), np.array([np.sum(slope * part) for part in by]) / len(value)


def nearest_in_time(train: Table, test: Table, count: int) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the nearest train rows in time at the site of each test row, among train rows sorted by site and time.

    Returns
    -------
    positions (test rows, count) in the sorted train rows, and which of them are at the site.
    """
    day, site, _ = _by_site(train)
    if test.day is None or test.site is None:
        raise ValueError("space_time_kriging: the test rows have no time or no place")
    span = float(max(day.max(), test.day.max()) - min(day.min(), test.day.min())) + 1
    origin = float(min(day.min(), test.day.min()))
    key, asked = site * 3 * span + day - origin, test.site * 3 * span + test.day - origin
    candidates = np.searchsorted(key, asked)[:, None] + np.arange(-count, count)
    distance = np.abs(key[np.clip(candidates, 0, len(key) - 1)] - asked[:, None])
    distance[(candidates < 0) | (candidates >= len(key))] = np.inf
    chosen = np.argsort(distance, axis=1, kind="stable")[:, :count]
    known = np.take_along_axis(distance, chosen, axis=1) <= span
    return np.clip(np.take_along_axis(candidates, chosen, axis=1), 0, len(key) - 1), known


def _by_site(train: Table) -> tuple[Floats, Integers, Integers]:
    if train.day is None or train.site is None:
        raise ValueError("space_time_kriging: the data have no time or no place")
    order = np.lexsort([train.day, train.site])
    return train.day[order], train.site[order], order.astype(np.int64)
