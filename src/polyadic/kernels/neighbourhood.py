r"""What a point sees of a field round it, at offsets of fixed length: more channels, at every resolution the same.

A coefficient that jumps is sampled at points only; how the jump runs between them shows in the values of the
neighbours, which a map of one point's channels cannot see. Offsets are lengths, not points, so that a network that was
trained with them converges when the grid is refined.
"""

import math
from collections.abc import Sequence

import torch

__all__ = ["neighbourhood"]


def neighbourhood(
    field: torch.Tensor,
    stencil: int,
    spacing: Sequence[float],
    periodic: Sequence[bool],
    rows: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Return a field (axes ..., batch, channels) with the values round each point as channels.

    Parameters
    ----------
    field
        (axes ..., batch, channels).
    stencil
        Offsets an axis, odd; 1 returns the field.
    spacing
        Length of one offset, in points of this grid, one an axis; between points values are interpolated linearly.
    periodic
        Whether an axis is wrapped beyond its ends; along others the last value is repeated.
    rows
        Only points from a first one to one before the second along the first axis.

    Returns
    -------
    (axes ..., batch, stencil**axes * channels); the last axis's offset runs faster, channels fastest.

    Raises
    ------
    ValueError
        If the stencil is not odd.

    Examples
    --------
    >>> line = torch.tensor([0.0, 1.0, 4.0])[:, None, None]
    >>> neighbourhood(line, 3, [1.0], [False])[:, 0].tolist()
    [[0.0, 0.0, 1.0], [0.0, 1.0, 4.0], [1.0, 4.0, 4.0]]
    """
    if stencil < 1 or stencil % 2 == 0:
        raise ValueError(f"stencil is {stencil}; accepted are odd numbers from 1")
    steps = range(-(stencil // 2), stencil // 2 + 1)
    parts = [field]
    for axis, (length, wrapped) in enumerate(zip(spacing, periodic, strict=True)):
        chosen = rows if axis == 0 else None
        parts = [_shifted(part, axis, step * length, wrapped, chosen) for part in parts for step in steps]
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _shifted(
    field: torch.Tensor, axis: int, offset: float, periodic: bool, rows: tuple[int, int] | None
) -> torch.Tensor:
    """Return a field seen ``offset`` points further along an axis."""
    if offset == 0 and rows is None:
        return field
    n = field.shape[axis]
    whole = math.floor(offset + 1e-6)
    share = offset - whole
    at = torch.arange(*(rows or (0, n)), device=field.device) + whole

    def taken(index: torch.Tensor) -> torch.Tensor:
        return field.index_select(axis, index % n if periodic else index.clamp(0, n - 1))

    return taken(at) if abs(share) < 1e-6 else torch.lerp(taken(at), taken(at + 1), share)
