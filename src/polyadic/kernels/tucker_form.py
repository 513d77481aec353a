r"""The algebra of a Tucker or CP core with uncertain factors: from sums over entries to messages and normal equations.

A model has ``K`` modes; mode k carries ``F_k`` functions, of which some are fixed at the constant one. With
:math:`\phi_n` the products of function values at entry n (all combinations: Tucker; matched: CP), the mean is
:math:`f_n = w^T \phi_n`. Second moments :math:`E[u u^T]` are kept as upper triangles of ``v = F(F+1)/2`` numbers. For
each index d of mode k the sums over its entries

.. math:: G_d = \sum_{n \in d} \bigotimes_{l \ne k} E[u^l u^{lT}], \qquad
          g_d = \sum_{n \in d} y_n \bigotimes_{l \ne k} E[u^l]

serve the message to the mode *and* the normal equations of the core, so entries are read once a mode and sweep.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import tucker_loops
from polyadic.kernels.core_form import Form, fixed_values, pair_index, pairs

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Rows = NDArray[np.int32] | NDArray[np.int64]


def _flat(arrays: list[Array]) -> tuple[Array, Index, Index]:
    at = np.cumsum([0] + [array.size for array in arrays])[:-1].astype(np.int64)
    width = np.array([array.shape[1] for array in arrays], dtype=np.int64)
    return np.concatenate([array.ravel() for array in arrays] or [np.zeros(0)]), at, width


@dataclass(frozen=True)
class Entries:
    """The data sorted by one mode: ``order`` of the rows, ``start`` of each index, ``others`` their other indexes."""

    order: Rows
    start: Index
    others: NDArray[np.int32]


def entry_sums(
    form: Form, entries: Entries, weight: Array, value: Array, others: tuple[list[Array], list[Array]]
) -> tuple[Array, Array]:
    r"""Return ``G`` and ``g`` of the module for consecutive indexes of a mode: one contiguous pass over sorted entries.

    Parameters
    ----------
    form
        How functions combine.
    entries
        Sorted by the mode; its ``start`` may be that of some consecutive indexes alone.
    weight, value
        Weights and values of the entries in the order of rows, shape (N,); one weight, (1,), is that of all.
    others
        First (D_l, F_l) and second (D_l, v_l) moments of the other modes.

    Returns
    -------
    ``G`` (indexes, product of the v_l; v for CP) and ``g`` (indexes, product of the F_l; F for CP).

    Notes
    -----
    Time is linear in entries, memory independent of them.
    """
    firsts, seconds = others
    if form.kind == "tucker":
        wide, narrow = (int(np.prod([a.shape[1] for a in arrays])) for arrays in (seconds, firsts))
    else:
        narrow = form.sizes[0]
        wide = narrow * (narrow + 1) // 2
    start = entries.start
    G, h = np.zeros((start.size - 1, wide)), np.zeros((start.size - 1, narrow))
    rows = start, entries.order, entries.others
    tucker_loops.sums(*rows, weight, value, *_flat(seconds), *_flat(firsts), form.kind == "cp", G, h)
    return G, h


@dataclass(frozen=True)
class Core:
    """Gaussian posterior of the core: ``mean`` (J,) and ``covariance`` (J, J), modes in C order."""

    mean: Array
    covariance: Array


def _fold(tensor: Array, axis: int, size: int) -> Array:
    """Sum the (i, j) and (j, i) entries of one squared axis into the stored upper triangle."""
    moved = np.moveaxis(tensor, axis, 0).reshape(size, size, -1)
    rows, columns = pairs(size)
    folded = np.where((rows < columns)[:, None], moved[rows, columns] + moved[columns, rows], moved[rows, columns])
    rest = tensor.shape[:axis] + tensor.shape[axis + 1 :]
    return np.moveaxis(folded.reshape(rows.size, *rest), 0, axis)


def _squared_axes(form: Form, core: Core) -> Array:
    modes = len(form.sizes)
    moment = (core.covariance + np.outer(core.mean, core.mean)).reshape(form.sizes * 2)
    order = [axis for k in range(modes) for axis in (k, modes + k)]
    return np.asarray(moment.transpose(order).reshape([size**2 for size in form.sizes]))


def mode_operators(form: Form, core: Core, mode: int) -> tuple[Array, Array]:
    """Return the matrices that turn ``G_d`` and ``g_d`` into the precision and the shift of a mode (noise precision 1).

    Tucker: (F^2, wide) and (F, narrow), to be multiplied; CP: (F^2,) gathered and (F,) factors, see :func:`message`.
    """
    size = form.sizes[mode]
    if form.kind == "cp":
        return core.covariance + np.outer(core.mean, core.mean), core.mean
    tensor = _squared_axes(form, core)
    for axis, width in enumerate(form.sizes):
        if axis != mode:
            tensor = _fold(tensor, axis, width)
    weights = np.moveaxis(core.mean.reshape(form.sizes), mode, 0).reshape(size, -1)
    return np.moveaxis(tensor, mode, 0).reshape(size**2, -1), weights


def message(
    form: Form, mode: int, operators: tuple[Array, Array], G: Array, g: Array, known: Array | None = None
) -> tuple[Array, Array]:
    """Return precision (D, R, R) and shift (D, R) of the free functions of a mode, given the other ones, noise 1.

    Notes
    -----
    O(D F^2 wide) for Tucker, O(D F^2) for CP.
    """
    size, free = form.sizes[mode], list(form.free[mode])
    fixed = [i for i in range(size) if i not in free]
    if form.kind == "tucker":
        precision = (G @ operators[0].T).reshape(-1, size, size)
        precision = (precision + precision.transpose(0, 2, 1)) / 2
        shift = g @ operators[1].T
    else:
        precision = G[:, pair_index(size)] * operators[0]
        shift = g * operators[1]
    values = fixed_values(form, mode, G.shape[0], known)[:, fixed]
    shift = shift[:, free] - np.einsum("drs,ds->dr", precision[:, free][:, :, fixed], values)
    return np.ascontiguousarray(precision[:, free][:, :, free]), shift


def normal_equations(form: Form, mode: int, first: Array, second: Array, G: Array, g: Array) -> tuple[Array, Array]:
    """Return the core's sum of ``E[phi phi^T]`` (J, J) and of ``y E[phi]`` (J,) from the sums of any one mode.

    Parameters
    ----------
    form, mode
        The form and the mode that the sums were made for.
    first, second
        Moments of that mode, (D, F) and (D, v).
    G, g
        From :func:`entry_sums`.
    """
    size, modes = form.sizes[mode], len(form.sizes)
    if form.kind == "cp":
        return (second * G).sum(axis=0)[pair_index(size)], (first * g).sum(axis=0)
    order = [mode] + [k for k in range(modes) if k != mode]
    widths = [form.sizes[k] * (form.sizes[k] + 1) // 2 for k in order]
    gram = (second.T @ G).reshape(widths)
    for axis, k in enumerate(order):
        gram = np.take(gram, pair_index(form.sizes[k]).ravel(), axis=axis)
    gram = np.moveaxis(gram, 0, mode).reshape([size for size in form.sizes for _ in range(2)])
    gram = gram.transpose([2 * k for k in range(modes)] + [2 * k + 1 for k in range(modes)])
    right = (first.T @ g).reshape([form.sizes[k] for k in order])
    return gram.reshape(form.entries, form.entries), np.moveaxis(right, 0, mode).ravel()


def predictive_moments(form: Form, core: Core, firsts: list[Array], seconds: list[Array]) -> tuple[Array, Array]:
    """Return mean and variance of f at entries whose function moments are given, shapes (n,) and (n,).

    Parameters
    ----------
    form, core
        The model.
    firsts, seconds
        For each mode (n, F_k) and (n, v_k).

    Notes
    -----
    O(n product of the v_k) for Tucker, O(n K v) for CP.
    """
    if form.kind == "cp":
        second = reduce(np.multiply, seconds)
        moment = _fold((core.covariance + np.outer(core.mean, core.mean)).reshape(-1), 0, form.sizes[0])
        mean = reduce(np.multiply, firsts) @ core.mean
        return mean, np.maximum(second @ moment - mean**2, 0.0)
    tensor = _squared_axes(form, core)
    for axis, width in enumerate(form.sizes):
        tensor = _fold(tensor, axis, width)
    mean = _contract(core.mean.reshape(form.sizes), firsts)
    return mean, np.maximum(_contract(tensor, seconds) - mean**2, 0.0)


def entry_moments(
    form: Form, core: Core, mode: int, entries: Entries, moments: list[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """Return mean and variance of f at the data entries, in the order of rows, shapes (N,) and (N,).

    Parameters
    ----------
    form, core
        The model.
    mode, entries
        The entries, and the mode that they are sorted by.
    moments
        First and second moments of all modes.

    Notes
    -----
    The cost of :func:`entry_sums`: the core is contracted with each index of the mode once.
    """
    mean = entry_means(form, core, mode, entries, moments)
    if form.kind == "cp":
        square = _fold((core.covariance + np.outer(core.mean, core.mean)).reshape(-1), 0, form.sizes[0])
        table = moments[mode][1] * square
    else:
        tensor = _squared_axes(form, core)
        for axis, width in enumerate(form.sizes):
            tensor = _fold(tensor, axis, width)
        table = moments[mode][1] @ np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
    square = _products(form, mode, entries, table, [second for _, second in moments])
    square -= mean**2
    return mean, np.maximum(square, 0.0, out=square)


def entry_means(form: Form, core: Core, mode: int, entries: Entries, moments: list[tuple[Array, Array]]) -> Array:
    """Return the means of :func:`entry_moments` alone, (N,)."""
    if form.kind == "cp":
        table = moments[mode][0] * core.mean
    else:
        table = moments[mode][0] @ np.moveaxis(core.mean.reshape(form.sizes), mode, 0).reshape(form.sizes[mode], -1)
    return _products(form, mode, entries, table, [first for first, _ in moments])


def _products(form: Form, mode: int, entries: Entries, table: Array, moments: list[Array]) -> Array:
    """Return the products of each entry's moments in the other modes, contracted with the table row of its index."""
    out = np.empty(entries.order.size)
    flat = _flat([moment for k, moment in enumerate(moments) if k != mode])
    rows = entries.start, entries.order, entries.others
    tucker_loops.products(*rows, np.ascontiguousarray(table), *flat, form.kind == "cp", out)
    return out


def _contract(tensor: Array, factors: list[Array]) -> Array:
    found = factors[0] @ tensor.reshape(tensor.shape[0], -1)
    for factor, width in zip(factors[1:], tensor.shape[1:], strict=True):
        found = np.einsum("nwr,nw->nr", found.reshape(found.shape[0], width, -1), factor)
    return np.asarray(found[:, 0])


def evaluate(form: Form, weights: Array, values: list[Array]) -> Array:
    """Return f at n entries from core weights (J,) and values of all functions of each mode, (n, F_k)."""
    if form.kind == "cp":
        return np.asarray(reduce(np.multiply, values) @ weights)
    return _contract(weights.reshape(form.sizes), values)
