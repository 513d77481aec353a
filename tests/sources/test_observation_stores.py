"""Grids as centres give them: ERA5 of both forms, Zarr stores, rotated poles, climatologies, bounds."""

import json
import zipfile

import netCDF4
import numpy as np
import pytest
import xarray as xr
from reading import dropped, read
from test_observation_grids import assert_holds, grid, saved

from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.core.provenance import file_hash
from polyadic.kinds import observations as kind
from polyadic.sources.observation_files import rotated, stores, times


def era5_legacy(path, form: str, layers: np.ndarray | None = None) -> None:
    """Write the legacy form: packed int16, int32 hours since 1900, latitudes from north, longitudes from 0 to 360."""
    with netCDF4.Dataset(path, "w", format=form) as file:
        sizes = {"longitude": 4, "latitude": 3, "time": 2}
        if layers is not None:
            sizes["expver"] = 2
        for name, size in sizes.items():
            file.createDimension(name, size)
        file.createVariable("longitude", "f4", ("longitude",))[:] = [0, 90, 180, 270]
        file.createVariable("latitude", "f4", ("latitude",))[:] = [50.25, 50, 49.75]
        file["longitude"].units, file["latitude"].units = "degrees_east", "degrees_north"
        if layers is not None:
            file.createVariable("expver", "i4", ("expver",))[:] = [1, 5]
        time = file.createVariable("time", "i4", ("time",))
        time.units, time.calendar, time.long_name = "hours since 1900-01-01 00:00:00.0", "gregorian", "time"
        time[:] = [1078200, 1078201]
        dims = ("time", "expver", "latitude", "longitude") if layers is not None else ("time", "latitude", "longitude")
        t2m = file.createVariable("t2m", "i2", dims, fill_value=-32767)
        t2m.setncatts({"scale_factor": 0.002, "add_offset": 270.0, "missing_value": np.int16(-32767)})
        t2m.setncatts({"units": "K", "long_name": "2 metre temperature"})
        packed = np.arange(24).reshape(2, 3, 4) if layers is None else layers
        t2m.set_auto_maskandscale(False)
        t2m[:] = packed.astype("i2")
        file.Conventions = "CF-1.6"


@pytest.mark.parametrize("form", ["NETCDF3_64BIT_OFFSET", "NETCDF4"])
def test_era5_of_the_legacy_form_is_what_xarray_reads(tmp_path, form):
    path = tmp_path / "era5.nc"
    era5_legacy(path, form)
    with xr.open_dataset(path, engine="netcdf4") as ds:
        plain = ds.load().rename(latitude="lat", longitude="lon").astype({"t2m": np.float64})
        assert_holds(read(path), plain.assign_coords(lat=plain["lat"].astype(float), lon=plain["lon"].astype(float)))


def test_era5_of_two_products_takes_the_final_one_where_it_is_there(tmp_path):
    layers = np.full((2, 2, 3, 4), -32767)
    layers[0, 0], layers[1, 1] = 100, 200
    layers[0, 1, 0, 0] = 300  # both are there
    path = tmp_path / "era5.nc"
    era5_legacy(path, "NETCDF4", layers)
    out = read(path)
    assert out.attrs["preset"] == "era5"
    by_time = {str(t)[:13]: set(np.round(group.to_numpy(), 6)) for t, group in out["t2m"].groupby(out["time"])}
    assert by_time == {"2023-01-01T00": {270.2}, "2023-01-01T01": {270.4}}
    assert dropped(out) == {}
    assert out["t2m"].attrs["cell_methods"] == "time: point"


def test_era5_of_the_new_form_is_recognised_by_its_centre(tmp_path):
    ds = grid().rename(time="valid_time", lat="latitude", lon="longitude")
    ds = ds.assign_coords(number=0, expver=("valid_time", ["0001", "0001", "0005"]))
    ds.attrs["GRIB_centre"] = "ecmf"
    out = read(saved(ds, tmp_path))
    assert out.attrs["preset"] == "era5"
    assert_holds(out, grid())
    assert out["t2m"].attrs["standard_name"] == "air_temperature"
    assert out["t2m"].attrs["long_name"] == "2 m temperature"  # what the file states goes first


