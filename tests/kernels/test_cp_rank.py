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


def test_folds_that_are_too_short_are_refused(rows):
    with pytest.raises(ValueError, match="too few for 5 folds with buffers of 20 and a lag of 200"):
        rank_curve(rows, (1, 2), Folds(5, 20, 200), starts=1, seed=0)


def test_the_reason_says_what_was_chosen_and_warns():
    error = np.array([[0.9, 0.91], [0.5, 0.52], [0.501, 0.519]])
    assert "the smallest within one standard error" not in cp_rank.chosen((1, 2, 3), error, np.ones(3)).reason
    found = cp_rank.chosen((1, 2), error[:2], np.array([1.0, 0.5]))
    assert "low: components differ" in found.reason
    assert "the largest tried" in found.reason
