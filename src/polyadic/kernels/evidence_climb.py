"""A few quasi-Newton steps of hyperparameters uphill in an evidence, which never fall."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
REACH = 2.0
"""Most that a logarithmic hyperparameter moves at once."""


def climb(
    evaluate: Callable[[Array], tuple[float, Array]], start: Array, bounds: list[tuple[float, float]], steps: int
) -> Array:
    """Return parameters whose evidence is at least that of ``start``, after at most ``steps`` quasi-Newton steps.

    Parameters
    ----------
    evaluate
        Returns the evidence and its gradient, of the shape of the parameters.
    start
        Logarithmic parameters, of any shape.
    bounds
        Low and high end of each, in their flat order.
    steps
        Most steps; the evidence is evaluated at most ``2 steps + 2`` times.

    Examples
    --------
    >>> climb(lambda x: (-float((x - 1) @ (x - 1)), -2 * (x - 1)), np.zeros(1), [(-3.0, 3.0)], 4).round(6)
    array([1.])
    """

    def descend(flat: Array) -> tuple[float, Array]:
        evidence, gradient = evaluate(flat.reshape(start.shape))
        return -evidence, -gradient.ravel()

    wide = [
        (min(max(low, at - REACH), at), max(min(high, at + REACH), at))
        for (low, high), at in zip(bounds, start.ravel(), strict=True)
    ]
    found = minimize(
        descend,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        bounds=wide,
        options={"maxiter": steps, "maxfun": 2 * steps + 2},
    )
    return np.asarray(found.x).reshape(start.shape)
