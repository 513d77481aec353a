"""Test points: a lattice whose gaps are as small as stated, wherever it is moved."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from polyadic.kernels.low_discrepancy import covering_lattice


@pytest.mark.parametrize(("dimension", "radius"), [(2, 0.0195), (3, 0.0897), (4, 0.2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_ball_inside_of_the_box_of_the_stated_radius_holds_a_point(dimension, radius, seed):
    rng = np.random.default_rng(seed)
    points = covering_lattice(dimension, rng.uniform(size=dimension))
    centres = rng.uniform(-1 + radius, 1 - radius, (20_000, dimension))
    assert cKDTree(points).query(centres)[0].max() <= radius


@pytest.mark.parametrize("dimension", [2, 3, 4])
def test_no_two_points_share_a_coordinate(dimension):
    points = covering_lattice(dimension, np.full(dimension, 0.3))
    assert all(len(np.unique(column.round(9))) == len(points) for column in points.T)
    assert np.abs(points).max() <= 1
