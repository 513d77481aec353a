"""One mode of a nested cross approximation: its fibres, their span and the interpolation points in it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import nonuniform_series
from polyadic.kernels.piecewise_fibre import WHOLE, PiecewiseFibre
from polyadic.kernels.univariate_bases import BASES

Array = NDArray[np.float64]

_LATEST = 6  # fibres whose values on a grid are kept: each is asked for several times


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
        Coefficients of every function, at first.
    """

    def __init__(self, basis: str, size: int) -> None:
        self.name = basis
        self.basis = BASES[basis]
        self.fibres: list[PiecewiseFibre] = []
        self.layout: tuple[tuple[float, float, int], ...] = WHOLE
        self._start(size)

    def _start(self, size: int) -> None:
        self.size = size
        self.points = self.basis.points(size)
        self.span: Array = np.empty((size, 0))
        self.nodes: list[float] = []
        self.matrix: Array = np.empty((0, 0))
        long = size >= nonuniform_series.WORTHWHILE
        self._held = nonuniform_series.LongSeries(self.name, size) if long else None
        self._latest: list[tuple[PiecewiseFibre, int, Array]] = []

    @property
    def rank(self) -> int:
        """Fibres in the span."""
        return len(self.nodes)

    @property
    def edges(self) -> Array:
        """The ends of the pieces of all fibres, ascending: where the function needs many, they lie close."""
        ends = [end for fibre in self.fibres for piece in fibre.pieces for end in (piece.low, piece.high)]
        return np.unique([-1.0, 1.0, *ends])

    def at(self, t: Array, first: int = 0) -> Array:
        """Return the functions of the span at coordinates, ``(len(t), rank)``, from the ``first`` on."""
        if self._held is not None:
            return self._held.at(np.asarray(t, float), first)
        return nonuniform_series.evaluate(self.name, self.span[:, first:], np.asarray(t, float))

    def solve(self, right: Array) -> Array:
        r"""Return :math:`A^{-1}` applied to values at the nodes, ``(rank, ...)``."""
        return np.asarray(np.linalg.solve(self.matrix, right)) if self.rank else right

    def on_grid(self, fibre: PiecewiseFibre, size: int | None = None) -> Array:
        """Return a fibre at the points of a grid of the mode: no new values are asked for."""
        n = size or self.size
        for known, length, values in self._latest:
            if known is fibre and length == n:
                return values
        values = fibre.on_chebyshev_points(n) if self.name == "chebyshev" else fibre(self.basis.points(n))
        self._latest = [*self._latest[1 - _LATEST :], (fibre, n, values)]
        return values

    def residual(self, fibre: PiecewiseFibre) -> Residual:
        """Return what interpolation at the nodes leaves of a fibre."""
        c = self.basis.coefficients(self.on_grid(fibre))
        if self.rank:
            known = nonuniform_series.evaluate(self.name, c[:, None], np.array(self.nodes))[:, 0]
            c = c - self.span @ self.solve(known)
        rest = np.abs(self.basis.values(c))
        rest[np.isin(self.points, self.nodes)] = 0  # rounding there
        where = int(rest.argmax())
        return Residual(c, float(rest[where]), float(self.points[where]))

    def add(self, fibre: PiecewiseFibre, residual: Residual) -> None:
        """Take a fibre into the span and the point of its largest residual into the nodes."""
        column = residual.coefficients / np.linalg.norm(residual.coefficients)
        for _ in range(2):
            column = column - self.span @ (self.span.T @ column)
            column = column / np.linalg.norm(column)
        self.span = np.column_stack([self.span, column])
        if self._held is not None:
            self._held.add(column)
        self.nodes.append(residual.node)
        self.fibres.append(fibre)
        self.layout = fibre.layout
        self.matrix = self.at(np.array(self.nodes))

    def truncate(self, rank: int) -> None:
        """Forget the latest fibres."""
        self.span = self.span[:, :rank]
        if self._held is not None:
            self._held.truncate(rank)
        self.matrix = self.matrix[:rank, :rank]
        del self.nodes[rank:], self.fibres[rank:]

    def regrid(self, size: int) -> None:
        """Move to another number of coefficients with the same fibres; the nodes stay where they are."""
        fibres, nodes, layout = self.fibres, self.nodes, self.layout
        self.fibres = []
        self._start(size)
        for fibre, node in zip(fibres, nodes, strict=True):
            self.add(fibre, self.residual(fibre)._replace(node=node))
        self.layout = layout
