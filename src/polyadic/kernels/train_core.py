r"""Values on a tensor product of nodes in tensor-train form, by crosses: no value outside of its crosses is asked for.

.. math:: A(i_1, \ldots, i_d) \approx T_1(i_1)\, P_1^{-1} T_2(i_2)\, P_2^{-1} \cdots T_d(i_d)

with :math:`P_k = A(I_k, J_k)` for chosen sets of left and right indices and
:math:`T_k = A(I_{k-1}, i_k, J_k)`. Pivots are only ever added (Savostyanov, *Linear Algebra Appl.* 458 (2014), 217).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]

_PROBES = 24  # entries that test a bond, and the whole, before it is believed
_ROOKS = 2
_SWEEPS = 4
_BITS = 62


class TrainCore:
    """The core of a nested cross in more than three modes.

    Parameters
    ----------
    values
        Returns the values at ``(n, d)`` indices of nodes.
    dimension
        The number of modes.
    rng
        Draws the entries that test the approximation.
    """

    def __init__(self, values: Callable[[Index], Array], dimension: int, rng: np.random.Generator) -> None:
        self.dimension = dimension
        self.rng = rng
        self.shape: tuple[int, ...] = (0,) * dimension
        self._cache = _Cache(values, dimension)
        self._left: list[Index] = []
        self._right: list[Index] = []
        self._parts: list[Array] = []

    def extend(self, shape: tuple[int, ...], accepted: float) -> None:
        """Take in new nodes, so that there are as many as ``shape`` says, each value within the accepted error."""
        with self._restored():
            self.shape = shape
            if not self._parts:
                self._begin()
            else:
                self._parts = [self._part(k) for k in range(self.dimension)]
            self.refine(accepted)

    @contextlib.contextmanager
    def _restored(self) -> Iterator[None]:
        """Put back what was there before where an error, an exhausted budget say, cuts a change short."""
        before = self.shape, list(self._left), list(self._right), list(self._parts)
        try:
            yield
        except Exception:
            self.shape, self._left, self._right, self._parts = before
            self._cache.forget_beyond(self.shape)  # other nodes will take these places
            raise

    def _begin(self) -> None:
        d = self.dimension
        self._left = [np.zeros((1, k), np.intp) for k in range(d + 1)]
        self._right = [np.zeros((1, d - k), np.intp) for k in range(d + 1)]
        self._parts = [self._part(k) for k in range(d)]

    def refine(self, accepted: float, near: Index | None = None) -> bool:
        """Add pivots until probes of every bond and of the whole stay within the accepted error.

        Parameters
        ----------
        accepted
            Absolute.
        near
            ``(n, d)`` indices to look at as well.

        Returns
        -------
        whether any was added.
        """
        added = False
        bonds = list(range(1, self.dimension))
        with self._restored():
            for sweep in range(_SWEEPS):
                found = [self._improve(bond, accepted) for bond in (bonds if sweep % 2 == 0 else bonds[::-1])]
                found.append(self._globally(accepted, near))
                added = added or any(found)
                if not any(found):
                    break
        return added

    def _rows(self, bond: int) -> Index:
        """Return the left indices of the matrix that a bond divides: those of the bond before, and one more mode."""
        return _product(self._left[bond - 1], np.arange(self.shape[bond - 1])[:, None])

    def _columns(self, bond: int) -> Index:
        return _product(np.arange(self.shape[bond])[:, None], self._right[bond + 1])

    def _part(self, k: int) -> Array:
        left, right = self._rows(k + 1), self._right[k + 1]
        values = self._cache(_product(left, right))
        return values.reshape(len(self._left[k]), self.shape[k], len(right))

    def _halves(self, bond: int) -> tuple[Array, Array]:
        """Return the factors whose product approximates the matrix of a bond."""
        left, right = self._parts[bond - 1], self._parts[bond]
        pivots = self._cache(_product(self._left[bond], self._right[bond])).reshape(len(self._left[bond]), -1)
        right = right.reshape(len(pivots), -1)
        return left.reshape(-1, left.shape[-1]), np.asarray(np.linalg.solve(pivots, right), float)

    def _improve(self, bond: int, accepted: float) -> bool:
        """Add pivots to one bond while probes find a larger residual than the accepted one."""
        added = False
        rows, columns = self._rows(bond), self._columns(bond)
        while len(self._left[bond]) < min(len(rows), len(columns)):
            left, right = self._halves(bond)
            at = (
                self._probes(len(rows), len(self._left[bond - 1]), bond - 1),
                self._probes(len(columns), len(self._right[bond + 1]), bond),
            )
            known = self._cache(np.hstack([rows[at[0]], columns[at[1]]]))
            rest = np.abs(known - np.einsum("pa,ap->p", left[at[0]], right[:, at[1]]))
            top = int(rest.argmax())
            if rest[top] <= accepted:
                break
            row, column = int(at[0][top]), int(at[1][top])
            for _ in range(_ROOKS):
                values = self._cache(np.hstack([rows, np.repeat(columns[[column]], len(rows), 0)]))
                row = int(np.abs(values - left @ right[:, column]).argmax())
                values = self._cache(np.hstack([np.repeat(rows[[row]], len(columns), 0), columns]))
                before, column = column, int(np.abs(values - left[row] @ right).argmax())
                if column == before:
                    break
            self._add(bond, rows[row], columns[column])
            added = True
        return added

    def _probes(self, count: int, pivots: int, mode: int) -> Index:
        """Return positions in the rows or columns of a bond: half of them with the latest node of the mode."""
        at = self.rng.integers(0, count, _PROBES)
        if mode < self.dimension and pivots:
            node = self.shape[mode] - 1
            outer = self.rng.integers(0, pivots, _PROBES // 2)
            latest = outer * self.shape[mode] + node if count == pivots * self.shape[mode] else at[: _PROBES // 2]
            at[: _PROBES // 2] = latest
        return at

    def _add(self, bond: int, row: Index, column: Index) -> None:
        self._left[bond] = np.vstack([self._left[bond], row])
        self._right[bond] = np.vstack([self._right[bond], column])
        self._parts[bond - 1] = self._part(bond - 1)
        self._parts[bond] = self._part(bond)

    def _globally(self, accepted: float, near: Index | None) -> bool:
        """Look at entries anywhere, and add pivots to all bonds whose matrices do not explain the worst."""
        index = np.column_stack([self.rng.integers(0, n, _PROBES) for n in self.shape])
        latest = np.array(self.shape)[None] - 1
        index = np.vstack([index, latest] if near is None else [index, latest, near])
        known = self._cache(index)
        rest = np.abs(known - self._entries(index))
        top = int(rest.argmax())
        if rest[top] <= accepted:
            return False
        worst, added = index[top], False
        for bond in range(1, self.dimension):
            left, right = self._left[bond], self._right[bond]
            row = self._cache(_product(worst[None, :bond], right))
            column = self._cache(_product(left, worst[None, bond:]))
            pivots = self._cache(_product(left, right)).reshape(len(left), -1)
            if abs(known[top] - row @ np.linalg.solve(pivots, column)) > accepted:
                self._add(bond, worst[:bond], worst[bond:])
                added = True
        return added

    def _cores(self) -> list[Array]:
        """Return the cores of the train: every part but the last times the inverse of its pivots."""
        out: list[Array] = []
        for k, part in enumerate(self._parts[:-1]):
            left, right = self._left[k + 1], self._right[k + 1]
            pivots = self._cache(_product(left, right)).reshape(len(left), -1)
            solved: Array = np.asarray(np.linalg.solve(pivots.T, part.reshape(-1, len(pivots)).T).T, float)
            out.append(np.reshape(solved, part.shape))
        return [*out, self._parts[-1]]

    def _entries(self, index: Index) -> Array:
        left = np.ones((len(index), 1))
        for k, core in enumerate(self._cores()):
            left = np.einsum("pa,apb->pb", left, core[:, index[:, k]])
        return left[:, 0]

    def reduced(self, inverses: Sequence[Array]) -> "TrainForm":
        """Return the core that belongs to other bases of the modes: one matrix (new, nodes) a mode."""
        cores = [np.einsum("jn,anb->ajb", m, c, optimize=True) for m, c in zip(inverses, self._cores(), strict=True)]
        return TrainForm(cores)


class TrainForm:
    """A core in tensor-train form, contracted with factors at points or along a line."""

    def __init__(self, cores: Sequence[Array]) -> None:
        self.cores = cores

    def dense(self) -> Array:
        """Return all entries."""
        out = np.ones((1, 1))
        for core in self.cores:
            out = np.tensordot(out, core, 1).reshape(-1, core.shape[2])
        return out.reshape([core.shape[1] for core in self.cores])

    @property
    def step(self) -> int:
        """Points that may be contracted at once."""
        return int(max(64, 2**22 // max(core[0].size for core in self.cores)))

    def at(self, factors: Sequence[Array]) -> Array:
        """Return the values at points from the factor values ``(n, r_k)`` of every mode."""
        left = np.ones((len(factors[0]), 1))
        for core, rows in zip(self.cores, factors, strict=True):
            a, n, b = core.shape
            left = np.einsum("pnb,pn->pb", (left @ core.reshape(a, n * b)).reshape(-1, n, b), rows)
        return left[:, 0]

    def along(self, factors: Sequence[Array], mode: int) -> Array:
        """Return the contraction with one row a mode, one mode left open."""
        left, right = np.ones(1), np.ones(1)
        for k in range(mode):
            left = np.tensordot(left, self.cores[k], 1).T @ factors[k][0]
        for k in range(len(self.cores) - 1, mode, -1):
            right = factors[k][0] @ (self.cores[k] @ right).T
        return np.asarray(np.tensordot(left, self.cores[mode], 1) @ right)


class _Cache:
    """Values at indices, each asked for once; keys are kept sorted."""

    def __init__(self, values: Callable[[Index], Array], dimension: int) -> None:
        self.values = values
        self.bits = _BITS // dimension
        self.keys = np.empty(0, np.int64)
        self.known = np.empty(0)

    def forget_beyond(self, shape: Sequence[int]) -> None:
        """Drop the values at indices that a shape does not have."""
        kept, rest = np.ones(len(self.keys), bool), self.keys
        for n in reversed(shape):
            kept &= (rest & ((1 << self.bits) - 1)) < n
            rest = rest >> self.bits
        self.keys, self.known = self.keys[kept], self.known[kept]

    def __call__(self, index: Index) -> Array:
        keys = np.zeros(len(index), np.int64)
        for column in index.T:
            keys = (keys << self.bits) | column
        distinct, first = np.unique(keys, return_index=True)
        at = np.searchsorted(self.keys, distinct)
        seen = at < len(self.keys)
        seen[seen] = self.keys[at[seen]] == distinct[seen]
        if not seen.all():
            got = self.values(index[first[~seen]])
            self.keys = np.insert(self.keys, at[~seen], distinct[~seen])
            self.known = np.insert(self.known, at[~seen], got)
        return self.known[np.searchsorted(self.keys, keys)]


def _product(left: Index, right: Index) -> Index:
    """Return all pairs of rows, joined, the left one running slowest."""
    return np.hstack([np.repeat(left, len(right), axis=0), np.tile(right, (len(left), 1))])
