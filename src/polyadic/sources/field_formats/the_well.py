"""The layout of The Well: named scalar, vector and tensor fields, boundary conditions and coordinates in groups.

R. Ohana et al., The Well: a large-scale collection of diverse physics simulations for machine learning, NeurIPS 2024.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.kinds import fields as kind
from polyadic.sources.field_formats.contents import Contents, Side, order
from polyadic.sources.field_formats.stored import Field, Hdf5Array

_RANKS = {"t0_fields": "", "t1_fields": "c", "t2_fields": "cd"}


def is_well(file: h5py.File) -> bool:
    """Return whether an HDF5 file has this layout."""
    return "dimensions" in file and any(group in file for group in _RANKS) and "n_trajectories" in file.attrs


def read(path: Path, file: h5py.File) -> Contents:
    """Return the contents of a file of this layout.

    Fields that vary in time are inputs and outputs, constant ones inputs. ``PERIODIC`` edges are periodic, ``OPEN``
    ones open; ``WALL`` says where fluid cannot go and not what each field does there, so it is taken as open, with a
    word in the log.
    """
    names = [_text(name) for name in _listed(path, file["dimensions"], "spatial_dims")]
    letters = _letters(names)
    samples = int(file.attrs["n_trajectories"])
    spots = {letter: _line(file["dimensions"][name]) for letter, name in zip(letters, names, strict=True)}
    boundary = _boundaries(path, file, dict(zip(names, letters, strict=True)))
    space = order(letters)
    axes = {letter: Side(boundary[letter], spots[letter]) for letter in space}
    points = tuple(spots[letter].size for letter in space)
    fields = {
        name: Field((stored,), letters_stored, space, samples, points)
        for name, stored, letters_stored in _fields(path, file, letters)
    }
    moving = tuple(name for name, field in fields.items() if field.times)
    return Contents(
        path,
        "The Well",
        fields,
        axes,
        tuple(fields),
        moving,
        _numbers(file, samples),
        _line(file["dimensions"]["time"]),
        equation=_text(file.attrs.get("dataset_name", "")),
    )


def _fields(path: Path, file: h5py.File, letters: str) -> list[tuple[str, Hdf5Array, str]]:
    found = []
    for group, components in _RANKS.items():
        for name in _listed(path, file[group], "field_names") if group in file else ():
            stored = file[group].get(_text(name))
            if not isinstance(stored, h5py.Dataset):
                raise InputError(f"{path}: {group} names the field {_text(name)!r}, which is not there; get it again")
            axes = "s" if stored.attrs["sample_varying"] else ""
            axes += "t" if stored.attrs["time_varying"] else ""
            axes += "".join(a for a, varies in zip(letters, stored.attrs["dim_varying"], strict=True) if varies)
            if len(axes + components) != len(stored.shape):
                raise InputError(f"{path}: {_text(name)!r} has shape {stored.shape}, its attributes say {axes}")
            found.append((_text(name), Hdf5Array(path, f"{group}/{_text(name)}", stored.shape), axes + components))
    return found


def _letters(names: list[str]) -> str:
    """Return a letter per axis: its own where all are x, y or z, else those of the kind in the order of the file."""
    if all(name in kind.SPACE for name in names):
        return "".join(names)
    return "".join(kind.SPACE[-len(names) :])


def _boundaries(path: Path, file: h5py.File, letters: dict[str, str]) -> dict[str, str]:
    found = dict.fromkeys(letters.values(), "open")  # as the layout defines it where nothing is said
    walls = False
    for group in file["boundary_conditions"].values() if "boundary_conditions" in file else ():
        condition = _text(group.attrs["bc_type"]).casefold()
        walls = walls or condition == "wall"
        for name in group.attrs["associated_dims"]:
            if condition == "periodic" and _text(name) in letters:
                found[letters[_text(name)]] = "periodic"
    if walls:
        progress.warn(f"{path.name}: walls are taken as open edges; set boundary where every field vanishes there")
    return found


def _numbers(file: h5py.File, samples: int) -> dict[str, NDArray[np.float64]]:
    """Return the scalars that do not vary in time, one a sample."""
    found = {}
    group = file.get("scalars")
    for name in group.attrs.get("field_names", ()) if isinstance(group, h5py.Group) else ():
        stored = group.get(_text(name))
        if isinstance(stored, h5py.Dataset) and not stored.attrs.get("time_varying", False):
            values = np.ravel(np.asarray(stored[()], np.float64))
            if values.size in (1, samples):
                found[_text(name)] = np.broadcast_to(values, (samples,))
    return found


def _line(stored: h5py.Dataset) -> NDArray[np.float64]:
    """Return coordinates; those of the first sample where each has its own."""
    values = np.asarray(stored[()], np.float64)
    first: NDArray[np.float64] = values.reshape(-1, values.shape[-1])[0]
    return first


def _listed(path: Path, group: h5py.Group, attribute: str) -> Any:
    if attribute not in group.attrs:
        raise InputError(f"{path}: the group {group.name!r} has no attribute {attribute!r}; get the file again")
    return np.ravel(group.attrs[attribute])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
