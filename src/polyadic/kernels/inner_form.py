"""What the last inner factor of a CP model is: free, or products of two neurons' weights, one clique a component."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from polyadic.kernels.row_solver import descend

Array = NDArray[np.floating]


class Form(Protocol):
    """How parameters become the last inner factor, and how they are improved.

    Attributes
    ----------
    power
        Power of the parameters' scale that the factor grows with.
    """

    @property
    def power(self) -> int: ...  # noqa: D102

    def expand(self, inner: Sequence[Array]) -> list[Array]:
        """Return the inner factors of the tensor."""
        ...

    def lower(self, last: Array, target: Array, grams: Array, owner: NDArray[np.int64], sweeps: int) -> None:
        """Lower the error over the parameters of the last mode, in place."""
        ...


class Free:
    """The last inner factor is its own parameter."""

    power = 1

    def expand(self, inner: Sequence[Array]) -> list[Array]:
        """Return the factors as they are."""
        return list(inner)

    def lower(self, last: Array, target: Array, grams: Array, owner: NDArray[np.int64], sweeps: int) -> None:
        """Lower the error by coordinate descent."""
        descend(last, target, grams, owner, sweeps)


class Cliques:
    r"""The last inner factor over pairs is :math:`p_{ij,r} = a_{ir} a_{jr}`: the stricter model, ours.

    Given all others the error is quadratic in the weights of one neuron, so neurons are solved for one after the other
    and the error never rises.
    """

    power = 2

    def expand(self, inner: Sequence[Array]) -> list[Array]:
        """Return the factors with the weights of neurons ``(n, R)`` as those of pairs ``(n (n - 1) / 2, R)``.

        Examples
        --------
        >>> Cliques().expand([np.array([[1.0], [2.0], [3.0]])])[0].T
        array([[2., 3., 6.]])
        """
        first, second = np.triu_indices(len(inner[-1]), 1)
        return [*inner[:-1], inner[-1][first] * inner[-1][second]]

    def lower(self, last: Array, target: Array, grams: Array, owner: NDArray[np.int64], sweeps: int) -> None:
        """Lower the error over the neurons' weights."""
        descend_cliques(last, np.ascontiguousarray(target), grams, owner, max(sweeps, 2))


@njit(cache=True, nogil=True)
def descend_cliques(neurons: Array, targets: Array, grams: Array, owner: NDArray[np.int64], sweeps: int) -> None:
    r"""Lower :math:`\sum_p \tfrac12 z_p^T G_p z_p - b_p^T z_p`, :math:`z_{ij} = a_i \circ a_j`, over :math:`a \ge 0`.

    In place. For neuron i the problem is that of one row with :math:`G = \sum_j G_{ij} \circ a_j a_j^T` and
    :math:`b = \sum_j b_{ij} \circ a_j`.

    Parameters
    ----------
    neurons
        Weights ``(n, R)``, the start and the result.
    targets
        :math:`b_p` of each pair ``(n (n - 1) / 2, R)``, pairs as `numpy.triu_indices` with offset 1.
    grams, owner
        The distinct :math:`G_p` ``(k, R, R)`` and which of them each pair has; ``(1,)`` if all have the same.
    sweeps
        Sweeps over the coordinates of a neuron.

    Notes
    -----
    :math:`O(n^2 R^2)`.

    Examples
    --------
    >>> a = np.array([[1.0], [1.0]])
    >>> descend_cliques(a, np.array([[2.0]]), np.ones((1, 1, 1)), np.zeros(1, np.int64), 1)
    >>> a.T
    array([[2., 1.]])
    """
    count, rank = neurons.shape
    gram, target, only = np.zeros((1, rank, rank)), np.zeros((1, rank)), np.zeros(1, np.int64)
    for i in range(count):
        gram[:] = 0.0
        target[:] = 0.0
        for j in range(count):
            if j != i:
                low, high = min(i, j), max(i, j)
                pair = low * (2 * count - low - 1) // 2 + high - low - 1
                _add_partner(neurons[j], targets[pair], grams[owner[min(pair, owner.size - 1)]], gram[0], target[0])
        descend(neurons[i : i + 1], target, gram, only, sweeps)


@njit(cache=True, nogil=True)
def _add_partner(weights: Array, asked: Array, known: Array, gram: Array, target: Array) -> None:
    for r in range(weights.size):
        target[r] += asked[r] * weights[r]
        for s in range(weights.size):
            gram[r, s] += known[r, s] * weights[r] * weights[s]
