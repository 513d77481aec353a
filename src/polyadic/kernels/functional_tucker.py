r"""Variational Bayes for a Tucker or CP model whose factors are Gaussian processes of continuous indexes.

.. math:: y_n = w^T \phi(u^1(i_n^1), \dots, u^K(i_n^K)) + \epsilon_n, \quad \epsilon_n \sim N(0, 1/\tau),
          \quad w \sim N(0, I), \quad u^k_r \sim GP(0, k_{kr})

The posterior is approximated by :math:`q(w) \prod_k q(u^k)`, all Gaussian: the functions of a mode are joint, so is the
core. Each step maximises the evidence lower bound in one factor, so the bound never falls; hyperparameters climb the
evidence of their mode's Gaussian problem; the noise precision has a closed form. The scale shared by core and functions
is not left to drift: after each core update every function takes up the root mean square of its slice of the core, the
exact maximiser of the bound along that direction. As the prior of the core is standard normal, the variances of
the functions play the part of automatic relevance determination: those of useless functions go to zero.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.core_form import Form, extend
from polyadic.kernels.core_response import Response, responses
from polyadic.kernels.mode_process import Posterior, Prior
from polyadic.kernels.tucker_entries import Entries, Sums, sort_entries
from polyadic.kernels.tucker_form import Core, entry_moments, message, mode_operators, normal_equations
from polyadic.kernels.tucker_noise import Observation, fit_drift, fit_student

Array = NDArray[np.float64]
FLOOR = 1e-10
TRIAL = 3
CLIMB = 3
CHOICE = 3
"""The sweep, from 0, in which kernels are chosen: the best start is known, its lengths have settled."""


@dataclass(frozen=True)
class Table:
    """What a model is fitted to.

    Attributes
    ----------
    index
        Unique index of each entry in each mode, shape (N, K).
    value
        Centred values of about unit variance, shape (N,).
    drift
        Standardised covariates of the entries that enter linearly, shape (N, q).
    known
        For each mode the given functions at its unique indexes, (D_k, given), by the positions ``form.known``.
    """

    index: NDArray[np.int32]
    value: Array
    drift: Array
    known: tuple[Array, ...]


@dataclass(frozen=True)
class Options:
    """How a model is fitted.

    Attributes
    ----------
    noise
        ``"gaussian"`` or ``"student"``.
    max_iterations
        Most sweeps over the modes.
    tolerance
        Stop when a sweep raises the bound by less than this many nats per entry.
    kernels
        For each mode the kernel names to choose from; empty: the kernel of the prior stays.
    """

    noise: str = "gaussian"
    max_iterations: int = 60
    tolerance: float = 1e-4
    kernels: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Start:
    """Where the sweeps begin: at least the values of the free functions of each mode, (D_k, R_k).

    A fit to much the same data also gives their covariances, logarithmic hyperparameters, and the amplitudes of the
    given functions; then no length is scanned for and no kernel chosen.
    """

    mean: list[Array]
    covariance: list[Array] | None = None
    log_parameters: list[Array] | None = None
    amplitude: list[Array] | None = None


@dataclass(frozen=True)
class Data:
    """What the sweeps read: the ``table``, the ``options``, and the sorted ``entries``."""

    table: Table
    options: Options
    entries: tuple[Entries, ...]


@dataclass(frozen=True)
class TuckerPosterior:
    r"""The fitted model; predictions are a function of it alone.

    Attributes
    ----------
    form
        Which functions there are and how they combine.
    core
        Posterior of the core, in units of y.
    modes
        Posterior of the functions of each mode.
    noise_variance
        :math:`1/\tau`, squared units of y; for Student-t noise the squared scale.
    degrees
        Degrees of freedom of the noise, infinite for Gaussian noise.
    drift_mean, drift_covariance
        Posterior of the coefficients of the linear drift, (q,) and (q, q).
    bound
        Evidence lower bound after every sweep, nats.
    converged
        Whether the last sweep gained less than the tolerance.
    amplitude
        For each mode the amplitudes of its given functions; empty for modes that have none.
    responses
        For each mode how the core answers to a change of its functions, for joint draws.
    """

    form: Form
    core: Core
    modes: tuple[Posterior, ...]
    noise_variance: float
    degrees: float
    drift_mean: Array
    drift_covariance: Array
    bound: Array
    converged: bool
    amplitude: tuple[Array, ...] = ()
    responses: tuple[Response, ...] = ()


@dataclass
class Work:
    """What the sweeps change: the factors of the posterior, their messages, and the weight and drift of each entry."""

    priors: list[Prior]
    known: list[Array]
    amplitude: list[Array]
    mean: list[Array]
    covariance: list[Array]
    log_parameters: list[Array]
    precision: list[Array]
    shift: list[Array]
    divergence: list[float]
    weight: Array
    remainder: Array
    moments: list[tuple[Array, Array]] = field(default_factory=list)
    core: Core = field(default_factory=lambda: Core(np.zeros(0), np.zeros((0, 0))))
    noise: float = 1.0
    error: float = 0.0
    likelihood: float = 0.0
    observation: Observation = field(default_factory=Observation)
    bounds: list[float] = field(default_factory=list)


def _core_update(work: Work, form: Form, mode: int, sums: Sums) -> None:
    """Set q(w), the noise and the expected squared error from the sums of any mode."""
    gram, right = np.zeros((form.entries, form.entries)), np.zeros(form.entries)
    for rows, G, g in sums.chunks():
        part = normal_equations(form, mode, work.moments[mode][0][rows], work.moments[mode][1][rows], G, g)
        gram += part[0]
        right += part[1]
    tau = 1.0 / work.noise
    covariance = np.linalg.inv(tau * gram + np.eye(form.entries))
    covariance = (covariance + covariance.T) / 2
    mean = tau * covariance @ right
    work.core = Core(mean, covariance)
    energy = float(work.weight @ work.remainder**2) + work.observation.energy
    work.error = max(
        energy - 2 * float(mean @ right) + float(mean @ gram @ mean) + float((covariance * gram).sum()), 0.0
    )
    work.noise = max(work.error / work.weight.size, FLOOR)
    work.likelihood = -work.weight.size / 2 * np.log(2 * np.pi * work.noise) - work.error / (2 * work.noise)


def _rescale(work: Work, form: Form) -> None:
    """Move the root mean square of each function's slice of the core into the function, if it is not the constant."""
    for mode, free in enumerate(form.free):
        given = list(form.known[mode]) if form.known else []
        moved = [*free, *given]
        scale = np.ones(form.sizes[mode])
        second = work.core.mean**2 + np.diag(work.core.covariance)
        if form.kind == "tucker":
            slices = np.moveaxis(second.reshape(form.sizes), mode, 0).reshape(form.sizes[mode], -1).mean(axis=1)
        else:
            slices = second
        scale[moved] = np.sqrt(np.maximum(slices[moved], 1e-12))
        if form.kind == "tucker":
            shape = [-1 if k == mode else 1 for k in range(len(form.sizes))]
            wide = np.broadcast_to(scale.reshape(shape), form.sizes).ravel()
        else:
            wide = scale
        work.core = Core(work.core.mean / wide, work.core.covariance / np.outer(wide, wide))
        own = scale[list(free)]
        work.mean[mode] = work.mean[mode] * own
        work.covariance[mode] = work.covariance[mode] * np.outer(own, own)
        work.precision[mode] = work.precision[mode] / np.outer(own, own)
        work.shift[mode] = work.shift[mode] / own
        work.log_parameters[mode] = work.log_parameters[mode] + np.where(
            mode_process.variance_columns(work.priors[mode]), 2 * np.log(own)[:, None], 0.0
        )
        work.known[mode], work.amplitude[mode] = work.known[mode] * scale[given], work.amplitude[mode] * scale[given]
        work.moments[mode] = extend(form, mode, work.mean[mode], work.covariance[mode], work.known[mode])


