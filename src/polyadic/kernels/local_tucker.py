r"""A functional Tucker model beside a local Gaussian process, on the linked scale of the values.

Two predictors see the same rows: the *sum* :math:`T + g`, a Tucker model and a nearest-neighbour process fitted to what
it leaves, and the *local* process :math:`h` fitted to the values less the seasons and normals of T, if it has given
functions, otherwise to the values themselves. With moments :math:`(m_s, v_s)` and :math:`(m_h, v_h)` of a new value,
:math:`v_s` being the sum of the variances of T, g and the noise of g,

.. math:: y \sim N\big(w m_s + (1 - w) m_h,\; v + (c - 1) \min(v, v_0)\big), \quad v = w v_s + (1 - w) v_h,
          \quad w = \frac{a / v_s}{a / v_s + (1 - a) / v_h}:

where one of them knows little, as h in a gap that it cannot bridge, the other has the say. Share and factor come
from training rows withheld from an inner fit: a Tucker model as flexible as its data leaves too little in sample, so
neither its bound nor the likelihood of its remainder can tell how much a local process adds.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels import tucker_model
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP, Search
from polyadic.kernels.tucker_layout import Layout
from polyadic.kernels.tucker_model import FitSettings, TuckerModel

Array = NDArray[np.float64]
RESIDUALS = ("auto", "none", "local")
FEWEST = 50
"""Rows below which no local process is tried."""
LEAST_GAIN = 0.01
"""Nats per withheld value that a local process must gain, beside two standard errors."""
_HELD = 3000
_SWEEPS = 10
_LAST = 3
_WEIGHTS = np.linspace(0.0, 1.0, 11)
_LEVELS = np.array([0.8, 0.9])


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
    """

    tucker: TuckerModel
    residual: NearestNeighbourGP | None = None
    alone: NearestNeighbourGP | None = None
    columns: tuple[int, ...] = ()
    weight: float = 1.0
    spread: float = 1.0
    typical: float = 0.0
    gain: float = float("nan")


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
    inner, held = _divide(y.size, settings.seed)
    trial = _trial(X[inner], y[inner], layout, settings)
    trial, error = _weighed(trial, X[held], linked[held])
    gain = trial.gain
    if residual == "auto" and gain < max(LEAST_GAIN, 2.0 * error):
        return LocalTucker(_tucker(X, y, layout, settings, settings.max_iterations), gain=gain)
    columns = list(trial.columns)
    last = replace(settings, max_iterations=min(settings.max_iterations, _LAST))
    model = tucker_model.fit_model(X, y, trial.tucker.layout, last, trial.tucker)
    left = linked - tucker_model.latent_moments(model, X)[0]
    normal = tucker_model.latent_moments(model, X, season=True)[0]
    return replace(
        trial,
        tucker=model,
        residual=_given(trial.residual, X[:, columns], left),
        alone=_given(trial.alone, X[:, columns], linked - normal),
    )


def _tucker(X: Array, y: Array, layout: Layout, settings: FitSettings, sweeps: int) -> TuckerModel:
    return tucker_model.fit_model(X, y, layout, replace(settings, max_iterations=sweeps))


