"""The two splittings of 1/r."""

import numpy as np
import pytest
from scipy.special import erf

from polyadic.kernels.coulomb_splitting import gaussian, with_cutoff
from polyadic.kernels.prolate import bandwidth_of, prolate


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-12])
def test_gaussian_long_range_is_the_error_function(tolerance):
    split = gaussian(6.0, tolerance)
    r = np.linspace(1e-6, split.cutoff, 500)[:-1]
    np.testing.assert_allclose(split.long(r), erf(6 * r) / r, atol=tolerance * 12 / np.sqrt(np.pi))


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-11])
def test_prolate_long_range_is_the_sine_transform_of_its_multiplier(tolerance):
    """L(r) = 2/pi int_0^band m(k) sin(kr)/(kr) dk, and 1/r from the cutoff on."""
    split = with_cutoff(0.7, tolerance)
    k, weights = np.polynomial.legendre.leggauss(400)
    k, weights = (k + 1) / 2 * split.band, weights / 2 * split.band
    r = np.linspace(0.01, 1.5, 60)
    dense = np.sinc(np.outer(r, k) / np.pi) @ (weights * split.multiplier(k)) * 2 / np.pi
    np.testing.assert_allclose(split.long(r), dense, atol=tolerance * split.long(np.array(0.0)))
    np.testing.assert_array_equal(split.long(r[r > 0.7]), 1 / r[r > 0.7])


def test_prolate_band_times_cutoff_is_less_than_two_thirds_of_the_gaussian():
    g = gaussian(1.0, 1e-7)
    p = with_cutoff(g.cutoff, 1e-7)
    assert p.band < 0.66 * g.band


def test_background_is_the_integral_of_the_short_range():
    for split in (gaussian(2.0, 1e-12), with_cutoff(1.3, 1e-10)):
        r, weights = np.polynomial.legendre.leggauss(200)
        r, weights = (r + 1) / 2 * split.cutoff, weights / 2 * split.cutoff
        whole = weights @ (4 * np.pi * r**2 * (1 / r - split.long(r)))
        assert whole == pytest.approx(split.background, rel=1e-9)


def test_prolate_function_is_its_own_fourier_transform():
    psi = prolate(15.0)
    t, weights = np.polynomial.legendre.leggauss(120)
    kappa = np.linspace(0, 15, 31)
    dense = np.cos(np.outer(kappa, t)) @ (weights * psi(t)) / (weights @ psi(t))
    np.testing.assert_allclose(psi.transform(kappa), dense, atol=1e-13)


def test_bandwidth_reaches_the_tolerance_and_out_of_range_is_refused():
    assert prolate(bandwidth_of(1e-8))(np.array(1.0)) <= 1e-8
    with pytest.raises(ValueError, match="bandwidth must lie in"):
        prolate(0.0)
    with pytest.raises(ValueError, match="cutoff must be positive"):
        with_cutoff(-1.0, 1e-6)
