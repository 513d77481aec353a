"""The variational Tucker model: planted truth, a bound that never falls, invariances."""

import numpy as np
import pytest

from polyadic.kernels import (
    dense_process,
    functional_tucker,
    scale_mixture,
    tucker_entries,
    tucker_layout,
    tucker_model,
    tucker_noise,
)


def planted(seed=0, n=240, noise=0.05, interaction=0.15):
    """A surface of two functions a mode with main effects, on scattered points of a fine grid, and its truth."""
    rng = np.random.default_rng(seed)
    X = np.rint(4 * rng.uniform(0, 10, (n, 3))) / 4
    a, b, c = X.T
    f = 1 + np.sin(a) + 0.5 * np.cos(0.7 * b) + np.sin(a) * np.cos(0.5 * c) + interaction * (a - 5) * np.sin(b)
    return X, f + noise * rng.normal(size=n), f


def fitted(X, y, rank=2, kernels="auto", tolerance=1e-3, **settings):
    layout = tucker_layout.layout_of(X, None, (), kernels, rank)
    return tucker_model.fit_model(X, y, layout, tucker_model.FitSettings(tolerance=tolerance, **settings))


def test_planted_surface_is_recovered_below_the_noise():
    """Error below the noise, noise within 15 %, and 90 % bands of the surface near that."""
    X, y, f = planted(n=450)
    model = fitted(X[:330], y[:330])
    mean, variance = tucker_model.latent_moments(model, X[330:])
    assert np.sqrt(np.mean((mean - f[330:]) ** 2)) < 0.04
    assert model.scale * model.posterior.noise_variance**0.5 == pytest.approx(0.05, rel=0.15)
    assert 0.82 < np.mean(abs(mean - f[330:]) < 1.645 * np.sqrt(variance)) < 0.98


@pytest.mark.parametrize("seed", range(3))
def test_weak_interaction_survives(seed):
    """At a fifth of the strength the second function of b, rms 0.06, is pruned at first; its field is not noise."""
    X, y, f = planted(seed=seed, n=450, interaction=0.03)
    model = fitted(X, y)
    assert tucker_model.relevances(model)[1].min() > 1e-2
    assert model.scale * model.posterior.noise_variance**0.5 == pytest.approx(0.05, rel=0.15)
    assert np.sqrt(np.mean((tucker_model.latent_moments(model, X)[0] - f) ** 2)) < 0.02


@pytest.mark.parametrize("settings", [{}, {"noise": "student"}, {"core": "cp"}, {"core": "cp", "noise": "student"}])
def test_bound_never_falls(settings):
    X, y, _ = planted(noise=0.3)
    bound = fitted(X, y, tolerance=0.0, max_iterations=10, **settings).posterior.bound
    assert np.diff(bound).min() > -1e-7 * abs(bound[-1])


def test_bound_stays_below_the_exact_evidence_of_a_one_mode_model():
    """With one mode, one function and the core, the evidence at the learned settings is a one-dimensional integral."""
    rng = np.random.default_rng(0)
    x = np.arange(12.0)[:, None]
    y = np.sin(x[:, 0]) + 0.1 * rng.normal(size=12)
    model = fitted(x, y, rank=1, kernels=("matern32",), tolerance=1e-10, max_iterations=200)
    state, post = model.posterior.modes[0], model.posterior
    variance, length = np.exp(state.log_parameters[0])
    d = np.sqrt(3) * abs(x - x.T) / length
    K, z = variance * (1 + d) * np.exp(-d), (y - model.centre) / model.scale
    weights = np.linspace(-6, 6, 2001)
    logs = []
    for w in weights:
        C = w**2 * K + np.ones((12, 12)) + post.noise_variance * np.eye(12)
        logs.append(-0.5 * (z @ np.linalg.solve(C, z) + np.linalg.slogdet(2 * np.pi * C)[1] + w**2 + np.log(2 * np.pi)))
    evidence = np.logaddexp.reduce(logs) + np.log(weights[1] - weights[0])
    assert evidence - 3 < post.bound[-1] < evidence


def test_useless_functions_are_pruned():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, (300, 2)) / 50
    y = np.sin(6 * X[:, 0]) * np.cos(4 * X[:, 1]) + 0.05 * rng.normal(size=300)
    found = tucker_model.relevances(fitted(X, y, rank=3))
    assert [int((strength > 1e-3).sum()) for strength in found] == [1, 1]


def test_functions_that_are_not_there_are_looked_for_once(monkeypatch):
    """One product, rank 3 offered: new functions in the empty slots are pruned within three sweeps, and given up."""
    asked = []

    def watched(form, priors, table, start, options, new):
        asked.append(functional_tucker.attempt(form, priors, table, start, options, new))
        return asked[-1]

    monkeypatch.setattr(tucker_model, "attempt", watched)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, (900, 2)) / 3.0
    fitted(X, np.sin(X[:, 0]) * np.cos(X[:, 1]) + 0.2 * rng.normal(size=900), rank=3)
    assert asked == [None]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("true", ["matern12", "matern52"])
