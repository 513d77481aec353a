r"""New functions in the place of pruned ones, from what a fitted Tucker model leaves.

A function that starts weak can be pruned although the field has one there: its slot is empty and the bound, in a local
optimum. Here the leading functions of the remainder, found as a start finds them, are put into the empty slots. Whether
they stay is for the bound to say.
"""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import functional_tucker, mode_process
from polyadic.kernels.core_form import extend, tucker_form
from polyadic.kernels.functional_tucker import PRUNED
from polyadic.kernels.mode_process import Prior
from polyadic.kernels.tucker_form import entry_means
from polyadic.kernels.tucker_start import EXTRA, leading, smooth_functions
from polyadic.kernels.tucker_table import Start, Table, TuckerPosterior

Array = NDArray[np.float64]
PASSES = 2


def relevances(posterior: TuckerPosterior) -> tuple[Array, ...]:
    """Return the :func:`polyadic.kernels.functional_tucker.relevances` of a posterior."""
    variances = [
        np.exp(state.log_parameters[:, mode_process.state_variance_columns(state)]).sum(axis=1)
        for state in posterior.modes
    ]
    return functional_tucker.relevances(posterior.form, posterior.core, variances)


def empty_slots(posterior: TuckerPosterior) -> list[NDArray[np.int64]]:
    """Return for each mode the positions of the free functions that are pruned."""
    return [np.flatnonzero(strength < PRUNED) for strength in relevances(posterior)]


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
    empty = empty_slots(posterior)
    if posterior.form.kind == "cp" or not any(slots.size for slots in empty):
        return None
    states = moments(priors, posterior)
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
                functions[k][:, slots] = leading(form, k, table.entries[k], rest, functions, tuple(known))[
                    :, : slots.size
                ]
    return _start(priors, posterior, states, [u[:, :-EXTRA] for u in functions], empty)


def _remainder(
    posterior: TuckerPosterior, table: Table, known: list[Array], states: list[tuple[Array, Array]]
) -> Array:
    """Return the values (N,) less the mean of the model."""
    form = posterior.form
    full = [extend(form, k, *state, known[k]) for k, state in enumerate(states)]
    rest = table.value - entry_means(form, posterior.core, 0, table.entries[0], full)
    return rest - table.drift @ posterior.drift_mean if table.drift.shape[1] else rest


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
