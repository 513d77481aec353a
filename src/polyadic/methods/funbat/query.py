"""Questions to a fitted model at any rows: the noise-free field or a new measurement, with standard deviations."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from polyadic.kernels import links, local_tucker
from polyadic.kernels.local_tucker import LocalTucker

Array = NDArray[np.float64]
Quantity = Literal["field", "measurement"]


def moments(model: LocalTucker, table: Array, quantity: Quantity = "field") -> tuple[Array, Array]:
    r"""Return mean and standard deviation (rows,) of the field or of a new measurement, in units of the data.

    The variance of the field is that of a new linked value less the noise. With a link the field is the inverse link of
    f, the median of a measurement; its moments are exact.

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
    mean, variance = links.moments(model.tucker.link, *_linked_field(model, table))
    return mean, np.sqrt(variance)


def band(
    model: LocalTucker, table: Array, quantity: Quantity = "field", probability: float = 0.9
) -> tuple[Array, Array]:
    """Return the ends (rows,) of the central band of the field or of a new measurement, in units of the data.

    That of a measurement has the shape of the errors of withheld values; that of the field is normal on the linked
    scale.
    """
    levels = np.array([0.5 - probability / 2, 0.5 + probability / 2])
    if quantity == "measurement":
        low, high = local_tucker.predictive_quantiles(model, table, levels).T
        return low, high
    mean, variance = _linked_field(model, table)
    low, high = (links.inverse(model.tucker.link, mean + z * np.sqrt(variance)) for z in ndtri(levels))
    return low, high


def _linked_field(model: LocalTucker, table: Array) -> tuple[Array, Array]:
    mean, total = local_tucker.new_moments(model, table)
    return mean, np.maximum(total - local_tucker.noise_variance(model), 1e-9 * total)
