"""Molecular structures: PQR and PDB by own readers; extended XYZ and CIF by ASE."""

import importlib
import re
from pathlib import Path

import numpy as np

from polyadic.core.errors import InputError
from polyadic.sources.particle_files.record import Array, Record, numbers

_DECIMAL = re.compile(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?")
_ATOMS = ("ATOM", "HETATM")


def read_pqr(path: Path) -> Record:
    """Return the atoms of a PQR file: x, y, z, charge and radius are the five decimals after the residue.

    Chain identifiers, insertion codes and columns that run into each other (``-10.123-20.456``) are understood.
    """
    rows, names = [], []
    for number, line in _lines(path):
        found = _DECIMAL.findall(line[16:])
        values = found[:5] if len(found) >= 5 else line.split()[-5:]
        try:
            rows.append([float(v) for v in values])
        except ValueError:
            raise InputError(f"{path}: line {number} has no x, y, z, charge and radius, found {line!r}") from None
        names.append(line[12:16].strip() or line.split()[2])
    table = numbers(_some(path, rows))
    if table.shape[1] != 5:
        raise InputError(f"{path}: its lines have {table.shape[1]} numbers, expected x, y, z, charge and radius")
    return Record(table[:, :3], tuple(names), table[:, 3], table[:, 4])


def read_pdb(path: Path, charge_column: str) -> Record:
    """Return the atoms of a PDB file, by fixed columns; the cell is that of CRYST1.

    Parameters
    ----------
    path
        The file.
    charge_column
        Where charges stand: ``none``, ``occupancy``, ``b_factor``, or ``charge`` (columns 79-80, ``1-``).
    """
    columns = {"occupancy": (54, 60), "b_factor": (60, 66), "charge": (78, 80)}
    rows, names, charges = [], [], []
    for number, line in _lines(path):
        try:
            rows.append([float(line[a : a + 8]) for a in (30, 38, 46)])
            if charge_column in columns:
                first, last = columns[charge_column]
                charges.append(_signed(line[first:last].strip()))
        except ValueError:
            raise InputError(f"{path}: line {number} has no number where one is due, found {line!r}") from None
        names.append(line[76:78].strip() or line[12:16].strip())
    q = np.array(charges) if charges else None
    return Record(numbers(_some(path, rows)), tuple(names), q, cell=_cryst1(path))


def _signed(text: str) -> float:
    """Return a charge as PDB writes it: ``2+``, ``1-``, a number, or nothing for none."""
    if text[-1:] in ("+", "-"):
        return float(text[-1] + (text[:-1] or "1"))
    return float(text or 0.0)


def _cryst1(path: Path) -> Array | None:
    with path.open(errors="replace") as file:
        line = next((line for line in file if line.startswith("CRYST1")), None)
    if line is None:
        return None
    try:
        a, b, c = (float(line[i : i + 9]) for i in (6, 15, 24))
        alpha, beta, gamma = np.radians([float(line[i : i + 7]) for i in (33, 40, 47)])
    except ValueError:
        raise InputError(f"{path}: CRYST1 has no three lengths and angles, found {line.strip()!r}") from None
    if min(a, b, c) <= 1.0:  # the convention for "no crystal" is 1 x 1 x 1
        return None
    x, y = c * np.cos(beta), c * (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    rows = [[a, 0, 0], [b * np.cos(gamma), b * np.sin(gamma), 0], [x, y, np.sqrt(c * c - x * x - y * y)]]
    return np.where(np.abs(rows) < 1e-9, 0.0, rows)


def read_ase(path: Path, kind: str) -> Record:
    """Return the atoms of an extended XYZ or CIF file, read by ASE; charges where the file states them.

    Raises
    ------
    InputError
        If ASE is not installed, or cannot read the file.
    """
    try:
        read = importlib.import_module("ase.io").read
    except ImportError:
        raise InputError(
            f"{path}: {kind} files are read by ASE; install it: pip install 'polyadic[particles]'"
        ) from None
    try:
        atoms = read(path, format=kind, index=0)
    except Exception as error:  # whatever ASE raises means that it cannot read this file
        raise InputError(f"{path}: ASE cannot read it as {kind}: {error}") from error
    stated = next((n for n in ("charge", "charges", "q", "initial_charges") if n in atoms.arrays), None)
    charge = None if stated is None else np.asarray(atoms.arrays[stated], float)
    cell = np.asarray(atoms.cell.array, float) if atoms.pbc.all() else None
    slab = bool(atoms.pbc.any() and not atoms.pbc.all())
    names = tuple(atoms.get_chemical_symbols())
    return Record(np.asarray(atoms.positions, float), names, charge, cell=cell, slab=slab)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of atoms with their numbers, of the first model."""
    found = []
    with path.open(errors="replace") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("ENDMDL"):
                break
            if line.startswith(_ATOMS):
                found.append((number, line.rstrip("\n")))
    return found


def _some(path: Path, rows: list[list[float]]) -> list[list[float]]:
    if not rows:
        raise InputError(f"{path}: holds no atom; expected lines that begin with ATOM or HETATM")
    return rows
