"""Where a Dataset came from: attributes without clock times or machine paths, and a hash of the content."""

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

HASH = "content_sha256"
_SLAB = 2**24  # elements hashed at a time

STAMPED = ("Conventions", "kind", "schema_version", "stage", "config", "code", "inputs", "history", "software", "seed")


def stamp(
    attributes: Mapping[str, Any],
    *,
    kind: str,
    version: str,
    stage: str,
    config: str,
    code: str,
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the attributes of a stage's output: the provenance first, then what the stage itself said.

    ``inputs`` maps each input to the attributes of its Dataset, or to the SHA-256 of its bytes.
    """
    hashes, histories = {}, []
    for name, source in inputs.items():
        hashes[name] = source if isinstance(source, str) else source.get(HASH, "unrecorded")
        if not isinstance(source, str) and source.get("history"):
            histories += [line for line in str(source["history"]).splitlines() if line not in histories]
    stamped: dict[str, Any] = {
        "Conventions": "CF-1.11",
        "kind": kind,
        "schema_version": version,
        "stage": stage,
        "config": config,
        "code": code,
        "inputs": json.dumps(hashes, sort_keys=True),
        "history": "\n".join([*histories, f"{stage} {config}"]),
        "software": f"polyadic {software_version()}",
    }
    settings = json.loads(config)
    if "seed" in settings:
        stamped["seed"] = int(settings["seed"])
    own = {k: v for k, v in attributes.items() if k not in stamped and k not in STAMPED and k != HASH}
    return {**stamped, **own}


def software_version() -> str:
    """Return the installed version of polyadic, or ``0+source`` where it runs from a bare tree."""
    try:
        return importlib.metadata.version("polyadic")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


def content_hash(groups: Mapping[str, xr.Dataset]) -> str:
    """Return the SHA-256 of names, dimensions, types, values and attributes of all groups.

    The hash is the same before and after a trip to the disk: chunking, compression, the width of
    fixed-width strings and the resolution of dates do not count. Values stream in slabs along the
    first dimension, so arrays larger than memory can be hashed.
    """
    digest = hashlib.sha256()
    for path in sorted(groups):
        ds = groups[path]
        digest.update(f"group {path}\n{_attributes(ds.attrs)}\n".encode())
        for name in sorted(map(str, ds.variables)):
            variable = ds.variables[name]
            role = "coordinate" if name in ds.coords else "variable"
            header = f"{role} {name} {variable.dims} {variable.shape} {_type(variable)} {_attributes(variable.attrs)}\n"
            digest.update(header.encode())
            for slab in _slabs(variable):
                digest.update(slab)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; of a folder that of the names and hashes of its files, in their order."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(found for found in path.rglob("*") if found.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()} {file_hash(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _attributes(attributes: Mapping[Any, Any]) -> str:
    plain = {str(k): _plain(v) for k, v in attributes.items() if k not in (HASH, "_FillValue")}
    return json.dumps(plain, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    return value


def _type(variable: xr.Variable) -> str:
    names = {"U": "string", "O": "string", "T": "string", "M": "datetime64[ns]", "m": "timedelta64[ns]"}
    return names.get(variable.dtype.kind, str(variable.dtype.newbyteorder("<").str))


def _slabs(variable: xr.Variable) -> Iterator[bytes]:
    if variable.ndim == 0:
        yield _bytes(np.asarray(variable.values))
        return
    row = max(1, int(np.prod(variable.shape[1:])))
    step = max(1, _SLAB // row)
    for start in range(0, variable.shape[0], step):
        yield _bytes(np.asarray(variable[start : start + step].values))


def _bytes(values: np.ndarray[Any, Any]) -> bytes:
    if values.dtype.kind in "UOT":
        return b"".join(len(e).to_bytes(4, "little") + e for e in (str(v).encode() for v in values.ravel()))
    if values.dtype.kind == "M":
        values = values.astype("datetime64[ns]").view(np.int64)
    elif values.dtype.kind == "m":
        values = values.astype("timedelta64[ns]").view(np.int64)
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
