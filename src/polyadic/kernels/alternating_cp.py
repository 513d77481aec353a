r"""Non-negative CP models fitted in one pass over the tensor an iteration, however the tensor comes.

The tensor is seen as a matrix X with one row an index of its first mode and one column an index of all others, the
*inner* modes. With the Khatri-Rao product Z of the inner factors every row of the first factor solves its own small
problem, min over f >= 0 of |x - Z f|^2; so one pass over the rows updates the first factor F and accumulates S = X^T F,
and S alone updates the inner factors. Nothing else of X is ever needed, not even for the error.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.inner_form import Form, Free
from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]
Mapper = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]

_ROW_SWEEPS, _FIRST_SWEEPS, _INNER_SWEEPS = 4, 20, 3
_SLAB = 2**14  # indexes of the last mode whose pair products are held at a time
_GROWTH, _CEILING_GROWTH, _CUT = 1.2, 1.05, 1.5  # of the extrapolation: Ang and Gillis (2019), sec. 3.2


class Rows(Protocol):
    """A tensor as chunks of rows: stored, or made when asked for.

    Attributes
    ----------
    shape
        Number of rows, then the sizes of the inner modes.
    chunks
        The rows of each chunk; chunks are worked on in parallel and summed in their order.
    missing
        What is not observed, if anything.
    dtype
        Of the values.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def chunks(self) -> Sequence[slice]: ...  # noqa: D102
    @property
    def missing(self) -> "Missing | None": ...  # noqa: D102
    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    def blocks(self, chunk: int) -> Iterator[tuple[slice, Array]]:
        """Yield rows and values ``(rows, inner)`` of a chunk, a block that fits the cache at a time."""
        ...


@dataclasses.dataclass(frozen=True)
class Missing:
    """Which entries are observed: a pattern over the inner modes for each group of rows.

    Attributes
    ----------
    group
        Pattern of each row, shape ``(rows,)``.
    observed
        The distinct patterns, shape ``(groups, n_1, ..., n_u)``: of the last inner mode only its distinct classes.
    member
        Class of each index of the last inner mode, shape ``(n_k,)``.
    """

    group: NDArray[np.int64]
    observed: Array
    member: NDArray[np.int64]

    @classmethod
    def of(cls, group: NDArray[np.int64], patterns: NDArray[np.bool_]) -> "Missing":
        """Return the patterns ``(groups, n_1, ..., n_k)`` with equal indexes of the last mode merged."""
        flat = np.packbits(patterns.reshape(-1, patterns.shape[-1]), axis=0).T
        _, first, member = np.unique(np.ascontiguousarray(flat), axis=0, return_index=True, return_inverse=True)
        return cls(group, patterns[..., first].astype(np.float64), member.reshape(-1).astype(np.int64))


@dataclasses.dataclass
class Fit:
    """One start on its way: the first factor, the inner factors and how far they have come.

    ``inner`` is the best accepted point, ``trial`` the extrapolated one that the next pass starts from, ``errors`` the
    squared error after each accepted pass (it never rises), ``passes`` counts all. ``kept`` are the rows it is fitted
    to (None: all), ``norm`` is the squared norm of the observed tensor in them.
    """

    first: Array
    inner: list[Array]
    trial: list[Array]
    kept: NDArray[np.bool_] | None = None
    form: Form = Free()  # noqa: RUF009
    norm: float = np.nan
    errors: list[float] = dataclasses.field(default_factory=list)
    momentum: float = 0.5
    ceiling: float = 1.0
    passes: int = 0
    converged: bool = False


