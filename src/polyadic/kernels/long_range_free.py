r"""The long range of the Coulomb potential of charges in free space, as a Tucker tensor of Chebyshev coefficients.

The charges are spread onto a grid of the box (`window_grid`). A kernel of bounded reach R and band K acts exactly as a
Fourier series of a period that exceeds the box by R, and an even kernel is diagonal in products of 1, cos, sin. So one
level is three matrix products from the grid to real Fourier coefficients, one multiplication by the kernel, and three
products onto a basis of Chebyshev series. 1/r itself has no bounded reach. It is cut off beyond the diagonal of the box
(Vico, Greengard and Ferrando 2016), and where that would make the period long beside the band, a second, smooth level
of its own low band takes the far field (as in Jiang and Greengard 2023).
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import chebyshev, window_grid
from polyadic.kernels.coulomb_splitting import Splitting, with_cutoff
from polyadic.kernels.window_grid import Window, window

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Level:
    """A kernel by its Fourier transform: its band in 1/length, its reach in units of length."""

    band: float
    reach: float
    transform: Callable[[Array], Array]

    def count(self, lengths: Array) -> Array:
        """Return the highest harmonic along each axis of a box."""
        return np.floor(self.band * (lengths + self.reach) / (2 * np.pi)).astype(int)


def levels(splitting: Splitting, lengths: Array, tolerance: float) -> tuple[Level, ...]:
    """Return one level, or two where two have fewer harmonics.

    Parameters
    ----------
    splitting
        Whose long range is wanted.
    lengths
        Edges of the box, in units of length, shape (3,).
    tolerance
        Relative size of what the second splitting cuts off.
    """
    best: tuple[Level, ...] = (_truncated(splitting, lengths),)
    for share in (0.5, 0.35, 0.25, 0.17, 0.12):
        far = with_cutoff(share * float(np.linalg.norm(lengths)), tolerance)
        if far.cutoff > splitting.cutoff:
            two = (_difference(splitting, far), _truncated(far, lengths))
            if _harmonics(two, lengths) < _harmonics(best, lengths):
                best = two
    return best


def _harmonics(found: Sequence[Level], lengths: Array) -> float:
    return float(sum(np.prod(2.0 * level.count(lengths) + 1) for level in found))


def _truncated(splitting: Splitting, lengths: Array) -> Level:
    radius = float(np.linalg.norm(lengths)) * 1.001 + splitting.cutoff

    def transform(k: Array) -> Array:
        return np.asarray(2 * np.pi * radius**2 * splitting.multiplier(k) * np.sinc(k * radius / (2 * np.pi)) ** 2)

    return Level(splitting.band, radius + splitting.cutoff, transform)


def _difference(near: Splitting, far: Splitting) -> Level:
    at_zero = far.background - near.background

    def transform(k: Array) -> Array:
        square = np.maximum(k * k, 1e-300)
        far_part = np.where(k <= far.band, far.multiplier(np.minimum(k, far.band)), 0.0)
        ratio = 4 * np.pi * (near.multiplier(k) - far_part) / square
        return np.where(k * far.cutoff > 1e-4, ratio, at_zero)

    return Level(near.band, max(near.cutoff, far.cutoff), transform)


def wave_basis(x: Array, count: int, period: float) -> Array:
    """Return 1, cos, sin, cos 2, ... of the period at x, shape (2 count + 1, len(x))."""
    angle = np.outer(np.arange(1, count + 1) * (2 * np.pi / period), x)
    out = np.ones((2 * count + 1, len(x)))
    out[1::2], out[2::2] = np.cos(angle), np.sin(angle)
    return out


def product(tensor: Array, matrices: Sequence[Array]) -> Array:
    """Return a tensor of three modes times one matrix a mode, (a, b, c) by (A, a), (B, b), (C, c) to (A, B, C).

    Three products of matrices, none of which copies the tensor.
    """
    first, second, third = matrices
    out = first @ np.ascontiguousarray(tensor).reshape(len(tensor), -1)
    out = np.matmul(second, out.reshape(len(first), *tensor.shape[1:]))
    out = out.reshape(-1, tensor.shape[2]) @ third.T
    return np.asarray(out.reshape(len(first), len(second), len(third)))


def build(
    points: Array, charges: Array, box: tuple[Array, Array], splitting: Splitting, tolerances: tuple[float, float]
) -> tuple[Array, list[Array]]:
    """Return core and Chebyshev coefficients of the long-range potential in a box.

    Parameters
    ----------
    points, charges
        Shape (3, n), inside the box, sorted in space; shape (n,).
    box
        Lowest and highest corner, in units of length.
    splitting
        The long range.
    tolerances
        Relative tolerance of the window, and the absolute one of the coefficients' Frobenius norm (charge/length).

    Returns
    -------
    core (r1, r2, r3), and per axis coefficients (degrees, rank), orthonormal up to the tolerance.
    """
    low, high = box
    lengths, centre = high - low, (low + high) / 2
    by, step = _gridding(len(charges), splitting.band, lengths, tolerances[0])
    steps = np.full(3, step)
    grid = window_grid.spread(points, charges, low, steps, high, by)
    axes = [low[d] - centre[d] + (np.arange(grid.shape[d]) - window_grid.margin(by.width)) * step for d in range(3)]
    parts = []
    for level in levels(splitting, lengths, tolerances[0]):
        count, period = level.count(lengths), lengths + level.reach
        k = [np.repeat(np.arange(n + 1), 2)[1:] * 2 * np.pi / p for n, p in zip(count, period, strict=True)]
        to_waves = [wave_basis(axes[d], count[d], period[d]) / by.transform(k[d] * step)[:, None] for d in range(3)]
        waves = product(grid, to_waves)
        _multiply(waves, k, period, level.transform)
        degree = [_degree(float(k[d][-1] * lengths[d] / 2)) for d in range(3)]
        nodes = [chebyshev.points(degree[d]) * lengths[d] / 2 for d in range(3)]
        series = [chebyshev.coefficients(wave_basis(nodes[d], count[d], period[d]).T) for d in range(3)]
        parts.append((waves, series))
    return _compressed(parts, tolerances[1])


def _gridding(particles: int, band: float, lengths: Array, tolerance: float) -> tuple[Window, float]:
    """Return the window and the step of least cost: a wide window on a coarse grid, or the converse."""
    found = []
    for oversampling in (1.3, 1.6, 2.0):
        by = window(tolerance, oversampling)
        step = float(np.pi / (oversampling * band))
        if by.width < window_grid.WIDEST or oversampling == 2.0:
            points = float(np.prod([window_grid.size(length, step, by.width) for length in lengths]))
            waves = 2 * band * float(lengths.max()) * 1.5 / np.pi
            found.append((particles * (by.table.shape[1] * by.width**2 * 0.3 + 60) + points * waves / 15, by, step))
    _, by, step = min(found, key=lambda one: one[0])
    return by, step


def _multiply(waves: Array, k: Sequence[Array], period: Array, transform: Callable[[Array], Array]) -> None:
    """Multiply real Fourier coefficients by the kernel, in place."""
    twice = [np.where(one > 0, 2.0, 1.0) / p for one, p in zip(k, period, strict=True)]
    plane = k[1][:, None] ** 2 + k[2] ** 2
    weight = twice[1][:, None] * twice[2]
    # Pairs cos, sin share their wave number: every other plane and line is enough for the kernel.
    rows, columns = np.arange(len(k[1])) // 2 + np.arange(len(k[1])) % 2, (np.arange(len(k[2])) + 1) // 2
    small = plane[np.r_[0, 1 : len(k[1]) : 2]][:, np.r_[0, 1 : len(k[2]) : 2]]
    factor = weight
    for i in range(len(k[0])):
        if i == 0 or i % 2 == 1:
            factor = transform(np.sqrt(k[0][i] ** 2 + small))[rows][:, columns] * weight * twice[0][i]
        waves[i] *= factor


def _degree(argument: float) -> int:
    """Return how many Chebyshev coefficients a wave of so many radians over half the box needs."""
    return int(np.ceil(argument + 12 * max(argument, 1.0) ** (1 / 3) + 14))


def _compressed(parts: Sequence[tuple[Array, list[Array]]], tolerance: float) -> tuple[Array, list[Array]]:
    """Return the sum of Tucker tensors in one orthonormal basis a mode, weighted by what the tensors hold."""
    bases = []
    for d in range(3):
        columns = []
        height = max(len(series[d]) for _, series in parts)
        for waves, series in parts:
            norms = np.sqrt(np.einsum("ij,ij->i", *[np.moveaxis(waves, d, 0).reshape(waves.shape[d], -1)] * 2))
            columns.append(np.pad(series[d] * norms, ((0, height - len(series[d])), (0, 0))))
        left, singular, _ = np.linalg.svd(np.hstack(columns), full_matrices=False)
        tail = np.sqrt(np.cumsum(singular[::-1] ** 2))[::-1]
        bases.append(left[:, : max(1, int(np.count_nonzero(tail > tolerance / 10)))])
    core: Array = np.zeros([b.shape[1] for b in bases])
    for waves, series in parts:
        core = core + product(waves, [bases[d][: len(series[d])].T @ series[d] for d in range(3)])
    return core, [_trimmed(core, d, basis, tolerance / 30) for d, basis in enumerate(bases)]


def _trimmed(core: Array, mode: int, basis: Array, tolerance: float) -> Array:
    """Return the coefficients of a mode without those of the highest degrees, up to a Frobenius norm in all."""
    rows = np.moveaxis(core, mode, 0).reshape(core.shape[mode], -1)
    size = np.einsum("ij,jk,ik->i", basis, rows @ rows.T, basis, optimize=True)
    tail = np.sqrt(np.maximum(np.cumsum(size[::-1])[::-1], 0.0))
    return basis[: max(int(np.count_nonzero(tail > tolerance)), basis.shape[1])]
