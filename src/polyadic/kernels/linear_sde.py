r"""Stationary covariance functions of one coordinate as linear stochastic differential equations.

A kernel is written as a sum of terms, for instance ``"periodic(365.25)+matern12"``. Every term is a linear
time-invariant system: a state ``x`` with ``f = H x``, ``x(t + d) = A(d) x(t) + N(0, Q(d))`` and stationary covariance
``P``. Sums of terms stack their states, so one Kalman filter serves them all.

===================  ==========================================================================  ==================
name                 covariance at distance ``d`` (variance 1)                                   state
===================  ==========================================================================  ==================
``matern12``         ``exp(-d/l)``                                                               1
``matern32``         ``(1 + x) exp(-x)``, ``x = sqrt(3) d/l``                                    2
``matern52``         ``(1 + x + x^2/3) exp(-x)``, ``x = sqrt(5) d/l``                            3
``periodic(p)``      ``exp(-2 sin^2(pi d/p)/l^2)``, cosine series of six harmonics               13
``periodic(p)*m``    the product with a Matern kernel ``m``: a pattern that changes slowly       13 times ``m``'s
``independent``      1 at ``d = 0``, else 0: levels that share nothing                           1
``constant``         1; ``constant+independent`` makes exchangeable levels                       1
===================  ==========================================================================  ==================
"""

import re
from dataclasses import dataclass, replace
from functools import cache
from math import factorial

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, ive

Array = NDArray[np.float64]
HARMONICS = 6
_MATERN = {"matern12": 0, "matern32": 1, "matern52": 2}
_STEP = 1e-4


