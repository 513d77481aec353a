"""Does a time course rise at events? Permutation of whole events, with corrections for many tests."""

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
    x, at = np.asarray(course, float), np.asarray(events, int)
    if at.size == 0 or at.min() < 0 or at.max() >= x.size:
        raise ValueError(f"events must be frames in [0, {x.size}), found {at.tolist()[:5]}")
    if not 1 <= window < x.size:
        raise ValueError(f"window must lie in [1, {x.size}), found {window}")
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([x, x[:window]]))])
    means = (sums[window:][: x.size] - sums[: x.size]) / window
    shifts = np.append(0, np.random.default_rng(seed).integers(1, x.size, draws))
    statistic = np.abs(means[(at[None, :] + shifts[:, None]) % x.size].mean(axis=1) - x.mean())
    return float((1 + np.sum(statistic[1:] >= statistic[0] - 1e-12)) / (draws + 1))


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
