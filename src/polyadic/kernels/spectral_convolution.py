r"""A spectral convolution: truncated transform, one matrix a mode, synthesis.

Internally a field lies as (axis 1, ..., axis d, batch, channels): both transforms are matrix products on contiguous
memory, the coefficients come out mode by mode, and every pointwise linear map is one matrix product.
"""

import math
from collections.abc import Sequence

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
    points, batch = field.shape[:-2], field.shape[-2]
    outside = pieces.into is not None and _outside(transform, points, pieces.into)
    if outside and pieces.into is not None:
        field = torch.matmul(field, pieces.into)
    spectrum = transform.analysis(field.flatten(-2)).unflatten(-1, (batch, -1))
    if not outside and pieces.into is not None:
        spectrum = torch.matmul(spectrum, pieces.into)
    product = _mode_products(spectrum, pieces.inner, transform.complex)
    if not outside and pieces.out is not None:
        product = torch.matmul(product, pieces.out)
    result = transform.synthesis(product.flatten(-2), points).unflatten(-1, (batch, -1))
    return torch.matmul(result, pieces.out) if outside and pieces.out is not None else result


def coefficients(transform: Transform, field: torch.Tensor, pieces: Pieces) -> torch.Tensor:
    """Return the spectral convolution of a field (axes ..., batch, in) at the modes, ([2,] modes ..., batch, out).

    All factors are applied at the modes, so that nothing of the field's size is made.
    """
    spectrum = transform.analysis(field.flatten(-2)).unflatten(-1, (field.shape[-2], -1))
    if pieces.into is not None:
        spectrum = torch.matmul(spectrum, pieces.into)
    product = _mode_products(spectrum, pieces.inner, transform.complex)
    return product if pieces.out is None else torch.matmul(product, pieces.out)


def _outside(transform: Transform, points: Sequence[int], into: torch.Tensor) -> bool:
    """Whether channel factors cost less at the points, where they spare the transform channels, than at the modes."""
    channels, rank = into.shape
    saved = (channels - rank) * transform.flops(points)
    return 2 * channels * rank * (math.prod(points) - transform.coefficients) < saved


def _mode_products(spectrum: torch.Tensor, inner: torch.Tensor, complex_modes: bool) -> torch.Tensor:
    """Return ([2,] modes ..., batch, s) of ([2,] modes ..., batch, r) and weights ([2,] modes ..., r, s)."""
    first = 1 if complex_modes else 0
    left, right = spectrum.flatten(first, -3), inner.flatten(first, -3)
    product = _complex_product(left, right) if complex_modes else torch.bmm(left, right)
    return product.reshape(*spectrum.shape[:-1], product.shape[-1])


def _complex_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    real = torch.baddbmm(torch.bmm(left[0], right[0]), left[1], right[1], alpha=-1)
    imaginary = torch.baddbmm(torch.bmm(left[0], right[1]), left[1], right[0])
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
