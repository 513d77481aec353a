"""NetCDF: grids, stations, points and ragged arrays are read to the numbers that were written."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from reading import DATA, dropped, read

from polyadic.core import io
from polyadic.kinds import observations as kind
from polyadic.sources.observation_files import slabs

FORMATS = ("NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4")


def grid(seed=0, shape=(3, 4, 5), **coords) -> xr.Dataset:
    """A field over (time, lat, lon), latitudes from north to south."""
    rng = np.random.default_rng(seed)
    axes = {
        "time": np.arange(shape[0]).astype("M8[D]").astype("M8[ns]"),
        "lat": np.linspace(60, 40, shape[1]),
        "lon": np.linspace(-10, 10, shape[2]),
    } | coords
    ds = xr.Dataset({"t2m": (("time", "lat", "lon"), rng.normal(280, 10, shape))}, axes)
    ds["t2m"].attrs = {"units": "K", "long_name": "2 m temperature", "cell_methods": "time: mean"}
    ds["lat"].attrs, ds["lon"].attrs = {"units": "degrees_north"}, {"units": "degrees_east"}
    return ds


def saved(ds: xr.Dataset, folder, name="a.nc", **options):
    path = folder / name
    ds.to_netcdf(path, **({"engine": "netcdf4"} | options))
    return path


def assert_holds(out: xr.Dataset, ds: xr.Dataset, variable="t2m") -> None:
    """Every row of the output is the value at its place and time, and none is missing."""
    frame = ds[variable].to_dataframe().reset_index().dropna(subset=[variable])
    frame["lon"] = np.where(frame["lon"] >= 180, frame["lon"] - 360, frame["lon"])
    frame = frame.sort_values(["lat", "lon", "time"], kind="stable")
    for ours, theirs in ((variable, variable), ("latitude", "lat"), ("longitude", "lon"), ("time", "time")):
        np.testing.assert_array_equal(out[ours].to_numpy(), frame[theirs].to_numpy())
    assert all(out[name].dtype == np.float64 for name in (variable, "latitude", "longitude"))


@pytest.mark.parametrize("form", FORMATS)
def test_regular_grids_of_every_format(tmp_path, form):
    ds = grid()
    ds["t2m"][1, 2] = np.nan
    out = read(saved(ds, tmp_path, format=form))
    assert_holds(out, ds)
    assert dropped(out) == {"missing value": 5}
    assert out["t2m"].attrs == {"units": "K", "long_name": "2 m temperature", "cell_methods": "time: mean"}


@given(
    npst.arrays(np.float64, st.integers(1, 6), elements=st.floats(-180, 359.99), unique=True),
    npst.arrays(np.float64, st.integers(1, 5), elements=st.floats(-90, 90), unique=True),
)
def test_longitudes_and_latitudes_of_any_order_come_home(tmp_path_factory, lon, lat):
    lon = lon[np.unique(np.where(lon >= 180, lon - 360, lon), return_index=True)[1]]
    ds = grid(shape=(2, lat.size, lon.size), lat=lat, lon=lon)
    out = read(saved(ds, tmp_path_factory.mktemp("grid"), engine="scipy"))
    assert_holds(out, ds)
    assert ((out["longitude"] >= -180) & (out["longitude"] < 180)).all()


@settings(max_examples=12)
@given(st.floats(0.001, 10), st.floats(-300, 300), st.integers(0, 1000), st.sampled_from(["i2", "u1", "i4"]))
def test_packed_integers_are_unpacked(tmp_path_factory, scale, offset, seed, dtype):
    ds = grid()
    limits = np.iinfo(dtype)
    packed = np.random.default_rng(seed).integers(max(limits.min, -30000), min(limits.max, 30000), ds["t2m"].shape)
    ds["t2m"] = ds["t2m"].copy(data=packed * scale + offset)
    fill = limits.max
    encoding = {"t2m": {"dtype": dtype, "scale_factor": scale, "add_offset": offset, "_FillValue": fill}}
    out = read(saved(ds, tmp_path_factory.mktemp("grid"), encoding=encoding), sentinels=[])
    assert_holds(out, ds)


def test_valid_range_is_in_packed_numbers_and_counted_apart(tmp_path):
    ds = grid(shape=(1, 1, 5))
    ds["t2m"][:] = np.array([0.0, 5.0, 10.0, 10.1, np.nan])
    ds["t2m"].attrs["valid_range"] = np.array([1, 100], np.int16)
    encoding = {"t2m": {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768}}
    out = read(saved(ds, tmp_path, encoding=encoding))
    assert out["t2m"].to_numpy().tolist() == pytest.approx([5, 10])
    assert dropped(out) == {"missing value": 1, "out of range": 2}


def test_valid_minimum_of_plain_numbers(tmp_path):
    ds = grid(shape=(1, 1, 3))
    ds["t2m"][:] = np.array([-5.0, 0.0, 5.0])
    ds["t2m"].attrs["valid_min"] = 0.0
    assert read(saved(ds, tmp_path))["t2m"].to_numpy().tolist() == [0, 5]


@pytest.mark.parametrize("chunks", [None, (1, 4, 5), (6, 2, 2), (4, 4, 5)])
def test_slabs_change_nothing(tmp_path, monkeypatch, chunks):
    ds = grid(shape=(6, 4, 5))
    encoding = {"t2m": {"chunksizes": chunks}} if chunks else None
    path = saved(ds, tmp_path, encoding=encoding)
    whole = read(path)
    monkeypatch.setattr(slabs, "VALUES", 25)
    xr.testing.assert_identical(read(path), whole)


def test_each_chunk_of_a_file_is_in_one_slab(monkeypatch):
    monkeypatch.setattr(slabs, "VALUES", 100)
    array = xr.Variable(("time", "lat", "lon"), np.zeros((7, 20, 30)), encoding={"chunksizes": (7, 3, 30)})
    cuts = list(slabs._slabs(array))
    assert all(list(cut) == ["lat"] for cut in cuts)
    assert [(cut["lat"].start, cut["lat"].stop) for cut in cuts] == list(itertools.pairwise([*range(0, 20, 3), 20]))


def test_curvilinear_grids_are_points(tmp_path):
    y, x = np.meshgrid(np.arange(3.0), np.arange(4.0), indexing="ij")
    ds = xr.Dataset(
        {"sst": (("time", "y", "x"), np.arange(24.0).reshape(2, 3, 4), {"units": "degC"})},
        {
            "time": pd.date_range("2020-01-01", periods=2),
            "nav_lat": (("y", "x"), 40 + y + 0.1 * x, {"standard_name": "latitude"}),
            "nav_lon": (("y", "x"), 200 + x - 0.1 * y, {"standard_name": "longitude"}),
        },
    )
    out = read(saved(ds, tmp_path))
    assert out.sizes["obs"] == 24
    row = np.flatnonzero(out["sst"] == 12 + 6)[0]
    assert out["latitude"][row] == ds["nav_lat"][1, 2]
    assert out["longitude"][row] == float(ds["nav_lon"][1, 2]) - 360


def test_further_dimensions_need_a_choice_or_an_index(tmp_path):
    ds = xr.concat([grid(0), grid(1)], pd.Index([850, 1000], name="level"))
    ds["level"].attrs["units"] = "hPa"
    path = saved(ds, tmp_path)
    assert_holds(read(path, select={"level": 1000}), grid(1))
    out = read(path, indexes=["level", "latitude", "longitude", "time"])
    assert out.sizes["obs"] == 120
    assert out["level"].attrs["units"] == "hPa"
    assert set(out["level"].to_numpy()) == {850, 1000}


def test_dimensions_of_length_one_and_scalars_are_no_hindrance(tmp_path):
    """The form of newer reanalysis files: valid_time, a member number, an expver of text."""
    ds = grid().rename(time="valid_time").assign_coords(number=0, expver=("valid_time", ["0001"] * 3))
    out = read(saved(ds.expand_dims("band"), tmp_path))
    assert_holds(out, grid())
    timeless = read(saved(grid(shape=(1, 4, 5)).isel(time=0), tmp_path, "scalar.nc"))
    assert kind.indexes(timeless) == ["latitude", "longitude", "time"]
    assert np.unique(timeless["time"]).size == 1


def test_geopotential_is_a_value_and_the_reference_time_no_time(tmp_path):
    ds = grid().rename(t2m="z")
    ds["forecast_reference_time"] = ("time", [0.0, 1, 2], {"units": "hours since 2000-01-01"})
    ds = ds[["forecast_reference_time", "z"]]
    assert_holds(read(saved(ds, tmp_path)), ds, "z")


def test_bounds_of_time_are_kept_as_attributes(tmp_path):
    ds = grid()
    ds["time_bnds"] = (("time", "nv"), np.stack([np.arange(3.0), np.arange(3.0) + 1], axis=1))
    ds["time"] = ("time", np.arange(3.0) + 0.5, {"units": "days since 2000-01-01", "bounds": "time_bnds"})
    out = read(saved(ds, tmp_path))
    assert json.loads(out["time"].attrs["cell_bounds"]) == {"unit": "days", "start": [-0.5, -0.5], "end": [0.5, 0.5]}


@pytest.mark.parametrize("calendar", ["noleap", "360_day"])
def test_model_calendars_are_read_and_named(tmp_path, calendar):
    ds = grid()
    ds["time"] = ("time", [59.0, 60.0, 61.0], {"units": "days since 2001-01-01", "calendar": calendar})
    out = read(saved(ds, tmp_path))
    first = np.unique(out["time"])[0].astype("M8[D]")
    assert str(first) == {"noleap": "2001-03-01", "360_day": "2001-03-01"}[calendar]
    assert out["time"].attrs["source_calendar"] == calendar


def test_ragged_arrays_are_read_by_instance(tmp_path):
    series = {"A": [1.0, 2.0], "B": [3.0, 4.0, 5.0]}
    station = {
        "station_name": ("station", list(series), {"cf_role": "timeseries_id"}),
        "lat": ("station", [40.0, 50.0], {"units": "degrees_north"}),
        "lon": ("station", [5.0, 6.0], {"units": "degrees_east"}),
    }
    values = np.concatenate([series["B"], series["A"]])
    obs = {
        "tas": ("obs", values, {"units": "K"}),
        "time": ("obs", [0.0, 1, 2, 0, 1], {"units": "days since 2000-01-01"}),
        "which": ("obs", [1, 1, 1, 0, 0], {"instance_dimension": "station"}),
    }
    indexed = read(saved(xr.Dataset(station | obs), tmp_path, "indexed.nc"))
    del obs["which"]
    obs["tas"] = ("obs", np.concatenate([series["A"], series["B"]]), {"units": "K"})
    obs["time"] = ("obs", [0.0, 1, 0, 1, 2], {"units": "days since 2000-01-01"})
    counts = {"row_size": ("station", [2, 3], {"sample_dimension": "obs"})}
    contiguous = read(saved(xr.Dataset(station | obs | counts), tmp_path, "contiguous.nc"))
    for out in (indexed, contiguous):
        assert out["tas"].to_numpy().tolist() == [1, 2, 3, 4, 5]
        assert out["latitude"].to_numpy().tolist() == [40, 40, 50, 50, 50]
        assert out["station"].to_numpy().tolist() == ["A", "B"]


def test_a_file_of_this_kind_reads_back_as_it_was(tmp_path):
    example = kind.example().drop_vars("split")
    example.attrs |= {"kind": "observations", "schema_version": "1.0"}
    io.write(example, tmp_path / "a.nc")
    out = read(tmp_path / "a.nc")
    for name in ("temperature", "latitude", "longitude", "time", "elevation", "station_index", "station"):
        np.testing.assert_array_equal(out[name].to_numpy(), example[name].to_numpy())


def test_station_coordinates_with_gaps_drop_rows_and_say_so(tmp_path):
    ds = xr.Dataset(
        {"t": (("time", "station"), np.arange(6.0).reshape(2, 3), {"units": "K"})},
        {
            "time": pd.date_range("2020-01-01", periods=2),
            "station": [11, 12, 13],
            "lat": ("station", [40.0, np.nan, 41.0]),
            "lon": ("station", [8.0, 9.0, 10.0]),
            "elev": ("station", [1000.0, 10.0, 2000.0], {"units": "ft"}),
        },
    )
    out = read(saved(ds, tmp_path), columns={"station": "station"})
    assert dropped(out) == {"missing coordinate": 2}
    assert out["station"].to_numpy().tolist() == ["11", "13"]
    np.testing.assert_allclose(np.unique(out["elevation"]), [304.8, 609.6])


def test_years_of_files_are_joined(tmp_path):
    ds = grid(shape=(6, 4, 5))
    parts = [saved(ds.isel(time=part), tmp_path, f"{i}.nc") for i, part in enumerate((slice(3, 6), slice(0, 3)))]
    assert_holds(read(*parts), ds)


def test_colorado_holds_what_its_origin_states(tmp_path):
    out = read(DATA / "colorado_tmax.nc")
    assert out.sizes == {"obs": 178_337, "station": 376}
    assert dropped(out) == {"missing value": 464_736 - 178_337}
    assert np.unique(out["station_index"]).size == 376
    assert np.unique(out["time"]).size == 1236
    with xr.open_dataset(DATA / "colorado_tmax.nc", engine="h5netcdf") as ds:
        assert float(out["tmax"].sum()) == pytest.approx(float(ds["tmax"].sum()), rel=1e-12)
        one = out.isel(obs=out["station_index"].to_numpy() == 100)
        label = str(out["station"].to_numpy()[100])
        series = ds["tmax"].sel(station=label).dropna("time")
        np.testing.assert_array_equal(one["tmax"], series)
        np.testing.assert_array_equal(one["time"], series["time"])
        assert set(one["elevation"].to_numpy()) == {float(series["elev"])}
    for name in ("a.nc", "b.nc"):
        io.write(out, tmp_path / name)
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()
