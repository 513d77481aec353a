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
from polyadic.kernels.functional_tucker import CLIMB, attempt, fit
from polyadic.kernels.inducing_process import INDUCING
from polyadic.kernels.mode_process import AxisPrior, Prior
from polyadic.kernels.state_space import AxisPosterior
from polyadic.kernels.tucker_entries import sort_by
from polyadic.kernels.tucker_form import entry_moments
from polyadic.kernels.tucker_layout import Layout, choose_form, distinct_rows, known_functions, periods
from polyadic.kernels.tucker_table import Options, Start, Table, TuckerPosterior

Array = NDArray[np.float64]
REFILLS = 3
FEWEST = 2
"""Values an index, on average and in some mode, from which kernels are chosen early."""
LATE = 20_000
"""Most rows for which whole fits of several kernels are compared."""
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
        See :class:`polyadic.kernels.tucker_table.Options`.
    inducing
        Inducing points of a mode of more than :data:`polyadic.kernels.mode_process.LARGEST_DENSE` points.
    """

    core: str = "auto"
    link: str = "identity"
    noise: str = "gaussian"
    seed: int = 0
    max_iterations: int = 60
    tolerance: float = 1e-3
    inducing: int = INDUCING


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


def _prior(X: Array, layout: Layout, k: int, inducing: int) -> tuple[Prior, NDArray[np.int32]]:
    coordinates, extra = list(layout.modes[k]), list(layout.covariates[k])
    unique, first, where = distinct_rows(X[:, coordinates])
    geometry, _, kernel = layout.kernels[k].partition(" ")
    if not kernel:
        name = harmonics.separate(geometry)[0]
        return AxisPrior(_first(name), np.ascontiguousarray(unique[:, 0])), where.astype(np.int32, copy=False)
    points = dense_process.points_of(_first(kernel), geometry, unique, X[first][:, extra])
    return mode_process.point_prior(points, inducing), where.astype(np.int32, copy=False)


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
    parts = [_prior(X, layout, k, settings.inducing) for k in modes]
    priors, index = tuple(part[0] for part in parts), np.stack([part[1] for part in parts], axis=1)
    raw = X[:, list(layout.drift)]
    drift_centre, drift_scale = raw.mean(axis=0), np.where(raw.std(axis=0) > 0, raw.std(axis=0), 1.0)
    known = tuple(known_functions(layout, k, mode_process.coordinates(priors[k])[0], form.kind) for k in modes)
    table = Table(index, (linked - centre) / scale, (raw - drift_centre) / drift_scale, known)
    options = Options(settings.noise, settings.max_iterations, settings.tolerance, *_choices(layout, priors, y.size))
    starts = (
        tucker_start.starts(form, priors, table, settings.seed)
        if begin is None
        else [_continued(begin.posterior, priors)]
    )
    posterior = fit(form, priors, table, starts, options)
    if begin is None:
        posterior = _refilled(priors, table, posterior, options, settings.seed)
    named = replace(layout, kernels=tuple(_named(layout, k, state) for k, state in enumerate(posterior.modes)))
    return TuckerModel(named, posterior, settings.link, centre, scale, drift_centre, drift_scale)


def _refilled(
    priors: tuple[Prior, ...], table: Table, posterior: TuckerPosterior, options: Options, seed: int
) -> TuckerPosterior:
    """Return the posterior with new functions in the slots of pruned ones, as long as they stay and raise the bound.

    Where none stay, sweeps go on until the bound has settled over three of them: pruned slots may be a sign that a
    function elsewhere is still being divided in two.
    """
    generator = np.random.default_rng(seed)
    options = replace(options, kernels=(), late=())
    for _ in range(REFILLS):
        chosen = tuple(
            mode_process.with_kernel(prior, _kernel(state)) or prior
            for prior, state in zip(priors, posterior.modes, strict=True)
        )
        start = tucker_refill.refilled(chosen, table, posterior, generator)
        if start is None:
            break
        new = tucker_refill.empty_slots(posterior)
        found = attempt(posterior.form, chosen, table, start, options, new)
        if found is None or found.bound[-1] <= posterior.bound[-1]:
            return _settled(chosen, table, posterior, options)
        posterior = found
    return posterior


def _settled(priors: tuple[Prior, ...], table: Table, posterior: TuckerPosterior, options: Options) -> TuckerPosterior:
    """Return the posterior after more sweeps, unless it was stopped by their number."""
    for _ in range(REFILLS):
        if not posterior.converged:
            break
        before = posterior.bound
        found = fit(posterior.form, priors, table, [_continued(posterior, priors)], options)
        if found.bound[-1] <= before[-1]:
            break
        posterior = replace(found, bound=np.r_[before, found.bound[found.bound > before[-1]]])
        if posterior.bound[-1] - before[-1] < CLIMB * options.tolerance * table.value.size:
            break
    return posterior


def _kernel(state: mode_process.Posterior) -> str:
    return state.kernel if isinstance(state, AxisPosterior) else state.points.kernel


def _choices(layout: Layout, priors: tuple[Prior, ...], rows: int) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Return the kernels to choose from in an early sweep, and those to choose from once the noise has settled.

    Where no mode has indexes of more than about one value, noise and roughness are told apart by the shape of the
    functions alone, and noise that is still too high favours a smooth one.
    """
    opened = tuple(CANDIDATES if _is_open(kernel) else () for kernel in layout.kernels)
    closed: tuple[tuple[str, ...], ...] = tuple(() for _ in opened)
    late = rows <= LATE and all(rows < FEWEST * mode_process.size(prior) for prior in priors)
    return (closed, opened) if late else (opened, closed)


