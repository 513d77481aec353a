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


def test_a_rotation_of_the_modes_rotates_the_path():
    """Adam has no such symmetry: its path depends on the axes."""
    left, right, eye = orthogonal(12, 1), orthogonal(12, 2), torch.eye(12, dtype=torch.float64)
    plain, turned = (minimised(quadratic(*axes, low=-0.5), soap, steps=40)[0] for axes in ((eye, eye), (left, right)))
    torch.testing.assert_close(left.T @ turned @ right, plain, rtol=1e-6, atol=1e-8)
    plain, turned = (minimised(quadratic(*axes, low=-0.5), adam, steps=40)[0] for axes in ((eye, eye), (left, right)))
    assert (left.T @ turned @ right - plain).abs().max() > 0.1


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
