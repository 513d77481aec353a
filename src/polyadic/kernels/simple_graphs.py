"""How many simple graphs have given degrees: the entropy that a multigraph count overstates where hubs are dense."""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

_STEPS = 50
_LONGEST = 4.0
_FARTHEST = 18.0
_ENOUGH = 1e-3
"""Nats that the next step would gain, below which it is the last."""


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
    :math:`\ln x` minimises a convex function, whose least value is the entropy: some five to ten damped Newton steps of
    ``O(n ** 3)``.

    Examples
    --------
    >>> bool(abs(log_count(np.full(8, 3)) - np.log(19355)) < 2)  # labelled cubic graphs, OEIS A002829
    True
    """
    used = np.flatnonzero(degree)
    if used.size == 0:
        return 0.0
    mask = np.ones((used.size, used.size), bool) if allowed is None else allowed[np.ix_(used, used)].copy()
    np.fill_diagonal(mask, False)
    entropy, p = _most_random(degree[used].astype(float), mask)
    variance = (p * (1 - p)).sum(axis=1)
    return max(entropy - 0.5 * float(np.log(np.maximum(2 * np.pi * variance, 1.0)).sum()), 0.0)


def _most_random(k: NDArray[np.float64], mask: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Return the greatest entropy of graphs of expected degrees ``k`` among the pairs ``mask``, and their p (n, n).

    Degrees of all allowed neighbours have no finite x: it is held below 1e8.
    """
    theta = np.log(k / np.sqrt(max(k.sum(), 1.0)))
    value, p = _dual(theta, k, mask)
    for _ in range(_STEPS):
        slope = p.sum(axis=1) - k
        curvature = p * (1 - p)
        curvature[np.diag_indices_from(curvature)] = curvature.sum(axis=1) * (1 + 1e-9) + 1e-9
        step = scipy.linalg.solve(curvature, -slope, assume_a="pos", check_finite=False)
        decrease = -float(slope @ step)
        step *= min(1.0, _LONGEST / max(float(np.abs(step).max()), 1e-300))
        for _ in range(8):
            new = np.clip(theta + step, -_FARTHEST, _FARTHEST)
            trial, odds = _dual(new, k, mask)
            if trial <= value:
                break
            step *= 0.5
        else:
            break
        theta, value, p = new, trial, odds
        if decrease < _ENOUGH:
            break
    return value, p


def _dual(
    theta: NDArray[np.float64], k: NDArray[np.float64], mask: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    x = np.exp(theta)
    odds = np.outer(x, x) * mask
    p = odds / (1.0 + odds)
    return float(0.5 * np.log1p(odds).sum() - k @ theta), p
