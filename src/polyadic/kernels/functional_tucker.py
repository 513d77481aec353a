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

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.core_form import Form, extend
from polyadic.kernels.core_response import responses
from polyadic.kernels.mode_process import Prior
from polyadic.kernels.tucker_entries import Sums
from polyadic.kernels.tucker_form import Core, entry_moments, message, mode_operators, normal_equations
from polyadic.kernels.tucker_noise import Observation, fit_drift, fit_student
from polyadic.kernels.tucker_table import Data, Options, Start, Table, TuckerPosterior

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
FLOOR = 1e-10
TRIAL = 3
CLIMB = 3
NEAR = 10.0
"""Nats by which a kernel may be worse under present messages to be tried at all."""
SHORT = 1.0
"""Nats by which it may be worse when mode, core and noise have settled to be tried in a whole fit."""
IDLE = 0.5
"""Nats between prior and posterior of a mode below which it has learned nothing that a kernel could tell better."""
PRUNED = 1e-3
"""Relevance below which a function is taken for pruned."""
CHOICE = 3
"""The sweep, from 0, in which kernels are chosen: the best start is known, its lengths have settled."""


@dataclass
class Work:
    """What the sweeps change: the factors of the posterior, their messages, and the weight and drift of each entry.

    ``weight`` is one number, (1,), where all entries weigh alike: then nothing is kept for each entry.
    """

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
    own = work.remainder if work.weight.size == 1 else work.weight * work.remainder
    energy = float(own @ work.remainder) + work.observation.energy
    work.error = max(
        energy - 2 * float(mean @ right) + float(mean @ gram @ mean) + float((covariance * gram).sum()), 0.0
    )
    count = work.remainder.size
    work.noise = max(work.error / count, FLOOR)
    work.likelihood = -count / 2 * np.log(2 * np.pi * work.noise) - work.error / (2 * work.noise)


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
    data = Data(table, options)
    work, sweeps = _selected(form, priors, data, starts)
    converged = _sweeps(work, form, data, sweeps, _least(data))
    if any(options.late):
        work, converged = _chosen_late(work, form, data, converged)
    return _finished(work, form, data, converged)


def attempt(
    form: Form, priors: tuple[Prior, ...], table: Table, start: Start, options: Options, new: list[Rows]
) -> TuckerPosterior | None:
    """Return the posterior that a start with new functions leads to, None if three sweeps prune all of these again.

    Parameters
    ----------
    form, priors, table, options
        As in :func:`fit`.
    start
        The end of a fit with new functions in it.
    new
        For each mode the positions of the new ones among its free functions.
    """
    data = Data(table, options)
    work, sweeps = _selected(form, priors, data, [start])
    _sweeps(work, form, data, sweeps[:TRIAL], -np.inf)
    strength = relevances(
        form, work.core, [_variances(*own) for own in zip(work.priors, work.log_parameters, strict=True)]
    )
    if all((own[slots] < PRUNED).all() for own, slots in zip(strength, new, strict=True)):
        return None
    return _finished(work, form, data, _sweeps(work, form, data, sweeps[TRIAL:], _least(data)))


def _variances(prior: Prior, log_parameters: Array) -> Array:
    return np.asarray(np.exp(log_parameters[:, mode_process.variance_columns(prior)]).sum(axis=1))


def relevances(form: Form, core: Core, variances: list[Array]) -> tuple[Array, ...]:
    """Return, for each mode, the part of the variance of f that each free function carries over the training indexes.

    The variance of the function, (R_k,), times the square of the core's slice, relative to the largest: values near
    zero are pruned.
    """
    found = []
    for k, variance in enumerate(variances):
        square = core.mean**2
        if form.kind == "tucker":
            square = np.moveaxis(square.reshape(form.sizes), k, 0).reshape(form.sizes[k], -1).sum(axis=1)
        strength = square[list(form.free[k])] * variance
        found.append(strength / max(float(strength.max()), 1e-300))
    return tuple(found)


def _least(data: Data) -> float:
    """Return the nats by which a sweep must raise the bound for another to follow."""
    return data.options.tolerance * data.table.value.size


def _finished(work: Work, form: Form, data: Data, converged: bool) -> TuckerPosterior:
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
        _sweep(work, form, data, sweep, data.options.kernels if sweep == CHOICE else ())
        undecided = sweep <= CHOICE and any(data.options.kernels)
        if len(work.bounds) > 1 and not undecided and work.bounds[-1] - work.bounds[-2] < least:
            return True
    return False


