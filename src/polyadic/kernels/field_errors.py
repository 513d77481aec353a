r"""Relative errors of fields and of their gradients, with differences that know the boundary."""

from collections.abc import Sequence

import torch

from polyadic.kernels.truncated_transform import Boundary, Grid, Transform

__all__ = ["gradient", "relative_h1", "relative_l2", "resampled"]


def relative_l2(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    r"""Return :math:`\|p - y\| / \|y\|` of each sample, fields (sample, channel, axes ...).

    >>> relative_l2(torch.ones(1, 1, 4), 2 * torch.ones(1, 1, 4)).tolist()
    [0.5]
    """
    size = truth.flatten(1).norm(dim=1).clamp_min(1e-30)
    error: torch.Tensor = (prediction - truth).flatten(1).norm(dim=1) / size
    return error


def relative_h1(
    prediction: torch.Tensor,
    truth: torch.Tensor,
    boundary: Sequence[Boundary],
    grid: Sequence[Grid],
    lengths: Sequence[float] = (),
) -> torch.Tensor:
    r"""Return :math:`\sqrt{(\|e\|^2 + \|\nabla e\|^2) / (\|y\|^2 + \|\nabla y\|^2)}` of each sample.

    Parameters
    ----------
    prediction, truth
        Fields (sample, channel, axes ...); :math:`e` is their difference.
    boundary, grid
        One an axis, as in `truncated_transform.Transform`.
    lengths
        Lengths of the domain; default 1.

    Examples
    --------
    >>> truth = torch.sin(2 * torch.pi * torch.arange(8) / 8)[None, None]
    >>> relative_h1(0 * truth, truth, ["periodic"], ["both"]).tolist()
    [1.0]
    """
    error = prediction - truth
    above, below = error.flatten(1).square().sum(1), truth.flatten(1).square().sum(1)
    for axis, (kind, where) in enumerate(zip(boundary, grid, strict=True)):
        length = lengths[axis] if lengths else 1.0
        above = above + gradient(error, axis, kind, where, length).flatten(1).square().sum(1)
        below = below + gradient(truth, axis, kind, where, length).flatten(1).square().sum(1)
    return (above / below.clamp_min(1e-30)).sqrt()


def gradient(field: torch.Tensor, axis: int, boundary: Boundary, grid: Grid, length: float = 1.0) -> torch.Tensor:
    r"""Return the derivative along one axis of space by central differences, one-sided at ends that say nothing.

    Beyond the ends a periodic field is wrapped, a Neumann field mirrored, a Dirichlet field zero at the end node that
    the grid leaves out, or mirrored with opposite sign about an end between points.

    Examples
    --------
    >>> ramp = torch.linspace(0, 1, 5)[None, None]
    >>> gradient(ramp, 0, "open", "both").tolist()
    [[[1.0, 1.0, 1.0, 1.0, 1.0]]]
    """
    at = axis + 2
    n = field.shape[at]
    low, high = _ghosts(field, at, boundary, grid)
    extended = torch.cat([low, field, high], at)
    closed = boundary == "periodic" or grid != "both"
    step = length / (n if closed else max(n - 1, 1))
    return (extended.narrow(at, 2, n) - extended.narrow(at, 0, n)) / (2 * step)


def _ghosts(field: torch.Tensor, at: int, boundary: Boundary, grid: Grid) -> tuple[torch.Tensor, torch.Tensor]:
    n = field.shape[at]

    def value(i: int) -> torch.Tensor:
        return field.narrow(at, i % n, 1)

    if boundary == "periodic":
        return value(-1), value(0)
    if boundary == "neumann":
        return (value(0), value(-1)) if grid == "centre" else (value(1), value(-2))
    if boundary == "dirichlet" and grid == "centre":
        return -value(0), -value(-1)
    high = 0 * value(-1) if boundary == "dirichlet" and grid == "left" else 2 * value(-1) - value(-2)
    return 2 * value(0) - value(1), high


def resampled(
    field: torch.Tensor, points: Sequence[int], boundary: Sequence[Boundary], grid: Sequence[Grid]
) -> torch.Tensor:
    """Return fields (sample, channel, axes ...) on another number of points, by the series that fits each axis.

    Fourier along periodic axes, sines along Dirichlet, cosines along Neumann ones: exact for fields that the coarser
    grid resolves. Open axes take the padded series.

    Examples
    --------
    >>> coarse, fine = (torch.sin(torch.pi * torch.arange(n) / n)[None, None] for n in (4, 8))
    >>> bool(torch.allclose(resampled(coarse, [8], ["dirichlet"], ["left"]), fine, atol=1e-6))
    True
    """
    transform = Transform(field.shape[2:], boundary, grid)
    columns = field.movedim((0, 1), (-2, -1)).flatten(-2)
    out = transform.synthesis(transform.analysis(columns), tuple(points))
    result: torch.Tensor = out.unflatten(-1, field.shape[:2]).movedim((-2, -1), (0, 1)).contiguous()
    return result
