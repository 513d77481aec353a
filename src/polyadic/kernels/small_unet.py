"""A small U-Net in one to three dimensions, at any resolution: a peer for operators."""

import itertools
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import gelu, interpolate

__all__ = ["SmallUNet"]

_CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_POOLS = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}


class SmallUNet(nn.Module):
    """Convolutions of three points an axis on grids halved ``depth`` times, with connections across.

    Parameters
    ----------
    in_channels, out_channels
        Channels.
    width
        Channels of the finest grid; they double with each halving.
    depth
        Halvings; less where an axis has fewer points.
    axes
        Dimensions of space.
    periodic
        Whether fields are wrapped beyond the edges, or continued by zeros.

    Examples
    --------
    >>> tuple(SmallUNet(1, 2, width=4, depth=2)(torch.zeros(3, 1, 9, 8)).shape)
    (3, 2, 9, 8)
    """

    def __init__(
        self, in_channels: int, out_channels: int, width: int = 16, depth: int = 3, axes: int = 2, periodic: bool = True
    ):
        super().__init__()
        mode: Literal["circular", "zeros"] = "circular" if periodic else "zeros"
        widths = [width * 2**level for level in range(depth + 1)]

        def pair(into: int, out: int) -> nn.ModuleList:
            convolution = _CONVOLUTIONS[axes]
            return nn.ModuleList(
                [
                    convolution(into, out, 3, padding=1, padding_mode=mode),
                    convolution(out, out, 3, padding=1, padding_mode=mode),
                ]
            )

        self.down = nn.ModuleList(pair(a, b) for a, b in zip([in_channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(pair(a + b, a) for a, b in itertools.pairwise(widths))
        self.pool = _POOLS[axes](2)
        self.last = _CONVOLUTIONS[axes](width, out_channels, 1)

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """Return (batch, out_channels, axes ...) of (batch, in_channels, axes ...)."""
        levels: list[torch.Tensor] = []
        state = field
        for level, convolutions in enumerate(self.down):
            if level and min(state.shape[2:]) < 4:
                break
            state = _through(convolutions, self.pool(state) if level else state)
            levels.append(state)
        for level in reversed(range(len(levels) - 1)):
            wide = interpolate(state, size=levels[level].shape[2:], mode="nearest")
            state = _through(self.up[level], torch.cat([levels[level], wide], 1))
        result: torch.Tensor = self.last(state)
        return result


def _through(convolutions: nn.Module, state: torch.Tensor) -> torch.Tensor:
    for convolution in convolutions.children():
        state = gelu(convolution(state))
    return state
