"""How the columns of a table enter a functional Tucker model: modes, covariates, kernels, ranks, form of the core."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import harmonics
from polyadic.kernels.core_form import Form, cp_form, tucker_form

Array = NDArray[np.float64]
LARGEST_CORE = 4096


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


def distinct_rows(table: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return sorted distinct rows, a row each of them comes from, and for every row its place among them."""
    if table.shape[1] == 1:
        unique, first, where = np.unique(table[:, 0], return_index=True, return_inverse=True)
        return unique[:, None], first, where
    unique, first, where = np.unique(table, axis=0, return_index=True, return_inverse=True)
    return unique, first, where.ravel()


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
