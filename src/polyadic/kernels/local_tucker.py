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

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from polyadic.kernels import anomaly_field, kriged_normals, place_columns, predictor_pool, tucker_draws, tucker_model
from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels.anomaly_field import AnomalyField
from polyadic.kernels.kriged_normals import KrigedNormals
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP, Search
from polyadic.kernels.place_columns import PlaceColumns
from polyadic.kernels.predictor_pool import Moments, Pool
from polyadic.kernels.tucker_layout import Layout
from polyadic.kernels.tucker_model import FitSettings, TuckerModel

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
RESIDUALS = ("auto", "none", "local")
FEWEST = 50
"""Rows below which no local process is tried."""
LEAST_GAIN = 0.01
"""Nats per withheld value that a local process must gain, beside two standard errors."""
_HELD = 3000
_ROUNDS = 1
_SWEEPS = 10
_LAST = 3


@dataclass(frozen=True)
class LocalTucker:
    """A Tucker model and the local processes beside it; predictions are a function of it alone.

    Attributes
    ----------
    tucker
        The Tucker model; beside a process it has made at most 10 sweeps.
    residual
        The process g on what the Tucker model leaves; None: the Tucker model stands alone.
    alone
        The process h on the linked values less seasons and normals; None with ``residual``.
    columns
        Columns of the table that the processes see, in the order of their modes.
    weight
        Share a of the sum T + g in the mean where both are equally sure; the process h has the rest.
    spread
        Factor c of the variance where that is at most ``typical``; the correction grows no further beyond, as at
        stations that no inner row was like.
    typical
        Mean variance of the withheld rows that c was found on.
    gain
        Log density that the processes gain over the Tucker model, nats per withheld value; NaN if not measured.
    normals
        The kriged normals under ``alone``; None: those of the Tucker model.
    anomalies
        The field of single times, which predicts places without a value; None: T + g and h do so.
    elsewhere
        The factor of its variance; None with ``anomalies``.
    """

    tucker: TuckerModel
    residual: NearestNeighbourGP | None = None
    alone: NearestNeighbourGP | None = None
    columns: tuple[int, ...] = ()
    weight: float = 1.0
    spread: float = 1.0
    typical: float = 0.0
    gain: float = float("nan")
    normals: KrigedNormals | None = None
    anomalies: AnomalyField | None = None
    elsewhere: Pool | None = None


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


def fit(X: Array, y: Array, layout: Layout, settings: FitSettings | None = None, residual: str = "auto") -> LocalTucker:
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
        standard errors per withheld training row. Below 50 rows, or with Student-t noise, ``"auto"`` is ``"none"``:
        rows that the Student-t model would discount are values to be followed for the process.

    Raises
    ------
    ValueError
        If ``residual`` is not known, or ``"local"`` meets Student-t noise.

    Notes
    -----
    All parts are fitted to the inner rows. The final Tucker model goes on from there with all rows for three sweeps;
    the final processes keep their hyperparameters and see all rows. Beside a process the Tucker part makes at most 10
    sweeps at first: more let it follow what the process is there for.
    """
    settings = settings or FitSettings()
    if residual not in RESIDUALS:
        raise ValueError(f"residual={residual!r}: allowed are {', '.join(RESIDUALS)}")
    if residual == "local" and settings.noise == "student":
        raise ValueError("residual='local' needs noise='gaussian': the local process has Gaussian noise")
    if residual == "none" or (residual == "auto" and (y.size < FEWEST or settings.noise == "student")):
        return LocalTucker(_tucker(X, y, layout, settings, settings.max_iterations))
    linked = tucker_model.link_values(settings.link, y)
    places = place_columns.places_of(layout)
    places = places if places is not None and places.apply(X) else None
    inner, held = _divide(y.size, settings.seed)
    trial = _trial(X[inner], y[inner], layout, settings, places)
    trial, error = _weighed(trial, X[held], linked[held])
    gain = trial.gain
    if residual == "auto" and gain < max(LEAST_GAIN, 2.0 * error):
        return LocalTucker(_tucker(X, y, layout, settings, settings.max_iterations), gain=gain)
    last = replace(settings, max_iterations=min(settings.max_iterations, _LAST))
    return _given(trial, tucker_model.fit_model(X, y, trial.tucker.layout, last, trial.tucker), X, linked)


def _tucker(X: Array, y: Array, layout: Layout, settings: FitSettings, sweeps: int) -> TuckerModel:
    return tucker_model.fit_model(X, y, layout, replace(settings, max_iterations=sweeps))


def _divide(count: int, seed: int) -> tuple[Rows, Rows]:
    """Return the rows of the inner fit and those withheld from it: a fifth, at most 3,000."""
    order = np.random.default_rng([seed, 2]).permutation(count)
    held = min(max(count // 5, 1), _HELD)
    return np.sort(order[held:]), np.sort(order[:held])


def _trial(X: Array, y: Array, layout: Layout, settings: FitSettings, places: PlaceColumns | None) -> LocalTucker:
    """Return both processes and the Tucker model fitted to the inner rows."""
    model = _tucker(X, y, layout, settings, min(settings.max_iterations, _SWEEPS))
    modes, columns = process_modes(layout)
    linked = tucker_model.link_values(settings.link, y)
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


def _weighed(trial: LocalTucker, X: Array, linked: Array) -> tuple[LocalTucker, float]:
    """Return the model with weight, spread and gain from withheld rows, and the gain's standard error."""
    parts = [new_moments(trial, X, part) for part in ("sum", "local_alone")]
    pool = predictor_pool.found(linked, parts)
    difference = predictor_pool.log_density(linked, *predictor_pool.mixed(pool.weights, parts))
    difference -= predictor_pool.log_density(linked, *new_moments(trial, X, "tucker_alone"))
    error = float(difference.std()) / linked.size**0.5
    weight, gain = float(pool.weights[0]), float(difference.mean())
    return replace(trial, weight=weight, spread=pool.spread, typical=pool.typical, gain=gain), error


