"""Cells, neighbour sums and the window grid, each against its dense twin."""

import numpy as np
import pytest

from polyadic.kernels import neighbour_spread, neighbour_sum, window_grid
from polyadic.kernels.cells import cells
from polyadic.kernels.coulomb_splitting import with_cutoff
from polyadic.kernels.window_grid import window

RNG = np.random.default_rng(1)
POSITIONS = RNG.uniform(-1, 2, (400, 3)) * [1, 2, 0.5]
CHARGES = RNG.normal(size=400)


@pytest.mark.parametrize("width", [0.1, 0.7, 100.0])
def test_cells_hold_every_point_once_and_within_its_walls(width):
    held = cells(POSITIONS, width)
    np.testing.assert_array_equal(np.sort(held.order), np.arange(400))
    np.testing.assert_array_equal(held.points, POSITIONS[held.order].T)
    index = np.repeat(np.arange(held.start.size - 1), np.diff(held.start))
    corner = np.stack(np.unravel_index(index, held.shape), axis=1) * held.width + held.origin
    assert (corner - 1e-12 <= held.points.T).all()
    assert (corner + held.width + 1e-12 >= held.points.T).all()


def dense(points, split):
    difference = points[:, None] - POSITIONS
    r = np.linalg.norm(difference, axis=-1)
    near = r < split.cutoff
    values = np.where(near, 1 / r - split.long(r), 0) @ CHARGES
    h = 1e-6
    slope = (1 / (r + h) - split.long(r + h) - 1 / (r - h) + split.long(r - h)) / (2 * h)
    gradient = np.einsum("ij,ijd->id", np.where(near, slope / r, 0) * CHARGES, difference)
    return values, gradient


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_neighbour_sum_is_the_dense_sum(tolerance):
    split = with_cutoff(0.8, tolerance)
    held = cells(POSITIONS, 0.4)
    points = RNG.uniform(-1.5, 2.5, (300, 3))
    values, gradient = neighbour_sum.at_points(points, held, CHARGES[held.order], split, gradient=True)
    expected, slope = dense(points, split)
    np.testing.assert_allclose(values, expected, atol=1e-11)
    np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("own", [False, True])
def test_many_points_have_the_dense_sum_too(own):
    split = with_cutoff(0.8, 1e-9)
    held = cells(POSITIONS, 0.4)
    points = RNG.uniform(-1.5, 2.5, (2000, 3)) * [1, 1.2, 0.5]
    values, _ = neighbour_sum.at_points(points, held, CHARGES[held.order], split, own=own)
    np.testing.assert_allclose(values, dense(points, split)[0], atol=1e-11)


@pytest.mark.parametrize("shape", [(21, 17, 13), (2, 2, 2), (3, 2, 5), (1, 1, 7), (2, 1, 18), (9, 8, 64)])
def test_sum_on_a_grid_is_the_dense_sum_and_adds_to_what_is_there(shape):
    split = with_cutoff(0.9, 1e-6)
    held = cells(POSITIONS, 0.4)
    origin, step = np.array([-1.0, -2, -0.3]), np.array([3.0, 5, 1.4]) / np.maximum(np.array(shape) - 1, 1)
    mesh = np.stack(
        np.meshgrid(*[o + h * np.arange(n) for o, h, n in zip(origin, step, shape, strict=True)], indexing="ij"),
        axis=-1,
    )
    out = np.full(shape, 2.0)
    neighbour_spread.add_to_grid(out, origin, step, held, CHARGES[held.order], split)
    np.testing.assert_allclose(out.ravel() - 2.0, dense(mesh.reshape(-1, 3), split)[0], atol=1e-11)


def test_on_a_particle_the_sum_is_infinite_or_without_it():
    split = with_cutoff(0.9, 1e-6)
    held = cells(POSITIONS, 0.4)
    first = POSITIONS[:1]
    assert np.isinf(neighbour_sum.at_points(first, held, CHARGES[held.order], split)[0][0])
    many = np.concatenate([first, RNG.uniform(-1, 1, (1500, 3))])
    assert np.flatnonzero(np.isinf(neighbour_sum.at_points(many, held, CHARGES[held.order], split)[0])).tolist() == [0]
    grid = np.zeros((3, 4, 5))
    neighbour_spread.add_to_grid(
        grid, first[0] - [0.2, 0, 0.4], np.array([0.2, 0.1, 0.1]), held, CHARGES[held.order], split
    )
    assert np.argwhere(np.isinf(grid)).tolist() == [[1, 0, 4]]
    without, _ = neighbour_sum.at_points(first, held, CHARGES[held.order], split, own=True)
    assert neighbour_sum.at_points(many, held, CHARGES[held.order], split, own=True)[0][0] == pytest.approx(without[0])
    r = np.linalg.norm(first - POSITIONS[1:], axis=1)
    expected = np.where(r < 0.9, 1 / r - split.long(r), 0) @ CHARGES[1:]
    assert without[0] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("oversampling", [1.3, 1.6, 2.0])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-9])
def test_spread_charges_have_the_fourier_sums_of_the_particles(tolerance, oversampling):
    by = window(tolerance, oversampling)
    low, high, step = np.array([-1.0, -2, -0.5]), np.array([2.0, 4, 1]), np.array([0.2, 0.3, 0.1])
    grid = window_grid.spread(np.ascontiguousarray(POSITIONS.T), CHARGES, low, step, high, by)
    origin = low - window_grid.margin(by.width) * step
    for share in (0.0, 0.4, 0.99):
        k = share * np.pi / (oversampling * step) * [1, -0.5, 0.7]
        waves = [
            np.exp(-1j * k[d] * (origin[d] + step[d] * np.arange(grid.shape[d]))) / by.transform(np.abs(k[d]) * step[d])
            for d in range(3)
        ]
        found = np.einsum("abc,a,b,c->", grid, *waves)
        expected = np.exp(-1j * POSITIONS @ k) @ CHARGES
        edge = np.prod([by.transform(np.array(0.0)) / by.transform(np.abs(k[d]) * step[d]) for d in range(3)])
        assert abs(found - expected) < 5 * tolerance * edge * np.linalg.norm(CHARGES)


def test_a_grid_of_constant_coefficients_reads_as_a_constant():
    by = window(1e-8)
    low, step = np.zeros(3), np.full(3, 0.1)
    shape = [window_grid.size(1.0, 0.1, by.width)] * 3
    coefficients = np.full(shape, 1 / by.transform(np.array(0.0)) ** 3)
    points = RNG.uniform(0, 1, (50, 3))
    values, gradient = window_grid.interpolate(np.ascontiguousarray(points.T), coefficients, low, step, by, True)
    np.testing.assert_allclose(values, 1.0, atol=1e-7)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-5)
