"""The tensorised Fourier neural operator: lifting, blocks of spectral convolutions, projection."""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import nn
from torch.nn.functional import linear

from polyadic.kernels.neighbourhood import neighbourhood
from polyadic.kernels.pointwise_maps import mixed, two_maps
from polyadic.kernels.spectral_convolution import (
    channels_first,
    channels_last,
    check_field,
    coefficients,
    convolved,
)
from polyadic.kernels.spectral_weight import Factorisation, Pieces, Rank, SpectralWeight
from polyadic.kernels.truncated_transform import Boundary, Grid, Retained, Transform

__all__ = ["TFNO", "coordinates"]

Positions = Literal["auto", "all", "none"]


def coordinates(n: int, boundary: Boundary, grid: Grid) -> torch.Tensor:
    """Return where ``n`` points lie on an axis of length one.

    >>> coordinates(4, "periodic", "both").tolist(), coordinates(3, "dirichlet", "both").tolist()
    ([0.0, 0.25, 0.5, 0.75], [0.0, 0.5, 1.0])
    """
    i = torch.arange(n, dtype=torch.float64)
    if boundary == "periodic" or grid == "left":
        return i / n
    return (i + 0.5) / n if grid == "centre" else i / max(n - 1, 1)


class PointwiseMLP(nn.Module):
    """Two linear maps of the channels at every point with a GELU between."""

    def __init__(self, into: int, hidden: int, out: int):
        super().__init__()
        self.first = nn.Linear(into, hidden)
        self.second = nn.Linear(hidden, out)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Return (..., out) of (..., into)."""
        return self.after(linear(field, self.first.weight))

    def after(self, product: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Return (..., out) of what the first weight has made of a field; it may be overwritten."""
        return two_maps(product, self.first.bias if bias is None else bias, self.second.weight, self.second.bias)


