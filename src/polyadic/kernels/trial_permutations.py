"""Tests that permute whole trials within their groups: trials of one animal are exchangeable, its frames are not."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]


def reordered(group: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return positions of trials in random order within their groups.

    Examples
    --------
    >>> reordered(np.array([0, 1, 0, 1]), np.random.default_rng(0)) % 2
    array([0, 1, 0, 1])
    """
    order = np.arange(group.size)
    for one in np.unique(group):
        mine = np.flatnonzero(group == one)
        order[mine] = rng.permutation(mine)
    return order


def shuffled_apart(activity: Array, group: NDArray[np.integer], rng: np.random.Generator) -> Array:
    """Return activity (neuron, time, trial), the trials of every neuron in an order of its own within their groups.

    Each neuron keeps its mean response and how that varies; what neurons do together beyond it is gone.

    Examples
    --------
    >>> made = shuffled_apart(np.arange(12.0).reshape(2, 1, 6), np.zeros(6, int), np.random.default_rng(0))
    >>> np.sort(made)[:, 0].tolist()
    [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]]
    """
    return np.stack([neuron[:, reordered(group, rng)] for neuron in activity])


def deviations(values: ArrayLike, group: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return values (trial, ...) less the mean of their group.

    Examples
    --------
    >>> deviations([1.0, 3.0, 5.0], np.array([0, 0, 1]))
    array([-1.,  1.,  0.])
    """
    out = np.array(values, float)
    for one in np.unique(group):
        out[group == one] -= out[group == one].mean(axis=0)
    return out


def slow_changes(courses: Array, group: NDArray[np.integer], window: int) -> Array:
    """Return how much courses (trial, R) change slowly within groups: root sums of squares of their moving means.

    Examples
    --------
    >>> slow_changes(np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.zeros(4, int), 2).round(2)
    array([0.82, 0.  ])
    """
    total = np.zeros(courses.shape[1])
    for one in np.unique(group):
        mine = courses[group == one]
        width = min(window, len(mine))
        sums = np.cumsum(np.vstack([np.zeros(mine.shape[1]), mine]), axis=0)
        means = (sums[width:] - sums[:-width]) / width
        total += len(mine) * means.var(axis=0)
    return np.sqrt(total)


def slope_test(
    course: ArrayLike, values: ArrayLike, group: NDArray[np.integer], draws: int = 999, seed: int = 0
) -> tuple[float, float, float]:
    r"""Return how a course over trials goes with values of the trials within groups, and its two-sided p-value.

    Parameters
    ----------
    course, values
        (trial,); values may be labels, 0 or 1: then the slope is the difference of their means.
    group
        Animal of each trial: only trials of one animal are compared and permuted.
    draws
        Number of permutations.
    seed
        Seed of the permutations.

    Returns
    -------
    slope
        Change of the course, in its standard deviations within groups, for each unit of the values.
    correlation
        The correlation within groups.
    p
        At least 1 / (draws + 1); NaN, as the others, where either does not vary within any group.

    Notes
    -----
    ``O(draws * trials)``. Exact where trials are exchangeable; a drift over the session that values and course share
    counts as association.

    Examples
    --------
    >>> on = np.arange(40) % 2
    >>> slope, correlation, p = slope_test(on + 0.1 * np.sin(np.arange(40)), on, np.zeros(40, int))
    >>> bool(slope > 1.9 and correlation > 0.9 and p < 0.01)
    True
    """
    first, second = deviations(course, group), deviations(values, group)
    size, spread = float(np.sqrt(np.mean(first**2))), float(np.sum(second**2))
    if size <= 0 or spread <= 0:
        return float("nan"), float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    orders = np.stack([np.arange(first.size), *(reordered(group, rng) for _ in range(draws))])
    products = first[orders] @ second
    p = (1 + np.sum(np.abs(products[1:]) >= abs(products[0]) * (1 - 1e-12))) / (draws + 1)
    slope = products[0] / spread / size
    return float(slope), float(slope * np.sqrt(spread / first.size)), float(p)
