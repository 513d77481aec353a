"""The entries of a scattered tensor sorted by each of its modes, and the sums over them that a sweep needs."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyadic.kernels.core_form import Form
from polyadic.kernels.tucker_form import Entries, Rows, entry_sums

Array = NDArray[np.float64]
CHUNK = 4_000_000


@njit(cache=True)
def _sort(index, mode, start, order, others):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Count the rows of each index, then write them one index after the other."""
    for n in range(index.shape[0]):
        start[index[n, mode] + 1] += 1
    for d in range(start.size - 1):
        start[d + 1] += start[d]
    at = start.copy()
    for n in range(index.shape[0]):
        place = at[index[n, mode]]
        at[index[n, mode]] += 1
        order[place] = n
        for k in range(others.shape[1]):
            others[place, k] = index[n, k if k < mode else k + 1]


def sort_entries(index: NDArray[np.int32], sizes: tuple[int, ...]) -> tuple[Entries, ...]:
    """Return the entries sorted by each mode in turn, those of one index in the order of rows.

    Parameters
    ----------
    index
        Index of each entry in each mode, shape (N, K).
    sizes
        Number of indexes of each mode.

    Notes
    -----
    Counting sorts: time and memory O(N K^2), 4 N K^2 bytes up to 2^31 entries.

    Examples
    --------
    >>> sort_entries(np.array([[1, 0], [0, 0], [1, 1]], np.int32), (2, 2))[0].order
    array([1, 0, 2], dtype=int32)
    """
    return tuple(sort_by(index, mode, size) for mode, size in enumerate(sizes))


def sort_by(index: NDArray[np.int32], mode: int, size: int) -> Entries:
    """Return the entries (N, K) sorted by one mode of ``size`` indexes, see :func:`sort_entries`."""
    count, modes = index.shape
    order: Rows = np.empty(count, np.int32) if count < 2**31 else np.empty(count, np.int64)
    start, others = np.zeros(size + 1, np.int64), np.empty((count, modes - 1), np.int32)
    _sort(index, mode, start, order, others)
    return Entries(order, start, others)


class Sums:
    """The sums of one mode over its entries, made in chunks of indexes and kept when they fit."""

    def __init__(
        self, form: Form, mode: int, entries: Entries, weight: Array, value: Array, moments: list[tuple[Array, Array]]
    ) -> None:
        self.form, self.entries, self.weight, self.value = form, entries, weight, value
        rest = [k for k in range(len(moments)) if k != mode]
        self.others = [moments[k][0] for k in rest], [moments[k][1] for k in rest]
        wide = int(np.prod([a.shape[1] for a in self.others[1]])) if form.kind == "tucker" else form.sizes[0] ** 2
        self.step = max(1, CHUNK // wide)
        self.kept: tuple[Array, Array] | None = None

    def chunks(self) -> Iterator[tuple[slice, Array, Array]]:
        """Yield slices of indexes with their ``G`` and ``g``."""
        D = self.entries.start.size - 1
        for first in range(0, D, self.step):
            rows = slice(first, min(first + self.step, D))
            if self.kept is not None:
                yield rows, *self.kept
                continue
            part = replace(self.entries, start=self.entries.start[rows.start : rows.stop + 1])
            found = entry_sums(self.form, part, self.weight, self.value, self.others)
            if self.step >= D:
                self.kept = found
            yield rows, *found
