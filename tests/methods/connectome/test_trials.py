"""Activity by trials: planted assemblies found over two animals, and the stages behind run on them."""

import numpy as np
import pytest

from polyadic.core.errors import InputError
from polyadic.kinds import traces as kind
from polyadic.methods.connectome import trials
from polyadic.methods.connectome.communities import CommunitiesConfig, communities
from polyadic.methods.connectome.decompose import DecomposeConfig, decompose
from polyadic.methods.connectome.evaluate import EvaluateConfig, evaluate
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


def test_the_stages_behind_run_and_claim_nothing(planted, factors, capsys):
    tested = surrogates(SurrogatesConfig(count=1), traces=planted[0], factors=factors)
    assert "not tested" in capsys.readouterr().err
    found = communities(CommunitiesConfig(), factors=tested, traces=planted[0], significance=tested)
    label = found["membership"].isel(level=0).to_numpy()
    assert all(len(set(row[members])) == 1 for row in label for members in (slice(0, 4), slice(4, 8), slice(8, 12)))
    assert "p_surrogate" not in found
    scored = evaluate(EvaluateConfig(), traces=planted[0], factors=factors, communities=found)
    assert scored["metric"].to_numpy().tolist() == ["stability", "relative_error"]


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