class Block(nn.Module):
    r"""One layer: :math:`z = \sigma(S v + \mathrm{skip}(v))`, then :math:`\sigma(\mathrm{MLP}(z) + g v)`.

    :math:`S` is the spectral convolution, :math:`\sigma` the GELU, :math:`g` one weight a channel.
    The last block of an operator leaves both out.
    """

    def __init__(self, width: int, last: bool):
        super().__init__()
        self.skip = nn.Linear(width, width)
        self.gate = nn.Parameter(torch.ones(width))
        self.mlp = PointwiseMLP(width, max(1, width // 2), width)
        self.last = last

    def forward(self, field: torch.Tensor, transform: Transform, pieces: Pieces) -> torch.Tensor:
        """Return the field (axes ..., batch, width) after the block."""
        return self.after(convolved(transform, field, pieces), field)

    def after(self, convolution: torch.Tensor, field: torch.Tensor) -> torch.Tensor:
        """Return what the block makes of a field and its spectral convolution, which may be overwritten."""
        if self.last:
            return torch.addcmul(self.mlp(convolution + self.skip(field)), field, self.gate)
        skip, first, second = ((one.weight, one.bias) for one in (self.skip, self.mlp.first, self.mlp.second))
        return mixed(convolution, field, skip, first, second, self.gate)


class TFNO(nn.Module):
    r"""A tensorised Fourier neural operator in one to three dimensions.

    Lifting to ``width`` channels, ``n_layers`` blocks, projection. One tensor holds the spectral weights of all
    layers and is factorised jointly; ``joint=False`` gives each layer its own.

    Parameters
    ----------
    in_channels, out_channels
        Channels of input and output fields.
    n_modes
        Modes kept per axis; see :class:`~polyadic.kernels.spectral_convolution.SpectralConv`.
    width
        Channels inside.
    n_layers
        Blocks.
    rank, factorisation, joint
        Format of the spectral weights: ``rank`` as a float is a fraction of the dense parameter count, as whole
        numbers true ranks.
    boundary, grid, retained
        As in ``SpectralConv``; the boundary is a property of the data.
    positions
        Coordinates given to the lifting: ``auto`` of the axes that are not periodic (along the others the operator
        then commutes with shifts), ``all``, or ``none``.
    stencil, spacing
        Values an axis, odd, that the lifting sees round each point, and how far they lie apart, as a share of the
        axis, one an axis: usually one point of the training grid. ``stencil=1``: the point alone.

    Raises
    ------
    ValueError
        If a setting is unknown, or a field does not fit.

    References
    ----------
    J. Kossaifi et al., Multi-grid tensorized Fourier neural operator for high-resolution PDEs, TMLR 2024.

    Examples
    --------
    >>> operator = TFNO(1, 2, (8, 8), width=16, rank=0.1)
    >>> tuple(operator(torch.zeros(3, 1, 20, 17)).shape)
    (3, 2, 20, 17)
    >>> operator.ranks, operator.parameter_count < TFNO(1, 2, (8, 8), width=16).parameter_count
    ((2, 10, 10, 6, 3), True)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        n_modes: Sequence[int] | int,
        width: int,
        n_layers: int = 4,
        rank: Rank = 1.0,
        factorisation: Factorisation = "tucker",
        joint: bool = True,
        boundary: Boundary | Sequence[Boundary] = "periodic",
        *,
        grid: Grid | Sequence[Grid] = "both",
        retained: Retained = "symmetric",
        positions: Positions = "auto",
        stencil: int = 1,
        spacing: Sequence[float] = (),
    ):
        super().__init__()
        self.in_channels, self.stencil, self.spacing = in_channels, stencil, tuple(spacing)
        self.transform = Transform((n_modes,) if isinstance(n_modes, int) else n_modes, boundary, grid, retained)
        self.positioned = _positioned(self.transform, positions)
        if stencil > 1 and len(self.spacing) != len(self.transform.axes):
            raise ValueError(f"spacing has {len(self.spacing)} entries for {len(self.transform.axes)} axes")
        self.seen = in_channels * stencil ** len(self.transform.axes)
        self.lifting = PointwiseMLP(self.seen + len(self.positioned), 2 * width, width)
        self.blocks = nn.ModuleList(Block(width, last=k == n_layers - 1) for k in range(n_layers))
        sharing = [n_layers] if joint else [1] * n_layers
        self.weights = nn.ModuleList(
            SpectralWeight(layers, (width, width), self.transform.shape, self.transform.complex, factorisation, rank)
            for layers in sharing
        )
        self.projection = PointwiseMLP(width, 2 * width, out_channels)

    @property
    def ranks(self) -> tuple[int, ...]:
        """Resolved ranks of the spectral weights (of the first layer, where each has its own)."""
        return self._weights()[0].ranks

    @property
    def parameter_count(self) -> int:
        """Real numbers stored."""
        return sum(p.numel() for p in self.parameters())

    @property
    def compression(self) -> float:
        """Real numbers of dense spectral weights over those stored."""
        stored = sum(weight.parameter_count for weight in self._weights())
        return sum(weight.parameters_dense for weight in self._weights()) / stored

    def forward(self, field: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """Return (batch, out_channels, axes ...) of a field (batch, in_channels, axes ...).

        ``positions``, (batch or 1, positioned axes, axes ...), replaces the coordinates of a whole domain, for a
        patch of a larger one.
        """
        check_field(field, self.in_channels, len(self.transform.axes))
        given = channels_last(field)
        state = self._lifted(self._surrounded(given), self._places(given, positions))
        pieces = [piece for weight in self._weights() for piece in weight.pieces()]
        for block, piece in zip(self.blocks, pieces, strict=True):
            state = block(state, self.transform, piece)
        return channels_first(self.projection(state))

    def in_rows(self, field: torch.Tensor, rows: int = 64) -> torch.Tensor:
        """Return what :meth:`forward` returns, for fields whose activations do not fit; there are no gradients.

        One state of ``width`` channels is held; everything else is made for some rows of the first axis at a time, and
        coefficients of a layer are taken from the whole state before its first row changes.

        Parameters
        ----------
        field
            (batch, in_channels, axes ...).
        rows
            Points of the first axis at a time.

        Notes
        -----
        Equal to `forward` up to rounding; memory is that of ``width`` fields.

        Examples
        --------
        >>> operator, field = TFNO(1, 1, (4, 4), width=4), torch.randn(1, 1, 9, 8)
        >>> bool(torch.allclose(operator.in_rows(field, 4), operator(field), atol=1e-5))
        True
        """
        check_field(field, self.in_channels, len(self.transform.axes))
        with torch.no_grad():
            given = channels_last(field)
            points, batch = given.shape[:-2], given.shape[-2]
            parts = [(i, min(i + rows, points[0])) for i in range(0, points[0], rows)]
            places = self._places(given, None)
            state = given.new_empty(*points, batch, self.lifting.second.out_features)
            for i, j in parts:
                state[i:j] = self._lifted(self._surrounded(given, (i, j)), None if places is None else places[i:j])
            pieces = [piece for weight in self._weights() for piece in weight.pieces()]
            for block, piece in zip(cast(list[Block], list(self.blocks)), pieces, strict=True):
                modes = coefficients(self.transform, state, piece).flatten(-2)
                for i, j in parts:
                    convolution = self.transform.synthesis(modes, points, (i, j)).unflatten(-1, (batch, -1))
                    state[i:j] = block.after(convolution, state[i:j])
            return channels_first(torch.cat([self.projection(state[i:j]) for i, j in parts]))

    def _weights(self) -> list[SpectralWeight]:
        return cast(list[SpectralWeight], list(self.weights))

    def _surrounded(self, field: torch.Tensor, rows: tuple[int, int] | None = None) -> torch.Tensor:
        """Return the field, or some of its rows, with what lies round each point."""
        if self.stencil == 1:
            return field if rows is None else field[rows[0] : rows[1]]
        ends = [axis.grid == "both" and axis.boundary != "periodic" for axis in self.transform.axes]
        offsets = [share * (n - end) for share, n, end in zip(self.spacing, field.shape, ends, strict=False)]
        periodic = [axis.boundary == "periodic" for axis in self.transform.axes]
        return neighbourhood(field, self.stencil, offsets, periodic, rows)

    def _lifted(self, field: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
        """Lift; the coordinates are the same for all samples, so their part is one added field."""
        first = self.lifting.first
        given = linear(field, first.weight[:, : self.seen])
        bias = None if places is None else linear(places, first.weight[:, self.seen :], first.bias)
        return self.lifting.after(given, bias)

    def _places(self, field: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor | None:
        """Return the coordinates (axes ..., 1, positioned), given or those of the whole domain, or None."""
        if not self.positioned:
            return None
        return self._coordinates(field) if positions is None else channels_last(positions.to(field))

    def _coordinates(self, field: torch.Tensor) -> torch.Tensor:
        axes = self.transform.axes
        lines = [coordinates(n, axis.boundary, axis.grid).to(field) for n, axis in zip(field.shape, axes, strict=False)]
        grids = torch.meshgrid(*lines, indexing="ij")
        return torch.stack([grids[a] for a in self.positioned], dim=-1)[..., None, :]


def _positioned(transform: Transform, positions: Positions) -> tuple[int, ...]:
    if positions == "none":
        return ()
    if positions == "all":
        return tuple(range(len(transform.axes)))
    if positions == "auto":
        return tuple(a for a, axis in enumerate(transform.axes) if axis.boundary != "periodic")
    raise ValueError(f"positions {positions!r} is unknown; accepted are auto, all, none")
