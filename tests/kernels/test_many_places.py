"""Tucker models of more places than are solved densely: the bound, planted truth, what follows from a fit."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from polyadic.kernels import dense_process, inducing_process, mode_process, tucker_draws, tucker_layout, tucker_model
from polyadic.kernels.inducing_prediction import InducingPosterior


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Run small matrices on one thread, as stages do."""
    with threadpool_limits(1):
        yield


def scattered(count, times, noise, rng):
    """Return rows of places even on the sphere at all times, their values, and the smooth field."""
    where = np.c_[np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)]
    X = np.c_[np.repeat(where, times, axis=0), np.tile(np.arange(float(times)), count)]
    return X, field(X) + noise * rng.normal(size=len(X)), where


def field(X):
    x, y, z = (dense_process.embed("sphere", X[:, :2]) / dense_process.EARTH_RADIUS).T
    return 1 + np.sin(3 * x + y) + np.cos(2 * z) * np.cos(X[:, 2] / 3) + x * y * np.sin(X[:, 2] / 5)


def fitted(X, y, begin=None, kernel="sphere", **settings):
    layout = tucker_layout.layout_of(X, ((0, 1), (2,)), (), (kernel, "matern52"), 3)
    return tucker_model.fit_model(X, y, layout, tucker_model.FitSettings(**settings), begin)


@pytest.fixture
def few(monkeypatch):
    """Solve modes of more than 20 points by inducing points, starts by 12."""
    monkeypatch.setattr(mode_process, "LARGEST_DENSE", 20)
    monkeypatch.setattr(inducing_process, "COARSE", 12)


def test_bound_never_falls_while_start_kernel_and_inducing_places_change(few):
    X, y, _ = scattered(70, 6, 0.3, np.random.default_rng(0))
    bound = fitted(X, y, inducing=24, noise="student", max_iterations=9, tolerance=0.0).posterior.bound
    assert np.diff(bound).min() > -1e-7 * abs(bound[-1])


def test_bound_never_falls_and_stays_below_that_of_the_dense_fit(few, monkeypatch):
    X, y, _ = scattered(70, 6, 0.3, np.random.default_rng(0))
    settings = {"kernel": "sphere matern32", "inducing": 24, "max_iterations": 9, "tolerance": 0.0}
    model = fitted(X, y, **settings)
    state = model.posterior.modes[0]
    assert isinstance(state, InducingPosterior)
    assert state.chosen.size == 24
    bound = model.posterior.bound
    assert np.diff(bound).min() > -1e-7 * abs(bound[-1])
    monkeypatch.setattr(mode_process, "LARGEST_DENSE", 100)
    monkeypatch.setattr(mode_process, "JOINT", 1)
    assert bound[-1] < fitted(X, y, **settings).posterior.bound[-1]


def test_all_places_inducing_is_the_dense_fit(few, monkeypatch):
    """The same sweeps from the same start, functions one by one: places, their effects and the bound agree."""
    monkeypatch.setattr(mode_process, "LITTLE", 0.5)  # what effects of dense places begin with
    X, y, _ = scattered(30, 6, 0.3, np.random.default_rng(1))
    monkeypatch.setattr(inducing_process, "COARSE", 30)
    sparse = fitted(X, y, kernel="sphere matern12", max_iterations=3)
    monkeypatch.setattr(mode_process, "LARGEST_DENSE", 100)
    monkeypatch.setattr(mode_process, "JOINT", 1)
    dense = fitted(X, y, kernel="sphere matern12", max_iterations=3)
    np.testing.assert_allclose(sparse.posterior.bound, dense.posterior.bound, rtol=1e-4)
    new = np.r_[X[:20], X[:20] + 0.5]
    for a, b in zip(*(tucker_model.latent_moments(model, new) for model in (sparse, dense)), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_a_fit_goes_on_and_draws_have_the_moments_of_predictions(few):
    X, y, where = scattered(60, 8, 0.2, np.random.default_rng(2))
    first = fitted(X[::2], y[::2], kernel="sphere matern52", inducing=24, max_iterations=6)
    model = fitted(X, y, begin=first, kernel="sphere matern52", inducing=24, max_iterations=2)
    new = np.r_[X[:8], np.c_[where[:4] + 2.0, np.full(4, 3.5)]]
    mean, variance = tucker_model.latent_moments(model, new)
    draws = tucker_draws.draws(model, new, 1500, 0)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.2 * np.sqrt(variance.max()))
    assert 0.5 < (draws.var(axis=0) / variance).min() < 1.2
    assert np.sqrt(np.mean((tucker_model.latent_moments(model, X)[0] - field(X)) ** 2)) < 0.1


def test_more_places_than_a_dense_mode_takes_are_fitted_near_the_noise_floor(monkeypatch):
    """A smooth field of 3,500 places and 16 times, a tenth of the places new: error far below the noise of 0.5."""
    monkeypatch.setattr(inducing_process, "COARSE", 32)
    rng = np.random.default_rng(3)
    X, y, _ = scattered(3500, 16, 0.5, rng)
    known = 3150 * 16
    train, new = slice(0, known), np.r_[rng.integers(0, known, 1000), np.arange(known, y.size, 2)]
    model = fitted(X[train], y[train], kernel="sphere matern52", inducing=64, max_iterations=5)
    mean, variance = tucker_model.latent_moments(model, X[new])
    total = np.sqrt(variance + model.scale**2 * model.posterior.noise_variance)
    assert np.sqrt(np.mean((mean - field(X[new])) ** 2)) < 0.05
    assert 0.87 < np.mean(abs(mean - y[new])[1000:] < 1.645 * total[1000:]) < 0.93
    assert model.scale * model.posterior.noise_variance**0.5 == pytest.approx(0.5, rel=0.02)
