r"""A functional Tucker model beside a local Gaussian process, on the linked scale of the values.

Two predictors see the same rows: the *sum* :math:`T + g`, a Tucker model and a nearest-neighbour process fitted to what
it leaves, and the *local* process :math:`h` fitted to the values less the normals of their places: kriged ones
(:mod:`polyadic.kernels.kriged_normals`) where places have several rows and time has given functions; else what the
constant and the given functions of T say; without given functions the values themselves. Both are pooled by precision
(:mod:`polyadic.kernels.predictor_pool`).

Shares and factor of the variance come from training rows withheld from an inner fit: a Tucker model as flexible as its
data leaves too little in sample, so neither its bound nor the likelihood of its remainder can tell how much a local
process adds. A place without a value of its own is predicted by the kriged normal and a field of single times
(:mod:`polyadic.kernels.anomaly_field`) instead, where there are enough values at the same times; its factor comes from
what the other places say at every training row.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import anomaly_field, kriged_normals, links, place_columns, predictor_pool, tucker_model
from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels.local_prediction import (
    LocalTucker,
    draws,
    family,
    log_density,
    new_moments,
    noise_variance,
    normal_moments,
    placed,
    predictive,
    predictive_mean,
    predictive_quantiles,
)
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP, Search
from polyadic.kernels.place_columns import PlaceColumns
from polyadic.kernels.tucker_layout import Layout, distinct_rows
from polyadic.kernels.tucker_model import FitSettings, TuckerModel

__all__ = [
    "LocalTucker",
    "draws",
    "family",
    "fit",
    "log_density",
    "new_moments",
    "noise_variance",
    "normal_moments",
    "placed",
    "predictive",
    "predictive_mean",
    "predictive_quantiles",
    "process_modes",
]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
RESIDUALS = ("auto", "none", "local")
FEWEST = 50
"""Rows below which no local process is tried."""
LEAST_GAIN = 0.01
"""Nats per withheld value that a local process must gain, beside two standard errors."""
_HELD = 8000
_PARTS = 5
_HELD_OF_PART = 1000
_ROUNDS = 1
_SWEEPS = 10
_LAST = 3


def process_modes(layout: Layout) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the modes of a local process, and the columns they read.

    A mode on the sphere stays one; every other column of a mode, covariates such as elevation included, is a line.

    Examples
    --------
    >>> process_modes(Layout(((0, 1), (3,)), ((2,), ()), (), ("sphere matern32", "matern12"), (2, 2)))
    (('sphere', 'line', 'line'), (0, 1, 2, 3))
    """
    modes: list[str] = []
    columns: list[int] = []
    for mode, covariates, kernel in zip(layout.modes, layout.covariates, layout.kernels, strict=True):
        modes += ["sphere"] if kernel.startswith("sphere") else ["line"] * len(mode)
        modes += ["line"] * len(covariates)
        columns += [*mode, *covariates]
    return tuple(modes), tuple(columns)


def fit(
    X: Array,
    y: Array,
    layout: Layout,
    settings: FitSettings | None = None,
    residual: str = "auto",
    groups: NDArray[np.generic] | None = None,
) -> LocalTucker:
    """Return a Tucker model, with a local process beside it where that is wanted or pays.

    Parameters
    ----------
    X, y
        Coordinates and covariates (n, columns), values (n,).
    layout
        From :func:`polyadic.kernels.tucker_layout.layout_of`.
    settings
        Of the Tucker part.
    residual
        ``"none"``; ``"local"``: with a local process; ``"auto"``: with one if it gains at least 0.01 nats and two
        standard errors per withheld training row, with groups the shape of errors counted. Below 50 rows, or with
        Student-t noise, ``"auto"`` is ``"none"``: rows that the Student-t model would discount are values to be
        followed for the process.
    groups
        Labels (n,) of rows that are withheld together when shares, variance and shape of the errors are found, such as
        stations or blocks of time: for predictions that lie to these rows as one group to the others. None: single
        rows. Without effect if they are made of whole places that have predictions of their own (see the module).

    Raises
    ------
    ValueError
        If ``residual`` is not known, ``"local"`` meets Student-t noise, or ``groups`` are of another length.

    Notes
    -----
    All parts are fitted to the inner rows. The final Tucker model goes on from there with all rows for three sweeps;
    the final processes keep their hyperparameters and see all rows. Groups are withheld in five parts in turn:
    hyperparameters come from the fit without the first, and the Tucker model makes three sweeps without each other.
    Beside a process the Tucker part makes at most 10 sweeps at first: more let it follow what the process is there for.
    """
    settings = settings or FitSettings()
    if residual not in RESIDUALS:
        raise ValueError(f"residual={residual!r}: allowed are {', '.join(RESIDUALS)}")
    if residual == "local" and settings.noise == "student":
        raise ValueError("residual='local' needs noise='gaussian': the local process has Gaussian noise")
    if residual == "none" or (residual == "auto" and (y.size < FEWEST or settings.noise == "student")):
        return LocalTucker(_tucker(X, y, layout, settings, settings.max_iterations))
    linked = links.forward(settings.link, y)
    places = place_columns.places_of(layout)
    places = places if places is not None and places.apply(X) else None
    parts = _parts(y.size, settings.seed, _useful(groups, X, places))
    inner = np.setdiff1d(np.arange(y.size), parts[0])
    trial, error = _weighed(_trial(X[inner], y[inner], layout, settings, places), X, y, parts, settings)
    gain = trial.gain
    if residual == "auto" and gain < max(LEAST_GAIN, 2.0 * error):
        return LocalTucker(_tucker(X, y, layout, settings, settings.max_iterations), gain=gain)
    last = replace(settings, max_iterations=min(settings.max_iterations, _LAST))
    return _given(trial, tucker_model.fit_model(X, y, trial.tucker.layout, last, trial.tucker), X, linked)