def zarr_store(ds: xr.Dataset, folder, version: int, packed: bool, shards=None):
    """Write a store, as a folder or a zip of its files."""
    path = folder / "a.zarr"
    encoding = {"t2m": {"chunks": (2, 2, 5)}}
    if shards:
        encoding["t2m"]["shards"] = shards
    ds.to_zarr(path, zarr_format=version, consolidated=False, encoding=encoding)
    if not packed:
        return path
    archive = folder / "a.zarr.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for part in sorted(found for found in path.rglob("*") if found.is_file()):
            file.write(part, part.relative_to(path).as_posix())
    return archive


@pytest.mark.parametrize(("version", "shards"), [(2, None), (3, None), (3, (4, 4, 5))])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_zarr_stores_are_read_as_the_netcdf_of_the_same_data(tmp_path, version, shards, packed):
    pytest.importorskip("zarr", reason="Zarr stores are read by an extra")
    ds = grid(shape=(4, 4, 5))
    ds["t2m"][1, 2] = np.nan
    out = read(zarr_store(ds, tmp_path, version, packed, shards))
    assert_holds(out, ds)
    assert out["t2m"].attrs["cell_methods"] == "time: mean"
    assert dropped(out) == {"missing value": 5}


def test_zarr_slabs_are_whole_chunks_and_equal_stores_have_equal_hashes(tmp_path):
    pytest.importorskip("zarr", reason="Zarr stores are read by an extra")
    from polyadic.sources.observation_files import slabs

    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(zarr_store(grid(shape=(4, 4, 5)), tmp_path / name, 3, False))
    assert file_hash(paths[0]) == file_hash(paths[1])
    with stores.opened(paths[0]) as ds:
        cuts = [cut["time"] for cut in slabs._slabs(ds["t2m"].variable)]
        assert not ds["t2m"].variable._in_memory
    assert all(cut.start % 2 == 0 for cut in cuts)


def test_a_damaged_zarr_store_is_named(tmp_path):
    pytest.importorskip("zarr", reason="Zarr stores are read by an extra")
    path = zarr_store(grid(), tmp_path, 3, False)
    (path / "t2m" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"a\.zarr: not a readable Zarr store .* get it again"):
        read(path)


def test_without_zarr_the_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{}")
    monkeypatch.setitem(__import__("sys").modules, "zarr.storage", None)
    with pytest.raises(InputError, match=r"a\.zarr: a Zarr store needs the package zarr; install it"):
        read(tmp_path / "a.zarr")


def rotation(pole, turn) -> np.ndarray:
    """Return the matrix from rotated to geographic unit vectors, by its axes: the north pole and the turn."""
    up, side = np.radians(pole[0]), np.radians(pole[1])
    north = np.array([np.cos(up) * np.cos(side), np.cos(up) * np.sin(side), np.sin(up)])
    across = np.cross(north, [0, 0, 1])
    across /= np.linalg.norm(across)
    along = np.cross(across, north)  # towards the true north pole
    # The true pole has the rotated longitude `turn`: the x axis points to it where that is 0.
    x, y = along, np.cross(north, along)
    angle = np.radians(turn)
    return np.stack([np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y, north], axis=1)


@pytest.mark.parametrize("pole", [(39.25, -162.0), (43.0, 10.0), (-20.0, 60.0)])
@pytest.mark.parametrize("turn", [0.0, 25.0])
def test_rotated_places_are_those_of_the_rotation_matrix(pole, turn):
    """Composition of rotations of unit vectors, against the closed form of the angles."""
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-80, 80, 50), rng.uniform(-180, 180, 50)
    found = rotated.degrees(lat, lon, pole, turn)
    a, b = np.radians(lat), np.radians(lon)
    vectors = np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)])
    x, y, z = rotation(pole, turn) @ vectors
    np.testing.assert_allclose(found[0], np.degrees(np.arcsin(z)), atol=1e-9)
    difference = np.mod(found[1] - np.degrees(np.arctan2(y, x)) + 180, 360) - 180
    np.testing.assert_allclose(difference, 0, atol=1e-9)


def regional(**more) -> xr.Dataset:
    ds = grid().rename(lat="rlat", lon="rlon").assign_coords(rlat=[-1.0, 0, 1, 2], rlon=[-2.0, -1, 0, 1, 2])
    ds["rlat"].attrs = {"standard_name": "grid_latitude", "units": "degrees"}
    ds["rlon"].attrs = {"standard_name": "grid_longitude", "units": "degrees"}
    pole = {"grid_north_pole_latitude": 39.25, "grid_north_pole_longitude": -162.0}
    ds["rotated_pole"] = ((), 0, {"grid_mapping_name": "rotated_latitude_longitude", **pole})
    return ds.assign(more)