def fit(
    rows: Rows,
    fits: Sequence[Fit],
    *,
    tolerance: float,
    max_iterations: int,
    mapper: Mapper = map,
    watch: Callable[[int, Sequence[Fit]], None] | None = None,
) -> None:
    """Bring several starts to the models that they lead to, in place.

    All starts share every pass over the tensor, so ten starts read it as often as one. Starts that have come some way
    already go on from there, and end where they would have ended without the break.

    Parameters
    ----------
    rows
        The tensor.
    fits
        The starts, as `begin` makes them.
    tolerance
        A start ends when a pass lowers its relative error by less than this share of it, twice in a row.
    max_iterations
        Most passes, those of before included.
    mapper
        Maps a function over chunk numbers in their order; may be parallel.
    watch
        Called with the number of passes and the fits after each.

    Notes
    -----
    A pass costs ``4 n R`` flops for ``n`` entries and a start. Extrapolation with restart: Ang and Gillis, Neural
    Computation 31 (2019) 417, here of the inner factors only, since the first one is solved for anew.
    """
    for number in range(max((one.passes for one in fits), default=0), max_iterations):
        active = [one for one in fits if not one.converged]
        if not active:
            break
        measure = any(np.isnan(one.norm) for one in active)
        sums, squares = sweep(rows, active, mapper, measure=measure)
        for one, accumulated, first in sums:
            if measure:
                one.norm = float(np.sum(squares if one.kept is None else squares[one.kept]))
            advance(rows, one, accumulated, first)
            one.converged = settled(one, tolerance)
        if watch is not None:
            watch(number + 1, fits)


def begin(rows: Rows, factors: Sequence[Array], kept: NDArray[np.bool_] | None = None, form: Form | None = None) -> Fit:
    """Return a start with unit-norm inner factors."""
    inner = [np.array(factor, float) for factor in factors]
    inner = [factor / np.maximum(np.linalg.norm(factor, axis=0), np.finfo(float).tiny) for factor in inner]
    return Fit(
        np.zeros((rows.shape[0], inner[0].shape[1])), inner, [factor.copy() for factor in inner], kept, form or Free()
    )


def settled(one: Fit, tolerance: float) -> bool:
    """Return whether the last two accepted passes gained less than the tolerance, or there is nothing left to gain."""
    if len(one.errors) < 3 or one.passes < 4:
        return one.norm <= 0
    last = np.sqrt(np.maximum(one.errors[-3:], 0) / one.norm)
    return bool(last[0] - last[2] <= 2 * tolerance * last[2] or last[2] < 1e-7)


@dataclasses.dataclass(frozen=True)
class Pass:
    """What a pass does to a chunk: new rows of the first factors, S = X^T F, the squares of the rows where measured.

    It is sent to other processes where the mapper does so: plain arrays, no closure.
    """

    rows: Rows
    columns: Array
    spans: list[slice]
    grams: list[Array]
    counts: list[int]
    warm: Array
    kept: list[NDArray[np.bool_] | None]
    measure: bool

    def __call__(self, chunk: int) -> tuple[Array, Array, Array]:
        """Walk through the chunk once, a block at a time."""
        where = self.rows.chunks[chunk]
        first = self.warm[where].copy()
        squares = np.zeros(len(first) if self.measure else 0)
        total: Array = np.zeros((0, 0))
        for block, values in self.rows.blocks(chunk):
            local = slice(block.start - where.start, block.stop - where.start)
            # Single precision where the values have it: half the memory traffic, and sums over one block only.
            self._solve(first[local], values @ self.columns, block)
            product = values.T @ first[local].astype(values.dtype)
            total = product if not total.size else np.add(total, product, out=total)
            if self.measure:
                squares[local] = np.square(values).sum(axis=1, dtype=float)
        return first, total, squares

    def _solve(self, part: Array, target: Array, block: slice) -> None:
        missing = self.rows.missing
        group = np.zeros(1, np.int64) if missing is None else missing.group
        owners = group if group.size == 1 else group[block]
        for span, gram, count, kept in zip(self.spans, self.grams, self.counts, self.kept, strict=True):
            solution = np.ascontiguousarray(part[:, span])
            descend(solution, np.ascontiguousarray(target[:, span]), gram, owners, count)
            if kept is not None:
                solution[~kept[block]] = 0
            part[:, span] = solution


