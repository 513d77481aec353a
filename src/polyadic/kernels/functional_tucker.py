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

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.mode_process import Posterior, Prior
from polyadic.kernels.tucker_form import (
    Core,
    Form,
    entry_moments,
    entry_sums,
    extend,
    message,
    mode_operators,
    normal_equations,
)
from polyadic.kernels.tucker_noise import Observation, fit_drift, fit_student

Array = NDArray[np.float64]
CHUNK = 4_000_000
FLOOR = 1e-10
TRIAL = 3


@dataclass(frozen=True)
class Entries:
    """The data sorted by one mode: ``order`` of the rows, ``start`` of each index, ``others`` their other indexes."""

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    others: NDArray[np.int32]


@dataclass(frozen=True)
class Data:
    """What the sweeps read: ``value`` (N,), ``drift`` (N, q), the kind of ``noise``, and the sorted ``entries``."""

    value: Array
    drift: Array
    noise: str
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


@dataclass
class Work:
    """What the sweeps change: the factors of the posterior, their messages, and the weight and drift of each entry."""

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


def sort_entries(index: NDArray[np.int32], sizes: tuple[int, ...]) -> tuple[Entries, ...]:
    """Return the entries sorted by each mode in turn.

    Parameters
    ----------
    index
        Index of each entry in each mode, shape (N, K).
    sizes
        Number of indexes of each mode.

    Notes
    -----
    Memory O(N K^2), time O(N K log N).
    """
    found = []
    for mode, D in enumerate(sizes):
        order = np.argsort(index[:, mode], kind="stable")
        start = np.searchsorted(index[order, mode], np.arange(D + 1))
        rest = [k for k in range(len(sizes)) if k != mode]
        found.append(Entries(order, start, np.ascontiguousarray(index[order][:, rest])))
    return tuple(found)


class Sums:
    """The sums of one mode over its entries, made in chunks of indexes and kept when they fit."""

    def __init__(
        self, form: Form, mode: int, entries: Entries, weight: Array, value: Array, moments: list[tuple[Array, Array]]
    ) -> None:
        self.form, self.entries, self.weight, self.value = form, entries, weight, value
        rest = [k for k in range(len(moments)) if k != mode]
        self.others = [moments[k][0] for k in rest], [moments[k][1] for k in rest]
        wide = int(np.prod([a.shape[1] for a in self.others[1]])) if form.kind == "tucker" else form.sizes[0] ** 2
        self.step = max(1, CHUNK // wide)
        self.kept: tuple[Array, Array] | None = None

    def chunks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield slices of indexes with their ``G`` and ``g``."""
        D = self.entries.start.size - 1
        for first in range(0, D, self.step):
            rows = slice(first, min(first + self.step, D))
            if self.kept is not None:
                yield rows, *self.kept
                continue
            start = self.entries.start[rows.start : rows.stop + 1]
            found = entry_sums(self.form, start, self.entries.others, self.weight, self.value, self.others)
            if self.step >= D:
                self.kept = found
            yield rows, *found


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


def _rescale(work: Work, form: Form, priors: tuple[Prior, ...]) -> None:
    """Move the root mean square of each function's slice of the core into the function."""
    for mode, free in enumerate(form.free):
        scale = np.ones(form.sizes[mode])
        second = work.core.mean**2 + np.diag(work.core.covariance)
        if form.kind == "tucker":
            slices = np.moveaxis(second.reshape(form.sizes), mode, 0).reshape(form.sizes[mode], -1).mean(axis=1)
        else:
            slices = second
        scale[list(free)] = np.sqrt(np.maximum(slices[list(free)], 1e-12))
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
            mode_process.variance_columns(priors[mode]), 2 * np.log(own)[:, None], 0.0
        )
        work.moments[mode] = extend(form, mode, work.mean[mode], work.covariance[mode])


def _bound(work: Work) -> float:
    J = work.core.mean.size
    core = (np.trace(work.core.covariance) + work.core.mean @ work.core.mean - J) / 2
    core -= np.linalg.slogdet(work.core.covariance)[1] / 2
    return float(work.likelihood - core - sum(work.divergence) - work.observation.divergence)


