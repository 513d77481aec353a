"""The Tucker model beside a local process: planted fields with and without one, draws, state, error texts."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtri

from polyadic.kernels import local_tucker, tucker_layout
from polyadic.kernels.local_tucker import LocalTucker
from polyadic.kernels.tucker_model import FitSettings
from polyadic.methods.funbat import state


def field(local: float, count: int = 700, seed: int = 0):
    """Return rows, the planted rank-one field with a local field of standard deviation ``local``, and noisy values."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(0, 10, (count, 2)).round(1)
    smooth = np.sin(0.6 * X[:, 0]) * np.cos(0.4 * X[:, 1])
    waves, phases = rng.normal(0, 1.5, (300, 2)), rng.uniform(0, 2 * np.pi, 300)
    rough = np.sqrt(2 / 300) * np.cos(X @ waves.T + phases).sum(axis=1)
    f = smooth + local * rough
    return X, f, f + 0.1 * rng.normal(size=count)


def layout(X):
    return tucker_layout.layout_of(X, None, (), "auto", 1)


@pytest.fixture(scope="module")
def mixed():
    X, f, y = field(0.5)
    return local_tucker.fit(X[:550], y[:550], layout(X)), X, f, y


def test_white_noise_keeps_the_tucker_model_alone_with_calibrated_bands():
    X, f, y = field(0.0)
    model = local_tucker.fit(X[:550], y[:550], layout(X))
    assert model.residual is None
    mean, deviation = local_tucker.predictive_mean(model, X[550:])
    assert np.sqrt(np.mean((mean - f[550:]) ** 2)) < 0.05
    assert np.mean(np.abs(y[550:] - mean) < ndtri(0.95) * deviation) == pytest.approx(0.9, abs=0.08)


def test_a_local_field_is_found_and_beats_either_part_alone(mixed):
    model, X, _, y = mixed
    assert model.gain > 0.1
    errors = {
        part: np.sqrt(np.mean((local_tucker.predictive_mean(model, X[550:], part)[0] - y[550:]) ** 2))
        for part in ("both", "tucker_alone", "local_alone")
    }
    assert errors["both"] < 0.6 * errors["tucker_alone"]
    assert errors["both"] < 1.02 * errors["local_alone"]
    bands = local_tucker.predictive_quantiles(model, X[550:], np.array([0.05, 0.95]))
    assert np.mean((y[550:] > bands[:, 0]) & (y[550:] < bands[:, 1])) == pytest.approx(0.9, abs=0.08)


def test_draws_have_the_moments_of_the_prediction_without_noise(mixed):
    model, X, _, _ = mixed
    draws = local_tucker.draws(model, X[550:556], 3000, 1)
    mean, variance = local_tucker.new_moments(model, X[550:556])
    spread = np.sqrt(variance - local_tucker.noise_variance(model))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * spread.max() / 50)
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.15)


def test_log_link_has_lognormal_quantiles_and_a_density_of_mass_one():
    X, _, y = field(0.5, 300)
    model = local_tucker.fit(X, np.exp(y), layout(X), FitSettings(link="log"), "local")
    middle = local_tucker.predictive_quantiles(model, X[:3], np.array([0.5]))[:, 0]
    np.testing.assert_allclose(np.log(middle), local_tucker.new_moments(model, X[:3])[0])
    grid = np.exp(np.linspace(-8, 8, 4001))
    density = np.exp(local_tucker.log_density(model, np.tile(X[:1], (grid.size, 1)), grid))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)


def test_state_comes_back_from_a_file_bit_for_bit(mixed, tmp_path):
    model, X, _, _ = mixed
    state.to_dataset(model).to_netcdf(tmp_path / "state.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "state.nc", engine="h5netcdf") as stored:
        back = state.from_dataset(stored.load())
    np.testing.assert_array_equal(
        local_tucker.predictive_mean(back, X[550:]), local_tucker.predictive_mean(model, X[550:])
    )


@pytest.fixture(scope="module")
def stations():
    """Return a model of 40 stations with seasons and shared months over four years, and 10 stations withheld."""
    rng = np.random.default_rng(5)
    where = rng.uniform([37, -109, 1], [41, -102, 3.5], (50, 3))
    place, month = np.divmod(np.arange(50 * 48), 48)
    X = np.column_stack([where[place], month.astype(float)])
    level, height = 20 - 6 * where[:, 2] + 0.5 * rng.normal(size=50), 9 - where[:, 2] + 0.3 * rng.normal(size=50)
    y = level[place] - height[place] * np.cos(2 * np.pi * month / 12) + 1.5 * rng.normal(size=48)[month]
    y += 0.4 * rng.normal(size=X.shape[0])
    names = ("sphere auto", "auto+harmonics(12,1)")
    layout = tucker_layout.layout_of(X, ((0, 1), (3,)), (2,), names, 2)
    known = place < 40
    return local_tucker.fit(X[known], y[known], layout, residual="local"), X[~known], y[~known], X[known]


def test_new_stations_are_predicted_by_kriged_normals_and_single_times(stations):
    model, X, y, known = stations
    mean, variance = local_tucker.new_moments(model, X)
    error = np.abs(mean - y)
    assert np.sqrt(np.mean(error**2)) < 1.3 * np.sqrt(0.5**2 + 0.3**2 / 2 + 0.4**2 + 0.1)
    assert np.mean(error < ndtri(0.95) * np.sqrt(variance)) == pytest.approx(0.9, abs=0.1)
    assert variance.mean() > 1.3 * local_tucker.new_moments(model, known)[1].mean()


def test_draws_at_new_stations_have_the_moments_of_the_prediction_without_noise(stations):
    model, X, _, _ = stations
    draws = local_tucker.draws(model, X[:96:16], 2000, 1)
    mean, variance = local_tucker.new_moments(model, X[:96:16])
    spread = np.sqrt(variance - local_tucker.noise_variance(model))
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=5 * spread.max() / 2000**0.5)
    np.testing.assert_allclose(draws.std(axis=0), spread, rtol=0.1)


def test_normals_come_back_from_a_file_bit_for_bit_and_older_files_are_read(stations):
    model, X, _, _ = stations
    stored = state.to_dataset(model)
    np.testing.assert_array_equal(
        local_tucker.new_moments(state.from_dataset(stored), X), local_tucker.new_moments(model, X)
    )
    structure = json.loads(stored.attrs["structure"])
    for name in ("normals", "anomalies", "elsewhere", "shape"):
        del structure["fields"][name]
    stored.attrs["structure"] = json.dumps(structure)
    before = state.from_dataset(stored)
    assert before.normals is None
    assert np.isfinite(local_tucker.new_moments(before, X)).all()


def test_few_rows_and_student_noise_keep_the_tucker_model_alone():
    X, _, y = field(0.5, 60)
    few = local_tucker.fit(X[:40], y[:40], layout(X))
    student = local_tucker.fit(X, y, layout(X), FitSettings(noise="student"))
    assert few.residual is None
    assert student.residual is None


def test_wrong_settings_are_named(mixed):
    X, _, y = field(0.5, 60)
    with pytest.raises(ValueError, match="allowed are auto, none, local"):
        local_tucker.fit(X, y, layout(X), residual="vecchia")
    with pytest.raises(ValueError, match="needs noise='gaussian'"):
        local_tucker.fit(X, y, layout(X), FitSettings(noise="student"), "local")
    with pytest.raises(ValueError, match="no local process"):
        local_tucker.new_moments(LocalTucker(mixed[0].tucker), X, "sum")
