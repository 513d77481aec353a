"""Source `field_files`: fields from NetCDF files, Zarr stores, and files of tensors saved by torch.

``python -m polyadic.sources.field_files --files train.pt test.pt --config '{"split": ["train", "test"]}' --out a.nc``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError, nearest
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind


@dataclass(frozen=True)
class FieldFilesConfig:
    """What the files hold."""

    inputs: tuple[str, ...] = setting(("x",), "names of the input fields in the files")
    outputs: tuple[str, ...] = setting(("y",), "names of the output fields in the files")
    parameters: tuple[str, ...] = setting((), "names of numbers of each sample, which are inputs too")
    names: dict[str, str] = setting(
        {}, "new name by name in the files; x and y become input_x and output_y by themselves"
    )
    units: dict[str, str] = setting({}, "unit by new name; default: of the file, or 1")
    sample: str = setting("", "dimension of the samples in NetCDF and Zarr; empty: the first")
    axes: int = setting(2, "axes of space, 1 to 3: the last dimensions; those between are channels")
    low: float = setting(0.0, "where every axis starts")
    high: float = setting(1.0, "where every axis ends, for periodic ones one step behind the last point")
    boundary: Literal["periodic", "dirichlet", "neumann", "open"] = setting("periodic", "condition at the edges")
    grid: Literal["both", "left", "centre"] = setting("both", "points: both ends included, the low one, cell centres")
    split: tuple[str, ...] = setting((), "use of each file's samples (train, validation, test); empty: not said")

    def __post_init__(self) -> None:
        """Refuse axes and uses that do not exist."""
        if not 1 <= self.axes <= 3:
            raise ValueError(f"axes is {self.axes}; accepted are 1 to 3")
        for use in self.split:
            if use not in kind.SPLITS:
                raise ValueError(f"split names {use!r}; {nearest(use, kind.SPLITS)}")
        if not self.inputs or not self.outputs:
            raise ValueError("inputs and outputs must name at least one field each")


@stage(name="sources.field_files", config=FieldFilesConfig, output=kind.SCHEMA, files=True)
def field_files(cfg: FieldFilesConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read the samples of all files as one Dataset of kind `fields`, in the order of the files.

    Samples with a value that is not finite are left out, and the log says how many.

    Raises
    ------
    InputError
        If a file cannot be read, lacks a name, or does not fit the others.
    """
    if cfg.split and len(cfg.split) != len(files):
        raise InputError(f"split names {len(cfg.split)} uses for {len(files)} files; name one a file")
    wanted = [*cfg.inputs, *cfg.outputs, *cfg.parameters]
    read = [_read(path, wanted, cfg) for path in files]
    arrays = {name: _joined(name, [one[name] for one in read], files) for name in wanted}
    finite = np.logical_and.reduce([np.isfinite(v).reshape(v.shape[0], -1).all(axis=1) for v in arrays.values()])
    if not finite.all():
        progress.warn(f"{int((~finite).sum())} of {finite.size} samples hold values that are not finite: left out")
    flags = None
    if cfg.split:
        counts = [len(one[wanted[0]]) for one in read]
        flags = np.repeat([kind.SPLITS.index(use) for use in cfg.split], counts)[finite]
    axis = kind.Axis(cfg.low, cfg.high, cfg.boundary, cfg.grid)
    variables = {name: (values[finite], *_about(name, cfg)) for name, values in arrays.items()}
    named = {_renamed(name, cfg): value for name, value in variables.items()}
    return kind.dataset(
        named, dict.fromkeys(kind.SPACE[-cfg.axes :], axis), split=flags, generator="files that were brought"
    )


def _about(name: str, cfg: FieldFilesConfig) -> tuple[str, dict[str, str]]:
    new = _renamed(name, cfg)
    return _role(name, cfg), {"units": cfg.units.get(new, "1"), "long_name": new.replace("_", " ")}


def _role(name: str, cfg: FieldFilesConfig) -> str:
    return "input" if name in cfg.inputs else "output" if name in cfg.outputs else "parameter"


def _renamed(name: str, cfg: FieldFilesConfig) -> str:
    """Return the new name; one that is the name of an axis says its role too."""
    new = cfg.names.get(name, name)
    return f"{_role(name, cfg)}_{new}" if new in kind.SPACE else new


def _read(path: Path, wanted: Sequence[str], cfg: FieldFilesConfig) -> dict[str, NDArray[Any]]:
    found = _tensors(path) if path.suffix == ".pt" else _variables(path, wanted, cfg)
    out = {}
    for name in wanted:
        if name not in found:
            raise InputError(f"{path}: it holds no {name!r}; {nearest(name, found)}; name fields by inputs and outputs")
        values = np.asarray(found[name], np.float32)
        fewest = 1 if name in cfg.parameters else 1 + cfg.axes
        if values.ndim < fewest:
            raise InputError(f"{path}: {name!r} has shape {values.shape}, expected (sample, {cfg.axes} axes); set axes")
        if name in cfg.parameters:
            out[name] = values.reshape(values.shape[0], -1)[:, 0]
            continue
        channels = values.reshape(values.shape[0], -1, *values.shape[values.ndim - cfg.axes :])
        out[name] = channels[:, 0] if channels.shape[1] == 1 else channels
    return out


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read a file of torch with its reader of plain tensors, which runs no code of the file."""
    import pickle

    try:
        import torch
    except ImportError as error:
        raise InputError(f"{path}: reading it needs torch; install polyadic[operator]") from error
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise InputError(f"{path}: not a file of plain tensors saved by torch ({str(error)[:80]})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: it holds {type(content).__name__}, expected tensors by name")
    return {str(name): value.numpy() for name, value in content.items() if isinstance(value, torch.Tensor)}


def _variables(path: Path, wanted: Sequence[str], cfg: FieldFilesConfig) -> dict[str, NDArray[Any]]:
    try:
        ds = xr.open_zarr(path, consolidated=False) if path.is_dir() else xr.open_dataset(path)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise InputError(f"{path}: not a readable NetCDF file or Zarr store ({str(error)[:80]})") from error
    with ds:
        sample = cfg.sample
        if sample and sample not in ds.dims:
            raise InputError(f"{path}: it has no dimension {sample!r}; {nearest(sample, map(str, ds.dims))}")
        names = [name for name in wanted if name in ds.variables]
        ordered = {name: ds[name].transpose(sample, ...) if sample else ds[name] for name in names}
        found = {name: values.to_numpy() for name, values in ordered.items()}
        return found or {str(name): np.zeros(0) for name in ds.data_vars if name not in wanted}


def _joined(name: str, parts: Sequence[NDArray[Any]], files: Sequence[Path]) -> NDArray[Any]:
    for part, path in zip(parts, files, strict=True):
        if part.shape[1:] != parts[0].shape[1:]:
            raise InputError(
                f"{path}: {name!r} has shape {part.shape[1:]} a sample, {files[0].name} has {parts[0].shape[1:]};"
                " one dataset has one grid: make a section of datasets.yaml for each resolution"
            )
    return np.concatenate(parts)


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
        Unless all are files of tensors: which fields of other files are inputs and outputs must be said.
    """
    if all(path.suffix == ".pt" for path in files):
        return {}
    raise InputError("to read fields, name them: --kind fields --set inputs=[a] --set outputs=[u]")


if __name__ == "__main__":
    field_files.cli()
