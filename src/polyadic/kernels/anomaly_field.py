"""What single times bring: a Gaussian field over places, drawn anew at each time, beside the normals of the places.

Where a place has no value of its own, the values of all others at the same time say most. One field a time, with a
trend in place and covariates that is shrunk to none (:mod:`polyadic.kernels.gaussian_field`), is conditioned on all of
them; a process in space and time conditioned on its nearest neighbours sees a third of them. Coordinates and covariates
are divided by their standard deviation, which for coordinates is one over all columns.
"""

from dataclasses import dataclass

import numpy as np

from polyadic.kernels.field_groups import Groups
from polyadic.kernels.gaussian_field import Field, Sites
from polyadic.kernels.matern_products import Floats
from polyadic.kernels.place_columns import PlaceColumns
from polyadic.kernels.tucker_layout import distinct_rows

LEARNED = 48
"""Times that the hyperparameters are learned on."""
FEWEST = 5
"""Values at the same time, in the median over values, below which there is no field."""
MOST = 1e11
"""Sum of the cubed numbers of values over times above which there is no field: it would take minutes."""


@dataclass(frozen=True)
class AnomalyField:
    """A learned field; the values that it is conditioned on are given at each call.

    Attributes
    ----------
    places
        The columns of place and covariates.
    field
        Its hyperparameters, in standardised coordinates.
    centre, scale
        Of embedded coordinates and covariates, (d + k,).
    """

    places: PlaceColumns
    field: Field
    centre: Floats
    scale: Floats


def applies(X: Floats, places: PlaceColumns) -> bool:
    """Return whether values share their times: five or more each, not so many that kriging takes minutes.

    Examples
    --------
    >>> X = np.stack([np.tile(np.arange(9.0), 4), np.repeat(np.arange(4.0), 9)], axis=1)
    >>> applies(X, PlaceColumns((0,), ("line",), (), (1,), (np.array([2.0]),)))
    True
    """
    count = np.bincount(_times(places, X)[0]).astype(float)
    return bool(np.median(np.repeat(count, count.astype(int))) >= FEWEST and (count**3).sum() <= MOST)


def learn(X: Floats, residual: Floats, places: PlaceColumns, seed: int = 0) -> AnomalyField:
    """Return the field learned from values less their normals.

    Parameters
    ----------
    X, residual
        Table (n, columns), and values less normals (n,).
    places
        The columns of the place.
    seed
        Draws the times that are learned from.
    """
    coordinates, covariates = places.embedded(X)
    deviation = covariates.std(axis=0)
    scale = np.concatenate(
        [
            np.full(coordinates.shape[1], coordinates.std(axis=0).max() or 1.0),
            np.where(deviation > 0, deviation, 1.0),
        ]
    )
    centre = np.concatenate([coordinates, covariates], axis=1).mean(axis=0)
    start = AnomalyField(places, Field(1.0, 1.0, 1.0, 1.0, np.ones(1)), centre, scale)
    label = _times(places, X)[0]
    field = Groups.by(label, label[:0]).learn(_sites(start, X), residual, seed, count=LEARNED)
    return AnomalyField(places, field, centre, scale)


def of_others(anomalies: AnomalyField, X: Floats, residual: Floats) -> tuple[Floats, Floats]:
    """Return what the other values of the same time say at each row, and the variance of the value about it, (n,) each.

    No value explains itself.

    Notes
    -----
    O(sum over times of the cubed number of values).
    """
    label = _times(anomalies.places, X)[0]
    left, variance = Groups.by(label, label[:0]).leave_one_out(anomalies.field, _sites(anomalies, X), residual)
    return residual - left, variance


def predict(anomalies: AnomalyField, X: Floats, residual: Floats, new: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance (p,) of the field at new rows (p, columns), given values less normals at rows X."""
    told = np.ones(len(X), bool)
    for column in anomalies.places.times:
        told &= np.isin(X[:, column], np.unique(new[:, column]))
    rows = np.flatnonzero(told)
    groups = Groups.by(*_times(anomalies.places, X[rows], new))
    return groups.krige(anomalies.field, _sites(anomalies, X[rows]), residual[rows], _sites(anomalies, new))


def _times(places: PlaceColumns, *tables: Floats) -> list[np.ndarray]:
    """Return the number of the time of every row of each table: of all columns with given functions together."""
    _, _, where = distinct_rows(np.concatenate([X[:, list(places.times)] for X in tables]))
    return np.split(where, np.cumsum([len(X) for X in tables])[:-1])


def _sites(anomalies: AnomalyField, X: Floats) -> Sites:
    coordinates, covariates = anomalies.places.embedded(X)
    scaled = (np.concatenate([coordinates, covariates], axis=1) - anomalies.centre) / anomalies.scale
    wide = coordinates.shape[1]
    height = scaled[:, wide:] if covariates.shape[1] else np.zeros((len(X), 1))
    return Sites(scaled[:, :wide], height, np.column_stack([np.ones(len(X)), scaled]))
