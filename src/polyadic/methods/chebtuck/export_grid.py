"""A potential on a uniform grid as a file for molecular viewers: OpenDX and Gaussian cube."""

from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyadic.core.errors import InputError

BOHR = 0.529177210903
"""Angstrom in a bohr."""

Array = NDArray[np.float64]


def write_grid(path: Path, values: ArrayLike, origin: Sequence[float], step: Sequence[float], title: str = "") -> None:
    """Write values on a uniform grid as OpenDX (``.dx``) or Gaussian cube (``.cube``), by the extension.

    Parameters
    ----------
    path
        The file to write.
    values
        ``(nx, ny, nz)``; values that are not finite (at a particle) are refused, both formats lack them.
    origin, step
        Point (0, 0, 0) and spacing, in Angstrom; a cube file holds them in bohr and the values as they are.
    title
        One line.

    Raises
    ------
    InputError
        For another extension, or values that are not finite.
    """
    table = np.asarray(values, np.float64)
    writers: dict[str, Callable[[TextIO, Array, Sequence[float], Sequence[float], str], None]] = {
        ".dx": _open_dx,
        ".cube": _cube,
    }
    if path.suffix not in writers:
        raise InputError(f"{path}: a grid is written as .dx or .cube, found extension {path.suffix or 'none'}")
    if not np.isfinite(table).all():
        bad = int((~np.isfinite(table)).sum())
        raise InputError(
            f"{path}: {bad} grid points lie on a particle, where the potential is infinite; shift the grid"
        )
    text = StringIO()
    writers[path.suffix](text, table, origin, step, title.replace("\n", " "))
    part = path.with_name(f".{path.name}.part")
    part.write_text(text.getvalue())
    part.replace(path)


def _open_dx(out: TextIO, values: Array, origin: Sequence[float], step: Sequence[float], title: str) -> None:
    shape = " ".join(map(str, values.shape))
    out.write(f"# {title}\nobject 1 class gridpositions counts {shape}\n")
    out.write("origin {:.9e} {:.9e} {:.9e}\n".format(*origin))
    for row in np.diag(step):
        out.write("delta {:.9e} {:.9e} {:.9e}\n".format(*row))
    out.write(f"object 2 class gridconnections counts {shape}\n")
    out.write(f"object 3 class array type double rank 0 items {values.size} data follows\n")
    _rows(out, values.ravel(), 3, "%.9e")
    out.write(
        'attribute "dep" string "positions"\nobject "regular positions regular connections" class field\n'
        'component "positions" value 1\ncomponent "connections" value 2\ncomponent "data" value 3\n'
    )


def _cube(out: TextIO, values: Array, origin: Sequence[float], step: Sequence[float], title: str) -> None:
    # Readers such as VMD want at least one atom: a ghost of nuclear charge 0 at the origin of the grid.
    corner = [o / BOHR for o in origin]
    out.write(f"{title}\nOUTER LOOP: X, MIDDLE LOOP: Y, INNER LOOP: Z\n")
    out.write("{:5d}{:13.8f}{:13.8f}{:13.8f}\n".format(1, *corner))
    for count, row in zip(values.shape, np.diag(step) / BOHR, strict=True):
        out.write("{:5d}{:13.8f}{:13.8f}{:13.8f}\n".format(count, *row))
    out.write("{:5d}{:13.8f}{:13.8f}{:13.8f}{:13.8f}\n".format(0, 0.0, *corner))
    for line in values.reshape(-1, values.shape[2]):
        _rows(out, line, 6, "%.8e")


def _rows(out: TextIO, values: Array, columns: int, number: str) -> None:
    whole = values.size // columns * columns
    np.savetxt(out, values[:whole].reshape(-1, columns), fmt=number)
    if whole < values.size:
        np.savetxt(out, values[whole:][None], fmt=number)
