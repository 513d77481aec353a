r"""A spectral convolution: truncated transform, one matrix a mode, synthesis.

Internally a field lies as (axis 1, ..., axis d, batch, channels): both transforms are matrix products on contiguous
memory, the coefficients come out mode by mode, and every pointwise linear map is one matrix product.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from polyadic.kernels.spectral_weight import Factorisation, Pieces, Rank, SpectralWeight
from polyadic.kernels.truncated_transform import Boundary, Grid, Retained, Transform

__all__ = ["SpectralConv", "channels_first", "channels_last", "coefficients", "convolved"]


def channels_last(field: torch.Tensor) -> torch.Tensor:
    """Turn (batch, channels, axes ...) into (axes ..., batch, channels)."""
    return field.movedim((0, 1), (-2, -1)).contiguous()


def channels_first(field: torch.Tensor) -> torch.Tensor:
    """Turn (axes ..., batch, channels) into (batch, channels, axes ...)."""
    return field.movedim((-2, -1), (0, 1)).contiguous()


def convolved(transform: Transform, field: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    r"""Return the spectral convolution of a field (axes ..., batch, in) as (axes ..., batch, out).

    :math:`y = S\,(W_k \hat v_k)` with the analysis :math:`\hat v = A v`. Real channel factors commute with both
    transforms and are applied where that costs less: at the modes, or at the points, where the transforms then carry
    only as many channels as the rank has.

    Notes
    -----
    Per point and channel :math:`4 K_d` flops a transform for the last axis, less for the others;
    :math:`8 B r s` flops a mode for the products.
    """
    if torch.is_autocast_enabled(field.device.type):
        return _convolved(transform, field, pieces)[0]
    result: torch.Tensor = _Convolution.apply(transform, field, *pieces)  # type: ignore[no-untyped-call]
    return result


def _convolved(transform: Transform, field: torch.Tensor, pieces: Pieces) -> tuple[torch.Tensor, ...]:
    """Return the convolution, and what was made on the way: spectrum, what the modes multiply, products, synthesis."""
    points, batch = field.shape[:-2], field.shape[-2]
    outside = _outside(transform, points, pieces.into)
    given = field if pieces.into is None or not outside else torch.matmul(field, pieces.into)
    spectrum = transform.analysis(given.flatten(-2)).unflatten(-1, (batch, -1))
    inner = spectrum if pieces.into is None or outside else torch.matmul(spectrum, pieces.into)
    product = _mode_products(inner, pieces.inner, transform.complex)
    outer = product if pieces.out is None or outside else torch.matmul(product, pieces.out)
    made = transform.synthesis(outer.flatten(-2), points).unflatten(-1, (batch, -1))
    result = made if pieces.out is None or not outside else torch.matmul(made, pieces.out)
    return result, spectrum, inner, product, made


class _Convolution(torch.autograd.Function):
    """The spectral convolution with a backward pass of its own: each step's adjoint, in the reverse order."""

    @staticmethod
    def forward(ctx: Any, transform: Transform, field: torch.Tensor, *parts: torch.Tensor | None) -> torch.Tensor:
        pieces = Pieces(*parts)  # type: ignore[arg-type]
        result, spectrum, inner, product, made = _convolved(transform, field, pieces)
        ctx.transform = transform
        ctx.outside = _outside(transform, field.shape[:-2], pieces.into)
        given, last = (field, made) if ctx.outside else (spectrum, product)  # what the factors of channels multiply
        ctx.save_for_backward(
            *pieces, None if pieces.into is None else given, inner, None if pieces.out is None else last
        )
        ctx.points = field.shape[:-2]
        return result

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        into, weight, out, given, inner, last = ctx.saved_tensors
        transform, batch = ctx.transform, gradient.shape[-2]
        grad_into = grad_out = None
        if out is not None and ctx.outside:
            gradient, grad_out = _factor_back(gradient, last, out)
        back = transform.analysis(gradient.flatten(-2), adjoint=True).unflatten(-1, (batch, -1))
        if out is not None and not ctx.outside:
            back, grad_out = _factor_back(back, last, out)
        back, grad_weight = _mode_products_back(back, inner, weight, transform.complex)
        if into is not None and not ctx.outside:
            back, grad_into = _factor_back(back, given, into)
        back = transform.synthesis(back.flatten(-2), ctx.points, adjoint=True).unflatten(-1, (batch, -1))
        if into is not None and ctx.outside:
            back, grad_into = _factor_back(back, given, into)
        return None, back, grad_into, grad_weight, grad_out


