r"""Steady flow through a porous square: :math:`-\nabla \cdot (a \nabla u) = f`, zero on the edges."""

from typing import Any

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from polyadic.kernels.random_fields import neumann_field

__all__ = ["pressure", "two_phase_permeability"]


def two_phase_permeability(
    n: int, low: float, high: float, tau: float, alpha: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return a permeability (n, n) of two values: ``high`` where a Gaussian field is positive, ``low`` elsewhere.

    The field is `random_fields.neumann_field` with unit scale; points include both ends.

    >>> np.unique(two_phase_permeability(9, 3.0, 12.0, 3.0, 2.0, np.random.default_rng(0))).tolist()
    [3.0, 12.0]
    """
    return np.where(neumann_field((n, n), tau, alpha, 1.0, rng) > 0, high, low)


def pressure(permeability: NDArray[np.floating], source: float | NDArray[np.floating] = 1.0) -> NDArray[np.float64]:
    r"""Return the pressure on the unit square for a permeability given at the same points.

    Node-centred finite volumes: the flux between neighbours is :math:`2 a_i a_j / (a_i + a_j) (u_i - u_j)`, exact for
    layers normal to the flow; the linear system is solved directly.

    Parameters
    ----------
    permeability
        Positive, (n, n), points including both ends, ``n >= 3``.
    source
        :math:`f`, a number or (n, n).

    Returns
    -------
    :math:`u` (n, n), zero on the edges.

    Raises
    ------
    ValueError
        If the permeability is not square or not positive.

    Notes
    -----
    Second order where the permeability is smooth, first order across jumps. :math:`O(n^3)` flops by nested dissection,
    about :math:`31 n^2 \log_2 n` numbers in memory.

    Examples
    --------
    >>> u = pressure(np.ones((33, 33)))
    >>> round(float(u[16, 16]), 3)  # 0.0737 in the limit
    0.074
    """
    a = np.asarray(permeability, np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape[0] < 3:
        raise ValueError(f"permeability has shape {a.shape}; accepted is (n, n) with n from 3")
    if not (a > 0).all():
        raise ValueError(f"permeability has the value {a.min():g}; accepted are positive ones")
    n = a.shape[0]
    size = n - 2
    vertical = 2 * a[1:, 1:-1] * a[:-1, 1:-1] / (a[1:, 1:-1] + a[:-1, 1:-1])  # (n - 1, size)
    horizontal = 2 * a[1:-1, 1:] * a[1:-1, :-1] / (a[1:-1, 1:] + a[1:-1, :-1])  # (size, n - 1)
    centre = vertical[1:] + vertical[:-1] + horizontal[:, 1:] + horizontal[:, :-1]
    beside = np.zeros((size, size))
    beside[:, :-1] = horizontal[:, 1:-1]
    across, below = -beside.ravel()[:-1], -vertical[1:-1].ravel()
    bands: list[Any] = [centre.ravel(), across, across, below, below]
    matrix: Any = sparse.diags_array(bands, offsets=[0, 1, -1, size, -size], format="csc")
    right = np.broadcast_to(source, a.shape)[1:-1, 1:-1].ravel() / (n - 1) ** 2
    factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    u = np.zeros_like(a)
    u[1:-1, 1:-1] = factor.solve(right).reshape(size, size)
    return u
