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

from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]
Mapper = Callable[[Callable[[int], Any], Iterable[int]], Iterable[Any]]

_ROW_SWEEPS, _FIRST_SWEEPS, _INNER_SWEEPS = 4, 20, 3
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
    """

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def chunks(self) -> Sequence[slice]: ...  # noqa: D102
    @property
    def missing(self) -> "Missing | None": ...  # noqa: D102

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
    squared error after each accepted pass (it never rises), ``passes`` counts all.
    """

    first: Array
    inner: list[Array]
    trial: list[Array]
    errors: list[float] = dataclasses.field(default_factory=list)
    momentum: float = 0.5
    ceiling: float = 1.0
    passes: int = 0
    converged: bool = False


def fit(
    rows: Rows,
    starts: Sequence[Sequence[Array]],
    *,
    tolerance: float,
    max_iterations: int,
    mapper: Mapper = map,
    watch: Callable[[int, list[Fit]], None] | None = None,
) -> tuple[list[Fit], float]:
    """Return the models that several starts lead to, and the squared norm of the observed tensor.

    All starts share every pass over the tensor, so ten starts read it as often as one.

    Parameters
    ----------
    rows
        The tensor.
    starts
        For each start its inner factors, one ``(n, R)`` array an inner mode.
    tolerance
        A start ends when a pass lowers its relative error by less than this share of it, twice in a row.
    max_iterations
        Most passes.
    mapper
        Maps a function over chunk numbers in their order; may be parallel.
    watch
        Called with the number of passes and the fits after each.

    Notes
    -----
    A pass costs ``4 n R`` flops for ``n`` entries and a start. Extrapolation with restart: Ang and Gillis, Neural
    Computation 31 (2019) 417, here of the inner factors only, since the first one is solved for anew.
    """
    fits = [begin(rows, factors) for factors in starts]
    norm = np.nan
    for number in range(max_iterations):
        active = [f for f in fits if not f.converged]
        if not active:
            break
        sums, found = sweep(rows, active, mapper, measure=number == 0)
        norm = found if number == 0 else norm
        for one, accumulated, first in sums:
            advance(rows, one, accumulated, first, norm)
            one.converged = settled(one, norm, tolerance)
        if watch is not None:
            watch(number + 1, fits)
    return fits, norm


def begin(rows: Rows, factors: Sequence[Array]) -> Fit:
    """Return a start with unit-norm inner factors."""
    inner = [np.array(factor, float) for factor in factors]
    inner = [factor / np.maximum(np.linalg.norm(factor, axis=0), np.finfo(float).tiny) for factor in inner]
    return Fit(np.zeros((rows.shape[0], inner[0].shape[1])), inner, [factor.copy() for factor in inner])


def settled(one: Fit, norm: float, tolerance: float) -> bool:
    """Return whether the last two accepted passes gained less than the tolerance, or there is nothing left to gain."""
    if len(one.errors) < 3 or one.passes < 4:
        return norm <= 0
    last = np.sqrt(np.maximum(one.errors[-3:], 0) / norm)
    return bool(last[0] - last[2] <= 2 * tolerance * last[2] or last[2] < 1e-7)


