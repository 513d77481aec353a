"""Non-negative CP decomposition of a dense tensor, with missing entries.

The starts of a large complete tensor come most of their way on a small Tucker core of it (`compressed_cp`); the best
four go on with the tensor itself, the best one of them after the first pass.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels import compressed_cp as compressed
from polyadic.kernels.cp_form import canonical

Array = NDArray[np.floating]

_BLOCK = 2**18  # entries of a block: 1 MiB of single precision, which stays in the cache for both products
_LEAST = 16  # rows of a block: with fewer, adding to S costs more than the products
_STARTS = 16  # on the core, where they cost little
_TILES = (128, 16)  # indexes of two modes that are transposed at a time
_DOUBLE_BELOW = 3e-3  # relative error from which single precision no longer resolves the residual


class CP(NamedTuple):
    """A CP model: ``weights[r]`` times the outer product of the columns ``r`` of the factors, summed.

    Attributes
    ----------
    weights
        Shape ``(R,)``, descending, in the unit of the tensor.
    factors
        One ``(n, R)`` array a mode, unit-norm columns.
    relative_error
        Norm of the residual over that of the tensor, both over the observed entries, after each accepted pass.
    converged
        Whether the error settled within the iterations allowed.
    iterations
        Passes over the tensor.
    frames
        Input frame of each row of the time factor, where the tensor was made from traces.
    stability
        Mean similarity of each component to its partners in the other starts, where there were several.
    similarity
        Mean similarity of the components to those of each start, best start first.
    by_start
        One factor in every start, best start first ``(start, n, R)``: its columns beside their partners here.
    neurons
        Weights of the neurons ``(n, R)``, unit-norm columns, where every component is one clique.
    """

    weights: Array
    factors: tuple[Array, ...]
    relative_error: Array
    converged: bool
    iterations: int
    frames: NDArray[np.int64] | None = None
    stability: Array | None = None
    similarity: Array | None = None
    by_start: Array | None = None
    neurons: Array | None = None


@dataclasses.dataclass(frozen=True)
class DenseRows:
    """A stored tensor, its longest mode first, as blocks of rows."""

    matrix: Array
    shape: tuple[int, ...]
    missing: engine.Missing | None

    @property
    def chunks(self) -> Sequence[slice]:
        """One chunk: a stored tensor is walked through in order."""
        return (slice(0, self.shape[0]),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return self.matrix.dtype

    def blocks(self, chunk: int) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows that fit the cache."""
        where = self.chunks[chunk]
        step = max(_LEAST, _BLOCK // max(self.matrix.shape[1], 1))
        for start in range(where.start, where.stop, step):
            block = slice(start, min(start + step, where.stop))
            yield block, self.matrix[block]


def nonnegative_cp(
    tensor: ArrayLike,
    rank: int,
    mask: ArrayLike | None = None,
    start: Sequence[ArrayLike] | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
    starts: int | None = None,
    seed: int = 0,
) -> CP:
    r"""Return a non-negative CP decomposition of a dense tensor, canonical: unit-norm columns, weights descending.

    Minimises :math:`\sum_{\text{observed}} (X - \sum_r w_r\, a_r \circ b_r \circ \dots)^2` over non-negative factors by
    hierarchical alternating least squares with extrapolation and restart, in one pass over the tensor an iteration.

    Parameters
    ----------
    tensor, rank
        Order at least 2; any real dtype. Entries that are not observed may hold anything. Number of components.
    mask
        True where the tensor is observed, of a shape that broadcasts to the tensor's; None: NaN entries are missing.
    start
        One non-negative ``(n, rank)`` array a mode; None: drawn at random.
    tolerance, max_iterations
        Ends when the relative error falls by less than this share of it per iteration, twice in a row; most passes.
    starts, seed
        Number of starts (the best is returned; with ``start``, the others are random) and of the random numbers. None:
        16 where the tensor is complete and large enough to be compressed, else 1.

    Raises
    ------
    ValueError
        For order below 2, entries that are not finite, a rank below 1, and masks or starts of another shape.

    Notes
    -----
    ``4 n R`` flops a pass for ``n`` entries, ``20 n R`` once for the core. The tensor is kept once more in single
    precision. Masks cost ``4 n R^2`` more a pass, missing fibres (the same along the longest mode) nothing.
    A. Cichocki and A.-H. Phan, IEICE Trans. E92-A (2009) 708; A. Ang and N. Gillis, Neural Computation 31 (2019) 417.

    Examples
    --------
    >>> a, b, c = (np.random.default_rng(i).random((n, 2)) for i, n in enumerate((9, 8, 7)))
    >>> cp = nonnegative_cp(np.einsum("ir,jr,kr->ijk", a, b, c), rank=2)
    >>> bool(cp.relative_error[-1] < 1e-3)
    True
    """
    values = np.asarray(tensor)
    check(values, rank, start)
    longest = int(np.argmax(values.shape))
    order = [longest, *(q for q in range(values.ndim) if q != longest)]
    observed = observation_mask(values, mask)
    compressing = observed is None and compressed.worthwhile([values.shape[q] for q in order], rank)
    given = [start, *[None] * ((starts or (_STARTS if compressing else 1)) - 1)]
    inner = [starting_factors(values.shape, order[1:], rank, one, [seed, n]) for n, one in enumerate(given)]
    with _blas().limit(limits=1, user_api="blas"):  # the number of threads would change the last bits
        single = _single(values, observed, order)
        fits = [engine.begin(single, factors) for factors in inner]
        if compressing and max_iterations > 0:
            fits = [_best_on_core(single, inner, fits[: start is not None], seed)]
        best, error, passes = _solve(single, lambda: _rows(values, observed, order), fits, tolerance, max_iterations)
    weights, unit = canonical(np.ones(rank), [best.first, *best.inner])
    return CP(weights, tuple(unit[order.index(q)] for q in range(values.ndim)), error, best.converged, passes)


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


def _best_on_core(single: DenseRows, inner: list[list[Array]], given: list[engine.Fit], seed: int) -> engine.Fit:
    """Return, after its first pass over the tensor, the best of the given fits and of the starts gone on the core.

    A given start is in the race as it is: it may be a minimum of the tensor already.
    """
    core = compressed.compress(single.matrix, single.shape, inner[0][0].shape[1], seed)
    fits = [*(engine.begin(single, walk.factors[1:]) for walk in compressed.finalists(core, inner)), *given]
    engine.fit(single, fits, tolerance=0, max_iterations=1)
    return min(fits, key=lambda one: one.errors[-1])


def _solve(
    single: DenseRows,
    double: Callable[[], DenseRows],
    fits: list[engine.Fit],
    tolerance: float,
    max_iterations: int,
) -> tuple[engine.Fit, Array, int]:
    """Fit in single precision, and go on in double precision where the residual is small; return errors and passes."""
    engine.fit(single, fits, tolerance=tolerance, max_iterations=max_iterations, watch=_resolve)
    best = min(fits, key=lambda one: one.errors[-1])
    passes, norm = max(one.passes for one in fits), best.norm
    history = best.errors
    left = max_iterations - passes
    if norm > 0 and best.errors[-1] < _DOUBLE_BELOW**2 * norm and left > 0:
        rows = double()
        best = engine.begin(rows, best.inner)
        engine.fit(rows, [best], tolerance=tolerance, max_iterations=left)
        passes, norm = passes + best.passes, best.norm
        history = [value for value in history if value > best.errors[0]] + best.errors
    return best, np.sqrt(np.maximum(history, 0) / norm) if norm > 0 else np.zeros(1), passes


def _resolve(_: int, fits: Sequence[engine.Fit]) -> None:
    """End a fit in single precision once its error is below what single precision resolves."""
    for one in fits:
        one.converged = one.converged or one.errors[-1] < (_DOUBLE_BELOW / 2) ** 2 * max(one.errors[0], 1e-300)


def check(values: NDArray[np.generic], rank: int, start: Sequence[ArrayLike] | None) -> None:
    """Raise `ValueError` for arguments that no decomposition could be made from."""
    if values.ndim < 2:
        raise ValueError(f"tensor must have at least 2 modes, found shape {values.shape}")
    if rank < 1:
        raise ValueError(f"rank must be at least 1, found {rank}")
    if start is None:
        return
    shapes = [np.shape(factor) for factor in start]
    wanted = [(size, rank) for size in values.shape]
    if shapes != wanted:
        raise ValueError(f"start must have factors of shapes {wanted}, found {shapes}")
    if any(np.min(factor, initial=0) < 0 for factor in start):
        raise ValueError("start must be non-negative, found negative entries")


def observation_mask(values: NDArray[np.generic], mask: ArrayLike | None) -> NDArray[np.bool_] | None:
    """Return where the tensor is observed, or None if everywhere."""
    if mask is None:
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(values.sum()):  # no entry can be missing, and no array of flags was needed
                return None
    finite = np.isfinite(values)
    if mask is None:
        if np.isinf(values).any():
            raise ValueError("tensor must be finite where it is observed, found infinite entries")
        return None if finite.all() else finite
    given = np.asarray(mask)
    try:
        observed = np.broadcast_to(given, values.shape)
    except ValueError:
        raise ValueError(f"mask must broadcast to the tensor's shape {values.shape}, found {given.shape}") from None
    if observed.dtype != bool:
        raise ValueError(f"mask must be boolean, True where the tensor is observed, found dtype {observed.dtype}")
    if not finite[observed].all():
        raise ValueError("tensor must be finite where it is observed, found NaN or infinite entries; mask them")
    return None if observed.all() else observed


def _missing(observed: NDArray[np.bool_]) -> engine.Missing:
    """Return the patterns of missing entries: one if it is the same for all rows, else one a row."""
    if (observed == observed[:1]).all():
        return engine.Missing.of(np.zeros(1, np.int64), observed[:1])
    return engine.Missing.of(np.arange(len(observed), dtype=np.int64), observed)


def _rows(values: NDArray[np.generic], observed: NDArray[np.bool_] | None, order: list[int]) -> DenseRows:
    missing = None if observed is None else _missing(observed.transpose(order))
    moved = (values if observed is None else np.where(observed, values, 0)).transpose(order)
    return DenseRows(moved.astype(np.float64, copy=False).reshape(len(moved), -1), moved.shape, missing)


def _single(values: NDArray[np.generic], observed: NDArray[np.bool_] | None, order: list[int]) -> DenseRows:
    """Return the rows in single precision; a complete tensor is read once, in its own order."""
    if observed is not None:
        whole = _rows(values, observed, order)
        return dataclasses.replace(whole, matrix=whole.matrix.astype(np.float32, order="C"))
    longest = order[0]
    kind = values.dtype if values.dtype in (np.float32, np.float64) else np.dtype(np.float64)
    before = int(np.prod(values.shape[:longest]))
    cube = np.ascontiguousarray(values, kind).reshape(before, values.shape[longest], -1)
    matrix = np.empty((cube.shape[1], before, cube.shape[2]), np.float32)
    _transpose(cube, matrix)
    return DenseRows(matrix.reshape(len(matrix), -1), tuple(values.shape[q] for q in order), None)


@njit(cache=True, nogil=True)
def _transpose(cube: Array, out: Array) -> None:
    """Write ``cube`` with its first two modes exchanged to ``out``, a tile that fits the cache at a time."""
    before, count, after = cube.shape
    wide, high = _TILES
    for low in range(0, before, wide):
        for first in range(0, count, high):
            for row in range(first, min(first + high, count)):
                for p in range(low, min(low + wide, before)):
                    for q in range(after):
                        out[row, p, q] = cube[p, row, q]


def starting_factors(
    shape: tuple[int, ...], modes: list[int], rank: int, start: Sequence[ArrayLike] | None, seed: list[int]
) -> list[Array]:
    """Return the given inner factors, or uniform random ones."""
    if start is not None:
        return [np.array(start[mode], float) for mode in modes]
    rng = np.random.default_rng(seed)
    return [rng.random((shape[mode], rank)) for mode in modes]
