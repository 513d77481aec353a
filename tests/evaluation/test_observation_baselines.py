import numpy as np
import pytest
from evaluation import planted

from polyadic.evaluation.observation_baselines import NAMES
from polyadic.evaluation.observation_baselines.registry import BASELINES, applicable
from polyadic.evaluation.scores import score

MONTHS = np.array(["2000-01", "2000-02", "2001-01", "2001-02"], dtype="datetime64[ns]")


@pytest.fixture(scope="module")
def split():
    ds = planted.network()
    return planted.parts(ds, planted.random_rows(ds))


@pytest.fixture(scope="module")
def predictions(split):
    return {name: baseline.predict(*split, "tmax", 3) for name, baseline in BASELINES.items()}


def rmse(prediction, test, variable="tmax"):
    return score(test[variable].values, prediction.mean)["rmse"].value


@pytest.mark.parametrize("name", BASELINES)
def test_neither_test_values_nor_the_order_of_rows_change_a_prediction(name, split, predictions):
    train, test = split
    generator = np.random.default_rng(0)
    order = generator.permutation(test.sizes["obs"])
    shuffled = train.isel(obs=generator.permutation(train.sizes["obs"]))
    blank = test.assign(tmax=test.tmax * np.nan).isel(obs=order)
    again = BASELINES[name].predict(shuffled, blank, "tmax", 3)
    np.testing.assert_array_equal(again.mean, predictions[name].mean[order])
    np.testing.assert_array_equal(again.variance, predictions[name].variance[order])


@pytest.mark.parametrize("name", BASELINES)
def test_every_variance_is_positive_and_bands_are_sane(name, split, predictions):
    prediction, test = predictions[name], split[1]
    assert (prediction.variance > 0).all()
    coverage = score(test.tmax.values, prediction.mean, prediction.variance)["coverage90"].value
    assert 0.75 <= coverage <= 0.99


def test_each_step_of_the_ladder_beats_the_one_below(split, predictions):
    ladder = ("mean", "calendar_month_mean", "station_climatology", "climatology_anomaly", "space_time_kriging")
    errors = [rmse(predictions[name], split[1]) for name in ladder]
    assert errors == sorted(errors, reverse=True)


def test_mean_is_the_mean_of_train():
    train = planted.rows([1.0, 2.0, 6.0], x=[0.0, 1.0, 2.0])
    np.testing.assert_array_equal(BASELINES["mean"].predict(train, train, "y").mean, [3.0, 3.0, 3.0])


def test_calendar_month_mean_pools_years():
    train = planted.rows([1.0, 10.0, 3.0, 20.0], time=MONTHS)
    test = planted.rows([0.0, 0.0], time=np.array(["1950-02", "1950-07"], dtype="datetime64[ns]"))
    np.testing.assert_array_equal(BASELINES["calendar_month_mean"].predict(train, test, "y").mean, [15.0, 8.5])


def test_day_mean_pools_rows_of_the_same_stamp_and_falls_back_to_the_train_mean():
    train = planted.rows([1.0, 3.0, 10.0, 10.0], day=[0.0, 0.0, 1.0, 1.0])
    test = planted.rows([0.0, 0.0, 0.0], day=[1.0, 0.0, 7.0])
    np.testing.assert_array_equal(BASELINES["day_mean"].predict(train, test, "y").mean, [10.0, 2.0, 6.0])


def test_station_climatology_is_exact_on_a_small_network():
    """Station 0: its Januaries; in February, never seen there, the region plus its departure. Station 2: the region."""
    train = planted.rows(
        [1.0, 3.0, 6.0, 12.0],
        time=np.array(["2000-01", "2001-01", "2000-01", "2000-02"], dtype="datetime64[ns]"),
        station_index=[0, 0, 1, 1],
    )
    test = planted.rows(
        [0.0, 0.0, 0.0],
        time=np.array(["2005-01", "2005-02", "2005-01"], dtype="datetime64[ns]"),
        station_index=[0, 0, 2],
    )
    region, departure = 10 / 3, 2 - 10 / 3
    expected = [2.0, 12 + departure, region]
    np.testing.assert_allclose(BASELINES["station_climatology"].predict(train, test, "y").mean, expected)


