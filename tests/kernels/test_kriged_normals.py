"""Normals of places: a planted field with an elevation drift, its calibration, known places, draws, fallbacks."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from polyadic.kernels import anomaly_field, drifting_field, kriged_normals
from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels.matern_products import MaternProducts, covariance
from polyadic.kernels.place_columns import PlaceColumns

PLACES = PlaceColumns((0, 1), ("sphere",), (2,), (3,), (np.array([12.0]),))
KERNEL = MaternProducts(np.array([0.5]), np.array([[150.0, 1.0]]), np.array([[0.5, 0.5]]), 0.0)


def planted(seed, count=150, months=48):
    """Return rows of places with a level and a season that fall with elevation, normals, shared anomalies, values."""
    rng = np.random.default_rng(seed)
    where = np.column_stack([rng.uniform(37, 41, count), rng.uniform(-109, -102, count), rng.uniform(1, 3.5, count)])
    root = np.linalg.cholesky(covariance(KERNEL, where, where, ("sphere", "line")) + 1e-9 * np.eye(count))
    fields = (root @ rng.normal(size=(count, 3))) * [1.0, 0.5, 0.5] + rng.normal(size=(count, 3)) * [0.3, 0.1, 0.1]
    fields += np.column_stack([20 - 6 * where[:, 2], 1.5 * where[:, 2] - 9, np.full(count, 0.5)])
    place, month = np.divmod(np.arange(count * months), months)
    X = np.column_stack([where[place], month])
    normal = np.einsum("nq,nq->n", PLACES.functions(X), fields[place])
    anomaly = rng.normal(size=months)[month] + 0.3 * rng.normal(size=X.shape[0])
    return X, place, normal, normal + anomaly, anomaly


@pytest.fixture(scope="module")
def fitted():
    X, place, normal, y, _ = planted(0)
    known = place < 110
    anomalies = anomaly_field.learn(X[known], y[known] - kriged_normals.own(X[known], y[known], PLACES), PLACES)
    residual = y[known] - kriged_normals.own(X[known], y[known], PLACES)
    freed = y[known] - anomaly_field.of_others(anomalies, X[known], residual)[0]
    return kriged_normals.fit(X[known], freed, PLACES), X, normal, known, y


def test_normals_of_new_places_are_recovered_with_calibrated_bands(fitted):
    normals, X, normal, known, _ = fitted
    mean, variance = kriged_normals.moments(normals, X[~known])
    error = mean - normal[~known]
    assert np.sqrt(np.mean(error**2)) < 0.35 * normal[~known].std() / 2
    assert np.mean(np.abs(error) < ndtri(0.95) * np.sqrt(variance)) == pytest.approx(0.9, abs=0.1)
    assert kriged_normals.is_new(normals, X).tolist() == (~known).tolist()
    level = normals.fields[0]
    assert level.drift[-1] / level.scale[-1] == pytest.approx(-6.0, abs=0.7)


def test_normals_of_known_places_are_surer_than_those_of_new_ones(fitted):
    normals, X, normal, known, _ = fitted
    mean, variance = kriged_normals.moments(normals, X[known])
    apart, wide = kriged_normals.of_others(normals, X[known])
    assert np.sqrt(np.mean((mean - normal[known]) ** 2)) < 0.4 * np.sqrt(np.mean((apart - normal[known]) ** 2))
    assert (variance < wide).all()
    assert np.mean(np.abs(apart - normal[known]) < ndtri(0.95) * np.sqrt(wide)) == pytest.approx(0.9, abs=0.08)


def test_draws_have_the_moments(fitted):
    normals, X, _, _, _ = fitted
    rows = X[[0, 5, 5200, 5230, 6000]]
    mean, variance = kriged_normals.moments(normals, rows)
    draws = kriged_normals.sample(normals, rows, 4000, 3)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(draws.std(axis=0), np.sqrt(variance), rtol=0.1)


def test_given_the_same_rows_the_normals_are_the_same(fitted):
    normals, X, _, known, y = fitted
    once = kriged_normals.given(normals, X[known], y[known])
    again = kriged_normals.given(once, X[known], y[known])
    np.testing.assert_array_equal(once.mean, again.mean)


def test_a_drifting_field_is_universal_kriging():
    rng = np.random.default_rng(1)
    where = np.column_stack([rng.uniform(37, 41, 25), rng.uniform(-109, -102, 25), rng.uniform(1, 3.5, 25)])
    values, error = rng.normal(size=25) + 5 - 2 * where[:, 2], rng.uniform(0.01, 0.2, 25)
    field = drifting_field.fit(where[:20], values[:20], ("sphere", "line"), error[:20])
    mean, variance = drifting_field.predict(field, where[20:])
    kernel, kinds = field.process.kernel, field.process.modes
    points = nearest.embed(where, kinds)
    design = np.column_stack([np.ones(25), (points - field.centre) / field.scale])
    prior = np.full(5, np.var(values[:20]))
    prior[0] = 1e6 * np.mean(values[:20] ** 2)
    joint = covariance(kernel, where, where, kinds) + kernel.noise * np.eye(25) + (design * prior) @ design.T
    known = joint[:20, :20] + np.diag(error[:20])
    gain = np.linalg.solve(known, joint[:20, 20:]).T
    np.testing.assert_allclose(mean, gain @ values[:20], rtol=1e-5)
    np.testing.assert_allclose(variance, np.diag(joint[20:, 20:] - gain @ joint[:20, 20:]), rtol=1e-3)


def test_a_place_without_error_keeps_its_value():
    x = np.linspace(0, 1, 30)[:, None]
    values = np.sin(7 * x[:, 0])
    field = drifting_field.fit(x, values, ("line",), np.zeros(30))
    mean, variance = drifting_field.smoothed(field)
    np.testing.assert_allclose(mean, values, atol=1e-9)
    np.testing.assert_allclose(variance, 0, atol=1e-9)


def test_without_covariates_and_with_few_places_normals_are_still_kriged():
    X, place, normal, y, anomaly = planted(2, count=12)
    plain = replace(PLACES, covariates=())
    normals = kriged_normals.fit(X[place > 1], (y - anomaly)[place > 1], plain)
    mean, variance = kriged_normals.moments(normals, X[place < 2])
    assert np.mean(np.abs(mean - normal[place < 2]) < 3 * np.sqrt(variance)) > 0.9


def test_scattered_rows_have_no_normals():
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.uniform(37, 41, 400), rng.uniform(-109, -102, 400), rng.uniform(1, 3, 400), np.arange(400)]
    )
    assert not PLACES.apply(X)
    X[:, :3] = X[np.arange(400) % 50, :3]
    assert PLACES.apply(X)
    assert not anomaly_field.applies(X, PLACES)
