"""One mode of a nested cross approximation: its grid, its fibres, their span and the interpolation points in it."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from polyadic.kernels.univariate_bases import BASES

Array = NDArray[np.float64]


class Residual(NamedTuple):
    """What interpolation in the present span leaves of a fibre: coefficients, largest value, and where that is."""

    coefficients: Array
    peak: float
    node: float


class ModeSpace:
    r"""The span of fibres of one mode, with as many interpolation points.

    The interpolant of v is :math:`Q A^{-1} v(I)` with Q the orthonormal coefficients of the span and
    :math:`A = Q(I)`; a new fibre brings the point where the present interpolant of it is worst (empirical
    interpolation: Barrault et al., *C. R. Math.* 339 (2004), 667).

    Parameters
    ----------
    basis
        ``"chebyshev"`` or ``"fourier"``.
    size
        Points of the first grid.
    """

    def __init__(self, basis: str, size: int) -> None:
        self.name = basis
        self.basis = BASES[basis]
        self.lines: list[Array] = []
        self.fibres: list[Array] = []
        self._start(size)

    def _start(self, size: int) -> None:
        self.size = size
        self.points = self.basis.points(size)
        self.span = np.empty((size, 0))
        self.nodes: list[float] = []

    @property
    def rank(self) -> int:
        """Fibres in the span."""
        return len(self.nodes)

    def at(self, t: Array) -> Array:
        """Return the functions of the span at coordinates, ``(len(t), rank)``."""
        return self.basis.functions(np.asarray(t, float), self.size).T @ self.span

    def solve(self, right: Array) -> Array:
        r"""Return :math:`A^{-1}` applied to values at the nodes, ``(rank, ...)``."""
        return np.linalg.solve(self.at(np.array(self.nodes)), right) if self.rank else right

    def residual(self, fibre: Array) -> Residual:
        """Return what interpolation at the nodes leaves of a fibre on the grid."""
        c = self.basis.coefficients(fibre)
        if self.rank:
            known = self.basis.functions(np.array(self.nodes), self.size).T @ c
            c = c - self.span @ self.solve(known)
        rest = np.abs(self.basis.values(c))
        where = int(rest.argmax())
        return Residual(c, float(rest[where]), float(self.points[where]))

    def add(self, fibre: Array, line: Array, residual: Residual) -> None:
        """Take a fibre into the span and the point of its largest residual into the nodes."""
        column = residual.coefficients / np.linalg.norm(residual.coefficients)
        for _ in range(2):
            column = column - self.span @ (self.span.T @ column)
            column = column / np.linalg.norm(column)
        self.span = np.column_stack([self.span, column])
        self.nodes.append(residual.node)
        self.fibres.append(fibre)
        self.lines.append(line.copy())

    def truncate(self, rank: int) -> None:
        """Forget the latest fibres."""
        self.span = self.span[:, :rank]
        del self.nodes[rank:], self.fibres[rank:], self.lines[rank:]

    def regrid(self, size: int, fibres: list[Array]) -> None:
        """Move to another grid with the same fibres on it; the nodes stay where they are."""
        lines, nodes = self.lines, self.nodes
        self.lines, self.fibres = [], []
        self._start(size)
        for fibre, line, node in zip(fibres, lines, nodes, strict=True):
            self.add(fibre, line, self.residual(fibre)._replace(node=node))

    def conditioning(self) -> float:
        """Return the norm of the inverse of the values at the nodes, scaled by the size of the span there."""
        a = self.at(np.array(self.nodes))
        s = scipy.linalg.svdvals(a)
        return float(s[0] / s[-1])
