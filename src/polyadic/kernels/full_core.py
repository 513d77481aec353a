"""All values on a tensor product of nodes that grows: the core of a nested cross in two and three modes."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import tucker_compression
from polyadic.kernels.tucker_expansion import contract

Array = NDArray[np.float64]
Index = NDArray[np.intp]


class FullCore:
    """Values at the tensor product of nodes, new nodes at the ends.

    Parameters
    ----------
    values
        Returns the values at ``(n, d)`` indices of nodes.
    dimension
        The number of modes.
    """

    def __init__(self, values: Callable[[Index], Array], dimension: int) -> None:
        self.values = values
        self.table: Array = np.empty((0,) * dimension)

    @property
    def shape(self) -> tuple[int, ...]:
        """Nodes of every mode."""
        return self.table.shape

    def extend(self, shape: tuple[int, ...], accepted: float) -> None:  # noqa: ARG002 - as of `TrainCore`
        """Take in the values at new nodes, so that there are as many as ``shape`` says; all are exact."""
        old = tuple(slice(n) for n in self.table.shape)
        missing = np.ones(shape, bool)
        missing[old] = False
        values = self.values(np.argwhere(missing))
        table = np.empty(shape)
        table[old] = self.table
        table[missing] = values
        self.table = table

    def refine(self, accepted: float, near: Index) -> bool:  # noqa: ARG002 - as of `TrainCore`
        """Return whether anything could be made more accurate: nothing, all values are there."""
        return False

    def reduced(self, inverses: Sequence[Array]) -> "FullForm":
        """Return the core that belongs to other bases of the modes: one matrix (new, nodes) a mode."""
        return FullForm(np.ascontiguousarray(tucker_compression.multiply(self.table, inverses)))


class FullForm:
    """A core whose entries are held, contracted with factors at points or along a line."""

    def __init__(self, core: Array) -> None:
        self.core = core

    def dense(self) -> Array:
        """Return all entries."""
        return self.core

    @property
    def step(self) -> int:
        """Points that may be contracted at once."""
        return int(max(64, 2**22 // max(1, self.core[0].size)))

    def at(self, factors: Sequence[Array]) -> Array:
        """Return the values at points from the factor values ``(n, r_k)`` of every mode."""
        return contract(self.core, factors)

    def along(self, factors: Sequence[Array], mode: int) -> Array:
        """Return the contraction with one row a mode, one mode left open."""
        rows: list[Array | None] = list(factors)
        rows[mode] = None
        return tucker_compression.multiply(self.core, rows).ravel()
