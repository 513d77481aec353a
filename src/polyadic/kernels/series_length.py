"""How long a series of coefficients has to be, and whether its points resolved the function at all."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NOISE = 1e-5  # a flat tail below this share of the largest coefficient is noise, above it an unresolved function


class Length(NamedTuple):
    """What the decay of the coefficients says.

    Attributes
    ----------
    length
        Coefficients to keep.
    error
        Estimate of the error of the shorter series in the maximum norm, the unseen coefficients included.
    resolved
        Whether the error stays below the threshold with room to spare.
    order
        Algebraic order of decay over the last two thirds: about 1 at a jump, 2 at a kink, large where analytic.
    noisy
        The tail is flat and small: the values carry noise, more points will not help.
    """

    length: int
    error: float
    resolved: bool
    order: float
    noisy: bool


def series_length(coefficients: Array, threshold: float) -> Length:
    r"""Return how many coefficients keep the error of the series below ``threshold`` (absolute).

    The error of a series cut at L is at most :math:`\sum_{j \ge L} |c_j|`. What lies beyond the last coefficient is
    extrapolated from the decay :math:`j^{-p}` of the envelope :math:`\max_{i \ge j} |c_i|`; where it does not fit
    below the threshold, or where less than a tenth of the coefficients are below it, the function is unresolved.

    Parameters
    ----------
    coefficients
        ``(n,)`` or ``(n, series)``, by degree; of several series the largest counts.
    threshold
        Accepted error in the maximum norm, in units of the coefficients.

    Examples
    --------
    >>> c = 0.5 ** np.arange(65)
    >>> series_length(c, 1e-6)[:3:2]
    (21, True)
    >>> series_length(1 / (1 + np.arange(65.0)) ** 2, 1e-6).resolved
    False
    """
    size = np.abs(coefficients)
    size = size if size.ndim == 1 else size.max(axis=1)
    n = len(size)
    sums = np.cumsum(size[::-1])[::-1]
    envelope = np.maximum.accumulate(size[::-1])[::-1]
    length = max(1, int(np.count_nonzero(sums > threshold)))
    discarded = float(sums[length]) if length < n else 0.0
    room = max(2, n // 10)
    order, beyond = _unseen(envelope, room)
    settled = 2 * length <= n
    resolved = length <= n - room and (settled or beyond <= threshold)
    noisy = not resolved and n >= 65 and order < 0.5 and bool(envelope[n // 3] < _NOISE * envelope[0])
    return Length(length, discarded + (0.0 if settled else beyond), resolved, order, noisy)


def _unseen(envelope: Array, room: int) -> tuple[float, float]:
    """Return the algebraic order of decay and an estimate of the sum of all further coefficients."""
    n = len(envelope)
    first, last = max(1, n // 3), n - room
    if last <= first or envelope[last] <= 0:
        return np.inf, 0.0
    order = float(np.log(envelope[first] / envelope[last]) / np.log(last / first))
    return order, float(envelope[last]) * n / max(order - 1, 0.3)
