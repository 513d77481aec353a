"""The potential of particles against direct sums, Madelung constants and its own symmetries."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from polyadic.kernels import direct_sum, ewald_sum
from polyadic.methods.chebtuck.model import ChebyshevTucker
from polyadic.methods.chebtuck.particle_potential import particle_potential
from polyadic.sources.particle_files import made

RNG = np.random.default_rng(2)
POSITIONS = RNG.uniform(0, 8, (600, 3)) * [1, 1.5, 0.7]
CHARGES = RNG.choice([-1.0, 1.0, 2.0], 600)
POINTS = RNG.uniform([-0.1, -0.1, -0.1], [8.1, 12.1, 5.7], (400, 3))
TRICLINIC = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1.0]])
SALT = made.lattice("NaCl", (1, 1, 1))


def plain_sum(points, positions, charges):
    return (charges / np.linalg.norm(points[:, None] - positions, axis=-1)).sum(axis=1)


@pytest.mark.parametrize(("tolerance", "mu"), [(1e-3, None), (1e-6, None), (1e-6, 0.9), (1e-10, None), (1e-10, 1.4)])
def test_the_error_stays_below_the_tolerance(tolerance, mu):
    potential = particle_potential(POSITIONS, CHARGES, tolerance, mu)
    expected = plain_sum(POINTS, POSITIONS, CHARGES)
    assert np.abs(potential(POINTS) - expected).max() < tolerance * potential.scale


def test_neutral_and_charged_clouds_and_one_cluster_keep_the_tolerance():
    cluster = np.concatenate([POSITIONS[:200] * 0.05, POSITIONS[200:]])
    for x, q in ((POSITIONS, np.resize([1.0, -1.0], 600)), (POSITIONS, np.ones(600)), (cluster, CHARGES)):
        potential = particle_potential(x, q, 1e-6)
        assert np.abs(potential(POINTS) - plain_sum(POINTS, x, q)).max() < 1e-6 * potential.scale


@pytest.mark.parametrize("side", [0.01, 0.1, 0.3])
def test_crowds_of_like_charges_keep_the_tolerance(side):
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 10, (600, 3)), 4 + 10 * side * rng.uniform(0, 0.5, (600, 3))])
    q = rng.uniform(0, 1, 1200)
    potential = particle_potential(x, q, 1e-5)
    around = x[::2] + potential.splitting.cutoff * 10 ** -rng.uniform(0, 1.5, (600, 1)) * rng.normal(size=(600, 3))
    points = np.clip(np.concatenate([rng.uniform(0, 10, (600, 3)), around]), *potential.box)
    points = points[np.linalg.norm(points[:, None] - x, axis=-1).min(axis=1) > potential.error_estimate.excluded_radius]
    assert potential.built_to < potential.tolerance
    assert np.abs(potential(points) - plain_sum(points, x, q)).max() < 1e-5 * potential.scale


@pytest.mark.parametrize("name", ["NaCl", "CsCl", "ZnS"])
def test_madelung_constants(name):
    """Tosi (1964); Crandall and Buhler (1987), to ten digits."""
    record = made.lattice(name, (1, 1, 1))
    distance = {"NaCl": 0.5, "CsCl": 3**0.5 / 2, "ZnS": 3**0.5 / 4}[name] * made.LATTICES[name][2]
    potential = particle_potential(record.position, record.charge, 1e-11, cell=record.cell)
    found = -2 * potential.energy() * distance / (record.charge @ record.charge)
    assert found == pytest.approx(
        {"NaCl": 1.747564594633, "CsCl": 1.762674773071, "ZnS": 1.638055053389}[name], abs=1e-10
    )


@pytest.mark.parametrize("cell", [None, [8.0, 12.0, 5.6], TRICLINIC * 8])
def test_energy_and_forces_do_not_depend_on_the_splitting(cell):
    made_by = [particle_potential(POSITIONS, CHARGES, 1e-8, mu, cell=cell) for mu in (None, 1.0, 1.4)]
    energies = [p.energy() for p in made_by]
    np.testing.assert_allclose(energies, energies[0], rtol=1e-7)
    forces = [p.forces() for p in made_by]
    np.testing.assert_allclose(forces[1], forces[0], atol=1e-6 * np.abs(forces[0]).max())
    assert np.abs(forces[0].sum(axis=0)).max() < 1e-6 * np.abs(forces[0]).max()


def true_error(potential, radius):
    low, high = potential.box
    points = RNG.uniform(low, high, (3000, 3))
    points = points[cKDTree(potential.positions).query(points)[0] > radius]
    exact = (
        direct_sum.potential(points, potential.positions, potential.charges)
        if potential.cell is None
        else ewald_sum.potential(points, potential.positions, potential.charges, potential.cell)
    )
    return float(np.abs(potential(points) - exact).max())


@pytest.mark.parametrize(("cell", "mu"), [(None, None), (None, 1.2), ([8.0, 12.0, 5.6], None), (TRICLINIC * 8, None)])
def test_the_error_estimate_is_above_the_largest_error_and_within_a_small_factor(cell, mu):
    potential = particle_potential(POSITIONS, CHARGES, 1e-6, mu, cell=cell)
    found = potential.error_estimate
    true = true_error(potential, found.excluded_radius)
    assert true <= found.value <= 10 * true
    assert found.residual <= found.value
    assert found.residual <= 1e-6 * potential.scale


def test_the_error_estimate_tells_of_a_long_range_that_is_wrong():
    """A thousandth too much everywhere, and a bump near one corner that the fit of the potential knows nothing of."""
    right = particle_potential(POSITIONS, CHARGES, 1e-6)
    large = dataclasses.replace(right, long=1.001 * right.long)
    assert large.error_estimate.residual > 1e-4 * right.scale
    low, high = right.box
    narrow = [np.exp(-((np.linspace(a, b, 200) - a) ** 2) / 2) for a, b in zip(low, high, strict=True)]
    grid = [np.linspace(a, b, 200) for a, b in zip(low, high, strict=True)]
    bump = ChebyshevTucker.from_cp([1e-3], [g[:, None] for g in narrow], grid, domain=right.long.domain)
    bumped = dataclasses.replace(right, long=right.long + bump)
    assert bumped.error_estimate.value > 0.9e-3


def test_a_plain_ewald_sum_agrees_at_points_inside_and_outside_of_a_charged_skew_cell():
    potential = particle_potential(POSITIONS, CHARGES, 1e-10, cell=TRICLINIC * 8)
    points = RNG.uniform(-20, 20, (30, 3))
    expected = ewald_sum.potential(points, POSITIONS, CHARGES, TRICLINIC * 8)
    np.testing.assert_allclose(potential(points), expected, atol=1e-10 * potential.scale)


def test_near_the_faces_of_the_box_the_error_is_no_larger():
    """The window functions that evaluate at points have no grid beyond the faces but their margin."""
    potential = particle_potential(POSITIONS, CHARGES, 1e-8, 1.2)
    low, high = potential.box
    points = RNG.uniform(low, high, (600, 3))
    points[:, 0] = low[0] + RNG.uniform(0, 0.05, 600)
    np.testing.assert_allclose(
        potential(points), plain_sum(points, POSITIONS, CHARGES), atol=1e-8 * potential.scale, rtol=0
    )


def test_degrees_end_where_the_coefficients_are_small():
    expansion = particle_potential(POSITIONS, CHARGES, 1e-6).long.expansion
    for mode, basis in enumerate(expansion.coefficients):
        unfolded = np.moveaxis(expansion.core, mode, 0).reshape(basis.shape[1], -1)
        size = np.linalg.norm(basis @ unfolded, axis=1)
        assert 1e-10 < size[-4:].max() / size.max() < 1e-6


def test_energy_and_forces_are_those_of_the_direct_sum():
    potential = particle_potential(POSITIONS, CHARGES, 1e-9)
    expected = 0.5 * CHARGES @ direct_sum.potential(POSITIONS, POSITIONS, CHARGES)
    assert potential.energy() == pytest.approx(expected, rel=1e-8)
    forces = -CHARGES[:, None] * direct_sum.gradient(POSITIONS, POSITIONS, CHARGES)
    np.testing.assert_allclose(potential.forces(), forces, atol=1e-7 * np.abs(forces).max())


@pytest.mark.parametrize("cell", [None, TRICLINIC * 8])
def test_gradient_is_the_finite_difference(cell):
    potential = particle_potential(POSITIONS, CHARGES, 1e-9, cell=cell)
    points = POINTS[:50]
    step = 1e-4 * np.eye(3)
    difference = np.stack([(potential(points + h) - potential(points - h)) / 2e-4 for h in step], axis=-1)
    gradient = potential.gradient(points)
    np.testing.assert_allclose(difference, gradient, atol=2e-3 * np.abs(gradient).max(), rtol=1e-3)


def test_primitive_triclinic_cell_is_the_conventional_cubic_one():
    """Rock salt in its rhombohedral cell of two ions and in its cube of eight."""
    half = made.LATTICES["NaCl"][2] / 2
    small = particle_potential(half * np.array([[0, 0, 0], [1, 1, 1.0]]), [1, -1], 1e-9, cell=half * TRICLINIC)
    large = particle_potential(SALT.position, SALT.charge, 1e-9, cell=SALT.cell)
    points = RNG.uniform(-9, 9, (100, 3))
    np.testing.assert_allclose(small(points), large(points), atol=1e-8)
    assert 4 * small.energy() == pytest.approx(large.energy(), rel=1e-9)


def test_a_net_charge_has_a_uniform_background_and_a_potential_of_mean_zero():
    """One ion a cell in its background: the simple cubic Wigner crystal, xi = -2.837297479 e2/L (Cohen et al.)."""
    one = particle_potential([[0.2, 0.3, 0.4]], [1.0], 1e-10, cell=[1, 1, 1])
    assert one.net_charge == 1.0
    assert 2 * one.energy() == pytest.approx(-2.837297479, abs=1e-8)
    assert one.long.integral() == pytest.approx(-one.splitting.background, rel=1e-9)


def test_scaling_of_lengths_charges_and_permittivity():
    base = particle_potential(POSITIONS, CHARGES, 1e-8)(POINTS)
    scaled = particle_potential(3 * POSITIONS, 2 * CHARGES, 1e-8, relative_permittivity=4.0)(3 * POINTS)
    np.testing.assert_allclose(scaled, base * 2 / 3 / 4, atol=1e-7 * np.abs(base).max())
    volt = particle_potential(POSITIONS, CHARGES, 1e-8, unit="V")(POINTS)
    np.testing.assert_allclose(volt, base * 14.399645478427, rtol=1e-12)


def test_order_of_the_particles_is_without_effect_and_equal_input_gives_equal_bytes():
    order = RNG.permutation(600)
    first = particle_potential(POSITIONS, CHARGES, 1e-8)
    other = particle_potential(POSITIONS[order], CHARGES[order], 1e-8)
    np.testing.assert_allclose(other(POINTS), first(POINTS), atol=1e-10 * first.scale)
    np.testing.assert_array_equal(particle_potential(POSITIONS, CHARGES, 1e-8)(POINTS), first(POINTS))


@pytest.mark.parametrize("cell", [None, [8.0, 12.0, 5.6], TRICLINIC * 8])
def test_grid_values_are_the_values_at_its_points(cell):
    potential = particle_potential(POSITIONS, CHARGES, 1e-8, cell=cell)
    axes = [np.linspace(0.1, 7.9, 17), np.linspace(0.1, 11.9, 9), np.linspace(0.1, 5.5, 12)]
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    np.testing.assert_allclose(potential.on_grid(*axes), potential(mesh), atol=1e-7 * potential.scale)


def test_outside_the_box_the_sum_is_direct():
    potential = particle_potential(POSITIONS, CHARGES, 1e-3)
    far = np.array([[50.0, -3.0, 7.0]])
    np.testing.assert_allclose(potential(far), plain_sum(far, POSITIONS, CHARGES), rtol=1e-13)
    wide = particle_potential(POSITIONS, CHARGES, 1e-6, box=([-5, -5, -5], [60, 20, 20]))
    assert wide.long.domain[0] == (-5.0, 60.0)
    np.testing.assert_allclose(wide(far), plain_sum(far, POSITIONS, CHARGES), atol=1e-6 * wide.scale)


def test_long_range_keeps_its_ranks_at_more_particles():
    ranks = [
        max(particle_potential(RNG.uniform(-1, 1, (n, 3)), RNG.normal(size=n), 1e-6, 6.0).long.ranks)
        for n in (2000, 40000)
    ]
    assert ranks[1] <= ranks[0] + 3


def test_at_a_particle_the_potential_is_infinite_and_coincident_particles_have_no_energy():
    doubled = particle_potential(np.concatenate([POSITIONS, POSITIONS[:1]]), np.append(CHARGES, 1.0), 1e-4)
    assert np.isinf(doubled(POSITIONS[3]))
    with pytest.raises(ValueError, match=r"positions 0 and 600 are the same.*merge"):
        doubled.energy()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"positions": np.zeros((3, 2))}, r"positions must have shape \(n, 3\)"),
        ({"charges": np.zeros(5)}, r"charges must have shape \(600,\)"),
        ({"charges": np.full(600, np.nan)}, "600 values that are not"),
        ({"tolerance": 0.0}, "tolerance must lie in"),
        ({"pbc": [True, True, False], "cell": [1, 1, 1]}, "pbc must be true or false along all axes alike"),
        ({"pbc": True}, "cell is missing"),
        ({"cell": np.zeros((3, 3))}, "cell must be three lengths or three independent"),
        ({"unit": "volt"}, "unit must be one of"),
        ({"relative_permittivity": 0.0}, "relative_permittivity must be positive"),
        ({"splitting": -1.0}, "mu must be positive"),
        ({"box": ([0, 0, 0], [0, 1, 1])}, "box must be two corners"),
    ],
)
def test_what_cannot_be_used_is_named(change, message):
    given = {"positions": POSITIONS, "charges": CHARGES, **change}
    with pytest.raises(ValueError, match=message):
        particle_potential(**given)


def test_one_particle_and_no_charge_are_fine():
    assert particle_potential([[0, 0, 0]], [2.0])([[0.0, 0.0, 0.5]])[0] == pytest.approx(4.0, rel=1e-5)
    assert np.abs(particle_potential(POSITIONS, np.zeros(600))(POINTS)).max() == 0.0