def test_climatology_anomaly_is_exact_on_an_additive_network():
    """Values station + year, one withheld: 0 + 5 in the missing cell, whatever the calendar month."""
    year, station = (grid.ravel() for grid in np.meshgrid([0, 1, 5], [0, 10, 30], indexing="ij"))
    time = np.array(["2000-01", "2001-01", "2005-01"], dtype="datetime64[ns]")[np.searchsorted([0, 1, 5], year)]
    ds = planted.rows(year + station, time=time, station_index=station // 10)
    mask = (year == 5) & (station == 0)
    train, test = planted.parts(ds, mask)
    prediction = BASELINES["climatology_anomaly"].predict(train, test, "y")
    np.testing.assert_allclose(prediction.mean, [5.0], atol=1e-3)


def test_neighbours_learn_to_ignore_an_index_without_meaning():
    generator = np.random.default_rng(0)
    x, junk = generator.uniform(size=(2, 1200))
    ds = planted.rows(np.sin(12 * x), x=x, junk=junk)
    train, test = planted.parts(ds, planted.random_rows(ds))
    assert rmse(BASELINES["nearest_neighbours"].predict(train, test, "y"), test, "y") < 0.02


def test_trees_use_the_mean_of_the_day():
    generator = np.random.default_rng(0)
    day = np.repeat(np.arange(120.0), 10)
    ds = planted.rows(generator.normal(size=120)[day.astype(int)] + 0.1 * generator.normal(size=1200), day=day)
    ds = ds.assign_coords(x=("obs", generator.uniform(size=1200))).assign_attrs(indexes='["day", "x"]')
    train, test = planted.parts(ds, planted.random_rows(ds))
    assert rmse(BASELINES["gradient_boosting_day_mean"].predict(train, test, "y"), test, "y") < 0.2


@pytest.mark.parametrize("name", ["elevation_kriging", "anomaly_kriging", "space_time_kriging"])
def test_kriging_carries_the_lapse_rate_to_withheld_stations(name):
    ds = planted.network(seed=2, stations=24, months=24)
    train, test = planted.parts(ds, ds.station_index.values < 4)
    error = rmse(BASELINES[name].predict(train, test, "tmax"), test)
    assert error < 0.5 * rmse(BASELINES["calendar_month_mean"].predict(train, test, "tmax"), test)


@pytest.mark.parametrize("name", ["elevation_kriging", "anomaly_kriging"])
def test_a_time_without_train_rows_gets_a_wide_band(name):
    ds = planted.network()
    train, test = planted.parts(
        ds, (ds.time.values >= np.datetime64("1992")) & (ds.time.values < np.datetime64("1993"))
    )
    prediction = BASELINES[name].predict(train, test, "tmax")
    result = score(test.tmax.values, prediction.mean, prediction.variance)
    assert result["rmse"].value < 2.5
    assert result["coverage90"].value > 0.8


@pytest.mark.parametrize("name", BASELINES)
def test_constant_values_are_reproduced_with_a_positive_variance(name):
    ds = planted.network(stations=4, months=12)
    train, test = planted.parts(ds.assign(tmax=ds.tmax * 0 + 7), planted.random_rows(ds))
    prediction = BASELINES[name].predict(train, test, "tmax")
    np.testing.assert_allclose(prediction.mean, 7)
    assert (prediction.variance > 0).all()


@pytest.mark.parametrize("name", BASELINES)
def test_no_test_rows_give_no_predictions(name):
    ds = planted.network(stations=4, months=12)
    assert BASELINES[name].predict(ds, ds.isel(obs=slice(0, 0)), "tmax").mean.shape == (0,)


def test_the_meridian_of_180_degrees_is_no_border():
    ds = planted.network()
    moved = ds.assign_coords(longitude=(ds.longitude + 105 - 180 + 180) % 360 - 180)
    across = ds.assign_coords(longitude=(ds.longitude + 105 + 180 + 180) % 360 - 180)
    mask = planted.random_rows(ds)
    kriging = BASELINES["elevation_kriging"]
    here, there = (kriging.predict(*planted.parts(one, mask), "tmax") for one in (moved, across))
    np.testing.assert_allclose(here.mean, there.mean, atol=1e-3)


def test_rows_with_a_missing_value_are_left_out(split, predictions):
    train, test = split
    blank = train.assign(tmax=train.tmax * np.nan)
    both = train.merge(train, join="exact").isel(obs=np.r_[: train.sizes["obs"], :20])
    values = both.tmax.values.copy()
    values[-20:] = np.nan
    prediction = BASELINES["elevation_kriging"].predict(both.assign(tmax=("obs", values)), test, "tmax", 3)
    np.testing.assert_array_equal(prediction.mean, predictions["elevation_kriging"].mean)
    with pytest.raises(ValueError, match="train: 'tmax' has no value in"):
        BASELINES["mean"].predict(blank, test, "tmax")


def test_baselines_that_lack_a_coordinate_are_not_applicable():
    names = [baseline.name for baseline in applicable(planted.rows([1.0, 2.0], temperature=[0.0, 1.0]))]
    assert names == ["mean", "nearest_neighbours", "gradient_boosting"]
    flat = planted.network(stations=4, months=12).drop_vars("elevation").assign_attrs(covariates="[]")
    assert {baseline.name for baseline in applicable(flat)} == set(BASELINES) - {"elevation_kriging"}


def test_stations_without_places_have_climatologies_but_no_kriging():
    ds = planted.network(stations=4, months=24).drop_vars(["latitude", "longitude", "elevation"])
    ds = ds.assign_attrs(indexes='["time"]', covariates="[]")
    train, test = planted.parts(ds, planted.random_rows(ds))
    names = [baseline.name for baseline in applicable(train)]
    assert "station_climatology" in names
    assert not any("kriging" in name for name in names)
    assert all(np.isfinite(BASELINES[name].predict(train, test, "tmax").mean).all() for name in names)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign_coords(split=("obs", np.r_[1, np.zeros(ds.sizes["obs"] - 1)])), "train: 1 rows are flag"),
        (lambda ds: ds.drop_vars("tmax"), "variable: 'tmax' is not in train; it has"),
        (lambda ds: ds.assign_coords(latitude=ds.latitude * np.nan), "train: index 'latitude' is missing in"),
        (lambda ds: ds.assign_attrs(indexes="[]"), "train: no continuous index; name them in the attribute"),
        (lambda ds: ds.assign_attrs(covariates='["slope"]'), r"train: lacks \['slope'\]; every index and covariate"),
    ],
)
def test_bad_train_rows_are_named(change, message):
    ds = planted.network(stations=4, months=12)
    with pytest.raises(ValueError, match=message):
        BASELINES["mean"].predict(change(ds), ds, "tmax")


