"""Presets: miniature files in the true layouts are read to the numbers that csv and pandas read from them."""

import csv
import gzip
import io as text_io
import json

import numpy as np
import pandas as pd
import pytest
import yaml
from reading import dropped, read, table

from polyadic.__main__ import main
from polyadic.core import config as configs
from polyadic.core.errors import InputError
from polyadic.sources import observations as source
from polyadic.sources.observation_files import presets
from polyadic.sources.observation_files.settings import ObservationsConfig

OPENAQ = """\
"location_id","sensors_id","location","datetime","lat","lon","parameter","units","value"
2178,3916,"Del Norte-2178","2022-05-03T01:00:00-06:00","35.1353","-106.584702","o3","ppm","0.046"
2178,3917,"Del Norte-2178","2022-05-03T01:00:00-06:00","35.1353","-106.584702","pm25","µg/m³","5.5"
2178,3917,"Del Norte-2178","2022-05-03T02:00:00-06:00","35.1353","-106.584702","pm25","µg/m³","-999.0"
2178,9999,"Del Norte-2178","2022-05-03T01:00:00-06:00","35.1353","-106.584702","pm25","µg/m³","6.5"
"""
OPENAQ_WITHOUT = """\
"location_id","sensors_id","location","datetime","lat","lon","parameter","units","value"
2178,3916,"Del Norte-2178","2022-05-04T01:00:00-06:00","35.1353","-106.584702","o3","ppm","0.05"
"""

AQS_DAILY = """\
"State Code","County Code","Site Num","Parameter Code","POC","Latitude","Longitude","Datum","Parameter Name",\
"Sample Duration","Pollutant Standard","Date Local","Units of Measure","Event Type","Observation Count",\
"Observation Percent","Arithmetic Mean","1st Max Value","1st Max Hour","AQI","Method Code","Method Name",\
"Local Site Name","Address","State Name","County Name","City Name","CBSA Name","Date of Last Change"
"08","031","0002","88101",1,39.751184,-104.987625,"WGS84","PM2.5 - Local Conditions","24 HOUR","PM25 24-hour 2012",\
"2020-08-01","Micrograms/cubic meter (LC)","None",1,100.0,9.5,9.5,0,40,"145","R & P","Denver","2105 Broadway",\
"Colorado","Denver","Denver","Denver, CO","2021-01-01"
"08","031","0002","88101",3,39.751184,-104.987625,"WGS84","PM2.5 - Local Conditions","24 HOUR","PM25 24-hour 2012",\
"2020-08-01","Micrograms/cubic meter (LC)","None",1,100.0,10.5,10.5,0,44,"145","R & P","Denver","2105 Broadway",\
"Colorado","Denver","Denver","Denver, CO","2021-01-01"
"08","031","0002","88101",1,39.751184,-104.987625,"WGS84","PM2.5 - Local Conditions","24 HOUR","PM25 24-hour 2012",\
"2020-08-02","Micrograms/cubic meter (LC)","Included",1,100.0,60.0,60.0,0,150,"145","R & P","Denver","2105 Broadway",\
"Colorado","Denver","Denver","Denver, CO","2021-01-01"
"08","031","0002","88101",1,39.751184,-104.987625,"WGS84","PM2.5 - Local Conditions","24 HOUR","PM25 24-hour 2012",\
"2020-08-02","Micrograms/cubic meter (LC)","Excluded",0,0.0,8.0,8.0,0,30,"145","R & P","Denver","2105 Broadway",\
"Colorado","Denver","Denver","Denver, CO","2021-01-01"
"""
AQS_HOURLY = """\
"State Code","County Code","Site Num","Parameter Code","POC","Latitude","Longitude","Datum","Parameter Name",\
"Date Local","Time Local","Date GMT","Time GMT","Sample Measurement","Units of Measure","MDL","Uncertainty",\
"Qualifier","Method Type","Method Code","Method Name","State Name","County Name","Date of Last Change"
"01","003","0010","44201",1,30.497478,-87.880258,"NAD83","Ozone","2020-03-01","23:00","2020-03-02","05:00",0.037,\
"Parts per million",0.005,"","","FEM","047","ULTRA VIOLET","Alabama","Baldwin","2020-06-10"
"01","003","0010","44201",1,30.497478,-87.880258,"NAD83","Ozone","2020-03-02","00:00","2020-03-02","06:00",0.036,\
"Parts per million",0.005,"","","FEM","047","ULTRA VIOLET","Alabama","Baldwin","2020-06-10"
"""

