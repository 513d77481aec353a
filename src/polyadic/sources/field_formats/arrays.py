"""Files of named arrays that say nothing of themselves: torch, MATLAB, HDF5, NetCDF and Zarr."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from polyadic.core.errors import InputError, nearest
from polyadic.kinds import fields as kind
from polyadic.sources.field_formats.contents import Contents, Side
from polyadic.sources.field_formats.settings import FieldFilesConfig
from polyadic.sources.field_formats.stored import Field, Hdf5Array, Stored, Variable, first_line, numbers, opened

_MATLAB: dict[tuple[str, ...], str] = {("a", "u"): "periodic", ("coeff", "sol"): "dirichlet"}
"""Input and output in MATLAB files of Fourier neural operators, and the condition of the problems they belong to."""

_BEGINNINGS = (b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
"""First bytes of files saved by torch: an archive, or before version 1.6 the pickle of a number of torch's own."""

_REFUSED = "other objects are not read, because reading them would run code of the file"


def tensors(path: Path) -> dict[str, Stored]:
    """Return the tensors of a file of torch by name, by its reader of plain tensors, which runs no code of the file.

    Files in the present format are mapped, not read: parts come to memory when they are asked for.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(f"{path}: reading it needs torch; install polyadic[operator]") from error
    with path.open("rb") as file:
        if not file.read(16).startswith(_BEGINNINGS):
            raise InputError(f"{path}: not a file of plain tensors saved by torch; {_REFUSED}")
    content: Any = None
    failures = (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, OSError)
    try:
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    except failures:
        try:  # the format of torch before 1.6 cannot be mapped
            content = torch.load(path, weights_only=True, map_location="cpu")
        except failures as error:
            if isinstance(error, pickle.UnpicklingError):
                raise InputError(f"{path}: not a file of plain tensors saved by torch alone; {_REFUSED}") from error
            raise InputError(f"{path}: the file of tensors is damaged or truncated: get it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: it holds {type(content).__name__}, expected tensors by name")
    found = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    complex_ones = [name for name, value in found.items() if value.is_complex()]
    if complex_ones:
        raise InputError(f"{path}: {complex_ones[0]!r} is complex; save real and imaginary part as two fields")
    return {name: value.detach().numpy() for name, value in found.items()}


def matlab(path: Path) -> dict[str, Stored]:
    """Return the numeric arrays of a MATLAB file of version 5 by name."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        held = loadmat(path)
    except (MatReadError, ValueError, OSError, EOFError, TypeError, NotImplementedError) as error:
        raise InputError(
            f"{path}: not a readable MATLAB file ({first_line(error)}); it may be truncated: get it again"
        ) from error
    return {name: value for name, value in held.items() if isinstance(value, np.ndarray) and value.dtype.kind in "fiub"}


def hdf5(path: Path, file: h5py.File) -> dict[str, Stored]:
    """Return the numeric datasets of an HDF5 file by path; MATLAB's own matter lies below '#'."""
    found: dict[str, Stored] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and not name.startswith("#") and item.dtype.kind in "fiub":
            found[name] = Hdf5Array(path, name, item.shape)

    file.visititems(visit)
    return found


def of_arrays(path: Path, found: Mapping[str, Stored], cfg: FieldFilesConfig, form: str = "") -> Contents:
    """Return the contents of a file of named arrays, (sample, [channels,] axes ...).

    By custom ``x`` and ``y`` are input and output. In MATLAB files (``form`` is ``matlab``, or ``matlab73``, whose axes
    lie in reverse) so are ``a`` and ``u``, or ``coeff`` and ``sol``, and an axis more than those of space is time and
    comes last.
    """
    inputs, outputs = _pair(path, found, cfg, form)
    named = [*inputs, *outputs]
    check_names(path, [*named, *cfg.parameters], found)
    boundary = _MATLAB.get((*inputs, *outputs), "") if form else ""
    axes = min(3, len(found[inputs[0]].shape) - 1) if boundary else cfg.axes
    space = "".join(kind.SPACE[-axes:])
    fields = {}
    for name in named:
        shape = found[name].shape
        letters = _letters(path, name, shape, space, form)
        points = tuple(shape[letters.index(a)] for a in space)
        fields[name] = Field((found[name],), letters, space, shape[letters.index("s")], points)
    samples = fields[named[0]].samples
    own = {name: _each(path, name, found[name], samples, form == "matlab73") for name in cfg.parameters}
    time = np.ravel(np.asarray(found["t"][()], np.float64)) if "t" in found and form else np.zeros(0)
    sides = dict.fromkeys(space, Side(boundary))
    return Contents(path, "arrays by name", fields, sides, inputs, outputs, own, time)


