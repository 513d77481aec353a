"""Times: zones, local days, formats and CF calendars, against the standard library and cftime."""

import datetime
import zoneinfo

import cftime
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import dropped, read, table

from polyadic.sources.observation_files import times

instants = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)).map(
    lambda t: t.replace(microsecond=0)
)
zones = st.sampled_from(["UTC", "Asia/Shanghai", "America/Denver", "Europe/Berlin", "Asia/Kolkata"])


def parse(*texts, time_format="", time_zone="UTC", local_day=False):
    return times.Reader(time_format, time_zone, local_day)(np.array(texts, object))


def utc(time: datetime.datetime) -> np.datetime64:
    return np.datetime64(time.astimezone(datetime.UTC).replace(tzinfo=None), "ns")


@given(st.lists(instants, min_size=1, max_size=5), zones)
def test_naive_times_of_a_zone_become_utc(drawn, name):
    zone = zoneinfo.ZoneInfo(name)
    for wall, found in zip(drawn, parse(*[t.isoformat(sep=" ") for t in drawn], time_zone=name), strict=True):
        first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() == second.utcoffset():
            assert found == utc(first)
        else:
            assert np.isnat(found)  # a clock change skips or repeats it


@given(st.lists(st.tuples(instants, st.integers(-14 * 4, 14 * 4)), min_size=1, max_size=5))
def test_stated_offsets_hold_against_the_setting(drawn):
    zoned = [t.replace(tzinfo=datetime.timezone(datetime.timedelta(minutes=15 * quarters))) for t, quarters in drawn]
    found = parse(*[t.isoformat() for t in zoned], time_zone="Asia/Shanghai")
    assert found.tolist() == [utc(t).astype(int) for t in zoned]


@given(st.lists(instants, min_size=1, max_size=5), zones)
def test_dates_without_a_clock_are_never_shifted(drawn, name):
    days = [t.date().isoformat() for t in drawn]
    assert parse(*days, time_zone=name).astype("M8[D]").astype(str).tolist() == days


def test_a_local_day_is_the_day_as_written():
    found = parse("2020-01-01T23:30:00-07:00", "2020-01-02T00:30:00+08:00", "2020-01-03", local_day=True)
    assert found.astype("M8[D]").astype(str).tolist() == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert (found == found.astype("M8[D]")).all()


@pytest.mark.parametrize(
    "text",
    [
        "2020-03-01T06:05:00Z", "2020-03-01 06:05", "2020/3/1 6:05", "2020-03-01T06:05:00.000+00:00",
        "2020-03-01 06:05 UTC", "2020-02-29T23:05:00-0700", "01/03/2020 6:05", "2020-03-01T14:05+08",
    ],
)  # fmt: skip
def test_usual_ways_of_writing_are_one_instant(text):
    other = ["31/01/2020"] if text.startswith("01/") else []  # tells that the day comes first
    assert parse(text, *other)[0] == np.datetime64("2020-03-01T06:05")


@pytest.mark.parametrize(
    ("texts", "time_format", "expected"),
    [
        (["20200301", "20200302"], "", "2020-03-01"),
        (["202003"], "", "2020-03-01"),
        (["2020"], "", "2020-01-01"),
        (["2020-03"], "", "2020-03-01"),
        (["03/01/2020", "03/13/2020"], "", "2020-03-01"),
        (["01.03.2020", "13.03.2020"], "", "2020-03-01"),
        (["01/03/2020"], "%d/%m/%Y", "2020-03-01"),
        (["01/03/2020"], "%m/%d/%Y", "2020-01-03"),
        (["Mar 1, 2020 12:30 AM"], "%b %d, %Y %I:%M %p", "2020-03-01T00:30"),
        (["1 Mar 2020 07:00 +0700"], "%d %b %Y %H:%M %z", "2020-03-01T00:00"),
        (["1583020800"], "unix", "2020-03-01"),
        (["43889.5"], "days since 1900-01-01", "2020-03-01T12:00"),
    ],
)
def test_formats_are_recognised_or_given(texts, time_format, expected):
    assert parse(*texts, time_format=time_format)[0] == np.datetime64(expected)