GHCN_LONG = """\
ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME
USW00094728,20230101,TMAX,128,,,W,2400
USW00094728,20230101,PRCP,15,,,W,2400
USW00094728,20230102,TMAX,-9999,,,W,2400
USW00094728,20230103,TMAX,611,,X,W,2400
USW00094728,20230104,TMAX,-22,,,W,2400
"""
GHCN_STATIONS = """\
USC00050848  39.9919 -105.2667 1671.5 CO BOULDER                            HCN
USW00094728  40.7789  -73.9692   42.7 NY NEW YORK CNTRL PK TWR          HCN 72506
"""
GHCN_ACCESS = """\
"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","PRCP","PRCP_ATTRIBUTES","TMAX","TMAX_ATTRIBUTES"
"USC00050848","1990-07-01","39.9919","-105.2667","1671.5","BOULDER, CO US","    0","T,,0,1800","  333",",,0,1800"
"USC00050848","1990-07-02","39.9919","-105.2667","1671.5","BOULDER, CO US","   25",",,0,1800","  999",",G,0,1800"
"USC00050848","1990-07-03","39.9919","-105.2667","1671.5","BOULDER, CO US",,,"  311",",,0,1800"
"""

PRSA = """\
"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN","wd","WSPM","station"
1,2013,3,1,0,4,4,4,7,300,77,-0.7,1023,-18.8,0,"NNW",4.4,"Aotizhongxin"
2,2013,3,1,1,8,8,4,7,300,77,-1.1,1023.2,-18.2,0,"N",4.7,"Aotizhongxin"
3,2013,3,1,2,NA,7,5,10,300,73,-1.1,1023.5,-18.2,0,"NNW",5.6,"Aotizhongxin"
4,2013,3,2,0,6,6,11,11,300,72,-1.4,1024.5,-19.4,0,"NW",3.1,"Aotizhongxin"
"""
PLACES = "station,latitude,longitude\nAotizhongxin,39.98,116.4\n"


def rows(text: str) -> list[dict[str, str]]:
    """Read a table by the standard library."""
    return list(csv.DictReader(text_io.StringIO(text)))


def dly(station: str, month: str, element: str, cells: dict[int, tuple[int, str]]) -> str:
    """Return one line of a ``.dly`` file: per day value, blank measurement flag, quality flag, source flag."""
    days = (cells.get(day, (-9999, " ")) for day in range(1, 32))
    return f"{station}{month}{element}" + "".join(f"{value:5d} {flag}{'W'}" for value, flag in days) + "\n"


def days(ds) -> list[str]:
    return ds["time"].to_numpy().astype("M8[D]").astype(str).tolist()


def bounds(ds) -> dict:
    return json.loads(ds["time"].attrs["cell_bounds"])