def _factor_back(
    gradient: torch.Tensor, given: torch.Tensor, factor: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of ``given`` and of ``factor`` for that of their product."""
    return torch.matmul(gradient, factor.T), torch.mm(given.flatten(0, -2).T, gradient.flatten(0, -2))


def coefficients(transform: Transform, field: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    """Return the spectral convolution of a field (axes ..., batch, in) at the modes, ([2,] modes ..., batch, out).

    All factors are applied at the modes, so that nothing of the field's size is made.
    """
    spectrum = transform.analysis(field.flatten(-2)).unflatten(-1, (field.shape[-2], -1))
    if pieces.into is not None:
        spectrum = torch.matmul(spectrum, pieces.into)
    product = _mode_products(spectrum, pieces.inner, transform.complex)
    return product if pieces.out is None else torch.matmul(product, pieces.out)


def _outside(transform: Transform, points: Sequence[int], into: torch.Tensor | None) -> bool:
    """Whether channel factors cost less at the points, where they spare the transform channels, than at the modes."""
    if into is None:
        return False
    channels, rank = into.shape
    saved = (channels - rank) * transform.flops(points)
    return 2 * channels * rank * (math.prod(points) - transform.coefficients) < saved


def _mode_products(spectrum: torch.Tensor, inner: torch.Tensor, complex_modes: bool) -> torch.Tensor:
    """Return ([2,] modes ..., batch, s) of ([2,] modes ..., batch, r) and weights ([2,] modes ..., r, s)."""
    left, right = _by_mode(spectrum, complex_modes), _by_mode(inner, complex_modes)
    product = _parts(left, right, (-1, 1, 1)) if complex_modes else torch.bmm(left, right)
    return product.reshape(*spectrum.shape[:-1], product.shape[-1])


def _mode_products_back(
    gradient: torch.Tensor, spectrum: torch.Tensor, inner: torch.Tensor, complex_modes: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of spectrum and weights; the adjoint of a complex product takes the conjugate."""
    outer, left, right = (_by_mode(one, complex_modes) for one in (gradient, spectrum, inner))
    if complex_modes:
        back, weights = _parts(outer, right.mT, (1, -1, 1)), _parts(left.mT, outer, (1, 1, -1))
    else:
        back, weights = torch.bmm(outer, right.mT), torch.bmm(left.mT, outer)
    return back.view(spectrum.shape), weights.view(inner.shape)


def _by_mode(values: torch.Tensor, complex_modes: bool) -> torch.Tensor:
    return values.flatten(1 if complex_modes else 0, -3)


def _parts(left: torch.Tensor, right: torch.Tensor, signs: tuple[int, int, int]) -> torch.Tensor:
    """Return real and imaginary part, :math:`a c + s_1 b d` and :math:`s_2 a d + s_3 b c`, of pairs (a, b), (c, d)."""
    (a, b), (c, d) = left.unbind(), right.unbind()
    real = torch.bmm(a, c).baddbmm_(b, d, alpha=signs[0])
    imaginary = torch.bmm(a, d).baddbmm_(b, c, beta=signs[1], alpha=signs[2])
    return torch.stack([real, imaginary])


class SpectralConv(nn.Module):
    r"""A spectral convolution layer in one to three dimensions, at any resolution, odd or even.

    :math:`y_o = b_o + \mathcal{S} \sum_c W_{c o}(k)\, (\mathcal{A} v_c)(k)` over the kept modes :math:`k`, with the
    Fourier series along periodic axes, sines along Dirichlet and cosines along Neumann axes; open axes are padded by a
    smooth bridge and taken as periodic.

    Parameters
    ----------
    in_channels, out_channels
        Channels.
    n_modes
        Modes kept per axis: :math:`|k| \le K/2` along periodic axes, ``K`` sines or cosines along the others.
    boundary
        ``periodic``, ``dirichlet``, ``neumann`` or ``open``; one, or one per axis.
    grid
        Where the points lie along axes that are not periodic: ``both`` ends included, ``left`` or cell ``centre``.
    retained
        ``symmetric``, or ``one-sided`` (:math:`-K/2 \dots K/2-1` along all axes but the last) to take over weights of
        layers that keep an asymmetric set.
    factorisation, rank
        As in :class:`~polyadic.kernels.spectral_weight.SpectralWeight`.
    bias
        Whether a constant per channel is added.

    Raises
    ------
    ValueError
        If a setting is unknown, or a field does not have the channels or axes of the layer.

    Notes
    -----
    With unit weights, no bias and ``retained='symmetric'`` the layer is the exact low-pass filter.

    References
    ----------
    Z. Li et al., Fourier neural operator for parametric partial differential equations, ICLR 2021.

    Examples
    --------
    >>> layer = SpectralConv(3, 5, (8, 8))
    >>> tuple(layer(torch.zeros(2, 3, 15, 21)).shape)
    (2, 5, 15, 21)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        n_modes: Sequence[int] | int,
        boundary: Boundary | Sequence[Boundary] = "periodic",
        *,
        grid: Grid | Sequence[Grid] = "both",
        retained: Retained = "symmetric",
        factorisation: Factorisation = "dense",
        rank: Rank = 1.0,
        bias: bool = True,
    ):
        super().__init__()
        self.in_channels = in_channels
        self.transform = Transform((n_modes,) if isinstance(n_modes, int) else n_modes, boundary, grid, retained)
        self.weight = SpectralWeight(
            1, (in_channels, out_channels), self.transform.shape, self.transform.complex, factorisation, rank
        )
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Return (batch, out_channels, axes ...) of a field (batch, in_channels, axes ...)."""
        check_field(field, self.in_channels, len(self.transform.axes))
        result = convolved(self.transform, channels_last(field), self.weight.pieces()[0])
        return channels_first(result if self.bias is None else result + self.bias)


def check_field(field: torch.Tensor, channels: int, axes: int) -> None:
    """Refuse a field that is not (batch, channels, axes ...)."""
    if field.ndim != 2 + axes or field.shape[1] != channels:
        raise ValueError(
            f"field has shape {tuple(field.shape)}; accepted is (batch, {channels}, {', '.join(['points'] * axes)})"
        )
