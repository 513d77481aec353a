"""Kind `particles` to the potential and its long range, and the judgement of both against direct summation."""

import dataclasses
import json
import time

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kernels import direct_sum, potential_units
from polyadic.kinds import metrics
from polyadic.kinds import particles as kind
from polyadic.kinds.metrics import Metric
from polyadic.methods.chebtuck.particle_potential import ParticlePotential, particle_potential

Array = NDArray[np.float64]

ACCEPTED_UNITS = tuple(potential_units.UNITS)


@dataclasses.dataclass(frozen=True)
class PotentialSettings:
    """What `particle_potential` takes beside particles."""

    tolerance: float = 1e-6
    splitting: float | None = None
    unit: str = "V"
    relative_permittivity: float = 1.0
    temperature: float = 298.15


def potential_of(particles: xr.Dataset, settings: PotentialSettings) -> ParticlePotential:
    """Return the potential of a Dataset of kind `particles`, periodic where it has a cell."""
    return particle_potential(
        particles["position"].to_numpy(),
        particles["charge"].to_numpy(),
        settings.tolerance,
        settings.splitting,
        cell=kind.cell(particles),
        unit=settings.unit,
        relative_permittivity=settings.relative_permittivity,
        temperature=settings.temperature,
    )


def long_range(potential: ParticlePotential) -> xr.Dataset:
    """Return the long range as a Dataset of kind `chebyshev_tucker`; the splitting is in its attributes."""
    fractional = potential.cell is not None and potential.long.domain == ((0.0, 1.0),) * 3
    ds = potential.long.to_dataset(potential.unit, ["1" if fractional else "angstrom"] * 3)
    split = potential.splitting
    ds.attrs |= {
        "splitting": json.dumps(
            {"form": split.form, "parameter": split.parameter, "cutoff": split.cutoff, "band": split.band}
        ),
        "coordinates": "fractional" if fractional else "cartesian",
        "net_charge": potential.net_charge,
        "comment": "long range of the potential; the short range is summed over particles nearer than the cutoff",
    }
    return ds


