"""Energy of a periodic salt at equal error: this project against particle mesh Ewald (helPME, OpenMM).

Run with one thread and the peers on the path (``pip install helpme-py openmm``):
``OMP_NUM_THREADS=1 python benchmarks/chebtuck/periodic_energy.py [CELLS ...]``.

Rock salt whose ions are displaced at random by a fiftieth of the cell (a perfect lattice would cancel errors).
Each method first seeks the loosest of its settings whose energy is within 1e-8 (not timed); a row counts all from
coordinates to energy, in CPU seconds of this process. Reference: this project at 1e-12 with another splitting, checked
here against the plain Ewald sum at 20 points. *helPME* is the reciprocal part in double precision at the best of some
cutoffs, with this project's own compiled sum over neighbours. *OpenMM* is its CPU platform: single precision, so its
error is what it is. First line: Madelung constants of perfect lattices.
"""

import sys
import time

import numpy as np

from polyadic.kernels import ewald_sum, long_range_periodic, neighbour_sum
from polyadic.kernels.coulomb_splitting import gaussian
from polyadic.methods.chebtuck.particle_potential import particle_potential
from polyadic.sources.particle_files import made

GOAL = 1e-8
MADELUNG = {"NaCl": (1.747564594633182, 0.5), "CsCl": (1.762674773070988, 3**0.5 / 2)}


def timed(call):
    start = time.process_time()
    out = call()
    return out, time.process_time() - start


def madelung():
    for name, (constant, distance) in MADELUNG.items():
        record = made.lattice(name, (1, 1, 1))
        potential = particle_potential(record.position, record.charge, 1e-12, cell=record.cell)
        length = record.cell[0][0] * distance
        found = -2 * potential.energy() * length / (record.charge @ record.charge)
        print(f"Madelung {name}: relative error {abs(found / constant - 1):.1e}")


def by_helpme(x, q, side, setting):
    """Return the energy by PME of double precision; ``setting`` is (tolerance, cutoff, spline order)."""
    import helpme_py

    tolerance, cutoff, order = setting
    split = gaussian(np.sqrt(-np.log(tolerance)) / cutoff, tolerance)
    mesh = 2 * int(np.ceil(split.band * side / (2 * np.pi) * 1.1))
    pme = helpme_py.PMEInstanceD()
    pme.setup(1, split.parameter, order, mesh, mesh, mesh, 1.0, 1)
    pme.set_lattice_vectors(side, side, side, 90, 90, 90, helpme_py.LatticeType.XAligned)
    charges, places = helpme_py.MatrixD(q[:, None].copy()), helpme_py.MatrixD(x.copy())
    far = pme.compute_E_rec(0, charges, places) + pme.compute_E_self(0, charges)
    images, image_charges = long_range_periodic.images(x / side, q, np.eye(3) * side, split.cutoff)
    held = neighbour_sum.sources(images, split.cutoff)
    near, _ = neighbour_sum.at_points(x, held, image_charges[held.order], split, own=True)
    return far + 0.5 * float(q @ near)


def by_openmm(x, q, side):
    """Return the energy by OpenMM's CPU platform, lengths in nanometres, in units of charge squared per length."""
    import openmm
    from openmm import unit

    system = openmm.System()
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(1.0)
    force.setEwaldErrorTolerance(1e-6)
    system.setDefaultPeriodicBoxVectors(*[openmm.Vec3(*row) for row in np.eye(3) * side])
    for charge in q:
        system.addParticle(1.0)
        force.addParticle(float(charge), 1.0, 0.0)
    system.addForce(force)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, {"Threads": "1"})
    context.setPositions([openmm.Vec3(*row) for row in x])
    energy = context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return energy / 138.93545764438198


def helpme_settings():
    for tolerance in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11):
        for order in (8, 12, 16):
            yield tolerance, order


def best_helpme(x, q, side, energy):
    best = None
    for cutoff in (2.4, 1.8, 1.4, 1.1, 0.85):  # of the unit cell
        for tolerance, order in helpme_settings():
            if abs(by_helpme(x, q, side, (tolerance, cutoff, order)) / energy - 1) <= GOAL:
                break
        found, seconds = timed(lambda s=(tolerance, cutoff, order): by_helpme(x, q, side, s))
        error = abs(found / energy - 1)
        if error <= GOAL and (best is None or seconds < best[0]):
            best = (seconds, error, f"cutoff {cutoff}, tolerance {tolerance:.0e}, order {order}")
    return best


def compare(count):
    record = made.lattice("NaCl", (count,) * 3)
    side = float(count)
    x = record.position * side / record.cell[0][0]
    x = (x + np.random.default_rng(count).normal(0, 0.02, x.shape)) % side
    q = np.asarray(record.charge, float)
    fine = particle_potential(x, q, 1e-12, 2.5, cell=[side] * 3)
    where = np.random.default_rng(0).uniform(0, side, (20, 3))
    check = np.abs(fine(where) - ewald_sum.potential(where, x, q, np.eye(3) * side)).max() / fine.scale
    energy = fine.energy()
    print(f"{len(q):,} ions, energy {energy:.6f}, reference against the plain sum {check:.0e}", flush=True)
    for tolerance in np.geomspace(1e-4, 1e-10, 13):
        if abs(particle_potential(x, q, tolerance, cell=[side] * 3).energy() / energy - 1) <= GOAL:
            break
    found, mine = timed(lambda: particle_potential(x, q, tolerance, cell=[side] * 3).energy())
    print(f"  polyadic {mine:8.3f} CPU s  error {abs(found / energy - 1):.1e}  (tolerance {tolerance:.0e})", flush=True)
    best = best_helpme(x, q, side, energy)
    if best is not None:
        print(
            f"  helPME   {best[0]:8.3f} CPU s  error {best[1]:.1e}  ({best[2]})  ratio {mine / best[0]:.3f}", flush=True
        )
    found, seconds = timed(lambda: by_openmm(x, q, side))
    print(
        f"  OpenMM   {seconds:8.3f} CPU s  error {abs(found / energy - 1):.1e}  ratio {mine / seconds:.3f}", flush=True
    )


if __name__ == "__main__":
    madelung()
    for cells_along in map(int, sys.argv[1:] or ["10", "20"]):
        compare(cells_along)
