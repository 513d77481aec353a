"""Particles made by settings: ionic lattices and random clouds."""

from types import MappingProxyType

import numpy as np

from polyadic.sources.particle_files.record import Array, Record

_FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
_ORIGIN = np.zeros((1, 3))

LATTICES = MappingProxyType(
    {
        "NaCl": (("Na", _FCC, 1.0), ("Cl", _FCC + np.array([0.5, 0, 0]), -1.0), 5.6402),
        "CsCl": (("Cs", _ORIGIN, 1.0), ("Cl", _ORIGIN + 0.5, -1.0), 4.123),
        "ZnS": (("Zn", _FCC, 2.0), ("S", _FCC + 0.25, -2.0), 5.4093),
    }
)
"""Cubic lattices: two ions with fractional positions and formal charges, and the lattice constant in Angstrom."""

MADELUNG = MappingProxyType({"NaCl": 1.7475645946331822, "CsCl": 1.7626747730709884, "ZnS": 1.6380550533888})
"""Madelung constants to the nearest neighbour (Crandall and Buhler 1987)."""


def lattice(name: str, cells: tuple[int, ...]) -> Record:
    """Return a lattice of so many conventional cells along each axis, periodic."""
    first, second, constant = LATTICES[name]
    shifts = np.stack(np.meshgrid(*map(np.arange, cells), indexing="ij"), axis=-1).reshape(-1, 1, 3)
    positions, names, charges = [], [], []
    for ion, places, charge in (first, second):
        here = ((shifts + places) % cells).reshape(-1, 3)
        positions.append(here * constant)
        names += [ion] * len(here)
        charges.append(np.full(len(here), charge))
    cell = np.diag(np.array(cells) * constant)
    return Record(np.concatenate(positions), tuple(names), np.concatenate(charges), cell=cell)


def cloud(count: int, density: float, seed: int) -> Record:
    """Return particles uniform in a cube, charges +1 and -1 in turn; ``density`` in particles a cubic Angstrom."""
    side = (count / density) ** (1 / 3)
    places: Array = np.random.default_rng([seed, 0]).uniform(0, side, (count, 3))
    charges = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    return Record(places, tuple(np.where(charges > 0, "P", "M").tolist()), charges)
