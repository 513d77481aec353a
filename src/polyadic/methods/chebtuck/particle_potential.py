"""The electrostatic potential of point charges: a Chebyshev-Tucker long range and a sum over neighbours."""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyadic.kernels import (
    chebyshev,
    direct_sum,
    long_range_free,
    long_range_periodic,
    neighbour_spread,
    neighbour_sum,
    potential_units,
)
from polyadic.kernels.cells import Cells
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kernels.potential_error import ErrorEstimate, estimate
from polyadic.kernels.splitting_choice import Charges, choose
from polyadic.kernels.tucker_expansion import from_reference
from polyadic.kernels.tucker_reader import Reader, reader
from polyadic.methods.chebtuck.model import ChebyshevTucker
from polyadic.methods.chebtuck.particle_long_range import long_range, summary
from polyadic.methods.chebtuck.particle_system import ParticleSystem, is_diagonal, particle_system

Array = NDArray[np.float64]

_CROWDED = 3.0  # highest density over the mean from which tolerances made for even clouds are not relied upon
_FEW = 20_000  # particles of free space that are looked at in any case: it takes 10 ms
_ACCEPTED = 0.65  # of the tolerance: the largest error at probes, which may miss the largest
_FINEST = 1e-13  # least tolerance of the parts


@dataclasses.dataclass(frozen=True)
class ParticlePotential:
    r"""The potential :math:`\phi(x) = \sum_j q_j / |x - x_j|`, in free space or over a periodic cell.

    At a particle it is infinite; `energy`, `forces` and `at_particles` leave out the particle's own term.

    Attributes
    ----------
    long
        The long range, in the potential's unit. Its coordinates are those of space, or fractional ones in a cell that
        is not a box along the axes (``cell`` not diagonal).
    splitting
        What is long and what is short range; ``splitting.cutoff`` in units of length.
    positions, charges
        As given, shapes (n, 3) and (n,); positions of a periodic cell wrapped into it.
    box
        Lowest and highest corner of the region of ``long``. Outside, free space only, the sum is direct.
    cell
        Lattice vectors as rows, or None.
    unit, factor
        The unit of the potential, and what takes charge/length to it, the relative permittivity included.
    error_estimate
        Estimate of the largest error outside a radius round every particle, and that radius.
    scale
        Root mean square of the potential at probe points; of a cell, the root mean square charge over the mean spacing.
        Tolerances are relative to it. In the potential's unit.
    tolerance, built_to
        The tolerance that was asked for, and the one that the parts were built to: less where charges crowd.
    """

    long: ChebyshevTucker
    splitting: Splitting
    positions: Array
    charges: Array
    box: tuple[Array, Array]
    cell: Array | None
    unit: str
    factor: float
    scale: float
    tolerance: float
    built_to: float

    @property
    def net_charge(self) -> float:
        """The sum of the charges; in a periodic cell a uniform background neutralises it."""
        return float(self.charges.sum())

    def __call__(self, points: ArrayLike) -> Array:
        """Return the potential at points (..., 3), in the potential's unit; infinite at a particle."""
        return self._at(points, gradient=False)

    def gradient(self, points: ArrayLike) -> Array:
        """Return the gradient at points (..., 3), in the potential's unit per length; minus the field."""
        return self._at(points, gradient=True)

    def _at(self, points: ArrayLike, *, gradient: bool) -> Array:
        x = np.asarray(points, np.float64)
        if x.ndim == 0 or x.shape[-1] != 3 or not np.isfinite(x).all():
            raise ValueError(f"points must be finite, of shape (..., 3), found shape {x.shape}")
        flat = np.ascontiguousarray(x.reshape(-1, 3))
        inside = self._inside(flat)
        out = np.empty((len(flat), 3) if gradient else len(flat))
        values = self._evaluate(flat[inside], gradient=gradient, own=False)
        out[inside] = values[1] if gradient else values[0]
        if not inside.all():
            direct = direct_sum.gradient if gradient else direct_sum.potential
            out[~inside] = self.factor * direct(flat[~inside], self.positions, self.charges)
        return out.reshape(x.shape if gradient else x.shape[:-1])

    def _inside(self, points: Array) -> NDArray[np.bool_]:
        if self.cell is not None:
            return np.ones(len(points), bool)
        return np.asarray(np.all((points >= self.box[0]) & (points <= self.box[1]), axis=1))

    def _evaluate(self, points: Array, *, gradient: bool, own: bool) -> tuple[Array, Array]:
        """Return potential and gradient at points of the region, in the potential's unit."""
        if len(points) == 0:
            return np.empty(0), np.empty((0, 3))
        particles, charges = self._neighbours
        if self.cell is not None:
            fractional = points @ np.linalg.inv(self.cell)
            fractional -= np.floor(fractional)
            points = fractional @ self.cell
        held = neighbour_sum.targets(points, particles, self.splitting, gradient=gradient)
        where = held.points if self.cell is None else np.ascontiguousarray(fractional[held.order].T)
        values, slopes = self._reader(where, gradient)
        if self.cell is not None:
            slopes = slopes @ np.linalg.inv(self.cell).T
        short = neighbour_sum.at_cells(held, particles, charges, self.splitting, gradient=gradient, own=own)
        values += self.factor * short[0]
        slopes += self.factor * short[1]
        return neighbour_sum.unsorted(held, values), neighbour_sum.unsorted(held, slopes) if gradient else slopes

    @functools.cached_property
    def _neighbours(self) -> tuple[Cells, Array]:
        positions, charges = self.positions, self.charges
        if self.cell is not None:
            fractional = positions @ np.linalg.inv(self.cell)
            fractional = fractional - np.floor(fractional)
            positions, charges = long_range_periodic.images(fractional, charges, self.cell, self.splitting.cutoff)
        held = neighbour_sum.sources(positions, self.splitting.cutoff)
        return held, charges[held.order]

    @functools.cached_property
    def _reader(self) -> Reader:
        """The long range on a grid: fractional coordinates in a cell."""
        if self.cell is None:
            low, high = self.box
            step = np.full(3, np.pi / (2 * self.splitting.band))
        else:
            low, high = np.zeros(3), np.ones(3)
            step = 1.0 / (4.0 * (long_range_periodic.harmonics(self.cell, self.splitting.band) + 1))
        expansion, factors = self.long.expansion, []
        # The window's error is relative to the long range, which in a crowd or with a net charge exceeds the scale.
        excess = max(float(np.linalg.norm(expansion.core)) / (3 * self.scale), 1.0) if self.scale > 0 else 1.0
        tolerance = max(self.built_to / (10 * excess), 1e-14)
        for d in range(3):
            count = 5 * int((high[d] - low[d]) / step[d]) + 15
            x = from_reference(chebyshev.points(count), (float(low[d]), float(high[d])))  # dense at the ends
            ends = expansion.domain[d]
            t = x if self.cell is None else ends[0] + x * (ends[1] - ends[0])
            factors.append((x, expansion.factor(d, t)))
        return reader(expansion.core, factors, (low, high), step, tolerance)

    def on_grid(self, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Array:
        """Return the potential on the tensor product of three coordinate arrays, shape (nx, ny, nz).

        Uniform axes inside the region are fast: mode products for the long range, and each particle adds its short
        range to the grid points it reaches. Other axes are taken as points.
        """
        axes = [np.atleast_1d(np.asarray(a, np.float64)) for a in (x, y, z)]
        if not self._fast(axes):
            mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
            return self(mesh)
        particles, charges = self._neighbours
        expansion = self.long.expansion
        out = long_range_free.product(expansion.core, [expansion.factor(d, a) for d, a in enumerate(axes)])
        step = np.array([a[1] - a[0] for a in axes])
        origin = np.array([a[0] for a in axes])
        neighbour_spread.add_to_grid(out, origin, step, particles, self.factor * charges, self.splitting)
        return out

    def _fast(self, axes: list[Array]) -> bool:
        ends = self.box if self.cell is None else (np.zeros(3), np.diagonal(self.cell))
        if self.cell is not None and not is_diagonal(self.cell):
            return False
        for d, a in enumerate(axes):
            if a.size < 2 or a[0] < ends[0][d] or a[-1] > ends[1][d] or a[1] <= a[0]:
                return False
            if np.abs(np.diff(a) - (a[-1] - a[0]) / (a.size - 1)).max() > 1e-9 * (a[1] - a[0]):
                return False
        return True

    def at_particles(self) -> Array:
        """Return the potential at every particle without its own term, shape (n,); images of it count."""
        self._refuse_coincident("the potential at the particles")
        values, _ = self._evaluate(self.positions, gradient=False, own=True)
        return values - self.factor * self.charges * float(self.splitting.long(np.array(0.0)))

    def energy(self) -> float:
        """Return half the sum of charge times potential, own terms left out; in the unit of charge x potential.

        In a periodic cell it is the energy a cell, with conducting surroundings and a uniform neutralising background.

        Raises
        ------
        ValueError
            If two particles lie at one place.
        """
        return 0.5 * float(self.charges @ self.at_particles())

    def forces(self) -> Array:
        """Return the force on every particle, shape (n, 3), in the unit of energy per length."""
        self._refuse_coincident("the forces")
        _, slopes = self._evaluate(self.positions, gradient=True, own=True)
        return -self.charges[:, None] * slopes

    @functools.cached_property
    def error_estimate(self) -> ErrorEstimate:
        """Estimate of the largest error, made when first asked for: see `polyadic.kernels.potential_error`."""
        box = (self.box[0], np.diag(self.box[1] - self.box[0])) if self.cell is None else (np.zeros(3), self.cell)
        particles = (self.positions, self.charges * self.factor)
        return estimate(self, particles, box, self.splitting, periodic=self.cell is not None)

    @functools.cached_property
    def _coincident(self) -> tuple[int, int] | None:
        if np.unique(self.positions[:, 0]).size == len(self.positions):  # as with measured positions: no need to sort
            return None
        order = np.lexsort(self.positions.T)
        same = np.flatnonzero(np.all(np.diff(self.positions[order], axis=0) == 0, axis=1))
        return (int(order[same[0]]), int(order[same[0] + 1])) if same.size else None

    def _refuse_coincident(self, what: str) -> None:
        if self._coincident is not None:
            first, second = sorted(self._coincident)
            raise ValueError(f"positions {first} and {second} are the same, so {what} would be infinite; merge the two")


def particle_potential(
    positions: ArrayLike,
    charges: ArrayLike,
    tolerance: float = 1e-6,
    splitting: float | Splitting | None = None,
    cell: ArrayLike | None = None,
    pbc: Any = None,
    unit: str = "e/A",
    relative_permittivity: float = 1.0,
    *,
    temperature: float = 298.15,
    box: tuple[ArrayLike, ArrayLike] | None = None,
    points: int | None = None,
) -> ParticlePotential:
    """Return the electrostatic potential of point charges in a uniform dielectric.

    Parameters
    ----------
    positions, charges
        Shapes (n, 3), in Angstrom (any length with ``unit="e/A"``), and (n,), in e.
    tolerance
        Error relative to the root mean square of the potential (`ParticlePotential.scale`), in [1e-12, 1e-1].
    splitting
        None: chosen by cost. A number: mu in 1/length, long range erf(mu r)/r. Or a `coulomb_splitting.Splitting`.
    cell, pbc
        Lattice vectors as rows (3, 3), or three edge lengths: a periodic cell; None: free space.
    unit, relative_permittivity, temperature
        ``"e/A"``, ``"V"``, ``"kcal/mol/e"`` or ``"kT/e"`` at a temperature in K. No Poisson-Boltzmann, no boundary.
    box
        Lowest and highest corner of the region to represent in free space; default: all particles and 5 % more.
    points
        Number of points at which the potential will be evaluated, for the choice of the splitting; default: n.

    Raises
    ------
    ValueError
        For wrong shapes, values that are not finite, a singular cell, or one that is periodic along some axes only.

    Notes
    -----
    O(n) for the short range, and a few products of matrices on a grid of about one point a particle. Where charges
    crowd or are few, the error at probes is looked at, and all is built anew to a smaller tolerance until it is kept.
    Ewald (1921); the prolate splitting is of Liang et al., arXiv 2505.09727.

    Examples
    --------
    >>> salt = particle_potential([[0, 0, 0], [0.5, 0.5, 0.5]], [1, -1], 1e-9, cell=[1, 1, 1])  # caesium chloride
    >>> round(-salt.energy() * 3**0.5 / 2, 7)
    1.7626748
    """
    system = particle_system(positions, charges, cell, pbc, box)
    factor = potential_units.factor(unit, temperature) / _permittivity(relative_permittivity)
    if not 1e-12 <= tolerance <= 0.1:
        raise ValueError(f"tolerance must lie in [1e-12, 0.1], found {tolerance!r}")
    numbers = summary(system)
    count = numbers.count if points is None else points
    built_to = tolerance
    while True:
        split = choose(numbers, built_to, count, splitting)
        found = _built(system, (unit, factor), numbers, (tolerance, built_to), split)
        even = numbers.crowding < _CROWDED and (numbers.periodic or numbers.count > _FEW)
        if even or built_to <= _FINEST or isinstance(splitting, Splitting):
            return found
        share = found.error_estimate.residual / (_ACCEPTED * tolerance * max(found.scale, 1e-300))
        if share <= 1:
            return found
        built_to = max(_FINEST, built_to * min(0.5, 0.8 / share))


def _built(
    system: ParticleSystem, unit: tuple[str, float], numbers: Charges, tolerances: tuple[float, float], split: Splitting
) -> ParticlePotential:
    name, factor = unit
    expansion = long_range(system, split, numbers, tolerances[1]).scaled(factor)
    scale = numbers.scale * factor
    long = ChebyshevTucker(expansion, scale=scale, names=("x", "y", "z"))
    held = (system.positions, system.charges, system.box, system.cell)
    return ParticlePotential(long, split, *held, name, factor, scale, *tolerances)


def _permittivity(value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"relative_permittivity must be positive, found {value!r}")
    return value
