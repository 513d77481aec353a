"""The canonical form of a CP model, and how alike two models are."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def canonical(weights: Array, factors: Sequence[Array]) -> tuple[Array, list[Array]]:
    r"""Return an equal model with unit-norm columns and descending weights.

    A term :math:`w_r\, a_r \circ b_r \circ \dots` keeps its value when a column's norm moves into its weight.
    A negative weight moves its sign into the first mode; a term of weight 0 gets constant columns; equal weights
    keep their order.

    Parameters
    ----------
    weights
        One a component, shape ``(R,)``, in the unit of the tensor.
    factors
        One array a mode, shape ``(n, R)`` or ``(k, n, R)``: then every one of the ``k`` columns of a component
        must have the same norm already.

    Returns
    -------
    weights, factors
        Of the same shapes; columns without unit.

    Raises
    ------
    ValueError
        If a factor has not one column a weight.

    Notes
    -----
    :math:`O(R \sum n)`.

    Examples
    --------
    >>> weights, (a, b) = canonical(np.ones(2), [np.array([[1.0, 3.0], [0.0, 4.0]]), np.array([[1.0, 2.0]])])
    >>> weights, a.T, b
    (array([10.,  1.]), array([[0.6, 0.8],
           [1. , 0. ]]), array([[1., 1.]]))
    """
    weights = np.asarray(weights, float)
    factors = [np.asarray(factor, float) for factor in factors]
    for mode, factor in enumerate(factors):
        if factor.shape[-1] != weights.size:
            raise ValueError(f"factors[{mode}] must have {weights.size} columns, found shape {factor.shape}")
    norms = [np.sqrt(np.einsum("...ir,...ir->...r", f, f)).reshape(-1, weights.size).max(axis=0) for f in factors]
    size = weights * np.prod(norms, axis=0)
    unit = []
    for factor, norm in zip(factors, norms, strict=True):
        flat = np.full(factor.shape, 1 / np.sqrt(factor.shape[-2]))
        unit.append(np.where(size != 0, factor / np.where(norm > 0, norm, 1), flat))
    unit[0] = np.where(size < 0, -unit[0], unit[0])
    order = np.argsort(-np.abs(size), kind="stable")
    return np.abs(size)[order], [np.ascontiguousarray(factor[..., order]) for factor in unit]


def matching(first: Sequence[Array], second: Sequence[Array]) -> tuple[NDArray[np.intp], Array]:
    r"""Return which component of the second model each one of the first is, and how alike they are.

    The similarity of two components is the product over the modes of the cosines of their columns; the assignment
    maximises its sum (Kuhn-Munkres).

    Parameters
    ----------
    first, second
        Factors of two models with the same mode sizes, each ``(n, R)``; the ranks may differ.

    Returns
    -------
    partner
        Shape ``(R,)`` of the first: the index in the second, -1 where it has none.
    similarity
        Shape ``(R,)``, in [0, 1] for non-negative factors; 0 without partner.

    Notes
    -----
    :math:`O(R^2 \sum n)`.

    Examples
    --------
    >>> a = [np.eye(3), np.eye(3)]
    >>> partner, similarity = matching(a, [f[:, [2, 0]] for f in a])
    >>> partner, similarity
    (array([ 1, -1,  0]), array([1., 0., 1.]))
    """
    from scipy.optimize import linear_sum_assignment

    cosines = np.ones((first[0].shape[-1], second[0].shape[-1]))
    for a, b in zip(first, second, strict=True):
        a, b = a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1])
        norms = np.linalg.norm(a, axis=0)[:, None] * np.linalg.norm(b, axis=0)
        cosines *= (a.T @ b) / np.where(norms > 0, norms, 1)
    rows, columns = linear_sum_assignment(-cosines)
    partner, similarity = np.full(cosines.shape[0], -1, np.intp), np.zeros(cosines.shape[0])
    partner[rows], similarity[rows] = columns, cosines[rows, columns]
    return partner, similarity
