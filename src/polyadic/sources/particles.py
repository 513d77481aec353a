"""Source `particles`: point charges from PQR, PDB, extended XYZ, CIF and CSV files, ionic lattices, random clouds.

``python -m polyadic.sources.particles --files 1A2C.pqr --out particles.nc``
``python -m polyadic.sources.particles --files --config '{"make": "NaCl"}' --out salt.nc``
"""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError, OtherFormError
from polyadic.core.stage import stage
from polyadic.kinds import particles as kind
from polyadic.sources.particle_files import made, molecules
from polyadic.sources.particle_files.record import Record

_FORMATS = {".pqr": "pqr", ".pdb": "pdb", ".ent": "pdb", ".xyz": "extxyz", ".extxyz": "extxyz", ".cif": "cif"}
_ACCEPTED = "PQR (.pqr), PDB (.pdb, .ent), extended XYZ (.xyz, .extxyz), CIF (.cif) and CSV (.csv)"


@dataclasses.dataclass(frozen=True)
class ParticlesConfig:
    """Settings of the particles."""

    make: Literal["", "cloud", "NaCl", "CsCl", "ZnS"] = setting("", "make particles from no file; empty: read the file")
    cells: tuple[int, ...] = setting((4, 4, 4), "conventional cells of a made lattice along each axis")
    count: int = setting(2000, "particles of a made cloud")
    density: float = setting(0.01, "particles of a made cloud per cubic Angstrom")
    charges: dict[str, float] = setting({}, "charge by atom name or element, in e; replaces what the file states")
    charge_column: Literal["none", "occupancy", "b_factor", "charge"] = setting(
        "none", "column of a PDB file that holds the charges"
    )
    periodic: bool = setting(True, "whether a cell that the file states makes the particles periodic")
    seed: int = setting(0, "seed of a made cloud")

    def __post_init__(self) -> None:
        """Refuse what no particles could be made of."""
        if len(self.cells) != 3 or min(self.cells) < 1:
            raise ValueError(f"cells must be three numbers of at least 1, found {self.cells}")
        if self.count < 1 or self.density <= 0:
            raise ValueError(f"count and density must be positive, found {self.count} and {self.density}")


@stage(name="sources.particles", config=ParticlesConfig, output=kind.SCHEMA, files="optional")
def particles(cfg: ParticlesConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read or make point charges as one Dataset of kind `particles`."""
    record = _made(cfg) if cfg.make else _read(cfg, files)
    if record.slab and cfg.periodic:
        raise InputError(
            f"{files[0]}: is periodic along some axes only, found a slab or a wire; accepted are all axes or none; "
            "the setting periodic: false takes the particles as they are, in open space"
        )
    charge = _charges(record, cfg, files)
    net = float(charge.sum())
    progress.log(f"{len(charge):,} particles, net charge {net:.4g} e, {'periodic' if _cell(record, cfg) else 'open'}")
    cell = record.cell if _cell(record, cfg) else None
    out = kind.dataset(record.position, charge, radius=record.radius, name=record.name, cell=cell)
    if cfg.make in made.MADELUNG:
        out.attrs["madelung_constant"] = made.MADELUNG[cfg.make]
    out.attrs["net_charge"] = net
    return out


def _cell(record: Record, cfg: ParticlesConfig) -> bool:
    return record.cell is not None and cfg.periodic


def _made(cfg: ParticlesConfig) -> Record:
    return made.cloud(cfg.count, cfg.density, cfg.seed) if cfg.make == "cloud" else made.lattice(cfg.make, cfg.cells)


def _read(cfg: ParticlesConfig, files: Sequence[Path]) -> Record:
    if len(files) != 1:
        raise InputError(f"{len(files)} files were given; give one file of particles, or the setting make")
    path = files[0]
    suffix = path.suffix.casefold()
    if suffix == ".csv":
        return _table(path)
    if suffix not in _FORMATS:
        raise InputError(f"{path}: a file of extension {suffix or 'none'} is not read; accepted are {_ACCEPTED}")
    if _FORMATS[suffix] == "pqr":
        return molecules.read_pqr(path)
    if _FORMATS[suffix] == "pdb":
        return molecules.read_pdb(path, cfg.charge_column)
    return molecules.read_ase(path, _FORMATS[suffix])


def _table(path: Path) -> Record:
    """Return the rows of a CSV file with columns x, y, z and, where it states them, charge, radius and name."""
    with path.open(newline="", errors="replace") as file:
        rows = list(csv.DictReader(file))
    names = [str(n).strip().casefold() for n in (rows[0] if rows else {})]
    if not {"x", "y", "z"} <= set(names):
        raise InputError(f"{path}: has the columns {', '.join(names) or 'none'}; expected x, y, z and charge")
    columns = {name: [str(list(row.values())[i]).strip() for row in rows] for i, name in enumerate(names)}

    def floats(name: str) -> Any:
        try:
            return np.array([float(v) for v in columns[name]])
        except ValueError as error:
            raise InputError(f"{path}: the column {name!r} holds something that is no number: {error}") from None

    charge = next((n for n in ("charge", "q") if n in names), None)
    return Record(
        np.column_stack([floats(n) for n in "xyz"]),
        tuple(columns.get("name", [""] * len(rows))),
        None if charge is None else floats(charge),
        floats("radius") if "radius" in names else None,
    )


def _charges(record: Record, cfg: ParticlesConfig, files: Sequence[Path]) -> Any:
    """Return the charges: of the settings before those of the file; stop where there are none."""
    where = files[0] if files else "particles"
    if cfg.charges:
        missing = sorted(set(record.name) - set(cfg.charges))
        if missing and record.charge is None:
            raise InputError(f"{where}: the setting charges lacks {', '.join(missing[:5])}; give every name a charge")
        base = np.zeros(len(record.name)) if record.charge is None else record.charge
        return np.array([cfg.charges.get(name, q) for name, q in zip(record.name, base, strict=True)])
    if record.charge is None:
        names = ", ".join(sorted(set(record.name))[:4])
        raise InputError(f"{where}: states no charges; give the setting charges by name ({names}), or use a PQR file")
    return record.charge


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a small PQR file, with a chain and fused columns, and return it with its settings."""
    path = folder / "molecule.pqr"
    path.write_text(
        "REMARK   1 three atoms\n"
        "ATOM      1  N   MET A   1      27.340  24.430   2.614 -0.4157 1.8240\n"
        "ATOM      2  CA  MET A   1    -126.266-125.413-102.842  0.0337 1.9080\n"
        "HETATM    3 NA   NA    2      26.913  26.639   3.531  1.0000 1.8680\nEND\n"
    )
    return [path], {}


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return the settings with which files can be read, or raise `InputError` for files of another kind."""
    if len(files) == 1 and files[0].suffix.casefold() in _FORMATS:
        return {}
    if len(files) == 1 and files[0].suffix.casefold() == ".csv":
        with files[0].open(newline="", errors="replace") as file:
            names = [str(n).strip().casefold() for n in next(csv.reader(file), [])]
        if {"x", "y", "z"} <= set(names) and {"charge", "q"} & set(names):
            return {}
        if {"x", "y", "z"} <= set(names):
            found = ", ".join(names)
            raise InputError(f"{files[0]}: of particles the column charge (or q) is missing, found {found}; rename one")
    raise OtherFormError(f"{', '.join(map(str, files))}: no file of particles; accepted are {_ACCEPTED}")


if __name__ == "__main__":
    particles.cli()
