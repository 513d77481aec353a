"""A functional Tucker model from a table of numbers to predictions: columns, units, links, and what a fit remembers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from polyadic.kernels import dense_process, mode_process, tucker_noise, tucker_start
from polyadic.kernels.functional_tucker import TuckerPosterior, fit
from polyadic.kernels.mode_process import AxisPrior, PointPrior, Prior
from polyadic.kernels.tucker_form import Form, cp_form, evaluate, extend, predictive_moments, tucker_form

Array = NDArray[np.float64]
LARGEST_CORE = 4096
LARGEST_PLACE = 3000
CHUNK = 30_000_000


@dataclass(frozen=True)
class Layout:
    """How columns enter.

    Attributes
    ----------
    modes
        The coordinate columns of each mode.
    covariates
        For each mode the columns that are constant per its unique index and shape its prior.
    drift
        Columns that enter linearly.
    kernels
        Kernel name of each mode, geometry first for modes of points: ``"sphere matern32"``.
    ranks
        Functions of each mode.
    """

    modes: tuple[tuple[int, ...], ...]
    covariates: tuple[tuple[int, ...], ...]
    drift: tuple[int, ...]
    kernels: tuple[str, ...]
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class TuckerModel:
    """A fitted model in units of the data; predictions are a function of it alone.

    Attributes
    ----------
    layout
        How columns enter.
    posterior
        The posterior in standardised units.
    link
        ``"identity"`` or ``"log"``: the model is Gaussian in y or in log y.
    centre, scale
        Mean and standard deviation of the linked training values.
    drift_centre, drift_scale
        The same of the drift columns, (q,).
    """

    layout: Layout
    posterior: TuckerPosterior
    link: str
    centre: float
    scale: float
    drift_centre: Array
    drift_scale: Array


def layout_of(
    X: Array,
    modes: tuple[tuple[int, ...], ...] | None,
    covariates: tuple[int, ...],
    kernels: str | tuple[str, ...],
    rank: int | str | tuple[int, ...],
) -> Layout:
    """Return how the columns of a table enter a model.

    A covariate belongs to the mode of fewest unique indexes of which it is a function (elevation: of place), if these
    repeat at least twice on average; otherwise it is a linear drift.

    Parameters
    ----------
    X
        Shape (n, columns).
    modes
        Columns of each mode; None: one mode for each column that is no covariate.
    covariates
        Covariate columns.
    kernels
        ``"auto"`` or one name a mode.
    rank
        Functions of every mode, or of each; ``"auto"``: 16 for two modes, 3 for three, 2 for more.

    Raises
    ------
    ValueError
        If columns are out of range or used twice, or the number of kernels or ranks is not that of modes.

    Examples
    --------
    >>> table = np.array([[40.0, -105.0, 1600.0, 0.0], [39.0, -106.0, 2700.0, 0.0]] * 2)
    >>> found = layout_of(table, ((0, 1), (3,)), (2,), ("sphere", "matern12"), 2)
    >>> found.covariates, found.kernels
    (((2,), ()), ('sphere matern32', 'matern12'))
    """
    columns = X.shape[1]
    if modes is None:
        modes = tuple((column,) for column in range(columns) if column not in covariates)
    modes = tuple(tuple(int(column) for column in mode) for mode in modes)
    _check_columns(modes, tuple(covariates), columns)
    owners = [_owner(X, modes, column) for column in covariates]
    attached = tuple(
        tuple(int(c) for c, o in zip(covariates, owners, strict=True) if o == k) for k in range(len(modes))
    )
    drift = tuple(int(c) for c, owner in zip(covariates, owners, strict=True) if owner is None)
    names = ("auto",) * len(modes) if kernels == "auto" else tuple(np.atleast_1d(kernels).tolist())
    if isinstance(rank, str):
        rank = _generous_rank(rank, len(modes))
    ranks = tuple(int(r) for r in (np.repeat(rank, len(modes)) if np.ndim(rank) == 0 else np.asarray(rank)))
    for label, given in (("kernels", names), ("rank", ranks)):
        if len(given) != len(modes):
            raise ValueError(f"{label}={given}: {len(modes)} modes need as many, one a mode")
    if min(ranks) < 1:
        raise ValueError(f"rank={ranks}: every rank must be at least 1")
    full = tuple(_kernel(name, mode, own) for name, mode, own in zip(names, modes, attached, strict=True))
    return Layout(modes, attached, drift, full, ranks)


def _check_columns(modes: tuple[tuple[int, ...], ...], covariates: tuple[int, ...], columns: int) -> None:
    used = [column for mode in modes for column in mode] + [int(column) for column in covariates]
    if not modes or not all(modes) or len(set(used)) != len(used) or not all(0 <= column < columns for column in used):
        raise ValueError(
            f"modes={modes} with covariates={covariates}: each column of X (0 to {columns - 1}) may be "
            "used once, and a mode needs a column"
        )


def _generous_rank(rank: str, modes: int) -> int:
    """Return a rank whose cost is small for the number of modes; functions that are too many are pruned."""
    if rank != "auto":
        raise ValueError(f"rank={rank!r}: allowed are 'auto', a number, or one number a mode")
    return {1: 1, 2: 16, 3: 3}.get(modes, 2)


def _distinct_rows(table: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return sorted distinct rows, a row each of them comes from, and for every row its place among them."""
    if table.shape[1] == 1:
        unique, first, where = np.unique(table[:, 0], return_index=True, return_inverse=True)
        return unique[:, None], first, where
    unique, first, where = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return unique, first, where.ravel()


