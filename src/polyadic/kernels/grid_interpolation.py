"""Values on uniform grids, whole or in canonical form, turned into Chebyshev coefficients and Tucker cores."""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.special
from numpy.typing import NDArray

from polyadic.kernels import chebyshev, tucker_compression
from polyadic.kernels.series_length import series_length

Array = NDArray[np.float64]

_BLOCK = 8
_NOISE = 1e-9  # share of the largest coefficient above which a flat tail is an unresolved function, not noise


def interpolation_matrix(grid: Array, targets: Array, order: int = 13) -> scipy.sparse.csr_array:
    """Return the sparse ``(targets, grid)`` matrix of local Lagrange interpolation of a degree.

    Every target takes the ``order + 1`` nearest points of the rising grid; beyond the outer points, by up to half a
    cell, the end polynomial goes on. Never least squares: they oscillate between the grid points at the ends.
    Barycentric formula (Berrut and Trefethen 2004), with weights by binomials where the grid is uniform.

    Examples
    --------
    >>> grid = np.linspace(0, 1, 20)
    >>> m = interpolation_matrix(grid, np.array([0.33]), 3)
    >>> bool(np.isclose((m @ grid**3)[0], 0.33**3))
    True
    """
    n, width = len(grid), min(order + 1, len(grid))
    step = (grid[-1] - grid[0]) / max(n - 1, 1) or 1.0
    nodes = np.arange(width)
    if np.abs(np.diff(grid) - step).max(initial=0.0) <= 1e-6 * abs(step):
        position = (targets - grid[0]) / step
        first = np.clip(np.round(position - (width - 1) / 2).astype(int), 0, n - width)
        distance = position[:, None] - (first[:, None] + nodes)
        weights = np.broadcast_to((-1.0) ** nodes * scipy.special.binom(width - 1, nodes), distance.shape)
    else:
        if (np.diff(grid) <= 0).any():
            raise ValueError("the grid must rise")
        middle = (grid[: n - width + 1] + grid[width - 1 :]) / 2
        first = np.clip(np.searchsorted((middle[1:] + middle[:-1]) / 2, targets), 0, n - width)
        near = grid[first[:, None] + nodes]
        distance = (targets[:, None] - near) / step
        gaps = (near[:, :, None] - near[:, None, :]) / step + np.eye(width)
        weights = 1.0 / np.prod(gaps, axis=2)
    exact = distance == 0
    ratios = weights / np.where(exact, 1.0, distance)
    ratios[exact.any(axis=1)] = 0
    ratios[exact] = 1
    ratios /= ratios.sum(axis=1, keepdims=True)
    columns = first[:, None] + nodes
    starts = np.arange(0, width * len(targets) + 1, width)
    return scipy.sparse.csr_array((ratios.ravel(), columns.ravel(), starts), shape=(len(targets), n))


def to_coefficients(
    samples: Array,
    grid: Array,
    interval: tuple[float, float],
    tolerance: float,
    degree: int | None = None,
    order: int = 13,
) -> Array:
    """Return Chebyshev coefficients ``(m, columns)`` of columns ``(n, columns)`` given on a grid.

    Local interpolation of degree ``order`` to Chebyshev points, then `series`.
    """
    scale = float(np.abs(samples).max(initial=0.0))
    return series(
        lambda x: np.asarray(interpolation_matrix(grid, x, order) @ samples),
        interval,
        tolerance * scale,
        degree,
        4 * len(grid),
    )


def series(
    columns: Callable[[Array], Array],
    interval: tuple[float, float],
    threshold: float,
    degree: int | None = None,
    most: int = 2**15,
) -> Array:
    """Return Chebyshev coefficients ``(m, columns)`` of functions of one variable.

    Parameters
    ----------
    columns
        Values ``(len(x), columns)`` at coordinates.
    interval
        The domain.
    threshold
        Accepted error, absolute.
    degree
        The degree; None: points double until the coefficients fall below the threshold, or end in a flat tail of
        noise, as data and their interpolation have it: then the series ends where the tail begins.
    most
        Points beyond which they do not double.

    Examples
    --------
    >>> 10 < len(series(lambda x: np.exp(x)[:, None], (-1, 1), 1e-10)) < 14
    True
    """
    low, high = interval
    m = 33 if degree is None else degree + 1
    while True:
        c = chebyshev.coefficients(columns(low + (high - low) * (chebyshev.points(m) + 1) / 2))
        if degree is not None:
            return c
        length = series_length(c, threshold)
        if length.resolved:
            return c[: length.length]
        flat = _before_noise(np.abs(c).max(axis=1))
        if flat < m // 2 or 2 * m > most:
            return c[:flat]
        m = chebyshev.nested(m)


def _before_noise(size: Array) -> int:
    """Return where a flat tail of noise begins, or the whole length if the last half still falls."""
    n = len(size)
    middle, end = np.median(size[n // 2 : 3 * n // 4]), np.median(size[3 * n // 4 :])
    level = float(np.median(size[n // 2 :]))
    if middle > 3 * end or level > _NOISE * size.max(initial=0.0):
        return n
    medians = np.median(size[: n // _BLOCK * _BLOCK].reshape(-1, _BLOCK), axis=1)  # single peaks of noise do not count
    return min(n, (int(np.flatnonzero(medians > 3 * level).max(initial=0)) + 2) * _BLOCK)


def cp_to_tucker(weights: Array, factors: Sequence[Array], tolerance: float) -> tuple[Array, list[Array]]:
    r"""Return core and orthonormal factors of a sum of rank-one terms.

    Reduced higher-order SVD: the factor of mode k are the left singular vectors of its columns, each times the norm
    of its whole term :math:`|\lambda_l| \prod_j \|a^{(j)}_l\|`; so the truncation, ``tolerance`` of the norm of the
    sum, is relative and weighs terms as they enter. The core is summed term by term and truncated again.

    Parameters
    ----------
    weights
        ``(R,)``.
    factors
        Per mode ``(m_k, R)``.
    tolerance
        Relative, in the Frobenius norm.

    Examples
    --------
    >>> core, factors = cp_to_tucker(np.ones(2), [np.ones((3, 2)), np.ones((4, 2))], 1e-12)
    >>> core.shape, bool(np.isclose(np.abs(core).max(), 2 * 12**0.5))
    ((1, 1), True)
    """
    norms = [np.linalg.norm(a, axis=0) for a in factors]
    units = [a / np.where(n > 0, n, 1.0) for a, n in zip(factors, norms, strict=True)]
    size = weights * np.prod(norms, axis=0)
    gram = np.prod([u.T @ u for u in units], axis=0)
    norm = float(np.sqrt(max(size @ gram @ size, 0.0))) or 1.0
    spans = []
    for u in units:
        q, r, _ = scipy.linalg.qr(u * np.abs(size), mode="economic", pivoting=True, check_finite=False)
        tails = np.linalg.norm(r, axis=1)
        spans.append(q[:, : tucker_compression.rank_within(tails, 0.01 * tolerance * norm)])
    rows = [q.T @ u for q, u in zip(spans, units, strict=True)]
    product = rows[-1]
    for row in rows[-2:0:-1]:
        product = (row[:, None] * product[None]).reshape(-1, len(size))
    core = ((rows[0] * size) @ product.T).reshape([len(row) for row in rows])
    core, inner = tucker_compression.hosvd(core, tolerance * norm)
    return core, [q @ u for q, u in zip(spans, inner, strict=True)]