def test_a_rotated_pole_alone_gives_places(tmp_path):
    out = read(saved(regional(), tmp_path))
    centre = regional()["t2m"].isel(time=0, rlat=1, rlon=2).item()
    row = int(np.flatnonzero(out["t2m"] == centre)[0])
    assert (float(out["latitude"][row]), float(out["longitude"][row])) == pytest.approx((50.75, 18.0), abs=1e-9)


def test_places_that_a_rotated_file_states_are_taken(tmp_path):
    places = {
        "lat": (("rlat", "rlon"), np.full((4, 5), 1.0) + np.arange(5), {"standard_name": "latitude"}),
        "lon": (("rlat", "rlon"), np.full((4, 5), 2.0) + np.arange(4)[:, None], {"standard_name": "longitude"}),
    }
    out = read(saved(regional(**places), tmp_path))
    assert set(out["latitude"].to_numpy()) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ("months since 0000-01-01 00:00:00", np.arange(12) + 0.5),
        ("months since 0001-01-01", np.arange(12)),
        ("days since 0001-01-01 00:00:00", np.arange(12) * 30.4 + 15),
        ("hours since 0000-01-01", (np.arange(12) * 30.4 + 15) * 24),
    ],
)
def test_a_year_of_no_year_becomes_twelve_cyclic_months(tmp_path, units, numbers):
    ds = grid(shape=(12, 4, 5)).assign_coords(time=("time", numbers, {"units": units}))
    out = read(saved(ds, tmp_path))
    assert kind.indexes(out) == ["latitude", "longitude", "month"]
    assert out["month"].attrs["period"] == 12
    for month in (1, 7, 12):
        ours = out["t2m"].to_numpy()[out["month"].to_numpy() == month]
        np.testing.assert_array_equal(np.sort(ours), np.sort(ds["t2m"].to_numpy()[month - 1].ravel()))
    io.write(out, tmp_path / "out.nc")


def test_a_stated_climatology_becomes_months_and_names_its_years(tmp_path):
    ds = grid(shape=(12, 4, 5))
    months = np.arange("1975-01", "1976-01", dtype="M8[M]").astype("M8[D]").astype(int) + 15.0
    ds = ds.assign_coords(
        time=("time", months, {"units": "days since 1970-01-01", "climatology": "climatology_bounds"})
    )
    ends = np.stack([months - 15 - 365 * 14, months + 15 + 365 * 17], axis=1)
    ds["climatology_bounds"] = (("time", "nv"), ends)
    out = read(saved(ds, tmp_path), values=["t2m"])
    assert set(out["month"].to_numpy()) == set(range(1, 13))
    assert out["month"].attrs["comment"] == "climatology of the years 1961 to 1992"


def test_a_climatology_of_days_stops_with_the_remedy(tmp_path):
    ds = grid(shape=(40, 2, 2)).assign_coords(time=("time", np.arange(40.0), {"units": "days since 0001-01-01"}))
    with pytest.raises(InputError, match=r"'time' is a climatology of 40 dates, accepted are at most 12, one a month"):
        read(saved(ds, tmp_path))
    out = read(saved(ds, tmp_path), columns={"time": ""}, indexes=["latitude", "longitude", "time"])
    assert kind.indexes(out) == ["latitude", "longitude", "time_value"]


def test_model_years_beyond_the_first_are_no_climatology(tmp_path):
    ds = grid().assign_coords(
        time=("time", [730000.0, 730001, 730002], {"units": "days since 0001-01-01", "calendar": "noleap"})
    )
    assert kind.indexes(read(saved(ds, tmp_path))) == ["latitude", "longitude", "time"]


def test_months_since_a_date_are_calendar_months():
    found = times.decode(np.array([0.0, 1.5, 23.0, np.nan]), "months since 2000-01-01", "standard")
    assert found[:3].astype("M8[h]").astype(str).tolist() == ["2000-01-01T00", "2000-02-15T12", "2001-12-01T00"]
    assert np.isnat(found[3])


def test_bounds_of_places_are_kept(tmp_path):
    ds = grid()
    half = np.array([-1.0, 1.0])
    ds["lat"].attrs["bounds"], ds["lat_bnds"] = "lat_bnds", (("lat", "nv"), ds["lat"].to_numpy()[:, None] + half)
    out = read(saved(ds, tmp_path), values=["t2m"])
    assert json.loads(out["latitude"].attrs["cell_bounds"]) == {
        "unit": "degrees_north",
        "start": [-1, -1],
        "end": [1, 1],
    }
