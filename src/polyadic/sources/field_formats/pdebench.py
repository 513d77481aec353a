"""The layouts of PDEBench: one tensor, flow variables, one group a run, and the incompressible files.

M. Takamoto et al., PDEBench: an extensive benchmark for scientific machine learning, NeurIPS 2022.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.sources.field_formats.contents import Contents, Side, order
from polyadic.sources.field_formats.stored import Field, Hdf5Array, numbers

_FLOW = ("density", "pressure", "Vx", "Vy", "Vz")
_PLAIN = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # files of ten thousand runs have as many texts
_PARAMETERS = ("eta", "zeta", "M", "beta", "Nu", "nu", "rho", "Rho")


def layout(file: h5py.File) -> str:
    """Return which of the layouts an HDF5 file has, or an empty text."""
    if isinstance(file.get("tensor"), h5py.Dataset):
        return "tensor"
    if all(isinstance(file.get(name), h5py.Dataset) for name in ("density", "pressure", "Vx")):
        return "flow"
    if all(isinstance(file.get(name), h5py.Dataset) for name in ("velocity", "particles")):
        return "incompressible"
    first = next(iter(file), "")
    if first.isdigit() and isinstance(file[first], h5py.Group) and {"data", "grid"} <= set(file[first]):
        return "runs"
    return ""


def read(path: Path, file: h5py.File) -> Contents:
    """Return the contents of a file of one of the layouts."""
    readers = {"tensor": _tensor, "flow": _flow, "incompressible": _incompressible, "runs": _grouped}
    return readers[layout(file)](path, file)


def _tensor(path: Path, file: h5py.File) -> Contents:
    """One unknown: (run, time, x ...); with a second field ``nu`` (run, x, y) the steady flow through a medium."""
    shape = file["tensor"].shape
    letters = "xyz"[: len(shape) - 2]
    if not letters:
        raise InputError(f"{path}: 'tensor' has shape {shape}, expected (run, time, 1 to 3 axes)")
    medium = isinstance(file.get("nu"), h5py.Dataset)
    boundary = "dirichlet" if medium else "periodic" if len(letters) == 1 else ""
    axes, points = _axes(path, _coordinates(file, letters), dict(zip(letters, shape[2:], strict=True)), boundary)
    space = order(letters)
    solution = Field((Hdf5Array(path, "tensor", shape),), f"st{letters}", space, shape[0], points)
    attributes = _attributes(file)
    if not medium:
        known = {"beta": "advection", "Nu": "Burgers", "rho": "reaction and diffusion"}
        equation = next((text for name, text in reversed(known.items()) if name in attributes), "")
        names = ("solution",)
        return Contents(
            path,
            "PDEBench, one tensor",
            {"solution": solution},
            axes,
            names,
            names,
            numbers(_only(attributes, _PARAMETERS), shape[0]),
            _times(file),
            equation=equation,
        )
    field = Field((Hdf5Array(path, "nu", file["nu"].shape),), f"s{letters}", space, shape[0], points)
    return Contents(
        path,
        "PDEBench, flow through a medium",
        {"permeability": field, "pressure": solution},
        axes,
        ("permeability",),
        ("pressure",),
        numbers(_only(attributes, _PARAMETERS), shape[0]),
        equation="-div(a grad u) = beta",
    )


def _flow(path: Path, file: h5py.File) -> Contents:
    """Variables of a compressible flow, each (run, time, x ...); the name of the file says what holds at the edges."""
    shape = file["density"].shape
    letters = "xyz"[: len(shape) - 2]
    name = path.name.casefold()
    boundary = "periodic" if "periodic" in name else "open" if "_trans" in name else ""
    axes, points = _axes(path, _coordinates(file, letters), dict(zip(letters, shape[2:], strict=True)), boundary)
    names = tuple(name for name in _FLOW if isinstance(file.get(name), h5py.Dataset))
    fields = {
        name: Field((Hdf5Array(path, name, shape),), f"st{letters}", order(letters), shape[0], points) for name in names
    }
    found = numbers(_only(_attributes(file), _PARAMETERS), shape[0])
    return Contents(
        path, "PDEBench, flow", fields, axes, names, names, found, _times(file), equation="compressible Navier-Stokes"
    )


def _incompressible(path: Path, file: h5py.File) -> Contents:
    """Velocity and particles (run, time, x, y, component), force (run, x, y, component), t (run, time)."""
    shape = file["velocity"].shape
    letters = "xyz"[: len(shape) - 3]
    settings = _settings(file)
    outside = str(settings.get("velocity_extrapolation", "ZERO")).upper()
    boundary = {"PERIODIC": "periodic", "ZERO": "dirichlet", "BOUNDARY": "open"}.get(outside, "")
    extents = settings.get("domain_size", [1.0] * len(letters))
    spots = {
        letter: (np.arange(n) + 0.5) * float(extents[a]) / n
        for a, (letter, n) in enumerate(zip(letters, shape[2:-1], strict=True))
    }
    axes, points = _axes(path, spots, dict(zip(letters, shape[2:-1], strict=True)), boundary)
    fields = {
        name: Field((Hdf5Array(path, name, file[name].shape),), f"st{letters}c", order(letters), shape[0], points)
        for name in ("velocity", "particles")
    }
    if isinstance(file.get("force"), h5py.Dataset):
        stored = Hdf5Array(path, "force", file["force"].shape)
        fields["force"] = Field((stored,), f"s{letters}c", order(letters), shape[0], points)
    time = np.asarray(file["t"][0], np.float64) if "t" in file else np.zeros(0)
    found = {name: value for name, value in settings.items() if name in ("NU",)}
    return Contents(
        path,
        "PDEBench, incompressible flow",
        fields,
        axes,
        tuple(fields),
        ("velocity", "particles"),
        numbers(found, shape[0]),
        time,
        equation="incompressible Navier-Stokes",
    )


def _grouped(path: Path, file: h5py.File) -> Contents:
    """One group a run: ``data`` (time, x ..., component), ``grid/x``, ``grid/t``, the settings as an attribute."""
    runs = sorted(name for name in file if name.isdigit() and "data" in file[name])
    shape = file[runs[0]]["data"].shape
    wrong = next((run for run in runs if file[run]["data"].shape != shape), None)
    if wrong is not None:
        raise InputError(
            f"{path}: run {wrong} has shape {file[wrong]['data'].shape}, run {runs[0]} {shape}; one file has one grid"
        )
    letters = "xyz"[: len(shape) - 2]
    grid = file[runs[0]]["grid"]
    spots = {letter: np.asarray(grid[letter]) for letter in letters if letter in grid}
    boundary, equation = _known(letters, shape[-1])
    axes, points = _axes(path, spots, dict(zip(letters, shape[1:-1], strict=True)), boundary)
    stored = tuple(Hdf5Array(path, f"{run}/data", shape) for run in runs)
    solution = Field(stored, f"t{letters}c", order(letters), len(runs), points)
    time = np.asarray(grid["t"], np.float64) if "t" in grid else np.zeros(0)
    return Contents(
        path,
        "PDEBench, one group a run",
        {"solution": solution},
        axes,
        ("solution",),
        ("solution",),
        _numbers_of_runs([_settings(file[run]) for run in runs]),
        time,
        equation=equation,
    )


def _known(letters: str, components: int) -> tuple[str, str]:
    """Return boundary and equation of the three sets that have this layout."""
    if len(letters) == 1:
        return "open", "diffusion and sorption"
    if components == 2:
        return "neumann", "diffusion and reaction of two species"
    return "open", "shallow water"


def _numbers_of_runs(settings: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    found = [numbers(one.get("sim", {}), 1) for one in settings]
    shared = [name for name in found[0] if name != "seed" and all(name in one for one in found)]
    return {name: np.concatenate([one[name] for one in found]) for name in shared}


def _settings(node: h5py.Group) -> dict[str, Any]:
    """Return the attribute ``config``, YAML of plain values; nothing where it is none."""
    text = node.attrs.get("config", "")
    try:
        found = yaml.load(text.decode() if isinstance(text, bytes) else str(text), Loader=_PLAIN)
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _attributes(file: h5py.File) -> dict[str, Any]:
    return {str(name): np.ravel(value)[0] for name, value in file.attrs.items() if np.size(value) == 1}


def _only(attributes: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: attributes[name] for name in names if name in attributes}


def _coordinates(file: h5py.File, letters: str) -> dict[str, NDArray[Any]]:
    return {letter: np.asarray(file[f"{letter}-coordinate"]) for letter in letters if f"{letter}-coordinate" in file}


def _times(file: h5py.File) -> NDArray[np.float64]:
    """Return the times; some files have one more than steps, which stays unused."""
    return np.asarray(file["t-coordinate"], np.float64) if "t-coordinate" in file else np.zeros(0)


def _axes(
    path: Path, spots: Mapping[str, NDArray[Any]], sizes: Mapping[str, int], boundary: str
) -> tuple[dict[str, Side], tuple[int, ...]]:
    """Return the axes by name in the order of kind `fields`, and how many points they have."""
    found = {}
    for letter in order("".join(sizes)):
        if letter in spots and spots[letter].size != sizes[letter]:
            raise InputError(
                f"{path}: {letter} has {spots[letter].size} coordinates for {sizes[letter]} points; get the file again"
            )
        found[letter] = Side(boundary, spots[letter]) if letter in spots else Side(boundary)
    return found, tuple(sizes[letter] for letter in found)
