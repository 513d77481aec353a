"""Maps, series, means and tables of stations: each against what a person would compute by hand."""

import numpy as np
import pytest
import xarray as xr

import polyadic
from polyadic.core import config as configs
from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions
from polyadic.methods.funbat.averages import averages
from polyadic.methods.funbat.fit import FitConfig, fit
from polyadic.methods.funbat.hyperparameters import table
from polyadic.methods.funbat.map import MapConfig
from polyadic.methods.funbat.map import map as draw_map
from polyadic.methods.funbat.means import MeansConfig, means
from polyadic.methods.funbat.posterior import from_tree
from polyadic.methods.funbat.query import moments
from polyadic.methods.funbat.series import SeriesConfig, series
from polyadic.methods.funbat.stations import StationsConfig, stations


@pytest.fixture(scope="module")
def rows() -> xr.Dataset:
    return kind.example()


@pytest.fixture(scope="module")
def posterior(rows) -> xr.DataTree:
    return fit(FitConfig(rank=1, max_iterations=5, residual="local"), observations=rows)


def mapped(posterior, rows, grid=None, **settings) -> xr.Dataset:
    cfg = configs.build(MapConfig, settings, "funbat.map")
    return draw_map(cfg, posterior=posterior, observations=rows, grid=grid)


def cells(elevation: np.ndarray) -> xr.Dataset:
    """Return a grid of 3 x 4 cells as rows of kind observations."""
    y, x = np.meshgrid([38.0, 39.0, 40.0], [-108.0, -107.0, -106.0, -105.0], indexing="ij")
    return kind.dataset(
        {"elevation": (elevation, kind.KNOWN["elevation"])},
        {"latitude": (y.ravel(), {}), "longitude": (x.ravel(), {})},
    )


def test_every_cell_of_a_map_is_the_prediction_at_its_place(posterior, rows):
    elevation = np.linspace(1200.0, 3000.0, 12)
    out = mapped(posterior, rows, cells(elevation), times=["2001-07-01"])
    model, columns = from_tree(posterior)
    assert columns.names == ("latitude", "longitude", "time", "elevation")
    day = (np.datetime64("2001-07-01") - np.datetime64("1970-01-01")).astype(float)
    y, x = np.meshgrid(out["latitude"], out["longitude"], indexing="ij")
    mean, error = moments(model, np.stack([y.ravel(), x.ravel(), np.full(12, day), elevation], axis=1))
    np.testing.assert_allclose(out["temperature"][0].to_numpy().ravel(), mean, rtol=1e-12)
    np.testing.assert_allclose(out["temperature_standard_error"][0].to_numpy().ravel(), error, rtol=1e-9)


def test_cells_without_a_covariate_stay_empty(posterior, rows):
    elevation = np.where(np.arange(12) == 5, np.nan, 2000.0)
    empty = np.isnan(mapped(posterior, rows, cells(elevation), slices=1)["temperature"][0].to_numpy().ravel())
    assert np.flatnonzero(empty).tolist() == [5]


def test_covariates_are_interpolated_from_the_measured_places_with_a_warning(posterior, rows, capsys):
    out = mapped(posterior, rows, cells=5)
    assert "elevation of the cells is interpolated" in capsys.readouterr().err
    assert "inverse squared distance" in out.attrs["comment"]
    assert out.sizes["time"] == 4
    assert max(out.sizes["latitude"], out.sizes["longitude"]) == 6


def test_a_map_has_the_same_bytes_on_one_thread_and_two(posterior, rows, tmp_path, monkeypatch):
    monkeypatch.setattr("polyadic.methods.funbat.map._CELLS", 12)  # several tiles
    for threads in ("1", "2"):
        monkeypatch.setenv("POLYADIC_THREADS", threads)
        io.write(mapped(posterior, rows, cells=9), tmp_path / f"{threads}.nc")
    assert (tmp_path / "1.nc").read_bytes() == (tmp_path / "2.nc").read_bytes()


def test_a_step_is_the_same_distance_north_and_east(posterior, rows):
    out = mapped(posterior, rows, cells=30)
    north, east = (float(np.diff(out[axis])[0]) for axis in ("latitude", "longitude"))
    assert east * np.cos(np.radians(float(out["latitude"].mean()))) == pytest.approx(north, rel=0.01)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"axes": ["depth"]}, "'depth', which is no index"),
        ({"bounds": {"latitude": [41, 37]}}, "must ascend"),
        ({"bounds": {"latitud": [37, 41]}}, "did you mean 'latitude'"),
        ({"step": {"latitude": 1e-6}}, "accepted are 20000"),
        ({"times": ["July"]}, "dates such as 1997-07-01, found 'July'"),
        ({"step": {"latitude": 0}}, "'step' is positive"),
    ],
)
def test_impossible_maps_are_refused(posterior, rows, settings, text):
    with pytest.raises(InputError, match=text):
        mapped(posterior, rows, **settings)


def test_a_series_at_a_station_passes_its_measurements(posterior, rows):
    cfg = configs.build(SeriesConfig, {"stations": 2}, "funbat.series")
    out = series(cfg, posterior=posterior, observations=rows)
    assert out["distance"].to_numpy().tolist() == [0.0, 0.0]
    train = kind.where_split(rows, "train")
    own = train["station"].to_numpy()[train["station_index"].to_numpy()] == str(out["place"][0].to_numpy())
    measured = out["temperature_measured"][0].to_numpy()
    np.testing.assert_array_equal(measured[np.isfinite(measured)], train["temperature"].to_numpy()[own])
    wrong = np.abs(out["temperature"][0] - measured) / out["temperature_spread"][0]
    assert float(wrong.max()) < 5
    assert (out["temperature_spread"] > out["temperature_standard_error"]).all()