def _tucker(X: Array, y: Array, layout: Layout, settings: FitSettings, sweeps: int) -> TuckerModel:
    return tucker_model.fit_model(X, y, layout, replace(settings, max_iterations=sweeps))


def _useful(groups: NDArray[np.generic] | None, X: Array, places: PlaceColumns | None) -> NDArray[np.int64] | None:
    """Return the number of the group of each row; None if there are fewer than two or they are whole places."""
    if groups is None:
        return None
    if np.shape(groups) != (len(X),):
        raise ValueError(f"groups: found shape {np.shape(groups)}, X has {len(X)} rows")
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    number = number.reshape(-1)
    if number.max() < 1:
        return None
    if places is not None:
        where = distinct_rows(X[:, list(places.columns)])[2]
        pairs = distinct_rows(np.column_stack([where, number]).astype(np.float64))[0].shape[0]
        if pairs < 2 * (where.max() + 1):  # a place may have two stations, or a station have moved
            return None
    return number


def _parts(count: int, seed: int, groups: NDArray[np.int64] | None) -> list[Rows]:
    """Return the rows that are withheld in turn: one part of a fifth, at most 8,000; with groups five parts of them."""
    generator = np.random.default_rng([seed, 2])
    if groups is None:
        return [np.sort(generator.permutation(count)[: min(max(count // 5, 1), _HELD)])]
    number = groups.max() + 1
    part = (generator.permutation(number) % min(_PARTS, number))[groups]
    return [np.flatnonzero(part == k) for k in range(min(_PARTS, number))]


def _trial(X: Array, y: Array, layout: Layout, settings: FitSettings, places: PlaceColumns | None) -> LocalTucker:
    """Return both processes and the Tucker model fitted to the inner rows."""
    model = _tucker(X, y, layout, settings, min(settings.max_iterations, _SWEEPS))
    modes, columns = process_modes(layout)
    linked = links.forward(settings.link, y)
    points, search = X[:, list(columns)], Search(seed=settings.seed)
    left = linked - tucker_model.latent_moments(model, X)[0]
    residual = nearest.fit_nearest_neighbour_gp(points, left, modes, search=search)
    found = LocalTucker(model, residual, None, columns)
    if places is not None:
        found = _with_normals(found, X, linked, left, places, settings.seed)
    alone = nearest.fit_nearest_neighbour_gp(points, linked - normal_moments(found, X)[0], modes, search=search)
    return replace(found, alone=alone)


def _given(trial: LocalTucker, model: TuckerModel, X: Array, linked: Array) -> LocalTucker:
    """Return the parts of a trial with the same hyperparameters, given a Tucker model of all rows and these rows."""
    points = X[:, list(trial.columns)]
    left = linked - tucker_model.latent_moments(model, X)[0]
    found = replace(trial, tucker=model, residual=_process(trial.residual, points, left))
    if trial.normals is not None and trial.anomalies is not None:
        drift = tucker_model.drift_moments(model, X)
        others, spread = anomaly_field.of_others(trial.anomalies, X, linked - normal_moments(found, X)[0])
        found = replace(found, normals=kriged_normals.given(trial.normals, X, linked - others - drift[0]))
        mean, variance = kriged_normals.of_others(found.normals or trial.normals, X)
        new = mean + others + drift[0], variance + spread + drift[1]
        found = replace(found, elsewhere=predictor_pool.found(linked, [new]))
    elif trial.normals is not None:
        season = tucker_model.latent_moments(model, X, season=True)[0] - tucker_model.drift_moments(model, X)[0]
        found = replace(found, normals=kriged_normals.given(trial.normals, X, left + season))
    return replace(found, alone=_process(trial.alone, points, linked - normal_moments(found, X)[0]))


def _with_normals(
    model: LocalTucker, X: Array, linked: Array, left: Array, places: PlaceColumns, seed: int
) -> LocalTucker:
    """Return the model with kriged normals, and with a field of single times where enough values share their times.

    The normals are learned from values less what single times bring: by what the other places had at that time, kriged,
    first with the seasons of the Tucker model as normals, then with these set right place by place; else by what the
    Tucker model says of the time.
    """
    drift = tucker_model.drift_moments(model.tucker, X)[0]
    season = tucker_model.latent_moments(model.tucker, X, season=True)[0]
    if not anomaly_field.applies(X, places):
        return replace(model, normals=kriged_normals.fit(X, left + season - drift, places, seed))
    residual = linked - season
    anomalies = anomaly_field.learn(X, residual, places, seed)
    for _ in range(_ROUNDS):
        residual = residual - kriged_normals.own(
            X, residual - anomaly_field.of_others(anomalies, X, residual)[0], places
        )
    freed = linked - drift - anomaly_field.of_others(anomalies, X, residual)[0]
    return replace(model, anomalies=anomalies, normals=kriged_normals.fit(X, freed, places, seed))


def _process(process: NearestNeighbourGP | None, points: Array, values: Array) -> NearestNeighbourGP | None:
    """Return a process of the same hyperparameters given other rows."""
    if process is None:
        return None
    return replace(
        process, coordinates=points, values=values, row_variance=np.zeros(values.size), mean=float(values.mean())
    )


def _weighed(
    trial: LocalTucker, X: Array, y: Array, parts: list[Rows], settings: FitSettings
) -> tuple[LocalTucker, float]:
    """Return the model with weight, spread, shape and gain from withheld rows, and the gain's standard error."""
    linked, values, said = links.forward(settings.link, y), [], []
    for number, held in enumerate(parts):
        model = trial if number == 0 else _without(trial, X, y, held, settings)
        rows = held
        if len(parts) > 1 and held.size > _HELD_OF_PART:
            rows = np.random.default_rng([settings.seed, 4, number]).choice(held, _HELD_OF_PART, replace=False)
        values.append(linked[rows])
        said.append([new_moments(model, X[rows], part) for part in ("sum", "local_alone", "tucker_alone")])
    value = np.concatenate(values)
    together = [tuple(np.concatenate(arrays) for arrays in zip(*part, strict=True)) for part in zip(*said, strict=True)]
    both, alone = [(m, v) for m, v in together[:2]], together[2]
    pool = predictor_pool.found(value, both)
    if len(parts) > 1:  # far from its own group a process changes the bands more than the means
        difference = predictor_pool.density(pool, value, both)
    else:
        difference = predictor_pool.log_density(value, *predictor_pool.mixed(pool.weights, both))
    difference -= predictor_pool.log_density(value, *alone)
    error = float(difference.std()) / value.size**0.5
    weight, gain = float(pool.weights[0]), float(difference.mean())
    weighed = replace(trial, weight=weight, spread=pool.spread, typical=pool.typical, shape=pool.shape, gain=gain)
    return weighed, error


def _without(trial: LocalTucker, X: Array, y: Array, held: Rows, settings: FitSettings) -> LocalTucker:
    """Return a trial with the same hyperparameters that some rows are withheld from; the normals stay."""
    rows = np.setdiff1d(np.arange(y.size), held)
    last = replace(settings, max_iterations=min(settings.max_iterations, _LAST))
    model = tucker_model.fit_model(X[rows], y[rows], trial.tucker.layout, last, trial.tucker)
    linked, points = links.forward(settings.link, y[rows]), X[rows][:, list(trial.columns)]
    left = linked - tucker_model.latent_moments(model, X[rows])[0]
    found = replace(trial, tucker=model, residual=_process(trial.residual, points, left))
    return replace(found, alone=_process(trial.alone, points, linked - normal_moments(found, X[rows])[0]))
