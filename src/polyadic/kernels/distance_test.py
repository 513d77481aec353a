"""Do weights of pairs go with their distance? Mantel's test, ranks of pairs against permuted nodes."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

_MOST = 300  # nodes that enter the test; more are drawn


def mantel(weights: Array, distance: Array, draws: int = 999, seed: int = 0) -> tuple[float, float]:
    """Return Spearman's correlation of weights and distances over pairs, and its two-sided p-value.

    Parameters
    ----------
    weights, distance
        ``(n, n)`` symmetric; pairs whose distance is NaN do not count.
    draws
        Number of permutations of the nodes: pairs of a node are not independent, nodes are.
    seed
        Seed of the permutations.

    Returns
    -------
    correlation, p
        NaN where fewer than four nodes have a distance, or all weights or distances are equal.

    Notes
    -----
    ``O(draws n^2)``, at most 300 nodes drawn at random. N. Mantel, Cancer Research 27 (1967) 209.

    Examples
    --------
    >>> x = np.random.default_rng(0).random((20, 2))
    >>> d = np.linalg.norm(x[:, None] - x, axis=-1)
    >>> r, p = mantel(np.exp(-d), d)
    >>> bool(abs(r + 1) < 1e-9 and p < 0.01)
    True
    """
    from scipy.stats import rankdata

    rng = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(distance).sum(axis=0) > 1)
    if known.size > _MOST:
        known = np.sort(rng.permutation(known)[:_MOST])
    first, second = np.triu_indices(known.size, 1)
    w, d = weights[np.ix_(known, known)], distance[np.ix_(known, known)]
    valid = np.isfinite(d[first, second])
    first, second = first[valid], second[valid]
    if known.size < 4 or np.ptp(w[first, second]) == 0 or np.ptp(d[first, second]) == 0:
        return float("nan"), float("nan")
    ranks = np.full(w.shape, np.nan)
    every = np.triu_indices(known.size, 1)
    ranks[every] = rankdata(w[every])
    ranks = np.where(np.isnan(ranks), ranks.T, ranks)
    target = rankdata(d[first, second])
    target = (target - target.mean()) / target.std()

    def correlation(order: NDArray[np.int64]) -> float:
        own = ranks[order[first], order[second]]
        return float(np.mean((own - own.mean()) / own.std() * target))

    found = correlation(np.arange(known.size))
    drawn = [correlation(rng.permutation(known.size)) for _ in range(draws)]
    p = (1 + np.sum(np.abs(drawn) >= abs(found) - 1e-12)) / (draws + 1)
    return found, float(p)


def mean_distances(position: Array) -> Array:
    """Return the distance of each two neurons, averaged over the animals that have both: NaN where none has.

    Parameters
    ----------
    position
        ``(animal, neuron, axis)``, NaN where unknown.

    Examples
    --------
    >>> mean_distances(np.array([[[0.0, 0.0], [3.0, 4.0], [np.nan, np.nan]]]))
    array([[ 0.,  5., nan],
           [ 5.,  0., nan],
           [nan, nan, nan]])
    """
    apart = np.linalg.norm(position[:, :, None] - position[:, None], axis=-1)
    known = np.isfinite(apart)
    total = np.where(known, apart, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
