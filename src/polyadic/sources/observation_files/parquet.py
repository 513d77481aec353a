"""Parquet and GeoParquet tables: columns of numbers and texts, and the places that their points state.

A geometry column of points (WKB, or GeoParquet's own `point`) becomes the columns `longitude` and `latitude`:
GeoParquet stores x before y whatever the order that its reference system names.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from polyadic.core.errors import InputError

MAGIC = b"PAR1"
PLACE = ("longitude", "latitude")
_POINT = {1: 16, 1001: 24, 2001: 24, 3001: 32, 0x80000001: 24}
"""Bytes of the coordinates of a WKB point by its type: plain, with height, measure or both, the old one of height."""
_GEOMETRIES = {2: "LineString", 3: "Polygon", 4: "MultiPoint", 5: "MultiLineString", 6: "MultiPolygon"}
_ACCEPTED_IDS = {("OGC", "CRS84"), ("OGC", "CRS84h"), ("EPSG", "4326"), ("EPSG", "4979")}
_ACCEPTED_NAMES = ("wgs 84", "world geodetic system 1984")


def is_parquet(path: Path) -> bool:
    """Return whether a file begins as Parquet files do."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def names_and_sample(path: Path, rows: int) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the names of the columns and the first rows, as texts.

    Raises
    ------
    InputError
        If pyarrow is missing, the file is damaged, or its geometry is not of points in geographic WGS 84.
    """
    first = next(frames(path, rows), pd.DataFrame())
    texts = first.astype(object).where(first.notna(), "")
    return tuple(map(str, first.columns)), tuple(tuple(map(str, row)) for row in texts.itertuples(index=False))


def frames(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Yield the rows, some at a time, places in columns of their own; the index is the number of the row, from 1."""
    import_error = f"{path}: Parquet needs pyarrow; pip install 'polyadic[geo]', or save the table as CSV"
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise InputError(import_error) from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({_line(error)}); get it again") from error
    with file:
        geometry = _geometry(path, dict(file.schema_arrow.metadata or {}), file.schema_arrow.names)
        columns = [field.name for field in file.schema_arrow if _is_plain(field.type)]
        done = 0
        try:
            for batch in file.iter_batches(batch_size=rows, columns=[*columns, *([geometry] if geometry else [])]):
                frame = pd.DataFrame({name: _cells(batch.column(name)) for name in columns if name != geometry})
                if geometry and not set(PLACE) <= set(frame.columns):
                    frame[list(PLACE)] = points(batch.column(geometry).to_pylist(), path, done)
                frame.index = pd.RangeIndex(done + 1, done + 1 + len(frame))
                done += len(frame)
                yield frame
        except (pyarrow.ArrowInvalid, OSError) as error:
            raise InputError(f"{path}: the Parquet data is damaged ({_line(error)}); get it again") from error


def _is_plain(kind: Any) -> bool:
    import pyarrow.types as types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind))


def _cells(column: Any) -> Any:
    """Return numbers as they are and everything else as text; blanks are NaN and empty texts."""
    import pyarrow
    import pyarrow.types as types

    kind = column.type
    if types.is_floating(kind) or types.is_integer(kind) or types.is_decimal(kind):
        return column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    return np.array([text or "" for text in column.cast(pyarrow.string()).to_pylist()], object)


def _geometry(path: Path, metadata: Mapping[bytes, bytes], names: list[str]) -> str:
    """Return the name of the geometry column, or an empty text where the file is plain Parquet."""
    if b"geo" not in metadata:
        return ""
    stated = json.loads(metadata[b"geo"])
    name = str(stated.get("primary_column", "geometry"))
    column = stated.get("columns", {}).get(name)
    if column is None or name not in names:
        raise InputError(
            f"{path}: its metadata names a geometry column {name!r} that is not there; write the file again"
        )
    encoding = str(column.get("encoding", "WKB"))
    if encoding.casefold() not in ("wkb", "point"):
        raise InputError(f"{path}: geometry {name!r} is encoded as {encoding!r}, accepted are WKB and point")
    if "crs" in column:
        refuse_other_systems(column["crs"], str(path))
    return name


def refuse_other_systems(crs: Any, where: str) -> None:
    """Raise `InputError` for a reference system (PROJJSON) that is not geographic WGS 84.

    A file that leaves the system out means OGC:CRS84; one that says null does not know it.
    """
    remedy = "reproject it (geopandas: frame.to_crs('OGC:CRS84').to_parquet(...))"
    if crs is None:
        raise InputError(f"{where}: its reference system is unknown (crs is null); set it, or {remedy}")
    if not isinstance(crs, dict):
        raise InputError(f"{where}: its reference system {str(crs)[:60]!r} is no PROJJSON; {remedy}")
    name, stated = str(crs.get("name", "unnamed")), crs.get("id") or {}
    if (str(stated.get("authority", "")), str(stated.get("code", ""))) in _ACCEPTED_IDS:
        return
    geographic = str(crs.get("type", "")).startswith("Geographic")
    if not stated and geographic and name.casefold().startswith(_ACCEPTED_NAMES):
        return
    label = f"{name} ({stated['authority']}:{stated['code']})" if {"authority", "code"} <= set(stated) else name
    raise InputError(f"{where}: its reference system is {label}, accepted is WGS 84 in degrees (OGC:CRS84); {remedy}")


def points(geometries: list[Any], path: Path, before: int = 0) -> NDArray[np.float64]:
    """Return longitude and latitude (rows, 2) of points: WKB, or mappings with x and y; NaN where there is none.

    Raises
    ------
    InputError
        For any other geometry, naming the row, counted from ``before``.

    Examples
    --------
    >>> import struct
    >>> points([struct.pack("<BIdd", 1, 1, -105.0, 40.0), struct.pack(">BIdd", 0, 1, 8.0, 47.0), None], Path("a"))
    array([[-105.,   40.],
           [   8.,   47.],
           [  nan,   nan]])
    """
    out = np.full((len(geometries), 2), np.nan)
    groups: dict[tuple[bytes, int], list[int]] = {}
    for row, geometry in enumerate(geometries):
        if geometry is None:
            continue
        if isinstance(geometry, dict):
            out[row] = geometry["x"], geometry["y"]
        else:
            groups.setdefault((bytes(geometry[:5]), len(geometry)), []).append(row)
    for (head, size), rows in groups.items():
        order = "<" if head[:1] == b"\x01" else ">"
        kind = int.from_bytes(head[1:5], "little" if order == "<" else "big")
        if size != 5 + _POINT.get(kind, -6):
            what = _GEOMETRIES.get(kind % 1000, f"geometry of type {kind}") if kind not in _POINT else "damaged point"
            raise InputError(
                f"{path}, row {before + rows[0] + 1}: a {what}, accepted are points; use centroids (geometry.centroid)"
            )
        record = np.dtype([("head", "S5"), ("xy", f"{order}f8", 2), ("rest", f"V{size - 21}")])
        out[rows] = np.frombuffer(b"".join(geometries[row] for row in rows), record)["xy"]
    return out


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:100]
