r"""New functions in the place of pruned ones, from what a fitted Tucker model leaves.

A function that starts weak can be pruned although the field has one there: its slot is empty and the bound, in a local
optimum. Here the leading functions of the remainder, found as a start finds them, are put into the empty slots. Whether
they stay is for the bound to say.
"""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.core_form import extend, tucker_form
from polyadic.kernels.functional_tucker import Start, Table, TuckerPosterior
from polyadic.kernels.mode_process import Prior
from polyadic.kernels.tucker_entries import sort_entries
from polyadic.kernels.tucker_form import entry_moments
from polyadic.kernels.tucker_start import EXTRA, leading, smooth_functions

Array = NDArray[np.float64]
PRUNED = 1e-3
PASSES = 2


def relevances(posterior: TuckerPosterior) -> tuple[Array, ...]:
    """Return, for each mode, the part of the variance of f that each free function carries over the training indexes.

    The mean square of the function times the core's slice, relative to the largest: values near zero are pruned.
    """
    form, found = posterior.form, []
    for k, state in enumerate(posterior.modes):
        variance = np.exp(state.log_parameters[:, mode_process.state_variance_columns(state)]).sum(axis=1)
        square = posterior.core.mean**2
        if form.kind == "tucker":
            square = np.moveaxis(square.reshape(form.sizes), k, 0).reshape(form.sizes[k], -1).sum(axis=1)
        strength = square[list(form.free[k])] * variance
        found.append(strength / max(float(strength.max()), 1e-300))
    return tuple(found)


def moments(priors: tuple[Prior, ...], posterior: TuckerPosterior) -> list[tuple[Array, Array]]:
    """Return mean (D_k, R_k) and covariance (D_k, R_k, R_k) of the free functions of each mode at its indexes."""
    return [
        mode_process.predict(state, *mode_process.coordinates(prior))
        for prior, state in zip(priors, posterior.modes, strict=True)
    ]


def refilled(
    priors: tuple[Prior, ...], table: Table, posterior: TuckerPosterior, generator: np.random.Generator
) -> Start | None:
    """Return a start that goes on from a posterior with new functions in its empty slots; None if no slot is empty.

    Parameters
    ----------
    priors, table
        As the posterior was fitted to; ``priors`` with the kernels that were chosen.
    posterior
        A Tucker posterior. Products of a CP model are born with partners in every mode: there None is returned.
    generator
        Draws first functions of modes without geometry.

    Notes
    -----
    Two regressions of the entries for each mode with an empty slot, as in
    :func:`polyadic.kernels.tucker_start.leading`.
    """
    empty = [np.flatnonzero(strength < PRUNED) for strength in relevances(posterior)]
    if posterior.form.kind == "cp" or not any(slots.size for slots in empty):
        return None
    states = moments(priors, posterior)
    entries = sort_entries(table.index, tuple(mode_process.size(prior) for prior in priors))
    known = [u * a for u, a in zip(table.known, posterior.amplitude, strict=True)]
    rest = _remainder(posterior, table, known, states)
    functions = []
    for prior, (mean, _), slots in zip(priors, states, empty, strict=True):
        smooth = smooth_functions(prior, slots.size + EXTRA, generator)
        wide = np.c_[mean, np.zeros((len(mean), EXTRA))]
        wide[:, [*slots, *range(mean.shape[1], mean.shape[1] + EXTRA)]] = smooth
        functions.append(wide)
    form = tucker_form(tuple(u.shape[1] for u in functions), tuple(u.shape[1] for u in known))
    for _ in range(PASSES):
        for k, slots in enumerate(empty):
            if slots.size:
                functions[k][:, slots] = leading(form, k, entries[k], rest, functions, tuple(known))[:, : slots.size]
    return _start(priors, posterior, states, [u[:, :-EXTRA] for u in functions], empty)


def _remainder(
    posterior: TuckerPosterior, table: Table, known: list[Array], states: list[tuple[Array, Array]]
) -> Array:
    """Return the values (N,) less the mean of the model."""
    form = posterior.form
    full = [extend(form, k, *state, known[k]) for k, state in enumerate(states)]
    entries = sort_entries(table.index, tuple(mean.shape[0] for mean, _ in states))[0]
    fitted = np.empty(table.value.size)
    fitted[entries.order] = entry_moments(form, posterior.core, 0, entries.start, entries.others, full)[0]
    return np.asarray(table.value - fitted - table.drift @ posterior.drift_mean)


def _start(
    priors: tuple[Prior, ...],
    posterior: TuckerPosterior,
    states: list[tuple[Array, Array]],
    functions: list[Array],
    empty: list[NDArray[np.int64]],
) -> Start:
    """Return the start: kept functions keep covariance and hyperparameters, new ones begin without."""
    covariances, parameters = [], []
    for prior, state, (_, covariance), slots in zip(priors, posterior.modes, states, empty, strict=True):
        covariance, own = covariance.copy(), state.log_parameters.copy()
        covariance[:, slots], covariance[:, :, slots] = 0.0, 0.0
        own[slots] = mode_process.start_parameters(prior, slots.size)
        covariances.append(covariance)
        parameters.append(own)
    return Start(functions, covariances, parameters, list(posterior.amplitude))
