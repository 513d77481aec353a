"""Chebyshev and Fourier series: inverse pairs, calculus, closed forms, fast evaluation against the dense product."""

import numpy as np
import pytest
from scipy.special import iv

from polyadic.kernels import chebyshev, fourier, nonuniform_series
from polyadic.kernels.piecewise_fibre import sample
from polyadic.kernels.series_length import series_length
from polyadic.kernels.univariate_bases import BASES


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("n", [1, 2, 5, 8, 33])
def test_values_and_coefficients_are_inverse(name, n):
    basis, values = BASES[name], np.random.default_rng(n).normal(size=(n, 3))
    c = basis.coefficients(values)
    np.testing.assert_allclose(basis.values(c), values, atol=1e-14)
    np.testing.assert_allclose(basis.functions(basis.points(n), n).T @ c, values, atol=1e-13)


def test_exponential_matches_its_bessel_series():
    """exp(x) = I_0(1) + 2 sum I_k(1) T_k(x) (Abramowitz & Stegun 9.6.34)."""
    c = chebyshev.coefficients(np.exp(chebyshev.points(20)))
    np.testing.assert_allclose(c[:10], np.r_[iv(0, 1), 2 * iv(np.arange(1, 10), 1)], atol=1e-15)


def test_points_are_nested():
    for basis in (chebyshev, fourier):
        np.testing.assert_array_equal(basis.points(basis.nested(16))[::2], basis.points(16))


def test_derivative_undoes_the_antiderivative():
    c = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(chebyshev.derivative(chebyshev.antiderivative(c))[:9], c, atol=1e-14)


def test_wave_has_its_derivative_and_integral():
    x = fourier.points(17)
    c = fourier.coefficients(3 + np.sin(2 * np.pi * (x + 1)))
    t = np.linspace(-0.9, 0.9, 7)
    slope = fourier.functions(t, 17).T @ fourier.derivative(c)
    np.testing.assert_allclose(slope, 2 * np.pi * np.cos(2 * np.pi * (t + 1)), atol=1e-12)
    assert fourier.integrals(17) @ c == pytest.approx(6)


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("n", [400, 1001])
def test_gathered_series_equals_the_dense_product(name, n):
    rng = np.random.default_rng(n)
    c = rng.normal(size=(n, 2)) / np.arange(1, n + 1)[:, None]
    t = np.r_[rng.uniform(-1, 1, 200), -1, 0, 1]
    np.testing.assert_allclose(nonuniform_series.evaluate(name, c, t), BASES[name].functions(t, n).T @ c, atol=3e-12)


def test_order_of_decay_tells_a_kink_from_an_analytic_function():
    x = chebyshev.points(257)
    kink = series_length(chebyshev.coefficients(np.abs(x - 0.3)), 1e-10)
    smooth = series_length(chebyshev.coefficients(1 / (1 + 4 * x**2)), 1e-10)
    assert not kink.resolved
    assert kink.order < 3
    assert smooth.resolved
    assert smooth.length < 60


def test_spike_takes_fewer_points_in_pieces_than_in_one_polynomial():
    count = 0

    def spike(t):
        nonlocal count
        count += len(t)
        return 1 / (1 + 1e4 * t**2)

    fibre = sample(spike, 1e-10)
    t = np.linspace(-1, 1, 5001)
    assert count < 1000  # one polynomial needs more than 2,000
    assert fibre.resolved
    assert np.abs(fibre(t) - 1 / (1 + 1e4 * t**2)).max() < 1e-10


def test_feature_between_points_is_not_taken_for_noise():
    fibre = sample(lambda t: np.sqrt((t + 1) ** 2 + 1e-8), 1e-9)
    t = np.linspace(-1, 1, 20001)
    assert np.abs(fibre(t) - np.sqrt((t + 1) ** 2 + 1e-8)).max() < 1e-8


@pytest.mark.parametrize("name", ["chebyshev", "fourier"])
def test_series_held_on_a_fine_grid_are_those_summed_afresh(name):
    rng = np.random.default_rng(4)
    c, t = rng.normal(size=(501, 11)) / np.arange(1, 502)[:, None], rng.uniform(-1, 1, 1500)
    held = nonuniform_series.LongSeries(name, 501)
    for column in c.T:
        held.add(column)
    np.testing.assert_allclose(held.at(t, 2), BASES[name].functions(t, 501).T @ c[:, 2:], atol=3e-13)
    held.truncate(4)
    assert held.at(t[:3]).shape == (3, 4)


@pytest.mark.parametrize(("long", "short"), [(30, 7), (30, 29), (12, 2), (64, 21)])
def test_a_shortened_series_has_the_same_values_at_its_points(long, short):
    c = np.random.default_rng(5).normal(size=(long, 3))
    x = chebyshev.points(short)
    values = chebyshev.values(chebyshev.shortened(c, short))
    np.testing.assert_allclose(values, chebyshev.functions(x, long).T @ c, atol=1e-12)
