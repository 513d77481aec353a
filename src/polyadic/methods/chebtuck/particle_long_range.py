"""The long range of particles as an expansion: free space in Chebyshev series, a cell in Fourier series."""

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import direct_sum, long_range_free, long_range_periodic
from polyadic.kernels.cells import cells
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kernels.splitting_choice import Charges
from polyadic.kernels.tucker_expansion import Expansion
from polyadic.methods.chebtuck.particle_system import ParticleSystem, is_diagonal

Array = NDArray[np.float64]

_PROBES = 48


def summary(system: ParticleSystem) -> Charges:
    """Return the particles in a few numbers; the scale is a root mean square over probes that keep off the charges."""
    x, q, cell = system.positions, system.charges, system.cell
    charge = max(float(np.sqrt(np.mean(q * q))), 1e-300)
    if cell is not None:
        volume = abs(float(np.linalg.det(cell)))
        spacing = (volume / len(q)) ** (1 / 3)
        return Charges(len(q), charge, np.linalg.norm(cell, axis=1), volume, charge / spacing, True, _crowding(x))
    low, high = system.box
    lengths = high - low
    volume = float(np.prod(lengths))
    spacing = (volume / len(q)) ** (1 / 3)
    probes = low + np.random.default_rng(0).random((_PROBES, 3)) * lengths
    values = np.sort(np.abs(direct_sum.potential(probes, x, q)))[: _PROBES * 3 // 4]  # without those near a charge
    scale = max(float(np.sqrt(np.mean(values**2))), 1e-3 * charge / spacing)
    return Charges(len(q), charge, lengths, volume, scale, False, _crowding(x))


def _crowding(positions: Array) -> float:
    """Return the highest density over the mean, of boxes that hold 16 particles of a sample on average."""
    sample = positions[:: max(len(positions) // 50_000, 1)]
    size = np.maximum(np.ptp(sample, axis=0), 1e-9)
    held = cells(sample, float((16 * np.prod(size) / len(sample)) ** (1 / 3)))
    return max(1.0, float(np.diff(held.start).max() * (held.start.size - 1) / len(sample)))


def long_range(system: ParticleSystem, splitting: Splitting, numbers: Charges, tolerance: float) -> Expansion:
    """Return the long range, in charge/length.

    Parameters
    ----------
    system, numbers
        The particles, and what `summary` says of them.
    splitting
        What is long range.
    tolerance
        Relative to the scale of the potential.
    """
    kernel = min(numbers.kernel_tolerance(splitting.cutoff, tolerance), tolerance)
    # A root mean square: the largest error is some five times it, and more where it gathers in a crowd.
    limit = tolerance * numbers.scale / (8 * numbers.crowding**0.25)
    if system.cell is None:
        return _free(system, splitting, (kernel, limit)).compressed(limit)
    return _periodic(system, system.cell, splitting, kernel).compressed(limit)


def _free(system: ParticleSystem, splitting: Splitting, limits: tuple[float, float]) -> Expansion:
    longest = float((system.box[1] - system.box[0]).max())
    held = cells(system.positions, max(splitting.cutoff / 2, longest / 60))
    charges = system.charges[held.order]
    core, coefficients = long_range_free.build(held.points, charges, system.box, splitting, limits)
    domain = tuple((float(a), float(b)) for a, b in zip(*system.box, strict=True))
    return Expansion(core, tuple(coefficients), domain, ("chebyshev",) * 3)


def _periodic(system: ParticleSystem, cell: Array, splitting: Splitting, kernel: float) -> Expansion:
    fractional = system.positions @ np.linalg.inv(cell)
    fractional -= np.floor(fractional)
    fractional[fractional >= 1.0] = 0.0
    held = cells(fractional, 1 / 60)
    tensor = long_range_periodic.build(held.points, system.charges[held.order], cell, splitting, kernel)
    tensor[0, 0, 0] = -system.charges.sum() * splitting.background / abs(float(np.linalg.det(cell)))
    eye = tuple(np.eye(n) for n in tensor.shape)
    ends = np.diagonal(cell) if is_diagonal(cell) else np.ones(3)
    return Expansion(tensor, eye, tuple((0.0, float(end)) for end in ends), ("fourier",) * 3)
