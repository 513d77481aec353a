"""The rank by withheld rows: errors against a dense twin, streamed as stored, planted states found by what lasts."""

import numpy as np
import pytest

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels import cp_rank, dynamic_affinity
from polyadic.kernels.cp_rank import Folds, rank_curve, withheld_errors
from polyadic.kernels.nonnegative_cp import DenseRows
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces


def least_squares(basis, target):
    """Solve one row densely, by coordinate descent to the end."""
    x = np.zeros(basis.shape[1])
    for _ in range(400):
        for r in range(x.size):
            rest = target - basis @ x + basis[:, r] * x[r]
            x[r] = max(0.0, basis[:, r] @ rest / (basis[:, r] @ basis[:, r]))
    return x


@pytest.mark.parametrize("lag", [0, 2])
def test_errors_are_those_of_rows_solved_one_by_one(lag):
    rng = np.random.default_rng(0)
    x = rng.random((14, 3 * 5))
    observed = np.ones((1, 3, 5), bool)
    observed[0, 1, 2:4] = False
    x[:, ~observed[0].ravel()] = 0
    rows = DenseRows(x, (14, 3, 5), engine.Missing.of(np.zeros(1, np.int64), observed))
    models = [[[rng.random((n, rank)) for n in (3, 5)] for rank in (1, 2)] for _ in range(2)]
    found = withheld_errors(rows, models, Folds(2, 0, lag), seed=3)
    half, seen = np.random.default_rng([3, 7]).random(15) < 0.5, observed.ravel()
    for fold, rank in np.ndindex(2, 2):
        basis, block = engine.khatri_rao(models[fold][rank]), x[7 * fold : 7 * fold + 7]
        squares = 0.0
        for t, row in enumerate(block):
            if lag:
                near = np.mean([block[u] for u in (t - lag, t + lag) if 0 <= u < 7], axis=0)
                squares += np.sum((row - basis @ least_squares(basis[seen], near[seen]))[seen] ** 2)
            else:
                for given in (half, ~half):
                    course = least_squares(basis[given & seen], row[given & seen])
                    squares += np.sum((row - basis @ course)[~given & seen] ** 2)
        assert found[fold, rank] == pytest.approx(squares / np.sum(block**2), rel=1e-9)


@pytest.fixture(scope="module")
def rows() -> dynamic_affinity.AffinityRows:
    """Affinities of two states that take turns, each of two communities that burst apart."""
    settings = {"states": 2, "communities": 2, "neurons": 24, "animals": 2, "duration": 400.0, "seed": 21}
    tree = simulated_traces(SimulatedTracesConfig(detail=False, **settings))
    values = tree["fluorescence"].to_numpy().astype(float)
    return dynamic_affinity.affinity_rows(values, 10.0, kernel="rises", smoothing=1.5, per_animal=False)


def test_states_are_what_lasts_and_communities_what_bursts(rows):
    lasting, halves = (rank_curve(rows.stored(), range(1, 7), Folds(4, 20, lag), starts=2, seed=0) for lag in (12, 0))
    assert lasting.chosen == 2
    assert halves.chosen > 2
    assert lasting.stability[1] > 0.9 > lasting.stability[-1]


def test_the_curve_of_streamed_rows_is_that_of_stored_ones(rows, monkeypatch):
    settings = {"starts": 2, "seed": 0, "max_iterations": 15}
    stored = rank_curve(rows.stored(), (1, 2, 3), Folds(4, 20, 12), **settings)
    monkeypatch.setattr(dynamic_affinity, "_PIECE", 1)
    passes = []
    streamed = rank_curve(rows, (1, 2, 3), Folds(4, 20, 12), **settings, watch=lambda done, _: passes.append(done))
    np.testing.assert_allclose(streamed.error, stored.error, rtol=1e-3)
    assert streamed.chosen == stored.chosen
    assert passes[-1] <= 15


@pytest.mark.parametrize("lag", [0, 2])
def test_recordings_one_behind_the_other_are_withheld_block_by_block(lag):
    """Errors of two recordings with other entries missing are those of each alone, weighted by their squares."""
    rng = np.random.default_rng(0)
    x, observed = rng.random((28, 15)), np.ones((2, 15), bool)
    observed[1, 4:9] = False
    x[14:, 4:9] = 0
    group = np.repeat([0, 1], 14)
    models = [[[rng.random((15, rank))] for rank in (1, 2)] for _ in range(2)]
    both = DenseRows(x, (28, 15), engine.Missing.of(group, observed))
    found = withheld_errors(both, models, Folds(2, 0, lag, 2), seed=3)
    total = np.zeros((2, 2))
    for one in (0, 1):
        mine = x[14 * one :][:14]
        rows = DenseRows(mine, (14, 15), engine.Missing.of(np.zeros(1, np.int64), observed[one : one + 1]))
        squares = np.square(mine).reshape(2, -1).sum(axis=1)
        total += withheld_errors(rows, models, Folds(2, 0, lag), seed=3) * squares[:, None]
    np.testing.assert_allclose(found, total / np.square(x).reshape(2, 2, -1).sum(axis=(0, 2))[:, None], rtol=1e-9)


def test_without_a_common_clock_the_states_of_all_animals_are_counted():
    """Each animal lives through its states at times of its own; the first animal has only one of them."""
    settings = {"states": 3, "communities": 2, "neurons": 24, "duration": 300.0, "seed": 5, "animals": 3}
    tree = simulated_traces(SimulatedTracesConfig(detail=False, clock="per_animal", absence=0.5, **settings))
    assert not tree["truth"]["presence"].to_numpy()[0].all()
    values = tree["fluorescence"].to_numpy().astype(float)
    rows = dynamic_affinity.affinity_rows(values, 10.0, kernel="rises", smoothing=1.5, per_animal=True).stored()
    found = rank_curve(rows, range(1, 6), Folds(4, 20, 12, 3), starts=2, seed=0)
    assert found.chosen == 3


def test_rows_of_one_recording_with_other_entries_missing_are_refused():
    observed = np.ones((2, 6), bool)
    observed[1, 0] = False
    rows = DenseRows(np.ones((20, 6)), (20, 6), engine.Missing.of(np.arange(20) % 2, observed))
    with pytest.raises(ValueError, match="missing in all rows of a recording alike"):
        rank_curve(rows, (1,), Folds(2, 0), starts=1, seed=0)


def test_folds_that_are_too_short_are_refused(rows):
    with pytest.raises(ValueError, match="too few for 5 folds with buffers of 20 and a lag of 200"):
        rank_curve(rows, (1, 2), Folds(5, 20, 200), starts=1, seed=0)


def test_the_reason_says_what_was_chosen_and_warns():
    error = np.array([[0.9, 0.91], [0.5, 0.52], [0.501, 0.519]])
    assert "the smallest within one standard error" not in cp_rank.chosen((1, 2, 3), error, np.ones(3)).reason
    found = cp_rank.chosen((1, 2), error[:2], np.array([1.0, 0.5]))
    assert "low: components differ" in found.reason
    assert "the largest tried" in found.reason
