"""Nearest neighbours whose number, weights and scaling of every index are chosen on an inner split of train."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from polyadic.evaluation.observation_baselines.prediction import Floats, Prediction
from polyadic.evaluation.observation_baselines.table import Integers, Table, tables
from polyadic.evaluation.observation_baselines.withhold import constant, withheld

DAYS = 365.2425
MOST = 32
QUERIES = 2000
STEPS = (8.0, 2.0, 1.4)
SWEEPS = 6
POWERS = (0.0, 1.0, 2.0)


class Choice(NamedTuple):
    """An inner error (mean square) and the number of neighbours and power of inverse distance it came with."""

    error: float
    number: int
    power: float


def nearest_neighbours(train: xr.Dataset, test: xr.Dataset, variable: str, seed: int) -> Prediction:
    """Return weighted means of the nearest train rows in scaled indexes, place, season and covariates.

    Latitude and longitude count together as a chord on the sphere, a datetime also as a season (a circle). Weights are
    inverse powers 0, 1, 2 of the distance. Scales are found by coordinate descent on an inner split of train, which
    also gives the variance.
    """
    pair = tables(train, test, variable)
    first, second, group = points(pair.train, pair.test)
    mask = withheld(pair.train, pair.test, seed)
    asked = np.flatnonzero(mask)
    asked = np.sort(np.random.default_rng(seed).permutation(asked)[:QUERIES])
    scale, choice = _descend(first[~mask], pair.train.value[~mask], first[asked], pair.train.value[asked], group)
    value, near = _neighbours(first * scale[group], pair.train.value, second * scale[group], choice.number)
    mean = _means(value, near, choice.power)[:, -1]
    return Prediction(pair.restore(mean), constant(np.array([choice.error]), pair.train, len(mean)))


def points(train: Table, test: Table) -> tuple[Floats, Floats, Integers]:
    """Return standardised coordinates of train and test rows, and the number of the group that scales each column.

    A covariate that is missing takes the train mean.
    """
    columns: list[tuple[Floats, Floats]] = []
    if train.place is not None and test.place is not None:
        columns.append((train.place, test.place))
    for number, name in enumerate(train.names):
        if train.place is None or name not in ("latitude", "longitude"):
            columns.append((train.features[:, [number]], test.features[:, [number]]))
    if train.month is not None:
        columns.append((_season(train), _season(test)))
    pairs = [_standard(*pair) for pair in columns]
    group = np.repeat(np.arange(len(pairs)), [pair[0].shape[1] for pair in pairs])
    return np.hstack([pair[0] for pair in pairs]), np.hstack([pair[1] for pair in pairs]), group


def _season(table: Table) -> Floats:
    if table.day is None:
        raise ValueError("nearest_neighbours: the test rows have no datetime `time`, train has")
    angle = 2 * np.pi * table.day / DAYS
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _standard(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    middle = np.nanmean(first, axis=0)
    width = float(np.sqrt(np.nanmean((first - middle) ** 2))) or 1.0
    return np.nan_to_num((first - middle) / width), np.nan_to_num((second - middle) / width)


def _descend(known: Floats, value: Floats, asked: Floats, truth: Floats, group: Integers) -> tuple[Floats, Choice]:
    scale = np.ones(group.max() + 1)
    best = _choose(known * scale[group], value, asked * scale[group], truth)
    for step in STEPS:
        for _ in range(SWEEPS):
            before = best.error
            for number in range(len(scale)):
                for factor in (step, 1 / step):
                    scale, best = _walk(scale, best, number, factor, (known, value, asked, truth, group))
            if best.error > before * (1 - 1e-3):
                break
    return scale, best


def _walk(
    scale: Floats, best: Choice, number: int, factor: float, data: tuple[Floats, Floats, Floats, Floats, Integers]
) -> tuple[Floats, Choice]:
    """Return the scales after going on in one direction as long as that helps."""
    known, value, asked, truth, group = data
    while True:
        trial = scale.copy()
        trial[number] *= factor
        choice = _choose(known * trial[group], value, asked * trial[group], truth)
        if choice.error >= best.error or not 1e-4 < trial[number] < 1e6:
            return scale, best
        scale, best = trial, choice


def _choose(known: Floats, value: Floats, asked: Floats, truth: Floats) -> Choice:
    found, near = _neighbours(known, value, asked, MOST)
    choices = []
    for power in POWERS:
        errors = np.mean((_means(found, near, power) - truth[:, None]) ** 2, axis=0)
        choices.append(Choice(float(errors.min()), int(errors.argmin()) + 1, power))
    return min(choices)


def _neighbours(known: Floats, value: Floats, asked: Floats, count: int) -> tuple[Floats, Floats]:
    """Return values and distances of the nearest rows, (asked, count)."""
    count = min(count, len(known))
    tree = cKDTree(known, balanced_tree=False, compact_nodes=False)
    near, rows = tree.query(asked, k=np.arange(1, count + 1))
    return np.asarray(value[rows]), np.asarray(near, dtype=float)


def _means(value: Floats, near: Floats, power: float) -> Floats:
    """Return the weighted means of the nearest 1, 2, ... rows, (asked, count)."""
    weight = (near + 1e-9 + 1e-3 * near[:, -1:]) ** -power
    return np.asarray(np.cumsum(weight * value, axis=1) / np.cumsum(weight, axis=1))
