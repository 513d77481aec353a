"""Scores of components against planted communities and epochs, and the simple methods to stand beside."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels.dynamic_affinity import AffinityRows, affinity_rows, decompose, starting_points
from polyadic.kernels.modularity import greedy_communities

Array = NDArray[np.floating]


class Components(NamedTuple):
    """What a method found: courses ``(bin, R)``, pair weights ``(pair, R)``, the input frame of each bin ``(bin,)``."""

    courses: Array
    pairs: Array
    frames: NDArray[np.int64]


def scores(
    found: Components,
    membership: NDArray[np.integer],
    active: NDArray[np.bool_],
    labels: NDArray[np.integer] | None = None,
    recorded: NDArray[np.bool_] | None = None,
) -> tuple[Array, Array]:
    """Return membership AMI and epoch IoU of every planted state.

    A component is on where its course exceeds Otsu's threshold; components are matched to states by intersection over
    union. The AMI is between the planted communities and ``labels``, or those of greedy modularity on the component's
    graph where there are none, over all recorded neurons: those outside of all planted communities are one more class,
    so a method that merges them with a community, or scatters them, loses by it.

    Parameters
    ----------
    found
        The components.
    membership
        Community of each neuron in each state ``(state, neuron)``, -1: none.
    active
        When each state is active ``(state, time)``.
    labels
        Community of each neuron in each component ``(component, neuron)``.
    recorded
        Neurons that count ``(neuron,)``: no method can place what no animal has; None: all.

    Examples
    --------
    >>> pairs = np.array([[1.0], [0.0], [0.0], [0.0], [0.0], [1.0]])
    >>> course = np.array([[1.0], [1.0], [0.0]])
    >>> scores(Components(course, pairs, np.arange(3)), np.array([[0, 0, 1, 1]]), np.array([[True, True, False]]))
    (array([1.]), array([1.]))
    """
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_mutual_info_score

    counted = np.ones(membership.shape[1], bool) if recorded is None else recorded
    planted = active[:, found.frames]
    on = np.stack([course > otsu(course) for course in found.courses.T])
    union = (on[:, None] | planted[None]).sum(axis=-1)
    overlap = (on[:, None] & planted[None]).sum(axis=-1) / np.maximum(union, 1)
    rows, states = linear_sum_assignment(-overlap)
    ami, iou = np.zeros(len(membership)), np.zeros(len(membership))
    for component, state in zip(rows, states, strict=True):
        graph = refold(found.pairs[:, component], membership.shape[1])
        label = greedy_communities(graph) if labels is None else labels[component]
        ami[state] = adjusted_mutual_info_score(membership[state, counted], label[counted])
        iou[state] = overlap[component, state]
    return ami, iou


def refold(pairs: Array, neurons: int) -> Array:
    """Return the symmetric matrix of pair weights, zero diagonal."""
    matrix = np.zeros((neurons, neurons))
    first, second = np.triu_indices(neurons, 1)
    matrix[first, second] = matrix[second, first] = pairs
    return matrix


def otsu(values: Array) -> float:
    """Return the threshold that splits values into the two groups with the greatest variance between them.

    N. Otsu, IEEE Trans. SMC 9 (1979) 62.

    Examples
    --------
    >>> otsu(np.array([0.0, 0.0, 1.0, 1.0]))
    0.5
    """
    ordered = np.sort(values)
    below = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    means = sums[:-1] / below, (sums[-1] - sums[:-1]) / (ordered.size - below)
    split = int(np.argmax(below * (ordered.size - below) * (means[0] - means[1]) ** 2))
    return float((ordered[split] + ordered[split + 1]) / 2)


def naive(traces: Array, sampling_rate: float, rank: int, kernel: str) -> Components:
    """Return one random start of a factorisation of affinities with a window of three frames only."""
    rows = affinity_rows(
        traces, sampling_rate, kernel=kernel, smoothing=3 / sampling_rate, per_animal=False, background=False
    )
    model = decompose(rows, starting_points(rows, rank, 1, 0), tolerance=1e-4, max_iterations=200)[0]
    return Components(model.factors[0], model.factors[2], rows.frames)


def epochs_known(rows: AffinityRows, active: NDArray[np.bool_]) -> Components:
    """Return affinities averaged over the planted epochs: the ceiling."""
    on = active[:, rows.frames].astype(float).T
    total = np.zeros((int(np.prod(rows.shape[1:])), on.shape[1]))
    for chunk in range(len(rows.chunks)):
        for block, values in rows.blocks(chunk):
            total += values.T @ on[block].astype(values.dtype)
    mean = total / np.maximum(on.sum(axis=0), 1)
    return Components(on, mean.reshape(*rows.shape[1:], -1).sum(axis=0), rows.frames)


def window_correlation(traces: Array, sampling_rate: float, rank: int, window: float = 15.0) -> Components:
    """Return k-means clusters of sliding-window correlations, and the mean correlations above 0 of each."""
    from sklearn.cluster import KMeans

    length = max(8, round(window * sampling_rate))
    filled = np.nan_to_num(traces)
    starts = np.arange(0, traces.shape[2] - length + 1, max(1, length // 5))
    first, second = np.triu_indices(traces.shape[1], 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        windows = np.stack(
            [
                np.mean([np.nan_to_num(np.corrcoef(a[:, s : s + length]))[first, second] for a in filled], 0)
                for s in starts
            ]
        )
    label = KMeans(min(rank, len(windows)), n_init=10, random_state=0).fit_predict(windows)
    on = (label[:, None] == np.arange(rank)).astype(float)
    pairs = np.maximum(windows.T @ on / np.maximum(on.sum(axis=0), 1), 0)
    return Components(on, pairs, starts + length // 2)
