"""Both stages for every kind that they accept, and what a stored long range gives back."""

import numpy as np
import pytest

from polyadic.kernels import grid_interpolation
from polyadic.kinds import cp_factors, function, particles, sampled_function
from polyadic.methods.chebtuck.decompose import DecomposeConfig, decompose
from polyadic.methods.chebtuck.evaluate import EvaluateConfig, evaluate
from polyadic.methods.chebtuck.from_particles import PotentialSettings, potential_of, stored_potential
from polyadic.methods.chebtuck.model import ChebyshevTucker
from polyadic.plotting.chebyshev_tucker import slices


def example(kind):
    if kind == "particles":
        ds = particles.example()
    elif kind == "sampled_function":
        ds = sampled_function.example()
    else:
        x = (np.arange(60) + 0.5) / 30 - 1
        columns = np.exp(-np.outer(x**2, [1.0, 4.0, 9.0]))
        columns /= np.linalg.norm(columns, axis=0)
        modes = dict.fromkeys(("x", "y", "z"), columns)
        ds = cp_factors.dataset(
            [3.0, 2.0, 1.0], modes, units="V", coords={m: (m, x, {"units": "1", "long_name": m}) for m in modes}
        )
    ds.attrs["kind"] = kind
    return ds


@pytest.mark.parametrize("kind", ["particles", "sampled_function", "cp_factors"])
def test_the_method_keeps_its_tolerance_and_beats_its_baselines(kind):
    ds = example(kind)
    found = decompose(DecomposeConfig(tolerance=1e-7), data=ds)
    table = evaluate(EvaluateConfig(points=600), data=ds, approximation=found)
    errors = table["value"].sel(metric="max_error_random" if kind == "particles" else "sup_error")
    assert float(errors.sel({"method": "chebtuck"})) < 1e-6
    simple = {"particles": "grid", "sampled_function": "coarse_grid", "cp_factors": "cubic_splines"}[kind]
    assert float(errors.sel({"method": "chebtuck"})) < 0.1 * float(errors.sel({"method": simple}))


@pytest.mark.parametrize("kind", ["function", "sampled_function", "cp_factors"])
def test_planes_hold_the_error_that_the_picture_shows(kind):
    ds = function.example() if kind == "function" else example(kind)
    ds.attrs["kind"] = kind
    found = decompose(DecomposeConfig(tolerance=1e-6), data=ds)
    planes = [name for name in found if str(name).startswith("plane_error_")]
    scale = float(found["scale"])
    assert planes
    assert all(float(np.abs(found[name]).max()) <= 1e-4 * scale for name in planes)
    panels = slices(found).axes
    bare = slices(found.drop_vars(planes)).axes
    assert len(panels) == len(bare) + len(planes) + 1  # a panel a plane, and a colour bar


@pytest.mark.parametrize("cell", [None, [[9.0, 0, 0], [0, 10, 0], [0, 0, 11]], [[9.0, 0, 0], [2, 10, 0], [1, 0, 11]]])
def test_a_stored_long_range_and_the_particles_are_the_potential(cell):
    x = np.random.default_rng(3).uniform(-3, 9, (40, 3))
    ds = particles.dataset(x, np.repeat([1.0, -1.0], 20), cell=cell)
    ds.attrs["kind"] = "particles"
    stored = decompose(DecomposeConfig(tolerance=1e-6, unit="kcal/mol/e", relative_permittivity=4.0), data=ds)
    again = stored_potential(ds, stored)
    made = potential_of(ds, PotentialSettings(1e-6, None, "kcal/mol/e", 4.0))
    points = np.random.default_rng(4).uniform(0, 6, (20, 3))
    np.testing.assert_allclose(again(points), made(points), rtol=1e-12)
    np.testing.assert_allclose(again.energy(), made.energy(), rtol=1e-12)
    assert again.unit == "kcal/mol/e"


def test_an_approximation_of_something_else_is_refused():
    ds = example("sampled_function")
    other = decompose(DecomposeConfig(tolerance=1e-4), data=ds)
    with pytest.raises(ValueError, match="must be the long range of particles"):
        stored_potential(particles.example(), other)


def test_a_canonical_tensor_needs_coordinates():
    ds = example("cp_factors").drop_vars("y")
    ds.attrs["kind"] = "cp_factors"
    with pytest.raises(ValueError, match="mode 'y' has no coordinates"):
        decompose(DecomposeConfig(), data=ds)


def test_interpolation_on_an_uneven_grid_is_exact_for_its_degree():
    rng = np.random.default_rng(5)
    grid = np.sort(rng.uniform(-1, 1, 30))
    targets = np.concatenate([grid[:3], rng.uniform(grid[0], grid[-1], 40)])
    matrix = grid_interpolation.interpolation_matrix(grid, targets, 5)
    for degree in range(6):
        np.testing.assert_allclose(matrix @ grid**degree, targets**degree, atol=1e-9)


def test_a_composition_is_the_function_of_the_function():
    x = np.array([[0.0], [1.0]])
    f = ChebyshevTucker.from_coefficients(np.ones((1, 1, 1)), [x] * 3, [(-1, 1)] * 3)
    g = f.composed(lambda v: 1 / (2 + v), 1e-9)
    points = np.random.default_rng(6).uniform(-1, 1, (3, 500))
    np.testing.assert_allclose(g(*points), 1 / (2 + points.prod(axis=0)), atol=2e-9)
    assert g.converged
