r"""The long range of the Coulomb potential of a periodic cell, as a tensor of Fourier coefficients.

:math:`\phi_L(x) = \frac{1}{V} \sum_{k \ne 0} \frac{4 \pi m(k)}{k^2} F(k) e^{ik \cdot x}` over the reciprocal lattice,
with :math:`F(k) = \sum_j q_j e^{-ik \cdot x_j}`. In fractional coordinates every cell, triclinic too, is a cube of
period 1, and the waves are products. Leaving out k = 0 is the convention of conducting surroundings, and of a uniform
background for a net charge: together with the background of the short range the mean of the potential is zero.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from polyadic.kernels import fourier, window_grid
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kernels.window_grid import window

Array = NDArray[np.float64]


def harmonics(cell: Array, band: float) -> NDArray[np.int64]:
    """Return the highest harmonic along each axis; rows of ``cell`` are the lattice vectors."""
    return np.asarray(np.floor(band * np.linalg.norm(cell, axis=1) / (2 * np.pi) * (1 + 1e-12)), np.int64)


def build(points: Array, charges: Array, cell: Array, splitting: Splitting, tolerance: float) -> Array:
    """Return the tensor of Fourier coefficients 1, cos, sin, cos 2, ... of the long range in fractional coordinates.

    Parameters
    ----------
    points, charges
        Fractional coordinates in [0, 1), sorted in space, shape (3, n); shape (n,).
    cell
        Lattice vectors as rows, in units of length.
    splitting
        The long range.
    tolerance
        Relative tolerance of the window.
    """
    count = harmonics(cell, splitting.band)
    by = window(tolerance, 1.6)
    sizes = [int(fft.next_fast_len(int(np.ceil(by.oversampling * (2 * n + 1))) + 1, real=True)) for n in count]
    step = 1.0 / np.array(sizes, float)
    grid = window_grid.spread(points, charges, np.zeros(3), step, np.ones(3), by)
    for d in range(3):
        grid = _folded(grid, sizes[d], by.width)
    waves = fft.rfftn(grid)
    numbers = [np.fft.fftfreq(n, 1 / n) for n in sizes[:2]] + [np.arange(sizes[2] // 2 + 1.0)]
    reciprocal = 2 * np.pi * np.linalg.inv(cell)  # columns
    square = _square(numbers, reciprocal @ np.eye(3))
    factor = np.zeros_like(square)
    held = (square > 0) & (square <= splitting.band**2 * (1 + 1e-12))
    factor[held] = 4 * np.pi * splitting.multiplier(np.sqrt(square[held])) / square[held]
    factor *= float(np.prod(np.array(sizes, float))) / abs(np.linalg.det(cell))
    windows = [
        1.0 / by.transform(np.minimum(np.abs(n) * 2 * np.pi * h, np.pi)) for n, h in zip(numbers, step, strict=True)
    ]
    waves *= factor * windows[0][:, None, None] * windows[1][:, None] * windows[2]
    values = fft.irfftn(waves, s=sizes)
    for d in range(3):  # the front mode goes to the end as its coefficients
        series = fourier.coefficients(values.reshape(values.shape[0], -1))[: 2 * count[d] + 1]
        values = np.moveaxis(series.reshape(len(series), *values.shape[1:]), 0, -1)
    return np.ascontiguousarray(values)


def _folded(grid: Array, size: int, width: int) -> Array:
    """Return a grid with its first axis wrapped to a period and moved to the end."""
    out = np.zeros((size, *grid.shape[1:]))
    done, place = 0, -window_grid.margin(width) % size
    while done < len(grid):
        count = min(size - place, len(grid) - done)
        out[place : place + count] += grid[done : done + count]
        done, place = done + count, 0
    return np.moveaxis(out, 0, -1)


def _square(numbers: Sequence[Array], reciprocal: Array) -> Array:
    """Return |k|^2 of all triples of harmonics."""
    metric = reciprocal.T @ reciprocal
    a, b, c = numbers[0][:, None, None], numbers[1][:, None], numbers[2]
    cross = metric[0, 1] * a * b + metric[0, 2] * a * c + metric[1, 2] * b * c
    return np.asarray(metric[0, 0] * a * a + metric[1, 1] * b * b + metric[2, 2] * c * c + 2 * cross)


def images(points: Array, charges: Array, cell: Array, cutoff: float) -> tuple[Array, Array]:
    """Return the particles of the cell and all their images within ``cutoff`` of it.

    Parameters
    ----------
    points, charges
        Fractional coordinates in [0, 1), shape (n, 3); shape (n,).
    cell
        Lattice vectors as rows, in units of length.
    cutoff
        In units of length.

    Returns
    -------
    positions (m, 3) in units of length, the cell itself first, and their charges (m,).
    """
    reach = cutoff * np.linalg.norm(np.linalg.inv(cell), axis=0)  # over the distances of the cell's faces
    held, q = points, charges
    for d in range(3):  # images of images: along one axis after the other
        span = int(np.ceil(reach[d]))
        parts, part_charges = [held], [q]
        for shift in [s for s in range(-span, span + 1) if s != 0]:
            near = (held[:, d] >= -reach[d] - shift) & (held[:, d] <= 1 + reach[d] - shift)
            moved = held[near]
            moved[:, d] += shift
            parts.append(moved)
            part_charges.append(q[near])
        held, q = np.concatenate(parts), np.concatenate(part_charges)
    return held @ cell, q
