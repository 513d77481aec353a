r"""Deterministic first values for the functions of a Tucker model.

Smooth functions (cosines of a coordinate, monomials of places and covariates) come first. Then each mode in turn, the
finest first, is regressed index by index on the products of the others' functions, and the leading left singular
vectors of the coefficients, weighted by how much they explain, replace its functions: a higher-order singular value
decomposition for scattered entries. Where a mode has given functions (a season), the functions of that mode come from
what a season of every index of the other modes leaves.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.core_form import Form, extend, pair_index, tucker_form
from polyadic.kernels.mode_process import AxisPrior, Prior
from polyadic.kernels.tucker_form import Entries, entry_sums
from polyadic.kernels.tucker_table import Start, Table

Array = NDArray[np.float64]
LARGEST = 40_000_000
RIDGE = 2.0
EXTRA = 2


def starts(form: Form, priors: tuple[Prior, ...], table: Table, seed: int = 0) -> list[Start]:
    """Return candidate first values (D_k, R_k) of the free functions of each mode, to be judged by the bound.

    The candidates regress single indexes (best when each has many entries), bins of neighbouring indexes (when they are
    few), or not at all.

    Parameters
    ----------
    form, priors, table
        As in :func:`polyadic.kernels.functional_tucker.fit`.
    seed
        Seed of the random functions that modes without geometry begin with.

    Returns
    -------
    candidates, each one array a mode, columns of unit mean square.
    """
    generator = np.random.default_rng(seed)
    smooth = [
        smooth_functions(prior, len(free) + EXTRA, generator) for prior, free in zip(priors, form.free, strict=True)
    ]
    plain = [u[:, : len(free)] for u, free in zip(smooth, form.free, strict=True)]
    if form.kind == "cp" or len(priors) < 2:
        return [Start(plain)]
    sizes = tuple(mode_process.size(prior) for prior in priors)
    entries, rest = table.entries, without_seasons(table, sizes)
    found = [Start(plain)]
    for binned in (False, True):
        functions = list(plain)
        for mode in np.argsort(sizes)[::-1]:
            ordered = isinstance(priors[mode], AxisPrior)
            if binned and ordered:
                wide = [np.c_[u, extra[:, u.shape[1] :]] for u, extra in zip(functions, smooth, strict=True)]
                functions[mode] = _binned(mode, priors[mode], entries[mode], rest, wide, plain[mode])
            else:
                value = rest if table.known[mode].shape[1] else table.value
                functions[mode] = leading(form, int(mode), entries[mode], value, functions, table.known)
        found.append(Start(functions))
    return found


def without_seasons(table: Table, sizes: tuple[int, ...]) -> Array:
    """Return the values (N,) less a season of all of them, and of every index of each mode, by ridge regressions.

    Notes
    -----
    O(N given^2) for each pair of modes, memory O(N).
    """
    rest = table.value
    for k, known in enumerate(table.known):
        if not known.shape[1]:
            continue
        own = table.index[:, k]
        for other, size in enumerate(sizes):
            group = np.zeros_like(own) if other == k else table.index[:, other]
            rest = _less_season(rest, known, own, group, 1 if other == k else size)
    return rest


def _less_season(value: Array, known: Array, own: NDArray[np.int32], group: NDArray[np.int32], size: int) -> Array:
    """Return values less a ridge regression on the known functions (and a mean) for each group."""
    functions = np.c_[np.ones(known.shape[0]), known]
    m = functions.shape[1]
    gram, right = np.empty((size, m, m)), np.empty((size, m))
    for i in range(m):
        right[:, i] = np.bincount(group, functions[own, i] * value, minlength=size)
        for j in range(i + 1):
            gram[:, i, j] = np.bincount(group, (functions[:, i] * functions[:, j])[own], minlength=size)
            gram[:, j, i] = gram[:, i, j]
    coefficient = np.linalg.solve(gram + RIDGE * np.eye(m), right[:, :, None])[:, :, 0]
    left = value.copy()
    for i in range(1, m):
        left -= coefficient[group, i] * functions[own, i]
    return left


def _binned(
    mode: int, prior: AxisPrior, entries: Entries, value: Array, functions: list[Array], fallback: Array
) -> Array:
    """Return leading functions from regressions over bins of neighbouring indexes, joined by straight lines."""
    rest = [k for k in range(len(functions)) if k != mode]
    wide = tucker_form(tuple(u.shape[1] for u in functions))
    features = int(np.prod([wide.sizes[k] for k in rest]))
    N, D = value.size, entries.start.size - 1
    bins = min(D, N // (3 * features))
    if bins < fallback.shape[1] + 2 or bins * features**2 > LARGEST:
        return fallback
    edges = np.unique(np.searchsorted(entries.start, np.arange(bins + 1) * N // bins))
    coarse = Entries(entries.order, entries.start[edges], entries.others)
    knots = np.array([prior.knots[low:high].mean() for low, high in pairwise(edges)])
    functions = list(functions)
    functions[mode] = np.zeros((knots.size, fallback.shape[1]))
    bare = tuple(np.zeros((u.shape[0], 0)) for u in functions)
    found = leading(wide, mode, coarse, value, functions, bare)
    fine = np.column_stack([np.interp(prior.knots, knots, column) for column in found.T])
    return np.asarray(np.where((found**2).sum(axis=0) > 0, fine, fallback))


def smooth_functions(prior: Prior, count: int, generator: np.random.Generator) -> Array:
    """Return ``count`` smooth functions of a mode at its unique indexes, of mean square one."""
    size = mode_process.size(prior)
    if isinstance(prior, AxisPrior):
        if prior.kernel == "independent":
            return generator.standard_normal((size, count))
        x = (prior.knots - prior.knots[0]) / max(prior.knots[-1] - prior.knots[0], 1e-300)
        found = np.cos(np.pi * x[:, None] * np.arange(1, count + 1))
    else:
        columns = np.c_[prior.points.coordinates, prior.points.covariates]
        columns = (columns - columns.mean(axis=0)) / np.maximum(columns.std(axis=0), 1e-300)
        squares = [columns[:, i] * columns[:, j] for i in range(columns.shape[1]) for j in range(i + 1)]
        found = np.column_stack([columns, *squares, generator.standard_normal((size, count))])
        found = np.linalg.qr(np.c_[np.ones(size), found])[0][:, 1 : count + 1]
        if found.shape[1] < count:
            found = np.c_[found, generator.standard_normal((size, count - found.shape[1]))]
    return np.asarray(found / np.sqrt(np.maximum((found**2).mean(axis=0), 1e-12)))


def leading(
    form: Form, mode: int, entries: Entries, value: Array, functions: list[Array], known: tuple[Array, ...]
) -> Array:
    """Return the functions of a mode (D, R) that explain most, given the free and known ones of the other modes.

    Each index is regressed on the products of the others' functions; the leading left singular vectors of the
    coefficients come first, the functions they do not fill stay.
    """
    rest = [k for k in range(len(functions)) if k != mode]
    zero = [np.zeros((*u.shape, u.shape[1])) for u in functions]
    moments = [extend(form, k, functions[k], zero[k], known[k]) for k in rest]
    features = int(np.prod([form.sizes[k] for k in rest]))
    D, rank = entries.start.size - 1, functions[mode].shape[1]
    if D * features**2 > LARGEST:
        return functions[mode]
    G, g = entry_sums(form, entries, np.ones(1), value, ([m[0] for m in moments], [m[1] for m in moments]))
    gram = G.reshape(D, *[m[1].shape[1] for m in moments])
    for axis, k in enumerate(rest):
        gram = np.take(gram, pair_index(form.sizes[k]).ravel(), axis=axis + 1)
    gram = gram.reshape([D] + [form.sizes[k] for k in rest for _ in range(2)])
    half = len(rest)
    gram = gram.transpose([0] + [1 + 2 * i for i in range(half)] + [2 + 2 * i for i in range(half)])
    gram = gram.reshape(D, features, features)
    coefficient = np.linalg.solve(gram + RIDGE * np.eye(features), g[:, :, None])[:, :, 0]
    count = np.diff(entries.start).astype(np.float64)
    coefficient -= count @ coefficient / count.sum()
    metric = np.linalg.cholesky(gram.sum(axis=0) / count.sum() + 1e-9 * np.eye(features))
    left, strength, _ = np.linalg.svd(np.sqrt(count)[:, None] * coefficient @ metric, full_matrices=False)
    found = functions[mode].copy()
    usable = min(rank, int((strength > 1e-9 * strength[0]).sum()) if strength.size else 0)
    found[:, :usable] = left[:, :usable] / np.sqrt(count)[:, None] * np.sqrt(count.sum())
    return found