def test_a_baseline_says_what_it_lacks():
    train = planted.rows([1.0, 2.0], temperature=[0.0, 1.0])
    with pytest.raises(
        ValueError, match="baseline 'elevation_kriging' needs a coordinate `time` or an index `day`; coord"
    ):
        BASELINES["elevation_kriging"].predict(train, train, "y")


def test_the_names_are_those_of_the_registry():
    assert tuple(BASELINES) == NAMES


def test_both_krigings_of_anomalies_share_one_fit(monkeypatch):
    """And only for the same rows: other test rows are kriged anew."""
    from polyadic.evaluation.observation_baselines import anomaly_kriging
    from polyadic.kinds import observations

    ds = observations.example()
    train, test = observations.where_split(ds, "train"), observations.where_split(ds, "test")
    fits = []
    fit = anomaly_kriging.fit
    monkeypatch.setattr(anomaly_kriging, "fit", lambda *given: fits.append(1) or fit(*given))
    first = BASELINES["anomaly_kriging"].predict(train, test, "temperature")
    BASELINES["space_time_kriging"].predict(train, test, "temperature")
    assert len(fits) == 1
    half = BASELINES["anomaly_kriging"].predict(train, test.isel(obs=slice(0, 20)), "temperature")
    assert len(fits) == 2
    assert half.mean.size == 20
    assert first.mean.size == test.sizes["obs"]