def fit(
    form: Form,
    priors: tuple[Prior, ...],
    index: NDArray[np.int32],
    value: Array,
    starts: list[list[Array]],
    drift: Array | None = None,
    noise: str = "gaussian",
    max_iterations: int = 60,
    tolerance: float = 1e-4,
) -> TuckerPosterior:
    """Return the variational posterior.

    Parameters
    ----------
    form, priors
        The core's form and the prior of each mode.
    index
        Unique index of each entry in each mode, shape (N, K).
    value
        Centred values of about unit variance, shape (N,).
    starts
        Candidate first values of the free functions of each mode, (D_k, R_k), from
        :func:`polyadic.kernels.tucker_start.starts`; the one of best bound after three sweeps goes on.
    drift
        Standardised covariates of the entries that enter linearly, shape (N, q).
    noise
        ``"gaussian"`` or ``"student"``.
    max_iterations
        Most sweeps over the modes.
    tolerance
        Stop when a sweep raises the bound by less than this many nats per entry.

    Returns
    -------
    the :class:`TuckerPosterior`; slow convergence is reported there, not raised.

    Notes
    -----
    A sweep costs O(N product of v_l) for Tucker and O(N K R^2) for CP, plus the filters.
    """
    entries = sort_entries(index, tuple(mode_process.size(prior) for prior in priors))
    data = Data(value, np.zeros((value.size, 0)) if drift is None else drift, noise, entries)
    trial = min(TRIAL, max_iterations) if len(starts) > 1 else 0
    runs = [_begin(form, priors, data, start) for start in starts]
    for work in runs:
        _sweeps(work, form, priors, data, range(trial), -np.inf)
    work = max(runs, key=lambda run: run.bounds[-1] if run.bounds else 0.0)
    converged = _sweeps(work, form, priors, data, range(trial, max_iterations), tolerance * value.size)
    modes = tuple(
        mode_process.finish(prior, work.log_parameters[k], work.precision[k], work.shift[k], work.mean[k])
        for k, prior in enumerate(priors)
    )
    seen = work.observation
    return TuckerPosterior(
        form, work.core, modes, work.noise, seen.degrees, seen.mean, seen.covariance, np.array(work.bounds), converged
    )


def _sweeps(work: Work, form: Form, priors: tuple[Prior, ...], data: Data, sweeps: range, least: float) -> bool:
    """Run sweeps until one gains less than ``least``; return whether one did."""
    for sweep in sweeps:
        for mode in range(len(priors)):
            _mode_step(work, form, priors, mode, data.entries[mode], sweep)
        if data.drift.shape[1] or data.noise == "student":
            _observe(work, form, data)
        work.bounds.append(_bound(work))
        if len(work.bounds) > 1 and work.bounds[-1] - work.bounds[-2] < least:
            return True
    return False


def _begin(form: Form, priors: tuple[Prior, ...], data: Data, start: list[Array]) -> Work:
    """Fit the core and the noise to the first values of the functions."""
    work = Work(
        mean=list(start),
        covariance=[np.zeros((*u.shape, u.shape[1])) for u in start],
        log_parameters=[
            mode_process.start_parameters(prior, u.shape[1]) for prior, u in zip(priors, start, strict=True)
        ],
        precision=[np.zeros((*u.shape, u.shape[1])) for u in start],
        shift=[np.zeros(u.shape) for u in start],
        divergence=[0.0] * len(start),
        weight=np.ones(data.value.size),
        remainder=data.value,
    )
    work.moments = [extend(form, k, work.mean[k], work.covariance[k]) for k in range(len(start))]
    sums = Sums(form, 0, data.entries[0], work.weight, data.value[data.entries[0].order], work.moments)
    for _ in range(3):
        _core_update(work, form, 0, sums)
    _rescale(work, form, priors)
    return work


def _mode_step(work: Work, form: Form, priors: tuple[Prior, ...], mode: int, entries: Entries, sweep: int) -> None:
    order = entries.order
    sums = Sums(form, mode, entries, work.weight[order], work.remainder[order], work.moments)
    operators = mode_operators(form, work.core, mode)
    parts = [message(form, mode, operators, G, g) for _, G, g in sums.chunks()]
    precision = np.concatenate([part[0] for part in parts]) / work.noise
    shift = np.concatenate([part[1] for part in parts]) / work.noise
    if sweep == 0:
        work.log_parameters[mode] = mode_process.scan_lengths(priors[mode], work.log_parameters[mode], precision, shift)
    found = mode_process.update(
        priors[mode], work.log_parameters[mode], precision, shift, work.mean[mode], _climbs(sweep)
    )
    work.mean[mode], work.covariance[mode] = found.mean, found.covariance
    work.precision[mode], work.shift[mode] = precision, shift
    work.divergence[mode], work.log_parameters[mode] = found.divergence, found.log_parameters
    work.moments[mode] = extend(form, mode, found.mean, found.covariance)
    _core_update(work, form, mode, sums)
    _rescale(work, form, priors)


def _climbs(sweep: int) -> int:
    return 3 if sweep < 3 else (3 if sweep % 3 == 0 else 0)


def _observe(work: Work, form: Form, data: Data) -> None:
    """Update the drift and, for Student-t noise, the weight of each entry."""
    value, drift, entries = data.value, data.drift, data.entries[0]
    mean, variance = np.empty(value.size), np.empty(value.size)
    found = entry_moments(form, work.core, 0, entries.start, entries.others, work.moments)
    mean[entries.order], variance[entries.order] = found
    seen = fit_drift(value - mean, drift, work.weight, work.noise)
    offset, spread = drift @ seen.mean, np.einsum("nq,qr,nr->n", drift, seen.covariance, drift)
    square = (value - mean - offset) ** 2 + variance + spread
    if data.noise == "student":
        work.noise, degrees, work.weight, work.likelihood = fit_student(square, work.noise, work.observation.degrees)
    else:
        degrees, work.noise = np.inf, max(float(square.mean()), FLOOR)
        work.likelihood = -value.size / 2 * (np.log(2 * np.pi * work.noise) + float(square.mean()) / work.noise)
    work.remainder = value - offset
    work.observation = Observation(seen.mean, seen.covariance, seen.divergence, float(work.weight @ spread), degrees)
