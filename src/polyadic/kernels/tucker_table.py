"""What a functional Tucker model is fitted to, how, from where, and what comes out."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.core_form import Form
from polyadic.kernels.core_response import Response
from polyadic.kernels.mode_process import Posterior
from polyadic.kernels.tucker_entries import sort_entries
from polyadic.kernels.tucker_form import Core, Entries

Array = NDArray[np.float64]


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

    @cached_property
    def entries(self) -> tuple[Entries, ...]:
        """The entries sorted by each mode: once, as they are many."""
        return sort_entries(self.index, tuple(known.shape[0] for known in self.known))


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
    late
        The same for modes whose choice waits until the noise has settled.
    """

    noise: str = "gaussian"
    max_iterations: int = 60
    tolerance: float = 1e-4
    kernels: tuple[tuple[str, ...], ...] = ()
    late: tuple[tuple[str, ...], ...] = ()


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
    """What the sweeps read: the ``table`` and the ``options``."""

    table: Table
    options: Options

    @property
    def entries(self) -> tuple[Entries, ...]:
        """The sorted entries of the table."""
        return self.table.entries


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