def sweep(
    rows: Rows, fits: Sequence[Fit], mapper: Mapper, *, measure: bool
) -> tuple[list[tuple[Fit, Array, Array]], Array]:
    """Return for every fit S = X^T F and the new F, and the squared norm of each row of X where it is measured."""
    edges = np.cumsum([0, *(one.inner[0].shape[1] for one in fits)])
    spans = [slice(a, b) for a, b in itertools.pairwise(edges)]
    trials = [one.form.expand(one.trial) for one in fits]
    stacked = khatri_rao([np.hstack([trial[q] for trial in trials]) for q in range(len(rows.shape) - 1)])
    work = Pass(
        rows,
        np.ascontiguousarray(stacked, rows.dtype),
        spans,
        [row_grams(rows, trial) for trial in trials],
        [_ROW_SWEEPS if one.passes else _FIRST_SWEEPS for one in fits],
        np.hstack([one.first for one in fits]),
        [one.kept for one in fits],
        measure,
    )
    first: Array = np.empty_like(work.warm)
    total: Array = np.zeros(stacked.shape)
    del stacked
    squares = np.zeros(rows.shape[0] if measure else 0)
    for chunk, (part, summed, found) in enumerate(mapper(work, range(len(rows.chunks)))):
        first[rows.chunks[chunk]] = part
        total += summed
        if measure:
            squares[rows.chunks[chunk]] = found
    results: list[tuple[Fit, Array, Array]] = [
        (one, np.ascontiguousarray(total[:, span]), np.ascontiguousarray(first[:, span]))
        for one, span in zip(fits, spans, strict=True)
    ]
    return results, squares


def advance(rows: Rows, one: Fit, accumulated: Array, first: Array) -> None:
    """Update the inner factors of a fit from S, accept or refuse the step, and extrapolate the next one."""
    inner = [factor.copy() for factor in one.trial]
    error = one.norm + update_inner(rows, inner, first, accumulated, one.form)
    one.passes += 1
    if one.errors and error > one.errors[-1]:
        plain = all(a is b for a, b in zip(one.trial, one.inner, strict=True))
        if plain:  # a step without extrapolation can only fail by rounding: the fit has come to its end
            one.errors.append(one.errors[-1])
        one.ceiling = one.momentum
        one.momentum /= _CUT
        one.trial = list(one.inner)
        return
    for mode, factor in enumerate(inner):
        norms = np.linalg.norm(factor, axis=0)
        factor /= np.where(norms > 0, norms, 1)
        first *= norms**one.form.power if mode == len(inner) - 1 else norms
    if one.errors:
        one.ceiling = min(1.0, _CEILING_GROWTH * one.ceiling)
        one.momentum = min(one.ceiling, _GROWTH * one.momentum)
    one.trial = [np.maximum(0, new + one.momentum * (new - old)) for new, old in zip(inner, one.inner, strict=True)]
    if not one.errors:  # the start itself says nothing about the direction
        one.trial = list(inner)
    one.inner, one.first = inner, first
    one.errors.append(error)


def update_inner(rows: Rows, inner: list[Array], first: Array, accumulated: Array, form: Form) -> float:
    """Lower the error over the inner factors in place, given F and S; return the squared error less the norm."""
    pairs = row_pairs(rows, first)
    sums = accumulated.reshape(*rows.shape[1:], -1)
    owner, last = np.zeros(1, np.int64), len(inner) - 1
    repeats = 1 if last == 0 else _INNER_SWEEPS
    for _ in range(repeats):
        for mode in range(len(inner)):
            factors = form.expand(inner)
            target = contract(sums, factors, mode)
            grams, owner = inner_grams(rows, factors, pairs, mode)
            if mode < last:
                descend(inner[mode], target, grams, owner, 1)
            else:
                form.lower(inner[mode], target, grams, owner, _ROW_SWEEPS if last == 0 else 1)
    final = form.expand(inner)[-1]
    curvature = (
        np.einsum("nr,nrs,ns->", final, grams[owner], final) if owner.size > 1 else np.sum(grams[0] * (final.T @ final))
    )
    return float(curvature - 2 * np.sum(target * final))


