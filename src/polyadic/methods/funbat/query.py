"""Questions to a fitted model at any rows: the noise-free field or a new measurement, with standard deviations."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import local_tucker
from polyadic.kernels.local_tucker import LocalTucker

Array = NDArray[np.float64]
Quantity = Literal["field", "measurement"]


def moments(model: LocalTucker, table: Array, quantity: Quantity = "field") -> tuple[Array, Array]:
    r"""Return mean and standard deviation (rows,) of the field or of a new measurement, in units of the data.

    The variance of the field is that of a new linked value less the noise. With a log link the field is
    :math:`\exp f`, the median of a measurement, and its moments are log-normal.

    Parameters
    ----------
    model
        Fitted.
    table
        Columns of the model, shape (rows, columns).
    quantity
        ``"field"`` or ``"measurement"``.
    """
    if quantity == "measurement":
        return local_tucker.predictive_mean(model, table)
    mean, total = local_tucker.new_moments(model, table)
    variance = np.maximum(total - local_tucker.noise_variance(model), 1e-9 * total)
    if model.tucker.link == "identity":
        return mean, np.sqrt(variance)
    centre = np.exp(mean + variance / 2)
    return centre, np.asarray(centre * np.sqrt(np.expm1(variance)))