def _sweep(
    work: Work, form: Form, data: Data, sweep: int, kernels: tuple[tuple[str, ...], ...], modes: Sequence[int] = ()
) -> None:
    for mode in modes or range(len(work.priors)):
        _mode_step(work, form, data, mode, sweep, kernels[mode] if kernels else ())
    if data.table.drift.shape[1] or data.options.noise == "student":
        _observe(work, form, data)
    work.bounds.append(_bound(work))


def _chosen_late(work: Work, form: Form, data: Data, converged: bool) -> tuple[Work, bool]:
    """Return the best of the fits that go on with another kernel in a mode, and whether it converged.

    Noise and kernel settle together: with another kernel the mode, core and noise settle first, then, where the bound
    comes near, all.
    """
    for mode, kernels in enumerate(data.options.late):
        for kernel in kernels if work.divergence[mode] > IDLE else ():
            other = mode_process.with_kernel(work.priors[mode], kernel)
            trial = None if other is None else _settled_mode(work, form, data, mode, other)
            if trial is None:
                continue
            sweeps = range(2 * CLIMB, 2 * CLIMB + data.options.max_iterations)
            done = _sweeps(trial, form, data, sweeps, _least(data))
            if trial.bounds[-1] > work.bounds[-1]:
                trial.bounds = work.bounds + [bound for bound in trial.bounds if bound > work.bounds[-1]]
                work, converged = trial, done
    return work, converged


def _settled_mode(work: Work, form: Form, data: Data, mode: int, prior: Prior) -> Work | None:
    """Return the fit after steps of one mode alone with another prior, None once it falls short too far to catch up."""
    trial = copy.copy(work)
    for name in ("priors", "known", "amplitude", "mean", "covariance", "log_parameters", "precision", "shift"):
        setattr(trial, name, list(getattr(work, name)))
    trial.divergence, trial.moments, trial.bounds = list(work.divergence), list(work.moments), []
    trial.priors[mode] = prior
    best, before = work.bounds[-1], -np.inf
    for _ in range(2 * CLIMB):
        _sweep(trial, form, data, 2 * CLIMB, (), (mode,))
        bound = trial.bounds.pop()
        if bound - before < _least(data) or bound < best - NEAR:
            break
        before = bound
    return trial if bound > best - SHORT else None


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
        weight=np.ones(1),
        remainder=value,
    )
    work.moments = [extend(form, k, work.mean[k], work.covariance[k], work.known[k]) for k in range(len(priors))]
    sums = Sums(form, 0, data.entries[0], work.weight, value, work.moments)
    for _ in range(3):
        _core_update(work, form, 0, sums)
    _rescale(work, form)
    return work


def _mode_step(work: Work, form: Form, data: Data, mode: int, sweep: int, kernels: tuple[str, ...]) -> None:
    sums = Sums(form, mode, data.entries[mode], work.weight, work.remainder, work.moments)
    operators, known = mode_operators(form, work.core, mode), work.known[mode]
    parts = [message(form, mode, operators, G, g, known[rows]) for rows, G, g in sums.chunks()]
    precision = np.concatenate([part[0] for part in parts]) / work.noise
    shift = np.concatenate([part[1] for part in parts]) / work.noise
    prior, parameters = work.priors[mode], work.log_parameters[mode]
    if sweep == 0:
        parameters = mode_process.scan_lengths(prior, parameters, precision, shift)
    found = mode_process.update(prior, parameters, precision, shift, work.mean[mode], _climbs(sweep))
    for kernel in kernels:
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
    value, drift = data.table.value, data.table.drift
    mean, variance = entry_moments(form, work.core, 0, data.entries[0], work.moments)
    seen = fit_drift(value - mean, drift, work.weight, work.noise)
    offset, spread = drift @ seen.mean, np.einsum("nq,qr,nr->n", drift, seen.covariance, drift)
    square = (value - mean - offset) ** 2 + variance + spread
    if data.options.noise == "student":
        work.noise, degrees, work.weight, work.likelihood = fit_student(square, work.noise, work.observation.degrees)
    else:
        degrees, work.noise = np.inf, max(float(square.mean()), FLOOR)
        work.likelihood = -value.size / 2 * (np.log(2 * np.pi * work.noise) + float(square.mean()) / work.noise)
    work.remainder = value - offset
    work.observation = Observation(
        seen.mean, seen.covariance, seen.divergence, float((work.weight * spread).sum()), degrees
    )
