"""Spectral layers: the transform against torch.fft, the low-pass filter, equivariance, ranks, gradients."""

import numpy as np
import pytest
import torch

from polyadic.kernels.fourier_operator import TFNO
from polyadic.kernels.spectral_convolution import SpectralConv
from polyadic.kernels.spectral_weight import SpectralWeight, cp_rank, tensor_train_ranks, tucker_ranks
from polyadic.kernels.truncated_transform import Transform

BOUNDARIES = ("periodic", "dirichlet", "neumann")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(3)


def low_pass(field, modes):
    """Return the periodic field cut to |k| <= K/2 along both axes, by the full complex FFT."""
    spectrum = torch.fft.fft2(field)
    keep = torch.ones(field.shape[-2:], dtype=torch.bool)
    for axis, (n, k) in enumerate(zip(field.shape[-2:], modes, strict=True)):
        numbers = torch.fft.fftfreq(n, 1 / n).abs() <= k // 2
        keep &= numbers.reshape((-1, 1) if axis == 0 else (1, -1))
    return torch.fft.ifft2(spectrum * keep).real


def unit_weights(layer):
    """Set the weights of a dense layer to the identity at every mode."""
    with torch.no_grad():
        layer.weight.weight.zero_()
        real = layer.weight.weight[0, 0] if layer.transform.complex else layer.weight.weight[0]
        real[:] = torch.eye(real.shape[-1])
    return layer


@pytest.mark.parametrize("n", range(5, 65))
def test_unit_weights_are_the_exact_low_pass_at_every_resolution(n):
    field = torch.randn(1, 2, n, n + 1, dtype=torch.float64)
    layer = unit_weights(SpectralConv(2, 2, (7, 12))).double()
    torch.testing.assert_close(layer(field), low_pass(field, (7, 12)), atol=1e-13, rtol=0)


@pytest.mark.parametrize("grid", ["both", "centre"])
@pytest.mark.parametrize("first", BOUNDARIES)
@pytest.mark.parametrize("second", BOUNDARIES)
@pytest.mark.parametrize("third", BOUNDARIES)
def test_synthesis_after_analysis_is_a_projection_with_any_mixture_of_boundaries(first, second, third, grid):
    transform = Transform((5, 6, 4), (first, second, third), grid)
    field = torch.randn(9, 8, 7, 2, dtype=torch.float64)
    once = transform.synthesis(transform.analysis(field), (9, 8, 7))
    twice = transform.synthesis(transform.analysis(once), (9, 8, 7))
    torch.testing.assert_close(twice, once, atol=1e-13, rtol=0)
    assert float((once - field).abs().max()) > 0.1


def points(n, boundary, grid):
    if boundary == "periodic":
        return np.arange(n) / n
    return {"both": np.linspace(0, 1, n), "centre": (np.arange(n) + 0.5) / n, "left": np.arange(n) / n}[grid]


@pytest.mark.parametrize(
    ("boundary", "grid"),
    [
        ("periodic", "both"),
        ("dirichlet", "both"),
        ("dirichlet", "left"),
        ("dirichlet", "centre"),
        ("neumann", "both"),
        ("neumann", "centre"),
    ],
)
def test_a_band_limited_field_gives_one_answer_at_every_resolution(boundary, grid):
    layer = SpectralConv(1, 1, (6, 6), (boundary, "periodic"), grid=grid).double()

    def sampled(n):
        x, y = points(n, boundary, grid)[:, None], points(n, "periodic", grid)[None]
        wave = np.sin(np.pi * 2 * x) if boundary == "dirichlet" else np.cos(np.pi * 2 * x)
        return torch.as_tensor(wave * (1 + np.sin(2 * np.pi * y) + np.cos(4 * np.pi * y)))[None, None]

    def coefficients(n):
        field = layer(sampled(n))[0, 0, ..., None]
        return layer.transform.analysis(field)

    for n in (14, 25, 32):
        torch.testing.assert_close(coefficients(n), coefficients(13), atol=1e-12, rtol=0)


def test_shifts_along_periodic_axes_commute_with_the_operator():
    operator = TFNO(2, 1, (6, 6), width=6, rank=0.3, boundary=("periodic", "dirichlet")).double()
    field = torch.randn(2, 2, 15, 12, dtype=torch.float64)
    shifted = operator(field.roll(4, dims=2))
    torch.testing.assert_close(shifted, operator(field).roll(4, dims=2), atol=1e-12, rtol=0)
    across = operator(field.roll(4, dims=3)) - operator(field).roll(4, dims=3)
    assert float(across.detach().abs().max()) > 1e-3


@pytest.mark.parametrize(("factorisation", "rank"), [("tucker", 0.4), ("cp", 7), ("tt", 0.5), ("dense", 1.0)])
@pytest.mark.parametrize("boundary", ["periodic", "neumann"])
def test_factorised_and_reconstructed_weights_give_the_same_field(factorisation, rank, boundary):
    layer = SpectralConv(4, 3, (5, 4), boundary, factorisation=factorisation, rank=rank).double()
    dense = SpectralConv(4, 3, (5, 4), boundary).double()
    full = layer.weight.reconstructed()[0]  # (in, out, modes ...[, 2])
    full = full.movedim((0, 1), (2, 3)).movedim(-1, 0) if boundary == "periodic" else full.movedim((0, 1), (2, 3))
    dense.weight.weight.data = full.detach()[None]
    for n in (9, 40):  # channel factors at the modes and at the points
        field = torch.randn(2, 4, n, n, dtype=torch.float64)
        torch.testing.assert_close(layer(field), dense(field), atol=1e-12, rtol=1e-10)


