"""Costs of constant mixing that both its description and its sampler use, compiled, in nats."""

import math

from numba import njit


@njit(cache=True)
def _binomial(total, part):  # type: ignore[no-untyped-def]
    if part <= 0 or part >= total:
        return 0.0
    return math.lgamma(total + 1.0) - math.lgamma(part + 1.0) - math.lgamma(total - part + 1.0)


@njit(cache=True)
def group(plain, mass, inner):  # type: ignore[no-untyped-def]
    """Return the cost of one group: ``mass`` is its degree sum, ``inner`` its internal edges."""
    if plain or mass <= 0:
        return 0.0
    return math.lgamma(mass + 1.0) + (inner - mass) * math.log(mass)


@njit(cache=True)
def shares(plain, inner, edges, squares, size):  # type: ignore[no-untyped-def]
    """Return the cost of ``inner`` internal edges among all; ``squares`` is the sum of squared masses."""
    outer = edges - inner
    if plain:
        cells = 0.5 * (squares - size)
        return _binomial(cells, inner) + _binomial(0.5 * size * (size - 1.0) - cells, outer)
    cost = 0.0
    if inner > 0:
        cost -= inner * math.log(inner / edges)
    if outer > 0.5:
        cost -= outer * math.log(outer / max(2.0 * edges * edges - 0.5 * squares, 1.0))
    return cost


@njit(cache=True)
def partition(size, blocks):  # type: ignore[no-untyped-def]
    """Return the nats of the block sizes given their number."""
    return math.lgamma(size) - math.lgamma(blocks) - math.lgamma(size - blocks + 1.0)
