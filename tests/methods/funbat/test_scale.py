"""Tables of many rows: streamed predictions and figures of samples equal those that hold everything at once."""

import dask.array
import numpy as np
import pytest
import xarray as xr

from polyadic.core import io, parallel
from polyadic.evaluation import reductions, scores
from polyadic.kernels import tucker_layout
from polyadic.kernels.tucker_layout import distinct_rows
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions as predictions_kind
from polyadic.methods.funbat.baselines import BaselinesConfig, baselines
from polyadic.methods.funbat.columns import columns_of
from polyadic.methods.funbat.evaluate import EvaluateConfig, evaluate
from polyadic.methods.funbat.fit import FitConfig, fit
from polyadic.methods.funbat.map import MapConfig
from polyadic.methods.funbat.map import map as draw_map
from polyadic.methods.funbat.predict import PredictConfig, predict
from polyadic.methods.funbat.split import SplitConfig, split
from polyadic.plotting import observations as observations_figures
from polyadic.plotting import predictions as predictions_figures
from polyadic.plotting import style


@pytest.fixture(scope="module")
def posterior() -> xr.DataTree:
    return fit(FitConfig(rank=1, max_iterations=3, residual="local"), observations=kind.example())


def test_predictions_in_chunks_have_the_bits_of_one_thread_and_two(posterior, tmp_path, monkeypatch):
    """And the values of a prediction at once, coordinates included."""
    at_once = predict(PredictConfig(rows="all"), observations=kind.example(), posterior=posterior)
    monkeypatch.setattr("polyadic.methods.funbat.predict.CHUNK", 50)
    for threads in ("1", "2"):
        monkeypatch.setenv("POLYADIC_THREADS", threads)
        chunked = predict(PredictConfig(rows="all"), observations=kind.example().chunk(obs=70), posterior=posterior)
        assert chunked["temperature_predicted"].chunks[1][:2] == (50, 50)
        io.write(chunked, tmp_path / f"{threads}.nc")
    assert (tmp_path / "1.nc").read_bytes() == (tmp_path / "2.nc").read_bytes()
    with io.read(tmp_path / "1.nc") as stored:
        assert set(stored.coords) == set(at_once.coords)
        for name in at_once.variables:
            if at_once[name].dtype.kind in "fi":
                np.testing.assert_allclose(stored[name].to_numpy(), at_once[name].to_numpy(), rtol=1e-10, err_msg=name)


def test_dask_workers_give_the_bytes_of_one_thread(posterior, tmp_path, monkeypatch):
    """Predictions and a map, by no scheduler, by one worker and by two."""
    from distributed import LocalCluster

    monkeypatch.setattr("polyadic.methods.funbat.predict.CHUNK", 50)
    monkeypatch.setattr("polyadic.methods.funbat.map._CELLS", 4)

    def products() -> list[bytes]:
        rows = kind.example().chunk(obs=70)
        for name, out in (
            ("predictions", predict(PredictConfig(rows="all"), observations=rows, posterior=posterior)),
            ("map", draw_map(MapConfig(cells=4, slices=2), observations=rows, posterior=posterior)),
        ):
            io.write(out, tmp_path / f"{name}.nc")
        return [(tmp_path / f"{name}.nc").read_bytes() for name in ("predictions", "map")]

    found = [products()]
    for workers in (1, 2):
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
        ) as cluster:
            monkeypatch.setenv("POLYADIC_SCHEDULER", cluster.scheduler_address)
            try:
                found.append(products())
            finally:
                parallel._connect(cluster.scheduler_address).close()
                parallel._connect.cache_clear()
        monkeypatch.delenv("POLYADIC_SCHEDULER")
    assert found[0] == found[1] == found[2]


def test_a_file_of_dask_chunks_keeps_its_coordinates_through_a_split(tmp_path):
    """Streamed coordinates are written apart from the rest: they must come back as coordinates."""
    chunked = kind.example().chunk(obs=100)
    io.write(split(SplitConfig(), observations=chunked), tmp_path / "split.nc")
    with io.read(tmp_path / "split.nc") as stored:
        assert {"latitude", "longitude", "time", "elevation", "split", "station_index"} <= set(stored.coords)
        kind.SCHEMA.check(stored)
    assert io.verify(tmp_path / "split.nc")


def test_a_missing_coordinate_is_named_before_anything_is_streamed(posterior):
    rows = kind.example().drop_vars("elevation")
    rows.attrs["covariates"] = "[]"
    with pytest.raises(ValueError, match="no coordinate 'elevation'"):
        predict(PredictConfig(), observations=rows, posterior=posterior)