def test_openaq_files_of_days_give_one_parameter(tmp_path):
    paths = []
    for day, text in enumerate((OPENAQ, OPENAQ_WITHOUT), 3):
        paths.append(tmp_path / f"location-2178-2022050{day}.csv.gz")
        paths[-1].write_bytes(gzip.compress(text.encode(), mtime=0))
    for order in (paths, paths[::-1]):
        out = read(*order, select={"parameter": "pm25"})
        assert out["pm25"].to_numpy().tolist() == [(5.5 + 6.5) / 2]
        assert out["pm25"].attrs["units"] == "ug m-3"
        assert out["pm25"].attrs["standard_name"] == "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air"
        assert dropped(out) == {"duplicate": 1, "sentinel": 1}
        assert out.attrs["preset"] == "openaq"
    out = read(*paths, select={"parameter": "o3"})
    wanted = [row for row in rows(OPENAQ) + rows(OPENAQ_WITHOUT) if row["parameter"] == "o3"]
    assert out["o3"].to_numpy().tolist() == [float(row["value"]) for row in wanted]
    assert out["time"].to_numpy().tolist() == [pd.Timestamp(r["datetime"]).tz_convert(None).value for r in wanted]
    assert out["longitude"].to_numpy().tolist() == [float(row["lon"]) for row in wanted]


def test_openaq_asks_for_the_parameter_with_the_text_to_add(tmp_path):
    with pytest.raises(InputError, match=r"several values \('o3', 'pm25'\); choose .* .--set 'select={parameter: o3}'"):
        read(table(tmp_path, OPENAQ))


def test_aqs_daily_means_keep_the_local_day_and_all_that_was_measured(tmp_path):
    out = read(table(tmp_path, AQS_DAILY, "daily_88101_2020.csv"))
    frame = pd.read_csv(text_io.StringIO(AQS_DAILY))
    frame = frame[frame["Event Type"].fillna("None") != "Excluded"]
    expected = frame.groupby("Date Local")["Arithmetic Mean"].mean()
    assert out["pm25"].to_numpy().tolist() == expected.tolist()
    assert days(out) == expected.index.tolist()
    assert dropped(out) == {"duplicate": 1, "flag Event Type": 1}
    assert out["station"].to_numpy().tolist() == ["08-031-0002"]
    assert bounds(out) == {"unit": "days", "start": [0, 0], "end": [1, 1]}
    assert out["pm25"].attrs["units"] == "ug m-3"
    assert out["pm25"].attrs["cell_methods"] == "time: mean"


def test_aqs_hours_are_read_in_universal_time(tmp_path):
    out = read(table(tmp_path, AQS_HOURLY, "hourly_44201_2020.csv"))
    expected = [f"{row['Date GMT']}T{row['Time GMT']}" for row in rows(AQS_HOURLY)]
    assert out["time"].to_numpy().astype("M8[m]").astype(str).tolist() == expected
    assert out["o3"].to_numpy().tolist() == [float(row["Sample Measurement"]) for row in rows(AQS_HOURLY)]
    assert out["o3"].attrs["units"] == "1e-6"
    assert bounds(out)["unit"] == "hours"


def test_aqs_durations_are_not_mixed_unless_asked_for(tmp_path):
    text = AQS_DAILY.replace('"24 HOUR"', '"1 HOUR"', 1)
    with pytest.raises(InputError, match=r"column 'Sample Duration' holds several values .'1 HOUR', '24 HOUR'."):
        read(table(tmp_path, text))
    out = read(table(tmp_path, text), select={"Sample Duration": ["1 HOUR", "24 HOUR"]})
    assert out["pm25"].to_numpy().tolist() == [10, 60]


def long_form(text: str) -> dict[str, float]:
    sound = [row for row in rows(text) if row["ELEMENT"] == "TMAX" and not row["Q_FLAG"]]
    return {row["DATE"]: int(row["DATA_VALUE"]) * 0.1 for row in sound if row["DATA_VALUE"] != "-9999"}


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("site_table", ["fixed", "csv"])
def test_ghcn_long_tables_by_station_and_by_year(tmp_path, header, site_table):
    text = GHCN_LONG if header else GHCN_LONG.partition("\n")[2]
    sites = table(tmp_path, GHCN_STATIONS, "ghcnd-stations.txt")
    if site_table == "csv":
        sites = table(tmp_path, "id,lat,lon,elev\nUSW00094728,40.7789,-73.9692,42.7\n", "sites.csv")
    out = read(table(tmp_path, text), sites, select={"parameter": "TMAX"})
    expected = long_form(GHCN_LONG)
    np.testing.assert_array_equal(out["TMAX"], list(expected.values()))
    assert [day.replace("-", "") for day in days(out)] == list(expected)
    assert dropped(out) == {"sentinel": 1, "flag Q_FLAG": 1}
    assert set(out["latitude"].to_numpy()) == {40.7789}
    assert set(out["longitude"].to_numpy()) == {-73.9692}
    assert set(out["elevation"].to_numpy()) == {42.7}
    assert out["TMAX"].attrs == {
        "units": "degC",
        "long_name": "daily maximum temperature",
        "standard_name": "air_temperature",
        "cell_methods": "time: maximum",
    }
    assert bounds(out) == {"unit": "days", "start": [0, 0], "end": [1, 1]}