@dataclass(frozen=True)
class Term:
    """One additive part of a kernel: a Matern, periodic, quasi-periodic, independent or constant covariance.

    Attributes
    ----------
    kind
        ``"matern"``, ``"periodic"``, ``"quasi"``, ``"independent"`` or ``"constant"``.
    order
        ``p`` of a Matern-``(p + 1/2)`` part; ignored by kinds without one.
    period
        Period in units of the coordinate; ignored by kinds without one.
    """

    kind: str
    order: int = 0
    period: float = 1.0

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the positive hyperparameters, the variance first."""
        return {
            "matern": ("variance", "length"),
            "periodic": ("variance", "roughness"),
            "quasi": ("variance", "roughness", "length"),
        }.get(self.kind, ("variance",))

    @property
    def blocks(self) -> tuple[int, ...]:
        """Sizes of the uncoupled blocks of the state."""
        waves = (1,) + (2,) * HARMONICS
        if self.kind == "periodic":
            return waves
        if self.kind == "quasi":
            return tuple((self.order + 1) * wave for wave in waves)
        return (self.order + 1,) if self.kind == "matern" else (1,)


@dataclass(frozen=True)
class System:
    """A discretised linear system of ``R`` independent functions with stacked states of total size ``n``.

    Attributes
    ----------
    transition, noise
        ``A`` and ``Q`` for every distinct gap, shape (gaps, n, n), block diagonal.
    stationary
        ``P``, shape (n, n).
    readout
        ``H``, shape (R, n): entry 1 where a state adds to a function.
    low, high
        For every state the first and one past the last state of its block, shape (n,).
    """

    transition: Array
    noise: Array
    stationary: Array
    readout: Array
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@cache
def parse(kernel: str) -> tuple[Term, ...]:
    """Return the terms of a kernel name such as ``"periodic(12)*matern32+matern12"``.

    Parameters
    ----------
    kernel
        Terms joined by ``+``; see the table of the module.

    Returns
    -------
    the terms, in the order written.

    Raises
    ------
    ValueError
        If a part is not a known name.

    Examples
    --------
    >>> [term.kind for term in parse("periodic(12)*matern32+independent")]
    ['quasi', 'independent']
    """
    return tuple(_term(part.strip(), kernel) for part in kernel.split("+"))


def _term(part: str, kernel: str) -> Term:
    if part in _MATERN:
        return Term("matern", _MATERN[part])
    if part in ("independent", "constant"):
        return Term(part)
    found = re.fullmatch(r"periodic\(\s*([0-9.eE+-]+)\s*\)(?:\s*\*\s*(matern[135]2))?", part)
    if found and float(found.group(1)) > 0:
        period, decay = float(found.group(1)), found.group(2)
        return Term("quasi", _MATERN[decay], period) if decay else Term("periodic", period=period)
    raise ValueError(
        f"kernel {kernel!r}: {part!r} is not known; allowed are matern12, matern32, matern52, periodic(PERIOD), "
        "periodic(PERIOD)*maternXX, independent, constant, and sums of these with +"
    )


def parameter_names(terms: tuple[Term, ...]) -> tuple[str, ...]:
    """Return the hyperparameter names of a kernel, numbered by term where there are several.

    Examples
    --------
    >>> parameter_names(parse("matern32+independent"))
    ('variance_1', 'length_1', 'variance_2')
    """
    if len(terms) == 1:
        return terms[0].parameters
    return tuple(f"{name}_{i}" for i, term in enumerate(terms, 1) for name in term.parameters)


def matern_system(order: int, rate: float, gaps: Array) -> tuple[Array, Array, Array]:
    r"""Return ``A``, ``Q`` and ``P`` of a unit-variance Matern-``(order + 1/2)`` process.

    The state is :math:`(f, f'/\lambda, f''/\lambda^2)_{0..p}`, so all depends on :math:`x = \lambda d` alone. With
    :math:`F = N - I`, N nilpotent, :math:`A = e^{-x} \sum_{m \le p} (N x)^m / m!`; with the impulse response
    :math:`g(s) = A(s) e_p`, :math:`Q = q \int_0^x g g^T ds`, whose integrals are regularised incomplete gamma
    functions: no cancellation at small gaps.

    Parameters
    ----------
    order
        ``p``: 0, 1 or 2.
    rate
        :math:`\lambda = \sqrt{2p+1}/l`, per unit of the coordinate.
    gaps
        Distances ``>= 0``, shape (gaps,), units of the coordinate.

    Returns
    -------
    ``A`` (gaps, p+1, p+1), ``Q`` (gaps, p+1, p+1), ``P`` (p+1, p+1).

    Notes
    -----
    Sarkka & Solin, *Applied Stochastic Differential Equations* (CUP, 2019), sec. 12.3. O(gaps p^2).

    Examples
    --------
    >>> A, Q, P = matern_system(0, 1.0, np.array([1.0]))
    >>> bool(np.isclose(A[0, 0, 0], np.exp(-1))), bool(np.isclose(Q[0, 0, 0], 1 - np.exp(-2)))
    (True, True)
    """
    powers, products, full = _matern_constants(order)
    x = rate * np.asarray(gaps, dtype=np.float64)
    transition = np.tensordot(np.exp(-x)[:, None] * x[:, None] ** np.arange(order + 1), powers, axes=1)
    order_of = np.arange(2 * order + 1)
    noise = np.tensordot(full * gammainc(order_of + 1, 2 * x[:, None]), products, axes=1)
    return transition, noise, np.tensordot(full, products, axes=1)


def matern_slopes(order: int, rate: float, gaps: Array) -> tuple[Array, Array]:
    r"""Return the derivatives of ``A`` and ``Q`` of :func:`matern_system` by the logarithm of the length.

    As all depends on :math:`x = \lambda d`, they are :math:`-x F A` and :math:`-x q\, g(x) g(x)^T`; P does not change.

    Examples
    --------
    >>> A, Q = matern_slopes(0, 1.0, np.array([1.0]))
    >>> bool(np.isclose(A[0, 0, 0], np.exp(-1))), bool(np.isclose(Q[0, 0, 0], -2 * np.exp(-2)))
    (True, True)
    """
    powers, products, _ = _matern_constants(order)
    x = rate * np.asarray(gaps, dtype=np.float64)[:, None]
    waning = np.exp(-x) * x ** np.arange(order + 1)
    drift = (powers[1] if order else 0.0) - np.eye(order + 1)
    transition = np.tensordot(-x * waning, drift @ powers, axes=1)
    return transition, np.tensordot(-x * np.exp(-2 * x) * x ** np.arange(2 * order + 1), products, axes=1)


@cache
def _matern_constants(order: int) -> tuple[Array, Array, Array]:
    """Return the powers ``N^m / m!``, the products of responses whose moment is of order m, and the full moments."""
    size = order + 1
    drift = np.diag(np.ones(order), 1)
    drift[-1] -= [(1.0, 0, 0), (1.0, 2.0, 0), (1.0, 3.0, 3.0)][order][:size]
    nilpotent = drift + np.eye(size)
    powers = np.stack([np.linalg.matrix_power(nilpotent, m) / factorial(m) for m in range(size)])
    spectral = (2.0, 4.0, 16.0 / 3.0)[order]
    products = np.zeros((2 * order + 1, size, size))
    for a in range(size):
        for b in range(size):
            products[a + b] += spectral * np.outer(powers[a, :, -1], powers[b, :, -1])
    return powers, products, np.array([factorial(m) / 2.0 ** (m + 1) for m in range(2 * order + 1)])


def harmonic_weights(roughness: float) -> Array:
    r"""Return the variances of the constant and the harmonics of the unit-variance periodic kernel.

    :math:`\exp(-2\sin^2(\theta/2)/l^2) = \sum_j q_j^2 \cos j\theta` with :math:`q_0^2 = e^{-z} I_0(z)`,
    :math:`q_j^2 = 2 e^{-z} I_j(z)`, :math:`z = l^{-2}`; cut at six harmonics and scaled to sum to one.

    Examples
    --------
    >>> harmonic_weights(1.0).round(3)[:3]
    array([0.466, 0.416, 0.1  ])

    Notes
    -----
    Solin & Sarkka, *Explicit link between periodic covariance functions and state space models* (AISTATS 2014), eq. 27.
    """
    weights = ive(np.arange(HARMONICS + 1), roughness**-2.0) * np.r_[1.0, np.full(HARMONICS, 2.0)]
    return np.asarray(weights / weights.sum())


def _waves(period: float, gaps: Array) -> list[Array]:
    angles = 2 * np.pi / period * np.arange(1, HARMONICS + 1)[:, None] * gaps
    turns = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], axis=-1)
    return [np.ones((gaps.size, 1, 1)), *turns.reshape(HARMONICS, gaps.size, 2, 2)]


def _term_system(term: Term, parameters: Array, gaps: Array) -> tuple[list[Array], list[Array], list[Array]]:
    """Return lists of ``A``, ``Q`` and ``P``, one for each block of a term."""
    variance, count = parameters[0], gaps.size
    one = np.ones((count, 1, 1))
    if term.kind == "constant":
        return [one], [0 * one], [np.full((1, 1), variance)]
    if term.kind == "independent":
        same = (gaps == 0)[:, None, None].astype(np.float64)
        return [same], [variance * (1 - same)], [np.full((1, 1), variance)]
    if term.kind == "matern":
        A, Q, P = matern_system(term.order, np.sqrt(2 * term.order + 1) / parameters[1], gaps)
        return [A], [variance * Q], [variance * P]
    weights, waves = variance * harmonic_weights(parameters[1]), _waves(term.period, gaps)
    eyes = [np.eye(wave.shape[-1]) for wave in waves]
    if term.kind == "periodic":
        return waves, [0 * wave for wave in waves], [w * eye for w, eye in zip(weights, eyes, strict=True)]
    A, Q, P = matern_system(term.order, np.sqrt(2 * term.order + 1) / parameters[2], gaps)
    return (
        [_kron(wave, A) for wave in waves],
        [w * _kron(np.broadcast_to(eye, (count, *eye.shape)), Q) for w, eye in zip(weights, eyes, strict=True)],
        [w * np.kron(eye, P) for w, eye in zip(weights, eyes, strict=True)],
    )


def _kron(left: Array, right: Array) -> Array:
    size = left.shape[1] * right.shape[1]
    return np.asarray(np.einsum("gab,gcd->gacbd", left, right).reshape(left.shape[0], size, size))


def system(terms: tuple[Term, ...], log_parameters: Array, gaps: Array) -> System:
    """Return the stacked system of several independent functions that share a kernel form.

    Parameters
    ----------
    terms
        From :func:`parse`.
    log_parameters
        Natural logarithms of the hyperparameters, shape (functions, parameters).
    gaps
        Distinct distances between neighbouring coordinates, shape (gaps,).

    Returns
    -------
    the :class:`System`; its states run by function, then term, then block.

    Examples
    --------
    >>> system(parse("matern32"), np.zeros((2, 2)), np.array([0.1])).transition.shape
    (1, 4, 4)
    """
    functions = log_parameters.shape[0]
    sizes = [size for term in terms for size in term.blocks]
    n = functions * sum(sizes)
    A, Q, P = np.zeros((gaps.size, n, n)), np.zeros((gaps.size, n, n)), np.zeros((n, n))
    readout = np.zeros((functions, n))
    low, high = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    start = 0
    for r, values in enumerate(np.exp(log_parameters)):
        offset = 0
        for term in terms:
            parts = _term_system(term, values[offset : offset + len(term.parameters)], gaps)
            offset += len(term.parameters)
            for a, q, p in zip(*parts, strict=True):
                rows = slice(start, start + a.shape[1])
                A[:, rows, rows], Q[:, rows, rows], P[rows, rows] = a, q, p
                readout[r, start], low[rows], high[rows] = 1.0, start, rows.stop
                start = rows.stop
    return System(A, Q, P, readout, low, high)


def derivatives(terms: tuple[Term, ...], log_parameters: Array, gaps: Array, present: System) -> list[System]:
    """Return the derivative of :func:`system` by every logarithmic parameter, the same for all functions at once.

    ``present`` is the system at ``log_parameters``.

    Functions are independent, so moving one parameter column of all of them gives each function's own blocks.
    Exact for one Matern term; else central differences of the closed forms, relative error about 1e-8.

    Examples
    --------
    >>> terms, at, gaps = parse("matern12"), np.zeros((1, 2)), np.array([0.5])
    >>> len(derivatives(terms, at, gaps, system(terms, at, gaps)))
    2
    """
    found = []
    for column in range(log_parameters.shape[1]):
        if len(terms) == 1 and terms[0].parameters[column] == "variance":  # all noise is in proportion to it
            found.append(replace(present, transition=np.zeros_like(present.transition)))
            continue
        if len(terms) == 1 and terms[0].kind == "matern":
            found.append(_by_length(terms[0].order, log_parameters, gaps, present))
            continue
        step = np.zeros_like(log_parameters)
        step[:, column] = _STEP
        up, down = system(terms, log_parameters + step, gaps), system(terms, log_parameters - step, gaps)
        found.append(
            System(
                (up.transition - down.transition) / (2 * _STEP),
                (up.noise - down.noise) / (2 * _STEP),
                (up.stationary - down.stationary) / (2 * _STEP),
                up.readout,
                up.low,
                up.high,
            )
        )
    return found


def _by_length(order: int, log_parameters: Array, gaps: Array, present: System) -> System:
    A, Q = np.zeros_like(present.transition), np.zeros_like(present.noise)
    for r, (variance, length) in enumerate(np.exp(log_parameters)):
        own = slice(r * (order + 1), (r + 1) * (order + 1))
        A[:, own, own], slope = matern_slopes(order, np.sqrt(2 * order + 1) / length, gaps)
        Q[:, own, own] = variance * slope
    return replace(present, transition=A, noise=Q, stationary=np.zeros_like(present.stationary))
