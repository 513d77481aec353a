r"""Means of losses over many rows and their cluster-robust standard errors, in chunks: no row's loss is kept.

With the sum :math:`S_g` of a loss over the :math:`n_g` rows of cluster g and the mean :math:`\bar l` of all n rows,

.. math:: \widehat{var}(\bar l) = \frac{G}{G-1} \sum_g (S_g - n_g \bar l)^2 / n^2,

so that sums by cluster suffice. Rows that are their own clusters need the sum of squares alone, merged over chunks by
Chan, Golub & LeVeque (1983), *The American Statistician* 37, 242-247: no cancellation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
CHUNK = 2**18
"""Rows of a chunk: bounds are fixed, so that sums have the same bits whatever the threads or the storage."""


@dataclass(frozen=True)
class Clusters:
    """Labels of the rows, numbered; ``both`` numbers the pairs of two labels, None where each pair is one row."""

    single: tuple[Codes, ...]
    both: Codes | None = None


def clusters_of(labels: Sequence[ArrayLike], rows: int) -> Clusters:
    """Return numbered clusters from at most two labels of the rows.

    Raises
    ------
    ValueError
        If there are more than two labels, or one has another length.

    Examples
    --------
    >>> clusters_of([["a", "b", "a"], [1, 1, 1]], 3).both
    array([0, 1, 0])
    """
    if len(labels) > 2:
        raise ValueError(f"clusters: found {len(labels)} labels, at most 2 are allowed (station, time)")
    given = [np.asarray(label) for label in labels]
    if any(len(label) != rows for label in given):
        raise ValueError(f"clusters: found {[len(label) for label in given]} labels for {rows} rows")
    numbered = tuple(_numbered(label) for label in given)
    if len(numbered) < 2:
        return Clusters(numbered)
    both = _numbered(numbered[0] * (int(numbered[1].max(initial=0)) + 1) + numbered[1])
    return Clusters(numbered, both if both.max(initial=-1) + 1 < rows else None)


def _numbered(label: NDArray[np.generic]) -> Codes:
    return np.asarray(np.unique(label, return_inverse=True)[1].reshape(-1), np.int64)


def means_and_errors(
    losses: Callable[[slice], Sequence[Floats]], count: int, rows: int, clusters: Clusters
) -> tuple[Floats, Floats]:
    """Return the means of several losses over rows, and their standard errors, both (count,).

    Parameters
    ----------
    losses
        For a slice of the rows one array (rows of the slice,) a loss.
    count
        How many losses there are.
    rows
        How many rows there are.
    clusters
        From `clusters_of`; without labels rows count as independent.

    Notes
    -----
    NaN where there are fewer than two clusters. A two-way estimate below the larger one-way variance is replaced by it.
    Memory: one chunk, and ``count`` numbers a cluster.

    Examples
    --------
    >>> loss = np.array([0.0, 0.0, 2.0, 2.0])
    >>> means_and_errors(lambda rows: [loss[rows]], 1, 4, clusters_of([[0, 0, 1, 1]], 4))
    (array([1.]), array([1.]))
    """
    codes = [*clusters.single, *([] if clusters.both is None else [clusters.both])]
    sums = [np.zeros((count, int(code.max(initial=-1)) + 1)) for code in codes]
    mean, squares = np.zeros(count), np.zeros(count)
    for begin in range(0, rows, CHUNK):
        part = slice(begin, min(begin + CHUNK, rows))
        size = part.stop - begin
        for number, loss in enumerate(losses(part)):
            own = loss.mean()
            change = own - mean[number]
            squares[number] += ((loss - own) ** 2).sum() + change**2 * begin * size / (begin + size)
            mean[number] += change * size / (begin + size)
            for total, code in zip(sums, codes, strict=True):
                _add(total[number], code[part], loss)
    independent = rows / (rows - 1) * squares / rows**2 if rows > 1 else np.full(count, np.nan)
    found = [_variance(total, np.bincount(code), mean) for total, code in zip(sums, codes, strict=True)]
    if not clusters.single:
        return mean, np.sqrt(independent)
    if len(clusters.single) == 1:
        return mean, np.sqrt(found[0])
    both = found[2] if clusters.both is not None else independent
    return mean, np.sqrt(np.maximum(found[0] + found[1] - both, np.maximum(found[0], found[1])))


def _add(total: Floats, code: Codes, loss: Floats) -> None:
    """Add a chunk's sums by cluster; the clusters of a chunk often lie near one another, as times do."""
    low = int(code.min())
    part = np.bincount(code - low, loss)
    total[low : low + part.size] += part


def _variance(total: Floats, size: NDArray[np.int64], mean: Floats) -> Floats:
    groups = size.size
    if groups < 2:
        return np.full(mean.size, np.nan)
    departure = ((total - size * mean[:, None]) ** 2).sum(axis=1)
    return np.asarray(groups / (groups - 1) * departure / float(size.sum()) ** 2)
