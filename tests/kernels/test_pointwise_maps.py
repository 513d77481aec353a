"""Maps of channels in 32 bits by passes of their own, against torch's operations in 64; what a point sees round it."""

import pytest
import torch
from torch.nn.functional import gelu

from polyadic.kernels import gelu_passes
from polyadic.kernels.fourier_operator import TFNO
from polyadic.kernels.neighbourhood import neighbourhood
from polyadic.kernels.pointwise_maps import fused, mixed, two_maps


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def test_a_pass_gives_the_gelu_and_its_slope_on_the_whole_line():
    x = torch.cat([torch.linspace(-15, 15, 6001), torch.tensor([-1e4, -0.0, 1e-30, 1e4])])[:, None]
    exact = x.double().requires_grad_()
    gelu(exact).sum().backward()
    values, slope = x.clone(), torch.empty_like(x)
    gelu_passes.with_slope(values.numpy(), torch.zeros(1, 1).numpy(), slope.numpy())
    torch.testing.assert_close(values.double(), gelu(exact).detach(), rtol=2e-7, atol=6e-7)
    torch.testing.assert_close(slope.double(), exact.grad, rtol=0, atol=6e-7)


def gradients(function, tensors, dtype):
    """Return value and gradients of a weighted sum of what a function gives, in 64 bits."""
    given = [t.to(dtype, copy=True).requires_grad_() for t in tensors]
    found = function(*[t.clone() for t in given])
    weight = torch.linspace(-1, 2, found.numel(), dtype=dtype).reshape(found.shape)
    (found * weight).sum().backward()
    return [found.detach().double(), *(t.grad.double() for t in given)]


def block(convolution, field, *parameters):
    return mixed(convolution, field, parameters[0:2], parameters[2:4], parameters[4:6], parameters[6])


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (block, [(5, 60, 6), (5, 60, 6), (6, 6), (6,), (3, 6), (3,), (6, 3), (6,), (6,)]),
        (two_maps, [(7, 40, 8), (8,), (2, 8), (2,)]),
        (two_maps, [(3, 5, 4, 8), (3, 5, 1, 8), (2, 8), (2,)]),
    ],
)
def test_values_and_gradients_in_32_bits_are_those_of_automatic_differentiation_in_64(function, shapes):
    tensors = [torch.randn(shape) for shape in shapes]
    assert fused(tensors[0])
    assert not fused(tensors[0].double())
    for one, other in zip(*(gradients(function, tensors, t) for t in (torch.float32, torch.float64)), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5 * float(other.abs().max()))


def test_mixed_precision_goes_by_torch_and_trains_the_same_network():
    operator, field = TFNO(1, 1, (4, 4), width=6, n_layers=2, rank=0.5), torch.randn(2, 1, 9, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = operator(field)
    found.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in operator.parameters())
    torch.testing.assert_close(found.float(), operator(field), rtol=0.1, atol=0.1)


@pytest.mark.parametrize("periodic", [True, False])
def test_a_finer_grid_sees_the_same_places(periodic):
    """At every second point of the fine grid the neighbours are those of the coarse grid."""
    fine = torch.randn(16, 12, 2, 3)
    coarse = fine[::2, ::2]
    far = neighbourhood(fine, 5, (2.0, 2.0), (periodic, periodic))[::2, ::2]
    near = neighbourhood(coarse, 5, (1.0, 1.0), (periodic, periodic))
    assert far.shape == (8, 6, 2, 75)
    inside = (slice(None),) * 2 if periodic else (slice(2, -2),) * 2  # the last value repeated is another one
    torch.testing.assert_close(far[inside], near[inside], rtol=0, atol=0)
    torch.testing.assert_close(near[..., 36:39], coarse, rtol=0, atol=0)
    middle = neighbourhood(fine, 3, (0.5, 0.5), (True, True))[..., :3]
    at = fine + fine.roll(1, 0) + fine.roll(1, 1) + fine.roll((1, 1), (0, 1))
    torch.testing.assert_close(middle, at / 4)


@pytest.mark.parametrize(("boundary", "grid"), [("periodic", "both"), ("dirichlet", "left"), ("neumann", "both")])
def test_an_operator_that_sees_neighbours_is_the_same_row_by_row(boundary, grid):
    operator = TFNO(2, 1, (5, 5), 6, 2, 0.5, boundary=boundary, grid=grid, stencil=3, spacing=(1 / 8, 1 / 8))
    field = torch.randn(2, 2, 17, 16)
    torch.testing.assert_close(operator.in_rows(field, 5), operator(field), rtol=1e-5, atol=1e-5)
    if boundary == "periodic":
        torch.testing.assert_close(operator(field.roll(3, 2)), operator(field).roll(3, 2), rtol=1e-5, atol=1e-5)


def test_a_stencil_that_does_not_fit_is_said():
    with pytest.raises(ValueError, match="stencil is 2; accepted are odd numbers from 1"):
        neighbourhood(torch.zeros(4, 1, 1), 2, [1.0], [False])
    with pytest.raises(ValueError, match="spacing has 0 entries for 2 axes"):
        TFNO(1, 1, (4, 4), 4, stencil=3)
