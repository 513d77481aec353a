"""What components mean: when they are high, in which animals, and which events go with them."""

import numpy as np
import pytest

from polyadic.core.errors import InputError
from polyadic.kernels import event_tests
from polyadic.kinds import traces as kind
from polyadic.methods.connectome import meaning
from polyadic.methods.connectome.communities import CommunitiesConfig, communities
from polyadic.methods.connectome.decompose import DecomposeConfig, decompose
from polyadic.methods.connectome.evaluate import EvaluateConfig, evaluate
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces


@pytest.fixture(scope="module")
def tree():
    return simulated_traces(SimulatedTracesConfig(neurons=30, communities=2, animals=2, absence=0.4, seed=5))


@pytest.fixture(scope="module")
def factors(tree):
    return decompose(DecomposeConfig(rank=3, starts=4), traces=tree.to_dataset())


@pytest.fixture(scope="module")
def found(tree, factors):
    return communities(CommunitiesConfig(starts=1), factors=factors, traces=tree.to_dataset())


def test_every_component_goes_with_the_events_of_one_state(found):
    """The events mark the planted epochs; every component must rise at one label and at no other."""
    associated = (found["p_event_adjusted"] <= 0.05) & (found["effect"] > 0)
    assert associated.sum("event").to_numpy().tolist() == [1, 1, 1]
    assert associated.sum("component").to_numpy().tolist() == [1, 1, 1]


def test_components_are_absent_where_their_state_never_occurs(tree, found):
    presence = kind.truth(tree)["presence"].to_numpy()
    assert not presence.all()  # the simulation has something to find
    state = found["effect"].argmax("event").to_numpy()
    np.testing.assert_array_equal(found["loads"].to_numpy(), presence[:, state].T)
    assert not found["high"].where(~found["loads"], False).any()


def test_communities_of_the_stage_are_scored_beside_modularity(tree, factors, found):
    scored = evaluate(EvaluateConfig(baselines=False), traces=tree, factors=factors, communities=found)["value"]
    assert scored["method"].to_numpy().tolist() == ["connectome", "greedy_modularity"]
    assert float(scored.sel({"metric": "ami", "method": "connectome"})) >= 0.6  # one state occurs in one animal only


def test_truth_is_read_from_the_declared_group_and_from_nowhere_else(tree, factors):
    assert "ami" in evaluate(EvaluateConfig(baselines=False), traces=tree, factors=factors)["metric"]
    bare = evaluate(EvaluateConfig(baselines=False), traces=tree.to_dataset(), factors=factors)
    assert "ami" not in bare["metric"]


def test_other_traces_are_refused(tree, factors):
    one = tree.to_dataset().isel(animal=[0]).drop_dims("event")
    with pytest.raises(InputError, match="2 animals, but the traces hold 1"):
        communities(CommunitiesConfig(), factors=factors, traces=one)


def test_joint_test_keeps_its_level_and_finds_weak_effects_of_many_animals():
    """On AR(.95) courses of three clocks the level holds; an effect of .8 deviations in each is found."""
    rng = np.random.default_rng(0)
    false, true = [], []
    for trial in range(120):
        x = np.zeros((3, 500))
        for t in range(1, 500):
            x[:, t] = 0.95 * x[:, t - 1] + rng.standard_normal(3)
        x /= x.std(axis=1, keepdims=True)
        at = [np.sort(rng.choice(480, 12, replace=False)) for _ in range(3)]
        false.append(event_tests.joint_shift_test(x, at, 10, 99, trial)[1])
        for one, starts in zip(x, at, strict=True):
            for start in starts:
                one[start : start + 10] += 0.8
        true.append(event_tests.joint_shift_test(x, at, 10, 99, trial)[1])
    assert np.mean(np.array(false) <= 0.05) <= 0.11  # two standard errors above .07
    assert np.mean(np.array(true) <= 0.05) >= 0.6


def test_one_course_is_tested_as_by_rolling_it_past_its_events():
    x = np.random.default_rng(1).standard_normal(300).cumsum()
    at = np.array([10, 60, 150, 222])
    shifts = np.append(0, np.random.default_rng(3).integers(1, 300, 199))
    heights = [abs(np.mean([np.roll(x, -(start + shift))[:12].mean() for start in at]) - x.mean()) for shift in shifts]
    assert event_tests.shift_test(x, at, 12, 199, 3) == pytest.approx(np.mean(np.array(heights) >= heights[0] - 1e-9))


def test_intervals_are_inverse_to_their_mask():
    mask = np.random.default_rng(0).random((2, 3, 40)) < 0.5
    time = 0.5 * np.arange(40)
    again = np.zeros_like(mask)
    for component, animal, start, stop in meaning.intervals(mask, time):
        again[component, animal] |= (time > start) & (time < stop)
    np.testing.assert_array_equal(again, mask)


def test_memberships_over_starts_and_distances_are_stored(tree, factors):
    rng = np.random.default_rng(0)
    data = tree.to_dataset()
    member = kind.truth(tree)["membership"].to_numpy()[0]
    place = np.stack([member + 0.1 * rng.random(member.size), rng.random(member.size)], axis=1)  # state 0 lies apart
    data["position"] = (("animal", "neuron", "axis"), np.tile(place, (2, 1, 1)), {"units": "1", "long_name": "centre"})
    found = communities(CommunitiesConfig(starts=1, draws=99), factors=factors, traces=data)
    assert found["stability"].dims == ("component", "neuron")
    assert 0.5 < float(found["stability"].mean()) <= 1
    state = found["effect"].argmax("event").to_numpy()
    assert float(found["p_distance"][list(state).index(0)]) <= 0.05
    assert float(found["distance_correlation"][list(state).index(0)]) < -0.1
