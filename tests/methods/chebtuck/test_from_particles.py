"""Particles to long range, judgement and grid files."""

import dataclasses
import importlib

import numpy as np
import pytest

from polyadic.core.errors import InputError
from polyadic.kinds import chebyshev_tucker, metrics
from polyadic.kinds import particles as kind
from polyadic.methods.chebtuck.export_grid import BOHR, write_grid
from polyadic.methods.chebtuck.from_particles import PotentialSettings, compare, long_range, potential_of
from polyadic.methods.chebtuck.model import ChebyshevTucker
from polyadic.sources.particles import ParticlesConfig, particles


def test_long_range_survives_its_dataset():
    ds = kind.example()
    potential = potential_of(ds, PotentialSettings(tolerance=1e-6))
    held = long_range(potential)
    chebyshev_tucker.SCHEMA.check(held)
    again = ChebyshevTucker.from_dataset(held)
    points = ds["position"].to_numpy()[:5].T
    np.testing.assert_array_equal(again(*points), potential.long(*points))
    assert held["core"].attrs["units"] == "V"
    assert float(held["error_estimate"]) == potential.error_estimate.value / potential.scale
    assert held.attrs["excluded_radius"] == potential.error_estimate.excluded_radius
    assert held["converged"] == 1


def test_a_file_says_when_the_tolerance_was_not_reached():
    potential = potential_of(kind.example(), PotentialSettings(tolerance=1e-6))
    spoiled = long_range(dataclasses.replace(potential, long=1.01 * potential.long))
    assert spoiled["converged"] == 0
    assert "the largest error at probes is" in spoiled.attrs["message"]
    assert float(spoiled["error_estimate"]) > 1e-6


@pytest.mark.parametrize("make", ["cloud", "NaCl"])
def test_the_potential_beats_interpolation_of_a_grid_and_keeps_the_tolerance(make):
    ds = particles(ParticlesConfig(make=make, count=500, cells=(2, 2, 2)))
    potential = potential_of(ds, PotentialSettings(tolerance=1e-6))
    table = compare(potential, 100, 1.0, 0, ds.attrs.get("madelung_constant", np.nan))
    metrics.SCHEMA.check(table)
    names = table["metric"].to_numpy().tolist()
    for family in ("random", "near", "adversarial"):
        mine, grid = (float(table["value"][names.index(f"max_error_{family}"), i]) for i in (0, 1))
        assert mine < 1e-5
        assert mine < grid / 100
    assert float(table["value"][names.index("net_force"), 0]) < 1e-4
    if make == "NaCl":
        assert float(table["value"][names.index("energy_error"), 0]) < 1e-6


VALUES = np.random.default_rng(0).normal(size=(4, 3, 5))


def read_open_dx(path):
    """An independent reader: counts, origin, deltas, and the numbers in C order."""
    lines = path.read_text().splitlines()
    counts = [int(w) for w in next(x for x in lines if "gridpositions" in x).split()[-3:]]
    origin = [float(w) for w in next(x for x in lines if x.startswith("origin")).split()[1:]]
    delta = np.array([[float(w) for w in x.split()[1:]] for x in lines if x.startswith("delta")])
    start = next(i for i, x in enumerate(lines) if "data follows" in x) + 1
    end = next(i for i, x in enumerate(lines) if x.startswith("attribute"))
    numbers = np.array(" ".join(lines[start:end]).split(), float)
    return numbers.reshape(counts), origin, delta


def test_open_dx_file_holds_grid_and_values(tmp_path):
    write_grid(tmp_path / "a.dx", VALUES, (1, 2, -3), (0.5, 0.25, 2.0), "a title")
    values, origin, delta = read_open_dx(tmp_path / "a.dx")
    np.testing.assert_allclose(values, VALUES, rtol=1e-8)
    np.testing.assert_allclose(delta, np.diag([0.5, 0.25, 2.0]))
    assert origin == [1, 2, -3]


def test_cube_file_is_read_by_ase(tmp_path):
    pytest.importorskip("ase", reason="the extra `particles` is not installed")
    write_grid(tmp_path / "a.cube", VALUES, (1, 2, -3), (0.5, 0.25, 2.0), "a title")
    with (tmp_path / "a.cube").open() as file:
        found = importlib.import_module("ase.io.cube").read_cube(file)
    np.testing.assert_allclose(found["data"], VALUES, rtol=1e-7)
    np.testing.assert_allclose(found["spacing"], np.diag([0.5, 0.25, 2.0]), atol=1e-7)
    np.testing.assert_allclose(found["origin"], [1, 2, -3], atol=1e-7)
    assert pytest.approx(0.529177210903) == BOHR


def test_a_grid_that_touches_a_particle_or_has_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match="1 grid points lie on a particle"):
        write_grid(tmp_path / "a.dx", np.where(VALUES.max() == VALUES, np.inf, VALUES), (0, 0, 0), (1, 1, 1))
    with pytest.raises(InputError, match=r"written as \.dx or \.cube, found extension \.vtk"):
        write_grid(tmp_path / "a.vtk", VALUES, (0, 0, 0), (1, 1, 1))
    assert not list(tmp_path.iterdir())
