"""On the command line every file that cannot be read gives one sentence, exit code 2, and no output file."""

import gzip
import json

import numpy as np
import pytest
from reading import table
from test_observation_grids import grid, saved

from polyadic.sources.observations import observations

HEAD = "station,lat,lon,date,value\n"
GOOD = "A,40,8,2020-01-01,1\n"


def absent(folder):
    return folder / "a.csv"


def written(text):
    return lambda folder: table(folder, text)


def truncated(form):
    def make(folder):
        path = saved(grid(shape=(20, 10, 10)), folder, format=form)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        return path

    return make


def damaged_gzip(folder):
    path = folder / "a.csv.gz"
    path.write_bytes(gzip.compress((HEAD + GOOD * 5000).encode())[:80])
    return path


def unplaced_grid(folder):
    """Every latitude is NaN: curvilinear grids have such places outside their domain."""
    ds = grid().drop_vars("lat").rename(lat="y")
    return saved(ds.assign_coords(lat=("y", np.full(4, np.nan), {"units": "degrees_north"})), folder)


CASES = {
    "missing file": (absent, {}, "there is no such file; check the path"),
    "wrong name of a column": (written(HEAD + GOOD), {"values": ["vlaue"]}, "did you mean 'value'?"),
    "wrong name of a variable": (lambda folder: saved(grid(), folder), {"values": ["t2n"]}, "did you mean 't2m'?"),
    "text where numbers are": (written(HEAD + GOOD + "A,40,8,2020-01-02,much\n"), {}, "line 3: 'much' is no number"),
    "text where places are": (written(HEAD + GOOD + "A,north,8,2020-01-02,1\n"), {}, "line 3: 'north' is no number"),
    "all values missing": (written(HEAD + "A,40,8,2020-01-01,\n"), {}, "no value is left of 1 (1 missing value)"),
    "no elevation at all": (
        written("station,lat,lon,elev,date,value\nA,40,8,,2020-01-01,1\n"),
        {},
        "leave it out, the elevation by columns: {elevation: ''}",
    ),
    "cut off within a quoted text": (written(HEAD + GOOD + 'A,40,8,"2020-01'), {}, "the file is cut off: get it again"),
    "places alone": (written("station,lat,lon\nA,40,8\n"), {}, "beside a site table give the files with the values"),
    "all values missing in a grid": (lambda folder: saved(grid() * np.nan, folder), {}, "no value is left of 60"),
    "only sentinels": (written(HEAD + "A,40,8,2020-01-01,-999\n"), {}, "no value is left of 1 (1 sentinel)"),
    "no coordinates": (written(HEAD + "A,NaN,8,2020-01-01,1\n"), {}, "no value is left of 1 (1 missing coordinate)"),
    "no coordinates in a grid": (unplaced_grid, {}, "no value is left of 60 (60 missing coordinate)"),
    "latitude 95": (written(HEAD + GOOD + "A,95,8,2020-01-02,1\n"), {}, "line 3: latitude 95 is out of range"),
    "latitude 95 in a grid": (
        lambda folder: saved(grid(lat=np.linspace(60, 95, 4)), folder),
        {},
        "variable 'lat': latitude 95 is out of range",
    ),
    "truncated NetCDF-4": (truncated("NETCDF4"), {}, "truncated: get it again"),
    "truncated classic NetCDF": (truncated("NETCDF3_CLASSIC"), {}, "truncated: get it again"),
    "damaged gzip": (damaged_gzip, {}, "the gzip data ends early or is damaged"),
    "no header": (written(GOOD * 2), {}, "so there is no header line; name the columns by column_names"),
    "empty table": (written(""), {}, "the file is empty; get it again"),
    "header alone": (written(HEAD), {}, "holds a header line and no data"),
    "duplicates refused": (written(HEAD + GOOD * 2), {"duplicates": "error"}, "stand where another one does"),
    "unknown time zone": (written(HEAD + GOOD), {"time_zone": "Mars/Olympus"}, "must be a zone such as"),
}


def code(arguments: list[str]) -> object:
    """Return the exit code, and hold nothing of the error."""
    try:
        observations.cli(arguments)
    except SystemExit as stop:
        return stop.code
    return None


@pytest.mark.parametrize(("make", "settings", "message"), CASES.values(), ids=CASES)
def test_one_sentence_exit_code_2_and_no_output(tmp_path, capsys, make, settings, message):
    out = tmp_path / "out" / "out.nc"
    out.parent.mkdir()
    assert code(["--files", str(make(tmp_path)), "--config", json.dumps(settings), "--out", str(out)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert message in said[0]
    assert list(out.parent.iterdir()) == []


def test_the_last_line_is_the_sentence_and_no_type_of_error_is_named(tmp_path, capsys):
    """A line naming a type of error would mean that it was no InputError."""
    code(["--files", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out.nc")])
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
