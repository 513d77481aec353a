"""The rank of a non-negative CP model, by withheld blocks of rows and by stability over starts, in streamed passes."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.cp_form import matching
from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]

_STABLE = 0.8  # similarity over starts above which components count as the same
_ROW_SWEEPS = 200


class RankCurve(NamedTuple):
    """Withheld error ``(rank, fold)``, stability ``(rank,)``, the chosen rank and why, in words."""

    ranks: tuple[int, ...]
    error: Array
    stability: Array
    chosen: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Folds:
    """Contiguous blocks of rows that are withheld in turn, and what predicts them.

    Attributes
    ----------
    count
        Number of blocks.
    buffer
        Rows dropped on either side of the withheld block.
    lag
        0: of every withheld row one random half of the entries gives its own factor, the other half is predicted, and
        conversely. Else the rows that many before and after it give its factor and all entries are predicted.
    recordings
        The rows are those of so many recordings of equal length, one behind the other; a fold withholds the same block
        of each.
    """

    count: int
    buffer: int
    lag: int = 0
    recordings: int = 1

    def edges(self, rows: int) -> NDArray[np.int64]:
        """Return the first row of every block of a recording, and the number of its rows."""
        return np.linspace(0, rows // self.recordings, self.count + 1).astype(np.int64)

    def check(self, rows: int, largest: int) -> None:
        """Raise `ValueError` where there are too few rows for ranks up to ``largest``."""
        edges = self.edges(rows)
        least, widest = max(2, self.lag + 1), int(np.diff(edges).max())
        left = self.recordings * (int(edges[-1]) - widest - 2 * self.buffer)
        if self.count < 2 or np.diff(edges).min() < least or left < largest:
            raise ValueError(
                f"{edges[-1]} rows are too few for {self.count} folds with buffers of {self.buffer} and a lag of"
                f" {self.lag}"
            )

    def kept(self, rows: int, fold: int) -> NDArray[np.bool_]:
        """Return which rows a fold is fitted to."""
        edges = self.edges(rows)
        index = np.arange(edges[-1])
        kept = (index < edges[fold] - self.buffer) | (index >= edges[fold + 1] + self.buffer)
        return np.tile(kept, self.recordings)

    def owners(self, rows: int) -> NDArray[np.int64]:
        """Return the fold that withholds each row."""
        return np.tile(np.repeat(np.arange(self.count), np.diff(self.edges(rows))), self.recordings)

    def blocks(self, rows: int, fold: int) -> list[slice]:
        """Return the rows that a fold withholds of each recording."""
        edges = self.edges(rows)
        first = np.arange(self.recordings) * edges[-1]
        return [slice(int(start + edges[fold]), int(start + edges[fold + 1])) for start in first]


def rank_curve(
    rows: engine.Rows,
    ranks: Sequence[int],
    folds: Folds,
    *,
    starts: int,
    seed: int,
    tolerance: float = 1e-3,
    max_iterations: int = 100,
    mapper: engine.Mapper = map,
    watch: Callable[[int, Sequence[engine.Fit]], None] | None = None,
) -> RankCurve:
    r"""Return how well models of several ranks predict withheld blocks of rows, and the rank to choose.

    The inner factors are fitted to all rows but a block and its buffers. The factor :math:`f_t` of a withheld row comes
    from entries that are not predicted: half of its own, or with a lag from the rows :math:`t \pm \ell`, which share
    with it only what lasts longer than the lag. Then
    :math:`|x_t - Z f_t|^2 = |x_t|^2 - 2 (Z^T x_t)^T f_t + f_t^T Z^T Z f_t`, so :math:`Z^T x_t` is all that is kept
    of a row.
    The chosen rank is the smallest whose mean error is within one standard error (of its difference from the best over
    folds) of the least.

    Parameters
    ----------
    rows
        The tensor, stored or made when asked for; missing fibres only.
    ranks, folds
        Ranks to compare, ascending; what is withheld, and what predicts it.
    starts, seed
        Starts of each rank.
    tolerance, max_iterations, mapper, watch
        As in `polyadic.kernels.alternating_cp.fit`.

    Raises
    ------
    ValueError
        If there are too few rows for the folds, or not the same entries are missing in all rows of a recording.

    Notes
    -----
    All folds, ranks and starts share every pass over the tensor, and one pass more gives all errors. A. Owen and P.
    Perry, Annals of Applied Statistics 3 (2009) 564, with blocks of rows in place of random ones; the lag is ours.

    Examples
    --------
    >>> from polyadic.kernels.nonnegative_cp import DenseRows
    >>> rng = np.random.default_rng(0)
    >>> x = (rng.random((60, 2)) ** 4 @ rng.random((2, 40)) ** 4).astype(np.float32)
    >>> noise = 0.02 * rng.standard_normal(x.shape, np.float32)  # centred: a mean would be one more component
    >>> rows = DenseRows(x + noise, (60, 40), None)
    >>> rank_curve(rows, (1, 2, 3), Folds(4, 1), starts=2, seed=0).chosen
    2
    """
    folds.check(rows.shape[0], max(ranks))
    _groups(rows, folds)  # before the passes, not behind them
    numbers = itertools.product(range(folds.count), ranks, range(starts))
    fits = [_begun(rows, folds, seed, *each) for each in numbers]
    engine.fit(rows, fits, tolerance=tolerance, max_iterations=max_iterations, mapper=mapper, watch=watch)
    models, stability = _best(fits, folds.count, len(ranks))
    return chosen(tuple(ranks), withheld_errors(rows, models, folds, seed, mapper).T, stability)


def _best(fits: Sequence[engine.Fit], folds: int, ranks: int) -> tuple[list[list[list[Array]]], Array]:
    """Return the inner factors of the best start of each fold and rank, and by rank how alike the starts are."""
    starts = len(fits) // (folds * ranks)
    models: list[list[list[Array]]] = [[] for _ in range(folds)]
    alike = np.zeros((folds, ranks))
    for number, (fold, rank) in enumerate(np.ndindex(folds, ranks)):
        group = sorted(fits[number * starts : (number + 1) * starts], key=lambda one: one.errors[-1])
        models[fold].append(group[0].inner)
        others = [matching(group[0].inner, one.inner)[1].mean() for one in group[1:]]
        alike[fold, rank] = np.mean(others) if others else 1.0
    return models, alike.mean(axis=0)


def _groups(rows: engine.Rows, folds: Folds) -> NDArray[np.int64]:
    """Return the pattern of missing entries of each recording, or raise `ValueError` where it has several."""
    if rows.missing is None or rows.missing.group.size == 1:
        return np.zeros(folds.recordings, np.int64)
    group = rows.missing.group.reshape(folds.recordings, -1)
    if (group != group[:, :1]).any():
        raise ValueError("the rank curve needs entries that are missing in all rows of a recording alike")
    return np.asarray(group[:, 0])


def _begun(rows: engine.Rows, folds: Folds, seed: int, fold: int, rank: int, start: int) -> engine.Fit:
    """Return a random start of a rank, to be fitted to what a fold leaves."""
    rngs = [np.random.default_rng([seed, fold, rank, start, q]) for q in range(len(rows.shape) - 1)]
    inner = [rng.random((size, rank)) for rng, size in zip(rngs, rows.shape[1:], strict=True)]
    return engine.begin(rows, inner, folds.kept(rows.shape[0], fold))


@dataclasses.dataclass(frozen=True)
class Targets:
    """Z^T x of the withheld rows of a chunk, for the models of the fold each row is in, and the squares of the rows.

    ``columns`` holds of every fold the bases ``(half, inner, column)``: one half that is everything, or two.
    """

    rows: engine.Rows
    columns: list[Array]
    half: NDArray[np.bool_]
    fold: NDArray[np.int64]

    def __call__(self, chunk: int) -> tuple[Array, Array]:
        """Return targets ``(half, row, column)`` and squares ``(half, row)`` of the rows of a chunk."""
        where = self.rows.chunks[chunk]
        halves = len(self.columns[0])
        found = np.zeros((halves, where.stop - where.start, self.columns[0].shape[-1]))
        squares = np.zeros((halves, where.stop - where.start))
        for block, values in self.rows.blocks(chunk):
            local = np.arange(block.start, block.stop) - where.start
            for fold in np.unique(self.fold[block]):
                mine = self.fold[block] == fold
                for part in range(halves):
                    found[part, local[mine]] = values[mine] @ self.columns[fold][part]
            whole = np.square(values).sum(axis=1, dtype=float)
            squares[0, local] = whole
            if halves == 2:
                squares[0, local] = np.square(values[:, self.half]).sum(axis=1, dtype=float)
                squares[1, local] = whole - squares[0, local]
        return found, squares


def withheld_errors(
    rows: engine.Rows, models: Sequence[Sequence[Sequence[Array]]], folds: Folds, seed: int, mapper: engine.Mapper = map
) -> Array:
    """Return the relative squared errors ``(fold, rank)`` of withheld rows, by models of every fold and rank."""
    inner = int(np.prod(rows.shape[1:]))
    half = np.random.default_rng([seed, 7]).random(inner) < 0.5
    parts = [half, ~half] if folds.lag == 0 else [np.ones(inner, bool)]
    bases = [[engine.khatri_rao(one) for one in fold] for fold in models]
    # Entries that are missing are 0: they add nothing to Z^T x, and are left out of the normal matrices.
    columns = [
        np.stack([np.where(part[:, None], np.hstack(fold), 0).astype(rows.dtype) for part in parts]) for fold in bases
    ]
    work = Targets(rows, columns, half, folds.owners(rows.shape[0]))
    found = list(mapper(work, range(len(rows.chunks))))
    targets, squares = (np.concatenate([pair[k] for pair in found], axis=1) for k in (0, 1))
    seen = [_seen(rows, group) for group in _groups(rows, folds)]
    error = np.zeros((folds.count, len(models[0])))
    for fold in range(folds.count):
        blocks = folds.blocks(rows.shape[0], fold)
        total = max(float(sum(squares[:, block].sum() for block in blocks)), np.finfo(float).tiny)
        first = 0
        for position, basis in enumerate(bases[fold]):
            last = first + basis.shape[1]
            left = 0.0
            for block, observed in zip(blocks, seen, strict=True):
                grams = [basis[part & observed].T @ basis[part & observed] for part in parts]
                left += _residual(targets[:, block, first:last], grams, folds.lag)
            error[fold, position] = (total + left) / total
            first = last
    return error


def _seen(rows: engine.Rows, group: int) -> NDArray[np.bool_]:
    """Return which inner entries the rows of a group observe."""
    if rows.missing is None:
        return np.ones(int(np.prod(rows.shape[1:])), bool)
    return np.asarray(rows.missing.observed[group][..., rows.missing.member].ravel() > 0)


def _residual(targets: Array, grams: Sequence[Array], lag: int) -> float:
    """Return the squared error of predicted rows less their squared norm, given Z^T x ``(half, row, R)``."""
    total = 0.0
    for asked in range(len(targets)):
        given = len(targets) - 1 - asked  # the other half, or the only one
        source = targets[given] if lag == 0 else _neighbours(targets[0], lag)
        course = np.zeros_like(source)
        descend(course, np.ascontiguousarray(source), grams[given][None], np.zeros(1, np.int64), _ROW_SWEEPS)
        total += float(np.einsum("tr,rs,ts->", course, grams[asked], course) - 2 * np.sum(targets[asked] * course))
    return total


def _neighbours(values: Array, lag: int) -> Array:
    """Return the mean of the rows ``lag`` before and after each, or the one that there is."""
    index = np.arange(len(values))
    before, after = index - lag, index + lag
    weights = np.stack([before >= 0, after < len(values)]).astype(float)
    weights /= np.maximum(weights.sum(axis=0), 1)
    held = values[np.maximum(before, 0)], values[np.minimum(after, len(values) - 1)]
    return np.asarray(weights[0][:, None] * held[0] + weights[1][:, None] * held[1])


def chosen(ranks: tuple[int, ...], error: Array, stability: Array) -> RankCurve:
    """Return the curve with the smallest rank within one standard error of the least error, and the reason.

    Examples
    --------
    >>> chosen((1, 2, 3), np.array([[0.9, 0.8], [0.5, 0.4], [0.5, 0.39]]), np.ones(3)).chosen
    2
    """
    mean = error.mean(axis=1)
    best = int(np.argmin(mean))
    excess = error - error[best]
    allowed = excess.std(axis=1, ddof=1) / np.sqrt(error.shape[1])
    position = int(np.flatnonzero(mean - mean[best] <= allowed)[0])
    reason = f"rank {ranks[position]}: "
    if position == best:
        reason += "least error on withheld blocks of time"
    else:
        reason += f"the smallest within one standard error of the least error (rank {ranks[best]})"
    reason += f"; stability over starts {stability[position]:.2f}"
    if stability[position] < _STABLE:
        reason += ", low: components differ from start to start"
    if position == len(ranks) - 1:
        reason += "; the largest tried: try larger ones"
    return RankCurve(ranks, error, stability, ranks[position], reason)