def test_a_missing_value_of_a_covariate_is_named_while_streaming(posterior, monkeypatch, tmp_path):
    monkeypatch.setattr("polyadic.methods.funbat.predict.CHUNK", 50)
    rows = kind.example()
    rows["elevation"][120] = np.nan
    with pytest.raises(ValueError, match="'elevation' is missing in 1 of 50 rows"):
        io.write(predict(PredictConfig(rows="all"), observations=rows, posterior=posterior), tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_scores_in_chunks_are_those_of_the_whole_columns(monkeypatch):
    """Against sums over clusters written out, with two-way clusters whose pairs repeat."""
    rng = np.random.default_rng(0)
    truth, mean = rng.normal(size=(2, 700)) + 1e3
    station, time = rng.integers(0, 9, 700), rng.integers(0, 30, 700)
    monkeypatch.setattr(reductions, "CHUNK", 64)
    found = scores.score(truth, mean, np.full(700, 2.0), [station, time])["mae"]

    loss = np.abs(truth - mean)

    def variance(label):
        sums = [(loss - loss.mean())[label == one].sum() for one in np.unique(label)]
        return len(sums) / (len(sums) - 1) * np.sum(np.square(sums)) / 700**2

    both = variance(station) + variance(time) - variance(station * 100 + time)
    assert found.value == pytest.approx(loss.mean(), rel=1e-13)
    assert found.standard_error == pytest.approx(np.sqrt(max(both, variance(station), variance(time))), rel=1e-9)
    alone = scores.score(truth, mean, np.full(700, 2.0))["mae"].standard_error
    assert alone == pytest.approx(loss.std(ddof=1) / 700**0.5, rel=1e-12)


def test_scores_of_lazy_predictions_equal_those_of_loaded_ones():
    predicted = predictions_kind.example()
    lazy = evaluate(EvaluateConfig(), predictions=predicted.chunk(obs=20), baselines=predicted.chunk(obs=20))
    eager = evaluate(EvaluateConfig(), predictions=predicted, baselines=predicted)
    np.testing.assert_array_equal(lazy["value"], eager["value"])
    np.testing.assert_array_equal(lazy["standard_error"], eager["standard_error"])


@pytest.mark.parametrize("chunk", [2**18, 64])
def test_distinct_rows_are_those_of_a_sort(monkeypatch, chunk):
    monkeypatch.setattr(tucker_layout, "CHUNK", chunk)
    table = np.random.default_rng(0).integers(-3, 3, (500, 3)) / 4
    for columns in (1, 2, 3):
        found = distinct_rows(table[:, :columns])
        wanted = np.unique(table[:, :columns], axis=0, return_index=True, return_inverse=True)
        for mine, theirs in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(mine, theirs.reshape(mine.shape))


def test_rows_beyond_the_limit_of_the_local_process_get_none_and_the_log_says_so(capsys):
    posterior = fit(FitConfig(rank=1, max_iterations=2, residual_rows=100), observations=kind.example())
    assert "more than residual_rows" in capsys.readouterr().err
    assert "residual_variance" not in posterior.dataset


def test_baselines_learn_from_as_many_rows_as_the_limit_says(capsys):
    """The mean of ten drawn rows is one of ten values' means, not that of all; every withheld row is predicted."""
    rows = kind.example()
    few = baselines(BaselinesConfig(only=("mean",), most_rows=10), observations=rows)
    assert "learn from 10 of" in capsys.readouterr().err
    every = baselines(BaselinesConfig(only=("mean",)), observations=rows)
    assert few.sizes["obs"] == every.sizes["obs"]
    mean = float(every["temperature_predicted"][0, 0])
    train = kind.where_split(rows, "train")["temperature"]
    assert mean == pytest.approx(float(train.mean()))
    assert abs(float(few["temperature_predicted"][0, 0]) - mean) > 1e-6


def many(count: int) -> xr.Dataset:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=count)
    place = {n: ("obs", rng.integers(0, 30, count) / 3.0, kind.KNOWN[n]) for n in ("latitude", "longitude")}
    rows = xr.Dataset({"t": ("obs", truth, {"units": "K", "long_name": "t"})}, place)
    rows.attrs = {"indexes": '["latitude", "longitude"]', "covariates": "[]"}
    return predictions_kind.dataset(rows, "t", (truth + 0.5, np.ones(count)))


@pytest.mark.parametrize("figure", predictions_figures.FIGURES)
def test_figures_of_many_predictions_are_samples_and_say_so(figure, monkeypatch, tmp_path):
    monkeypatch.setattr(predictions_figures, "_SHOWN", 300)
    monkeypatch.setattr(predictions_figures, "_COUNTED", 300)
    ds, draw = many(1000), predictions_figures.FIGURES[figure]
    drawn = draw(ds.chunk(obs=130))
    assert any("300 of 1,000 rows" in text.get_text() for text in drawn.texts)
    style.save(draw, ds.chunk(obs=130), tmp_path / "lazy.svg")
    style.save(draw, ds, tmp_path / "eager.svg")
    assert (tmp_path / "lazy.svg").read_bytes() == (tmp_path / "eager.svg").read_bytes()


def test_the_error_in_the_title_counts_all_rows_though_few_are_drawn(monkeypatch):
    monkeypatch.setattr(predictions_figures, "_SHOWN", 10)
    assert "RMSE 0.5" in predictions_figures.scatter(many(1000)).axes[0].get_title()


def test_figures_of_many_observations_are_samples_and_say_so(monkeypatch):
    monkeypatch.setattr(observations_figures, "_COUNTED", 50)
    rows = kind.example().chunk(obs=60)
    assert isinstance(rows["temperature"].data, dask.array.Array)
    assert "50 of 288 rows" in observations_figures.coverage(rows).axes[0].get_title()
    assert "50 of 288 rows" in observations_figures.distribution(rows).axes[0].get_title()


def test_the_months_of_a_climatology_get_a_periodic_kernel():
    """Their index states its period: December is next to January."""
    ds = kind.example()
    month = ("obs", ds["time"].dt.month.to_numpy().astype(float), {"units": "1", "long_name": "month", "period": 12})
    ds = ds.drop_vars("time").assign_coords(month=month)
    ds.attrs["indexes"] = '["latitude", "longitude", "month"]'
    assert columns_of(ds, {}, {}).kernels == ("sphere auto", "periodic(12)")
    assert columns_of(ds, {}, {"month": "matern32"}).kernels[1] == "matern32"