def normal_moments(model: LocalTucker, X: Array) -> Moments:
    """Return mean and variance (n,) of the normals under the process h, on the linked scale."""
    if model.normals is None:
        return tucker_model.latent_moments(model.tucker, X, season=True)
    drift, spread = tucker_model.drift_moments(model.tucker, X)
    mean, variance = kriged_normals.moments(model.normals, X)
    return mean + drift, variance + spread


def _elsewhere(model: LocalTucker, X: Array) -> tuple[Rows, list[Moments]]:
    """Return the rows at places without a value that the field of single times predicts, and the moments there."""
    if model.normals is None or model.anomalies is None or model.elsewhere is None or model.alone is None:
        return np.zeros(0, np.int64), []
    new = np.flatnonzero(kriged_normals.is_new(model.normals, X))
    if not new.size:
        return new, []
    known = np.empty((len(model.alone.values), X.shape[1]))
    known[:, list(model.columns)] = model.alone.coordinates
    normal = normal_moments(model, X[new])
    own = anomaly_field.predict(model.anomalies, known, model.alone.values, X[new])
    return new, [(normal[0] + own[0], normal[1] + own[1] + model.anomalies.field.noise)]


def noise_variance(model: LocalTucker) -> float:
    """Return the variance of the noise of one value on the linked scale (Student-t: the squared scale)."""
    if model.residual is None or model.alone is None:
        return model.tucker.posterior.noise_variance * model.tucker.scale**2
    w = model.weight
    return float(model.spread * (w * model.residual.kernel.noise + (1 - w) * model.alone.kernel.noise))


def new_moments(model: LocalTucker, X: Array, part: str = "both") -> tuple[Array, Array]:
    """Return mean and variance (n,) of a new linked value.

    Parameters
    ----------
    model
        Fitted, with Gaussian noise.
    X
        Shape (n, columns).
    part
        ``"both"``: the prediction of the model; ``"tucker_alone"``, ``"local_alone"``, ``"sum"``: of T, h, T + g.

    Raises
    ------
    ValueError
        If the model has no such part.
    """
    if part == "tucker_alone" or (part == "both" and model.residual is None):
        mean, variance = tucker_model.latent_moments(model.tucker, X)
        return mean, variance + model.tucker.posterior.noise_variance * model.tucker.scale**2
    if model.residual is None or model.alone is None:
        raise ValueError(f"part={part!r}: the model has no local process")
    points = X[:, list(model.columns)]
    if part == "local_alone":
        season, own = normal_moments(model, X), nearest.predict(model.alone, points)
        return season[0] + own[0], season[1] + own[1] + model.alone.kernel.noise
    if part == "sum":
        smooth, local = tucker_model.latent_moments(model.tucker, X), nearest.predict(model.residual, points)
        return smooth[0] + local[0], smooth[1] + local[1] + model.residual.kernel.noise
    if part != "both":
        raise ValueError(f"part={part!r}: allowed are both, tucker_alone, local_alone, sum")
    return _pooled(model, X)


