"""Source `field_files`: fields from PDEBench, The Well, torch, MATLAB, NetCDF, Zarr and HDF5 files.

``python -m polyadic.sources.field_files --files train.pt test.pt --config '{"split": ["train", "test"]}' --out a.nc``
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind
from polyadic.sources.field_formats.settings import FieldFilesConfig


@stage(name="sources.field_files", config=FieldFilesConfig, output=kind.SCHEMA, files=True)
def field_files(cfg: FieldFilesConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read the samples of all files as one Dataset of kind `fields`, in the order of the files.

    The format is found by content. Runs with a value that is not finite are left out, and the log says how many.

    Raises
    ------
    InputError
        If a file cannot be read, lacks a name, or does not fit the others.

    Notes
    -----
    Above 64 MiB of chosen values nothing is held: blocks of samples are read twice, once to look for values that are
    not finite and once to be written.
    """
    from polyadic.sources.field_formats import formats, joining

    if cfg.split and len(cfg.split) != len(files):
        raise InputError(f"split names {len(cfg.split)} uses for {len(files)} files; name one a file")
    read = [formats.read(path, cfg) for path in files]
    progress.log(f"{files[0].name}: {read[0].layout}, {', '.join(read[0].fields)}")
    return joining.dataset(read, cfg)


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a small NetCDF file of two fields and return it with the settings by which it is read."""
    rng = np.random.default_rng(0)
    dims = ("run", "lat", "lon")
    ds = xr.Dataset({name: (dims, rng.standard_normal((6, 5, 4))) for name in ("a", "u")})
    path = folder / "fields_example.nc"
    ds.to_netcdf(path, engine="h5netcdf")
    return [path], {"inputs": ["a"], "outputs": ["u"], "boundary": "open"}


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return the settings by which this source reads the files.

    Raises
    ------
    InputError
        Unless all are of a layout that says which fields are inputs and outputs; otherwise these must be named.
    """
    from polyadic.sources.field_formats import formats

    forms = [formats.of(path) for path in files]
    if all(form in formats.KNOWN for form in forms):
        for path in files:
            formats.read(path, FieldFilesConfig())
        return {}
    raise InputError("to read fields, name them: --kind fields --set inputs=[a] --set outputs=[u]")


if __name__ == "__main__":
    field_files.cli()
