"""Tables: every usual way of writing one is read to the same values, and what is dropped is counted."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import dropped, read, table

from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.kinds import observations as kind
from polyadic.sources import observations as source
from polyadic.sources.observation_files import frames

HEAD = "station,lat,lon,elev,date,tmax\n"
ROWS = [
    "B,40.2,-105.8,2410,2020-01-01,-2.5",
    "A,39.5,-105.1,1650,2020-01-02,5.5",
    "A,39.5,-105.1,1650,2020-01-01,4.5",
]
TABLE = HEAD + "\n".join(ROWS) + "\n"


@pytest.fixture
def plain(tmp_path):
    return read(table(tmp_path, TABLE))


def same(one, other):
    for name in ("tmax", "latitude", "longitude", "time", "elevation", "station_index", "station"):
        np.testing.assert_array_equal(one[name].to_numpy(), other[name].to_numpy())


def test_columns_are_recognised_and_rows_sorted_by_station_then_time(plain):
    assert kind.indexes(plain) == ["latitude", "longitude", "time"]
    assert kind.covariates(plain) == ["elevation"]
    assert plain["tmax"].to_numpy().tolist() == [4.5, 5.5, -2.5]
    assert plain["station"].to_numpy().tolist() == ["A", "B"]
    assert plain["station_index"].to_numpy().tolist() == [0, 0, 1]
    assert plain["elevation"].to_numpy().tolist() == [1650, 1650, 2410]
    assert plain["time"].to_numpy().astype("M8[D]").astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-01-01"]
    assert all(plain[name].dtype == np.float64 for name in ("tmax", "latitude", "longitude", "elevation"))
    assert dropped(plain) == {}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (TABLE.replace(",", ";"), "utf-8"),
        (TABLE.replace(",", "\t"), "utf-8"),
        (TABLE.replace(",", "|"), "utf-8"),
        (TABLE.replace(",", "  "), "utf-8"),
        (TABLE.replace(",", ";").replace(".", ","), "utf-8"),
        (TABLE.replace("\n", "\r\n"), "utf-8"),
        (TABLE, "utf-8-sig"),
        (TABLE, "utf-16"),
        ("# made by hand\n# in 2021\n" + TABLE + "\n\n", "utf-8"),
        (TABLE.replace("A,", '"A",').replace("tmax", '"tmax"'), "utf-8"),
        (TABLE.replace(",", ", "), "utf-8"),
    ],
    ids=[
        "semicolon",
        "tab",
        "bar",
        "spaces",
        "comma decimals",
        "crlf",
        "bom",
        "utf-16",
        "comments",
        "quotes",
        "padded",
    ],
)
def test_every_way_of_writing_gives_the_same_values(tmp_path, plain, text, encoding):
    same(read(table(tmp_path, text, "other.csv", encoding)), plain)


def test_gzip_is_unpacked(tmp_path, plain):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    same(read(path), plain)


def test_files_are_joined_in_any_order(tmp_path, plain):
    one = table(tmp_path, HEAD + ROWS[0] + "\n", "one.csv")
    two = table(tmp_path, HEAD + "\n".join(ROWS[1:]) + "\n", "two.csv")
    same(read(one, two), plain)
    same(read(two, one), plain)


def test_chunks_of_lines_change_nothing(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(frames, "ROWS", 1)
    same(read(table(tmp_path, TABLE)), plain)


def test_equal_files_give_equal_bytes(tmp_path):
    path = table(tmp_path, TABLE)
    for name in ("one.nc", "two.nc"):
        io.write(read(path), tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()


def test_names_outside_ascii_survive_windows_encoding(tmp_path):
    text = "site;lat;lon;date;value\nMünchen;48.1;11.6;2020-01-01;1\nKöln;50.9;6.9;2020-01-01;2\n"
    out = read(table(tmp_path, text, encoding="cp1252"))
    assert out["station"].to_numpy().tolist() == ["Köln", "München"]


def test_settings_name_what_is_not_recognised(tmp_path):
    text = "where,breadth,length,when,one,two\nA,40,-105,2020-01-01,1,2\n"
    columns = {"station": "where", "latitude": "breadth", "longitude": "LENGTH", "time": "when"}
    out = read(table(tmp_path, text), columns=columns, values=["two"], units={"two": "K"}, long_name={"two": "heat"})
    assert out["two"].to_numpy().tolist() == [2]
    assert out["two"].attrs == {"units": "K", "long_name": "heat"}
    assert out["longitude"].to_numpy().tolist() == [-105]


def test_several_values_keep_rows_where_any_is_there(tmp_path):
    text = "lat,lon,date,pm25,no2\n40,8,2020-01-01,1,\n40,8,2020-01-02,,2\n40,8,2020-01-03,,\n"
    out = read(table(tmp_path, text), values=["pm25", "no2"])
    np.testing.assert_array_equal(out["pm25"], [1, np.nan])
    np.testing.assert_array_equal(out["no2"], [np.nan, 2])
    assert dropped(out) == {"missing value: no2": 2, "missing value: pm25": 2}
    assert out.attrs["values_read"] == 6


def test_any_column_may_be_an_index(tmp_path):
    text = "temp (degC),pressure [hPa],date,station,pm25 (ug m-3),no2\n1.5,1013,2020-01-01,A,3,4\n"
    out = read(table(tmp_path, text), indexes=["temp (degC)", "pressure [hPa]", "time"], values=["pm25 (ug m-3)"])
    assert kind.indexes(out) == ["temp", "pressure", "time"]
    assert out["pm25"].attrs["units"] == "ug m-3"
    assert out["temp"].attrs["units"] == "degC"


def test_long_tables_need_the_parameter_only_when_there_are_several(tmp_path):
    """The header of the OpenAQ archive."""
    head = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value\n"
    rows = "7,70,X,2020-01-01T00:00:00-07:00,40,-105,pm25,µg/m³,12.5\n"
    more = "7,71,X,2020-01-01T00:00:00-07:00,40,-105,no2,ppm,0.01\n"
    out = read(table(tmp_path, head + rows))
    assert out["pm25"].attrs["units"] == "ug m-3"
    assert out["time"].to_numpy()[0] == np.datetime64("2020-01-01T07:00")
    assert out["station"].to_numpy().tolist() == ["7"]
    both = read(table(tmp_path, head + rows + more), select={"parameter": "no2"})
    assert both["no2"].to_numpy().tolist() == [0.01]
    assert both["no2"].attrs["units"] == "1e-6"


def test_flags_and_tenths_of_long_tables_are_applied(tmp_path):
    """GHCN-Daily by year: tenths, a quality flag that is empty where the value is sound, places in another file."""
    rows = "USC1,20200101,TMAX,45,,,7\nUSC1,20200102,TMAX,999,,X,7\nUSC1,20200101,PRCP,3,,,7\n"
    sites = table(tmp_path, "id,lat,lon,elev\nUSC1,39.5,-105.1,1650\n", "sites.csv")
    out = read(
        table(tmp_path, "ID,DATE,ELEMENT,DATA,MFLAG,QFLAG,SFLAG\n" + rows),
        sites,
        values=["DATA"],
        select={"ELEMENT": "TMAX", "QFLAG": ""},
        scale={"TMAX": 0.1},
        units={"TMAX": "degC"},
    )
    assert out["TMAX"].to_numpy().tolist() == [4.5]
    assert out["elevation"].to_numpy().tolist() == [1650]


def test_column_names_stand_for_a_missing_header(tmp_path, plain):
    path = table(tmp_path, "\n".join(ROWS) + "\n")
    same(read(path, column_names=["station", "lat", "lon", "elev", "date", "tmax"]), plain)


def test_places_come_from_a_site_table(tmp_path, plain, capsys):
    bare = "".join(f"{r.split(',')[0]},{','.join(r.split(',')[4:])}\n" for r in [*ROWS, "C,40.2,-105.8,9,2020-01-01,7"])
    values = table(tmp_path, "station,date,tmax\n" + bare, "values.csv")
    sites = table(
        tmp_path, "station,latitude,longitude,elevation\nA,39.5,-105.1,1650\nB,40.2,-105.8,2410\n", "sites.csv"
    )
    out = read(values, sites)
    same(out, plain)
    same(read(values, sites, site_table="sites.csv"), plain)
    assert dropped(out) == {"missing coordinate": 1}
    assert "sites.csv has no place for 'C'" in capsys.readouterr().err


def test_files_that_have_their_own_places_are_no_site_tables(tmp_path):
    """Soil samples have no times; none of two such files may be taken for the places of the other."""
    files = [table(tmp_path, f"site,lat,lon,ph\n{s},40,8,{v}\n", f"{s}.csv") for s, v in (("A", 5), ("B", 6))]
    out = read(*files)
    assert out["ph"].to_numpy().tolist() == [5, 6]
    assert kind.indexes(out) == ["latitude", "longitude"]


def test_a_site_table_may_have_columns_of_other_names(tmp_path):
    values = table(tmp_path, "gauge,date,rain\nA,2020-01-01,3\n", "values.csv")
    sites = table(tmp_path, "gauge,north,east\nA,40,8\n", "sites.csv")
    columns = {"station": "gauge", "latitude": "north", "longitude": "east"}
    out = read(values, sites, columns=columns)
    assert out["latitude"].to_numpy().tolist() == [40]
    with pytest.raises(InputError, match=r"columns: {latitude: \.\.\.} names 'north', which is not in the file"):
        read(values, columns=columns)


def test_a_relative_time_is_an_index_like_any_other(tmp_path):
    text = "lat,lon,time,value\n40,8,0.5,1\n40,8,1.5,2\n"
    out = read(table(tmp_path, text), columns={"time": ""}, indexes=["lat", "lon", "time"], units={"time_value": "s"})
    assert kind.indexes(out) == ["latitude", "longitude", "time_value"]
    assert out["time_value"].to_numpy().tolist() == [0.5, 1.5]
    assert out["time_value"].attrs["units"] == "s"


def test_parts_of_dates_and_names_are_joined(tmp_path):
    text = (
        "year,month,day,hour,State Code,Site Num,lat,lon,value\n2020,1,2,3,08,1,40,-105,1\n2020,1,x,3,08,1,40,-105,1\n"
    )
    text = text.replace("x", "")
    out = read(table(tmp_path, text), columns={"station": ["State Code", "Site Num"]})
    assert out["time"].to_numpy().tolist() == [np.datetime64("2020-01-02T03:00", "ns").astype(int)]
    assert out["station"].to_numpy().tolist() == ["08-1"]
    assert dropped(out) == {"bad date": 1}


def test_a_running_number_is_no_station(tmp_path):
    out = read(table(tmp_path, "id,lat,lon,date,value\n1,40,8,2020-01-01,1\n2,40,8,2020-01-02,2\n"))
    assert "station" not in out.coords


def test_everything_dropped_is_counted_by_reason(tmp_path, capsys):
    good = "A,40,8,500,2020-01-{:02d},{}\n"
    rows = [good.format(d, v) for d, v in enumerate([1, "", "NA", "-999", "-9999", 70, -70, 2, 3], 1)]
    rows += ["A,40,8,500,2020-02-30,5\n", "A,,8,500,2020-03-01,5\n", "A,40,8,-999,2020-03-02,5\n"]
    rows += ["A,40,8,500,2020-01-01,3\n"]
    out = read(table(tmp_path, HEAD + "".join(rows)), minimum=-60, maximum={"tmax": 60})
    assert dropped(out) == {
        "bad date": 1,
        "duplicate": 1,
        "missing coordinate": 1,
        "missing covariate": 1,
        "missing value": 2,
        "out of range": 2,
        "sentinel": 2,
    }
    assert out["tmax"].to_numpy().tolist() == [2, 2, 3]
    assert out.attrs["values_read"] == 13 == out.sizes["obs"] + sum(dropped(out).values())
    assert "kept 3 of 13 values; dropped: 1 bad date, 1 duplicate" in capsys.readouterr().err


@pytest.mark.parametrize(("rule", "value"), [("mean", 2.0), ("first", 1.0)])
def test_duplicates_follow_the_rule(tmp_path, rule, value):
    text = "lat,lon,date,value\n40,8,2020-01-01,1\n40,8,2020-01-01,3\n40,8,2020-01-02,9\n"
    out = read(table(tmp_path, text), duplicates=rule)
    assert out["value"].to_numpy().tolist() == [value, 9]
    assert dropped(out) == {"duplicate": 1}


def test_two_stations_at_one_place_are_no_duplicates(tmp_path):
    out = read(table(tmp_path, "station,lat,lon,date,value\nA,40,8,2020-01-01,1\nB,40,8,2020-01-01,3\n"))
    assert out["value"].to_numpy().tolist() == [1, 3]


def test_an_undeclared_sentinel_is_named_not_dropped(tmp_path, capsys):
    rows = "".join(f"40,8,2020-01-{d:02d},{v}\n" for d, v in enumerate([-99.9, 1, 2, 3, -99.9], 1))
    out = read(table(tmp_path, "lat,lon,date,value\n" + rows))
    assert out.sizes["obs"] == 5
    assert "'value' holds -99.9 2 times, far from all other values [1, 3]" in capsys.readouterr().err


def test_one_station_is_a_valid_file(tmp_path):
    assert read(table(tmp_path, HEAD + ROWS[1] + "\n")).sizes == {"obs": 1, "station": 1}


def test_suggested_settings_read_the_same(tmp_path, plain):
    path = table(tmp_path, TABLE)
    settings = source.suggest([path])
    assert settings == {
        "columns": {"elevation": "elev", "latitude": "lat", "longitude": "lon", "station": "station", "time": "date"},
        "values": ["tmax"],
        "indexes": ["latitude", "longitude", "time"],
        "covariates": ["elevation"],
    }
    same(read(path, **settings), plain)


numbers = st.floats(-1e6, 1e6, allow_nan=False).filter(lambda v: v not in (-999.0, -9999.0))
rows = st.lists(
    st.tuples(st.integers(0, 3), st.floats(-90, 90), st.floats(-180, 179.9), st.integers(0, 10**9), numbers),
    min_size=1,
    max_size=20,
    unique_by=lambda row: (row[0], row[3]),
)


@given(rows)
def test_numbers_and_times_come_back_to_the_last_bit(tmp_path_factory, drawn):
    frame = pd.DataFrame(drawn, columns=["station", "lat", "lon", "time", "value"])
    frame["time"] = pd.to_datetime(frame["time"], unit="s")
    path = tmp_path_factory.mktemp("table") / "a.csv"
    frame.to_csv(path, index=False)
    out = read(path)
    frame = frame.sort_values(["station", "time"], kind="stable")
    np.testing.assert_array_equal(out["value"], frame["value"])
    np.testing.assert_array_equal(out["latitude"], frame["lat"])
    np.testing.assert_array_equal(out["longitude"], frame["lon"])
    np.testing.assert_array_equal(out["time"], frame["time"].to_numpy().astype("M8[ns]"))
