"""How the columns of a table enter a functional Tucker model: modes, covariates, kernels, ranks, form of the core."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from polyadic.kernels import harmonics
from polyadic.kernels.core_form import Form, cp_form, tucker_form

Array = NDArray[np.float64]
Rows = NDArray[np.int32]
LARGEST_CORE = 4096
CHUNK = 2**18
"""Rows whose distinct values are looked for at once."""


@dataclass(frozen=True)
class Layout:
    """How columns enter.

    Attributes
    ----------
    modes
        The coordinate columns of each mode.
    covariates
        For each mode the columns that are constant per its unique index and shape its prior.
    drift
        Columns that enter linearly.
    kernels
        Kernel name of each mode, geometry first for modes of points: ``"sphere matern32"``.
    ranks
        Functions of each mode.
    """

    modes: tuple[tuple[int, ...], ...]
    covariates: tuple[tuple[int, ...], ...]
    drift: tuple[int, ...]
    kernels: tuple[str, ...]
    ranks: tuple[int, ...]


def layout_of(
    X: Array,
    modes: tuple[tuple[int, ...], ...] | None,
    covariates: tuple[int, ...],
    kernels: str | tuple[str, ...],
    rank: int | str | tuple[int, ...],
) -> Layout:
    """Return how the columns of a table enter a model.

    A covariate belongs to the mode of fewest unique indexes of which it is a function (elevation: of place), if these
    repeat at least twice on average; otherwise it is a linear drift.

    Parameters
    ----------
    X
        Shape (n, columns).
    modes
        Columns of each mode; None: one mode for each column that is no covariate.
    covariates
        Covariate columns.
    kernels
        ``"auto"`` or one name a mode.
    rank
        Functions of every mode, or of each; ``"auto"``: 16 for two modes, 3 for three, 2 for more.

    Raises
    ------
    ValueError
        If columns are out of range or used twice, or the number of kernels or ranks is not that of modes.

    Examples
    --------
    >>> table = np.array([[40.0, -105.0, 1600.0, 0.0], [39.0, -106.0, 2700.0, 0.0]] * 2)
    >>> found = layout_of(table, ((0, 1), (3,)), (2,), ("sphere", "matern12"), 2)
    >>> found.covariates, found.kernels
    (((2,), ()), ('sphere auto', 'matern12'))
    """
    columns = X.shape[1]
    if modes is None:
        modes = tuple((column,) for column in range(columns) if column not in covariates)
    modes = tuple(tuple(int(column) for column in mode) for mode in modes)
    _check_columns(modes, tuple(covariates), columns)
    owners = [_owner(X, modes, column) for column in covariates]
    attached = tuple(
        tuple(int(c) for c, o in zip(covariates, owners, strict=True) if o == k) for k in range(len(modes))
    )
    drift = tuple(int(c) for c, owner in zip(covariates, owners, strict=True) if owner is None)
    names = ("auto",) * len(modes) if kernels == "auto" else tuple(np.atleast_1d(kernels).tolist())
    if isinstance(rank, str):
        rank = _generous_rank(rank, len(modes))
    ranks = tuple(int(r) for r in (np.repeat(rank, len(modes)) if np.ndim(rank) == 0 else np.asarray(rank)))
    for label, given in (("kernels", names), ("rank", ranks)):
        if len(given) != len(modes):
            raise ValueError(f"{label}={given}: {len(modes)} modes need as many, one a mode")
    if min(ranks) < 1:
        raise ValueError(f"rank={ranks}: every rank must be at least 1")
    full = tuple(_kernel(name, mode, own) for name, mode, own in zip(names, modes, attached, strict=True))
    return Layout(modes, attached, drift, full, ranks)


def _check_columns(modes: tuple[tuple[int, ...], ...], covariates: tuple[int, ...], columns: int) -> None:
    used = [column for mode in modes for column in mode] + [int(column) for column in covariates]
    if not modes or not all(modes) or len(set(used)) != len(used) or not all(0 <= column < columns for column in used):
        raise ValueError(
            f"modes={modes} with covariates={covariates}: each column of X (0 to {columns - 1}) may be "
            "used once, and a mode needs a column"
        )


def _generous_rank(rank: str, modes: int) -> int:
    """Return a rank whose cost is small for the number of modes; functions that are too many are pruned."""
    if rank != "auto":
        raise ValueError(f"rank={rank!r}: allowed are 'auto', a number, or one number a mode")
    return {1: 1, 2: 16, 3: 3}.get(modes, 2)


def distinct_rows(table: Array) -> tuple[Array, NDArray[np.int64], Rows]:
    """Return sorted distinct rows, a row each of them comes from, and for every row its place among them.

    Notes
    -----
    Hash tables a column, in chunks: time linear in rows, 4 bytes a row beside the table; only distinct rows are sorted.

    Examples
    --------
    >>> distinct, first, place = distinct_rows(np.array([[2.0, 1.0], [1.0, 1.0], [2.0, 1.0]]))
    >>> distinct.tolist(), first.tolist(), place.tolist()
    ([[1.0, 1.0], [2.0, 1.0]], [1, 0], [1, 0, 1])
    """
    where, size = np.zeros(table.shape[0], np.int32), 1
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, table.shape[0], CHUNK)]
    for column in range(table.shape[1]):
        codes, values = _factorized(lambda rows, column=column: table[rows, column], chunks, where.size)  # type: ignore[misc]
        if column == 0:
            where, size = codes, len(values)
            continue

        def both(rows: slice, old: Rows = where, codes: Rows = codes, count: int = len(values)) -> NDArray[np.int64]:
            return old[rows].astype(np.int64) * count + codes[rows]

        where, pairs = _factorized(both, chunks, where.size)
        size = len(pairs)
    first = np.empty(size if table.shape[0] else 0, np.int64)
    for rows in chunks[::-1]:
        own = where[rows][::-1]
        first[own] = np.arange(rows.start + own.size - 1, rows.start - 1, -1)
    return table[first], first, where


def _factorized(part: Callable[[slice], NDArray[Any]], chunks: list[slice], size: int) -> tuple[Rows, NDArray[Any]]:
    """Return the place (size,) of each value among the sorted distinct ones, and these; ``part`` gives a chunk."""
    if len(chunks) == 1:
        found_codes, values = pandas.factorize(part(chunks[0]), sort=True)
        return found_codes.astype(np.int32), values
    found = [pandas.unique(part(rows)) for rows in chunks]
    values = np.unique(np.concatenate(found)) if found else np.zeros(0)
    lookup, codes = pandas.Index(values), np.empty(size, dtype=np.int32)
    for rows in chunks:
        codes[rows] = lookup.get_indexer(pandas.Index(part(rows)))
    return codes, values


def _owner(X: Array, modes: tuple[tuple[int, ...], ...], column: int) -> int | None:
    counts = {}
    for k, mode in enumerate(modes):
        _, first, where = distinct_rows(X[:, list(mode)])
        if 2 * first.size <= X.shape[0] and np.array_equal(X[first, column][where], X[:, column]):
            counts[k] = first.size
    return min(counts, key=counts.__getitem__) if counts else None


def _kernel(name: str, mode: tuple[int, ...], covariates: tuple[int, ...]) -> str:
    """Return the full kernel name: points get a geometry, and modes with covariates are points."""
    geometry, _, rest = name.partition(" ")
    if geometry in ("sphere", "plane"):
        return f"{geometry} {rest or 'auto'}"
    plain = name.replace(" ", "")
    return f"plane {plain}" if len(mode) > 1 or covariates else plain


def choose_form(core: str, ranks: tuple[int, ...], known: tuple[int, ...] = ()) -> Form:
    """Return the Tucker form, or the CP form when asked or when the core would have more than 4,096 entries.

    Raises
    ------
    ValueError
        If CP is wanted with unequal ranks, or ``core`` is not known.

    Examples
    --------
    >>> choose_form("auto", (3, 3, 3)).kind, choose_form("auto", (7,) * 5).kind
    ('tucker', 'cp')
    """
    if core not in ("auto", "tucker", "cp"):
        raise ValueError(f"core={core!r}: allowed are auto, tucker, cp")
    counts = known or (0,) * len(ranks)
    large = int(np.prod([1 + count + rank for rank, count in zip(ranks, counts, strict=True)])) > LARGEST_CORE
    if core == "cp" or (core == "auto" and large):
        if len(set(ranks)) > 1:
            raise ValueError(f"rank={ranks}: a CP core needs equal ranks")
        return cp_form(ranks[0], len(ranks), known)
    return tucker_form(ranks, known)


def periods(layout: Layout, k: int) -> Array:
    """Return the periods of the given functions of a mode, none for modes of points."""
    return np.zeros(0) if " " in layout.kernels[k].split("+")[0] else harmonics.separate(layout.kernels[k])[1]


def known_functions(layout: Layout, k: int, at: Array, kind: str) -> Array:
    """Return the given functions of a mode at coordinates (n, columns), by their places in a core of that kind."""
    found = harmonics.functions(periods(layout, k), at[:, 0])
    return np.tile(found, 2) if kind == "cp" else found