def _pooled(model: LocalTucker, X: Array) -> Moments:
    parts = [new_moments(model, X, part) for part in ("sum", "local_alone")]
    mean, variance = predictor_pool.pooled(_pool(model), parts)
    new, moments = _elsewhere(model, X)
    if moments and model.elsewhere is not None:
        mean[new], variance[new] = predictor_pool.pooled(model.elsewhere, moments)
    return mean, variance


def _pool(model: LocalTucker) -> Pool:
    """Return shares and factor at known places."""
    return Pool(np.array([model.weight, 1.0 - model.weight]), model.spread, model.typical)


def predictive_mean(model: LocalTucker, X: Array, part: str = "both") -> tuple[Array, Array]:
    """Return mean and standard deviation of a new y, shapes (n,); log-normal moments with a log link."""
    if part == "tucker_alone" or model.residual is None:
        return tucker_model.predictive_mean(model.tucker, X)
    mean, variance = new_moments(model, X, part)
    if model.tucker.link == "identity":
        return mean, np.sqrt(variance)
    centre = np.exp(mean + variance / 2)
    return centre, centre * np.sqrt(np.expm1(variance))


def predictive_quantiles(model: LocalTucker, X: Array, levels: Array) -> Array:
    """Return quantiles (n, levels) of a new y."""
    if model.residual is None:
        return tucker_model.predictive_quantiles(model.tucker, X, levels)
    mean, variance = new_moments(model, X)
    found = mean[:, None] + np.sqrt(variance)[:, None] * ndtri(levels)
    return np.asarray(np.exp(found) if model.tucker.link == "log" else found)


def log_density(model: LocalTucker, X: Array, y: Array) -> Array:
    """Return the log predictive density (n,) of values y in their own units, the link's Jacobian included."""
    if model.residual is None:
        return tucker_model.log_density(model.tucker, X, y)
    linked = tucker_model.link_values(model.tucker.link, y)
    density = predictor_pool.log_density(linked, *new_moments(model, X))
    return density - linked if model.tucker.link == "log" else density


def draws(model: LocalTucker, X: Array, count: int, seed: int) -> Array:
    r"""Return joint draws of the noise-free field, (count, n), in units of y: exp f with a log link.

    A draw departs from the mean by :math:`\sqrt w` times a draw of T + g and :math:`\sqrt{1 - w}` times one of h, each
    less its own mean, times the root of the spread: mean and variance are those of the prediction without its noise.
    At places that the field of single times predicts, a draw departs as one of h, to the field's variance. Without
    kriged normals their error moves all rows of a draw together, which is on the safe side for means over rows.
    """
    smooth = tucker_draws.draws(model.tucker, X, count, seed)
    if model.residual is None or model.alone is None:
        return smooth
    log, points = model.tucker.link == "log", X[:, list(model.columns)]
    ms, mh = (new_moments(model, X, part)[0] for part in ("sum", "local_alone"))
    mean, first, second = _departures(model, X)
    out = (np.log(smooth) if log else smooth) - ms + nearest.sample(model.residual, points, count, seed)
    own = nearest.sample(model.alone, points, count, seed + 1) + _normal_draws(model, X, count, seed) - mh
    out = mean + first * out + second * own
    return np.exp(out) if log else out


def _departures(model: LocalTucker, X: Array) -> tuple[Array, Array, Array]:
    """Return the mean of the prediction, and the factors by which draws of T + g and of h depart from it, (n,) each."""
    parts = [new_moments(model, X, part) for part in ("sum", "local_alone")]
    mean, variance = predictor_pool.mixed(_pool(model).weights, parts)
    factor = 1.0 + (model.spread - 1.0) * np.minimum(1.0, model.typical / variance)
    first, second = predictor_pool.shares(_pool(model).weights, parts)
    new, moments = _elsewhere(model, X)
    if moments and model.alone is not None and model.elsewhere is not None:
        mean[new], wide = predictor_pool.pooled(model.elsewhere, moments)
        noise, own = noise_variance(model), parts[1][1][new] - model.alone.kernel.noise
        first[new], second[new], factor[new] = 0.0, 1.0, np.maximum(wide - noise, 0.0) / np.maximum(own, 1e-300)
    return mean, np.sqrt(factor * first), np.sqrt(factor * second)


def _normal_draws(model: LocalTucker, X: Array, count: int, seed: int) -> Array:
    """Return joint draws (count, n) of the normals under h."""
    if model.normals is not None:
        drift, spread = tucker_model.drift_moments(model.tucker, X)
        out = kriged_normals.sample(model.normals, X, count, seed + 2) + drift
    else:
        out, spread = tucker_model.latent_moments(model.tucker, X, season=True)
    return np.asarray(out + np.sqrt(spread) * np.random.default_rng([seed, 3]).standard_normal((count, 1)))
