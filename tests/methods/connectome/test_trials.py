"""Activity by trials: planted assemblies found over two animals, and the stages behind run on them."""

import numpy as np
import pytest

from polyadic.core.errors import InputError
from polyadic.kernels.trial_permutations import shuffled_apart, slope_test
from polyadic.kinds import traces as kind
from polyadic.methods.connectome import trial_tests, trials
from polyadic.methods.connectome.communities import CommunitiesConfig, communities
from polyadic.methods.connectome.decompose import DecomposeConfig, decompose
from polyadic.methods.connectome.evaluate import EvaluateConfig, evaluate
from polyadic.methods.connectome.significance import p_values
from polyadic.methods.connectome.surrogates import SurrogatesConfig, surrogates

NEURONS, LENGTH, TRIALS = 12, 30, 20


@pytest.fixture(scope="module")
def planted():
    """Two assemblies, early and late in the trial; the first fades over trials, the second grows; two animals."""
    rng = np.random.default_rng(3)
    member = np.repeat([[1, 0], [0, 1], [0, 0]], 4, axis=0)
    time = np.arange(LENGTH)
    within = np.stack([np.exp(-0.5 * ((time - centre) / 3) ** 2) for centre in (8, 20)], axis=1)
    gain = np.stack([np.linspace(2, 0.2, TRIALS), np.linspace(0.2, 2, TRIALS)], axis=1)
    clean = np.einsum("nr,tr,kr->nkt", member, within, gain).reshape(NEURONS, -1)
    values = clean[None] + 0.1 * rng.standard_normal((2, NEURONS, TRIALS * LENGTH))
    values[1, 2] = np.nan
    ds = kind.dataset(values, 10.0, animal=["a", "b"], neuron=[f"n{i}" for i in range(NEURONS)])
    number = np.tile(np.repeat(np.arange(TRIALS), LENGTH), (2, 1))
    return ds.assign(trial=(("animal", "time"), number, {"units": "1", "long_name": "trial"})), member, within, gain


@pytest.fixture(scope="module")
def factors(planted):
    return decompose(DecomposeConfig(model="trials", rank=2, starts=2), traces=planted[0])


def test_planted_assemblies_are_found_with_one_course_in_all_trials(planted, factors):
    _, member, within, gain = planted
    order = np.argsort(factors["factor_time"].to_numpy().argmax(axis=0))
    assert factors["factor_trial"].shape == (2 * TRIALS, 2)
    for name, truth in (("neuron", member), ("time", within), ("trial", np.tile(gain, (2, 1)))):
        found = factors[f"factor_{name}"].to_numpy()[:, order]
        cosine = np.sum(found * truth, axis=0) / np.linalg.norm(truth, axis=0)
        assert cosine.min() > 0.9, name
    assert factors["trial_animal"].to_numpy().tolist() == ["a"] * TRIALS + ["b"] * TRIALS


def test_assemblies_whose_gain_changes_over_trials_are_told_as_changing_together(planted, factors):
    """Their gains rise and fall over the session, in all members alike; a light in the late trials goes with one."""
    traces = planted[0].assign(
        kind.event_variables(
            kind.Events([0, 1] * 8, np.repeat(np.arange(12, 20) * 3.0, 2), [61.0] * 16, ["light"] * 16)
        )
    )
    tested = surrogates(SurrogatesConfig(count=19), traces=traces, factors=factors)
    assert (tested["p_dynamics"] <= 0.05).all()
    assert (tested["p_synchrony"] <= 0.05).all()
    found = communities(CommunitiesConfig(draws=199), factors=tested, traces=traces, significance=tested)
    label = found["membership"].isel(level=0).to_numpy()
    assert all(len(set(row[members])) == 1 for row in label for members in (slice(0, 4), slice(4, 8), slice(8, 12)))
    assert (found["p_event_adjusted"] <= 0.05).all()
    assert sorted(np.sign(found["effect"].to_numpy()[:, 0])) == [-1, 1]
    np.testing.assert_array_equal(found["p_surrogate"], tested["p_dynamics"])
    scored = evaluate(EvaluateConfig(), traces=traces, factors=factors, communities=found)
    assert scored["metric"].to_numpy().tolist() == ["stability", "relative_error"]


def test_neurons_that_vary_by_themselves_are_not_told_as_varying_together():
    """Responses locked to the trial, with private gains: 25 sessions of 10 neurons, level .05, at most .14 false."""
    rng = np.random.default_rng(0)
    within = np.exp(-0.5 * ((np.arange(12) - 4) / 2) ** 2)
    false = []
    for session in range(25):
        gains = rng.gamma(4.0, 0.25, (10, 16))
        activity = gains[:, None, :] * within[None, :, None] + 0.1 * rng.random((10, 12, 16))
        found = trials.Trials(activity, np.repeat([0, 1], 8), np.tile(np.arange(8), 2))
        own = trial_tests._refitted(found, 1, 0, None)[0]
        null = []
        for number in range(19):
            apart = shuffled_apart(activity, found.animal, np.random.default_rng([session, number]))
            null.append(trial_tests._refitted(found._replace(activity=apart), 1, 0, None)[0])
        false.append(p_values(own, np.stack(null))[0] <= 0.05)
    assert np.mean(false) <= 0.14  # .05 and two standard errors


def test_the_slope_is_that_of_a_regression_within_animals_and_its_level_holds():
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1], [14, 10])
    course, values = rng.standard_normal(24) + 5 * group, rng.standard_normal(24) - 3 * group
    slope, correlation, _ = slope_test(course, values, group, 19)
    design = np.column_stack([values, group == 0, group == 1])
    residual = course - np.array([course[group == g].mean() for g in (0, 1)])[group]
    assert slope == pytest.approx(np.linalg.lstsq(design, course, rcond=None)[0][0] / residual.std())
    assert abs(correlation) < 1
    false = [slope_test(rng.random(24), np.arange(24) % 2, group, 99, n)[2] <= 0.05 for n in range(300)]
    assert 0.01 <= np.mean(false) <= 0.09


def test_trials_of_unequal_length_are_missing_behind_their_end(planted):
    shorter = planted[0].copy(deep=True)
    shorter["trial"][0, 20:30] = -1
    found = trials.tensor(shorter)
    assert np.isnan(found.activity[:, 20:, 0]).all()
    assert np.isfinite(found.activity[:, :20, 0]).all()
    assert np.isnan(found.activity[2, :, TRIALS:]).all()  # the neuron that the second animal lacks


def test_traces_without_trials_are_refused():
    with pytest.raises(InputError, match="needs the variable 'trial'"):
        decompose(DecomposeConfig(model="trials"), traces=kind.example())
