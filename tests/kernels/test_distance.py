"""Weights and distances: Mantel's test keeps its level and sees a fall with distance."""

import numpy as np
import pytest

from polyadic.kernels.distance_test import mantel, mean_distances


def distances(rng, neurons=15):
    return mean_distances(rng.random((2, neurons, 2)))


def test_the_level_holds_though_pairs_of_a_neuron_are_alike():
    """Strong neurons make whole rows of weights large; permuted nodes keep that, permuted pairs would not."""
    rng = np.random.default_rng(0)
    found = []
    for trial in range(150):
        strength = rng.gamma(0.5, size=15)
        found.append(mantel(np.outer(strength, strength), distances(rng), 99, trial)[1])
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.045)


def test_a_fall_with_distance_is_found_and_missing_positions_do_not_count():
    rng = np.random.default_rng(1)
    apart = distances(rng)
    weights = np.exp(-3 * apart) + 0.2 * rng.random(apart.shape)
    weights = weights + weights.T
    apart[3] = apart[:, 3] = np.nan
    weights[3] = weights[:, 3] = 1e6
    correlation, p = mantel(weights, apart, 199)
    assert correlation < -0.4
    assert p <= 0.01


def test_without_positions_there_is_no_number():
    assert np.isnan(mantel(np.ones((5, 5)), np.full((5, 5), np.nan))).all()
