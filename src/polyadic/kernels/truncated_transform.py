r"""Truncated Fourier, sine and cosine transforms of gridded fields as real matrix products.

A spectral layer keeps few modes of a fine grid. Two real matrices an axis then do less work than a fast transform: a
complex transform kept to :math:`K` modes costs :math:`4K` flops a point at the rate of a matrix product, whatever the
length of the axis, and it needs no copy. Fields lie as (axis 1, ..., axis d, columns); batch and channels are columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeVar, get_args

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Boundary", "Grid", "Retained", "Transform", "axis_matrices", "mode_numbers"]

Boundary = Literal["periodic", "dirichlet", "neumann", "open"]
Grid = Literal["both", "left", "centre"]
Retained = Literal["symmetric", "one-sided"]
Matrix = NDArray[np.floating]
T = TypeVar("T", bound=str)

OPEN_PADDING = 0.25


def mode_numbers(modes: int, boundary: Boundary, half: bool, retained: Retained = "symmetric") -> NDArray[np.int64]:
    r"""Return the wave numbers that an axis keeps, in the order of its weights.

    Parameters
    ----------
    modes
        ``K``: an axis that is not periodic keeps ``K`` modes; a periodic one the reflection-symmetric set
        :math:`|k| \le \lfloor K/2 \rfloor`, so that both hold waves down to the same length.
    boundary
        ``periodic`` and ``open`` (periodic after padding) take :math:`e^{2 \pi i k x}`, ``dirichlet``
        :math:`\sin \pi k x`, ``neumann`` :math:`\cos \pi k x`, on a domain of length one.
    half
        Whether the axis is the one whose negative wave numbers follow from the field being real.
    retained
        ``one-sided`` keeps :math:`-K/2, \dots, K/2 - 1`, as spectral layers in use do: not symmetric, so that
        the layer with unit weights is no low-pass filter.

    Examples
    --------
    >>> mode_numbers(4, "periodic", half=False), mode_numbers(4, "periodic", half=True)
    (array([-2, -1,  0,  1,  2]), array([0, 1, 2]))
    >>> mode_numbers(3, "dirichlet", half=False)
    array([1, 2, 3])
    """
    if boundary == "dirichlet":
        return np.arange(1, modes + 1)
    if boundary == "neumann":
        return np.arange(modes)
    if half:
        return np.arange(modes // 2 + 1)
    if retained == "one-sided":
        return np.arange(modes) - modes // 2
    return np.arange(-(modes // 2), modes // 2 + 1)


@dataclass(frozen=True)
class Axis:
    """What a transform does along one axis: see :func:`mode_numbers`; ``grid`` as in :class:`Transform`."""

    boundary: Boundary
    modes: int
    grid: Grid
    half: bool
    retained: Retained

    @property
    def complex(self) -> bool:
        """Whether the coefficients along the axis are complex."""
        return self.boundary in ("periodic", "open")

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The wave numbers kept."""
        return mode_numbers(self.modes, self.boundary, self.half, self.retained)


@lru_cache(maxsize=256)
def axis_matrices(axis: Axis, n: int) -> tuple[Matrix, Matrix]:
    r"""Return the analysis and synthesis matrices of one axis of ``n`` points.

    Modes that the grid does not resolve get zero rows, so one set of weights serves every resolution. At the Nyquist
    number of an even periodic axis the two wave numbers :math:`\pm n/2` are one: each carries half, and real fields
    stay real.

    Returns
    -------
    analysis, synthesis
        Real axes: (modes, n) and (n, modes). The half axis: (2 modes, n) and (n, 2 modes), real parts first.
        Other complex axes: (2 modes, 2 n) and (2 n, 2 modes), rows and columns of points with the part running
        faster, those of modes with the part running slower: the order in which neighbouring axes meet.

    Raises
    ------
    ValueError
        If the axis has fewer points than the grid needs.
    """
    if axis.boundary == "dirichlet":
        return _sine(axis, n)
    if axis.boundary == "neumann":
        return _cosine(axis, n)
    padding = round(OPEN_PADDING * n) if axis.boundary == "open" else 0
    analysis, synthesis = _fourier(axis.numbers, n + padding, axis.half)
    if padding:
        analysis, synthesis = analysis @ _extension(n, padding), synthesis[:n]
    if axis.half:
        return np.concatenate([analysis.real, analysis.imag]), np.concatenate([synthesis.real, -synthesis.imag], axis=1)
    return _interleaved(analysis, points_last=True), _interleaved(synthesis, points_last=False)


