r"""Tucker tensors made smaller: higher-order SVD, its refinement by orthogonal iteration, orthonormal factors.

De Lathauwer, De Moor, Vandewalle, *SIAM J. Matrix Anal. Appl.* 21 (2000), 1253 and 1324.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mode_product(tensor: Array, matrix: Array, mode: int) -> Array:
    """Return the tensor with ``matrix`` (new, old) applied along one mode.

    Examples
    --------
    >>> mode_product(np.ones((2, 3)), np.ones((4, 3)), 1).shape
    (2, 4)
    """
    return np.moveaxis(np.tensordot(matrix, tensor, (1, mode)), 0, mode)


def multiply(tensor: Array, matrices: Sequence[NDArray[Any] | None]) -> Array:
    """Return the tensor with one matrix (new, old) applied along every mode, the strongest reduction first.

    Examples
    --------
    >>> multiply(np.ones((2, 3)), [np.ones((5, 2)), None]).shape
    (5, 3)
    """
    given = {mode: matrix for mode, matrix in enumerate(matrices) if matrix is not None}
    for mode in sorted(given, key=lambda k: given[k].shape[0] / given[k].shape[1]):
        tensor = mode_product(tensor, given[mode], mode)
    return tensor


def unfold(tensor: Array, mode: int) -> Array:
    """Return the matrix whose rows run along one mode."""
    return np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)


def rank_within(singular_values: Array, tolerance: float) -> int:
    r"""Return the smallest rank, at least 1, whose discarded singular values have a norm of at most ``tolerance``.

    Examples
    --------
    >>> rank_within(np.array([3.0, 0.4, 0.3]), 0.5), rank_within(np.array([3.0, 0.4, 0.3]), 0.1)
    (1, 3)
    """
    tails = np.sqrt(np.cumsum(np.square(singular_values[::-1])))[::-1]
    return max(1, int(np.count_nonzero(tails > tolerance)))


def left_vectors(matrix: NDArray[Any]) -> tuple[Array, Array]:
    """Return left singular vectors and all singular values of a wide matrix, by way of its LQ factor."""
    if matrix.shape[1] > matrix.shape[0]:
        matrix = scipy.linalg.qr(matrix.T, mode="r", check_finite=False)[0][: matrix.shape[0]].T
    u: Array
    s: Array
    u, s, _ = scipy.linalg.svd(matrix, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    return u, s


def hosvd(tensor: Array, tolerance: float, ranks: Sequence[int] | None = None) -> tuple[Array, list[Array]]:
    r"""Return core and orthonormal factors of a truncated higher-order SVD, taken mode after mode.

    Parameters
    ----------
    tensor
        ``(n_1, ..., n_d)``.
    tolerance
        Absolute: :math:`\|X - \hat X\|_F` stays below it, a share :math:`1/\sqrt d` a mode.
    ranks
        Upper bounds of the ranks, one a mode.

    Returns
    -------
    core ``(r_1, ..., r_d)`` and factors ``(n_k, r_k)``.

    Notes
    -----
    Sequential truncation (Vannieuwenhoven et al., *SIAM J. Sci. Comput.* 34 (2012), A1027): one SVD a mode of a
    tensor that shrinks. Matrices are reduced by QR, not by Gram matrices, which would lose half of the digits.

    Examples
    --------
    >>> core, factors = hosvd(np.ones((3, 4)), 1e-12)
    >>> core.shape, bool(np.isclose(abs(core[0, 0]), 12**0.5))
    ((1, 1), True)
    """
    share = tolerance / np.sqrt(tensor.ndim)
    core, factors = tensor, []
    for mode in range(tensor.ndim):
        u, s = left_vectors(unfold(core, mode))
        rank = rank_within(s, share)
        if ranks is not None:
            rank = min(rank, ranks[mode])
        factors.append(u[:, :rank])
        core = mode_product(core, u[:, :rank].T, mode)
    return core, factors


def hooi(tensor: Array, factors: Sequence[Array], iterations: int = 10) -> tuple[Array, list[Array]]:
    """Return core and factors refined by higher-order orthogonal iteration, ranks kept.

    Each step takes the leading left singular vectors of the tensor reduced by all other factors; the norm of the core
    never falls. Stops when it gains less than 1e-15 of itself.

    Examples
    --------
    >>> x = np.arange(24.0).reshape(2, 3, 4)
    >>> core, factors = hooi(x, hosvd(x, 0, ranks=(1, 1, 1))[1])
    >>> core.shape
    (1, 1, 1)
    """
    current: list[NDArray[Any]] = list(factors)
    norm = 0.0
    for _ in range(iterations):
        for mode in range(tensor.ndim):
            others: list[NDArray[Any] | None] = [None if k == mode else u.T for k, u in enumerate(current)]
            u, _ = left_vectors(unfold(multiply(tensor, others), mode))
            current[mode] = u[:, : current[mode].shape[1]]
        core = multiply(tensor, [u.T for u in current])
        before, norm = norm, float(np.linalg.norm(core))
        if norm - before <= 1e-15 * norm:
            break
    return multiply(tensor, [u.T for u in current]), current


def compress(core: Array, factors: Sequence[Array], tolerance: float) -> tuple[Array, list[Array]]:
    """Return an equal Tucker tensor with orthonormal factors and smaller ranks, within ``tolerance`` (absolute).

    Factors are orthonormalised by QR, their triangles go into the core, the core is truncated by `hosvd`.

    Examples
    --------
    >>> core, factors = compress(np.ones((2, 2)), [np.ones((5, 2)), np.ones((6, 2))], 1e-12)
    >>> core.shape
    (1, 1)
    """
    pairs = [scipy.linalg.qr(u, mode="economic", check_finite=False) for u in factors]
    small, inner = hosvd(multiply(core, [r for _, r in pairs]), tolerance)
    return small, [q @ u for (q, _), u in zip(pairs, inner, strict=True)]


def mode_singular_values(core: Array) -> list[Array]:
    """Return the singular values of every unfolding of the core: those of the tensor where factors are orthonormal."""
    return [left_vectors(unfold(core, mode))[1] for mode in range(core.ndim)]