def test_a_place_without_a_coordinate_is_named(posterior, rows):
    cfg = configs.build(SeriesConfig, {"places": {"Boulder": {"latitude": 40.0}}}, "funbat.series")
    with pytest.raises(InputError, match="place 'Boulder' has no 'longitude'"):
        series(cfg, posterior=posterior, observations=rows)


def test_anomalies_of_the_reference_itself_are_nothing(posterior, rows):
    settings = {"period": "all", "start": "2000-01-01", "reference": ["2000-01-01", "2001-12-31"], "cells": 2}
    cfg = configs.build(MeansConfig, {**settings, "draws": 20}, "funbat.means")
    out = means(cfg, posterior=posterior, observations=rows)
    np.testing.assert_allclose(out["temperature"], 0.0, atol=1e-8)
    np.testing.assert_allclose(out["temperature_standard_error"], 0.0, atol=1e-8)


class Shared:
    """A field whose rows share one error: it does not average out."""

    def sample(self, X, n, seed):
        rng = np.random.default_rng(seed)
        return np.asarray(X)[:, 0] + 2.0 * rng.normal(size=(n, 1))


def test_errors_that_rows_share_do_not_average_out():
    X = np.arange(100.0)[:, None]
    found = averages(Shared(), X, groups=X[:, 0] >= 50, weights=np.ones(100), n=4000)
    np.testing.assert_allclose(found.standard_error, 2.0, rtol=0.05)
    np.testing.assert_allclose(found.upper - found.lower, 2 * 1.645 * 2.0, rtol=0.08)
    np.testing.assert_allclose(found.draws[:, 1] - found.draws[:, 0], 50.0)


def test_averages_refuse_what_has_no_mean():
    with pytest.raises(ValueError, match="groups: found shape"):
        averages(Shared(), np.zeros((3, 1)), groups=[0, 1])
    with pytest.raises(ValueError, match="are all zero"):
        averages(Shared(), np.zeros((2, 1)), weights=[0.0, 0.0])


def planted(seed: int, n: int = 300):
    """Return rows, values and the noise-free field: a product and two main effects, with 0.3 noise."""
    rng = np.random.default_rng(seed)
    waves = [(rng.normal(0, 0.5, (60, 1)), rng.uniform(0, 2 * np.pi, 60)) for _ in range(4)]

    def function(number: int, x: np.ndarray) -> np.ndarray:
        wave, phase = waves[number]
        return np.sqrt(2 / 60) * np.cos(x[:, None] * wave.T + phase).sum(axis=1)

    def field(X: np.ndarray) -> np.ndarray:
        x, t = X.T
        return function(0, x) * function(1, t) + 0.7 * function(2, x) + 0.7 * function(3, t)

    X = rng.uniform(0, 10, (n, 2))
    return X, field(X) + 0.3 * rng.normal(size=n), field


def test_bands_of_area_and_period_means_hold_on_planted_fields():
    """90 % bands hold 84 means at least 86 % of the time: they may be wide, they must not be too narrow.

    At 300 rows, where all parts of the field are found; see the notes of FunctionalTucker on parts that are not.
    """
    side = np.linspace(0, 10, 12)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    area = (grid[:, 0] // 3.4).astype(int) * 3 + (grid[:, 1] // 3.4).astype(int)
    inside = []
    for seed in range(7):
        X, y, field = planted(seed)
        model = polyadic.FunctionalTucker(rank=2, residual="none").fit(X, y)
        for groups in (area, area % 3):
            found = averages(model, grid, groups, n=100, seed=seed)
            truth = np.array([field(grid)[groups == g].mean() for g in found.groups])
            inside += ((found.lower <= truth) & (truth <= found.upper)).tolist()
    assert len(inside) == 84
    assert np.mean(inside) >= 0.86


def test_lengths_along_degrees_are_told_in_km(rows):
    modes = {"latitude": ("latitude",), "longitude": ("longitude",), "time": ("time",)}
    cfg = FitConfig(rank=1, max_iterations=2, residual="none", covariates=(), modes=modes)
    tree = fit(cfg, observations=rows)
    learned = tree["hyperparameters"].to_dataset(inherit=False)
    xr.testing.assert_identical(learned, table(tree.to_dataset()))
    for axis, stretch in (("latitude", 1.0), ("longitude", np.cos(np.radians(float(tree["latitude"].mean()))))):
        chosen = (learned["of"] == axis) & (learned["parameter"] == "length scale")
        strongest = int(np.nanargmax(tree[f"relevance_{axis}"]))
        degrees = float(tree[f"length_{axis}"][strongest])
        assert learned["unit"].to_numpy()[chosen.to_numpy()][0] == "km"
        assert float(learned["value"].to_numpy()[chosen.to_numpy()][0]) == pytest.approx(degrees * 111.2 * stretch)


def test_scores_of_a_station_are_those_of_its_rows(rows):
    predicted = predictions.example()
    out = stations(StationsConfig(), predictions=predicted, observations=rows)
    test = np.flatnonzero(predicted["split"].to_numpy() == 2)
    error = (predictions.mean(predicted)[0] - predicted["temperature"]).to_numpy()[test]
    names = rows["station"].to_numpy()[predicted["station_index"].to_numpy()[test]]
    for name in out["station"].to_numpy():
        own = error[names == name]
        one = out.sel(station=name)
        assert float(one["rmse"]) == pytest.approx(np.sqrt(np.mean(own**2)))
        assert float(one["bias"]) == pytest.approx(own.mean())
        assert int(one["rows"]) == own.size
    assert (out["distance"] > 0).all()  # to another station, though its own other rows are in training
