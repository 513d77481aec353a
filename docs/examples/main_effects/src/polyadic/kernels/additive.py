"""Additive models of labelled entries."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def main_effects(values: Floats, labels: list[NDArray[np.int64]], iterations: int = 20) -> tuple[float, list[Floats]]:
    r"""Return the mean and the effect of every level of every mode, by backfitting.

    The model is :math:`y_n = \mu + \sum_k a^{(k)}_{l_k(n)}`, the first terms of a functional ANOVA. Each
    sweep sets the effects of one mode to the means of what the others leave.

    Parameters
    ----------
    values
        Shape ``(n,)``.
    labels
        Per mode the level of each value, shape ``(n,)``, counted from 0.
    iterations
        Sweeps over the modes.

    Returns
    -------
    mean and, per mode, the effects of shape ``(levels,)``, in the unit of ``values``.

    Notes
    -----
    :math:`O(n)` a sweep and mode. J. H. Friedman, W. Stuetzle, JASA 76 (1981).

    Examples
    --------
    >>> rows, columns = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> mean, (row, column) = main_effects(np.array([1.0, 2.0, 3.0, 4.0]), [rows, columns])
    >>> mean, row, column
    (2.5, array([-1.,  1.]), array([-0.5,  0.5]))
    """
    mean = float(values.mean())
    effects = [np.zeros(int(label.max()) + 1) for label in labels]
    counts = [
        np.maximum(np.bincount(label, minlength=effect.size), 1) for label, effect in zip(labels, effects, strict=True)
    ]
    for _ in range(iterations):
        for mode, label in enumerate(labels):
            others = sum(effects[k][labels[k]] for k in range(len(labels)) if k != mode)
            effects[mode] = np.bincount(label, values - mean - others, effects[mode].size) / counts[mode]
    return mean, effects
