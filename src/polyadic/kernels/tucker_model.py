"""A functional Tucker model from a table of numbers to predictions: columns, units, links, and what a fit remembers."""

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import (
    dense_process,
    harmonics,
    links,
    mode_process,
    tucker_refill,
    tucker_start,
)
from polyadic.kernels.core_form import extend
from polyadic.kernels.functional_tucker import Options, Start, Table, TuckerPosterior, fit
from polyadic.kernels.mode_process import AxisPrior, Prior
from polyadic.kernels.state_space import AxisPosterior
from polyadic.kernels.tucker_form import predictive_moments
from polyadic.kernels.tucker_layout import Layout, choose_form, distinct_rows, known_functions, periods

Array = NDArray[np.float64]
REFILLS = 3
CHUNK = 30_000_000
CANDIDATES = ("matern12", "matern32", "matern52")
"""The kernels that ``"auto"`` chooses from. A fit begins with the roughest: a smooth one would call roughness noise."""


@dataclass(frozen=True)
class FitSettings:
    """What a model is fitted with.

    Attributes
    ----------
    core, link, noise
        ``"auto"``, ``"tucker"`` or ``"cp"``; a name of :data:`polyadic.kernels.links.LINKS`; ``"gaussian"`` or
        ``"student"``.
    seed
        Seed of the start of modes without geometry.
    max_iterations, tolerance
        See :class:`polyadic.kernels.functional_tucker.Options`.
    """

    core: str = "auto"
    link: str = "identity"
    noise: str = "gaussian"
    seed: int = 0
    max_iterations: int = 60
    tolerance: float = 1e-3


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
        The model is Gaussian in the linked values: ``"identity"``, ``"log"`` or ``"cube_root"``.
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


def _prior(X: Array, layout: Layout, k: int) -> tuple[Prior, NDArray[np.int32]]:
    coordinates, extra = list(layout.modes[k]), list(layout.covariates[k])
    unique, first, where = distinct_rows(X[:, coordinates])
    geometry, _, kernel = layout.kernels[k].partition(" ")
    if not kernel:
        name = harmonics.separate(geometry)[0]
        return AxisPrior(_first(name), np.ascontiguousarray(unique[:, 0])), where.astype(np.int32)
    points = dense_process.points_of(_first(kernel), geometry, unique, X[first][:, extra])
    return mode_process.point_prior(points), where.astype(np.int32)


def _first(kernel: str) -> str:
    """Return the kernel that a fit begins with."""
    return CANDIDATES[0] if kernel == "auto" else kernel


def fit_model(
    X: Array, y: Array, layout: Layout, settings: FitSettings | None = None, begin: TuckerModel | None = None
) -> TuckerModel:
    """Return the model fitted to a table, all centring and scaling taken from these rows.

    Parameters
    ----------
    X, y
        Coordinates and covariates (n, columns), values (n,).
    layout
        From :func:`polyadic.kernels.tucker_layout.layout_of`.
    settings
        See :class:`FitSettings`.
    begin
        A model of the same layout and settings, fitted to most of the rows: the fit goes on from it.

    Returns
    -------
    the :class:`TuckerModel`; its layout names the kernels that were chosen.
    """
    settings = settings or FitSettings()
    if settings.noise not in ("gaussian", "student"):
        raise ValueError(f"noise={settings.noise!r}: allowed are gaussian, student")
    modes = range(len(layout.modes))
    form = choose_form(settings.core, layout.ranks, tuple(2 * periods(layout, k).size for k in modes))
    linked = links.forward(settings.link, y)
    centre, scale = float(linked.mean()), float(linked.std()) or 1.0
    parts = [_prior(X, layout, k) for k in modes]
    priors, index = tuple(part[0] for part in parts), np.stack([part[1] for part in parts], axis=1)
    raw = X[:, list(layout.drift)]
    drift_centre, drift_scale = raw.mean(axis=0), np.where(raw.std(axis=0) > 0, raw.std(axis=0), 1.0)
    known = tuple(known_functions(layout, k, mode_process.coordinates(priors[k])[0], form.kind) for k in modes)
    table = Table(index, (linked - centre) / scale, (raw - drift_centre) / drift_scale, known)
    choice = tuple(CANDIDATES if _is_open(kernel) else () for kernel in layout.kernels)
    options = Options(settings.noise, settings.max_iterations, settings.tolerance, choice)
    starts = tucker_start.starts(form, priors, table, settings.seed) if begin is None else [_continued(begin, priors)]
    posterior = fit(form, priors, table, starts, options)
    if begin is None:
        posterior = _refilled(priors, table, posterior, options, settings.seed)
    named = replace(layout, kernels=tuple(_named(layout, k, state) for k, state in enumerate(posterior.modes)))
    return TuckerModel(named, posterior, settings.link, centre, scale, drift_centre, drift_scale)


