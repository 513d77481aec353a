"""Processes over many points by inducing points against the dense process, and bands that hold what they say."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from polyadic.kernels import dense_process, inducing_prediction, inducing_process
from polyadic.kernels.evidence_climb import climb
from polyadic.kernels.inducing_prediction import InducingPosterior


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Run small matrices on one thread, as stages do."""
    with threadpool_limits(1):
        yield


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
    mean, variance, rest = inducing_process.moments(base, found, points.coordinates, points.covariates)
    return inducing_process.with_effects(base.own + rest, (mean, variance), messages)


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


def independent_departures(points, theta, chosen):
    """The dense covariance of the prior that is solved exactly: departures from the features have no covariance."""
    at, (variance, length, *linear, own) = points.coordinates, np.exp(theta)
    C = dense_process.matern(points.kernel, dense_process.distances("sphere", at, at), length)[0]
    Q = C[:, chosen] @ np.linalg.solve(C[np.ix_(chosen, chosen)], C[chosen])
    z = (points.covariates - points.centre) / points.scale * np.sqrt(linear)
    return variance * (Q + np.diag(np.diag(C - Q))) + z @ z.T + own * np.eye(len(at))


def test_evidence_and_marginals_are_those_of_a_prior_without_covariance_of_departures():
    points, theta, precision, shift = problem(D=60)
    chosen = inducing_process.spread_points("sphere", points.coordinates, 9)
    K = independent_departures(points, theta, chosen)
    covariance = np.linalg.inv(np.linalg.inv(K) + np.diag(precision))
    evidence = (shift @ covariance @ shift - np.linalg.slogdet(np.eye(60) + K * precision)[1]) / 2
    found, _ = inducing_process.solve(theta, points, chosen, (precision, shift))
    mean, variance = marginals(points, theta, chosen, (precision, shift))
    assert found.evidence == pytest.approx(evidence, abs=1e-8)
    np.testing.assert_allclose(mean, covariance @ shift, atol=1e-8)
    np.testing.assert_allclose(variance, np.diag(covariance), atol=1e-8)


def test_bands_of_a_process_finer_than_its_inducing_points_hold_new_values():
    """With learned parameters squared standardised errors at new points are one on average: 0.7 by the free bound."""
    squares = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        at = np.degrees(np.c_[np.arcsin(rng.uniform(-1, 1, 600)), rng.uniform(-np.pi, np.pi, 600)])
        C = dense_process.matern("matern32", dense_process.distances("sphere", at, at), 5000.0)[0]
        f = np.linalg.cholesky(C + 1e-9 * np.eye(600)) @ rng.normal(size=600)
        points = dense_process.points_of("matern32", "sphere", at[:400], np.zeros((400, 0)))
        chosen = inducing_process.spread_points("sphere", points.coordinates, 30)
        messages = np.full(400, 100.0), 100.0 * f[:400] + 10.0 * rng.normal(size=400)

        def evaluate(theta, points=points, chosen=chosen, messages=messages):
            found, gradient = inducing_process.solve(theta, points, chosen, messages)
            return found.evidence, gradient

        theta = np.log([1.0, 3000.0, 0.1])
        for _ in range(3):
            theta = climb(evaluate, theta, [(-20.0, 5.0), (4.0, 11.0), (-20.0, 5.0)], 10)
        base = inducing_process.basis(theta, points, chosen)
        found, _ = inducing_process.solve(theta, points, chosen, messages, slopes=False)
        mean, variance, rest = inducing_process.moments(base, found, at[400:], np.zeros((200, 0)))
        squares.append(np.mean((mean - f[400:]) ** 2 / (variance + rest + base.own)))
    assert 0.85 < np.mean(squares) < 1.2


def test_inducing_points_are_never_far_from_any_point():
    """At most twice the distance that the same number of places on a regular grid leave."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (2000, 2))
    chosen = inducing_process.spread_points("plane", x, 25)
    assert dense_process.distances("plane", x, x[chosen]).min(axis=1).max() < 2 * 0.1 * np.sqrt(2)
    np.testing.assert_array_equal(chosen[:9], inducing_process.spread_points("plane", x, 9))


def test_points_at_one_place_are_inducing_once():
    assert inducing_process.spread_points("plane", np.zeros((7, 2)), 4).tolist() == [0]


def posterior(kernel="matern32"):
    """Two functions over 40 points by 7 inducing points."""
    points, theta, *messages = problem(kernel=kernel)
    chosen = inducing_process.spread_points("sphere", points.coordinates, 7)
    thetas = np.stack([theta, theta - 0.5])
    found = [inducing_process.solve(row, points, chosen, messages)[0] for row in thetas]
    arrays = (np.stack([one.weight for one in found]), np.stack([one.covariance for one in found]))
    return InducingPosterior(points, chosen, thetas, *arrays, *(np.tile(part[:, None], 2) for part in messages))


def test_predictions_at_known_points_are_the_marginals_and_new_ones_have_an_effect_of_their_own():
    state = posterior()
    points, theta = state.points, state.log_parameters[1]
    mean, covariance = inducing_prediction.predict(state, points.coordinates[::-1], points.covariates[::-1])
    known = marginals(points, theta, state.chosen, (state.precision[:, 1], state.shift[:, 1]))
    np.testing.assert_allclose(mean[::-1, 1], known[0], rtol=1e-9)
    np.testing.assert_allclose(covariance[::-1, 1, 1], known[1], rtol=1e-9)
    far = inducing_prediction.predict(state, np.array([[-40.0, 75.0]]), points.centre[None])
    np.testing.assert_allclose(far[0], 0, atol=1e-4)
    prior = np.exp(state.log_parameters)[:, 0] + np.exp(state.log_parameters)[:, -1]
    np.testing.assert_allclose(far[1][0], np.diag(prior), rtol=1e-4)


@pytest.mark.parametrize("kernel", ["matern12", "matern52", "independent"])
def test_draws_have_the_joint_covariance_of_the_posterior(kernel):
    """Between 3 known and 3 new points: what features leave of the prior, what is left of the features, effects."""
    state = posterior(kernel)
    at = np.r_[state.points.coordinates[:3], [[37.0, -104.0], [37.3, -104.0], [38.0, -109.0]]]
    z = np.r_[state.points.covariates[:3], [[1500.0], [2500.0], [2000.0]]]
    base = inducing_process.basis(state.log_parameters[0], state.points, state.chosen)
    U, M = inducing_process.features(base, at, z)[0], base.chosen.size
    V = base.scale[:, None] * U
    smooth = V.T @ state.covariance[0] @ V
    if M:
        prior = dense_process.matern(kernel, dense_process.distances("sphere", at, at), base.length)[0]
        smooth += base.variance * (prior - U[:M].T @ U[:M])
    precision, own = np.r_[state.precision[:3, 0], np.zeros(3)], base.own + inducing_process.left_over(base, U)
    keep = 1 / (1 + own * precision)
    truth = np.outer(keep, keep) * smooth + np.diag(keep**2 * (base.own + own**2 * precision))
    generator = np.random.default_rng(0)
    draws = np.concatenate([inducing_prediction.sample(state, at, z, 400, generator)[:, :, 0] for _ in range(20)])
    np.testing.assert_allclose(np.cov(draws.T), truth, atol=0.05 * truth.max())
    mean, covariance = inducing_prediction.predict(state, at, z)
    np.testing.assert_allclose(np.diag(truth), covariance[:, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(draws.mean(axis=0), mean[:, 0], atol=0.05 * np.sqrt(truth.max()))
