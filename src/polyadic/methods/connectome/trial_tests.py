"""What components of trials claim: against permuted trials, and with the events and behaviours of the trials."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.kernels import event_tests, trial_permutations
from polyadic.kinds import traces as kind
from polyadic.methods.connectome.significance import p_values
from polyadic.methods.connectome.trials import Trials, decomposed, tensor

Array = NDArray[Any]

_WINDOW = 5  # trials over which slow changes are averaged


class Significance(NamedTuple):
    """P-values over all components at once, ``(R,)``: change over trials, and variation that neurons share."""

    dynamics: Array
    synchrony: Array


def significance(traces: xr.Dataset, factors: xr.Dataset, count: int, seed: int) -> Significance:
    """Return which components change slowly over trials, and in which neurons vary together from trial to trial.

    Dynamics: whole trials are put in random order within their animal. The decomposition of permuted trials is the
    permuted decomposition, so nothing is fitted again.
    Synchrony: the trials of every neuron are put in an order of its own within its animal, and the decomposition is
    fitted again; the statistic is what of a component varies over the trials of an animal. A response that is the same
    in every trial is no synchrony.
    """
    found = tensor(traces)
    courses = factors["factor_trial"].to_numpy()
    sizes = _sizes(found, factors["weight"].to_numpy(), factors["factor_neuron"].to_numpy())
    rng = np.random.default_rng(seed)
    orders = [np.arange(len(courses)), *(trial_permutations.reordered(found.animal, rng) for _ in range(999))]
    changes = np.stack(
        [trial_permutations.slow_changes((courses * sizes)[order], found.animal, _WINDOW) for order in orders]
    )
    own, partner = _refitted(found, courses.shape[1], seed, factors)
    shared = []
    for number in progress.track(range(count), count):
        made = trial_permutations.shuffled_apart(found.activity, found.animal, np.random.default_rng([seed, number]))
        shared.append(_refitted(found._replace(activity=made), courses.shape[1], seed, None)[0])
    return Significance(p_values(changes[0], changes[1:]), p_values(own[partner], np.stack(shared)))


def _sizes(found: Trials, weights: Array, neurons: Array) -> Array:
    """Return the norm of a component for each unit of its trial factor, over the neurons of the trial: (trial, R)."""
    seen = np.isfinite(found.activity).any(axis=1).astype(float)
    return np.asarray(weights * np.sqrt(seen.T @ neurons**2))


def _refitted(found: Trials, rank: int, seed: int, like: xr.Dataset | None) -> tuple[Array, NDArray[np.intp]]:
    """Return how much of each component varies over trials, and which components are those of given factors."""
    from polyadic.kernels.cp_form import matching

    model = decomposed(found, rank, 2, seed, (3e-4, 60))
    scaled = model.factors[2] * _sizes(found, model.weights, model.factors[0])
    varying = np.sqrt(np.sum(trial_permutations.deviations(scaled, found.animal) ** 2, axis=0))
    if like is None:
        return varying, np.arange(rank)
    names = ("factor_neuron", "factor_time", "factor_trial")
    return varying, matching([like[name].to_numpy() for name in names], list(model.factors))[0]


def tests_of(factors: xr.Dataset, traces: xr.Dataset, draws: int, seed: int) -> tuple[list[str], dict[str, Array]]:
    """Return the labels of events, and effects and p-values of events and behaviours in the trials on components.

    An event is of the trial in which it starts. Trials are permuted within their animals; p-values are also corrected
    by Holm over all together.
    """
    spans = kind.trials(traces)
    animal = np.array([span[0] for span in spans])
    labels, on = trial_events(traces, spans)
    names = kind.behaviours(traces)
    means = [[float(np.mean(traces[name].to_numpy()[a, low:high])) for a, _, low, high in spans] for name in names]
    courses = factors["factor_trial"].to_numpy().T
    tested = np.full((3, len(courses), len(labels) + len(names)), np.nan)
    for column, values in enumerate([*on, *(np.array(one) for one in means)]):
        if np.isfinite(values).all():
            for row, course in enumerate(courses):
                tested[:, row, column] = trial_permutations.slope_test(course, values, animal, draws, seed)
    adjusted = np.full(tested[2].shape, np.nan)
    valid = np.isfinite(tested[2])
    adjusted[valid] = event_tests.holm(tested[2][valid])
    cut = len(labels)
    return labels, {
        "effect": tested[0][:, :cut],
        "p_event": tested[2][:, :cut],
        "p_event_adjusted": adjusted[:, :cut],
        "correlation": tested[1][:, cut:],
        "p_behaviour": tested[2][:, cut:],
        "p_behaviour_adjusted": adjusted[:, cut:],
    }


def trial_events(traces: xr.Dataset, spans: list[tuple[int, int, int, int]]) -> tuple[list[str], Array]:
    """Return the labels of the events, and whether one starts in a trial: ``(label, trial)``, 0 or 1."""
    happened = kind.events(traces)
    labels = sorted({label for *_, label in happened})
    names = list(map(str, traces["animal"].to_numpy()))
    frames = np.searchsorted(traces["time"].to_numpy(), [start for _, start, *_ in happened])
    on = np.zeros((len(labels), len(spans)))
    for (name, *_, label), frame in zip(happened, frames, strict=True):
        for position, (animal, _, low, high) in enumerate(spans):
            if names[animal] == name and low <= frame < high:
                on[labels.index(label), position] = 1
    return labels, on