def _fourier(numbers: NDArray[np.int64], n: int, half: bool) -> tuple[NDArray[np.complexfloating], ...]:
    phase = np.exp(-2j * np.pi * (np.outer(numbers, np.arange(n)) % n) / n)
    present = (np.abs(numbers) <= n // 2).astype(float)
    nyquist = (n % 2 == 0) & (np.abs(numbers) == n // 2)
    if half:
        analysis = present / n
        synthesis = present * np.where((numbers == 0) | nyquist, 1.0, 2.0)
    else:
        twins = nyquist & np.isin(-numbers, numbers) & (numbers != 0)
        analysis = present * np.where(twins, 0.5, 1.0) / n
        synthesis = present
    return analysis[:, None] * phase, synthesis * phase.conj().T


def _extension(n: int, padding: int) -> Matrix:
    """Return (n + padding, n): values, then a smooth bridge from the mirrored last ones to the mirrored first ones."""
    j = np.arange(padding)
    blend = np.sin(np.pi / 2 * (j + 0.5) / padding) ** 2
    bridge = np.zeros((padding, n))
    bridge[j, np.maximum(n - 1 - j, 0)] += 1 - blend
    bridge[j, np.minimum(padding - 1 - j, n - 1)] += blend
    return np.concatenate([np.eye(n), bridge])


def _interleaved(matrix: NDArray[np.complexfloating], points_last: bool) -> Matrix:
    """Return the real matrix of a complex one: points (point, part), modes (part, mode)."""
    parts = np.array([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])  # (part out, part in, row, column)
    rows, columns = matrix.shape
    order = (0, 2, 3, 1) if points_last else (2, 0, 1, 3)
    return parts.transpose(order).reshape(2 * rows, 2 * columns)


def _sine(axis: Axis, n: int) -> tuple[Matrix, Matrix]:
    intervals, points = _intervals(axis, n)
    top = intervals if axis.grid == "centre" else intervals - 1
    basis = np.sin(np.pi * np.outer(points, axis.numbers) / intervals) * (axis.numbers <= top)
    weight = np.where(axis.numbers == intervals, 1.0, 2.0) / intervals
    return (basis * weight).T.copy(), basis


def _cosine(axis: Axis, n: int) -> tuple[Matrix, Matrix]:
    intervals, points = _intervals(axis, n)
    top = intervals - 1 if axis.grid == "centre" else intervals
    basis = np.cos(np.pi * np.outer(points, axis.numbers) / intervals) * (axis.numbers <= top)
    weight = np.where((axis.numbers == 0) | (axis.numbers == intervals), 1.0, 2.0) / intervals
    ends = np.ones(n)
    if axis.grid == "both":
        ends[[0, -1]] = 0.5
    return (basis * weight * ends[:, None]).T.copy(), basis


def _intervals(axis: Axis, n: int) -> tuple[int, Matrix]:
    intervals = n - 1 if axis.grid == "both" else n
    if intervals < 1:
        raise ValueError(f"a {axis.boundary} axis needs at least 2 points on the grid 'both', found {n}")
    return intervals, np.arange(n) + (0.5 if axis.grid == "centre" else 0.0)


class Transform:
    r"""The truncated transform of fields in one to three dimensions, and its adjoint partner, the synthesis.

    :math:`\hat v_k = \frac{1}{N} \sum_n v_n e^{-2 \pi i k n / N}` along periodic axes, the sine or cosine series
    along the others; the synthesis after the analysis is the exact low-pass filter onto the kept modes.

    Parameters
    ----------
    modes
        Modes per axis.
    boundary
        One per axis, or one for all.
    grid
        Where the points of axes that are not periodic lie: ``both`` ends included, the ``left`` one only, or cell
        ``centre``. (``left`` serves sines only: a cosine series needs its last node.)
    retained
        As in :func:`mode_numbers`.

    Raises
    ------
    ValueError
        If a setting is unknown, or ``left`` meets a Neumann axis.

    Notes
    -----
    Axes are taken one after another, real ones first: each is one batched real matrix product on contiguous memory.

    Examples
    --------
    >>> transform = Transform((4, 4), "periodic")
    >>> field = torch.ones(8, 8, 1)
    >>> spectrum = transform.analysis(field)
    >>> tuple(spectrum.shape)  # part, ky, kx, columns
    (2, 5, 3, 1)
    >>> bool(torch.allclose(transform.synthesis(spectrum, (8, 8)), field))
    True
    """

    def __init__(
        self,
        modes: Sequence[int],
        boundary: Boundary | Sequence[Boundary] = "periodic",
        grid: Grid | Sequence[Grid] = "both",
        retained: Retained = "symmetric",
    ):
        boundaries = _per_axis("boundary", boundary, len(modes), get_args(Boundary))
        grids = _per_axis("grid", grid, len(modes), get_args(Grid))
        _check_modes(modes)
        last = max((a for a, kind in enumerate(boundaries) if kind in ("periodic", "open")), default=-1)
        self.axes = tuple(
            Axis(kind, int(k), where, a == last, retained)
            for a, (kind, k, where) in enumerate(zip(boundaries, modes, grids, strict=True))
        )
        if any(axis.boundary == "neumann" and axis.grid == "left" for axis in self.axes):
            raise ValueError("grid 'left' has no last node, which boundary 'neumann' needs; accepted are both, centre")
        self.complex = last >= 0
        self._shape = tuple(len(axis.numbers) for axis in self.axes)
        real = [a for a, axis in enumerate(self.axes) if not axis.complex]
        self._order = (*real, *(a for a in reversed(range(len(self.axes))) if self.axes[a].complex))
        self._cache: dict[tuple[object, ...], tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of kept modes per axis."""
        return self._shape

    @property
    def coefficients(self) -> int:
        """Real numbers per channel in the spectrum."""
        return _size(self.shape) * (2 if self.complex else 1)

    def flops(self, points: Sequence[int]) -> int:
        """Return the flops of one analysis of one channel."""
        sizes, total = list(points), 0
        for a in self._order:
            rows = self.shape[a] * (2 if self.axes[a].complex else 1)
            total += 2 * rows * _size(sizes)
            sizes[a] = self.shape[a] * (2 if self.axes[a].half else 1)
        return total

    def analysis(self, field: torch.Tensor, adjoint: bool = False) -> torch.Tensor:
        """Return the coefficients, ([2,] modes ..., columns), of a field (points ..., columns).

        With ``adjoint`` the transpose of the synthesis is applied instead, which takes a gradient back through it.
        """
        part = -1  # position of the axis of real and imaginary parts, once there is one
        for a in self._order:
            axis = self.axes[a]
            pair = self._matrices(a, field.shape[a], field)
            left = pair[1].T if adjoint else pair[0]
            if axis.complex and not axis.half:
                field, part = _beside(field, part, a + 1), a
                field = _product(left, field, a, 2).unflatten(a, (2, -1))
            else:
                field = _product(left, field, a, 1)
                if axis.half:
                    field, part = field.unflatten(a, (2, -1)), a
        return _beside(field, part, 0) if self.complex else field

    def synthesis(
        self,
        spectrum: torch.Tensor,
        points: Sequence[int],
        rows: tuple[int, int] | None = None,
        adjoint: bool = False,
    ) -> torch.Tensor:
        """Return the field (points ..., columns) of coefficients ([2,] modes ..., columns).

        With ``rows`` only the points from a first one to one before the second are made along the first axis. With
        ``adjoint`` the transpose of the analysis is applied instead.
        """
        part = 0 if self.complex else -1
        first, stop = rows or (0, points[0])
        for a in reversed(self._order):
            axis = self.axes[a]
            pair, count = self._matrices(a, points[a], spectrum), points[a]
            right = pair[0].T if adjoint else pair[1]
            if a == 0 and rows is not None:
                parts = 2 if axis.complex and not axis.half else 1  # of each point, in neighbouring rows
                right, count = right[parts * first : parts * stop], stop - first
            if not axis.complex:
                spectrum = _product(right, spectrum, a, 1)
                continue
            spectrum = _beside(spectrum, part, a)
            spectrum = _product(right, spectrum, a, 2)
            if not axis.half:
                spectrum, part = spectrum.unflatten(a, (count, 2)), a + 1
        return spectrum

    def _matrices(self, a: int, n: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        key = (a, n, like.dtype, like.device)
        if key not in self._cache:
            pair = axis_matrices(self.axes[a], n)
            self._cache[key] = tuple(torch.as_tensor(m).to(like) for m in pair)  # type: ignore[assignment]
        return self._cache[key]


def _product(matrix: torch.Tensor, field: torch.Tensor, at: int, width: int) -> torch.Tensor:
    """Return the field with ``width`` axes from ``at`` on contracted with the columns of a matrix into one axis."""
    shape = field.shape
    before, after = shape[:at], shape[at + width :]
    flat = field.reshape(_size(before), matrix.shape[1], _size(after))
    return torch.matmul(matrix, flat).reshape(*before, matrix.shape[0], *after)


def _beside(field: torch.Tensor, source: int, target: int) -> torch.Tensor:
    return field if source == target else field.movedim(source, target)


def _size(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def _per_axis(name: str, value: T | Sequence[T], count: int, accepted: tuple[T, ...]) -> tuple[T, ...]:
    values: tuple[T, ...] = (value,) * count if isinstance(value, str) else tuple(value)
    if len(values) != count:
        raise ValueError(f"{name} has {len(values)} entries for {count} axes; give one, or one per axis")
    for entry in values:
        if entry not in accepted:
            raise ValueError(f"{name} {entry!r} is unknown; accepted are {', '.join(accepted)}")
    return values


def _check_modes(modes: Sequence[int]) -> None:
    if not 1 <= len(modes) <= 3:
        raise ValueError(f"n_modes has {len(modes)} entries; accepted are 1 to 3, one per axis of space")
    for k in modes:
        if int(k) != k or k < 1:
            raise ValueError(f"n_modes has the entry {k}; accepted are whole numbers from 1")