def _is_open(kernel: str) -> bool:
    return re.search(r"\bauto\b", kernel) is not None


def _named(layout: Layout, k: int, state: mode_process.Posterior) -> str:
    """Return the kernel of a mode with the name that was chosen in the place of ``auto``."""
    return re.sub(r"\bauto\b", _kernel(state), layout.kernels[k])


def _continued(posterior: TuckerPosterior, priors: tuple[Prior, ...]) -> Start:
    """Return the functions of a posterior at the unique indexes of other rows, with its hyperparameters."""
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
    mean, variance = _combined(posterior, moments, np.stack(places, axis=1))
    drift, spread = drift_moments(model, X)
    return model.centre + model.scale * mean + drift, model.scale**2 * variance + spread


def _combined(
    posterior: TuckerPosterior, moments: list[tuple[Array, Array]], index: NDArray[np.int32]
) -> tuple[Array, Array]:
    """Return mean and variance (n,) of the core's products of functions, whose moments are of distinct indexes (n, K).

    The core is contracted with each index of the mode of fewest once.
    """
    form, mean, variance = posterior.form, np.empty(index.shape[0]), np.empty(index.shape[0])
    mode = int(np.argmin([first.shape[0] for first, _ in moments]))
    width = [moment[1].shape[1] for k, moment in enumerate(moments) if k != mode]
    step = max(1, CHUNK // int(np.prod(width) if form.kind == "tucker" else form.sizes[0] ** 2))
    for begin in range(0, index.shape[0], step):
        rows = slice(begin, begin + step)
        own, place = np.unique(index[rows, mode], return_inverse=True)
        part = index[rows].copy()
        part[:, mode] = place
        near = list(moments)
        near[mode] = moments[mode][0][own], moments[mode][1][own]
        found = entry_moments(form, posterior.core, mode, sort_by(part, mode, own.size), near)
        mean[rows], variance[rows] = found
    return mean, variance


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


def _distinct(layout: Layout, X: Array, k: int) -> tuple[Array, NDArray[np.int32]]:
    unique, _, where = distinct_rows(X[:, [*layout.modes[k], *layout.covariates[k]]])
    return unique, where


def relevances(model: TuckerModel) -> tuple[Array, ...]:
    """Return the strength of every free function, see :func:`polyadic.kernels.tucker_refill.relevances`."""
    return tucker_refill.relevances(model.posterior)