def sweep(
    rows: Rows, fits: list[Fit], mapper: Mapper, *, measure: bool
) -> tuple[list[tuple[Fit, Array, Array]], float]:
    """Return for every fit S = X^T F and the new F, and the squared norm of X where it is to be measured."""
    ranks = [one.inner[0].shape[1] for one in fits]
    edges = np.cumsum([0, *ranks])
    spans = [slice(a, b) for a, b in itertools.pairwise(edges)]
    stacked = khatri_rao([np.hstack([one.trial[q] for one in fits]) for q in range(len(rows.shape) - 1)])
    grams = [row_grams(rows, one.trial) for one in fits]
    group = np.zeros(1, np.int64) if rows.missing is None else rows.missing.group
    warm = np.hstack([one.first for one in fits])
    counts = [_ROW_SWEEPS if one.passes else _FIRST_SWEEPS for one in fits]

    def work(chunk: int) -> tuple[Array, Array, float]:
        where = rows.chunks[chunk]
        first, norm = warm[where].copy(), 0.0
        total: Array = np.zeros((0, 0))
        for block, values in rows.blocks(chunk):
            # Single precision where the values have it: half the memory traffic, and sums over one block only.
            columns = stacked.astype(values.dtype, copy=False) if total.size else _cast(stacked, values.dtype)
            target = values @ columns
            part = first[block.start - where.start : block.stop - where.start]
            owners = group if group.size == 1 else group[block]
            for span, gram, count in zip(spans, grams, counts, strict=True):
                solution = np.ascontiguousarray(part[:, span])
                descend(solution, np.ascontiguousarray(target[:, span]), gram, owners, count)
                part[:, span] = solution
            product = values.T @ part.astype(values.dtype)
            total = product if not total.size else np.add(total, product, out=total)
            norm += float(np.vdot(values, values)) if measure else 0.0
        return first, total, norm

    first: Array = np.empty_like(warm)
    total: Array = np.zeros(stacked.shape)
    norm = 0.0
    for chunk, (part, summed, squares) in enumerate(mapper(work, range(len(rows.chunks)))):
        first[rows.chunks[chunk]] = part
        total += summed
        norm += squares
    results: list[tuple[Fit, Array, Array]] = [
        (one, np.ascontiguousarray(total[:, span]), np.ascontiguousarray(first[:, span]))
        for one, span in zip(fits, spans, strict=True)
    ]
    return results, norm


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    return np.ascontiguousarray(array, dtype)


def advance(rows: Rows, one: Fit, accumulated: Array, first: Array, norm: float) -> None:
    """Update the inner factors of a fit from S, accept or refuse the step, and extrapolate the next one."""
    inner = [factor.copy() for factor in one.trial]
    error = update_inner(rows, inner, first, accumulated, norm)
    one.passes += 1
    if one.errors and error > one.errors[-1]:
        plain = all(a is b for a, b in zip(one.trial, one.inner, strict=True))
        if plain:  # a step without extrapolation can only fail by rounding: the fit has come to its end
            one.errors.append(one.errors[-1])
        one.ceiling = one.momentum
        one.momentum /= _CUT
        one.trial = list(one.inner)
        return
    for factor in inner:
        norms = np.linalg.norm(factor, axis=0)
        factor /= np.where(norms > 0, norms, 1)
        first *= norms
    if one.errors:
        one.ceiling = min(1.0, _CEILING_GROWTH * one.ceiling)
        one.momentum = min(one.ceiling, _GROWTH * one.momentum)
    one.trial = [np.maximum(0, new + one.momentum * (new - old)) for new, old in zip(inner, one.inner, strict=True)]
    if not one.errors:  # the start itself says nothing about the direction
        one.trial = list(inner)
    one.inner, one.first = inner, first
    one.errors.append(error)


def update_inner(rows: Rows, inner: list[Array], first: Array, accumulated: Array, norm: float) -> float:
    """Lower the error over the inner factors in place, given F and S; return the squared error that is left."""
    pairs = row_pairs(rows, first)
    sums = accumulated.reshape(*rows.shape[1:], -1)
    error = norm
    owner = np.zeros(1, np.int64)
    repeats = 1 if len(inner) == 1 else _INNER_SWEEPS
    for _ in range(repeats):
        for mode in range(len(inner)):
            target = contract(sums, inner, mode)
            grams, owner = inner_grams(rows, inner, pairs, mode)
            descend(inner[mode], target, grams, owner, _ROW_SWEEPS if len(inner) == 1 else 1)
    curvature = (
        np.einsum("nr,nrs,ns->", inner[-1], grams[owner], inner[-1])
        if owner.size > 1
        else np.sum(grams[0] * (inner[-1].T @ inner[-1]))
    )
    error += float(curvature - 2 * np.sum(target * inner[-1]))
    return error


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
    products = [pair_products(factor) for factor in inner]
    merged = np.zeros((missing.observed.shape[-1], products[-1].shape[1]))
    np.add.at(merged, missing.member, products[-1])
    return [*products[:-1], merged]


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