def points(potential: ParticlePotential, count: int, radius: float, seed: int) -> dict[str, Array]:
    """Return test points by family, all at least ``radius`` (Angstrom) from every particle.

    ``random``: uniform in the region. ``near``: at 1 to 1.5 radii from a random particle. ``adversarial``: where the
    splitting is least smooth, at one cutoff from a particle, and at the edges of the region.
    """
    from scipy.spatial import cKDTree

    rng = np.random.default_rng([seed, 0])
    x = potential.positions
    low, high = potential.box
    uniform = rng.uniform(low, high, (4 * count, 3))
    centres = x[rng.integers(0, len(x), 8 * count)]
    direction = rng.normal(size=(8 * count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    near = centres + radius * rng.uniform(1, 1.5, (8 * count, 1)) * direction
    rim = centres + potential.splitting.cutoff * (1 + 1e-6 * rng.normal(size=(8 * count, 1))) * direction
    edge = uniform.copy()
    axis = rng.integers(0, 3, len(edge))
    edge[np.arange(len(edge)), axis] = np.where(rng.random(len(edge)) < 0.5, low[axis], high[axis])
    families = {"random": uniform, "near": near, "adversarial": np.concatenate([rim[: 2 * count], edge[: 2 * count]])}
    tree = cKDTree(x)
    kept = {}
    for name, candidates in families.items():
        distance = tree.query(candidates)[0]
        inside = np.all((candidates >= low) & (candidates <= high), axis=1)
        kept[name] = candidates[inside & (distance >= radius)]
        kept[name] = kept[name][rng.permutation(len(kept[name]))[:count]]
    return kept


def judge(potential: ParticlePotential, count: int, radius: float, seed: int, madelung: float = np.nan) -> xr.Dataset:
    """Return the errors of the potential and of its baselines as a Dataset of kind `metrics`.

    Free space: against direct summation. A cell: against the same potential at a tolerance a thousand times smaller and
    another splitting. Baselines: ``direct`` summation itself, and ``grid``: the full potential interpolated linearly
    from 64^3 values, as viewers do.

    Parameters
    ----------
    potential
        The potential that is judged.
    count, radius, seed
        Of the test points, see `points`.
    madelung
        Known Madelung constant, if any: the relative error of the energy becomes a metric.
    """
    families = points(potential, count, radius, seed)
    truth = {name: _truth(potential, x) for name, x in families.items()}
    rows: dict[str, dict[str, float]] = {"chebtuck": {}, "grid": {}, "direct": {}}
    interpolated = _grid_interpolation(potential)
    for name, x in families.items():
        if len(x) == 0:
            continue
        scale = float(np.sqrt(np.mean(truth[name] ** 2))) or 1.0
        for method, values in (("chebtuck", potential(x)), ("grid", interpolated(x)), ("direct", truth[name])):
            error = values - truth[name]
            rows[method][f"relative_l2_{name}"] = float(np.sqrt(np.mean(error**2))) / scale
            rows[method][f"max_error_{name}"] = float(np.abs(error).max()) / scale
    rows["chebtuck"]["net_force"] = _net_force(potential)
    if np.isfinite(madelung):
        rows["chebtuck"]["energy_error"] = _energy_error(potential, madelung)
    names = list(rows["chebtuck"])
    table = np.array([[rows[method].get(name, np.nan) for method in rows] for name in names])
    known = {name: Metric(-1, "1", 0.0) for name in names}
    out = metrics.dataset(table, np.full(table.shape, np.nan), metrics=known, methods=list(rows), units="1")
    out.attrs |= {"points": count, "excluded_radius": radius, "particles": len(potential.charges)}
    return out


def _truth(potential: ParticlePotential, x: Array) -> Array:
    if potential.cell is None:
        return potential.factor * direct_sum.potential(x, potential.positions, potential.charges)
    return _finer(potential)(x)


def _finer(potential: ParticlePotential) -> ParticlePotential:
    """Return the potential of the same cell with a Gaussian splitting and a far smaller tolerance."""
    finer = particle_potential(
        potential.positions,
        potential.charges,
        max(potential.tolerance * 1e-3, 1e-12),
        3.0 / potential.splitting.cutoff,
        cell=potential.cell,
    )
    return dataclasses.replace(finer, long=finer.long * potential.factor, factor=potential.factor)


def _grid_interpolation(potential: ParticlePotential):  # type: ignore[no-untyped-def]
    from scipy.interpolate import RegularGridInterpolator

    low, high = potential.box
    axes = [np.linspace(a, b, 64) for a, b in zip(low, high, strict=True)]
    values = potential.on_grid(*axes)
    return RegularGridInterpolator(
        axes, np.where(np.isfinite(values), values, 0.0), bounds_error=False, fill_value=None
    )


def _net_force(potential: ParticlePotential) -> float:
    """Return the largest component of the sum of the forces, relative to the largest force."""
    forces = potential.forces()
    # In a lattice every force is zero: there the pull of one mean charge at the cutoff is the measure.
    pull = potential.factor * float(np.mean(potential.charges**2)) / potential.splitting.cutoff**2
    largest = max(float(np.abs(forces).max()), pull)
    return float(np.abs(forces.sum(axis=0)).max()) / largest if largest > 0 else 0.0


def _energy_error(potential: ParticlePotential, madelung: float) -> float:
    """Return the relative error of the energy of a lattice of two ions of opposite charge."""
    from scipy.spatial import cKDTree

    cell, q, x = potential.cell, potential.charges, potential.positions
    if cell is None:
        return float("nan")
    images = [x + np.array(s) @ cell for s in np.ndindex(3, 3, 3)]
    others = np.concatenate(images)
    nearest = float(np.sort(cKDTree(others).query(x[0] + np.ones(3) @ cell, k=2)[0])[1])
    expected = -0.5 * potential.factor * madelung * float(q @ q) / nearest
    return abs(potential.energy() / expected - 1)


def cost_against_count(counts: tuple[int, ...], tolerance: float, seed: int) -> list[tuple[int, int, float]]:
    """Return (particles, largest rank, CPU seconds of the build) of neutral clouds of equal density."""
    found = []
    for n in counts:
        rng = np.random.default_rng([seed, n])
        x = rng.uniform(0, (n / 0.01) ** (1 / 3), (n, 3))
        start = time.process_time()
        potential = particle_potential(x, np.where(np.arange(n) % 2 == 0, 1.0, -1.0), tolerance)
        found.append((n, max(potential.long.ranks), time.process_time() - start))
    return found