def khatri_rao(factors: Sequence[Array]) -> Array:
    """Return the columnwise Kronecker product, shape ``(product of sizes, R)``, the last mode fastest.

    Examples
    --------
    >>> khatri_rao([np.array([[1.0], [2.0]]), np.array([[3.0], [5.0]])]).T
    array([[ 3.,  5.,  6., 10.]])
    """
    product = np.asarray(factors[0])
    for factor in factors[1:]:
        product = (product[:, None, :] * factor[None, :, :]).reshape(-1, factor.shape[1])
    return product


def contract(sums: Array, factors: Sequence[Array], kept: int) -> Array:
    """Return ``sums`` (n_1, ..., n_k, R) weighted by and summed over every mode but one: ``(n_kept, R)``."""
    letters = [chr(ord("a") + q) for q in range(len(factors))]
    others = [q for q in range(len(factors)) if q != kept]
    if not others:
        return sums
    spec = ",".join(["".join(letters) + "z", *(f"{letters[q]}z" for q in others)]) + f"->{letters[kept]}z"
    return np.asarray(np.einsum(spec, sums, *(factors[q] for q in others), optimize=len(others) > 1))


def pair_products(factor: Array) -> Array:
    """Return the products of all pairs of columns, shape ``(n, R * R)``."""
    return (factor[:, :, None] * factor[:, None, :]).reshape(len(factor), -1)


def _inner_pairs(rows: Rows, inner: Sequence[Array]) -> list[Array]:
    """Return the pair products of each inner mode, those of the last one summed over its classes."""
    missing = rows.missing
    if missing is None:
        raise TypeError("pair products are only needed where entries are missing")
    merged = np.zeros((missing.observed.shape[-1], inner[-1].shape[1] ** 2))
    for first in range(0, len(inner[-1]), _SLAB):  # the products of all indexes at once would not fit
        member = missing.member[first : first + _SLAB]
        order = np.argsort(member, kind="stable")
        classes, begins = np.unique(member[order], return_index=True)
        merged[classes] += np.add.reduceat(pair_products(inner[-1][first : first + _SLAB][order]), begins, axis=0)
    return [*(pair_products(factor) for factor in inner[:-1]), merged]


def row_grams(rows: Rows, inner: Sequence[Array]) -> Array:
    """Return Z^T Z for each group of rows, over the entries that the group observes: ``(groups, R, R)``."""
    rank = inner[0].shape[1]
    if rows.missing is None:
        gram = np.ones((rank, rank))
        for factor in inner:
            gram *= factor.T @ factor
        return gram[None]
    weights = rows.missing.observed
    return (weights.reshape(len(weights), -1) @ khatri_rao(_inner_pairs(rows, inner))).reshape(-1, rank, rank)


def row_pairs(rows: Rows, first: Array) -> Array:
    """Return F^T F for each group of rows, flattened: ``(groups, R * R)``."""
    if rows.missing is None:
        return (first.T @ first).reshape(1, -1)
    groups = len(rows.missing.observed)
    if groups == 1:
        return (first.T @ first).reshape(1, -1)
    if groups == len(first):
        return pair_products(first)
    members = (first[rows.missing.group == g] for g in range(groups))
    return np.stack([(part.T @ part).ravel() for part in members])


def inner_grams(rows: Rows, inner: Sequence[Array], pairs: Array, mode: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the distinct normal matrices of one inner mode and which of them each of its indexes has."""
    rank = inner[0].shape[1]
    missing = rows.missing
    if missing is None:
        gram = pairs.reshape(rank, rank).copy()
        for q, factor in enumerate(inner):
            if q != mode:
                gram *= factor.T @ factor
        return gram[None], np.zeros(1, np.int64)
    shape = missing.observed.shape[1:]
    sums = (missing.observed.reshape(len(pairs), -1).T @ pairs).reshape(*shape, -1)
    grams = contract(sums, _inner_pairs(rows, inner), mode).reshape(-1, rank, rank)
    last = mode == len(inner) - 1
    return np.ascontiguousarray(grams), missing.member if last else np.arange(len(grams), dtype=np.int64)
