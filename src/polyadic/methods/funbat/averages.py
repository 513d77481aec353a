"""Means over rows of the field, with errors from joint posterior draws: variances of rows cannot give them."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Sampler(Protocol):
    """What draws the field jointly, such as a fitted :class:`polyadic.FunctionalTucker`."""

    def sample(self, X: ArrayLike, n: int, seed: int) -> Array:
        """Return draws (n, rows)."""


class Averages(NamedTuple):
    """Means of groups of rows, each (groups,); ``draws`` (n, groups) are joint: differences carry their own errors."""

    groups: NDArray[np.generic]
    mean: Array
    standard_error: Array
    lower: Array
    upper: Array
    draws: Array


def averages(
    model: Sampler,
    X: ArrayLike,
    groups: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n: int = 200,
    seed: int = 0,
    level: float = 0.9,
) -> Averages:
    r"""Return the weighted means of the field over groups of rows, with errors from joint draws.

    With draws :math:`f_s` of the field at all rows at once, the mean of group g has draws
    :math:`\sum_{i \in g} w_i f_s(x_i) / \sum_{i \in g} w_i`: errors that neighbouring rows share do not average out.

    Parameters
    ----------
    model
        A fitted :class:`polyadic.FunctionalTucker`.
    X
        Rows over which the mean is taken, shape (rows, columns): the cells of an area, the days of a period.
    groups
        Label of each row, shape (rows,); None: one group.
    weights
        Weight of each row, for instance the cosine of its latitude; None: equal.
    n
        Joint draws.
    seed
        Of the draws.
    level
        Probability of the band from ``lower`` to ``upper``, found at the order statistics of the draws.

    Raises
    ------
    ValueError
        If shapes differ, a weight is negative, a group weighs nothing, ``n`` is below 2 or the level not in (0, 1).

    Notes
    -----
    The cost is that of ``model.sample``; memory n times the rows.

    Examples
    --------
    >>> from polyadic import FunctionalTucker
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(0, 1, (300, 2))
    >>> model = FunctionalTucker(rank=1).fit(X, X[:, 0] + 0.1 * rng.normal(size=300))
    >>> found = averages(model, X, groups=X[:, 0] > 0.5)
    >>> bool((abs(found.mean - [0.25, 0.75]) < 0.03).all()), bool((found.standard_error < 0.02).all())
    (True, True)
    """
    table = np.asarray(X, dtype=np.float64)
    label = np.zeros(len(table), np.int64) if groups is None else np.asarray(groups)
    weight = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=np.float64)
    for name, array in (("groups", label), ("weights", weight)):
        if array.shape != (len(table),):
            raise ValueError(f"{name}: found shape {array.shape}, X has {len(table)} rows")
    return mean_draws(lambda count: model.sample(table, count, seed), label, weight, n, level)


def mean_draws(
    draw: Callable[[int], Array], groups: NDArray[np.generic], weights: Array, n: int, level: float
) -> Averages:
    """Return the means of groups from a function that makes joint draws (n, rows); see `averages`."""
    if n < 2 or not 0 < level < 1:
        raise ValueError(f"n is a number of draws from 2 and level lies inside (0, 1), found {n} and {level}")
    if not (weights >= 0).all():
        raise ValueError(f"weights: must not be negative, found {float(weights.min())}")
    names, number = np.unique(groups, return_inverse=True)
    total = np.bincount(number.ravel(), weights=weights)
    if not (total > 0).all():
        raise ValueError(f"weights: those of group {names[total <= 0][0]!r} are all zero")
    values = draw(n)
    means = np.stack([np.bincount(number.ravel(), weights=weights * one) for one in values]) / total
    # Weibull's plotting positions: the band holds a further draw with probability `level`, however few draws there are.
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2], axis=0, method="weibull")
    return Averages(names, means.mean(axis=0), means.std(axis=0, ddof=1), low, high, means)
