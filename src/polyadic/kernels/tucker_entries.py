"""The entries of a scattered tensor sorted by each of its modes, and the sums over them that a sweep needs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.core_form import Form
from polyadic.kernels.tucker_form import entry_sums

Array = NDArray[np.float64]
CHUNK = 4_000_000


@dataclass(frozen=True)
class Entries:
    """The data sorted by one mode: ``order`` of the rows, ``start`` of each index, ``others`` their other indexes."""

    order: NDArray[np.int64]
    start: NDArray[np.int64]
    others: NDArray[np.int32]


def sort_entries(index: NDArray[np.int32], sizes: tuple[int, ...]) -> tuple[Entries, ...]:
    """Return the entries sorted by each mode in turn.

    Parameters
    ----------
    index
        Index of each entry in each mode, shape (N, K).
    sizes
        Number of indexes of each mode.

    Notes
    -----
    Memory O(N K^2), time O(N K log N).
    """
    found = []
    for mode, D in enumerate(sizes):
        order = np.argsort(index[:, mode], kind="stable")
        start = np.searchsorted(index[order, mode], np.arange(D + 1))
        rest = [k for k in range(len(sizes)) if k != mode]
        found.append(Entries(order, start, np.ascontiguousarray(index[order][:, rest])))
    return tuple(found)


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
            start = self.entries.start[rows.start : rows.stop + 1]
            found = entry_sums(self.form, start, self.entries.others, self.weight, self.value, self.others)
            if self.step >= D:
                self.kept = found
            yield rows, *found
