"""The second-order optimiser: what a rotation of modes does to it, and to Adam."""

import pytest
import torch

from polyadic.kernels.soap import SOAP


def orthogonal(n, seed):
    return torch.linalg.qr(torch.randn(n, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))[0]


def quadratic(left, right, low=-3, n=12):
    """A loss of an (n, n) weight whose curvatures span 1 to 10**(2 low), along axes that `left` and `right` turn."""
    scales = torch.logspace(0, low, n, dtype=torch.float64)
    target = torch.randn(n, n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def loss(weight):
        return ((scales[:, None] * (left.T @ weight @ right - target)) ** 2).sum()

    return loss


def minimised(loss, build, steps=300, rate=0.05, n=12):
    weight = torch.nn.Parameter(torch.zeros(n, n, dtype=torch.float64))
    optimiser = build([weight], rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, cycle_momentum=False)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(weight).backward()
        optimiser.step()
        cycle.step()
    return weight.detach(), float(loss(weight).detach())


def soap(parameters, rate):
    return SOAP(parameters, lr=rate, weight_decay=0.0, refresh=5)


def adam(parameters, rate):
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)


def test_ill_conditioned_directions_that_are_no_axes_are_no_obstacle():
    loss = quadratic(orthogonal(12, 1), orthogonal(12, 2))
    assert minimised(loss, soap)[1] < 1e-2 * minimised(loss, adam)[1]


def stepped(gradients, dtype=torch.float64, **settings):
    """Return the state of a weight after these gradients."""
    weight = torch.nn.Parameter(torch.zeros_like(gradients[0], dtype=dtype))
    optimiser = SOAP([weight], lr=0.1, **settings)
    for gradient in gradients:
        weight.grad = gradient.to(dtype)
        optimiser.step()
    return optimiser.state[weight]


def test_bases_become_the_eigenvectors_whatever_the_axes():
    """Those of the eigenvalues above the floor; the others stay orthogonal to them."""
    left, right = orthogonal(8, 1), orthogonal(8, 2)
    gradient = left @ torch.diag(0.6 ** torch.arange(8.0, dtype=torch.float64)) @ right.T
    state = stepped([gradient] * 60, refresh=1)
    for axes, basis in ((left, state["basis_0"]), (right, state["basis_1"])):
        torch.testing.assert_close((axes.T @ basis).abs()[:4, :4], torch.eye(4, dtype=torch.float64), atol=1e-6, rtol=0)


def test_rounding_of_a_gradient_does_not_decide_the_bases():
    """A gradient of rank one has no direction in seven of eight modes: eigenvectors there would be those of noise."""
    noise = torch.Generator().manual_seed(0)
    gradient = torch.outer(torch.randn(8, generator=noise), torch.randn(8, generator=noise))
    touched = gradient * (1 + 2e-7 * torch.randn(8, 8, generator=noise))
    one, other = (stepped([g] * 12, torch.float32, refresh=4)["basis_0"] for g in (gradient, touched))
    assert (one - other).abs().max() < 1e-4
    vectors = [torch.linalg.eigh(g @ g.T)[1] for g in (gradient, touched)]
    assert (vectors[0].abs() - vectors[1].abs()).abs().max() > 0.1


def test_long_modes_and_vectors_are_stepped_as_adam_would():
    """Without bases what is left is Adam with decays .95, .95, a step later."""
    gradients = [torch.randn(4, generator=torch.Generator().manual_seed(i), dtype=torch.float64) for i in range(6)]
    weights = [torch.nn.Parameter(torch.zeros(4, dtype=torch.float64)) for _ in range(2)]
    ours = SOAP(weights[:1], lr=0.1, weight_decay=0.0)
    theirs = torch.optim.Adam(weights[1:], lr=0.1, betas=(0.95, 0.95))
    for step, gradient in enumerate(gradients):
        for weight, optimiser in zip(weights, (ours, theirs), strict=True):
            weight.grad = gradient.clone()
            if optimiser is ours or step:
                optimiser.step()
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 3), (2, 1, 4), (300, 2)])
def test_modes_of_one_and_of_more_than_the_limit_have_no_basis(shape):
    weight = torch.nn.Parameter(torch.ones(shape))
    optimiser = SOAP([weight], lr=0.1)
    weight.grad = torch.ones(shape)
    optimiser.step()
    held = {k for k in range(len(shape)) if f"basis_{k}" in optimiser.state[weight]}
    assert held == {k for k, n in enumerate(shape) if 1 < n <= 256}


def test_a_complex_weight_moves_as_its_real_and_imaginary_parts():
    target = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    parts = torch.nn.Parameter(torch.zeros(4, 3, 2))
    whole = torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.complex64))
    optimiser = SOAP([parts, whole], refresh=2)
    for _ in range(5):
        optimiser.zero_grad()
        loss = ((parts - target) ** 2).sum() + ((torch.view_as_real(whole) - target) ** 2).sum()
        loss.backward()
        optimiser.step()
    assert torch.equal(torch.view_as_real(whole), parts)
    assert parts.abs().min() > 0
