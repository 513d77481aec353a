"""Kind `particles` to the potential and its long range, and the judgement of both against direct summation."""

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kernels import direct_sum
from polyadic.kernels.coulomb_splitting import Splitting
from polyadic.kinds import metrics
from polyadic.kinds import particles as kind
from polyadic.kinds.metrics import Metric
from polyadic.methods.chebtuck.model import ChebyshevTucker
from polyadic.methods.chebtuck.particle_potential import ParticlePotential, particle_potential

if TYPE_CHECKING:
    from polyadic.methods.chebtuck.decompose import DecomposeConfig
    from polyadic.methods.chebtuck.evaluate import EvaluateConfig

Array = NDArray[np.float64]

_GRID = 64  # points along each axis of the grid that stands for what viewers hold


@dataclasses.dataclass(frozen=True)
class PotentialSettings:
    """What `particle_potential` takes beside particles."""

    tolerance: float = 1e-6
    splitting: float | None = None
    unit: str = "V"
    relative_permittivity: float = 1.0
    temperature: float = 298.15


def decompose(cfg: "DecomposeConfig", particles: xr.Dataset) -> xr.Dataset:
    """Return the long range of the potential, a Dataset of kind `chebyshev_tucker`."""
    settings = PotentialSettings(cfg.tolerance, cfg.splitting, cfg.unit, cfg.relative_permittivity, cfg.temperature)
    return long_range(potential_of(particles, settings))


