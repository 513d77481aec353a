r"""How the core answers to a change of the functions: what makes joint draws of both out of independent ones.

Given the functions, the core of a Tucker model is Gaussian with mean :math:`S \tau \sum_n y_n \phi_n` and covariance
:math:`S = (\tau \sum_n \phi_n \phi_n^T + I)^{-1}`. The variational posterior has both at the functions' means, so cores
and functions drawn from it are independent, and the mean of a field over many entries is far too uncertain: what one
gains by chance the other would lose. To first order a change :math:`\delta_d` of the functions of index d moves the
core's mean by

.. math:: \tau S \sum_d [\delta_d \otimes r_d - u_d \otimes M_d \delta_d], \qquad
          r_d = g_d - O_d W^T u_d, \quad M_d = O_d W^T,

with the sums :math:`g_d, O_d` over the entries of d of :math:`y_n o_n` and :math:`o_n o_n^T`, :math:`o_n` the product
of the other modes' functions, W the core's mean unfolded along the mode. r and M are kept for each mode and index, so
draws need no entries: their cost and memory grow with unique indexes alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.core_form import Form, pair_index
from polyadic.kernels.tucker_entries import Sums
from polyadic.kernels.tucker_form import Core, Entries

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Response:
    """Of one mode: ``remainder`` r (D, F_others) and ``product`` M (D, F_others, R), see the module; CP: F_others = F.

    Both are of a core and noise precision of one, in the units of the standardised values.
    """

    remainder: Array
    product: Array


def responses(
    form: Form,
    core: Core,
    entries: tuple[Entries, ...],
    moments: list[tuple[Array, Array]],
    weight: Array,
    value: Array,
) -> tuple[Response, ...]:
    """Return the responses of all modes.

    Parameters
    ----------
    form, core
        The fitted model.
    entries
        Sorted by each mode.
    moments
        First (D, F) and stored second (D, v) moments of all functions of each mode.
    weight, value
        Weight of each entry, (N,), or of all, (1,), and its value less the drift, (N,).

    Notes
    -----
    One pass over the entries for each mode, as a sweep; memory O(D F_others (R + 1)) is kept.
    """
    found = []
    for mode, own in enumerate(entries):
        sums = Sums(form, mode, own, weight, value, moments)
        unfolded = core.mean
        if form.kind == "tucker":
            unfolded = np.moveaxis(core.mean.reshape(form.sizes), mode, 0).reshape(form.sizes[mode], -1)
        parts = [_of_indexes(form, mode, unfolded, moments[mode][0][rows], G, g) for rows, G, g in sums.chunks()]
        found.append(Response(*(np.concatenate(part) for part in zip(*parts, strict=True))))
    return tuple(found)


def _of_indexes(form: Form, mode: int, unfolded: Array, first: Array, G: Array, g: Array) -> tuple[Array, Array]:
    squares = _unpacked(form, mode, G)
    product = squares * unfolded if form.kind == "cp" else squares @ unfolded.T
    remainder = g - np.einsum("dar,dr->da", product, first)
    return remainder, np.ascontiguousarray(product[:, :, list(form.free[mode])])


def _unpacked(form: Form, mode: int, G: Array) -> Array:
    """Return the sums of products (D, F_others, F_others) from their stored upper triangles."""
    if form.kind == "cp":
        return np.asarray(G[:, pair_index(form.sizes[0])])
    others = [size for k, size in enumerate(form.sizes) if k != mode]
    wide = G.reshape(-1, *[size * (size + 1) // 2 for size in others])
    for axis, size in enumerate(others):
        wide = np.take(wide, pair_index(size).ravel(), axis=axis + 1)
    wide = wide.reshape(-1, *[size for size in others for _ in range(2)])
    half = len(others)
    order = [0, *[1 + 2 * i for i in range(half)], *[2 + 2 * i for i in range(half)]]
    total = int(np.prod(others))
    return np.asarray(wide.transpose(order).reshape(-1, total, total))


def moved_means(
    form: Form,
    core: Core,
    noise: float,
    found: tuple[Response, ...],
    functions: list[Array],
    changes: list[Array],
) -> Array:
    """Return the means of the core given drawn functions, (draws, J).

    Parameters
    ----------
    form, core, noise
        The fitted model and its noise variance.
    found
        From `responses`.
    functions
        For each mode the posterior means of all functions at its unique indexes, (D, F).
    changes
        For each mode the drawn free functions less their means, (draws, D, R).

    Notes
    -----
    O(D F_others R) for each mode and draw, in matrix products.
    """
    out = np.tile(core.mean, (changes[0].shape[0], 1))
    for mode, (own, first, change) in enumerate(zip(found, functions, changes, strict=True)):
        for number, delta in enumerate(change):
            back = np.einsum("dar,dr->da", own.product, delta)
            out[number] += core.covariance @ _pull(form, mode, first, delta, own.remainder, back) / noise
    return out


def _pull(form: Form, mode: int, first: Array, delta: Array, remainder: Array, back: Array) -> Array:
    """Return the sum over indexes of delta (x) r - u (x) M delta, in the order of the core."""
    free = list(form.free[mode])
    if form.kind == "cp":
        pull = -(first * back).sum(axis=0)
        pull[free] += (delta * remainder[:, free]).sum(axis=0)
        return np.asarray(pull)
    wide = -first.T @ back
    wide[free] += delta.T @ remainder
    others = [size for k, size in enumerate(form.sizes) if k != mode]
    return np.asarray(np.moveaxis(wide.reshape(form.sizes[mode], *others), 0, mode).ravel())
