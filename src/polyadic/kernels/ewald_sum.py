r"""The potential of a periodic cell of charges at a few points, wave by wave: slow, and without any grid.

The independent twin of `long_range_periodic`: another cutoff, every structure factor summed over the particles as it
is written, :math:`\phi(x) = \sum_{|x - x_j| < r_c} q_j S(|x - x_j|) + \frac{4 \pi}{V} \sum_{k \ne 0} \frac{m(k)}{k^2}
\mathrm{Re}\, F(k) e^{ik \cdot x} - \frac{Q}{V} \int S`. Conventions as there: conducting surroundings, mean zero.
"""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import neighbour_sum
from polyadic.kernels.coulomb_splitting import Splitting, with_cutoff

Array = NDArray[np.float64]

_BLOCK = 2048  # particles whose waves are held at once


def potential(points: Array, positions: Array, charges: Array, cell: Array, tolerance: float = 1e-12) -> Array:
    """Return the potential at points; infinite at a particle.

    Parameters
    ----------
    points, positions
        Shapes (m, 3) and (n, 3), in units of length, anywhere in space.
    charges
        Shape (n,).
    cell
        Lattice vectors as rows.
    tolerance
        Relative to charge over cutoff.

    Notes
    -----
    The cutoff is the width of the cell: a few hundred waves times n, and some 30 n pairs a point for a cube.

    Examples
    --------
    >>> ions = np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    >>> halfway = np.array([[0.25, 0.25, 0.25]])  # inversion there takes one ion to the other
    >>> bool(abs(potential(halfway, ions, np.array([1.0, -1]), np.eye(3))) < 1e-11)
    True
    """
    inverse = np.linalg.inv(cell)
    split = with_cutoff(float(1 / np.linalg.norm(inverse, axis=0).max()), tolerance)
    at, home = points @ inverse, positions @ inverse
    at, home = at - np.floor(at), home - np.floor(home)
    held = neighbour_sum.sources(home @ cell, split.cutoff)
    reach = [range(-n, n + 1) for n in np.ceil(split.cutoff * np.linalg.norm(inverse, axis=0) - 1e-12).astype(int)]
    total = np.full(len(points), -charges.sum() * split.background / abs(float(np.linalg.det(cell))))
    for shift in ((a, b, c) for a in reach[0] for b in reach[1] for c in reach[2]):
        moved = (at + np.array(shift, float)) @ cell
        total += neighbour_sum.at_points(moved, held, charges[held.order], split)[0]
    return total + _waves(at, home, charges, cell, split)


def _waves(at: Array, home: Array, charges: Array, cell: Array, split: Splitting) -> Array:
    """Return the long range at fractional coordinates."""
    count = np.floor(split.band * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    numbers = [np.arange(-n, n + 1.0) for n in count]
    factors = np.zeros([n.size for n in numbers], complex)
    for start in range(0, len(home), _BLOCK):
        part = home[start : start + _BLOCK]
        x, y, z = (np.exp(-2j * np.pi * np.outer(n, part[:, d])) for d, n in enumerate(numbers))
        planes = x[:, None] * (y * charges[start : start + _BLOCK])
        factors += (planes.reshape(-1, len(part)) @ z.T).reshape(factors.shape)
    vectors = np.stack(np.meshgrid(*numbers, indexing="ij"), axis=-1) @ np.linalg.inv(cell).T
    square = 4 * np.pi**2 * np.sum(vectors**2, axis=-1)
    kernel = np.zeros_like(square)
    held = (square > 0) & (square <= split.band**2)
    kernel[held] = 4 * np.pi * split.multiplier(np.sqrt(square[held])) / square[held]
    x, y, z = (np.exp(2j * np.pi * np.outer(at[:, d], n)) for d, n in enumerate(numbers))
    sums = np.einsum("pa,abc,pb,pc->p", x, factors * kernel, y, z, optimize=True)
    return np.asarray(sums.real / abs(float(np.linalg.det(cell))))
