"""The rank of a non-negative CP model, by withheld blocks of rows and by stability over starts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.cp_form import matching
from polyadic.kernels.nonnegative_cp import DenseRows
from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]

_STABLE = 0.8  # similarity over starts above which components count as the same


class RankCurve(NamedTuple):
    """Withheld error ``(rank, fold)``, stability ``(rank,)``, the chosen rank and why, in words."""

    ranks: tuple[int, ...]
    error: Array
    stability: Array
    chosen: int
    reason: str


@dataclass(frozen=True)
class Subset:
    """Some rows of a stored tensor; no value is copied but a block at a time."""

    whole: DenseRows
    kept: NDArray[np.int64]
    missing: engine.Missing | None = field(default=None)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, then the inner modes."""
        return (len(self.kept), *self.whole.shape[1:])

    @property
    def chunks(self) -> Sequence[slice]:
        """One chunk."""
        return (slice(0, len(self.kept)),)

    def blocks(self, chunk: int) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of the kept rows."""
        step = max(16, 2**18 // max(self.whole.matrix.shape[1], 1))
        stop = self.chunks[chunk].stop
        for first in range(0, stop, step):
            block = slice(first, min(first + step, stop))
            yield block, self.whole.matrix[self.kept[block]]


def rank_curve(
    rows: DenseRows, ranks: Sequence[int], *, folds: int, buffer: int, starts: int, seed: int, max_iterations: int = 100
) -> RankCurve:
    r"""Return how well models of several ranks predict withheld blocks of rows, and the rank to choose.

    Each fold withholds one contiguous block of rows with a buffer on either side. The inner factors are fitted on the
    rest; in the withheld rows one random half of the inner indexes gives the row's own factor, the other half is
    predicted from it, and conversely. The chosen rank is the smallest whose mean error is within one standard error
    (of its difference from the best over folds) of the least; stability over starts is reported beside it.

    Parameters
    ----------
    rows
        A stored tensor; missing fibres only.
    ranks
        Ranks to compare, ascending.
    folds, buffer
        Number of blocks, and rows dropped on either side of the withheld one.
    starts, seed
        Starts of each rank; all ranks and starts share every pass.
    max_iterations
        Most passes a fold.

    Raises
    ------
    ValueError
        If there are too few rows for the folds, or entries are missing otherwise than by fibres.

    Notes
    -----
    ``folds`` fits of all ranks together. A. Owen and P. Perry, Annals of Applied Statistics 3 (2009) 564, with blocks
    of rows in place of random ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = (rng.random((60, 2)) ** 4 @ rng.random((2, 40)) ** 4).astype(np.float32)
    >>> noise = 0.02 * rng.standard_normal(x.shape, np.float32)  # centred: a mean would be one more component
    >>> rows = DenseRows(x + noise, (60, 40), None)
    >>> rank_curve(rows, (1, 2, 3), folds=4, buffer=1, starts=2, seed=0).chosen
    2
    """
    edges = np.linspace(0, rows.shape[0], folds + 1).astype(int)
    if folds < 2 or np.diff(edges).min() < 2 or rows.shape[0] - np.diff(edges).max() - 2 * buffer < max(ranks):
        raise ValueError(f"{rows.shape[0]} rows are too few for {folds} folds with buffers of {buffer}")
    if rows.missing is not None and len(rows.missing.observed) > 1:
        raise ValueError("the rank curve needs entries that are missing in all rows alike")
    error, alike = np.zeros((len(ranks), folds)), np.zeros((len(ranks), folds))
    for fold in range(folds):
        low, high = edges[fold], edges[fold + 1]
        index = np.arange(rows.shape[0])
        train = Subset(rows, index[(index < low - buffer) | (index >= high + buffer)], rows.missing)
        models = _fits(train, ranks, starts, [seed, fold], max_iterations)
        for position, fits in enumerate(models):
            best = min(fits, key=lambda one: one.errors[-1])
            error[position, fold] = withheld_error(rows, slice(low, high), best.inner, [seed, fold])
            others = [matching(best.inner, one.inner)[1].mean() for one in fits if one is not best]
            alike[position, fold] = np.mean(others) if others else 1.0
    return _choose(tuple(ranks), error, alike.mean(axis=1))


def _fits(
    rows: Subset, ranks: Sequence[int], starts: int, seed: list[int], max_iterations: int
) -> list[list[engine.Fit]]:
    sizes = rows.shape[1:]
    inner = [
        [np.random.default_rng([*seed, rank, n, q]).random((m, rank)) for q, m in enumerate(sizes)]
        for rank in ranks
        for n in range(starts)
    ]
    fits, _ = engine.fit(rows, inner, tolerance=1e-4, max_iterations=max_iterations)
    return [fits[position * starts : (position + 1) * starts] for position in range(len(ranks))]


def withheld_error(rows: DenseRows, where: slice, inner: Sequence[Array], seed: list[int]) -> float:
    """Return the relative squared error of halves of withheld rows, each predicted from the other half."""
    basis = engine.khatri_rao(inner)
    seen = np.ones(len(basis), bool)
    if rows.missing is not None:
        seen = rows.missing.observed[0][..., rows.missing.member].ravel() > 0
    values = np.asarray(rows.matrix[where], float)
    half = np.random.default_rng([*seed, 7]).random(len(basis)) < 0.5
    squares = 0.0
    for given, asked in ((half & seen, ~half & seen), (~half & seen, half & seen)):
        course = np.zeros((len(values), basis.shape[1]))
        gram = basis[given].T @ basis[given]
        descend(course, values[:, given] @ basis[given], gram[None], np.zeros(1, np.int64), 200)
        squares += float(np.sum((values[:, asked] - course @ basis[asked].T) ** 2))
    return squares / max(float(np.sum(values[:, seen] ** 2)), np.finfo(float).tiny)


def _choose(ranks: tuple[int, ...], error: Array, stability: Array) -> RankCurve:
    mean = error.mean(axis=1)
    best = int(np.argmin(mean))
    excess = error - error[best]
    allowed = excess.std(axis=1, ddof=1) / np.sqrt(error.shape[1])
    chosen = int(np.flatnonzero(mean - mean[best] <= allowed)[0])
    reason = f"rank {ranks[chosen]}: "
    if chosen == best:
        reason += "least error on withheld blocks of time"
    else:
        reason += f"the smallest within one standard error of the least error (rank {ranks[best]})"
    reason += f"; stability over starts {stability[chosen]:.2f}"
    if stability[chosen] < _STABLE:
        reason += ", low: components differ from start to start"
    if chosen == len(ranks) - 1:
        reason += "; the largest tried: try larger ones"
    return RankCurve(ranks, error, stability, ranks[chosen], reason)
