"""The simulator draws what it says: structure, rates, calcium, noise."""

import itertools

import numpy as np
import pytest
from scipy import stats

from polyadic.kernels import spiking_population as population
from polyadic.kernels.spiking_population import REST, Bursts


def test_every_state_deals_its_neurons_evenly_and_draws_its_own():
    found = population.memberships(4, 50, 3, 0.6, np.random.default_rng(1))
    for state in found:
        assert np.bincount(state[state != REST]).tolist() == [10, 10, 10]
    assert len({state.tobytes() for state in found}) == 4


def test_a_community_of_one_is_refused():
    with pytest.raises(ValueError, match="gives 5 members to 3 communities; each needs at least 2"):
        population.memberships(1, 10, 3, 0.5, np.random.default_rng(0))


def runs(schedule):
    edges = np.flatnonzero(np.diff(schedule)) + 1
    parts = np.split(schedule, edges)
    return [(int(part[0]), part.size) for part in parts]


@pytest.mark.parametrize(("states", "rest"), [(1, 10), (2, 0), (3, 10), (8, 5)])
def test_states_take_turns_in_rounds(states, rest):
    schedule = population.schedule(states, 40 * states * 6, 40, rest, np.random.default_rng(2))
    epochs = [(state, length) for state, length in runs(schedule) if state != REST]
    order = [state for state, _ in epochs]
    assert all(30 <= length <= 50 for _, length in epochs[:-1])
    if states > 1:
        assert all(a != b for a, b in itertools.pairwise(order))
    for first in range(0, len(order) - states + 1, states):
        assert sorted(order[first : first + states]) == list(range(states))


def test_spikes_have_the_expected_rate():
    membership = population.memberships(2, 20, 2, 0.6, np.random.default_rng(0))
    active = np.repeat([[True, False, False], [False, True, False]], 20_000, axis=1)
    bursts = Bursts(rate=0.5, participation=0.7, spikes=2.5, jitter=0.05)
    counts = population.spike_counts(membership, active, bursts, 0.2, 0.1, np.random.default_rng(1))
    expected = population.expected_rate(membership, active, bursts, 0.2)
    for part in np.split(np.arange(60_000), 3):
        rate, truth = counts[:, part].mean(axis=1) / 0.1, expected[:, part].mean(axis=1)
        np.testing.assert_allclose(rate, truth, atol=0.25)  # five standard errors of the burstiest neuron
        np.testing.assert_allclose(rate.mean(), truth.mean(), rtol=0.1)


def test_members_of_a_community_fire_together_and_others_do_not():
    membership = np.array([[0, 0, 1, 1, REST]], np.int16)
    counts = population.spike_counts(
        membership, np.ones((1, 20_000), bool), Bursts(0.5, 0.9, 2, 0.0), 0.1, 0.1, np.random.default_rng(0)
    )
    correlation = np.corrcoef(counts)
    together = correlation[[0, 2], [1, 3]]
    apart = correlation[[0, 0, 1, 1, 0, 2], [2, 3, 2, 3, 4, 4]]
    assert together.min() > 0.4
    assert np.abs(apart).max() < 0.05


@pytest.mark.parametrize(("rise", "decay", "interval"), [(0.0, 1.0, 0.1), (0.1, 1.0, 0.1), (0.05, 0.5, 0.6)])
def test_calcium_is_the_convolution_with_two_exponentials(rise, decay, interval):
    spikes = np.random.default_rng(0).poisson(0.1, (3, 200))
    k = np.arange(1, 201) * interval
    response = np.exp(-k / decay) - (np.exp(-k / rise) if rise else 0)
    response /= response.max()
    slow = np.array([[row[: t + 1] @ response[t::-1] for t in range(200)] for row in spikes])
    np.testing.assert_allclose(population.calcium(spikes, rise, decay, interval), slow, atol=1e-12)


def test_a_rise_slower_than_the_decay_is_refused():
    with pytest.raises(ValueError, match=r"rise must lie in \[0, decay = 1\) s, found 1"):
        population.ar2_coefficients(1.0, 1.0, 0.1)


@pytest.mark.parametrize("snr", [-3.0, 10.0])
def test_noise_has_its_ratio_in_every_row_and_is_white(snr):
    rng = np.random.default_rng(0)
    clean = rng.gamma(0.3, size=(4, 20_000)) * np.array([[1.0], [2], [5], [0]])
    noise = population.noise(clean, snr, rng)
    ratio = 10 * np.log10(clean[:3].var(axis=1) / noise[:3].var(axis=1))
    np.testing.assert_allclose(ratio, snr, atol=0.2)
    assert noise[3].std() > 0
    assert all(abs(np.corrcoef(row[1:], row[:-1])[0, 1]) < 0.03 for row in noise)


def test_drift_is_slow_and_standardised():
    waves = population.drift(5, 3000, np.random.default_rng(3))
    np.testing.assert_allclose(waves.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(waves.std(axis=1), 1)
    power = np.abs(np.fft.rfft(waves * np.hanning(3000))) ** 2
    assert (power[:, 10:].sum(axis=1) < 1e-4 * power.sum(axis=1)).all()


def test_sparse_spikes_make_skewed_calcium():
    spikes = np.random.default_rng(0).poisson(0.01, (20, 5000))
    assert np.median(stats.skew(population.calcium(spikes, 0.1, 1.0, 0.1), axis=1)) > 1