def _bound(work: Work) -> float:
    J = work.core.mean.size
    core = (np.trace(work.core.covariance) + work.core.mean @ work.core.mean - J) / 2
    core -= np.linalg.slogdet(work.core.covariance)[1] / 2
    return float(work.likelihood - core - sum(work.divergence) - work.observation.divergence)


def fit(
    form: Form, priors: tuple[Prior, ...], table: Table, starts: list[Start], options: Options | None = None
) -> TuckerPosterior:
    """Return the variational posterior.

    Parameters
    ----------
    form, priors
        The core's form and the prior of each mode.
    table
        The entries.
    starts
        Candidates, from :func:`polyadic.kernels.tucker_start.starts`; the one of best bound after three sweeps goes on.
    options
        See :class:`Options`.

    Returns
    -------
    the :class:`TuckerPosterior`; slow convergence is reported there, not raised.

    Notes
    -----
    A sweep costs O(N product of v_l) for Tucker and O(N K R^2) for CP, plus the filters.
    """
    options = options or Options()
    data = Data(table, options, sort_entries(table.index, tuple(mode_process.size(prior) for prior in priors)))
    work, sweeps = _selected(form, priors, data, starts)
    converged = _sweeps(work, form, data, sweeps, options.tolerance * table.value.size)
    modes = tuple(
        mode_process.finish(prior, work.log_parameters[k], work.precision[k], work.shift[k], work.mean[k])
        for k, prior in enumerate(work.priors)
    )
    seen = work.observation
    drift = seen.degrees, seen.mean, seen.covariance
    bounds = np.array(work.bounds)
    answers = responses(form, work.core, data.entries, work.moments, work.weight, work.remainder)
    return TuckerPosterior(
        form, work.core, modes, work.noise, *drift, bounds, converged, tuple(work.amplitude), answers
    )


