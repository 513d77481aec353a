r"""What a functional Tucker model with its local processes says: distributions of new values, quantiles, joint draws.

The parts are described in :mod:`polyadic.kernels.local_tucker`, which fits them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from polyadic.kernels import (
    anomaly_field,
    kriged_normals,
    links,
    predictor_pool,
    scale_mixture,
    tucker_draws,
    tucker_model,
    tucker_noise,
)
from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels.anomaly_field import AnomalyField
from polyadic.kernels.kriged_normals import KrigedNormals
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP
from polyadic.kernels.predictor_pool import Moments, Pool
from polyadic.kernels.scale_mixture import NORMAL, Family, Mixture, Placed, Shape
from polyadic.kernels.tucker_model import TuckerModel

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
PARTS = ("both", "tucker_alone", "local_alone", "sum")
KNOWN, NEW, ALONE = 0, 1, 2
"""Shapes of a family: at known places, at places without a value, of a part alone (the noise of the Tucker model)."""


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
        Factor of its variance and shape of its errors; None with ``anomalies``.
    shape
        Shape of the errors at known places, see :mod:`polyadic.kernels.predictor_pool`.
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
    shape: Shape = NORMAL


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
        raise ValueError(f"part={part!r}: allowed are {', '.join(PARTS)}")
    rows = placed(model, X)
    return rows.centre, rows.scaled + rows.shared


def _two(model: LocalTucker, X: Array) -> list[Moments]:
    return [new_moments(model, X, part) for part in ("sum", "local_alone")]


def _pool(model: LocalTucker) -> Pool:
    """Return shares and factor at known places."""
    return Pool(np.array([model.weight, 1.0 - model.weight]), model.spread, model.typical, model.shape)


def family(model: LocalTucker) -> Family:
    """Return the shapes of the model's predictions: at known places, at new ones, of a part alone; and its link."""
    scales = tucker_noise.mixture_scales(model.tucker.posterior.degrees)
    noise = Shape(np.full(scales.size, 1.0 / scales.size), scales)
    new = NORMAL if model.elsewhere is None else model.elsewhere.shape
    return scale_mixture.family([model.shape, new, noise], model.tucker.link)


def placed(model: LocalTucker, X: Array, part: str = "both") -> Placed:
    """Return the rows (n,) of :func:`family` that new values at rows X follow; ``part`` as in `new_moments`."""
    code = np.full(len(X), KNOWN if part == "both" and model.residual is not None else ALONE, np.int64)
    if code.size and code[0] == ALONE:
        if part in ("both", "tucker_alone"):
            mean, variance = tucker_model.latent_moments(model.tucker, X)
            noise = model.tucker.posterior.noise_variance * model.tucker.scale**2
            return Placed(mean, np.full(len(X), noise), variance, code)
        mean, variance = new_moments(model, X, part)
        return Placed(mean, variance, np.zeros(len(X)), code)
    new, moments = _elsewhere(model, X)
    rest = np.setdiff1d(np.arange(len(X)), new)
    mean, scaled, shared = np.empty(len(X)), np.empty(len(X)), np.empty(len(X))
    if rest.size:
        mean[rest], variance = predictor_pool.mixed(_pool(model).weights, _two(model, X[rest]))
        scaled[rest], shared[rest] = predictor_pool.divided(_pool(model), variance)
    if moments and model.elsewhere is not None:
        mean[new], variance = predictor_pool.mixed(model.elsewhere.weights, moments)
        scaled[new], shared[new] = predictor_pool.divided(model.elsewhere, variance)
        code[new] = NEW
    return Placed(mean, scaled, shared, code)


def predictive(model: LocalTucker, X: Array, part: str = "both") -> Mixture:
    """Return the distributions of new values at rows X; ``part`` as in `new_moments`."""
    return scale_mixture.mixture(family(model), placed(model, X, part))


def point(model: LocalTucker, rows: Placed) -> Moments:
    """Return mean and standard deviation (n,) of new values in units of y.

    With a link and Student-t noise, whose moments need not exist, the median and half the central 68 % interval.
    """
    degrees = model.tucker.posterior.degrees
    if np.isinf(degrees):
        mean, variance = scale_mixture.moments(scale_mixture.mixture(family(model), rows))
        return mean, np.sqrt(variance)
    if model.tucker.link == "identity":
        return rows.centre, np.sqrt(rows.shared + rows.scaled * degrees / (degrees - 2))
    said = scale_mixture.mixture(family(model), rows)
    low, middle, high = scale_mixture.quantiles(said, ndtr(np.array([-1.0, 0.0, 1.0]))).T
    return middle, (high - low) / 2


def predictive_mean(model: LocalTucker, X: Array, part: str = "both") -> Moments:
    """Return mean and standard deviation (n,) of a new y, see `point`."""
    return point(model, placed(model, X, part))


def predictive_quantiles(model: LocalTucker, X: Array, levels: Array) -> Array:
    """Return quantiles (n, levels) of a new y."""
    return scale_mixture.quantiles(predictive(model, X), levels)


def log_density(model: LocalTucker, X: Array, y: Array) -> Array:
    """Return the log predictive density (n,) of values y in their own units, the link's Jacobian included."""
    return scale_mixture.log_density(predictive(model, X), y)


def draws(model: LocalTucker, X: Array, count: int, seed: int) -> Array:
    r"""Return joint draws of the noise-free field, (count, n), in units of y: the inverse link of f.

    A draw departs from the mean by :math:`\sqrt w` times a draw of T + g and :math:`\sqrt{1 - w}` times one of h, each
    less its own mean, times the root of the spread: mean and variance are those of the prediction without its noise.
    At places that the field of single times predicts, a draw departs as one of h, to the field's variance. Without
    kriged normals their error moves all rows of a draw together, which is on the safe side for means over rows.
    """
    smooth = tucker_draws.draws(model.tucker, X, count, seed)
    if model.residual is None or model.alone is None:
        return smooth
    link, points = model.tucker.link, X[:, list(model.columns)]
    ms, mh = (new_moments(model, X, part)[0] for part in ("sum", "local_alone"))
    mean, first, second = _departures(model, X)
    out = links.forward(link, smooth) - ms + nearest.sample(model.residual, points, count, seed)
    own = nearest.sample(model.alone, points, count, seed + 1) + _normal_draws(model, X, count, seed) - mh
    out = mean + first * out + second * own
    return links.inverse(link, out)


def _departures(model: LocalTucker, X: Array) -> tuple[Array, Array, Array]:
    """Return the mean of the prediction, and the factors by which draws of T + g and of h depart from it, (n,) each."""
    parts = _two(model, X)
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
