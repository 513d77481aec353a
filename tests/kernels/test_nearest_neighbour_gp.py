"""The nearest-neighbour Gaussian process against the dense one, its gradient, determinism and calibration."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from polyadic.kernels import nearest_neighbour_gp as nngp
from polyadic.kernels.matern_products import MaternProducts, covariance
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP, Search

Floats = NDArray[np.float64]
MODES = ("sphere", "line")
KERNEL = MaternProducts(
    np.array([1.0, 0.6, 0.3]),
    np.array([[60.0, 4.0], [300.0, 0.5], [150.0, 9.0]]),
    np.array([[0.5, 0.5], [1.5, 2.5], [0.5, 0.0]]),
    0.1,
)


def rows(n: int, seed: int) -> Floats:
    """Places in Colorado and times within ten units."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(37, 41, n), rng.uniform(-109, -102, n), rng.uniform(0, 10, n)], axis=1)


def planted(n: int, kernel: MaternProducts, seed: int) -> tuple[Floats, Floats, Floats]:
    """Rows, the field there and values with noise, by a dense Cholesky factor."""
    x, rng = rows(n, seed), np.random.default_rng([seed, 9])
    factor = np.linalg.cholesky(covariance(kernel, x, x, MODES) + 1e-10 * np.eye(n))
    f = factor @ rng.standard_normal(n)
    return x, f, f + np.sqrt(kernel.noise) * rng.standard_normal(n)


def process(n: int, seed: int, neighbours: int, extra: float = 0.0) -> NearestNeighbourGP:
    """A process with known parameters: nothing fitted."""
    x, _, y = planted(n, KERNEL, seed)
    variance = extra * np.random.default_rng(seed).uniform(size=n)
    return NearestNeighbourGP(MODES, x, y, variance, 0.3, KERNEL, neighbours)


def dense(gp: NearestNeighbourGP, new: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of f at new rows by the whole covariance matrix."""
    noise = np.diag(gp.kernel.noise + gp.row_variance)
    a = covariance(gp.kernel, gp.coordinates, gp.coordinates, gp.modes) + noise
    k = covariance(gp.kernel, gp.coordinates, new, gp.modes)
    gain = np.linalg.solve(a, k)
    return gp.mean + gain.T @ (gp.values - gp.mean), covariance(gp.kernel, new, new, gp.modes) - k.T @ gain


def test_all_rows_as_neighbours_give_the_dense_prediction():
    gp, new = process(90, 0, 90, extra=0.2), rows(25, 1)
    mean, variance = nngp.predict(gp, new)
    exact, cov = dense(gp, new)
    np.testing.assert_allclose(mean, exact, atol=1e-10)
    np.testing.assert_allclose(variance, np.diag(cov), atol=1e-10)


def test_all_rows_as_neighbours_give_the_dense_log_likelihood():
    gp = process(80, 2, 79, extra=0.2)
    a = covariance(KERNEL, gp.coordinates, gp.coordinates, MODES) + np.diag(KERNEL.noise + gp.row_variance)
    residual = gp.values - gp.mean
    _, log_determinant = np.linalg.slogdet(a)
    exact = -0.5 * (residual @ np.linalg.solve(a, residual) + log_determinant + 80 * np.log(2 * np.pi))
    for seed in (0, 1):
        assert nngp.log_likelihood(gp, seed) == pytest.approx(exact, abs=1e-8)


def test_all_rows_as_neighbours_draw_with_the_dense_covariance(monkeypatch):
    """Unit vectors in the place of normal numbers read the square root of the covariance off the draws."""
    gp, new = process(60, 3, 60), rows(12, 4)

    class Unit:
        def __init__(self, seed: object) -> None: ...
        def permutation(self, n: int) -> NDArray[np.int64]:
            return np.random.Generator(np.random.PCG64(5)).permutation(n)

        def standard_normal(self, shape: tuple[int, int]) -> Floats:
            return np.eye(*shape)

    monkeypatch.setattr(np.random, "default_rng", Unit)
    drawn = nngp.sample(gp, new, 13, 0)
    root = drawn[:12] - drawn[12]
    exact, cov = dense(gp, new)
    np.testing.assert_allclose(drawn[12], exact, atol=1e-9)
    np.testing.assert_allclose(root.T @ root, cov, atol=1e-8)


def test_leaving_one_out_is_the_prediction_without_that_row():
    gp = process(40, 5, 40)
    mean, variance = nngp.leave_one_out(gp)
    for i in (0, 17, 39):
        keep = np.arange(40) != i
        rest = replace(gp, coordinates=gp.coordinates[keep], values=gp.values[keep], row_variance=gp.row_variance[keep])
        exact, spread = nngp.predict(rest, gp.coordinates[i : i + 1])
        np.testing.assert_allclose([mean[i], variance[i]], [exact[0], spread[0]], atol=1e-10)


def test_gradient_is_the_finite_difference():
    gp = process(120, 6, 12, extra=0.1)
    task = nngp._Task(nngp.embed(gp.coordinates, MODES), gp.values, gp.row_variance, MODES, Search(neighbours=12))
    index = np.arange(120)
    near = task.neighbours(KERNEL, index)
    smooth = np.array([[0.5, 0.5], [1.5, 2.5], [0.5, 0.0]])
    theta = nngp._packed(KERNEL)
    _, gradient = task.evaluate(KERNEL, index, near)
    for p in range(len(theta)):
        step = np.zeros_like(theta)
        step[p] = 1e-5
        ends = [task.evaluate(nngp._unpacked(theta + s * step, KERNEL), index, near)[0] for s in (1.0, -1.0)]
        assert gradient[p] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-6)
    assert gradient[3 + 5] == 0.0 or smooth[2, 1] != 0.0
