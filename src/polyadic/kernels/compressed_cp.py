r"""Many starts of a non-negative CP model on a small Tucker core of the tensor, so that the tensor itself is spared.

The tensor X is replaced by its projection :math:`G \times_1 Q_1 \dots \times_N Q_N` on few orthonormal directions of
each mode. The factors stay whole and non-negative; only the products with the tensor become products with the core G.
What starts find there is near what they would find in X, at a cost that does not depend on the size of X.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]

_DIRECTIONS = 4  # directions a mode and component: fewer rank the minima otherwise than the tensor does
_EVERY = 4  # of the rows, in the power iteration that only prepares the directions
_LEAST_SAVING = 8  # times that the core must be smaller than the tensor
_ROUNDING = 1e-8  # share of the largest squared singular value below which single precision holds no direction
_ROUNDS = ((6, 8), (6, 4), (12, 4))  # iterations, then the starts that are left: successive halving
_SWEEPS, _FIRST_SWEEPS = 2, 20
_GROWTH, _CEILING_GROWTH, _CUT = 1.2, 1.05, 1.5  # as in `alternating_cp`
_NOTHING = 2e-6  # share of the squared error on the core
_ONE = np.zeros(1, np.int64)


@dataclasses.dataclass(frozen=True)
class Core:
    """A projected tensor: ``core`` ``(k_1, ..., k_N)`` and orthonormal ``bases`` ``(n, k)``, None: the whole mode."""

    core: Array
    bases: tuple[Array | None, ...]

    def down(self, mode: int, factor: Array) -> Array:
        """Return the coordinates ``(k, R)`` of a factor ``(n, R)``."""
        basis = self.bases[mode]
        return factor if basis is None else basis.T @ factor

    def up(self, mode: int, coordinates: Array) -> Array:
        """Return what has these coordinates ``(k, R)``, shape ``(n, R)``."""
        basis = self.bases[mode]
        return coordinates if basis is None else basis @ coordinates


@dataclasses.dataclass
class Walk:
    """A start on the core: its best factors, the extrapolated ones to go on from, squared errors that never rise."""

    factors: list[Array]
    trial: list[Array]
    errors: list[float] = dataclasses.field(default_factory=list)
    momentum: float = 0.5
    ceiling: float = 1.0


def worthwhile(shape: Sequence[int], rank: int) -> bool:
    """Return whether the core of a tensor would be much smaller than the tensor.

    Examples
    --------
    >>> worthwhile((100, 100, 200), 5), worthwhile((9, 8, 7), 2)
    (True, False)
    """
    core = np.prod([float(min(size, _DIRECTIONS * rank)) for size in shape])
    return bool(core * _LEAST_SAVING <= np.prod([float(size) for size in shape]))


def compress(matrix: Array, shape: Sequence[int], rank: int, seed: int) -> Core:
    r"""Return the projection of a complete tensor on ``4 R`` directions a mode.

    Those of the first mode are found by a randomised range finder with one power iteration (Halko, Martinsson and
    Tropp, SIAM Review 53 (2011) 217) on a quarter of the rows, those of the others as left singular vectors of what is
    left.

    Parameters
    ----------
    matrix, shape
        The tensor with its first mode as rows ``(n_1, n_2 ... n_N)``, and its shape.
    rank, seed
        Components of the model; of the random directions.

    Notes
    -----
    ``20 n R`` flops for ``n`` entries.
    """
    size = _DIRECTIONS * rank
    sample = matrix[:: _EVERY if len(matrix) >= 2 * _EVERY * size else 1]
    columns = min(size, matrix.shape[1])
    basis: Array = np.random.default_rng(seed).standard_normal((matrix.shape[1], columns)).astype(matrix.dtype)
    basis = np.linalg.qr(sample.T @ (sample @ basis))[0]
    images: Array = matrix @ basis
    products = (matrix.T @ images).astype(float)
    images = images.astype(float)
    values, vectors = np.linalg.eigh(images.T @ images)
    kept = values > _ROUNDING * max(values[-1], 0)
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    bases: list[Array | None] = [images @ whiten]
    core = np.ascontiguousarray((products @ whiten).T).reshape(-1, *shape[1:])
    for mode in range(1, core.ndim):
        found = _leading(np.moveaxis(core, mode, 0).reshape(core.shape[mode], -1), size)
        bases.append(found)
        if found is not None:
            core = np.moveaxis(np.tensordot(found, core, (0, mode)), 0, mode)
    return Core(np.ascontiguousarray(core), tuple(bases))


def _leading(matrix: Array, size: int) -> Array | None:
    """Return the leading left singular vectors, or None where there are no more rows than wanted."""
    count, width = matrix.shape
    if count <= size:
        return None
    if count <= width:
        return np.asarray(np.linalg.eigh(matrix @ matrix.T)[1][:, -size:])
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    kept = values > _ROUNDING * max(values[-1], 0)
    return np.asarray(matrix @ (vectors[:, kept] / np.sqrt(values[kept]))[:, -size:])


def finalists(core: Core, starts: Sequence[Sequence[Array]]) -> list[Walk]:
    """Return the best starts after 24 iterations on the core, best first; eight go on after 6, four after 12.

    Parameters
    ----------
    core
        As `compress` makes it.
    starts
        The inner factors ``(n, R)`` of each start, non-negative; the first factor is solved for.
    """
    walks = [begin(core, inner) for inner in starts]
    for iterations, left in _ROUNDS:
        for walk in walks:
            for _ in range(iterations):
                if not settled(walk):
                    step(core, walk)
        walks = sorted(walks, key=lambda walk: walk.errors[-1])[:left]
    return walks


def begin(core: Core, inner: Sequence[Array]) -> Walk:
    """Return a start at given inner factors."""
    first = core.bases[0]
    rows = core.core.shape[0] if first is None else len(first)
    factors = [np.zeros((rows, inner[0].shape[1])), *(np.array(factor, float) for factor in inner)]
    return Walk(factors, factors)


def step(core: Core, walk: Walk) -> None:
    """Update every factor of a start once, accept or refuse the step, and extrapolate the next one."""
    factors = [factor.copy() for factor in walk.trial]
    error = _update(core, factors, _SWEEPS if walk.errors else _FIRST_SWEEPS)
    if walk.errors and error > walk.errors[-1]:
        walk.errors.append(walk.errors[-1])
        walk.ceiling = walk.momentum
        walk.momentum /= _CUT
        walk.trial = walk.factors
        return
    for factor in factors[1:]:
        norms = np.linalg.norm(factor, axis=0)
        factor /= np.where(norms > 0, norms, 1)
        factors[0] *= norms
    if walk.errors:
        walk.ceiling = min(1.0, _CEILING_GROWTH * walk.ceiling)
        walk.momentum = min(walk.ceiling, _GROWTH * walk.momentum)
        pairs = zip(factors, walk.factors, strict=True)
        walk.trial = [np.maximum(0, new + walk.momentum * (new - old)) for new, old in pairs]
    else:  # the start itself says nothing about the direction
        walk.trial = factors
    walk.factors = factors
    walk.errors.append(error)


def settled(walk: Walk) -> bool:
    """Return whether the last two steps gained next to nothing, though neither was refused."""
    if len(walk.errors) < 4:
        return False
    before, between, now = walk.errors[-3:]
    return before > between > now and before - now < _NOTHING * before


def _update(core: Core, factors: list[Array], first_sweeps: int) -> float:
    """Lower the error over each factor in turn, in place; return the squared error over the core."""
    coordinates = [core.down(mode, factor) for mode, factor in enumerate(factors)]
    grams = [factor.T @ factor for factor in factors]
    for mode, factor in enumerate(factors):
        gram = np.ones_like(grams[0])
        for other in range(len(factors)):
            if other != mode:
                gram *= grams[other]
        target = np.ascontiguousarray(core.up(mode, weighted(core.core, coordinates, mode)))
        descend(factor, target, gram[None], _ONE, _SWEEPS if mode else first_sweeps)
        coordinates[mode] = core.down(mode, factor)
        grams[mode] = factor.T @ factor
    return float(np.sum(core.core**2) + np.sum(gram * grams[-1]) - 2 * np.sum(target * factors[-1]))


def weighted(core: Array, coordinates: Sequence[Array], mode: int) -> Array:
    """Return the core weighted by and summed over every mode but one: ``(k_mode, R)``.

    Examples
    --------
    >>> weighted(np.ones((2, 3, 4)), [np.ones((n, 1)) for n in (2, 3, 4)], 1).T
    array([[8., 8., 8.]])
    """
    last = core.ndim - 1
    if mode == last:  # the longest product first, as one of matrices
        part = core.reshape(core.shape[0], -1).T @ coordinates[0]
        return engine.contract(part.reshape(*core.shape[1:], -1), coordinates[1:], mode - 1)
    part = core.reshape(-1, core.shape[-1]) @ coordinates[last]
    return engine.contract(part.reshape(*core.shape[:-1], -1), coordinates[:-1], mode)