def test_ghcn_fixed_width_files_say_the_same_as_the_tables(tmp_path):
    lines = [
        dly("USW00094728", "202301", "TMAX", {1: (128, " "), 3: (611, "X"), 4: (-22, " ")}),
        dly("USW00094728", "202302", "TMAX", {28: (50, " "), 29: (7, " "), 31: (7, " ")}),
        dly("USW00094728", "202301", "PRCP", {1: (15, " ")}),
    ]
    sites = table(tmp_path, GHCN_STATIONS, "ghcnd-stations.txt")
    out = read(table(tmp_path, "".join(lines), "USW00094728.dly"), sites, select={"parameter": "TMAX"})
    np.testing.assert_array_equal(out["TMAX"], [128 * 0.1, -22 * 0.1, 50 * 0.1])
    assert days(out) == ["2023-01-01", "2023-01-04", "2023-02-28"]
    assert dropped(out) == {"sentinel": 31 - 3 + 28 - 1, "flag Q_FLAG": 1}  # days that February has not do not count


def test_ghcn_fixed_width_files_that_are_cut_off_are_refused(tmp_path):
    """A value cut short would be another value; blank flags at the end of a line may be stripped."""
    line = dly("USW00094728", "202301", "TMAX", dict.fromkeys(range(1, 32), (128, " ")))
    sites = table(tmp_path, GHCN_STATIONS, "ghcnd-stations.txt")
    for length, said in ((150, "line 2 ends within a value, after 150 of 269 characters"), (145, "after 145 of 269")):
        with pytest.raises(InputError, match=said):
            read(table(tmp_path, line + line[:length], "USW00094728.dly"), sites)
    stripped = line.rstrip() + "\n" + line[:29].replace("202301", "202302")
    whole = read(table(tmp_path, stripped, "USW00094728.dly"), sites)
    assert whole.sizes["obs"] == 32


def test_polyadic_read_says_what_the_source_says_that_knows_the_file(tmp_path, capsys):
    """Not what all the others say that do not."""
    head = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value\n"
    row = "7,70,Hill,2023-01-01T01:00:00-06:00,35.1,-106.6,{},ppm,0.01\n"
    path = table(tmp_path, head + row.format("o3") + row.format("no2"), "openaq.csv")
    with pytest.raises(SystemExit) as end:
        main(["read", str(path), "--out", str(tmp_path / "out.nc")])
    assert end.value.code == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert said == [
        f"error: {path}: column 'parameter' holds several values ('o3', 'no2'); choose one by"
        " select: {parameter: o3} (--set 'select={parameter: o3}')"
    ]
    assert not (tmp_path / "out.nc").exists()


def test_ghcn_access_tables_take_the_flag_of_each_element(tmp_path):
    path = table(tmp_path, GHCN_ACCESS, "USC00050848.csv")
    out = read(path, values=["TMAX", "PRCP"])
    np.testing.assert_array_equal(out["TMAX"], [333 * 0.1, np.nan, 311 * 0.1])
    np.testing.assert_array_equal(out["PRCP"], [0, 25 * 0.1, np.nan])
    assert dropped(out) == {"flag TMAX_ATTRIBUTES: TMAX": 1, "missing value: PRCP": 1}
    assert out["PRCP"].attrs["units"] == "mm"
    assert set(out["elevation"].to_numpy()) == {1671.5}


