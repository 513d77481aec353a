"""Does a time course rise at events? Permutation of whole events, with corrections for many tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def shift_test(course: ArrayLike, events: ArrayLike, window: int, draws: int = 999, seed: int = 0) -> float:
    """Return the two-sided p-value that the mean of a time course behind events differs from chance.

    All events are shifted together around the recording, so their spacing and the course's autocorrelation stay;
    frames are never permuted, which would reject far too often.

    Parameters
    ----------
    course
        (T,) values, evenly spaced.
    events
        Frames at which events start.
    window
        Number of frames from the start of an event that count.
    draws
        Number of random circular shifts.
    seed
        Seed of the shifts.

    Raises
    ------
    ValueError
        If there is no event, an event lies outside the course, or the window is not in [1, T).

    Notes
    -----
    ``O(draws * events)`` after a running sum.

    Examples
    --------
    >>> x = np.zeros(400); at = np.array([20, 70, 123, 162, 215, 257, 310, 353, 391])
    >>> x[at] = 1.0
    >>> shift_test(x, at, 1) < 0.01
    True
    """
    return joint_shift_test(np.asarray(course, float)[None], [events], window, draws, seed)[1]


def joint_shift_test(
    courses: ArrayLike, events: Sequence[ArrayLike], window: int, draws: int = 999, seed: int = 0
) -> tuple[float, float]:
    """Return how far several courses lie above their means behind their own events, and its two-sided p-value.

    The events of a course are shifted together, those of different courses apart: courses of different clocks owe
    each other nothing.

    Parameters
    ----------
    courses
        (A, T) values, evenly spaced; all of one course if they share a clock.
    events
        For every course the frames at which its events start, a frame more than once if more than one animal had it.
    window
        Number of frames from the start of an event that count.
    draws
        Number of random circular shifts.
    seed
        Seed of the shifts.

    Returns
    -------
    effect
        Mean behind the events less the mean of the courses, in standard deviations of the courses.
    p
        The p-value, at least 1 / (draws + 1).

    Raises
    ------
    ValueError
        If there is no event, an event lies outside the courses, or the window is not in [1, T).

    Notes
    -----
    ``O(draws * events)`` after a running sum.

    Examples
    --------
    >>> x = np.zeros((2, 400)); at = np.array([20, 70, 123, 162, 215, 257, 310, 353, 391])
    >>> x[:, at] = 1.0
    >>> effect, p = joint_shift_test(x, [at, at[:4]], 1)
    >>> bool(effect > 3 and p < 0.01)
    True
    """
    x, at = np.asarray(courses, float), [np.asarray(e, int).ravel() for e in events]
    count = _check(at, x.shape[1], window)
    rng, total = np.random.default_rng(seed), np.zeros(draws + 1)
    for course, starts, scale in zip(x, at, x.std(axis=1), strict=True):
        if starts.size and scale > 0:
            total += _shifted_sums((course - course.mean()) / scale, starts, window, draws, rng)
    effect = total / count
    p = (1 + np.sum(np.abs(effect[1:]) >= abs(effect[0]) - 1e-12)) / (draws + 1)
    return float(effect[0]), float(p)


def _check(events: Sequence[NDArray[np.integer]], frames: int, window: int) -> int:
    """Return the number of events, or raise `ValueError` where they or the window lie outside the courses."""
    every = np.concatenate(events) if events else np.zeros(0, int)
    if every.size == 0 or every.min() < 0 or every.max() >= frames:
        raise ValueError(f"events must be frames in [0, {frames}), found {every.tolist()[:5]}")
    if not 1 <= window < frames:
        raise ValueError(f"window must lie in [1, {frames}), found {window}")
    return int(every.size)


def _shifted_sums(
    standard: NDArray[np.float64], starts: NDArray[np.integer], window: int, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the sums of the means behind events, as they are and after each of so many random shifts."""
    frames = standard.size
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([standard, standard[:window]]))])
    means = (sums[window:][:frames] - sums[:frames]) / window
    shifts = np.append(0, rng.integers(1, frames, draws))
    return np.asarray(means[(starts[None, :] + shifts[:, None]) % frames].sum(axis=1))


def joint_correlation(courses: ArrayLike, others: ArrayLike, draws: int = 999, seed: int = 0) -> tuple[float, float]:
    """Return the correlation of courses with other series, and its two-sided p-value under circular shifts.

    Parameters
    ----------
    courses, others
        (A, T) pairs of series on the same frames; a series of constant or missing values counts nothing.
    draws
        Number of random circular shifts, every animal by its own.
    seed
        Seed of the shifts.

    Notes
    -----
    Two FFTs an animal: all shifts at once.

    Examples
    --------
    >>> x = np.cumsum(np.random.default_rng(0).standard_normal((2, 500)), axis=1)
    >>> r, p = joint_correlation(x, -x)
    >>> bool(abs(r + 1) < 1e-9 and p < 0.01)
    True
    """
    x, y = np.asarray(courses, float), np.asarray(others, float)
    rng, total, used = np.random.default_rng(seed), np.zeros(draws + 1), 0
    for a, b in zip(x, y, strict=True):
        if not (np.isfinite(b).all() and a.std() > 0 and b.std() > 0):
            continue
        first, second = ((v - v.mean()) / v.std() for v in (a, b))
        spectrum = np.fft.rfft(first) * np.conj(np.fft.rfft(second))
        every = np.fft.irfft(spectrum, a.size) / a.size
        total += every[np.append(0, rng.integers(1, a.size, draws))]
        used += 1
    if used == 0:
        return float("nan"), float("nan")
    correlation = total / used
    p = (1 + np.sum(np.abs(correlation[1:]) >= abs(correlation[0]) - 1e-12)) / (draws + 1)
    return float(correlation[0]), float(p)


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values corrected by Holm's method (family-wise error), of the same shape.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, float)
    flat = values.ravel()
    order = np.argsort(flat, kind="stable")
    stepped = np.maximum.accumulate(flat[order] * np.arange(flat.size, 0, -1))
    out = np.empty_like(flat)
    out[order] = np.minimum(stepped, 1.0)
    return out.reshape(values.shape)