def _selected(form: Form, priors: tuple[Prior, ...], data: Data, starts: list[Start]) -> tuple[Work, range]:
    """Return the start of best bound after three sweeps, if there are several, and the numbers of the sweeps to come.

    Modes of inducing points take few of them until start and kernel are chosen. All hold the few: the bound goes on
    rising.
    """
    options, several = data.options, len(starts) > 1
    trial = min(TRIAL, options.max_iterations) if several else 0
    runs = [_begin(form, priors, data, start) for start in starts]
    for work in runs:
        work.weight = runs[0].weight  # equal, and replaced where it changes: many entries are heavy
        work.priors = [mode_process.coarse(prior) if several else prior for prior in priors]
        _sweeps(work, form, data, range(trial), -np.inf)
    work = max(runs, key=lambda run: run.bounds[-1] if run.bounds else 0.0)
    few, done = any(own is not prior for own, prior in zip(work.priors, priors, strict=True)), trial
    if few and any(options.kernels):
        done = min(CHOICE + 1, options.max_iterations)
        _sweeps(work, form, data, range(trial, done), -np.inf)
    work.priors = [mode_process.refined(own, prior) for own, prior in zip(work.priors, priors, strict=True)]
    later = CHOICE + 2 if starts[0].log_parameters is not None else 0
    later += -done % CLIMB if few else 0  # more inducing points, other hyperparameters
    return work, range(done + later, options.max_iterations + later)


def _sweeps(work: Work, form: Form, data: Data, sweeps: range, least: float) -> bool:
    """Run sweeps until one gains less than ``least``; return whether one did."""
    for sweep in sweeps:
        for mode in range(len(work.priors)):
            _mode_step(work, form, data, mode, sweep)
        if data.table.drift.shape[1] or data.options.noise == "student":
            _observe(work, form, data)
        work.bounds.append(_bound(work))
        undecided = sweep <= CHOICE and any(data.options.kernels)
        if len(work.bounds) > 1 and not undecided and work.bounds[-1] - work.bounds[-2] < least:
            return True
    return False


