"""Division of observations: whole stations, whole blocks, nothing leaks, equal seeds give equal bytes."""

import json

import numpy as np
import pytest
import xarray as xr

from polyadic.core import config as configs
from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.kinds import observations as kind
from polyadic.methods.funbat.split import SplitConfig, split


def divided(ds: xr.Dataset, **settings) -> xr.Dataset:
    return split(configs.build(SplitConfig, settings, "funbat.split"), observations=ds)


@pytest.fixture
def example() -> xr.Dataset:
    return kind.example()


def part(ds: xr.Dataset, name: str) -> xr.Dataset:
    return kind.where_split(ds, name)


def test_every_value_gets_one_part_and_the_fractions_hold(example):
    out = divided(example, test=0.25, validation=0.125)
    assert out.sizes["obs"] == example.sizes["obs"] == 288
    assert np.bincount(out["split"]).tolist() == [180, 36, 72]
    assert out["split"].dtype == np.int8


def test_all_else_is_kept(example):
    out = divided(example)
    assert kind.indexes(out) == ["latitude", "longitude", "time"]
    assert kind.covariates(out) == ["elevation"]
    xr.testing.assert_equal(out.drop_vars("split"), example.drop_vars("split"))
    assert out["temperature"].attrs == example["temperature"].attrs


def test_stations_are_whole(example):
    out = divided(example, scheme="stations", test=0.25, validation=0.25)
    stations = [set(part(out, name)["station_index"].to_numpy().tolist()) for name in kind.SPLITS]
    assert list(map(len, stations)) == [6, 3, 3]
    assert not stations[0] & stations[1] | stations[0] & stations[2] | stations[1] & stations[2]


def test_stations_that_share_a_place_stay_together(example):
    """Two names for one place, as after a renaming, would show the test to the training."""
    moved = example.copy(deep=True)
    for name in ("latitude", "longitude"):
        where = moved["station_index"].to_numpy()
        moved[name][where == 1] = float(moved[name][where == 0][0])
    for seed in range(10):
        out = divided(moved, scheme="stations", test=0.3, seed=seed)
        flags = out["split"].to_numpy()
        assert np.unique(flags[np.isin(out["station_index"].to_numpy(), [0, 1])]).size == 1


def test_places_serve_where_there_are_no_stations(example):
    out = divided(example.drop_vars(["station_index", "station"]), scheme="stations", test=0.25)
    held, kept = part(out, "test"), part(out, "train")
    assert np.unique(held["latitude"]).size == 3
    assert not np.isin(held["latitude"], kept["latitude"]).any()


def test_blocks_are_whole_and_the_buffer_is_left_out(example):
    out = divided(example, scheme="blocks", block_length=90, buffer=40, test=0.2)
    times = np.unique(example["time"].to_numpy())
    block = {t: int((t - times[0]) / np.timedelta64(90, "D")) for t in times}
    held = {block[t] for t in part(out, "test")["time"].to_numpy()}
    kept = part(out, "train")["time"].to_numpy()
    assert not held & {block[t] for t in kept}
    assert out.sizes["obs"] < example.sizes["obs"]
    edges = [times[0] + np.timedelta64(90, "D") * (b + end) for b in held for end in (0, 1)]
    gaps = np.abs(kept[:, None] - np.array(edges)[None, :]).min()
    assert gaps >= np.timedelta64(40, "D")


def test_target_is_chosen_and_missing_values_are_left_out(example):
    second = example["temperature"].copy(deep=True)
    second[::4] = np.nan
    both = example.assign(pressure=second.assign_attrs(units="hPa"))
    out = divided(both, variable="pressure")
    assert kind.values(out) == ["pressure"]
    assert out.sizes["obs"] == 216
    with pytest.raises(InputError, match=r"2 variables are measured \(temperature, pressure\); name one by variable"):
        divided(both)
    with pytest.raises(InputError, match=r"names 'presure', which is not measured; did you mean 'pressure'\?"):
        divided(both, variable="presure")


def test_equal_seeds_give_equal_bytes_and_others_another_draw(example, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        io.write(divided(example, seed=seed), tmp_path / f"{name}.nc")
    first, again, other = ((tmp_path / f"{name}.nc").read_bytes() for name in "abc")
    assert first == again
    assert first != other


def test_folds_cover_every_value_once(example):
    held = [divided(example, test=0.2, fold=fold)["split"].to_numpy() == 2 for fold in range(5)]
    np.testing.assert_array_equal(np.sum(held, axis=0), 1)


def test_a_lazy_file_is_divided_as_an_eager_one(example, tmp_path):
    example.attrs["kind"] = "observations"
    io.write(example, tmp_path / "in.nc")
    with io.read(tmp_path / "in.nc") as eager:
        io.write(divided(eager.chunk({"obs": 100}), scheme="stations"), tmp_path / "lazy.nc")
        io.write(divided(eager, scheme="stations"), tmp_path / "eager.nc")
    with io.read(tmp_path / "lazy.nc") as lazy, io.read(tmp_path / "eager.nc") as eager:
        xr.testing.assert_identical(lazy, eager)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"test": 0}, r"funbat.split: 'test' is a fraction in \(0, 1\), found 0"),
        ({"test": 1.5}, r"'test' is a fraction in \(0, 1\), found 1.5"),
        ({"test": 0.5, "validation": 0.5}, "'validation' is a fraction"),
        ({"block_length": 0}, "'block_length' is a positive number of days, found 0"),
        ({"buffer": -1}, "'buffer' is a number of days from 0, found -1"),
        ({"scheme": "station"}, "setting 'scheme' must be one of random, stations, blocks, found 'station'"),
        ({"scheme": "blocks", "block_length": 10000}, "scheme 'blocks' needs at least 2 blocks, found 1; lower"),
        ({"scheme": "blocks", "block_length": 90, "buffer": 5000}, "leaves no train values; lower it"),
    ],
)
def test_impossible_settings_are_refused(example, settings, text):
    with pytest.raises(InputError, match=text):
        divided(example, **settings)


def test_one_station_cannot_be_held_out(example):
    one = example.isel(obs=example["station_index"].to_numpy() == 3)
    with pytest.raises(InputError, match="needs at least 2 stations, found 1; use scheme random or blocks"):
        divided(one, scheme="stations")
    assert divided(one)["split"].sizes["obs"] == 24


def test_too_few_values_are_refused(example):
    with pytest.raises(InputError, match="'temperature' holds 9 values, accepted are at least 10"):
        divided(example.isel(obs=slice(9)))


def test_blocks_need_times(example):
    timeless = example.drop_vars("time")
    timeless.attrs["indexes"] = json.dumps(["latitude", "longitude"])
    with pytest.raises(InputError, match="scheme 'blocks' needs times"):
        divided(timeless, scheme="blocks")
