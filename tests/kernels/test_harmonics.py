"""Seasons as given functions of a mode: extrapolated, switched off when useless; kernels chosen by the bound."""

import numpy as np
import pytest

from polyadic.kernels import harmonics, tucker_layout, tucker_model
from polyadic.kernels.tucker_model import FitSettings


def seasonal(strength=1.0, seed=0):
    """Return rows (place, month) of ten places over eight years, values, and which rows are the last two years."""
    rng = np.random.default_rng(seed)
    place, month = (part.ravel() for part in np.meshgrid(np.linspace(0, 1, 10), np.arange(96.0)))
    angle = 2 * np.pi * month / 12
    f = strength * ((1 + place) * np.cos(angle) + 0.4 * place**2 * np.sin(2 * angle)) + 2 * place
    weather = np.convolve(rng.normal(size=99), [0.5, 0.5, 0.3, 0.2], "valid")[month.astype(int)]
    y = f + 0.3 * weather + 0.1 * rng.normal(size=f.size)
    return np.c_[place, month], f, y, month >= 72


def fitted(X, y, kernels, core="auto", rank=2):
    layout = tucker_layout.layout_of(X, None, (), kernels, rank)
    return tucker_model.fit_model(X, y, layout, FitSettings(core=core, max_iterations=15))


@pytest.mark.parametrize("core", ["tucker", "cp"])
def test_each_places_season_is_carried_into_years_without_data(core):
    """The weather of those years (0.24) is unknown; without a season the error is that of the season, above 1."""
    X, f, y, new = seasonal()
    model = fitted(X[~new], y[~new], ("matern32", "matern12+harmonics(12,2)"), core)
    mean, variance = tucker_model.latent_moments(model, X[new])
    assert np.sqrt(np.mean((mean - f[new]) ** 2)) < 0.2
    assert (
        np.mean(abs(y[new] - mean) < 1.645 * np.sqrt(variance + model.scale**2 * model.posterior.noise_variance)) > 0.8
    )
    plain = fitted(X[~new], y[~new], ("matern32", "matern12"), core)
    assert np.sqrt(np.mean((tucker_model.latent_moments(plain, X[new])[0] - f[new]) ** 2)) > 0.5


def test_a_season_that_is_not_there_loses_its_amplitude():
    X, _, y, _ = seasonal(strength=0.0)
    model = fitted(X, y, ("matern32", "matern12+harmonics(12,2)"))
    strong = fitted(*seasonal()[::2], ("matern32", "matern12+harmonics(12,2)"))
    assert model.posterior.amplitude[1].max() < 0.25 * strong.posterior.amplitude[1].max()


def test_draws_have_the_moments_of_a_seasonal_prediction():
    X, _, y, new = seasonal()
    model = fitted(X[~new], y[~new], ("matern32", "matern12+harmonics(12,2)"))
    mean, variance = tucker_model.latent_moments(model, X[new][:6])
    draws = tucker_model.draws(model, X[new][:6], 3000, 1)
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 3000))
    np.testing.assert_allclose(draws.std(axis=0), np.sqrt(variance), rtol=0.15)


def test_the_season_alone_is_the_prediction_far_from_data():
    """Long after the last value nothing is left of the weather: f is its seasonal part."""
    X, _, y, new = seasonal()
    model = fitted(X[~new], y[~new], ("matern32", "matern12+harmonics(12,2)"))
    far = X[new][:12] + np.array([0.0, 1200.0])
    np.testing.assert_allclose(
        tucker_model.latent_moments(model, far)[0], tucker_model.latent_moments(model, far, season=True)[0], atol=0.02
    )


@pytest.mark.parametrize(("path", "chosen"), [("rough", "matern12"), ("smooth", "matern52")])
def test_the_kernel_is_chosen_by_the_bound(path, chosen):
    """An Ornstein-Uhlenbeck path is a Matern-1/2; a sum of a few waves is smoother than any of the three."""
    rng = np.random.default_rng(0)
    x, rough = np.arange(150.0), rng.normal(size=150)
    for i in range(1, 150):
        rough[i] = 0.9 * rough[i - 1] + np.sqrt(1 - 0.9**2) * rough[i]
    f = rough if path == "rough" else np.sin(x / 15) + np.cos(x / 9)
    place, time = np.meshgrid(np.linspace(0, 1, 10), x)
    y = ((1 + place) * f[:, None]).ravel() + 0.2 * rng.normal(size=place.size)
    model = fitted(np.c_[place.ravel(), time.ravel()], y, ("matern32", "auto"), rank=1)
    assert model.layout.kernels[1] == chosen


@pytest.mark.parametrize("kernel", ["matern12+harmonics(-3)", "matern12+harmonics(12,0)", "matern12+harmonics(a)"])
def test_malformed_seasons_are_named(kernel):
    with pytest.raises(ValueError, match=r"write harmonics\(PERIOD, 2\)"):
        harmonics.separate(kernel)
    with pytest.raises(ValueError, match="need a learned part"):
        harmonics.separate("harmonics(12)")
