"""Processes over many points by inducing points against the dense process, of which they are a bound."""

import numpy as np
import pytest

from polyadic.kernels import dense_process, inducing_process

KERNELS = ["matern12", "matern32", "matern52", "independent"]


def problem(D=40, seed=0, kernel="matern32", covariates=1):
    """Points on the sphere, hyperparameters, and the messages of one function, one of them empty."""
    rng = np.random.default_rng(seed)
    z = rng.normal(2000, 500, (D, covariates))
    points = dense_process.points_of(kernel, "sphere", rng.uniform([35, -110], [40, -100], (D, 2)), z)
    theta = np.log(np.r_[1.0, 300.0, np.full(covariates, 0.5), 0.1])
    precision = rng.uniform(0, 9, D)
    precision[1] = 0
    return points, theta, precision, precision * rng.normal(size=D)


def dense(points, theta, precision, shift):
    distance = dense_process.distances(points.geometry, points.coordinates, points.coordinates)
    return dense_process.solve(theta[None], points, distance, precision[:, None, None], shift[:, None])


def marginals(points, theta, chosen, messages):
    base = inducing_process.basis(theta, points, chosen)
    found, _ = inducing_process.solve(theta, points, chosen, messages, slopes=False)
    smooth = inducing_process.moments(base, found, points.coordinates, points.covariates)
    return inducing_process.with_effects(base.own, smooth, messages)


@pytest.mark.parametrize("covariates", [0, 2])
@pytest.mark.parametrize("kernel", KERNELS)
def test_all_points_inducing_is_the_dense_process(kernel, covariates):
    points, theta, *messages = problem(kernel=kernel, covariates=covariates)
    exact, slope = dense(points, theta, *messages)
    found, gradient = inducing_process.solve(theta, points, np.arange(40), messages)
    mean, variance = marginals(points, theta, np.arange(40), messages)
    assert found.evidence == pytest.approx(exact.evidence, abs=1e-8)
    np.testing.assert_allclose(gradient, slope[0], atol=1e-7)
    np.testing.assert_allclose(mean, exact.mean[:, 0], atol=1e-8)
    np.testing.assert_allclose(variance, exact.covariance[:, 0, 0], atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_equals_finite_differences_over_several_chunks(kernel, monkeypatch):
    monkeypatch.setattr(inducing_process, "CHUNK", 64 * 14)
    points, theta, *messages = problem(D=150, kernel=kernel)
    chosen = inducing_process.spread_points("sphere", points.coordinates, 12)
    _, gradient = inducing_process.solve(theta, points, chosen, messages)
    for step, slope in zip(1e-5 * np.eye(theta.size), gradient, strict=True):
        up, down = (
            inducing_process.solve(at, points, chosen, messages)[0].evidence for at in (theta + step, theta - step)
        )
        assert slope == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_bound_rises_with_inducing_points_to_the_dense_evidence():
    """Nested sets of points: more of them never lower the bound, and none lifts it above the evidence."""
    points, theta, *messages = problem(D=60)
    order = np.random.default_rng(1).permutation(60)
    found = [inducing_process.solve(theta, points, order[:count], messages)[0].evidence for count in range(1, 61)]
    assert np.diff(found).min() > -1e-7
    assert found[0] < found[-1] - 1
    assert found[-1] <= dense(points, theta, *messages)[0].evidence + 1e-9
