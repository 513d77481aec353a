"""The tensor time x animal x pair of dynamic affinities, made chunk by chunk from the traces, and its decomposition."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import affinity
from polyadic.kernels import alternating_cp as engine
from polyadic.kernels.cp_form import canonical, matching
from polyadic.kernels.inner_form import Cliques, Free
from polyadic.kernels.nonnegative_cp import CP, DenseRows

Array = NDArray[np.floating]

_CHUNKS = 16  # parts of a recording that are worked on in parallel; few, because each gives a sum as large as Z
_PIECE = 3 * 2**25  # entries held of a chunk with the margins of the filter: 384 MiB of single precision
_STORED = 2**27  # entries up to which the smoothed tensor is kept between passes: 512 MiB
_BLOCK = 2**18
_BY_START = 2**24
_GAPS = 0.05  # share of missing frames up to which a trace is interpolated; above, the neuron counts as missing


@dataclasses.dataclass(frozen=True)
class AffinityRows:
    """Smoothed affinities as rows: one row a bin of frames (shared clock), or a bin of one animal.

    ``parts`` are the compared signals (animal, time, neuron); ``width`` is the frames of a bin, ``deviation`` that of
    the Gaussian over bins; ``per_animal`` makes animals blocks of rows instead of an inner mode; ``share`` takes from
    every animal at every moment the mean over its pairs, so that what the whole population does is no component.
    ``offset`` is the frame of the recording that the signals begin with.
    """

    parts: tuple[Array, ...]
    operation: str
    width: int
    deviation: float
    per_animal: bool
    missing: engine.Missing | None
    share: Array | None = None
    offset: int = 0

    @property
    def frames(self) -> NDArray[np.int64]:
        """The frame of the recording in the middle of every bin."""
        return self.offset + np.arange(self.bins) * self.width + (self.width - 1) // 2

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
        """Rows of the chunks: a sixteenth of each recording, or more where the margins would cost too much."""
        step = max(8, 6 * self._margin, -(-self.bins // _CHUNKS))
        owners = range(self.parts[0].shape[0] if self.per_animal else 1)
        return [
            slice(owner * self.bins + first, owner * self.bins + min(first + step, self.bins))
            for owner in owners
            for first in range(0, self.bins, step)
        ]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        return np.dtype(np.float32)

    @property
    def _margin(self) -> int:
        return int(np.ceil(3 * self.deviation))

    def blocks(self, chunk: int) -> Iterator[tuple[slice, Array]]:
        """Yield the rows of a chunk in blocks that fit the cache, or as many as are made at once where none does."""
        for where, values in self.pieces(self.chunks[chunk]):
            fitting = _BLOCK // max(values.shape[1], 1)
            step = fitting if fitting >= 8 else len(values)
            for first in range(0, len(values), step):
                block = values[first : first + step]
                yield slice(where.start + first, where.start + first + len(block)), block

    def pieces(self, where: slice) -> Iterator[tuple[slice, Array]]:
        """Yield rows of one chunk, smoothed, some at a time; raw bins are made once but for the ends of the chunk."""
        owner, first = divmod(where.start, self.bins) if self.per_animal else (0, where.start)
        last, shift = first + where.stop - where.start, where.start - first
        margin, inner = self._margin, int(np.prod(self.shape[1:]))
        step = max(8, _PIECE // max(inner, 1) - 2 * margin)
        held = np.empty((min(step + 2 * margin, self.bins), inner), np.float32)
        begin = end = self._reach(first, min(first + step, last))[0]  # the bins that are held
        for start in range(first, last, step):
            stop = min(start + step, last)
            low, high = self._reach(start, stop)
            held[: end - low] = held[low - begin : end - begin]
            self._make(owner, end, held[end - low : high - low])
            begin, end = low, high
            smoother = smoothing_matrix(np.arange(start, stop), np.arange(low, high), self.deviation, self.bins)
            yield slice(start + shift, stop + shift), self._without_background(smoother @ held[: high - low], owner)

    def _reach(self, start: int, stop: int) -> tuple[int, int]:
        """Return the bins that smoothed bins are made of: at the ends of a recording as many as elsewhere."""
        low, high = start - self._margin, stop + self._margin
        return max(0, min(low, self.bins - 2 * self._margin)), min(self.bins, max(high, 2 * self._margin))

    def _without_background(self, values: Array, owner: int) -> Array:
        """Take from every row and animal the mean over its pairs, in place; what is below is 0, missing pairs too."""
        if self.share is None:
            return values
        animals = [owner] if self.per_animal else range(len(self.share))
        for position, animal in enumerate(animals):
            part = values[:, position * self.pairs : (position + 1) * self.pairs]
            for row in part:  # one row at a time stays in the cache
                row -= np.float32(float(row.sum(dtype=float)) * self.share[animal])
            np.maximum(part, 0, out=part)
        return values

    def _make(self, owner: int, first: int, out: Array) -> None:
        """Fill ``out`` with the raw bins from ``first`` on."""
        animals = [owner] if self.per_animal else range(self.parts[0].shape[0])
        for position, animal in enumerate(animals):
            signals = [part[animal] for part in self.parts]
            columns = slice(position * self.pairs, (position + 1) * self.pairs)
            out[:, columns] = affinity.binned(signals, self.operation, first, len(out), self.width)

    def stored(self) -> DenseRows:
        """Return the same rows, made once and kept."""
        matrix = np.empty((self.shape[0], int(np.prod(self.shape[1:]))), np.float32)
        for chunk in self.chunks:
            for where, values in self.pieces(chunk):
                matrix[where] = values
        return DenseRows(matrix, self.shape, self.missing)

    def kept(self) -> "engine.Rows":
        """Return the same rows, kept between passes where they take up to 512 MiB."""
        return self.stored() if int(np.prod(self.shape)) <= _STORED else self


def smoothing_matrix(targets: NDArray[np.int64], sources: NDArray[np.int64], deviation: float, bins: int) -> Array:
    """Return weights of a Gaussian over bins, cut at three deviations; every row sums to one.

    At the ends of a recording of ``bins`` the Gaussian is wider, so that the sum of squared weights, and with it the
    noise of a row, is the same in all rows: affinities are not negative, and noisier rows would seem to be more active.

    Examples
    --------
    >>> smoothing_matrix(np.arange(1), np.arange(2), 0.0, 9)
    array([[1., 0.]], dtype=float32)
    >>> whole, end = (smoothing_matrix(np.array([at]), np.arange(50), 2.0, 50) for at in (25, 0))
    >>> bool(abs(np.sum(whole**2) - np.sum(end**2)) < 1e-6)
    True
    """
    margin = int(np.ceil(3 * deviation))
    distance = np.abs(targets[:, None] - sources[None, :])
    edge = np.minimum(targets, bins - 1 - targets)
    near = edge < margin
    width = np.full(targets.size, max(deviation, 1e-6))
    if near.any():
        width[near] = _widths(deviation, bins)[edge[near]]
    weights = np.exp(-0.5 * (distance / width[:, None]) ** 2)
    weights *= np.where(near[:, None], distance + edge[:, None] < 2 * margin, distance <= margin)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _widths(deviation: float, bins: int) -> Array:
    """Return the deviations at which Gaussians at the first bins have the squared weights of whole ones: (margin,)."""
    margin = int(np.ceil(3 * deviation))
    whole = np.exp(-0.5 * (np.arange(-margin, margin + 1) / deviation) ** 2)
    wanted = np.sum(whole**2) / whole.sum() ** 2
    distance = np.arange(margin)[:, None] - np.arange(min(bins, 2 * margin))[None, :]
    low, high = np.full(margin, deviation), np.full(margin, 4 * deviation)
    for _ in range(50):
        middle = (low + high) / 2
        weights = np.exp(-0.5 * (distance / middle[:, None]) ** 2)
        noisy = np.sum(weights**2, axis=1) > wanted * weights.sum(axis=1) ** 2
        low, high = np.where(noisy, middle, low), np.where(noisy, high, middle)
    return np.asarray((low + high) / 2)


def affinity_rows(
    traces: Array, sampling_rate: float, *, kernel: str, smoothing: float, per_animal: bool, background: bool = True
) -> AffinityRows:
    """Return the tensor of affinities of traces (animal, neuron, time), NaN where missing, as rows to be made.

    With ``background`` the mean over the pairs of an animal is taken from every moment.
    """
    filled, observed = fill_gaps(traces)
    chosen = affinity.KERNELS[kernel]
    parts = affinity.signals(filled, sampling_rate, chosen, 4 * smoothing)
    width = max(1, int(smoothing * sampling_rate / 3))
    for part in parts:
        part *= observed[:, None, :]
    first, second = np.triu_indices(traces.shape[1], 1)
    seen = observed[:, first] & observed[:, second]
    missing = None
    bins = parts[0].shape[1] // width
    if not seen.all():
        group = np.repeat(np.arange(len(seen)), bins) if per_animal else np.zeros(1, np.int64)
        missing = engine.Missing.of(group.astype(np.int64), seen if per_animal else seen[None])
        if chosen.operation == "gaussian":
            raise ValueError("kernel 'gaussian' has no zero for missing neurons; choose another or drop them")
    deviation = smoothing * sampling_rate / width
    share = 1 / np.maximum(seen.sum(axis=1), 1) if background else None
    offset = (traces.shape[2] - parts[0].shape[1]) // 2
    return AffinityRows(tuple(parts), chosen.operation, width, deviation, per_animal, missing, share, offset)


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


def starting_points(
    rows: AffinityRows, rank: int, starts: int, seed: int, *, cliques: bool = False
) -> list[engine.Fit]:
    """Return random starts of a decomposition; with ``cliques`` a component's pairs weigh products of its neurons."""
    sizes = [*rows.shape[1:-1], int(rows.parts[0].shape[2])] if cliques else rows.shape[1:]
    form = Cliques() if cliques else Free()
    drawn = [
        [np.random.default_rng([seed, n, q]).random((m, rank)) for q, m in enumerate(sizes)] for n in range(starts)
    ]
    return [engine.begin(rows, inner, form=form) for inner in drawn]