def _pair(
    path: Path, found: Mapping[str, Stored], cfg: FieldFilesConfig, form: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    customs = [*(_MATLAB if form else ()), ("x", "y")]
    custom = next((pair for pair in customs if pair[0] in found and pair[1] in found), None)
    if custom is None and not (cfg.inputs and cfg.outputs):
        raise InputError(
            f"{path}: it holds {', '.join(sorted(found)) or 'no arrays'}; set inputs and outputs to names of these"
        )
    first, second = custom or ("", "")
    return cfg.inputs or (first,), cfg.outputs or (second,)


def _letters(path: Path, name: str, shape: Sequence[int], space: str, form: str) -> str:
    """Return a letter per axis of an array, as it lies in the file."""
    extra = len(shape) - 1 - len(space)
    if not 0 <= extra <= 2:
        raise InputError(f"{path}: {name!r} has shape {tuple(shape)}, expected (sample, {len(space)} axes); set axes")
    letters = f"s{space}t" if form and extra == 1 else f"s{'cd'[:extra]}{space}"
    return letters[::-1] if form == "matlab73" else letters


def _each(path: Path, name: str, stored: Stored, samples: int, reverse: bool) -> Any:
    """Return one number a sample, the first where there are several."""
    values = np.asarray(stored[()], np.float64)
    values = values.T if reverse else values
    if values.size == samples:
        return values.ravel()
    if values.ndim and values.shape[0] == samples:
        return values.reshape(samples, -1)[:, 0]
    if values.size == 1:
        return numbers({name: float(values.ravel()[0])}, samples)[name]
    raise InputError(f"{path}: {name!r} has shape {values.shape}, expected one number for each of {samples} samples")


def check_names(
    path: Path, wanted: Sequence[str], found: Mapping[str, Any], hint: str = "name fields by inputs and outputs"
) -> None:
    """Refuse a name that the file does not hold, naming the nearest one."""
    for name in wanted:
        if name not in found:
            raise InputError(f"{path}: it holds no {name!r}; {nearest(name, found)}; {hint}")


def variables(path: Path, cfg: FieldFilesConfig) -> Contents:
    """Return the contents of a NetCDF file or a Zarr store: variables (sample, [channels,] axes ...)."""
    with opened(path) as ds:
        if cfg.sample and cfg.sample not in ds.dims:
            raise InputError(f"{path}: it has no dimension {cfg.sample!r}; {nearest(cfg.sample, map(str, ds.dims))}")
        found: dict[str, Stored] = {}
        units = {}
        for name, variable in ds.variables.items():
            if variable.dtype.kind not in "fiub":
                continue
            dims = tuple(map(str, variable.dims))
            if cfg.sample in dims:
                dims = (cfg.sample, *[dim for dim in dims if dim != cfg.sample])
            shape = tuple(ds.sizes[dim] for dim in dims)
            found[str(name)] = Variable(path, str(name), dims, shape)
            units[str(name)] = str(variable.attrs.get("units", ""))
    contents = of_arrays(path, found, cfg)
    return Contents(
        path,
        "NetCDF or Zarr",
        contents.fields,
        contents.axes,
        contents.inputs,
        contents.outputs,
        contents.numbers,
        units={name: text for name, text in units.items() if text},
    )
