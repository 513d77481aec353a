"""What every reader returns: particles as arrays."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Record:
    """Positions in Angstrom (n, 3), names, and what the file states beside them; charges in e."""

    position: Array
    name: tuple[str, ...]
    charge: Array | None = None
    radius: Array | None = None
    cell: Array | None = None
    slab: bool = False  # periodic along some lattice vectors only


def numbers(rows: list[list[float]]) -> Array:
    """Return rows of numbers as an array."""
    return np.array(rows, np.float64)
