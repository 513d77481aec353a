"""One clique a component: against dense twins; planted cliques found; streamed as stored; the error never rises."""

import numpy as np
import pytest
from scipy.optimize import minimize

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels import dynamic_affinity
from polyadic.kernels.inner_form import Cliques, descend_cliques
from polyadic.kernels.nonnegative_cp import DenseRows
from polyadic.kinds import traces as kind

NEURONS = 7
FIRST, SECOND = np.triu_indices(NEURONS, 1)


def planted(rng, animals=2, frames=40):
    neurons = rng.random((NEURONS, 2)) * (rng.random((NEURONS, 2)) < 0.7)
    courses, loadings = rng.random((frames, 2)) ** 3, rng.uniform(0.5, 1, (animals, 2))
    x = np.einsum("tr,wr,pr->twp", courses, loadings, neurons[FIRST] * neurons[SECOND])
    return x, neurons


def test_one_neuron_after_the_other_is_solved_as_a_dense_problem():
    """Each row of the result is the minimiser over itself, those before it new and those behind it old."""
    rng = np.random.default_rng(0)
    neurons, targets = rng.random((4, 3)), rng.random((6, 3))
    half = rng.random((2, 3, 3))
    grams, owner = half @ half.swapaxes(1, 2) + np.eye(3), rng.integers(2, size=6)
    found = neurons.copy()
    descend_cliques(found, targets, grams, owner, 500)
    first, second = np.triu_indices(4, 1)
    for i in range(4):
        mixed = np.concatenate([found[:i], neurons[i:]])

        def error(row, i=i, mixed=mixed):
            trial = mixed.copy()
            trial[i] = row
            z = trial[first] * trial[second]
            return np.einsum("pr,prs,ps->", z, grams[owner], z) / 2 - np.sum(targets * z)

        dense = minimize(error, mixed[i], bounds=[(0, None)] * 3, options={"ftol": 1e-15, "gtol": 1e-10})
        np.testing.assert_allclose(found[i], dense.x, atol=1e-5)


@pytest.mark.parametrize("lacking", [False, True])
def test_the_error_is_that_of_the_dense_tensor_and_never_rises(lacking):
    rng = np.random.default_rng(1)
    x, _ = planted(rng)
    x += 0.05 * rng.random(x.shape)
    seen = np.ones((2, NEURONS), bool)
    seen[1, 3] = not lacking
    observed = seen[:, FIRST] & seen[:, SECOND]
    x = np.where(observed, x, 0)
    missing = engine.Missing.of(np.zeros(1, np.int64), observed[None]) if lacking else None
    rows = DenseRows(x.reshape(len(x), -1), x.shape, missing)
    one = engine.begin(rows, [rng.random((2, 2)), rng.random((NEURONS, 2))], form=Cliques())
    engine.fit(rows, [one], tolerance=1e-9, max_iterations=60)
    loadings, pairs = one.form.expand(one.inner)
    dense = np.where(observed, x - np.einsum("tr,wr,pr->twp", one.first, loadings, pairs), 0)
    assert one.errors[-1] == pytest.approx(np.sum(dense**2), rel=1e-6)
    assert np.all(np.diff(one.errors) <= 1e-12)


def test_planted_cliques_are_found_as_well_as_free_pairs_find_them():
    rng = np.random.default_rng(2)
    x, neurons = planted(rng)
    rows = DenseRows(x.reshape(len(x), -1), x.shape, None)
    fits = [engine.begin(rows, [rng.random((2, 2)), rng.random((NEURONS, 2))], form=Cliques()) for _ in range(5)]
    engine.fit(rows, fits, tolerance=1e-9, max_iterations=400)
    best = min(fits, key=lambda one: one.errors[-1])
    assert best.errors[-1] < 1e-4 * best.norm
    cosines = best.inner[-1].T @ (neurons / np.linalg.norm(neurons, axis=0))
    assert cosines.max(axis=0).min() > 0.99


def test_streamed_affinities_give_the_model_of_stored_ones(monkeypatch):
    values = kind.example()["fluorescence"].to_numpy().astype(float)
    rows = dynamic_affinity.affinity_rows(values, 5.0, kernel="rises", smoothing=1.0, per_animal=False)

    def model():
        begun = dynamic_affinity.starting_points(rows, 2, 2, 0, cliques=True)
        return dynamic_affinity.decompose(rows, begun, tolerance=1e-5, max_iterations=40)[0]

    stored = model()
    monkeypatch.setattr(dynamic_affinity, "_STORED", 0)
    monkeypatch.setattr(dynamic_affinity, "_PIECE", 1)
    streamed = model()
    np.testing.assert_allclose(streamed.relative_error[-1], stored.relative_error[-1], rtol=1e-3)
    pairs = stored.neurons[np.triu_indices(8, 1)[0]] * stored.neurons[np.triu_indices(8, 1)[1]]
    seen = stored.factors[2].any(axis=1)
    unit = pairs[seen] / np.linalg.norm(pairs[seen], axis=0)
    np.testing.assert_allclose(stored.factors[2][seen], unit, atol=1e-9)
