"""Joint posterior draws of the field of a functional Tucker model: functions, core given the functions, drift."""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import links, mode_process, tucker_model
from polyadic.kernels.core_form import fixed_values
from polyadic.kernels.core_response import moved_means
from polyadic.kernels.tucker_form import evaluate
from polyadic.kernels.tucker_layout import distinct_rows
from polyadic.kernels.tucker_model import TuckerModel, given_functions

Array = NDArray[np.float64]
Index = NDArray[np.int32]
AT_ONCE = 2**25
"""Most values of functions that are drawn together, 256 MiB."""
_ROWS, _DRAWS = 200, 64


def draws(model: TuckerModel, X: Array, count: int, seed: int) -> Array:
    """Return joint posterior draws of the noise-free field, (count, n), in units of y: the inverse link of f.

    The functions of each mode are drawn jointly at the rows and at the training indexes, the core given what was drawn
    there (:mod:`polyadic.kernels.core_response`), the drift alone: means and differences over rows carry honest errors.
    Such draws take hyperparameters as known and are too narrow where data are few. The variances of predictions, whose
    functions and core are independent, are not: departures are stretched by one factor to these, in the mean over rows.

    Parameters
    ----------
    model
        Fitted.
    X
        Coordinates and covariates, (n, columns).
    count, seed
        Draws, and the seed of their generator.

    Notes
    -----
    The factor, at least one, is found by 64 further draws at 200 rows or fewer. Time O(count (D + n)) for modes of one
    coordinate, O((D + n)^3 + count (D + n)^2) for modes of points.
    """
    mean = tucker_model.latent_moments(model, X)[0]
    out = _linked(model, X, count, np.random.default_rng(seed))
    return links.inverse(model.link, mean + _stretch(model, X) * (out - mean))


def _linked(model: TuckerModel, X: Array, count: int, generator: np.random.Generator) -> Array:
    asked = [_asked(model, X, k) for k in range(len(model.posterior.modes))]
    most = max(points.shape[0] for points, _, _ in asked) * max(model.posterior.form.sizes)
    step = max(1, AT_ONCE // most)
    parts = [_batch(model, X, asked, min(step, count - done), generator) for done in range(0, count, step)]
    return np.asarray(model.centre + model.scale * np.concatenate(parts))


def _stretch(model: TuckerModel, X: Array) -> float:
    """Return the factor that brings the variance of draws, in the mean over some rows, to that of predictions."""
    if not model.posterior.responses:
        return 1.0
    some = X[:: -(-len(X) // _ROWS)]
    mean, variance = tucker_model.latent_moments(model, some)
    drawn = _linked(model, some, _DRAWS, np.random.default_rng(0))
    found = float(((drawn - mean) ** 2).mean())
    return float(max(1.0, np.sqrt(variance.mean() / found))) if found > 0 else 1.0


def _batch(
    model: TuckerModel, X: Array, asked: list[tuple[Array, Index, Index]], count: int, generator: np.random.Generator
) -> Array:
    form, posterior = model.posterior.form, model.posterior
    values, firsts, changes = [], [], []
    for k, (points, known, where) in enumerate(asked):
        width = len(model.layout.modes[k])
        split = points[:, :width], points[:, width:]
        drawn = mode_process.sample(posterior.modes[k], *split, count, generator)
        fixed = fixed_values(form, k, points.shape[0], given_functions(model, k, points))
        if known.size:
            mean = mode_process.predict(posterior.modes[k], split[0][known], split[1][known])[0]
            changes.append(drawn[:, known] - mean)
            firsts.append(fixed[known])
            firsts[-1][:, list(form.free[k])] = mean
        every = np.tile(fixed[where], (count, 1, 1))
        every[:, :, list(form.free[k])] = drawn[:, where]
        values.append(every)
    spread = generator.multivariate_normal(np.zeros(form.entries), posterior.core.covariance, count, method="eigh")
    cores = spread + posterior.core.mean
    if posterior.responses:
        found = posterior.responses
        cores = spread + moved_means(form, posterior.core, posterior.noise_variance, found, firsts, changes)
    drift = (X[:, list(model.layout.drift)] - model.drift_centre) / model.drift_scale
    root = np.linalg.cholesky(posterior.drift_covariance)
    slopes = posterior.drift_mean + generator.standard_normal((count, root.shape[0])) @ root.T
    out = np.empty((count, X.shape[0]))
    for s in range(count):
        out[s] = evaluate(form, cores[s], [u[s] for u in values])
    return np.asarray(out + slopes @ drift.T)


def _asked(model: TuckerModel, X: Array, k: int) -> tuple[Array, Index, Index]:
    """Return the points of a mode that are drawn, which are its training indexes, and which each row of X needs."""
    columns = X[:, [*model.layout.modes[k], *model.layout.covariates[k]]]
    own = np.concatenate(mode_process.training_points(model.posterior.modes[k]), axis=1)
    own = own if model.posterior.responses else columns[:0]
    points, _, place = distinct_rows(np.concatenate([own, columns]))
    return points, place[: own.shape[0]], place[own.shape[0] :]