def judge(cfg: "EvaluateConfig", particles: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Return the errors of the potential that a stored long range and the particles make, as kind `metrics`."""
    potential = stored_potential(particles, approximation)
    madelung = float(particles.attrs.get("madelung_constant", np.nan))
    return compare(potential, cfg.points // 3, cfg.excluded_radius, cfg.seed, madelung)


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
    """Return the long range as a Dataset of kind `chebyshev_tucker`.

    The splitting is in its attributes, and the radius (Angstrom) round particles that the error estimate leaves out.
    """
    fractional = potential.cell is not None and potential.long.domain == ((0.0, 1.0),) * 3
    found, split = potential.error_estimate, potential.splitting
    reached = found.residual <= potential.tolerance * potential.scale
    known = dataclasses.replace(
        potential.long,
        error_estimate=found.value / potential.scale,
        evaluations=found.probes,
        converged=reached,
        message="" if reached else f"the largest error at probes is {found.residual / potential.scale:.1e}",
    )
    ds = known.to_dataset(potential.unit, ["1" if fractional else "angstrom"] * 3)
    ds["error_estimate"].attrs["long_name"] = "estimated largest error of long and short range relative to scale"
    ds["scale"].attrs["long_name"] = "root mean square of the potential away from the particles"
    ds["evaluations"].attrs["long_name"] = "points of exact summation behind the error estimate"
    ds.attrs |= {
        "splitting": json.dumps(dataclasses.asdict(split)),
        "unit_factor": potential.factor,
        "tolerance": potential.tolerance,
        "built_to": potential.built_to,
        "coordinates": "fractional" if fractional else "cartesian",
        "quantity": "long range of the potential",
        "net_charge": potential.net_charge,
        "excluded_radius": found.excluded_radius,
        "comment": "long range of the potential; the short range is summed over particles nearer than the cutoff",
    }
    return ds


def stored_potential(particles: xr.Dataset, approximation: xr.Dataset) -> ParticlePotential:
    """Return the potential of particles whose long range is stored: what `long_range` made, bit for bit."""
    attributes = approximation.attrs
    if "splitting" not in attributes:
        raise ValueError("approximation must be the long range of particles, found no attribute 'splitting'")
    stored = json.loads(attributes["splitting"])
    split = Splitting(**{**stored, "coefficients": tuple(stored["coefficients"])})
    long = ChebyshevTucker.from_dataset(approximation)
    cell, x = kind.cell(particles), particles["position"].to_numpy().astype(float)
    ends = np.array(long.domain)
    box = (ends[:, 0], ends[:, 1])
    if cell is not None:
        fractional = x @ np.linalg.inv(cell)
        x = (fractional - np.floor(fractional)) @ cell
        box = (cell.min(axis=0), cell.max(axis=0))
    return ParticlePotential(
        long,
        split,
        x,
        particles["charge"].to_numpy().astype(float),
        box,
        cell,
        str(approximation["core"].attrs["units"]),
        float(attributes["unit_factor"]),
        long.scale,
        float(attributes["tolerance"]),
        float(attributes["built_to"]),
    )


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


def compare(potential: ParticlePotential, count: int, radius: float, seed: int, madelung: float = np.nan) -> xr.Dataset:
    """Return the errors of the potential and of its baselines as a Dataset of kind `metrics`.

    Free space: against ``direct`` summation. A cell: against ``finer``, the same potential at a tolerance a thousand
    times smaller and another splitting. The reference is a row: its error is zero, its cost is not. Baseline: ``grid``,
    the full potential interpolated linearly from 64^3 values, as viewers do. Errors are relative to the root mean
    square of the potential at the points of a family.

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
    reference = "direct" if potential.cell is None else "finer"
    rows: dict[str, dict[str, float]] = {"chebtuck": {}, "grid": {}, reference: {}}
    exact, interpolated = _reference(potential), _grid_interpolation(potential)
    for name, x in families.items():
        if len(x) == 0:
            continue
        truth = exact(x)
        scale = float(np.sqrt(np.mean(truth**2))) or 1.0
        for method, values in (("chebtuck", potential(x)), ("grid", interpolated(x)), (reference, truth)):
            error = values - truth
            rows[method][f"relative_l2_{name}"] = float(np.sqrt(np.mean(error**2))) / scale
            rows[method][f"max_error_{name}"] = float(np.abs(error).max()) / scale
    for method, (numbers, pairs) in _costs(potential, reference).items():
        rows[method] |= {"stored_numbers": numbers, "pairs_per_point": pairs}
    rows["chebtuck"]["net_force"] = _net_force(potential)
    if np.isfinite(madelung):
        rows["chebtuck"]["energy_error"] = _energy_error(potential, madelung)
    names = list(rows["chebtuck"])
    table = np.array([[rows[method].get(name, np.nan) for method in rows] for name in names])
    known = {name: Metric(-1, "1") for name in names}
    out = metrics.dataset(table, np.full(table.shape, np.nan), metrics=known, methods=list(rows), units="1")
    out.attrs |= {"points": count, "excluded_radius": radius, "particles": len(potential.charges)}
    return metrics.of_size(out, len(potential.charges), "charges")


def _reference(potential: ParticlePotential) -> Callable[[Array], Array]:
    if potential.cell is not None:
        return _finer(potential)
    return lambda x: potential.factor * direct_sum.potential(x, potential.positions, potential.charges)


def _costs(potential: ParticlePotential, reference: str) -> dict[str, tuple[float, float]]:
    """Return per row the numbers it stores and the pairs of charges and points that a point takes."""
    particles = 4.0 * len(potential.charges)
    near = {"chebtuck": potential, **({"finer": _finer(potential)} if reference == "finer" else {})}
    found = {"grid": (float(_GRID**3), 0.0), "direct": (particles, float(len(potential.charges)))}
    volume = abs(np.linalg.det(potential.cell)) if potential.cell is not None else np.prod(np.subtract(*potential.box))
    for name, one in near.items():
        pairs = 4 / 3 * np.pi * one.splitting.cutoff**3 * len(one.charges) / abs(float(volume))
        found[name] = (particles + one.long.nbytes / 8, float(pairs))
    return {name: found[name] for name in ("chebtuck", "grid", reference)}


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
    axes = [np.linspace(a, b, _GRID) for a, b in zip(low, high, strict=True)]
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
