"""How many simple graphs have given degrees: the entropy that a multigraph count overstates where hubs are dense."""

import numpy as np
from numpy.typing import NDArray


def log_count(degree: NDArray[np.int64], allowed: NDArray[np.bool_] | None = None) -> float:
    r"""Return the approximate log of the number of simple graphs with these degrees.

    The graph of maximal entropy with these expected degrees has :math:`p_{ij} = x_i x_j / (1 + x_i x_j)`; its entropy
    less
    :math:`\tfrac12\sum_i\ln 2\pi\sigma_i^2`, :math:`\sigma_i^2=\sum_j p_{ij}(1-p_{ij})`, counts the graphs that meet
    the
    degrees exactly (Anand and Bianconi 2009, Phys. Rev. E 80, 045102).

    Parameters
    ----------
    degree
        (n,) degrees.
    allowed
        (n, n) symmetric, which pairs may be edges; all where it is not given.

    Notes
    -----
    ``O(n ** 2)`` a fixed-point step, at most 200 steps.

    Examples
    --------
    >>> bool(abs(log_count(np.full(8, 3)) - np.log(19355)) < 2)  # labelled cubic graphs, OEIS A002829
    True
    """
    k = degree.astype(float)
    mask = 1.0 - np.eye(k.size) if allowed is None else allowed & ~np.eye(k.size, dtype=bool)
    x = k / np.sqrt(max(k.sum(), 1.0))
    for _ in range(200):
        share = mask * x / (1.0 + np.outer(x, x))
        total = share.sum(axis=1)
        new = np.minimum(np.divide(k, total, out=np.zeros_like(k), where=total > 0), 1e8)
        done = np.abs(new - x).max(initial=0.0) < 1e-6 * (1 + x.max(initial=0.0))
        x = np.sqrt(new * x)
        if done:
            break
    p = mask * np.outer(x, x) / (1.0 + np.outer(x, x))
    inside = np.clip(p, 1e-15, 1 - 1e-15)
    entropy = -0.5 * float((mask * (inside * np.log(inside) + (1 - inside) * np.log1p(-inside))).sum())
    variance = (p * (1 - p)).sum(axis=1)
    return max(entropy - 0.5 * float(np.log(np.maximum(2 * np.pi * variance, 1.0)).sum()), 0.0)