def test_ghcn_orders_in_degrees_are_not_scaled_twice(tmp_path):
    path = table(tmp_path, GHCN_ACCESS.replace("  333", "33.3").replace("  311", "31.1"))
    with pytest.raises(InputError, match=r"column 'TMAX' holds 33\.3, .* may be converted already: set preset: none"):
        read(path, values=["TMAX"])
    out = read(path, values=["TMAX"], preset="none", units={"TMAX": "degC"}, flags={"TMAX_ATTRIBUTES[2]": [""]})
    assert out["TMAX"].to_numpy().tolist() == [33.3, 31.1]


def test_ghcn_without_places_names_the_file_of_places(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: GHCN-Daily states places in ghcnd-stations\.txt: give that file"):
        read(table(tmp_path, GHCN_LONG), select={"parameter": "TMAX"})


def test_beijing_hours_are_in_china_standard_time(tmp_path):
    out = read(table(tmp_path, PRSA), table(tmp_path, PLACES, "sites.csv"), values=["PM2.5", "TEMP"])
    frame = pd.read_csv(text_io.StringIO(PRSA))
    wall = pd.to_datetime(frame[["year", "month", "day", "hour"]]) - pd.Timedelta(hours=8)
    np.testing.assert_array_equal(out["time"], wall.to_numpy().astype("M8[ns]"))
    np.testing.assert_array_equal(out["PM2.5"], frame["PM2.5"])
    np.testing.assert_array_equal(out["TEMP"], frame["TEMP"])
    assert out["PM2.5"].attrs["units"] == "ug m-3"


def test_daily_means_leave_out_days_of_too_few_values(tmp_path):
    files = table(tmp_path, PRSA), table(tmp_path, PLACES, "sites.csv")
    out = read(*files, values=["PM2.5"], daily_means=2)
    assert out["PM2.5"].to_numpy().tolist() == [6]
    assert days(out) == ["2013-03-01"]
    assert dropped(out) == {"missing value": 1, "averaged to a day": 1, "day of too few values": 1}
    assert out.attrs["values_read"] == 4 == out.sizes["obs"] + sum(dropped(out).values())
    assert out["PM2.5"].attrs["cell_methods"] == "time: mean"
    assert bounds(out)["unit"] == "days"
    with pytest.raises(
        InputError, match="no day holds 20 values, the fullest holds 2; lower the setting 'daily_means'"
    ):
        read(*files, values=["PM2.5"], daily_means=20)


def test_beijing_without_places_names_the_stations_and_the_form(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: the file states no places; add a CSV .*station,latitude,longitude"):
        read(table(tmp_path, PRSA), values=["PM2.5"])


def test_settings_go_before_those_of_the_preset(tmp_path):
    sites = table(tmp_path, GHCN_STATIONS, "ghcnd-stations.txt")
    given = {"select": {"parameter": "TMAX"}, "flags": {"Q_FLAG": ["", "X"]}, "scale": {"TMAX": 1.0}}
    out = read(table(tmp_path, GHCN_LONG), sites, **given, units={"TMAX": "0.1 degC"})
    assert out["TMAX"].to_numpy().tolist() == [128, 611, -22]
    assert out["TMAX"].attrs["units"] == "0.1 degC"


def test_an_unknown_preset_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match=r"setting 'preset' names 'openaqs'; did you mean 'openaq'\?"):
        read(table(tmp_path, OPENAQ), preset="openaqs")


def test_the_suggestion_names_the_preset(tmp_path):
    assert source.suggest([table(tmp_path, OPENAQ_WITHOUT)]) == {"preset": "openaq"}


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_holds_settings_that_exist(name):
    settings = yaml.safe_load(json.dumps(dict(presets.PRESETS[name].settings)))
    configs.build(ObservationsConfig, {**settings, "preset": name})