def _refilled(
    priors: tuple[Prior, ...], table: Table, posterior: TuckerPosterior, options: Options, seed: int
) -> TuckerPosterior:
    """Return the posterior with new functions in the slots of pruned ones, as long as that raises the bound."""
    generator = np.random.default_rng(seed)
    for _ in range(REFILLS):
        chosen = tuple(
            mode_process.with_kernel(prior, _kernel(state)) or prior
            for prior, state in zip(priors, posterior.modes, strict=True)
        )
        start = tucker_refill.refilled(chosen, table, posterior, generator)
        if start is None:
            break
        found = fit(posterior.form, chosen, table, [start], options)
        if found.bound[-1] <= posterior.bound[-1]:
            break
        posterior = found
    return posterior


def _kernel(state: mode_process.Posterior) -> str:
    return state.kernel if isinstance(state, AxisPosterior) else state.points.kernel


def _is_open(kernel: str) -> bool:
    return re.search(r"\bauto\b", kernel) is not None


def _named(layout: Layout, k: int, state: mode_process.Posterior) -> str:
    """Return the kernel of a mode with the name that was chosen in the place of ``auto``."""
    return re.sub(r"\bauto\b", _kernel(state), layout.kernels[k])


def _continued(model: TuckerModel, priors: tuple[Prior, ...]) -> Start:
    """Return the functions of a model at the unique indexes of other rows, with its hyperparameters."""
    posterior = model.posterior
    moments = tucker_refill.moments(priors, posterior)
    return Start(
        [mean for mean, _ in moments],
        [covariance for _, covariance in moments],
        [state.log_parameters for state in posterior.modes],
        list(posterior.amplitude),
    )


def latent_moments(model: TuckerModel, X: Array, season: bool = False) -> tuple[Array, Array]:
    """Return posterior mean and variance of f on the linked scale, shapes (n,), in units of (linked) y.

    With ``season`` modes that have given functions keep only those and the constant: f less all that is learned about
    single times, so the normals of each place and season. Without such a mode that is zero.

    Notes
    -----
    Functions are computed once per distinct index.
    """
    form, posterior = model.posterior.form, model.posterior
    if season and not any(form.known):
        return np.zeros(X.shape[0]), np.zeros(X.shape[0])
    moments, places = [], []
    for k, state in enumerate(posterior.modes):
        unique, where = _distinct(model.layout, X, k)
        width = len(model.layout.modes[k])
        found = mode_process.predict(state, unique[:, :width], unique[:, width:])
        if season and form.known[k]:
            found = np.zeros_like(found[0]), np.zeros_like(found[1])
        moments.append(extend(form, k, *found, given_functions(model, k, unique)))
        places.append(where)
    mean, variance = np.empty(X.shape[0]), np.empty(X.shape[0])
    rest = [moment[1].shape[1] for moment in moments[1:]]
    step = max(1, CHUNK // int(np.prod(rest) if form.kind == "tucker" else form.sizes[0] ** 2))
    for begin in range(0, X.shape[0], step):
        rows = slice(begin, begin + step)
        first = [moment[0][where[rows]] for moment, where in zip(moments, places, strict=True)]
        second = [moment[1][where[rows]] for moment, where in zip(moments, places, strict=True)]
        mean[rows], variance[rows] = predictive_moments(form, posterior.core, first, second)
    drift, spread = drift_moments(model, X)
    return model.centre + model.scale * mean + drift, model.scale**2 * variance + spread


def drift_moments(model: TuckerModel, X: Array) -> tuple[Array, Array]:
    """Return posterior mean and variance (n,) of the part that is linear in the drift columns, as `latent_moments`."""
    drift = (X[:, list(model.layout.drift)] - model.drift_centre) / model.drift_scale
    mean = drift @ model.posterior.drift_mean
    variance = np.einsum("nq,qr,nr->n", drift, model.posterior.drift_covariance, drift)
    return model.scale * mean, model.scale**2 * variance


def given_functions(model: TuckerModel, k: int, unique: Array) -> Array | None:
    """Return the given functions of a mode, with their amplitudes, at distinct rows; None if the mode has none."""
    amplitude = model.posterior.amplitude
    if not amplitude or not amplitude[k].size:
        return None
    return known_functions(model.layout, k, unique, model.posterior.form.kind) * amplitude[k]


def _distinct(layout: Layout, X: Array, k: int) -> tuple[Array, NDArray[np.int64]]:
    unique, _, where = distinct_rows(X[:, [*layout.modes[k], *layout.covariates[k]]])
    return unique, where


def relevances(model: TuckerModel) -> tuple[Array, ...]:
    """Return the strength of every free function, see :func:`polyadic.kernels.tucker_refill.relevances`."""
    return tucker_refill.relevances(model.posterior)
