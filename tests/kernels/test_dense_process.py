"""Gaussian processes over points against the dense joint Gaussian."""

import numpy as np
import pytest

from polyadic.kernels import dense_prediction
from polyadic.kernels import dense_process as dp


def problem(D=8, G=2, seed=0, kernel="matern32"):
    rng = np.random.default_rng(seed)
    points = dp.points_of(kernel, "sphere", rng.uniform([35, -110], [40, -100], (D, 2)), rng.normal(2000, 500, (D, 1)))
    theta = np.log([[1.0, 300.0, 0.5, 0.1], [0.5, 100.0, 0.2, 0.3]])[:G]
    root = rng.normal(size=(D, G, G))
    precision = 4 * root @ root.transpose(0, 2, 1)
    precision[1] = 0
    shift = np.einsum("drs,ds->dr", precision, rng.normal(size=(D, G)))
    return points, theta, precision, shift, dp.distances("sphere", points.coordinates, points.coordinates)


def joint(points, theta, precision, shift, coordinates, covariates):
    """Dense posterior over known then new points, ordered (function, point)."""
    every = np.r_[points.coordinates, coordinates]
    z = (np.r_[points.covariates, covariates] - points.centre) / points.scale
    n, G, D = len(every), len(theta), len(points.coordinates)
    K, L, h = np.zeros((G, n, G, n)), np.zeros((G, n, G, n)), np.zeros((G, n))
    for r, (s2, length, b2, nugget) in enumerate(np.exp(theta)):
        x = np.sqrt(3) * dp.distances("sphere", every, every) / length
        same = (every[:, None] == every).all(2)
        K[r, :, r, :] = s2 * (1 + x) * np.exp(-x) + b2 * z @ z.T + nugget * same
    for d in range(D):
        L[:, d, :, d], h[:, d] = precision[d], shift[d]
    K, L, h = K.reshape(G * n, -1), L.reshape(G * n, -1), h.ravel()
    M = np.eye(G * n) + K @ L
    C = np.linalg.solve(M, K)
    return (C @ h).reshape(G, n), C.reshape(G, n, G, n), (h @ C @ h - np.linalg.slogdet(M)[1]) / 2


def test_solution_equals_the_dense_gaussian():
    points, theta, precision, shift, distance = problem()
    found, _ = dp.solve(theta, points, distance, precision, shift)
    mean, C, evidence = joint(points, theta, precision, shift, np.zeros((0, 2)), np.zeros((0, 1)))
    np.testing.assert_allclose(found.mean, mean.T, atol=1e-10)
    np.testing.assert_allclose(found.covariance, np.einsum("rdsd->drs", C), atol=1e-10)
    assert found.evidence == pytest.approx(evidence)


def test_gradient_equals_finite_differences():
    points, theta, precision, shift, distance = problem()
    _, gradient = dp.solve(theta, points, distance, precision, shift)
    for index in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[index] = 1e-5
        up, down = (dp.solve(theta + s, points, distance, precision, shift)[0].evidence for s in (step, -step))
        assert gradient[index] == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_prediction_and_draws_equal_dense_conditioning():
    points, theta, precision, shift, distance = problem()
    found, _ = dp.solve(theta, points, distance, precision, shift)
    state = dp.DensePosterior(points, theta, np.zeros(2, dtype=int), found.weight, found.reduction)
    new, z = np.r_[points.coordinates[2:3], [[37.0, -104.0]]], np.r_[points.covariates[2:3], [[3000.0]]]
    mean, C, _ = joint(points, theta, precision, shift, new, z)
    got_mean, got = dense_prediction.predict(state, new, z)
    np.testing.assert_allclose(got_mean, mean[:, 8:].T, atol=1e-9)
    np.testing.assert_allclose(got, np.einsum("rdsd->drs", C[:, 8:, :, 8:]), atol=1e-9)
    draws = dense_prediction.sample(state, new, z, 20000, np.random.default_rng(0)).reshape(20000, -1)
    truth = C[:, 8:, :, 8:].transpose(1, 0, 3, 2).reshape(4, 4)
    np.testing.assert_allclose(np.cov(draws.T), truth, atol=0.03 * truth.max())


def test_a_degree_of_longitude_shrinks_with_latitude():
    there = dp.distances("sphere", np.array([[60.0, 0.0]]), np.array([[60.0, 1.0]]))
    assert there[0, 0] == pytest.approx(dp.EARTH_RADIUS * np.pi / 180 / 2, rel=1e-3)


def test_a_sphere_refuses_longitude_in_place_of_latitude():
    with pytest.raises(ValueError, match="latitude"):
        dp.points_of("matern32", "sphere", np.array([[-105.0, 40.0]]), np.zeros((1, 0)))
