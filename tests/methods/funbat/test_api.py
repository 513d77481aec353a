"""The estimator: planted fields, joint draws, Colorado, error texts, scikit-learn manners."""

from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_info, threadpool_limits

from polyadic.kernels import local_tucker
from polyadic.methods.funbat.api import FunctionalTucker

DATA = Path(__file__).parents[3] / "data" / "colorado_tmax.nc"


def field(n=800, seed=0):
    rng = np.random.default_rng(seed)
    X = np.c_[rng.uniform(0, 10, n).round(1), rng.uniform(0, 5, n).round(1)]
    f = 3 + np.sin(X[:, 0]) * (1 + 0.5 * np.cos(X[:, 1])) + 0.3 * X[:, 1]
    return X, f, f + 0.2 * rng.normal(size=n)


@pytest.fixture(scope="module")
def model():
    X, _, y = field()
    return FunctionalTucker(rank=2).fit(X, y)


@pytest.fixture(scope="module")
def colorado():
    """Observed (station, month) rows of every third station from 1978 on: latitude, longitude, elevation, month."""
    data = xr.open_dataset(DATA).isel(station=slice(None, None, 3)).sel(time=slice("1978", None))
    t, s = np.nonzero(np.isfinite(data.tmax.values))
    X = np.c_[data.lat.values[s], data.lon.values[s], data.elev.values[s], t]
    return X, data.tmax.values[t, s], s


def blas_threads():
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def test_every_call_holds_blas_at_one_thread_and_gives_it_back(monkeypatch):
    """Sums of several threads differ in the last bits, and small products are slower with them."""
    X, _, y = field(60)
    seen = {}

    def watched(name, plain):
        def call(*args):
            seen[name] = blas_threads()
            return plain(*args)

        return call

    for name in ("fit", "predictive_mean", "predictive_quantiles", "draws", "log_density"):
        monkeypatch.setattr(local_tucker, name, watched(name, getattr(local_tucker, name)))
    with threadpool_limits(2):
        model = FunctionalTucker(rank=1, residual="none").fit(X, y)
        model.predict(X), model.predict_quantiles(X, 0.5), model.sample(X), model.log_density(X, y)
        assert blas_threads() == 2
    assert set(seen.values()) == {1}
    assert len(seen) == 5


def test_bands_cover_new_values_as_they_say(model):
    X, _, y = field(seed=9)
    bands = model.predict_quantiles(X, [0.05, 0.95])
    assert np.mean((y >= bands[:, 0]) & (y <= bands[:, 1])) == pytest.approx(0.9, abs=0.04)
    mean, deviation = model.predict(X, return_std=True)
    np.testing.assert_allclose(bands.mean(axis=1), mean)
    assert np.std((y - mean) / deviation) == pytest.approx(1, abs=0.1)


def test_draws_from_few_rows_are_as_wide_as_predictions_say():
    """Draws of the core given the functions alone hold three quarters of the variance here."""
    X, _, y = field(80)
    few = FunctionalTucker(rank=2, residual="none").fit(X, y)
    new = field(150, 3)[0]
    deviation = few.predict(new, return_std=True)[1]
    drawn = few.sample(new, 400, seed=2).var(axis=0).mean()
    assert drawn == pytest.approx((deviation**2 - few.noise_scale_**2).mean(), rel=0.12)


def test_draws_have_the_predictive_moments_and_join_rows(model):
    X = np.array([[2.0, 1.0], [2.05, 1.0], [8.0, 4.0]])
    draws = model.sample(X, 3000, seed=1)
    assert draws.shape == (3000, 3)
    mean, deviation = model.predict(X, return_std=True)
    spread = np.sqrt(deviation**2 - model.noise_scale_**2)
    np.testing.assert_allclose(draws.mean(0), mean, atol=5 * spread.max() / 50)
    np.testing.assert_allclose(draws.std(0), spread, rtol=0.15)
    assert np.corrcoef(draws.T)[0, 1] > 0.95
    np.testing.assert_array_equal(draws, model.sample(X, 3000, seed=1))
    new = draws + model.noise_scale_ * np.random.default_rng(2).standard_normal(draws.shape)
    levels = [0.05, 0.5, 0.95]
    found = np.quantile(new, levels, axis=0).T
    np.testing.assert_allclose(found, model.predict_quantiles(X, levels), atol=0.1 * deviation.max())


def test_error_of_an_area_mean_is_covered_by_draws():
    """The mean over a grid of planted fields lies in its 90 % band; independent errors would make it far too narrow."""
    grid = np.stack(np.meshgrid(np.linspace(0, 10, 15), np.linspace(0, 5, 8)), axis=-1).reshape(-1, 2)
    truth = (3 + np.sin(grid[:, 0]) * (1 + 0.5 * np.cos(grid[:, 1])) + 0.3 * grid[:, 1]).mean()
    inside = []
    for seed in range(12):
        X, _, y = field(120, seed)
        model = FunctionalTucker(rank=2, residual="none", max_iterations=8).fit(X, y)
        means = model.sample(grid, 200, seed).mean(axis=1)
        inside.append(np.quantile(means, 0.05) <= truth <= np.quantile(means, 0.95))
    assert sum(inside) >= 8


def test_log_link_recovers_a_multiplicative_field():
    X, f, _ = field()
    y = np.exp(f + 0.2 * np.random.default_rng(3).normal(size=f.size))
    model = FunctionalTucker(rank=2, link="log").fit(X, y)
    assert model.noise_scale_ == pytest.approx(0.2, abs=0.03)
    middle = model.predict_quantiles(X, [0.5])[:, 0]
    assert np.sqrt(np.mean((np.log(middle) - f) ** 2)) < 0.08
    mean, deviation = model.predict(X, return_std=True)
    np.testing.assert_allclose(deviation / mean, np.sqrt(np.expm1(np.log(mean / middle) * 2)), rtol=1e-6)


