"""Equal weights give equal fields: spectral layers beside those of the library `neuraloperator` 2.0.

Runs where the library is on the path; with ``POLYADIC_PEERS=1`` its absence is a failure:
``pip install --no-deps --require-hashes --target FOLDER -r envs/peers-operator.txt`` and
``POLYADIC_PEERS=1 PYTHONPATH=FOLDER python -m pytest tests/peers``.
"""

import importlib
import os
import warnings

import pytest
import torch

from polyadic.kernels.spectral_convolution import SpectralConv

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PEER = importlib.import_module("neuralop.layers.spectral_convolution").SpectralConv
except ImportError:
    if os.environ.get("POLYADIC_PEERS", "0") not in ("", "0"):
        raise
    pytest.skip("the library neuraloperator is not installed (envs/peers-operator.txt)", allow_module_level=True)


def pair(modes, factorisation=None, rank=1.0):
    """Return a layer of the library and ours with its weights: 3 channels to 5."""
    torch.manual_seed(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = PEER(3, 5, modes, factorization=factorisation, rank=rank, implementation="reconstructed")
        weight = theirs.weight.to_tensor().detach()  # (in, out, modes ...)
    ours = SpectralConv(3, 5, modes, retained="one-sided")
    with torch.no_grad():
        parts = torch.view_as_real(weight).movedim((0, 1, -1), (-2, -1, 0))  # (2, modes ..., in, out)
        ours.weight.weight.copy_(parts[None])
        ours.bias.copy_(theirs.bias.flatten())
    return theirs, ours


@pytest.mark.parametrize(
    ("modes", "points"),
    [((8,), (32,)), ((8, 8), (16, 20)), ((12, 6), (64, 64)), ((4, 6, 4), (8, 12, 10))],
)
@pytest.mark.parametrize("factorisation", [None, "tucker", "cp", "tt"])
def test_equal_weights_give_equal_fields_and_gradients(modes, points, factorisation):
    theirs, ours = pair(modes, factorisation, rank=1.0 if factorisation is None else 0.5)
    field = torch.randn(2, 3, *points)
    results, gradients = [], []
    for layer in (theirs, ours):
        given = field.clone().requires_grad_()
        result = layer(given)
        result.square().sum().backward()
        results.append(result.detach())
        gradients.append(given.grad)
    for one, two in (results, gradients):
        assert float((one - two).norm() / one.norm()) < 1e-6


@pytest.mark.parametrize(("points", "least"), [(16, 0.1), (15, 0.5)])
def test_unit_weights_are_a_low_pass_here_and_not_there(points, least):
    """Why ``retained`` is symmetric by default, and what odd grids do to the library."""
    theirs, _ = pair((8, 8))
    eye = torch.eye(5)[:3]
    with torch.no_grad():
        theirs.weight.tensor.copy_(eye[..., None, None].expand_as(theirs.weight.tensor))
        theirs.bias.zero_()
    ours = SpectralConv(3, 5, (8, 8), bias=False)
    with torch.no_grad():
        ours.weight.weight.zero_()
        ours.weight.weight[:, 0] = eye
    field = torch.randn(2, 3, points, points)
    numbers = torch.fft.fftfreq(points, 1 / points).abs() <= 4
    exact = torch.fft.ifft2(torch.fft.fft2(field) * (numbers[:, None] & numbers)).real
    for layer, low, high in ((ours, 0.0, 1e-6), (theirs, least, 2.0)):
        error = float((layer(field)[:, :3].detach() - exact).norm() / exact.norm())
        assert low <= error <= high