def _divide(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the inner fit and those withheld from it: a fifth, at most 3,000."""
    order = np.random.default_rng([seed, 2]).permutation(count)
    held = min(max(count // 5, 1), _HELD)
    return np.sort(order[held:]), np.sort(order[:held])


def _trial(X: Array, y: Array, layout: Layout, settings: FitSettings) -> LocalTucker:
    """Return both processes and the Tucker model fitted to the inner rows."""
    model = _tucker(X, y, layout, settings, min(settings.max_iterations, _SWEEPS))
    modes, columns = process_modes(layout)
    linked = tucker_model.link_values(settings.link, y)
    points, search = X[:, list(columns)], Search(seed=settings.seed)
    left = linked - tucker_model.latent_moments(model, X)[0]
    residual = nearest.fit_nearest_neighbour_gp(points, left, modes, search=search)
    normal = tucker_model.latent_moments(model, X, season=True)[0]
    alone = nearest.fit_nearest_neighbour_gp(points, linked - normal, modes, search=search)
    return LocalTucker(model, residual, alone, columns)


def _given(process: NearestNeighbourGP | None, points: Array, values: Array) -> NearestNeighbourGP | None:
    """Return a process of the same hyperparameters given other rows."""
    if process is None:
        return None
    return replace(
        process, coordinates=points, values=values, row_variance=np.zeros(values.size), mean=float(values.mean())
    )


def _weighed(trial: LocalTucker, X: Array, linked: Array) -> tuple[LocalTucker, float]:
    """Return the model with weight, spread and gain from withheld rows, and the gain's standard error."""
    (ms, vs), (mh, vh), (mt, vt) = (new_moments(trial, X, part) for part in ("sum", "local_alone", "tucker_alone"))
    shares = [_share(weight, vs, vh) for weight in _WEIGHTS]
    pools = [(w * ms + (1 - w) * mh, w * vs + (1 - w) * vh) for w in shares]
    scores = [_log_density(linked, mean, variance).mean() for mean, variance in pools]
    best = int(np.argmax(scores))
    mean, variance = pools[best]
    wrong = np.abs(linked - mean) / np.sqrt(variance)
    by_bands = (np.quantile(wrong, _LEVELS) / ndtri(0.5 + _LEVELS / 2)).mean()
    # Heavy tails set the factor of best coverage below that of best likelihood: half way between, in logarithms.
    factor = float(np.clip(by_bands * np.sqrt(np.mean(wrong**2)), 0.25, 4.0))
    difference = _log_density(linked, mean, variance) - _log_density(linked, mt, vt)
    error = float(difference.std()) / linked.size**0.5
    found = replace(
        trial,
        weight=float(_WEIGHTS[best]),
        spread=factor,
        typical=float(variance.mean()),
        gain=float(difference.mean()),
    )
    return found, error


def _share(weight: float, of_sum: Array, of_local: Array) -> Array:
    """Return the share w (n,) of the sum T + g at each row, from the variances of both predictors."""
    return np.asarray(weight * of_local / (weight * of_local + (1.0 - weight) * of_sum))


def _log_density(value: Array, mean: Array, variance: Array) -> Array:
    return np.asarray(-0.5 * np.log(2 * np.pi * variance) - (value - mean) ** 2 / (2 * variance))


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
        season, own = tucker_model.latent_moments(model.tucker, X, season=True), nearest.predict(model.alone, points)
        return season[0] + own[0], season[1] + own[1] + model.alone.kernel.noise
    if part == "sum":
        smooth, local = tucker_model.latent_moments(model.tucker, X), nearest.predict(model.residual, points)
        return smooth[0] + local[0], smooth[1] + local[1] + model.residual.kernel.noise
    if part != "both":
        raise ValueError(f"part={part!r}: allowed are both, tucker_alone, local_alone, sum")
    return _pooled(model, X)


def _pooled(model: LocalTucker, X: Array) -> tuple[Array, Array]:
    (ms, vs), (mh, vh) = new_moments(model, X, "sum"), new_moments(model, X, "local_alone")
    w = _share(model.weight, vs, vh)
    variance = w * vs + (1 - w) * vh
    return w * ms + (1 - w) * mh, variance + (model.spread - 1.0) * np.minimum(variance, model.typical)


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
    density = _log_density(linked, *new_moments(model, X))
    return density - linked if model.tucker.link == "log" else density


def draws(model: LocalTucker, X: Array, count: int, seed: int) -> Array:
    r"""Return joint draws of the noise-free field, (count, n), in units of y: exp f with a log link.

    A draw departs from the mean by :math:`\sqrt w` times a draw of T + g and :math:`\sqrt{1 - w}` times one of h, each
    less its own mean, times the root of the spread: mean and variance are those of the prediction without its noise.
    The error of the normals under h moves all rows of a draw together, which is on the safe side for means over rows.
    """
    smooth = tucker_model.draws(model.tucker, X, count, seed)
    if model.residual is None or model.alone is None:
        return smooth
    log, points = model.tucker.link == "log", X[:, list(model.columns)]
    (ms, vs), (mh, vh) = new_moments(model, X, "sum"), new_moments(model, X, "local_alone")
    w = _share(model.weight, vs, vh)
    variance = w * vs + (1 - w) * vh
    factor = 1.0 + (model.spread - 1.0) * np.minimum(1.0, model.typical / variance)
    out = (np.log(smooth) if log else smooth) - ms + nearest.sample(model.residual, points, count, seed)
    season, spread = tucker_model.latent_moments(model.tucker, X, season=True)
    own = nearest.sample(model.alone, points, count, seed + 1) + season - mh
    own += np.sqrt(spread) * np.random.default_rng([seed, 3]).standard_normal((count, 1))
    out = w * ms + (1 - w) * mh + np.sqrt(factor) * (np.sqrt(w) * out + np.sqrt(1 - w) * own)
    return np.exp(out) if log else out
