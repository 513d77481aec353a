"""Solvers of the field sources: exact solutions, orders of convergence, conserved quantities."""

import numpy as np
import pytest
from scipy.integrate import quad

from polyadic.kernels.darcy_flow import pressure
from polyadic.kernels.integrating_factor import burgers, vorticity
from polyadic.kernels.random_fields import neumann_field, periodic_field


def test_pressure_is_exact_at_second_order_for_a_smooth_permeability():
    """u = sin(pi x) sin(pi y), a = 1 + x: f follows by differentiation."""
    errors = []
    for n in (17, 33, 65):
        y, x = np.meshgrid(*[np.linspace(0, 1, n)] * 2, indexing="ij")
        u = np.sin(np.pi * x) * np.sin(np.pi * y)
        f = 2 * np.pi**2 * (1 + x) * u - np.pi * np.cos(np.pi * x) * np.sin(np.pi * y)
        errors.append(np.abs(pressure(1 + x, f) - u).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.9).all()


def test_flux_into_and_out_of_a_domain_balance():
    """Sum of all sources equals the flux over the edges, whatever the permeability: the scheme conserves."""
    a = np.where(np.random.default_rng(0).random((21, 21)) > 0.5, 12.0, 3.0)
    u, h = pressure(a), 1 / 20

    def face(inner, outer, v):
        return (2 * inner * outer / (inner + outer) * v).sum()

    out = face(a[1, 1:-1], a[0, 1:-1], u[1, 1:-1]) + face(a[-2, 1:-1], a[-1, 1:-1], u[-2, 1:-1])
    out += face(a[1:-1, 1], a[1:-1, 0], u[1:-1, 1]) + face(a[1:-1, -2], a[1:-1, -1], u[1:-1, -2])
    assert out == pytest.approx(19**2 * h**2)


def test_transposing_the_permeability_transposes_the_pressure():
    a = np.where(np.random.default_rng(1).random((15, 15)) > 0.5, 12.0, 3.0)
    np.testing.assert_allclose(pressure(a.T), pressure(a).T, atol=1e-13)


def test_burgers_matches_the_cole_hopf_solution():
    """u(0) = sin(2 pi x): u = int of (x - y) / t exp(-G / 2 nu) over the same without the factor."""
    nu, t, n = 0.02, 0.3, 256
    grid = np.arange(n) / n
    u = burgers(np.sin(2 * np.pi * grid)[None], nu, t, 600)[0]

    def exponent(y, x):
        return -((1 - np.cos(2 * np.pi * y)) / (2 * np.pi) + (x - y) ** 2 / (2 * t)) / (2 * nu)

    for i in (13, 100, 201):
        x = grid[i]
        above = quad(lambda y, x=x: (x - y) / t * np.exp(exponent(y, x)), x - 1.5, x + 1.5, limit=200)[0]
        below = quad(lambda y, x=x: np.exp(exponent(y, x)), x - 1.5, x + 1.5, limit=200)[0]
        assert u[i] == pytest.approx(above / below, abs=1e-6)


def test_time_steps_converge_at_fourth_order():
    rng = np.random.default_rng(2)
    start = periodic_field((32, 32), 5.0, 4.0, 6e3, rng)[None]
    zero = np.zeros_like(start)
    ends = [vorticity(start, zero, 1e-3, 1.0, 1.0, steps) for steps in (20, 40, 80)]
    coarse, fine = np.abs(ends[0] - ends[1]).max(), np.abs(ends[1] - ends[2]).max()
    assert np.log2(coarse / fine) > 3.5


def test_without_viscosity_energy_and_enstrophy_stay():
    start = periodic_field((32, 32), 5.0, 5.0, 3e4, np.random.default_rng(3))[None]
    k = np.fft.fftfreq(32, 1 / 32)
    kept = (3 * np.abs(k)[:, None] < 32) & (3 * np.abs(k)[None] < 32)
    start = np.fft.ifft2(np.fft.fft2(start) * kept).real
    end = vorticity(start, np.zeros_like(start), 0.0, 1.0, 1.0, 200)
    squared = k[:, None] ** 2 + k[None] ** 2
    squared[0, 0] = np.inf

    def energy(w):
        return (np.abs(np.fft.fft2(w)) ** 2 / squared).sum()

    assert energy(end) == pytest.approx(energy(start), rel=1e-5)
    assert (end**2).sum() == pytest.approx((start**2).sum(), rel=1e-5)
    assert np.abs(end - start).max() > 0.1 * np.abs(start).max()


def test_random_fields_have_their_covariance():
    """The variance of one Fourier (cosine) coefficient over many samples is the symbol of the covariance."""
    rng = np.random.default_rng(4)
    periodic = np.stack([periodic_field((16,), 3.0, 2.0, 1.0, rng) for _ in range(4000)])
    spectrum = np.abs(np.fft.fft(periodic) / 16) ** 2
    neumann = np.stack([neumann_field((17,), 3.0, 2.0, 1.0, rng) for _ in range(4000)])
    weight = np.r_[0.5, np.ones(15), 0.5] / 16
    for k in (1, 2, 3):
        assert spectrum[:, k].mean() == pytest.approx(((2 * np.pi * k) ** 2 + 9) ** -2.0, rel=0.1)
        wave = np.sqrt(2) * np.cos(np.pi * k * np.linspace(0, 1, 17))
        assert np.square((neumann * weight) @ wave).mean() == pytest.approx(((np.pi * k) ** 2 + 9) ** -2.0, rel=0.1)


def test_a_permeability_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"permeability has the value -1; accepted are positive"):
        pressure(np.full((5, 5), -1.0))
    with pytest.raises(ValueError, match=r"permeability has shape \(5, 4\)"):
        pressure(np.ones((5, 4)))
