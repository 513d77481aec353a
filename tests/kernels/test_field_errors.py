"""Errors and gradients of fields know the boundary; resampling is exact for what the grid resolves; the U-Net fits."""

import pytest
import torch

from polyadic.kernels.field_errors import gradient, relative_h1, relative_l2, resampled
from polyadic.kernels.small_unet import SmallUNet


def points(n, boundary, grid):
    i = torch.arange(n, dtype=torch.float64)
    if boundary == "periodic" or grid == "left":
        return i / n
    return (i + 0.5) / n if grid == "centre" else i / (n - 1)


def wave(n, boundary, grid, k=2):
    """Return a field that keeps the boundary condition, and its derivative."""
    x = points(n, boundary, grid)
    if boundary == "periodic":
        return torch.sin(2 * torch.pi * k * x), 2 * torch.pi * k * torch.cos(2 * torch.pi * k * x)
    if boundary == "neumann":
        return torch.cos(torch.pi * k * x), -torch.pi * k * torch.sin(torch.pi * k * x)
    return torch.sin(torch.pi * k * x), torch.pi * k * torch.cos(torch.pi * k * x)


CASES = [
    ("periodic", "both"),
    ("neumann", "both"),
    ("neumann", "centre"),
    ("dirichlet", "both"),
    ("dirichlet", "left"),
    ("dirichlet", "centre"),
]


@pytest.mark.parametrize(("boundary", "grid"), CASES)
def test_gradients_converge_at_second_order_inside_and_need_no_guess_where_the_boundary_speaks(boundary, grid):
    errors = []
    for n in (40, 80, 160):
        field, slope = wave(n, boundary, grid)
        found = gradient(field[None, None], 0, boundary, grid)[0, 0]
        known_ends = boundary != "dirichlet" or grid == "centre"
        inner = slice(None) if known_ends else slice(1, -1)
        errors.append(float((found - slope)[inner].abs().max()))
    assert errors[0] / errors[1] > 3.5
    assert errors[1] / errors[2] > 3.5


def test_a_periodic_gradient_of_a_field_that_is_not_periodic_hides_the_boundary():
    """The error of a prediction that misses an edge value is seen by the differences of the right boundary."""
    ramp = torch.linspace(0, 1, 33, dtype=torch.float64)[None, None]
    assert float(gradient(ramp, 0, "open", "both").std()) < 1e-12
    assert float(gradient(ramp, 0, "periodic", "both").std()) > 1


def test_relative_errors_do_not_depend_on_scale_and_resolution():
    for n in (32, 64):
        field, _ = wave(n, "periodic", "both", 1)
        truth, guess = field[None, None], 0.9 * field[None, None]
        assert float(relative_l2(guess, truth)) == pytest.approx(0.1)
        assert float(relative_h1(1e3 * guess, 1e3 * truth, ["periodic"], ["both"])) == pytest.approx(0.1)


@pytest.mark.parametrize(("boundary", "grid"), CASES)
def test_resampling_is_exact_for_what_the_coarse_grid_resolves(boundary, grid):
    few, many = (17, 33) if grid == "both" and boundary != "periodic" else (16, 32)
    coarse, fine = (wave(n, boundary, grid, 3)[0][None, None] for n in (few, many))
    torch.testing.assert_close(resampled(coarse, [many], [boundary], [grid]), fine, atol=1e-12, rtol=0)


def test_the_peer_keeps_the_grid_and_shifts_with_a_periodic_field():
    torch.manual_seed(0)
    net = SmallUNet(1, 1, width=4, depth=2, periodic=True)
    field = torch.randn(1, 1, 16, 16)
    moved = net(field.roll(4, 2))  # by a multiple of the coarsest step
    torch.testing.assert_close(moved, net(field).roll(4, 2), atol=1e-5, rtol=0)
    assert SmallUNet(2, 3, width=4, axes=1)(torch.zeros(1, 2, 11)).shape == (1, 3, 11)
