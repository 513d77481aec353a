"""Tucker expansions against their dense twins."""

import numpy as np
import pytest

from polyadic.kernels import grid_interpolation, tucker_compression
from polyadic.kernels.tucker_expansion import Expansion

DOMAIN = ((-1.0, 2.0), (0.0, 1.0), (-3.0, 3.0))


@pytest.fixture
def expansion() -> Expansion:
    rng = np.random.default_rng(0)
    factors = [np.linalg.qr(rng.normal(size=(n, r)))[0] for n, r in ((9, 3), (8, 2), (7, 4))]
    return Expansion(rng.normal(size=(3, 2, 4)), tuple(factors), DOMAIN, ("chebyshev", "chebyshev", "fourier"))


def points(expansion, n=40, margin=0.05):
    rng = np.random.default_rng(1)
    return [rng.uniform(a + margin * (b - a), b - margin * (b - a), n) for a, b in expansion.domain]


def test_values_are_the_sum_over_the_core(expansion):
    x = points(expansion)
    u, v, w = (expansion.factor(k, x[k]) for k in range(3))
    np.testing.assert_allclose(expansion.at(x), np.einsum("abc,na,nb,nc->n", expansion.core, u, v, w), atol=1e-12)


def test_grid_equals_points(expansion):
    axes = points(expansion, 5)
    grid = np.meshgrid(*axes, indexing="ij")
    np.testing.assert_allclose(expansion.on_grid(axes), expansion.at(grid), atol=1e-12)


def test_gradient_equals_derivatives_and_differences(expansion):
    x = points(expansion)
    gradient, h = expansion.gradient(x), 1e-6
    for k in range(3):
        np.testing.assert_allclose(gradient[:, k], expansion.derivative(k).at(x), atol=1e-10)
        up, down = ([v + s * h * (j == k) for j, v in enumerate(x)] for s in (1, -1))
        np.testing.assert_allclose(gradient[:, k], (expansion.at(up) - expansion.at(down)) / (2 * h), atol=2e-6)


def test_integral_equals_gauss_quadrature(expansion):
    t, w = np.polynomial.legendre.leggauss(40)
    axes = [a + (b - a) * (t + 1) / 2 for a, b in DOMAIN]
    volume = np.prod([(b - a) / 2 for a, b in DOMAIN])
    total = np.einsum("abc,a,b,c->", expansion.on_grid(axes), w, w, w) * volume
    assert expansion.integral() == pytest.approx(total, abs=1e-10)


def test_algebra_holds_pointwise(expansion):
    x = points(expansion)
    value = expansion.at(x)
    other = expansion.derivative(0)
    np.testing.assert_allclose(expansion.plus(other).at(x), value + other.at(x), atol=1e-11)
    np.testing.assert_allclose(expansion.times(expansion).at(x), value**2, atol=1e-11)
    small = expansion.restricted(0, 0.0, 1.0).restricted(2, -1.0, 2.0)
    inside = points(small)
    np.testing.assert_allclose(small.at(inside), expansion.at(inside), atol=1e-11)


def test_points_outside_are_refused_and_periodic_ones_wrapped(expansion):
    with pytest.raises(ValueError, match=r"coordinates must lie in \[-1.0, 2.0\], found \[2.5, 2.5\]"):
        expansion.at([2.5, 0.5, 0.0])
    np.testing.assert_allclose(expansion.at([0.5, 0.5, 1.0]), expansion.at([0.5, 0.5, 7.0]), atol=1e-12)


def test_hosvd_keeps_its_tolerance_and_hooi_does_not_lose():
    x = np.random.default_rng(0).normal(size=(6, 7, 8))
    core, factors = tucker_compression.hosvd(x, 0.5 * np.linalg.norm(x))
    error = np.linalg.norm(tucker_compression.multiply(core, factors) - x)
    better, refined = tucker_compression.hooi(x, factors)
    assert error <= 0.5 * np.linalg.norm(x)
    assert np.linalg.norm(tucker_compression.multiply(better, refined) - x) <= error * (1 + 1e-12)


def test_canonical_sum_becomes_the_same_tensor():
    rng = np.random.default_rng(0)
    factors = [rng.normal(size=(n, 5)) for n in (6, 7, 8)]
    weights = 10.0 ** -np.arange(5)
    core, spans = grid_interpolation.cp_to_tucker(weights, factors, 1e-12)
    dense = np.einsum("l,al,bl,cl->abc", weights, *factors)
    np.testing.assert_allclose(tucker_compression.multiply(core, spans), dense, atol=1e-11)


def test_local_interpolation_is_exact_for_its_degree():
    grid = np.linspace(-1, 1, 30)
    x = np.linspace(-1.03, 1.03, 50)
    matrix = grid_interpolation.interpolation_matrix(grid, x, 5)
    np.testing.assert_allclose(matrix @ grid**5, x**5, atol=1e-11)
    uneven = np.sin(np.pi / 2 * grid)
    matrix = grid_interpolation.interpolation_matrix(uneven, x, 5)
    np.testing.assert_allclose(matrix @ uneven**5, x**5, atol=1e-11)
