"""What every baseline returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Prediction:
    """The predictive mean and variance of a new measured value at each test row.

    Parameters
    ----------
    mean
        Shape (test rows,), in the unit of the data, in the order of the test rows.
    variance
        Shape (test rows,), in the squared unit of the data, noise included; None where a baseline gives none.

    Examples
    --------
    >>> Prediction(np.array([1.0]), np.array([0.25])).variance
    array([0.25])
    """

    mean: Floats
    variance: Floats | None = None
