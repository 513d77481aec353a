"""A simulated population carries its truth, and each setting changes what it names."""

import numpy as np
import pytest
from scipy import stats

from polyadic.core import config as configs
from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

SMALL = {"neurons": 12, "animals": 3, "communities": 2, "duration": 200.0}


def make(**settings):
    return simulated_traces(SimulatedTracesConfig(**{**SMALL, **settings}))


@pytest.fixture(scope="module")
def tree():
    return make(absence=0.4, seed=1)


def test_noise_of_every_neuron_has_the_stated_ratio():
    tree = make(snr=3.0, drift=0.0, missing=0.0, sampling_rate=20.0)
    clean = tree["truth/calcium"].to_numpy().astype(float)
    noise = tree["fluorescence"].to_numpy() - clean
    np.testing.assert_allclose(10 * np.log10(clean.var(-1) / noise.var(-1)), 3.0, atol=0.5)


def test_another_ratio_changes_the_noise_and_nothing_else(tree):
    other = make(absence=0.4, seed=1, snr=0.0)
    assert other["truth"].to_dataset(inherit=False).identical(tree["truth"].to_dataset(inherit=False))
    assert not other["fluorescence"].equals(tree["fluorescence"])


def test_missing_neurons_are_missing_and_their_truth_is_not(tree):
    seen = tree["observed"].to_numpy()
    assert (np.isfinite(tree["fluorescence"].to_numpy()).all(-1) == seen).all()
    assert (~seen).sum(axis=1).tolist() == [1, 1, 1]
    assert np.isfinite(tree["truth/calcium"].to_numpy()).all()


def test_states_are_active_only_where_present_and_never_two_at_once(tree):
    active, presence = tree["truth/active"].to_numpy(), tree["truth/presence"].to_numpy()
    assert active.sum(axis=0).max() == 1
    assert (presence >= active.any(axis=2).T).all()
    assert not presence.all()
    assert presence.any(axis=0).all()


def test_clock_says_whether_animals_share_their_epochs():
    shared, own = make()["truth/active"].to_numpy(), make(clock="per_animal")["truth/active"].to_numpy()
    assert (shared == shared[:, :1]).all()
    assert not (own == own[:, :1]).all()


def test_events_mark_epochs_of_their_animal(tree):
    active, rate = tree["truth/active"].to_numpy(), float(tree["sampling_rate"])
    for animal, start, stop, label in zip(
        *(tree[f"event_{name}"].to_numpy() for name in ("animal", "start", "stop", "label")), strict=True
    ):
        frames = slice(round(start * rate), round(stop * rate))
        assert active[int(label.removeprefix("state ")), animal, frames].all()
    assert tree.sizes["event"] >= 3


def test_spikes_follow_the_rates(tree):
    counts, rate = tree["truth/spikes"].to_numpy(), tree["truth/rate"].to_numpy()
    expected = rate.mean(-1) / float(tree["sampling_rate"])
    assert np.corrcoef(counts.mean(-1).ravel(), expected.ravel())[0, 1] > 0.8
    np.testing.assert_allclose(counts.mean(), expected.mean(), rtol=0.15)


def test_the_stationary_population_is_sparse_skewed_and_has_no_epochs():
    tree = make(dynamics="stationary", duration=600.0)
    assert tree["truth/active"].to_numpy().all()
    assert tree.sizes["event"] == 0
    spikes = tree["truth/spikes"].to_numpy()
    assert (spikes > 0).mean() < 0.05
    assert np.median(stats.skew(tree["truth/calcium"].to_numpy(), axis=-1)) > 1
    member = tree["truth/membership"].to_numpy()[0] >= 0
    halves = np.stack([half.sum(-1) for half in np.split(spikes[:, member], 2, axis=-1)]).sum(axis=(1, 2))
    assert abs(halves[0] - halves[1]) < 0.35 * halves.sum()


def test_seed_and_replicate_make_other_populations_and_details_can_be_left_out(tmp_path):
    first = make()
    for other in (make(seed=1), make(replicate=1)):
        assert not np.array_equal(first["truth/membership"], other["truth/membership"])
    bare = make(detail=False)
    assert set(bare["truth"].data_vars) == {"membership", "active", "presence"}
    assert bare["fluorescence"].equals(first["fluorescence"])
    io.write(bare, tmp_path / "bare.nc")
    assert io.verify(tmp_path / "bare.nc")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"states": 0}, "states must be at least 1, found 0"),
        ({"coverage": 0}, r"coverage must lie in \(0, 1\], found 0"),
        ({"missing": 1}, r"missing must lie in \[0, 1\), found 1"),
        ({"rise": 2}, "rise must be below decay = 1 s, found 2"),
        ({"epoch": 0.1}, "epoch must hold at least two frames, found 1"),
        ({"sampling_rate": 0}, "sampling_rate must be above 0, found 0"),
        ({"rest": -1}, "rest must not be negative, found -1"),
        ({"neurons": 8}, "too little for 3 communities of at least 2 members; raise coverage or neurons"),
        ({"clock": "mine"}, "setting 'clock' must be one of shared, per_animal, found 'mine'"),
    ],
)
def test_settings_that_make_no_population(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        configs.build(SimulatedTracesConfig, settings)