def _owner(X: Array, modes: tuple[tuple[int, ...], ...], column: int) -> int | None:
    counts = {}
    for k, mode in enumerate(modes):
        _, first, where = _distinct_rows(X[:, list(mode)])
        if 2 * first.size <= X.shape[0] and np.array_equal(X[first, column][where], X[:, column]):
            counts[k] = first.size
    return min(counts, key=counts.__getitem__) if counts else None


def _kernel(name: str, mode: tuple[int, ...], covariates: tuple[int, ...]) -> str:
    """Return the full kernel name: points get a geometry, and modes with covariates are points."""
    geometry, _, rest = name.partition(" ")
    if geometry in ("sphere", "plane"):
        return f"{geometry} {rest or 'matern32'}"
    plain = "matern32" if name == "auto" else name
    return f"plane {plain}" if len(mode) > 1 or covariates else plain


def _prior(X: Array, layout: Layout, k: int) -> tuple[Prior, NDArray[np.int32]]:
    coordinates, extra = list(layout.modes[k]), list(layout.covariates[k])
    unique, first, where = _distinct_rows(X[:, coordinates])
    geometry, _, kernel = layout.kernels[k].partition(" ")
    if not kernel:
        return AxisPrior(geometry, np.ascontiguousarray(unique[:, 0])), where.astype(np.int32)
    if unique.shape[0] > LARGEST_PLACE:
        raise ValueError(
            f"mode {k} (columns {layout.modes[k]}) has {unique.shape[0]} distinct points; at most {LARGEST_PLACE} "
            "can be solved densely: make each column its own mode, or round the coordinates"
        )
    points = dense_process.points_of(kernel, geometry, unique, X[first][:, extra])
    distance = dense_process.distances(geometry, unique, unique)
    block = max(1, 600 // unique.shape[0])
    return PointPrior(points, distance, block), where.astype(np.int32)


def choose_form(core: str, ranks: tuple[int, ...]) -> Form:
    """Return the Tucker form, or the CP form when asked or when the core would have more than 4,096 entries.

    Raises
    ------
    ValueError
        If CP is wanted with unequal ranks, or ``core`` is not known.

    Examples
    --------
    >>> choose_form("auto", (3, 3, 3)).kind, choose_form("auto", (7,) * 5).kind
    ('tucker', 'cp')
    """
    if core not in ("auto", "tucker", "cp"):
        raise ValueError(f"core={core!r}: allowed are auto, tucker, cp")
    large = int(np.prod([rank + 1 for rank in ranks])) > LARGEST_CORE
    if core == "cp" or (core == "auto" and large):
        if len(set(ranks)) > 1:
            raise ValueError(f"rank={ranks}: a CP core needs equal ranks")
        return cp_form(ranks[0], len(ranks))
    return tucker_form(ranks)


def link_values(link: str, y: Array) -> Array:
    """Return the values on the scale of the model.

    Raises
    ------
    ValueError
        If the link is not known, or a log link meets values that are not positive.

    Examples
    --------
    >>> link_values("log", np.array([1.0])).tolist()
    [0.0]
    """
    if link == "identity":
        return y
    if link != "log":
        raise ValueError(f"link={link!r}: allowed are identity, log")
    if (y <= 0).any():
        raise ValueError(
            f"link='log' needs positive y; {int((y <= 0).sum())} of {y.size} values are <= 0 (least {y.min():g}). "
            "Remove them, add a detection limit, or use link='identity'"
        )
    return np.log(y)


def fit_model(
    X: Array,
    y: Array,
    layout: Layout,
    core: str = "auto",
    link: str = "identity",
    noise: str = "gaussian",
    seed: int = 0,
    max_iterations: int = 60,
    tolerance: float = 1e-3,
) -> TuckerModel:
    """Return the model fitted to a table, all centring and scaling taken from these rows.

    Parameters
    ----------
    X, y
        Coordinates and covariates (n, columns), values (n,).
    layout
        From :func:`layout_of`.
    core, link, noise
        ``"auto"``, ``"tucker"`` or ``"cp"``; ``"identity"`` or ``"log"``; ``"gaussian"`` or ``"student"``.
    seed, max_iterations, tolerance
        See :func:`polyadic.kernels.functional_tucker.fit`.

    Returns
    -------
    the :class:`TuckerModel`.
    """
    if noise not in ("gaussian", "student"):
        raise ValueError(f"noise={noise!r}: allowed are gaussian, student")
    form = choose_form(core, layout.ranks)
    linked = link_values(link, y)
    centre, scale = float(linked.mean()), float(linked.std()) or 1.0
    value = (linked - centre) / scale
    parts = [_prior(X, layout, k) for k in range(len(layout.modes))]
    priors, index = tuple(part[0] for part in parts), np.stack([part[1] for part in parts], axis=1)
    raw = X[:, list(layout.drift)]
    drift_centre, drift_scale = raw.mean(axis=0), np.where(raw.std(axis=0) > 0, raw.std(axis=0), 1.0)
    first = tucker_start.starts(form, priors, index, value, seed)
    drift = (raw - drift_centre) / drift_scale
    posterior = fit(form, priors, index, value, first, drift, noise, max_iterations, tolerance)
    return TuckerModel(layout, posterior, link, centre, scale, drift_centre, drift_scale)


def latent_moments(model: TuckerModel, X: Array) -> tuple[Array, Array]:
    """Return posterior mean and variance of f on the linked scale, shapes (n,), in units of (linked) y.

    Notes
    -----
    Functions are computed once per distinct index.
    """
    form, posterior = model.posterior.form, model.posterior
    moments, places = [], []
    for k, state in enumerate(posterior.modes):
        unique, where = _distinct(model.layout, X, k)
        width = len(model.layout.modes[k])
        moments.append(extend(form, k, *mode_process.predict(state, unique[:, :width], unique[:, width:])))
        places.append(where)
    mean, variance = np.empty(X.shape[0]), np.empty(X.shape[0])
    rest = [moment[1].shape[1] for moment in moments[1:]]
    step = max(1, CHUNK // int(np.prod(rest) if form.kind == "tucker" else form.sizes[0] ** 2))
    for begin in range(0, X.shape[0], step):
        rows = slice(begin, begin + step)
        first = [moment[0][where[rows]] for moment, where in zip(moments, places, strict=True)]
        second = [moment[1][where[rows]] for moment, where in zip(moments, places, strict=True)]
        mean[rows], variance[rows] = predictive_moments(form, posterior.core, first, second)
    drift = (X[:, list(model.layout.drift)] - model.drift_centre) / model.drift_scale
    mean += drift @ posterior.drift_mean
    variance += np.einsum("nq,qr,nr->n", drift, posterior.drift_covariance, drift)
    return model.centre + model.scale * mean, model.scale**2 * variance


def _distinct(layout: Layout, X: Array, k: int) -> tuple[Array, NDArray[np.int64]]:
    unique, _, where = _distinct_rows(X[:, [*layout.modes[k], *layout.covariates[k]]])
    return unique, where


def predictive_mean(model: TuckerModel, X: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of a new y, shapes (n,).

    With a log link these are the log-normal moments; with a log link and Student-t noise no moment exists, and the
    median and half the central 68 % interval stand in.
    """
    mean, variance = latent_moments(model, X)
    noise, degrees = model.posterior.noise_variance * model.scale**2, model.posterior.degrees
    if model.link == "log" and np.isfinite(degrees):
        low, middle, high = predictive_quantiles(model, X, ndtr(np.array([-1.0, 0.0, 1.0]))).T
        return middle, (high - low) / 2
    total = variance + (noise if np.isinf(degrees) else noise * degrees / (degrees - 2))
    if model.link == "identity":
        return mean, np.sqrt(total)
    centre = np.exp(mean + total / 2)
    return centre, centre * np.sqrt(np.expm1(total))


def predictive_quantiles(model: TuckerModel, X: Array, levels: Array) -> Array:
    """Return quantiles (n, levels) of a new y."""
    mean, variance = latent_moments(model, X)
    noise = model.posterior.noise_variance * model.scale**2
    found = tucker_noise.predictive_quantiles(mean, variance, noise, model.posterior.degrees, levels)
    return np.exp(found) if model.link == "log" else found


def log_density(model: TuckerModel, X: Array, y: Array) -> Array:
    """Return the log predictive density of values y (n,) in their own units, the link's Jacobian included."""
    mean, variance = latent_moments(model, X)
    linked = link_values(model.link, y)
    scales = tucker_noise.mixture_scales(model.posterior.degrees, 128)
    total = variance[:, None] + model.posterior.noise_variance * model.scale**2 * scales
    parts = -0.5 * np.log(2 * np.pi * total) - (linked - mean)[:, None] ** 2 / (2 * total)
    top = parts.max(axis=1)
    density = top + np.log(np.exp(parts - top[:, None]).mean(axis=1))
    return np.asarray(density - linked if model.link == "log" else density)


def draws(model: TuckerModel, X: Array, count: int, seed: int) -> Array:
    """Return joint posterior draws of the noise-free field, (count, n), in units of y: exp f with a log link.

    Functions, core and drift are drawn jointly over all rows, so means and differences over rows carry honest errors.
    """
    generator = np.random.default_rng(seed)
    form, posterior = model.posterior.form, model.posterior
    found, places = [], []
    for k, state in enumerate(posterior.modes):
        unique, where = _distinct(model.layout, X, k)
        width = len(model.layout.modes[k])
        drawn = mode_process.sample(state, unique[:, :width], unique[:, width:], count, generator)
        every = np.ones((*drawn.shape[:2], form.sizes[k]))
        every[:, :, list(form.free[k])] = drawn
        found.append(every)
        places.append(where)
    cores = generator.multivariate_normal(posterior.core.mean, posterior.core.covariance, count, method="eigh")
    drift = (X[:, list(model.layout.drift)] - model.drift_centre) / model.drift_scale
    root = np.linalg.cholesky(posterior.drift_covariance)
    slopes = posterior.drift_mean + generator.standard_normal((count, root.shape[0])) @ root.T
    out = np.empty((count, X.shape[0]))
    for s in range(count):
        out[s] = evaluate(form, cores[s], [u[s][where] for u, where in zip(found, places, strict=True)])
    out = model.centre + model.scale * (out + slopes @ drift.T)
    return np.exp(out) if model.link == "log" else out


def relevances(model: TuckerModel) -> tuple[Array, ...]:
    """Return, for each mode, the part of the variance of f that each free function carries over the training indexes.

    The mean square of the function times the core's slice, relative to the largest: values near zero are pruned.
    """
    form, core = model.posterior.form, model.posterior.core
    found = []
    for k, state in enumerate(model.posterior.modes):
        variance = np.exp(state.log_parameters[:, mode_process.state_variance_columns(state)]).sum(axis=1)
        square = core.mean**2
        if form.kind == "tucker":
            square = np.moveaxis(square.reshape(form.sizes), k, 0).reshape(form.sizes[k], -1).sum(axis=1)
        strength = square[list(form.free[k])] * variance
        found.append(strength / max(float(strength.max()), 1e-300))
    return tuple(found)