def test_what_is_no_date_is_missing():
    found = parse("2020-02-30", "2020-13-01", "", "2020-01-01", "soon", "1500-01-01", "2300-01-01")
    assert np.isnat(found).tolist() == [True, True, True, False, True, True, True]


def test_day_and_month_that_cannot_be_told_apart_are_refused():
    with pytest.raises(ValueError, match=r"'01/02/2020' may be day or month first; set 'time_format' to '%d/%m/%Y'"):
        parse("01/02/2020", "03/04/2020")


def test_the_order_of_day_and_month_holds_for_the_whole_file():
    reader = times.Reader("", "UTC", False)
    reader(np.array(["13/02/2020"], object))
    assert reader(np.array(["01/02/2020"], object))[0] == np.datetime64("2020-02-01")


def test_texts_that_are_no_times_are_refused():
    with pytest.raises(ValueError, match=r"'yesterday' is no time that is recognised; set 'time_format'"):
        parse("", "yesterday")


@given(st.integers(1700, 2200), st.integers(1, 12), st.integers(1, 30), st.sampled_from(["noleap", "all_leap"]))
def test_dates_of_leap_variants_are_kept(year, month, day, calendar):
    if day > [31, 28 if calendar == "noleap" else 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]:
        return
    units = "days since 1850-01-01"
    number = cftime.date2num(cftime.datetime(year, month, day, calendar=calendar), units)
    found = times.decode(np.array([float(number), np.nan]), units, calendar)
    try:
        assert found[0] == np.datetime64(datetime.date(year, month, day).isoformat())
    except ValueError:  # 29 February of a year without one
        assert np.isnat(found[0])
    assert np.isnat(found[1])


@given(st.integers(1700, 2200), st.integers(0, 359))
def test_360_day_years_keep_the_fraction_of_the_year(year, day):
    date = cftime.datetime(year, day // 30 + 1, day % 30 + 1, calendar="360_day")
    number = float(cftime.date2num(date, "days since 1850-01-01"))
    found = times.decode(np.array([number]), "days since 1850-01-01", "360_day")[0]
    start, end = (np.datetime64(f"{y}-01-01", "s") for y in (year, year + 1))
    assert (found - start) / (end - start) == pytest.approx(day / 360, abs=1e-7)
    assert start <= found < end


def test_julian_dates_keep_the_instant():
    """Julian 1900 had a 29 February: the calendars lie 13 days apart from 1 March on."""
    number = float(cftime.date2num(cftime.datetime(1900, 3, 1, calendar="julian"), "days since 1850-01-01"))
    assert times.decode(np.array([number]), "days since 1850-01-01", "julian")[0] == np.datetime64("1900-03-14")


def test_zones_are_names_or_offsets():
    assert times.zone("+08:00") == times.zone("+8") == datetime.timezone(datetime.timedelta(hours=8))
    with pytest.raises(ValueError, match=r"must be a zone such as Asia/Shanghai or an offset such as .*'Asia/Beijing'"):
        times.zone("Asia/Beijing")


def test_times_that_a_clock_change_hides_are_counted(tmp_path):
    text = "lat,lon,date,value\n" + "".join(f"40,-105,2020-03-08 0{h}:30,1\n" for h in (1, 2, 3))
    out = read(table(tmp_path, text), time_zone="America/Denver")
    assert dropped(out) == {"bad date": 1}
    assert out["time"].to_numpy().astype("M8[m]").astype(str).tolist() == ["2020-03-08T08:30", "2020-03-08T09:30"]


def test_a_local_day_is_said_in_the_file(tmp_path):
    out = read(table(tmp_path, "lat,lon,time,value\n40,-105,2020-01-01T23:00-07:00,1\n"), local_day=True)
    assert out["time"].to_numpy()[0] == np.datetime64("2020-01-01")
    assert out["time"].attrs["comment"] == "local calendar day of each place"
