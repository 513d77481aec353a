r"""Multi-grid domain decomposition: padded patches, each with coarser views of its surroundings."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import cast, get_args

import torch

from polyadic.kernels.truncated_transform import Boundary

__all__ = ["MultiGrid", "coarsened", "extended_window", "refined"]


def coarsened(field: torch.Tensor, factor: int, axis: int, boundary: Boundary) -> torch.Tensor:
    r"""Return a field on a grid ``factor`` times coarser along one axis, without aliases.

    Points are cell centres: :math:`(i + 1/2)/N` before, :math:`(j + 1/2) f / N` after. The Fourier series of the
    field, or of its mirror image continued evenly (Neumann, open) or oddly (Dirichlet), is cut below the Nyquist number
    of the coarse grid and evaluated there.

    Parameters
    ----------
    field
        Any shape; the length along ``axis`` is a multiple of ``factor``.

    Notes
    -----
    :math:`O(N \log N)` a line. A mean over cells would damp waves that the coarse grid can hold; taking every
    ``factor``-th value folds those it cannot hold onto others.

    Examples
    --------
    >>> fine, coarse = (torch.cos(torch.pi * (torch.arange(n) + 0.5) / n) for n in (8, 4))
    >>> bool(torch.allclose(coarsened(fine, 2, 0, "neumann"), coarse, atol=1e-6))
    True
    """
    if boundary != "periodic":
        mirrored = field.flip(axis) * (-1 if boundary == "dirichlet" else 1)
        whole = coarsened(torch.cat([field, mirrored], axis), factor, axis, "periodic")
        return whole.narrow(axis, 0, field.shape[axis] // factor)
    n = field.shape[axis]
    m = n // factor
    kept = (m + 1) // 2
    spectrum = torch.fft.rfft(field, dim=axis, norm="forward").narrow(axis, 0, kept)
    shift = torch.exp(1j * math.pi * torch.arange(kept, dtype=torch.float64) * (1 / m - 1 / n)).to(spectrum)
    shift = shift.reshape(-1, *[1] * (field.ndim - 1 - axis % field.ndim))
    coarse: torch.Tensor = torch.fft.irfft(spectrum * shift, n=m, dim=axis, norm="forward")
    return coarse


def refined(field: torch.Tensor, factor: int, axis: int, boundary: Boundary) -> torch.Tensor:
    r"""Return a field on a grid ``factor`` times finer along one axis: what :func:`coarsened` takes apart.

    Points are cell centres as there. The Fourier series of the field, or of its mirror image continued evenly where the
    axis is not periodic, is evaluated at the fine points; the Nyquist number of the coarse grid is left out.

    Notes
    -----
    :math:`O(N \log N)` a line. The mirror image is even for Dirichlet edges too: a field that does not vanish there
    would ring in a series of sines.

    Examples
    --------
    >>> fine, coarse = (torch.sin(2 * torch.pi * (torch.arange(n) + 0.5) / n) for n in (8, 4))
    >>> bool(torch.allclose(refined(coarse, 2, 0, "periodic"), fine, atol=1e-6))
    True
    """
    if boundary != "periodic":
        whole = refined(torch.cat([field, field.flip(axis)], axis), factor, axis, "periodic")
        return whole.narrow(axis, 0, field.shape[axis] * factor)
    m = field.shape[axis]
    n = m * factor
    kept = (m + 1) // 2
    spectrum = torch.fft.rfft(field, dim=axis, norm="forward").narrow(axis, 0, kept)
    shift = torch.exp(1j * math.pi * torch.arange(kept, dtype=torch.float64) * (1 / n - 1 / m)).to(spectrum)
    shift = shift.reshape(-1, *[1] * (field.ndim - 1 - axis % field.ndim))
    fine: torch.Tensor = torch.fft.irfft(spectrum * shift, n=n, dim=axis, norm="forward")
    return fine


def extended_window(field: torch.Tensor, start: int, length: int, axis: int, boundary: Boundary) -> torch.Tensor:
    """Return ``length`` points from ``start`` on, which may lie outside: wrapped, or mirrored evenly or oddly.

    >>> extended_window(torch.arange(1.0, 5.0), -2, 4, 0, "periodic").tolist()
    [3.0, 4.0, 1.0, 2.0]
    >>> extended_window(torch.arange(1.0, 5.0), -2, 4, 0, "dirichlet").tolist()
    [-2.0, -1.0, 1.0, 2.0]
    """
    n = field.shape[axis]
    if start >= 0 and start + length <= n:
        return field.narrow(axis, start, length)
    at = torch.arange(start, start + length, device=field.device)
    if boundary == "periodic":
        return field.index_select(axis, at % n)
    at = at % (2 * n)
    outside = at >= n
    window = field.index_select(axis, torch.where(outside, 2 * n - 1 - at, at))
    if boundary != "dirichlet":
        return window
    sign = torch.where(outside, -1.0, 1.0).to(field.dtype)
    return window * sign.reshape(-1, *[1] * (field.ndim - 1 - axis % field.ndim))


class MultiGrid:
    r"""The decomposition of fields into :math:`2^L` patches an axis, each with :math:`L` coarser views round it.

    A patch has :math:`n = N / 2^L + 2p` points an axis. Its channels are, level by level, the patch itself with padding
    :math:`p`, then for :math:`l = 1 \dots L` the whole field coarsened :math:`2^l` times, seen through a window of
    :math:`n` points centred on the patch. Beyond an edge fields are wrapped (periodic), mirrored (Neumann, open)
    or mirrored with opposite sign (Dirichlet). Where ``N`` is no multiple of :math:`2^{2L+1}` the coarsest windows may
    sit half a coarse cell off the centre.

    Parameters
    ----------
    levels
        ``L``, from 0.
    padding
        ``p``: points on each side; one number, or one per axis.
    boundary
        One, or one per axis.

    Raises
    ------
    ValueError
        If a setting does not fit, or a field cannot be cut into equal patches.

    Notes
    -----
    The domain of one patch is :math:`(N/n)^d` times smaller than the whole, and so is the memory of a step that takes
    patches in sequence; all patches together hold :math:`2^{Ld} (n/N)^d` times the points.

    References
    ----------
    J. Kossaifi et al., Multi-grid tensorized Fourier neural operator for high-resolution PDEs, TMLR 2024, sec. 4.

    Examples
    --------
    >>> grid = MultiGrid(levels=1, padding=2, boundary="periodic")
    >>> field = torch.randn(3, 2, 16, 16)
    >>> tuple(grid.split(field).shape)
    (12, 4, 12, 12)
    >>> bool((grid.stitch(grid.split(field)[:, :2]) == field).all())
    True
    """

    def __init__(
        self, levels: int, padding: int | Sequence[int] = 0, boundary: Boundary | Sequence[Boundary] = "periodic"
    ):
        if int(levels) != levels or levels < 0:
            raise ValueError(f"levels is {levels!r}; accepted are whole numbers from 0")
        self.levels = int(levels)
        self.padding = tuple(padding) if isinstance(padding, Sequence) else (padding,)
        self.boundary = (boundary,) if isinstance(boundary, str) else tuple(boundary)
        for p in self.padding:
            if int(p) != p or p < 0:
                raise ValueError(f"padding is {p!r}; accepted are whole numbers of points from 0")
        for kind in self.boundary:
            if kind not in get_args(Boundary):
                raise ValueError(f"boundary {kind!r} is unknown; accepted are {', '.join(get_args(Boundary))}")

    def split(self, field: torch.Tensor) -> torch.Tensor:
        """Return all patches of a field (batch, channels, axes ...).

        They come as (batch * 2**(axes * levels), channels * (1 + levels), n ...).
        Patch follows patch, the last axis running fastest; within a patch, sample follows sample.
        """
        return torch.cat(list(self.patches(field)))

    def patches(self, field: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the patches of :meth:`split` one by one, each (batch, channels * (1 + levels), n ...)."""
        views = self.views(field)
        for corner in self.corners(field.ndim - 2):
            yield self.patch(views, corner)

    def views(self, field: torch.Tensor) -> list[torch.Tensor]:
        """Return the whole field and, level by level, what is left of it when it is coarsened."""
        _, boundary = self._per_axis(field)
        _check_divisible(field, self.levels)
        views = [field]
        for _ in range(self.levels):
            views.append(self._coarser(views[-1], boundary))
        return views

    def corners(self, axes: int) -> list[tuple[int, ...]]:
        """Return the number of each patch along each axis, in the order of :meth:`split`."""
        return list(product(range(2**self.levels), repeat=axes))

    def patch(self, views: Sequence[torch.Tensor], corner: Sequence[int]) -> torch.Tensor:
        """Return one patch, (batch, channels * (1 + levels), n ...), of the views of a field."""
        padding, _ = self._per_axis(views[0])
        return torch.cat([self._window(view, level, corner, padding) for level, view in enumerate(views)], dim=1)

    def origin(self, corner: Sequence[int], points: Sequence[int]) -> list[int]:
        """Return the number, along each axis, of the first point of a patch with its padding; it may lie outside.

        >>> MultiGrid(1, 2).origin((0, 1), (16, 16))
        [-2, 6]
        """
        spread = self.padding * (len(points) if len(self.padding) == 1 else 1)
        return [i * n // 2**self.levels - p for i, n, p in zip(corner, points, spread, strict=True)]

    def stitch(self, patches: torch.Tensor | Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the whole fields (batch, channels, axes ...) of patches in the order of :meth:`split`, padding cut."""
        joined: torch.Tensor = patches if isinstance(patches, torch.Tensor) else torch.cat(list(patches))
        axes = joined.ndim - 2
        padding, _ = self._per_axis(joined)
        count = 2**self.levels
        if joined.shape[0] % count**axes:
            raise ValueError(f"patches has {joined.shape[0]} entries; accepted is a multiple of {count**axes}")
        for a, p in enumerate(padding):
            joined = joined.narrow(2 + a, p, joined.shape[2 + a] - 2 * p)
        joined = joined.unflatten(0, (count,) * axes + (-1,))  # (patch per axis ..., batch, channels, points ...)
        order = [axes, axes + 1]
        for a in range(axes):
            order += [a, axes + 2 + a]
        joined = joined.permute(order)
        for a in range(axes):
            joined = joined.flatten(2 + a, 3 + a)
        return joined

    def _coarser(self, view: torch.Tensor, boundary: Sequence[Boundary]) -> torch.Tensor:
        for a, kind in enumerate(boundary):
            view = coarsened(view, 2, 2 + a, kind)
        return view

    def _window(self, view: torch.Tensor, level: int, corner: Sequence[int], padding: Sequence[int]) -> torch.Tensor:
        _, boundary = self._per_axis(view)
        for a, (i, p, kind) in enumerate(zip(corner, padding, boundary, strict=True)):
            size = view.shape[2 + a] * 2**level // 2**self.levels
            start = (2 * i + 1) * size // 2 ** (level + 1) - size // 2 - p
            view = extended_window(view, start, size + 2 * p, 2 + a, kind)
        return view

    def _per_axis(self, field: torch.Tensor) -> tuple[tuple[int, ...], tuple[Boundary, ...]]:
        axes = field.ndim - 2
        if axes not in (1, 2, 3):
            raise ValueError(f"field has shape {tuple(field.shape)}; accepted is (batch, channels, 1 to 3 axes)")
        spread = []
        for name, values in (("padding", self.padding), ("boundary", self.boundary)):
            if len(values) not in (1, axes):
                raise ValueError(f"{name} has {len(values)} entries for {axes} axes; give one, or one per axis")
            spread.append(values * (axes if len(values) == 1 else 1))
        return cast(tuple[tuple[int, ...], tuple[Boundary, ...]], tuple(spread))


def _check_divisible(field: torch.Tensor, levels: int) -> None:
    for n in field.shape[2:]:
        if n % 2**levels:
            raise ValueError(
                f"field has an axis of {n} points, which {levels} levels cannot halve evenly; "
                f"accepted are multiples of {2**levels}"
            )
