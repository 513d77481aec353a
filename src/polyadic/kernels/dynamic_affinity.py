"""The tensor time x animal x pair of dynamic affinities, made chunk by chunk from the traces, and its decomposition."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import affinity
from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.cp_form import canonical, matching
from polyadic.kernels.nonnegative_cp import CP, DenseRows

Array = NDArray[np.floating]

_CHUNK = 2**27  # entries of a chunk with its margins: 512 MiB of single precision
_STORED = 2**27  # entries up to which the smoothed tensor is kept between passes: 512 MiB
_BLOCK = 2**18
_GAPS = 0.05  # share of missing frames up to which a trace is interpolated; above, the neuron counts as missing


@dataclasses.dataclass(frozen=True)
class AffinityRows:
    """Smoothed affinities as rows: one row a bin of frames (shared clock), or a bin of one animal.

    ``parts`` are the compared signals (animal, time, neuron); ``width`` is the frames of a bin, ``deviation`` that of
    the Gaussian over bins; ``per_animal`` makes animals blocks of rows instead of an inner mode.
    """

    parts: tuple[Array, ...]
    operation: str
    width: int
    deviation: float
    per_animal: bool
    missing: engine.Missing | None

    @property
    def bins(self) -> int:
        """Bins of every animal; frames behind the last whole one are left out."""
        return int(self.parts[0].shape[1]) // self.width

    @property
    def pairs(self) -> int:
        """Pairs of neurons."""
        neurons = int(self.parts[0].shape[2])
        return neurons * (neurons - 1) // 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, then the inner modes."""
        animals = self.parts[0].shape[0]
        return (animals * self.bins, self.pairs) if self.per_animal else (self.bins, animals, self.pairs)

    @property
    def chunks(self) -> Sequence[slice]:
        """Rows of the chunks: as many as fit 512 MiB with their margins, never over two animals."""
        inner = int(np.prod(self.shape[1:]))
        step = max(8, min(self.bins, _CHUNK // max(inner, 1) - 2 * self._margin))
        owners = range(self.parts[0].shape[0] if self.per_animal else 1)
        return [
            slice(owner * self.bins + first, owner * self.bins + min(first + step, self.bins))
            for owner in owners
            for first in range(0, self.bins, step)
        ]

    @property
    def _margin(self) -> int:
        return int(np.ceil(3 * self.deviation))

    def blocks(self, chunk: int) -> Iterator[tuple[slice, Array]]:
        """Yield the rows of a chunk in blocks that fit the cache."""
        where = self.chunks[chunk]
        values = self.values(where)
        step = max(8, _BLOCK // max(values.shape[1], 1))
        for first in range(0, len(values), step):
            block = values[first : first + step]
            yield slice(where.start + first, where.start + first + len(block)), block

    def values(self, where: slice) -> Array:
        """Return the rows of one chunk, smoothed; the margins of the filter are made anew with it."""
        owner, first = divmod(where.start, self.bins) if self.per_animal else (0, where.start)
        last = first + where.stop - where.start
        low, high = max(0, first - self._margin), min(self.bins, last + self._margin)
        smoother = smoothing_matrix(np.arange(first, last), np.arange(low, high), self.deviation)
        animals = [owner] if self.per_animal else range(self.parts[0].shape[0])
        out = np.empty((last - first, len(animals) * self.pairs), np.float32)
        for position, animal in enumerate(animals):
            signals = [part[animal] for part in self.parts]
            raw = affinity.binned(signals, self.operation, low, high - low, self.width)
            np.matmul(smoother, raw, out=out[:, position * self.pairs : (position + 1) * self.pairs])
        return out

    def stored(self) -> DenseRows:
        """Return the same rows, made once and kept."""
        matrix = np.concatenate([self.values(where) for where in self.chunks])
        return DenseRows(matrix, self.shape, self.missing)


def smoothing_matrix(targets: NDArray[np.int64], sources: NDArray[np.int64], deviation: float) -> Array:
    """Return weights of a Gaussian over bins, cut at three deviations; every row sums to one.

    Examples
    --------
    >>> smoothing_matrix(np.arange(1), np.arange(2), 0.0)
    array([[1., 0.]], dtype=float32)
    """
    distance = targets[:, None] - sources[None, :]
    weights = np.exp(-0.5 * (distance / max(deviation, 1e-6)) ** 2) * (np.abs(distance) <= np.ceil(3 * deviation))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def affinity_rows(
    traces: Array, sampling_rate: float, *, kernel: str, smoothing: float, per_animal: bool
) -> AffinityRows:
    """Return the tensor of affinities of traces (animal, neuron, time), NaN where missing, as rows to be made."""
    filled, observed = fill_gaps(traces)
    chosen = affinity.KERNELS[kernel]
    parts = affinity.signals(filled, sampling_rate, chosen, 4 * smoothing)
    width = max(1, int(smoothing * sampling_rate / 3))
    for part in parts:
        part *= observed[:, None, :]
    first, second = np.triu_indices(traces.shape[1], 1)
    seen = observed[:, first] & observed[:, second]
    missing = None
    bins = traces.shape[2] // width
    if not seen.all():
        group = np.repeat(np.arange(len(seen)), bins) if per_animal else np.zeros(1, np.int64)
        missing = engine.Missing.of(group.astype(np.int64), seen if per_animal else seen[None])
        if chosen.operation == "gaussian":
            raise ValueError("kernel 'gaussian' has no zero for missing neurons; choose another or drop them")
    deviation = smoothing * sampling_rate / width
    return AffinityRows(tuple(parts), chosen.operation, width, deviation, per_animal, missing)


def fill_gaps(traces: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return traces with short gaps interpolated, and which neurons each animal has: ``(animal, neuron)``."""
    bad = ~np.isfinite(traces)
    observed = bad.mean(axis=-1) <= _GAPS
    filled = np.where(bad, 0.0, traces)
    frames = np.arange(traces.shape[-1])
    for animal, neuron in np.argwhere(observed & bad.any(axis=-1)):
        hole = bad[animal, neuron]
        filled[animal, neuron, hole] = np.interp(frames[hole], frames[~hole], traces[animal, neuron, ~hole])
    return filled, observed


def decompose(
    rows: AffinityRows,
    rank: int,
    *,
    starts: int,
    seed: int,
    tolerance: float,
    max_iterations: int,
    mapper: engine.Mapper = map,
    watch: Callable[[int, list[engine.Fit]], None] | None = None,
) -> list[CP]:
    """Return the decompositions that the starts lead to, the best first, canonical.

    Tensors below 512 MiB are kept between passes, larger ones are made anew in each.
    """
    source: engine.Rows = rows.stored() if int(np.prod(rows.shape)) <= _STORED else rows
    sizes = rows.shape[1:]
    inner = [
        [np.random.default_rng([seed, n, q]).random((m, rank)) for q, m in enumerate(sizes)] for n in range(starts)
    ]
    fits, norm = engine.fit(
        source, inner, tolerance=tolerance, max_iterations=max_iterations, mapper=mapper, watch=watch
    )
    models = [_model(rows, one, norm) for one in sorted(fits, key=lambda one: one.errors[-1])]
    likeness = [[matching(a.factors, b.factors)[1] for b in models] for a in models]
    others = max(len(models) - 1, 1)
    stability = (np.sum(likeness[0], axis=0) - likeness[0][0]) / others if len(models) > 1 else np.ones(rank)
    similarity = np.array([float(np.mean(row)) for row in likeness[0]])
    models[0] = models[0]._replace(stability=stability, similarity=similarity)
    return models


def _model(rows: AffinityRows, one: engine.Fit, norm: float) -> CP:
    """Return a fit in canonical form, pairs that no animal has at zero."""
    rank = one.first.shape[1]
    factors = [one.first, *one.inner]
    if rows.missing is not None:
        classes = rows.missing.observed.reshape(-1, rows.missing.observed.shape[-1]).max(axis=0)
        seen = classes[rows.missing.member]
        factors[-1] = factors[-1] * seen[:, None]
    if rows.per_animal:
        courses = one.first.reshape(-1, rows.bins, rank)
        norms = np.linalg.norm(courses, axis=1)
        flat = np.full(courses.shape, 1 / np.sqrt(rows.bins))
        courses = np.where(norms[:, None] > 0, courses / np.where(norms > 0, norms, 1)[:, None], flat)
        factors = [courses, norms, factors[-1]]
    weights, unit = canonical(np.ones(rank), factors)
    error = np.sqrt(np.maximum(one.errors, 0) / norm) if norm > 0 else np.zeros(1)
    frames = np.arange(rows.bins) * rows.width + (rows.width - 1) // 2
    return CP(weights, tuple(unit), error, one.converged, one.passes, frames)
