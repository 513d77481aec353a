"""Positions, charges and cell as people give them, checked: what a potential is made of."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class ParticleSystem:
    """Charges and the region of their potential.

    Attributes
    ----------
    positions, charges
        Shapes (n, 3) and (n,); positions of a periodic cell are wrapped into it.
    box
        Lowest and highest corner of the region; of a cell, of its lattice vectors.
    cell
        Lattice vectors as rows, or None.
    """

    positions: Array
    charges: Array
    box: tuple[Array, Array]
    cell: Array | None


def particle_system(
    positions: ArrayLike, charges: ArrayLike, cell: ArrayLike | None, pbc: Any, box: tuple[ArrayLike, ArrayLike] | None
) -> ParticleSystem:
    """Return particles whose arrays fit together; arguments as of `polyadic.particle_potential`.

    Raises
    ------
    ValueError
        Naming the argument, what came, and what is accepted.
    """
    x, q = _checked(positions, charges)
    lattice = _lattice(cell, pbc)
    if lattice is None:
        return ParticleSystem(x, q, _region(x, box), None)
    if box is not None:
        raise ValueError("box is of free space only: the region of a periodic potential is its cell")
    fractional = x @ np.linalg.inv(lattice)
    wrapped = (fractional - np.floor(fractional)) @ lattice
    return ParticleSystem(wrapped, q, (lattice.min(axis=0), lattice.max(axis=0)), lattice)


def is_diagonal(cell: Array) -> bool:
    """Return whether a cell is a box along the axes."""
    return bool((cell == np.diag(np.diagonal(cell))).all() and (np.diagonal(cell) > 0).all())


def _checked(positions: ArrayLike, charges: ArrayLike) -> tuple[Array, Array]:
    x, q = np.array(positions, np.float64), np.array(charges, np.float64)
    if x.ndim != 2 or x.shape[1] != 3 or len(x) == 0:
        raise ValueError(f"positions must have shape (n, 3) with n >= 1, found {x.shape}")
    if q.shape != (len(x),):
        raise ValueError(f"charges must have shape ({len(x)},), one a position, found {q.shape}")
    for name, values in (("positions", x), ("charges", q)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite, found {int((~np.isfinite(values)).sum())} values that are not")
    return x, q


def _lattice(cell: ArrayLike | None, pbc: Any) -> Array | None:
    periodic = [cell is not None] if pbc is None else [bool(p) for p in np.atleast_1d(pbc)]
    if len(set(periodic)) > 1:
        raise ValueError(f"pbc must be true or false along all axes alike, found {periodic}; slabs are not supported")
    if not periodic[0]:
        return None
    if cell is None:
        raise ValueError("cell is missing: pbc is true, give the lattice vectors")
    lattice = np.asarray(cell, np.float64)
    lattice = np.diag(lattice) if lattice.shape == (3,) else lattice
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-300:
        raise ValueError(f"cell must be three lengths or three independent lattice vectors as rows, found {cell!r}")
    return lattice


def _region(x: Array, box: tuple[ArrayLike, ArrayLike] | None) -> tuple[Array, Array]:
    low, high = x.min(axis=0), x.max(axis=0)
    if box is None:
        span = float((high - low).max()) or 1.0
        return low - 0.025 * span, high + 0.025 * span
    wanted = [np.asarray(corner, np.float64) for corner in box]
    if wanted[0].shape != (3,) or wanted[1].shape != (3,) or not (wanted[0] < wanted[1]).all():
        raise ValueError(f"box must be two corners of three numbers, the lower one first, found {box!r}")
    return np.minimum(low, wanted[0]), np.maximum(high, wanted[1])
