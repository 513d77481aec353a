"""Which components exceed those of surrogates, refitted with the same settings."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import trace_surrogates
from polyadic.kernels.cp_form import matching
from polyadic.kernels.dynamic_affinity import AffinityRows, affinity_rows, decompose, fill_gaps, starting_points

Array = NDArray[np.floating]

_TOGETHER = 4.0  # s of innovations that stay together: few bursts are torn by the ends of blocks


@dataclasses.dataclass(frozen=True)
class Recording:
    """Traces (animal, neuron, time) and how their affinities are made."""

    traces: Array
    sampling_rate: float
    kernel: str
    smoothing: float
    per_animal: bool
    background: bool = True

    def rows(self, traces: Array) -> AffinityRows:
        """Return the affinities of traces."""
        return affinity_rows(
            traces,
            self.sampling_rate,
            kernel=self.kernel,
            smoothing=self.smoothing,
            per_animal=self.per_animal,
            background=self.background,
        )


class Model(NamedTuple):
    """Weights ``(R,)``, courses ``(time, R)`` or ``(animal, time, R)``, loadings (animal, R), pairs (pair, R)."""

    weights: Array
    courses: Array
    loadings: Array
    pairs: Array


def seen_pairs(rows: AffinityRows) -> Array | None:
    """Return which pairs each animal has ``(animal, pair)``, or None where all have all."""
    if rows.missing is None:
        return None
    classes = rows.missing.observed.reshape(-1, rows.missing.observed.shape[-1])
    return np.asarray(classes[:, rows.missing.member])


def statistics(model: Model, window: int, seen: Array | None = None) -> tuple[Array, Array]:
    """Return of every component how much of it changes slowly, and how much of it there is, in units of the affinity.

    The second statistic is the norm of the component over the entries that are observed (weights of pairs that an
    animal lacks are free). For the first the course is averaged over ``window`` rows, and only what deviates from its
    mean counts. Both grow with the component: of the small leftovers that a surrogate's decomposition also has,
    relative changes are large and absolute ones are not.

    Examples
    --------
    >>> one = Model(np.array([6.0]), np.full((4, 1), 0.5), np.ones((1, 1)), np.full((9, 1), 1 / 3))
    >>> statistics(one, 1)
    (array([0.]), array([6.]))
    """
    from scipy.ndimage import uniform_filter1d

    course = model.courses[None] if model.courses.ndim == 2 else model.courses
    slow = uniform_filter1d(course, max(1, window), axis=1)
    squares = np.ones((len(model.loadings), len(model.pairs))) if seen is None else seen
    shares = model.loadings**2 * (squares @ model.pairs**2)  # of each animal (animal, component)
    size = model.weights * np.sqrt(shares.sum(axis=0))
    change = model.weights * np.sqrt(np.sum(shares * slow.var(axis=1) * course.shape[1], axis=0))
    return change, size


def surrogates(recording: Recording, null: str, count: int, seed: int, block: float) -> Iterator[AffinityRows]:
    """Yield the affinities of surrogates.

    ``blocks``, ``innovations`` and ``amplitude`` have no dynamics, ``shifts`` no synchrony; see
    `polyadic.kernels.trace_surrogates`.
    """
    rows = recording.rows(recording.traces)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        if null in ("amplitude", "innovations"):
            yield recording.rows(remade(recording, null, rng))
        else:
            moved = moved_apart if null == "shifts" else reordered
            yield dataclasses.replace(rows, parts=moved(rows.parts, round(block * recording.sampling_rate), rng))


def remade(recording: Recording, null: str, rng: np.random.Generator) -> Array:
    """Return surrogate traces, missing where the data are."""
    filled, observed = fill_gaps(recording.traces)
    together = max(1, round(_TOGETHER * recording.sampling_rate))
    made = np.full(filled.shape, np.nan)
    for animal, seen in enumerate(observed):
        signals = filled[animal, seen]
        made[animal, seen] = (
            trace_surrogates.redriven(signals, together, rng)
            if null == "innovations"
            else trace_surrogates.amplitude_adjusted(signals, rng)
        )
    return made


def reordered(parts: tuple[Array, ...], block: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Return signals (animal, time, neuron) with blocks of time in another order, the same for all."""
    order = trace_surrogates.permuted_blocks(parts[0].shape[1], block, rng)
    return tuple(part[:, order] for part in parts)


def moved_apart(parts: tuple[Array, ...], _: int, rng: np.random.Generator) -> tuple[Array, ...]:
    """Return signals (animal, time, neuron), each neuron of each animal at a random lag, in all parts the same."""
    animals, frames, neurons = parts[0].shape
    lags = rng.integers(frames, size=(animals, neurons))
    apart = (trace_surrogates.shifted_apart(part.swapaxes(1, 2), lags) for part in parts)
    return tuple(np.ascontiguousarray(part.swapaxes(1, 2)) for part in apart)


def p_values(observed: Array, null: Array) -> Array:
    """Return p-values of components against the greatest statistic of each surrogate, so over all components at once.

    Examples
    --------
    >>> p_values(np.array([3.0, 0.0]), np.array([[1.0, 2.0], [0.5, 0.1], [1.0, 1.0]]))
    array([0.25, 1.  ])
    """
    greatest = null.max(axis=1)
    return np.asarray((1 + (greatest[None, :] >= observed[:, None]).sum(axis=1)) / (1 + len(greatest)))


def observed_statistics(
    model: Model, rows: AffinityRows, seed: int, window: int, cliques: bool = False
) -> tuple[Array, Array]:
    """Return the statistics of the components of a model: of its partners in a refit like that of surrogates.

    Without surrogate and data alike in this, more starts alone would make the components of the data larger.
    """
    own = refitted(rows, len(model.weights), seed, cliques)
    partner, _ = matching([*model[1:]], [*own[1:]])
    change, size = statistics(own, window, seen_pairs(rows))
    return change[partner], size[partner]


def refitted(rows: AffinityRows, rank: int, seed: int, cliques: bool = False) -> Model:
    """Return the better of two starts."""
    best = decompose(rows, starting_points(rows, rank, 2, seed, cliques=cliques), tolerance=3e-4, max_iterations=60)[0]
    return Model(best.weights, *best.factors)