def test_log_density_integrates_to_one():
    X, f, _ = field(300)
    y = np.exp(f + 0.2 * np.random.default_rng(3).standard_t(5, f.size))
    model = FunctionalTucker(rank=1, link="log", noise="student").fit(X, y)
    grid = np.exp(np.linspace(-4, 12, 4001))
    density = np.exp(model.log_density(np.tile(X[:1], (grid.size, 1)), grid))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)


def test_colorado_beats_station_climatology_by_far(colorado):
    X, y, _ = colorado
    test = np.random.default_rng(0).random(y.size) < 0.1
    model = FunctionalTucker(
        rank=6, residual="none", kernels=("sphere", "matern12"), modes=((0, 1), (3,)), covariates=(2,)
    )
    model.fit(X[~test], y[~test])
    error = np.sqrt(np.mean((model.predict(X[test]) - y[test]) ** 2))
    assert error < 1.15


def test_withheld_stations_use_elevation(colorado):
    X, y, station = colorado
    test = np.isin(station, np.random.default_rng(0).choice(station.max() + 1, 12, replace=False))
    common = {"rank": 4, "residual": "none", "kernels": ("sphere", "matern12"), "modes": ((0, 1), (3,))}
    high = FunctionalTucker(covariates=(2,), **common).fit(X[~test], y[~test])
    flat = FunctionalTucker(**common).fit(X[~test][:, [0, 1, 2, 3]], y[~test])
    errors = [np.sqrt(np.mean((m.predict(X[test]) - y[test]) ** 2)) for m in (high, flat)]
    assert errors[0] < 1.7
    assert errors[0] < 0.8 * errors[1]
    low, up = high.predict_quantiles(X[test], [0.05, 0.95]).T
    assert 0.8 < np.mean((y[test] >= low) & (y[test] <= up)) < 0.99


def test_a_seasonal_kernel_extrapolates_the_season():
    rng = np.random.default_rng(0)
    t, place = np.meshgrid(np.arange(72.0), np.arange(6.0))
    X = np.c_[place.ravel(), t.ravel()]
    f = (1 + 0.3 * X[:, 0]) * np.cos(2 * np.pi * X[:, 1] / 12) + X[:, 0]
    y = f + 0.1 * rng.normal(size=f.size)
    train = X[:, 1] < 60
    model = FunctionalTucker(rank=1, kernels=("independent", "periodic(12)+matern12")).fit(X[train], y[train])
    assert np.sqrt(np.mean((model.predict(X[~train]) - f[~train]) ** 2)) < 0.1


def walk(value):
    """Yield the leaves of nested dataclasses and tuples."""
    if is_dataclass(value):
        for item in fields(value):
            yield from walk(getattr(value, item.name))
    elif isinstance(value, tuple):
        for item in value:
            yield from walk(item)
    else:
        yield value


def test_fitted_state_is_arrays_numbers_and_names_alone(model):
    assert all(isinstance(leaf, np.ndarray | str | float | int | bool) for leaf in walk(model.model_))


def test_lengths_are_reported_in_units_of_the_columns(model):
    X, _, y = field()
    wide = FunctionalTucker(rank=2).fit(X * [1000, 1], y)
    ratio = wide.hyperparameters_[0]["length"] / model.hyperparameters_[0]["length"]
    np.testing.assert_allclose(ratio[model.relevance_[0] > 0.5], 1000, rtol=0.02)


def test_clone_keeps_settings_and_forgets_the_fit(model):
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    with pytest.raises(Exception, match="not fitted"):
        check_is_fitted(twin)


def test_a_generous_rank_costs_no_accuracy():
    X, _, y = field(300)
    new, f, _ = field(300, seed=9)
    errors = [np.sqrt(np.mean((FunctionalTucker(rank=r).fit(X, y).predict(new) - f) ** 2)) for r in (2, "auto")]
    assert errors[1] < 1.15 * errors[0]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kernels": ("matern32",)}, "2 modes need as many"),
        ({"kernels": ("rbf", "auto")}, "'rbf' is not known"),
        ({"rank": (2, 2, 2)}, "rank=\\(2, 2, 2\\): 2 modes"),
        ({"rank": 0}, "at least 1"),
        ({"rank": "many"}, "allowed are 'auto'"),
        ({"modes": ((0,), (0, 1))}, "may be used once"),
        ({"modes": ((0,), (7,))}, "columns of X \\(0 to 1\\)|column of X \\(0 to 1\\)"),
        ({"link": "logit"}, "allowed are identity, log"),
        ({"noise": "cauchy"}, "allowed are gaussian, student"),
        ({"core": "tensor train"}, "allowed are auto, tucker, cp"),
        ({"residual": "vecchia"}, "allowed are auto, none, local"),
        ({"core": "cp", "rank": (1, 2)}, "equal ranks"),
        ({"kernels": ("sphere", "auto")}, "two columns"),
    ],
)
def test_wrong_settings_are_named(settings, text):
    X, _, y = field(60)
    with pytest.raises(ValueError, match=text):
        FunctionalTucker(**settings).fit(X, y)


def test_log_link_counts_values_that_are_not_positive():
    X, _, _ = field(60)
    with pytest.raises(ValueError, match="2 of 60 values are <= 0"):
        FunctionalTucker(link="log").fit(X, np.r_[-1.0, 0.0, np.ones(58)])


def test_other_numbers_of_columns_and_levels_outside_are_refused(model):
    with pytest.raises(ValueError, match="X has 5 features, but FunctionalTucker is expecting 2 features"):
        model.predict(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        model.predict_quantiles(np.zeros((3, 2)), [0.5, 1.0])
