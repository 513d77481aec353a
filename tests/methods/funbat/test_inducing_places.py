"""Every product of a model whose places are more than are solved densely, from its file."""

import numpy as np
import pytest
import xarray as xr

from polyadic.core import io
from polyadic.kernels import inducing_process, local_tucker, mode_process, tucker_layout, tucker_model
from polyadic.kernels.inducing_prediction import InducingPosterior
from polyadic.kinds import observations as kind
from polyadic.methods.funbat.fit import FitConfig, fit
from polyadic.methods.funbat.map import MapConfig
from polyadic.methods.funbat.map import map as draw_map
from polyadic.methods.funbat.means import MeansConfig, means
from polyadic.methods.funbat.posterior import from_tree
from polyadic.methods.funbat.predict import PredictConfig, predict
from polyadic.methods.funbat.stations import StationsConfig, stations


@pytest.fixture(scope="module")
def rows() -> xr.Dataset:
    return kind.example()


@pytest.fixture(scope="module")
def posterior(rows) -> xr.DataTree:
    """Places, with elevation, by 6 inducing places."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mode_process, "LARGEST_DENSE", 3)
        patch.setattr(inducing_process, "COARSE", 4)
        return fit(FitConfig(rank=2, max_iterations=5, residual="none", inducing_places=6), observations=rows)


def test_a_file_holds_the_whole_model(posterior, tmp_path):
    model, _ = from_tree(posterior)
    state = model.tucker.posterior.modes[0]
    assert isinstance(state, InducingPosterior)
    assert state.chosen.size == 6 < state.points.coordinates.shape[0]
    io.write(posterior, tmp_path / "posterior.nc")
    again, _ = from_tree(io.read(tmp_path / "posterior.nc", groups=True))
    X = np.r_[np.c_[state.points.coordinates[:4], np.full(4, 11500.0), state.points.covariates[:4]]]
    X = np.r_[X, X + np.array([0.1, 0.1, 3.0, 10.0])]
    for part in (local_tucker.new_moments, lambda m, at: local_tucker.draws(m, at, 3, 0)):
        np.testing.assert_array_equal(part(model, X), part(again, X))


def test_factors_are_stored_at_every_place(posterior):
    model, _ = from_tree(posterior)
    D = model.tucker.posterior.modes[0].points.coordinates.shape[0]
    assert posterior["factor_place"].sizes["place"] == D
    assert (posterior["factor_place_variance"].to_numpy() >= 0).all()


def test_maps_stations_and_means_follow(posterior, rows):
    out = draw_map(MapConfig(cells=4, slices=1), posterior=posterior, observations=rows)
    assert np.isfinite(out["temperature"]).all()
    assert (out["temperature_standard_error"] > 0).all()
    found = predict(PredictConfig(), posterior=posterior, observations=rows)
    scores = stations(StationsConfig(), predictions=found, observations=rows)
    assert np.isfinite(scores["rmse"]).all()
    cfg = MeansConfig(regions={"west": (37.0, 41.0, -109.0, -104.0)}, cells=3, draws=20)
    region = means(cfg, posterior=posterior, observations=rows)
    assert (region["temperature_standard_error"] > 0).all()


@pytest.mark.parametrize("size", [0.0, 0.5])
def test_standard_errors_at_new_places_hold_with_and_without_effects_of_single_places(monkeypatch, size):
    """Places depart from a smooth field by a standard deviation of 0.5, or not at all: then no band is widened."""
    monkeypatch.setattr(mode_process, "LARGEST_DENSE", 3)
    rng = np.random.default_rng(0)
    places, time = rng.uniform(-10, 10, (500, 2)), np.arange(8.0)
    u = np.sin(places[:, 0] / 4) * np.cos(places[:, 1] / 5) + size * rng.normal(size=500)
    f = (u[:, None] * (1 + 0.5 * np.sin(time))).ravel()
    X = np.c_[np.repeat(places, 8, axis=0), np.tile(time, 500)]
    layout = tucker_layout.layout_of(X, ((0, 1), (2,)), (), ("plane matern52", "matern32"), 1)
    known = slice(0, 2400)
    settings = tucker_model.FitSettings(inducing=60)
    model = tucker_model.fit_model(X[known], f[known] + 0.3 * rng.normal(size=2400), layout, settings)
    mean, variance = tucker_model.latent_moments(model, X[2400:])
    assert 0.6 < np.mean((mean - f[2400:]) ** 2) / variance.mean() < 1.6
