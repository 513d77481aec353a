"""GeoParquet: points in WGS 84 are places; every other geometry or reference system is refused with the remedy."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from reading import read, table

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import parquet

LONGITUDE, LATITUDE, VALUE = [-105.5, 8.25, 8.25], [40.25, 47.5, 47.5], [1.5, -2.0, np.nan]
CRS84 = {"type": "GeographicCRS", "name": "WGS 84 (CRS84)", "id": {"authority": "OGC", "code": "CRS84"}}
UTM = {"type": "ProjectedCRS", "name": "WGS 84 / UTM zone 32N", "id": {"authority": "EPSG", "code": 32632}}


def wkb(x, y, order="<"):
    return struct.pack(f"{order}BIdd", int(order == "<"), 1, x, y)


def written(path, geo=None, geometry=None):
    """Write three rows; places as WKB points, of both byte orders, unless another geometry is given."""
    pa = pytest.importorskip("pyarrow", reason="the extra geo is not installed")
    import pyarrow.parquet as pq

    points = [wkb(LONGITUDE[0], LATITUDE[0]), wkb(LONGITUDE[1], LATITUDE[1], ">"), wkb(LONGITUDE[2], LATITUDE[2])]
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[us]")
    columns = {
        "station": pa.array(["a", "b", "b"]).dictionary_encode(),
        "time": pa.array(days),
        "pm25": pa.array(VALUE),
        "geometry": pa.array(points) if geometry is None else geometry(pa),
        "bbox": pa.array([{"xmin": 0.0}] * 3),
    }
    made = pa.table(columns)
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}} | (geo or {})
    pq.write_table(made.replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def with_crs(crs):
    return {"columns": {"geometry": {"encoding": "WKB", "crs": crs}}}


@pytest.mark.parametrize("geo", [{}, with_crs(CRS84)], ids=["left out", "CRS84"])
def test_points_are_places_and_the_rest_is_as_in_a_csv(tmp_path, geo):
    found = read(written(tmp_path / "a.parquet", geo), units={"pm25": "ug m-3"})
    lines = ["station,time,pm25,longitude,latitude"]
    for i, day in enumerate(("2020-01-01", "2020-01-02", "2020-01-03")):
        lines.append(f"{'abb'[i]},{day}T00:00:00,{VALUE[i]},{LONGITUDE[i]},{LATITUDE[i]}")
    same = read(table(tmp_path, "\n".join(lines) + "\n"), units={"pm25": "ug m-3"})
    for name in ("pm25", "longitude", "latitude", "time", "station", "station_index"):
        np.testing.assert_array_equal(found[name], same[name])
    assert found.attrs["dropped"] == same.attrs["dropped"]


def test_points_of_their_own_encoding_are_places(tmp_path):
    def structs(pa):
        return pa.array([{"x": x, "y": y} for x, y in zip(LONGITUDE, LATITUDE, strict=True)])

    geo = {"columns": {"geometry": {"encoding": "point"}}}
    found = read(written(tmp_path / "a.parquet", geo, structs), units={"pm25": "1"})
    np.testing.assert_array_equal(found["latitude"], LATITUDE[:2])


def test_a_projected_system_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"UTM zone 32N \(EPSG:32632\), accepted is WGS 84 .* frame.to_crs"):
        read(written(tmp_path / "a.parquet", with_crs(UTM)))


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        (None, "reference system is unknown"),
        ("EPSG:4326", "is no PROJJSON"),
        ({"type": "GeographicCRS", "name": "NAD27", "id": {"authority": "EPSG", "code": 4267}}, r"NAD27 \(EPSG:4267\)"),
        ({"type": "ProjectedCRS", "name": "WGS 84 / World Mercator"}, "WGS 84 / World Mercator, accepted"),
    ],
)
def test_systems_that_are_not_wgs_84_are_refused(crs, message):
    with pytest.raises(InputError, match=message):
        parquet.refuse_other_systems(crs, "a.parquet")


@pytest.mark.parametrize(
    "crs",
    [CRS84, {"type": "GeographicCRS", "name": "x", "id": {"authority": "EPSG", "code": 4326}},
     {"type": "GeographicCRS", "name": "WGS 84"}],
)  # fmt: skip
def test_wgs_84_has_several_names(crs):
    parquet.refuse_other_systems(crs, "a.parquet")


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (struct.pack("<BIII", 1, 3, 0, 0), "row 12: a Polygon, accepted are points; use centroids"),
        (struct.pack("<BId", 1, 1, 0.0), "row 12: a damaged point"),
    ],
)
def test_other_geometries_are_named_with_their_row(geometry, message):
    with pytest.raises(InputError, match=message):
        parquet.points([wkb(1, 2), geometry], Path("a.parquet"), 10)


def test_heights_of_points_are_left_out():
    raised = struct.pack("<BIddd", 1, 1001, 1.0, 2.0, 300.0)
    np.testing.assert_array_equal(parquet.points([raised, wkb(3, 4)], Path("a")), [[1, 2], [3, 4]])


def test_without_pyarrow_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1rest")
    with pytest.raises(InputError, match=r"Parquet needs pyarrow; pip install 'polyadic\[geo\]', or save the table as"):
        read(tmp_path / "a.parquet")
