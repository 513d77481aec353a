"""Hyperparameters of a sum of Matern products by Vecchia's likelihood on a share of the rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import minimize

from . import vecchia
from .matern_products import Floats, Integers, MaternProducts, block_starts, check_smoothness
from .neighbour_search import Field, nearest_before


@dataclass(frozen=True)
class Search:
    """How hyperparameters are looked for; the defaults are good without tuning.

    Parameters
    ----------
    smoothness
        Smoothness of each component along each mode, (C, K) or (C, 1); 0 makes it constant along the mode.
    neighbours
        Neighbours that a row is conditioned on in prediction.
    fit_neighbours
        The same in the fit, where fewer do.
    rows
        Rows whose conditional density is maximised; all rows where there are fewer. Their neighbours come from all.
    starts
        Starting points tried on a tenth of these rows.
    rounds
        Times the neighbours are chosen again by the length scales found.
    seed
        Seed of the order of the rows and of the starting points.
    """

    smoothness: Sequence[Sequence[float]] = ((0.5,), (0.5,), (0.5,))
    neighbours: int = 40
    fit_neighbours: int = 20
    rows: int = 2000
    starts: int = 4
    rounds: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("neighbours", "fit_neighbours", "rows", "starts", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class VecchiaTask:
    """The likelihood of ordered, centred rows, and its maximisation."""

    points: Floats
    values: Floats
    extra: Floats
    modes: tuple[str, ...]
    search: Search

    def neighbours(self, kernel: MaternProducts, rows: Integers) -> Integers:
        """Return the neighbours (b, m) of ``rows`` among the rows before each."""
        count = max(min(self.search.fit_neighbours, len(self.points) - 1), 1)
        return nearest_before(self.field(kernel), rows, 0, count)

    def field(self, kernel: MaternProducts) -> Field:
        """Return the rows with the covariance ``kernel``."""
        return Field(self.points, kernel.noise + self.extra, kernel, self.modes)

    def evaluate(self, kernel: MaternProducts, rows: Integers, near: Integers) -> tuple[float, Floats]:
        """Return log likelihood and gradient by log variances, log length scales and log noise."""
        gradient = np.zeros(kernel.length_scale.size + len(kernel.variance) + 1)
        total = vecchia.log_likelihood(self.field(kernel).arrays, self.values, rows, near, gradient)
        gradient[-1] *= kernel.noise
        return total, gradient

    def solve(self) -> tuple[MaternProducts, float, bool, int]:
        """Return the best kernel, its mean log density of a row, whether it converged, and all iterations."""
        n = len(self.values)
        rows = np.unique(np.linspace(0, n - 1, min(self.search.rows, n)).round().astype(np.int64))
        few = rows[:: max(1, len(rows) // max(300, len(rows) // 10))]
        trials = [self._climb(start, few, 15) for start in self._starts()]
        iterations = sum(trial[3] for trial in trials)
        best = max(trials, key=lambda trial: trial[1])
        for _ in range(self.search.rounds):
            best = self._climb(best[0], rows, 40)
            iterations += best[3]
        return best[0], best[1], best[2], iterations

    def _climb(self, start: MaternProducts, rows: Integers, steps: int) -> tuple[MaternProducts, float, bool, int]:
        near = self.neighbours(start, rows)

        def loss(theta: Floats) -> tuple[float, Floats]:
            value, gradient = self.evaluate(unpacked(theta, start), rows, near)
            return -value / len(rows), -gradient / len(rows)

        options = {"maxiter": steps, "ftol": 1e-7, "gtol": 1e-5, "maxcor": 20}
        # The stubs do not know that ``jac=True`` makes the function return a pair.
        found = minimize(loss, packed(start), jac=True, method="L-BFGS-B", bounds=self._bounds(), options=options)  # type: ignore[call-overload]
        return unpacked(found.x, start), -float(found.fun), bool(found.success), int(found.nit)

    def _range(self) -> Floats:
        starts = block_starts(self.modes)
        blocks = [self.points[:, a:b] for a, b in pairwise(starts)]
        spread = np.array([np.ptp(block, axis=0).max() for block in blocks])
        return np.where(spread > 0.0, spread, 1.0)

    def _scale(self) -> float:
        scale = float(np.mean(self.values**2))
        return scale if scale > 0.0 else 1.0

    def _bounds(self) -> list[tuple[float, float]]:
        scale, components = self._scale(), len(self.search.smoothness)
        variance = [(math.log(1e-6 * scale), math.log(1e3 * scale))] * components
        length = [(math.log(1e-5 * r), math.log(1e2 * r)) for r in self._range()] * components
        return [*variance, *length, (math.log(1e-8 * scale), math.log(10.0 * scale))]

    def _starts(self) -> list[MaternProducts]:
        smoothness = np.array(np.broadcast_to(self.search.smoothness, (len(self.search.smoothness), len(self.modes))))
        check_smoothness(smoothness)
        components, modes = smoothness.shape
        spread, scale = self._range(), self._scale()
        shares = start_shares(components, modes)[: self.search.starts]
        variance = np.full(components, 0.8 * scale / components)
        first = MaternProducts(variance, spread * shares[0], smoothness.astype(np.float64), 0.2 * scale)
        return [first, *(replace(first, length_scale=spread * share) for share in shares[1:])]


def start_shares(components: int, modes: int) -> list[Floats]:
    """Return starting length scales (components, modes) as shares of each mode's range: structures often met.

    First components that are long, middling and short along all modes. Then, for each mode from the last: one that is
    middling everywhere, one that is short along this mode alone (what all places share at one time), and one that is
    short along all others (what one place keeps over time).

    Examples
    --------
    >>> start_shares(3, 2)[1]
    array([[0.05 , 0.05 ],
           [0.3  , 0.002],
           [0.005, 0.1  ]])
    """
    shares = [np.repeat(0.5 * 10.0 ** -np.arange(components)[:, None], modes, axis=1)]
    for mode in reversed(range(modes)):
        own = np.arange(modes) == mode
        kinds = [np.full(modes, 0.05), np.where(own, 0.002, 0.3), np.where(own, 0.1, 0.005)]
        shares.append(np.stack([kinds[c % 3] * 0.5 ** (c // 3) for c in range(components)]))
    return shares


def packed(kernel: MaternProducts) -> Floats:
    """Return logarithms of variances (C), length scales (C K) and noise, in one vector."""
    theta: Floats = np.log(np.concatenate([kernel.variance, kernel.length_scale.ravel(), [kernel.noise]]))
    return theta


def unpacked(theta: Floats, like: MaternProducts) -> MaternProducts:
    """Return the kernel of a packed vector, with the smoothness of ``like``."""
    natural, components = np.exp(theta), len(like.variance)
    length = natural[components:-1].reshape(like.length_scale.shape)
    return MaternProducts(natural[:components], length, like.smoothness, float(natural[-1]))
