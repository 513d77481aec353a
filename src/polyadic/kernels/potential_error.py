r"""An estimate of the largest error of a potential of charges, by exact sums at probes that look for it.

Half of the probes are spread: in the whole region, on its faces and corners, at one cutoff from particles, where the
two ranges meet, at the excluded radius from particles, where the short range is steepest, and between these. The other
half lie a part of the shortest wave from the worst of those. Exact is direct summation, in a cell `ewald_sum`. The
estimate is `SAFETY` times the largest residual: no finite number of probes can bound a maximum.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from polyadic.kernels import direct_sum, ewald_sum
from polyadic.kernels.coulomb_splitting import Splitting

Array = NDArray[np.float64]

SAFETY = 2.5
"""Estimate over largest residual."""
_PAIRS = 5e7  # of probes and particles, about 0.1 s
_FEW, _ENOUGH = 64, 1000  # probes
_EXCLUDED = 0.1  # of the mean spacing of the particles


@dataclasses.dataclass(frozen=True)
class ErrorEstimate:
    """What probes found.

    Attributes
    ----------
    value
        Estimate of the largest error, in the unit of the potential.
    residual
        Largest error at a probe, in the same unit.
    excluded_radius
        Distance that probes keep from every particle, in units of length.
    probes
        Their number.
    """

    value: float
    residual: float
    excluded_radius: float
    probes: int


def estimate(
    potential: Callable[[Array], Array],
    particles: tuple[Array, Array],
    box: tuple[Array, Array],
    splitting: Splitting,
    *,
    periodic: bool,
) -> ErrorEstimate:
    """Return the estimated largest error of a potential in its region.

    Parameters
    ----------
    potential
        From points (m, 3) to values (m,).
    particles
        Positions (n, 3) in units of length, and charges (n,) in units of potential times length.
    box
        A corner of the region and its three edges as rows.
    splitting
        The splitting of the potential: errors are largest at its cutoff, and vary over its shortest wave.
    periodic
        Whether the region is a cell.

    Notes
    -----
    At most 5e7 pairs of probes and particles, but 64 probes at least.
    """
    positions, charges = particles
    count = int(np.clip(_PAIRS / len(charges), _FEW, _ENOUGH)) // 2
    corner, edges = box
    radius = _EXCLUDED * float((abs(np.linalg.det(edges)) / len(charges)) ** (1 / 3))
    tree, rng = cKDTree(positions), np.random.default_rng(0)

    def residuals(points: Array) -> tuple[Array, Array]:
        share = (points - corner) @ np.linalg.inv(edges)
        inside = np.all((share >= 0) & (share <= 1), axis=1)
        points = points[inside & (tree.query(points)[0] > 0.999 * radius)]
        if len(points) == 0:
            return points, np.zeros(0)
        exact = (
            ewald_sum.potential(points, positions, charges, edges)
            if periodic
            else direct_sum.potential(points, positions, charges)
        )
        return points, np.abs(potential(points) - exact)

    points, found = residuals(_spread(positions, box, (splitting.cutoff, radius), count, rng))
    worst = points[np.argsort(found)[-8:]]
    steps = rng.normal(size=(count, 3)) / splitting.band
    _, again = residuals(np.resize(worst, (count, 3)) + steps) if len(worst) else (worst, found)
    residual = float(max(found.max(initial=0.0), again.max(initial=0.0)))
    return ErrorEstimate(SAFETY * residual, residual, radius, found.size + again.size)


def _spread(
    positions: Array, box: tuple[Array, Array], distances: tuple[float, float], count: int, rng: np.random.Generator
) -> Array:
    """Return probes of the first half."""
    corner, edges = box
    share = rng.random((count, 3))
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0], indexing="ij"), axis=-1).reshape(8, 3)
    faces = rng.random((count // 4, 3))
    faces[np.arange(len(faces)), rng.integers(0, 3, len(faces))] = rng.integers(0, 2, len(faces))
    direction = rng.normal(size=(count // 2, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    distance = np.resize(np.repeat(distances, 2), (len(direction), 1))
    near, far = np.log(min(distances)), np.log(max(distances))
    distance[::2] = np.exp(rng.uniform(near, far, (len(distance[::2]), 1)))
    around = positions[rng.integers(0, len(positions), len(direction))] + distance * direction
    return np.concatenate([corner + np.concatenate([share[: count // 4], corners, faces]) @ edges, around])