def test_roughness_is_told_from_noise_with_one_value_an_index(true, seed):
    """300 values at as many times: within two nats of the better of the fits with a rough and with a smooth kernel."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, 100, (300, 1)), axis=0)
    K = dense_process.matern(true, abs(t - t.T), 5.0)[0] + 1e-9 * np.eye(300)
    y = np.linalg.cholesky(K) @ rng.normal(size=300) + 0.2 * rng.normal(size=300)
    single = [fitted(t, y, 1, (kernel,)).posterior.bound[-1] for kernel in ("matern12", "matern52")]
    assert abs(single[0] - single[1]) > 4
    assert fitted(t, y, 1).posterior.bound[-1] > max(single) - 2


def test_order_of_rows_does_not_matter():
    X, y, _ = planted()
    rows, new = np.random.default_rng(1).permutation(y.size), X[:20] + 0.03
    plain = tucker_model.latent_moments(fitted(X, y, max_iterations=8), new)
    shuffled = tucker_model.latent_moments(fitted(X[rows], y[rows], max_iterations=8), new)
    np.testing.assert_allclose(plain, shuffled, rtol=1e-5, atol=1e-7)


def test_order_of_modes_does_not_matter_once_settled():
    X, y, _ = planted()
    new = X[:20] + 0.03
    settled = tucker_model.latent_moments(fitted(X, y, tolerance=1e-4), new)
    turned = tucker_model.latent_moments(fitted(X[:, [2, 0, 1]], y, tolerance=1e-4), new[:, [2, 0, 1]])
    np.testing.assert_allclose(settled[0], turned[0], atol=0.03)


def test_shift_and_unit_of_y_change_predictions_alike():
    X, y, _ = planted()
    plain = tucker_model.latent_moments(fitted(X, y, max_iterations=6), X)
    scaled = tucker_model.latent_moments(fitted(X, 100 * y - 7, max_iterations=6), X)
    np.testing.assert_allclose(scaled[0], 100 * plain[0] - 7, rtol=1e-5)
    np.testing.assert_allclose(scaled[1], 1e4 * plain[1], rtol=1e-3)


def test_same_seed_gives_the_same_bytes():
    X, y, _ = planted(n=150)
    a, b = (fitted(X, y, seed=3, max_iterations=3) for _ in range(2))
    assert a.posterior.core.mean.tobytes() == b.posterior.core.mean.tobytes()


def test_entries_are_sorted_as_a_stable_sort_does():
    index = np.random.default_rng(0).integers(0, 7, (200, 3)).astype(np.int32)
    for mode, entries in enumerate(tucker_entries.sort_entries(index, (7, 9, 7))):
        order = np.argsort(index[:, mode], kind="stable")
        np.testing.assert_array_equal(entries.order, order)
        np.testing.assert_array_equal(entries.others, np.delete(index[order], mode, axis=1))
        np.testing.assert_array_equal(np.diff(entries.start), np.bincount(index[:, mode], minlength=(7, 9, 7)[mode]))


def test_sums_in_chunks_equal_sums_at_once(monkeypatch):
    X, y, _ = planted()
    whole = tucker_model.latent_moments(fitted(X, y, max_iterations=4), X)
    monkeypatch.setattr(tucker_entries, "CHUNK", 900)
    parts = tucker_model.latent_moments(fitted(X, y, max_iterations=4), X)
    np.testing.assert_allclose(whole, parts, rtol=1e-6, atol=1e-9)


def test_noise_free_surface_is_fitted_to_rounding():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 40, (700, 2)) / 40
    y = np.sin(6 * X[:, 0]) * np.exp(X[:, 1])
    model = fitted(X[:600], y[:600], rank=1)
    assert abs(tucker_model.latent_moments(model, X[600:])[0] - y[600:]).max() < 1e-3


def test_student_noise_shrugs_off_outliers():
    X, y, f = planted(n=400)
    y[::10] += 5 * np.random.default_rng(2).standard_normal(40)
    errors = {}
    for noise in ("gaussian", "student"):
        mean, _ = tucker_model.latent_moments(fitted(X, y, noise=noise), X)
        errors[noise] = np.sqrt(np.mean((mean - f) ** 2))
    assert errors["student"] < 0.5 * errors["gaussian"]


def test_linear_drift_recovers_its_slope():
    X, y, _ = planted(n=360)
    z = np.random.default_rng(5).normal(size=y.size)
    table = np.c_[X, z]
    layout = tucker_layout.layout_of(table, None, (3,), "auto", 2)
    assert layout.drift == (3,)
    model = tucker_model.fit_model(table, y + 2 * z, layout)
    slope = model.scale * model.posterior.drift_mean[0] / model.drift_scale[0]
    assert slope == pytest.approx(2, abs=0.02)


def test_a_covariate_belongs_to_the_coarsest_mode_it_is_a_function_of():
    """Elevation is a function of place, and of times that never repeat; only the place may own it."""
    place, time = np.tile(np.arange(5.0), 8), np.arange(40.0)
    table = np.c_[time, place, place**2]
    assert tucker_layout.layout_of(table, None, (2,), "auto", 1).covariates == ((), (2,))
    assert tucker_layout.layout_of(table[:, [0, 2]], None, (1,), "auto", 1).drift == (1,)


def test_student_quantiles_are_those_of_the_t_distribution():
    """t with 4 degrees of freedom: 0.95 quantile 2.132 (Abramowitz & Stegun 26.10)."""
    scales = tucker_noise.mixture_scales(4.0, 32)
    student = scale_mixture.of_shape(np.zeros(1), np.ones(1), scale_mixture.Shape(np.full(32, 1 / 32), scales))
    found = scale_mixture.quantiles(student, np.array([0.95]))
    assert found[0, 0] == pytest.approx(2.132, abs=0.03)


def test_student_fit_recovers_scale_and_degrees():
    square = (0.3 * np.random.default_rng(0).standard_t(4, 40000)) ** 2
    variance, degrees, weight, _ = tucker_noise.fit_student(square, 1.0, np.inf)
    assert variance**0.5 == pytest.approx(0.3, rel=0.03)
    assert degrees == pytest.approx(4, rel=0.1)
    assert weight.max() <= (degrees + 1) / degrees + 1e-12