def test_ranks_follow_their_equations():
    shape = (4, 24, 24, 17, 9)
    assert tucker_ranks(shape, 1) == (1,) * 5
    assert tucker_ranks(shape, 1.0) == (4, 24, 24, 17, 9)
    for rho in (0.01, 0.1, 0.5):
        weight = SpectralWeight(4, (24, 24), (17, 9), True, "tucker", rho)
        assert weight.parameter_count / weight.parameters_dense == pytest.approx(rho, rel=0.35)
        terms = cp_rank(shape, rho)
        assert terms * (1 + sum(shape)) == pytest.approx(rho * np.prod(shape), abs=(1 + sum(shape)) / 2)
        inner = (1, *tensor_train_ranks(shape, rho), 1)
        stored = sum(inner[k] * n * inner[k + 1] for k, n in enumerate(shape))
        assert stored == pytest.approx(rho * np.prod(shape), rel=0.1)


def test_weights_start_with_the_stated_deviation():
    for factorisation, rank in (("dense", 1.0), ("tucker", 0.5), ("cp", 0.5), ("tt", 0.5)):
        full = SpectralWeight(4, (24, 16), (9, 5), True, factorisation, rank).reconstructed().detach()
        assert float(full.square().sum(-1).mean()) == pytest.approx(2 / 40, rel=0.5)


@pytest.mark.parametrize(
    ("boundary", "points"),
    [
        (("periodic",), (17,)),
        (("periodic", "periodic"), (12, 9)),
        (("dirichlet", "periodic"), (10, 12)),
        (("periodic", "neumann"), (11, 8)),
        (("open", "open"), (9, 10)),
        (("neumann", "periodic", "open"), (7, 6, 8)),
        (("periodic", "periodic", "periodic"), (7, 6, 8)),
    ],
)
@pytest.mark.parametrize("factorisation", ["tucker", "cp"])
def test_row_by_row_an_operator_gives_the_same_field(boundary, points, factorisation):
    modes = (4,) * len(points)
    operator = TFNO(2, 3, modes, 6, 3, 0.4, factorisation, boundary=boundary).double()
    field = torch.randn(2, 2, *points, dtype=torch.float64)
    whole = operator(field).detach()
    for rows in (1, 4, 50):
        torch.testing.assert_close(operator.in_rows(field, rows), whole, rtol=0, atol=1e-12)


def test_gradients_agree_with_differences():
    layer = SpectralConv(2, 2, (3, 3), ("periodic", "dirichlet"), factorisation="tucker", rank=0.6).double()
    field = torch.randn(2, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def evaluated(field, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (field,))

    torch.autograd.gradcheck(evaluated, (field, *values))


def test_open_axes_do_not_see_the_other_end_as_a_jump():
    """A ramp cut to few modes: with periodic ends it rings at both ends, padded it does not."""
    ramp = torch.linspace(0, 1, 64, dtype=torch.float64)[None, None]
    wrapped = unit_weights(SpectralConv(1, 1, 16, "periodic")).double()(ramp).detach()
    padded = unit_weights(SpectralConv(1, 1, 16, "open")).double()(ramp).detach()
    assert float((padded - ramp).abs().max()) < 0.2 * float((wrapped - ramp).abs().max())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SpectralConv(1, 1, (4, 4), "dirichlett"), "boundary 'dirichlett' is unknown; accepted are periodic"),
        (lambda: SpectralConv(1, 1, (4, 4), ("open",)), "boundary has 1 entries for 2 axes"),
        (lambda: SpectralConv(1, 1, (4, 0)), "n_modes has the entry 0"),
        (lambda: SpectralConv(1, 1, (4,) * 4), "n_modes has 4 entries; accepted are 1 to 3"),
        (lambda: SpectralConv(1, 1, 4, "neumann", grid="left"), "grid 'left' has no last node"),
        (lambda: SpectralConv(1, 1, 4)(torch.zeros(2, 3, 8)), r"field has shape \(2, 3, 8\); accepted is \(batch, 1"),
        (lambda: TFNO(1, 1, 4, 8, rank=1.5), r"rank 1.5 as a fraction .* is to lie in \(0, 1\]"),
        (lambda: TFNO(1, 1, 4, 8, rank=(2, 2)), "rank has 2 entries for a tensor of 4 modes"),
        (lambda: TFNO(1, 1, 4, 8, factorisation="cpd"), "factorisation 'cpd' is unknown; accepted are dense, tucker"),
        (lambda: TFNO(1, 1, 4, 8, positions="some"), "positions 'some' is unknown"),
    ],
)
def test_what_does_not_fit_is_said(build, message):
    with pytest.raises(ValueError, match=message):
        build()