def _begin(form: Form, priors: tuple[Prior, ...], data: Data, start: Start) -> Work:
    """Fit the core and the noise to the first values of the functions."""
    value = data.table.value
    parameters = [mode_process.start_parameters(p, u.shape[1]) for p, u in zip(priors, start.mean, strict=True)]
    amplitude = start.amplitude or [np.ones(known.shape[1]) for known in data.table.known]
    work = Work(
        priors=list(priors),
        known=[known * a for known, a in zip(data.table.known, amplitude, strict=True)],
        amplitude=list(amplitude),
        mean=list(start.mean),
        covariance=start.covariance or [np.zeros((*u.shape, u.shape[1])) for u in start.mean],
        log_parameters=start.log_parameters or parameters,
        precision=[np.zeros((*u.shape, u.shape[1])) for u in start.mean],
        shift=[np.zeros(u.shape) for u in start.mean],
        divergence=[0.0] * len(priors),
        weight=np.ones(value.size),
        remainder=value,
    )
    work.moments = [extend(form, k, work.mean[k], work.covariance[k], work.known[k]) for k in range(len(priors))]
    sums = Sums(form, 0, data.entries[0], work.weight, value[data.entries[0].order], work.moments)
    for _ in range(3):
        _core_update(work, form, 0, sums)
    _rescale(work, form)
    return work


def _mode_step(work: Work, form: Form, data: Data, mode: int, sweep: int) -> None:
    entries = data.entries[mode]
    sums = Sums(form, mode, entries, work.weight[entries.order], work.remainder[entries.order], work.moments)
    operators, known = mode_operators(form, work.core, mode), work.known[mode]
    parts = [message(form, mode, operators, G, g, known[rows]) for rows, G, g in sums.chunks()]
    precision = np.concatenate([part[0] for part in parts]) / work.noise
    shift = np.concatenate([part[1] for part in parts]) / work.noise
    prior, parameters = work.priors[mode], work.log_parameters[mode]
    if sweep == 0:
        parameters = mode_process.scan_lengths(prior, parameters, precision, shift)
    candidates = data.options.kernels[mode] if data.options.kernels and sweep == CHOICE else ()
    found = mode_process.update(prior, parameters, precision, shift, work.mean[mode], _climbs(sweep))
    for kernel in candidates:
        other = mode_process.with_kernel(prior, kernel)
        if other is None:
            continue
        tried = mode_process.update(other, parameters, precision, shift, work.mean[mode], 2 * _climbs(sweep))
        if tried.gain > found.gain:
            work.priors[mode], found = other, tried
    work.mean[mode], work.covariance[mode] = found.mean, found.covariance
    work.precision[mode], work.shift[mode] = precision, shift
    work.divergence[mode], work.log_parameters[mode] = found.divergence, found.log_parameters
    work.moments[mode] = extend(form, mode, found.mean, found.covariance, known)
    _core_update(work, form, mode, sums)
    _rescale(work, form)


def _climbs(sweep: int) -> int:
    return 3 if sweep < 3 or sweep % CLIMB == 0 else 0


def _observe(work: Work, form: Form, data: Data) -> None:
    """Update the drift and, for Student-t noise, the weight of each entry."""
    value, drift, entries = data.table.value, data.table.drift, data.entries[0]
    mean, variance = np.empty(value.size), np.empty(value.size)
    found = entry_moments(form, work.core, 0, entries.start, entries.others, work.moments)
    mean[entries.order], variance[entries.order] = found
    seen = fit_drift(value - mean, drift, work.weight, work.noise)
    offset, spread = drift @ seen.mean, np.einsum("nq,qr,nr->n", drift, seen.covariance, drift)
    square = (value - mean - offset) ** 2 + variance + spread
    if data.options.noise == "student":
        work.noise, degrees, work.weight, work.likelihood = fit_student(square, work.noise, work.observation.degrees)
    else:
        degrees, work.noise = np.inf, max(float(square.mean()), FLOOR)
        work.likelihood = -value.size / 2 * (np.log(2 * np.pi * work.noise) + float(square.mean()) / work.noise)
    work.remainder = value - offset
    work.observation = Observation(seen.mean, seen.covariance, seen.divergence, float(work.weight @ spread), degrees)
