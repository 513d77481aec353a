"""Properties that hold for any function: exact families, invariances, algebra, calculus."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import polyadic

SQUARE = [(-1.0, 1.0)] * 2
NUMBERS = st.floats(-1, 1, allow_subnormal=False).map(lambda v: round(v, 3))


def smooth(x, y, z):
    return np.exp(0.5 * x - y * z) / (2.5 + x * y)


def scattered(low, high, n=300):
    return np.random.default_rng(5).uniform(low, high, (n, len(low))).T


@settings(max_examples=8)
@given(st.lists(NUMBERS, min_size=20, max_size=20))
def test_polynomials_are_exact_with_their_degree_and_rank(numbers):
    table = np.zeros((5, 4))
    table.flat = numbers
    table[4, 0] = 1.0

    def f(x, y):
        return np.polynomial.chebyshev.chebval2d(x, y, table)

    model = polyadic.chebyshev_tucker(f, SQUARE, 1e-11)
    p = scattered([-1, -1], [1, 1])
    assert model.converged
    assert np.abs(model(*p) - f(*p)).max() <= 1e-11 * model.scale
    assert max(model.degrees) <= 5
    assert max(model.ranks) <= 4


@settings(max_examples=8)
@given(st.lists(NUMBERS, min_size=9, max_size=9))
def test_trigonometric_polynomials_are_exact(numbers):
    def f(x, y):
        waves = itertools.product((1.0 + 0 * x, np.cos(x), np.sin(2 * x)), (1.0 + 0 * y, np.sin(y), np.cos(3 * y)))
        return 1 + sum(c * a * b for c, (a, b) in zip(numbers, waves, strict=True))

    model = polyadic.chebyshev_tucker(f, [(0, 2 * np.pi)] * 2, 1e-11, periodic=[0, 1])
    p = scattered([0, 0], [2 * np.pi, 2 * np.pi])
    assert np.abs(model(*p) - f(*p)).max() <= 1e-11 * model.scale
    assert max(model.ranks) <= 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[1:])
def test_order_of_the_variables_is_without_effect(order):
    model = polyadic.chebyshev_tucker(lambda *x: smooth(*(x[order.index(k)] for k in range(3))), [(-1, 1)] * 3, 1e-9)
    p = scattered([-1] * 3, [1] * 3)
    assert np.abs(model(*p[list(order)]) - smooth(*p)).max() <= 1e-9 * model.scale


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-300.0, 50.0), (1e-3, 2e-3)])
def test_a_stretched_domain_gives_the_same_function(low, high):
    def stretched(*x):
        return smooth(*(2 * (v - low) / (high - low) - 1 for v in x))

    here = polyadic.chebyshev_tucker(smooth, [(-1, 1)] * 3, 1e-9)
    there = polyadic.chebyshev_tucker(stretched, [(low, high)] * 3, 1e-9)
    p = scattered([-1] * 3, [1] * 3)
    assert np.abs(there(*(low + (high - low) * (p + 1) / 2)) - here(*p)).max() <= 2e-9 * here.scale
    assert there.integral() == pytest.approx(here.integral() * ((high - low) / 2) ** 3, rel=1e-8)


def test_sums_and_products_are_those_of_the_functions():
    def other(x, y, z):
        return np.sin(2 * x + y) * z

    f, g = (polyadic.chebyshev_tucker(h, [(-1, 1)] * 3, 1e-10) for h in (smooth, other))
    p = scattered([-1] * 3, [1] * 3)
    np.testing.assert_allclose((f + g)(*p), smooth(*p) + other(*p), atol=2e-10)
    np.testing.assert_allclose((f * g)(*p), smooth(*p) * other(*p), atol=3e-10)


@pytest.mark.parametrize("mode", range(3))
def test_integral_of_a_derivative_is_the_difference_of_the_faces(mode):
    model = polyadic.chebyshev_tucker(smooth, [(-1, 1)] * 3, 1e-11)
    x, w = np.polynomial.legendre.leggauss(30)
    nodes = [x] * 3
    nodes[mode] = np.array([-1.0, 1.0])
    faces = np.moveaxis(model.on_grid(*nodes), mode, 0)
    difference = np.einsum("yz,y,z", faces[1] - faces[0], w, w)
    assert model.derivative(mode).integral() == pytest.approx(difference, abs=1e-11)


def test_gradient_is_the_difference_quotient_in_extended_precision():
    model = polyadic.chebyshev_tucker(smooth, [(-1, 1)] * 3, 1e-9)
    core = model.expansion.core.astype(np.longdouble)
    p = scattered([-0.99] * 3, [0.99] * 3, 40).astype(np.longdouble)

    def value(point):
        out = core
        for t, c in zip(point, model.expansion.coefficients, strict=True):
            row = np.cos(np.arange(len(c)) * np.arccos(t)) @ c.astype(np.longdouble)
            out = np.tensordot(row, out, 1)
        return out

    step = np.longdouble(1e-6)
    for point, gradient in zip(p.T, model.gradient(*p.astype(float)), strict=True):
        for mode in range(3):
            right, left = point.copy(), point.copy()
            right[mode] += step
            left[mode] -= step
            assert abs(float((value(right) - value(left)) / (2 * step)) - gradient[mode]) < 1e-9
