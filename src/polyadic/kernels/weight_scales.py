"""Weights on a power scale with what nodes and their degree classes explain: what communities must beat."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import class_effects
from .degree_classes import by_stubs, cells, how_many
from .node_effects import evidence, power_scale, straightened
from .weighted_graph import Graph

POWERS = {"log-normal": 0.0, "cube-root": 1 / 3, "square-root": 0.5, "normal": 1.0}
"""Scales on which weights may be normal. Cube roots are nearly so for gamma variables (Wilson and Hilferty)."""


class Scaled(NamedTuple):
    """Weights on a normal scale.

    Attributes
    ----------
    values
        (E,) the weights on the scale, centred; without the interaction of the node effects where there is one cell.
    rest
        (E,) what the nodes and cells of one block leave of the values, in units of its standard deviation by cell.
    evidence
        Cost of all values under one block, in nats, without ``jacobian``.
    jacobian
        What the change of scale adds to the cost of the weights themselves, in nats.
    cell
        (E,) the pair of degree classes of each edge; all 0 where classes do not pay.
    classes
        (n,) the degree class of each node; all 0 where classes do not pay.
    """

    values: NDArray[np.float64]
    rest: NDArray[np.float64]
    evidence: float
    jacobian: float
    cell: NDArray[np.int64]
    classes: NDArray[np.int64]

    @property
    def marked(self) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
        """The values, the cell of each edge, the class of each node: what the sampler reads."""
        return self.values, self.cell, self.classes

    def cost(self, graph: Graph, chosen: NDArray[np.bool_]) -> float:
        """Return the nats of the chosen values, which have node effects and cells of their own."""
        y, pairs, scale = self.values[chosen], graph.pairs[:, chosen], float(self.values.var())
        if not self.cell.any():
            return evidence(pairs, y, graph.size, scale)[0]
        used = np.unique(self.cell[chosen], return_inverse=True)[1].astype(np.int64)
        return class_effects.fit(pairs, y, self.classes, used, scale).cost


def scaled(graph: Graph, power: float) -> Scaled:
    """Return the weights on a power scale, with degree classes where they shorten the description of one block.

    Notes
    -----
    ``O(E + n ** 3)`` time, ``O(n ** 2)`` memory. Graphs above half density have no classes: their degrees say little.
    """
    raw, jacobian = power_scale(graph.weight, power)
    i, j = graph.pairs
    y, effects, cost = straightened(graph.pairs, raw, graph.size)
    rest = y - effects[i] - effects[j]
    one = np.zeros(raw.size, np.int64)
    by_nodes = Scaled(y, rest - rest.mean(), cost, jacobian, one, np.zeros(graph.size, np.int64))
    if graph.density > 0.5:
        return by_nodes
    classes = by_stubs(graph.degree, how_many(raw.size))
    cell = cells(classes, graph.pairs)
    if not cell.any():
        return by_nodes
    fit = class_effects.fit(graph.pairs, raw, classes, cell, float(raw.var()))
    if fit.cost > cost:
        return by_nodes
    rest = (raw - fit.effects[i] - fit.effects[j] - fit.mean[cell]) / np.sqrt(fit.variance[cell])
    return Scaled(raw, rest - rest.mean(), fit.cost, jacobian, cell, classes)
