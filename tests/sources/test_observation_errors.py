"""What cannot be read: one clear sentence that names file, variable, what was found, what is accepted, what to do."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from reading import read, table
from test_observation_grids import grid, saved

from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.kinds import observations as kind
from polyadic.sources import observations as source
from polyadic.sources.observations import observations

OPEN_FILES = Path("/proc/self/fd")
HEAD = "lat,lon,date,value\n"
GOOD = "40,8,2020-01-01,1\n"


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            HEAD + GOOD + "40,8,2020-01-02,much\n",
            {},
            r"a\.csv, column 'value', line 3: 'much' is no number; correct it",
        ),
        (HEAD + GOOD + "north,8,2020-01-02,1\n", {}, r"a\.csv, column 'lat', line 3: 'north' is no number"),
        (HEAD + GOOD + "95,8,2020-01-02,1\n", {}, r"line 3: latitude 95 is out of range, accepted is \[-90, 90\]"),
        (
            HEAD + GOOD + "40,361,2020-01-02,1\n",
            {},
            r"column 'lon', line 3: longitude 361 .* accepted is \[-180, 360\]",
        ),
        (HEAD + "40,8,soon,1\n", {}, r"column 'date', line 2: 'soon' is no time that is recognised; set 'time_format'"),
        (HEAD + "40,8,01/02/2020,1\n", {}, r"line 2: '01/02/2020' may be day or month first; set 'time_format'"),
        (HEAD, {}, "holds a header line and no data"),
        ("\n \n", {}, "the file is empty; get it again"),
        ("# only words\n", {}, "holds comments and no data"),
        (
            GOOD + GOOD,
            {},
            r"first line holds numbers \(40\), so there is no header line; .* column_names: .*\(4 names\)",
        ),
        ("value\n1\n2\n", {}, "its first line 'value' has one column; accepted is a table with columns apart by comma"),
        (
            HEAD + "40,8,2020-01-01,\n,8,2020-01-01,5\n",
            {},
            "no value is left of 2 .1 missing coordinate, 1 missing value",
        ),
        (HEAD + "40,8,2020-01-01,-999\n", {}, "no value is left of 1 .1 sentinel.; check the settings"),
        (HEAD + GOOD + "40,8,2020-01-01,1,9\n", {}, "not a regular table .Expected 4 fields in line 3, saw 5"),
        (
            HEAD + GOOD + GOOD,
            {"duplicates": "error"},
            "1 values stand where another one does, the first at latitude 40",
        ),
        (HEAD + GOOD, {"values": ["valeu"]}, r"setting values names 'valeu', .* did you mean 'value'\?"),
        (
            HEAD + GOOD,
            {"columns": {"latitude": "latt"}},
            r"columns: {latitude: ...} names 'latt', .*did you mean 'lat'\?",
        ),
        (HEAD + GOOD, {"columns": {"lattitude": "lat"}}, r"knows no role 'lattitude'; did you mean 'latitude'\?"),
        (HEAD + GOOD, {"indexes": ["lat", "dat"]}, r"setting indexes names 'dat', .* did you mean 'date'\?"),
        (HEAD + GOOD, {"covariates": ["elevation"]}, "names elevation, but no elevation is recognised among lat, lon"),
        (HEAD + GOOD, {"select": {"vale": 1}}, r"setting select names 'vale', .* did you mean 'value'\?"),
        (HEAD + GOOD, {"scale": {"vaule": 0.1}}, r"'scale' names 'vaule', which is not read; did you mean 'value'\?"),
        ("a,a (K),lat,lon\n1,2,3,4\n", {"values": ["a", "a (K)"]}, "two of the columns a, a .K. would get one name"),
        (HEAD + GOOD, {"time_zone": "Mars/Olympus"}, "'time_zone' must be a zone such as Asia/Shanghai"),
        (HEAD + GOOD, {"minimum": 5, "maximum": 1}, "'minimum' 5 is above 'maximum' 1"),
        (HEAD + GOOD, {"values": ["value", "value"]}, "name 'value' twice"),
        (HEAD + GOOD, {"delimiter": ",,"}, "'delimiter' takes one character, whitespace or auto, found ',,'"),
        (HEAD + GOOD, {"encoding": "utf-9"}, "setting 'encoding' names 'utf-9', which is unknown"),
        (HEAD + GOOD, {"column_names": ["a", "b"]}, "'column_names' names 2 columns, the first line has 4"),
        (HEAD + GOOD, {"site_table": "b.csv"}, r"names 'b\.csv', which is not among the files \(a\.csv\)"),
        (HEAD + GOOD, {"sentinel": [1]}, r"no setting 'sentinel'; did you mean 'sentinels'\?"),
        (
            "lat,lon,date,t,p\n1,2,2020-01-01,3,4\n",
            {},
            r"2 columns may be the measured value \(t, p\); name it, .*\[p\]",
        ),
        ("lat,lon,date,word,sky\n1,2,2020-01-01,x,y\n", {}, "no numeric column is left for .* among word, sky; set"),
        ("time,t\n2020-01-01,3\n", {}, "no latitude is recognised among time, t; name it by columns: {latitude: ...}"),
        ("site,time,t\nA,2020-01-01,3\n", {}, "add a file with the place of each 'site' .setting site_table."),
        ("lat,lon,t\n1,2,3\n", {"indexes": ["time"]}, "names time, but no time is recognised among lat, lon, t"),
        (
            "lat,lon,time,parameter,value\n1,2,2020-01-01,o3,3\n1,2,2020-01-01,no2,3\n",
            {},
            "column 'parameter' holds several values .'o3', 'no2'.; choose one by select: {parameter: o3}",
        ),
        (
            "lat,lon,time,units,value\n1,2,2020-01-01,ppm,3\n1,2,2020-01-02,ppb,3\n",
            {},
            "column 'units' holds several values .'ppb', 'ppm'.; choose one by select: {units: ppb}",
        ),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, text, settings, message):
    with pytest.raises(InputError, match=message):
        read(table(tmp_path, text), **settings)


def test_line_numbers_count_comments_and_blank_lines(tmp_path):
    with pytest.raises(InputError, match=r"column 'value', line 6: 'x' is no number"):
        read(table(tmp_path, "# a\n" + HEAD + GOOD + "\n\n40,8,2020-01-02,x\n"))


def test_texts_that_mean_missing_can_be_added(tmp_path):
    path = table(tmp_path, HEAD + GOOD + "40,8,2020-01-02,x\n")
    assert read(path, blanks=["X"]).sizes["obs"] == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", b"1,2,3\n", r"a file of extension \.xyz is not read; accepted are CSV .*, NetCDF \(\.nc\) and Zarr"),
        ("a", b"1,2,3\n", "a file of extension none is not read"),
        ("a.nc", b"lat,lon\n", "is no NetCDF file, it begins with b'lat,lon"),
        ("a.csv", b"PK\x03\x04rest", "is a zip archive or a spreadsheet; unpack it, or save the sheet as CSV"),
        ("a.parquet", b"PAR1rest", "is Parquet; save it as CSV"),
        ("a.grib", b"GRIBrest", "is GRIB; convert it to NetCDF"),
        ("a.csv", b"", "the file is empty; get it again"),
        ("a.nc.gz", gzip.compress(b"\x89HDF\r\n\x1a\n", mtime=0), "is a gzipped NetCDF file; unpack it with gunzip"),
        (
            "a.csv.gz",
            gzip.compress((HEAD + GOOD * 5000).encode(), mtime=0)[:80],
            "the gzip data ends early or is damaged",
        ),
    ],
    ids=["xyz", "bare", "words", "zip", "parquet", "grib", "empty", "gzipped netcdf", "cut gzip"],
)
def test_files_of_other_formats(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_folder_and_nothing_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder; accepted are files: CSV"):
        read_suggested(tmp_path)
    with pytest.raises(InputError, match="there is no such file"):
        read_suggested(tmp_path / "a.csv")


def read_suggested(path):
    return source.suggest([path])


def test_archives_are_recognised_by_content(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.txt", "w") as archive:
        archive.writestr("a.csv", HEAD + GOOD)
    with pytest.raises(InputError, match="zip archive"):
        read(tmp_path / "a.txt")


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF4"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_netcdf(tmp_path, form, share):
    content = saved(grid(shape=(40, 20, 20)), tmp_path, format=form).read_bytes()
    path = tmp_path / "short.nc"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r"short\.nc: not a readable NetCDF file .* truncated: get it again"):
        read(path)


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="the system does not list the open files of a process")
@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF4"])
def test_a_truncated_file_is_closed_though_its_error_is_kept(tmp_path, form):
    path = saved(grid(shape=(40, 20, 20)), tmp_path, format=form)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError) as kept:
        read(path)
    assert path.resolve() not in [number.resolve() for number in OPEN_FILES.iterdir()], kept


def changed(**variables) -> xr.Dataset:
    return grid().assign(variables)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (lambda: changed(u10=grid(1)["t2m"]), {}, r"2 columns may be the measured value \(t2m, u10\)"),
        (grid, {"values": ["t2n"]}, r"setting values names 't2n', .* did you mean 't2m'\?"),
        (
            lambda: xr.concat([grid(0), grid(1)], pd.Index([850, 1000], name="level")),
            {},
            r"'t2m' has the further dimension 'level' \(850, 1000\); choose one by select: {level: 850}",
        ),
        (grid, {"select": {"level": 850}}, "setting 'select' names the dimension 'level'; .*lat"),
        (grid, {"select": {"lat": 41}}, "lat 41.0 is not there; accepted are 60.0"),
        (lambda: grid().rename(lat="breadth").drop_vars("breadth"), {}, "no latitude is recognised among"),
        (lambda: grid(lat=np.linspace(60, 95, 4)), {}, r"variable 'lat': latitude 95 is out of range, accepted is"),
        (lambda: grid() * np.nan, {}, "no value is left of 60 .60 missing value."),
        (
            lambda: grid().assign(t2m=grid()["t2m"].astype(str)),
            {"values": ["t2m"]},
            "variable 't2m' is text .*, accepted are numbers",
        ),
        (lambda: grid().assign_coords(time=[1.0, 2, 3]), {}, "'time' has units '', accepted are such as"),
        (
            lambda: grid().assign_coords(time=("time", [1.0, 2, 3], {"units": "moons since 2000-01-01"})),
            {},
            "with units 'moons since 2000-01-01' cannot be decoded",
        ),
        (lambda: xr.Dataset(attrs={"a": 1}), {}, "holds no variables in its root group"),
        (lambda: xr.Dataset({"x1": ("t", [1.0])}), {}, "no latitude is recognised among x1"),
    ],
)  # fmt: skip
def test_netcdf_that_cannot_be_read(tmp_path, make, settings, message):
    with pytest.raises(InputError, match=message):
        read(saved(make(), tmp_path), **settings)


def test_a_dataset_of_another_kind_is_named(tmp_path):
    other = kind.example()
    other.attrs |= {"kind": "predictions", "schema_version": "1.0"}
    io.write(other, tmp_path / "other.nc")
    with pytest.raises(InputError, match=r"other\.nc: its kind is 'predictions'; accepted are measured values"):
        read(tmp_path / "other.nc")


def test_times_without_units_can_be_given(tmp_path):
    path = saved(grid().assign_coords(time=[1.0, 2, 3]), tmp_path)
    assert str(read(path, time_format="days since 2000-01-01")["time"].to_numpy()[0])[:10] == "2000-01-02"


def test_files_that_differ_are_not_joined(tmp_path):
    one, two = table(tmp_path, HEAD + GOOD), table(tmp_path, "lat,lon,date,other\n" + GOOD, "b.csv")
    with pytest.raises(InputError, match=r"b\.csv: its values are other, those of .*a\.csv are value; set 'values'"):
        read(one, two)
    two = table(tmp_path, "station,lat,lon,date,value\nA," + GOOD, "b.csv")
    with pytest.raises(InputError, match="only one of them has stations"):
        read(one, two)
    two = table(tmp_path, "lat,lon,date,value (K)\n" + GOOD, "b.csv")
    with pytest.raises(InputError, match=r"the units of 'value' are 'K', in .*a\.csv ''"):
        read(one, two)


def test_site_tables_are_checked(tmp_path):
    values = table(tmp_path, "station,date,value\nA,2020-01-01,1\n")
    for text, message in (
        ("station,lat,lon\nA,1,2\nA,3,4\n", "the site table holds station 'A' twice"),
        ("station,lat,lon\nB,1,2\n", "has no place for 'A': give both files the same names"),
        ("station,lat,lon\nA,100,2\n", r"sites\.csv: station 'A': latitude 100 is out of range"),
    ):
        with pytest.raises(InputError, match=message):
            read(values, table(tmp_path, text, "sites.csv"))
    with pytest.raises(InputError, match="the site table has no latitude among station, height"):
        read(values, table(tmp_path, "station,height\nA,1\n", "sites.csv"), site_table="sites.csv")


def test_the_command_line_says_it_in_one_sentence_and_writes_nothing(tmp_path, capsys):
    path = table(tmp_path, HEAD + "40,8,2020-01-02,much\n")
    out = tmp_path / "out.nc"
    with pytest.raises(SystemExit) as stop:
        observations.cli(["--files", str(path), "--config", json.dumps({}), "--out", str(out)])
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {path}, column 'value', line 2: 'much'")
    assert not out.exists()
