"""The cutoff of least cost at a given accuracy, and the tolerances that a splitting needs to reach it."""

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.coulomb_splitting import Splitting, gaussian, with_cutoff
from polyadic.kernels.prolate import bandwidth_of

Array = NDArray[np.float64]

_PAIR, _GRID_POINT, _FLOP = 6e-9, 1e-9, 6e-11  # seconds on one core, to weigh the parts against each other
_MOST = 6e7  # grid points that a build may hold


@dataclasses.dataclass(frozen=True)
class Charges:
    """What the choice depends on: number, root mean square charge, lengths of the region, scale of the potential.

    Attributes
    ----------
    count, charge
        Number of particles, root mean square of their charges.
    lengths
        Edges of the box, or lengths of the lattice vectors, shape (3,).
    volume
        Of the box or cell.
    scale
        Root mean square of the potential, in charge/length: tolerances are relative to it.
    periodic
        Whether the region is a cell.
    crowding
        Highest density over the mean density.
    """

    count: int
    charge: float
    lengths: Array
    volume: float
    scale: float
    periodic: bool
    crowding: float = 1.0

    def kernel_tolerance(self, cutoff: float, tolerance: float) -> float:
        """Return the relative tolerance of the kernel at which the errors of all neighbours stay small beside it."""
        near = self.count / self.volume * self.crowding * 4 * np.pi / 3 * (2 * cutoff) ** 3
        neighbours = 1.0 + (near if self.periodic else min(near, self.count))
        share = 1.5 if self.periodic else 2.0
        allowed = tolerance * self.scale * cutoff / (share * self.charge * np.sqrt(neighbours))
        return float(np.clip(allowed, 1e-14, 1e-2))

    def cost(self, cutoff: float, band: float, points: int) -> float:
        """Return the estimated seconds of a build and an evaluation at ``points`` points."""
        near = max(points, self.count) * self.count / self.volume * 4.2 * cutoff**3 * _PAIR
        period = self.lengths if self.periodic else 1.3 * self.lengths
        waves = np.maximum(band * period / np.pi, 1.0)
        grid = np.prod(1.8 * waves + 10)
        return float(near + grid * (_GRID_POINT * 20 + 6 * waves.max() * _FLOP))


@functools.cache
def _bandwidths() -> tuple[Array, Array]:
    """Return logarithms of tolerances and the bandwidths of their prolate functions, to interpolate."""
    exponents = np.arange(-14.0, 0.0)
    return exponents, np.array([bandwidth_of(10.0**e) for e in exponents])


def choose(system: Charges, tolerance: float, points: int, given: float | Splitting | None) -> Splitting:
    """Return the splitting to use.

    Parameters
    ----------
    system
        The particles in a few numbers.
    tolerance
        Of the potential, relative to its scale.
    points
        At how many points it will be evaluated.
    given
        A splitting as it is; a number: the Gaussian splitting of that mu, in 1/length; nothing: the prolate splitting
        of least cost.
    """
    if isinstance(given, Splitting):
        return given
    if given is not None:
        kernel = system.kernel_tolerance(3.0 / given if given > 0 else 1.0, tolerance)
        return gaussian(given, kernel / 5)
    size = float(system.lengths.max())
    best = (np.inf, 0.6 * size)
    for cutoff in (size * 1.15 ** -np.arange(0.0, 40.0) * 0.6).tolist():
        kernel = system.kernel_tolerance(cutoff, tolerance)
        band = float(np.interp(np.log10(kernel), *_bandwidths())) / cutoff
        if np.prod(2 * band * system.lengths / np.pi + 20) < _MOST:
            best = min(best, (system.cost(cutoff, band, points), cutoff))
    return with_cutoff(best[1], system.kernel_tolerance(best[1], tolerance))