def decompose(
    rows: AffinityRows,
    fits: Sequence[engine.Fit],
    *,
    tolerance: float,
    max_iterations: int,
    mapper: engine.Mapper = map,
    watch: Callable[[int, Sequence[engine.Fit]], None] | None = None,
) -> list[CP]:
    """Return the decompositions that the starts lead to, the best first, canonical.

    Tensors below 512 MiB are kept between passes, larger ones are made anew in each, chunks by ``mapper``. Starts are
    those of `starting_points`, or such that have come some way; see `polyadic.kernels.alternating_cp.fit`.
    """
    source = rows.kept()
    mapper = mapper if source is rows else map  # what is kept is here, and not sent about
    engine.fit(source, fits, tolerance=tolerance, max_iterations=max_iterations, mapper=mapper, watch=watch)
    return ranked([_model(rows, one) for one in fits])


def ranked(models: Sequence[CP], mode: int = -1) -> list[CP]:
    """Return models of several starts, the least error first; the first one with its likeness to the others.

    It also holds their factors of a mode, where these take up to 64 MiB.
    """
    models = sorted(models, key=lambda one: one.relative_error[-1])
    matched = [matching(models[0].factors, other.factors) for other in models]
    likeness = np.stack([similarity for _, similarity in matched])
    by_start = None
    if models[0].factors[mode].size * len(models) <= _BY_START:
        columns = (other.factors[mode][:, partner] for other, (partner, _) in zip(models, matched, strict=True))
        by_start = np.stack([column.astype(np.float32) for column in columns])
    stability = likeness[1:].mean(axis=0) if len(models) > 1 else np.ones(likeness.shape[1])
    similarity = likeness.mean(axis=1)
    models[0] = models[0]._replace(stability=stability, similarity=similarity, by_start=by_start)
    return models


def _model(rows: AffinityRows, one: engine.Fit) -> CP:
    """Return a fit in canonical form, pairs that no animal has at zero."""
    rank = one.first.shape[1]
    factors = [one.first, *one.form.expand(one.inner)]
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
    if isinstance(one.form, Cliques):  # of norm one already: they go along with their components
        factors = [*factors, one.inner[-1]]
    weights, unit = canonical(np.ones(rank), factors)
    error = np.sqrt(np.maximum(one.errors, 0) / one.norm) if one.norm > 0 else np.zeros(1)
    neurons = unit.pop() if isinstance(one.form, Cliques) else None
    return CP(weights, tuple(unit), error, one.converged, one.passes, rows.frames, neurons=neurons)
