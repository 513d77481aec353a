"""The loops over entries of a Tucker or CP model, compiled.

Arrays of moments are flat: those of index i of mode k begin at ``at[k] + i * width[k]`` of ``values``. Rows of entries
are far apart where those of one index follow each other, so their values are fetched a block at a time, apart from the
arithmetic: misses of the cache overlap.
"""

import numpy as np
from numba import njit

BLOCK = 256
"""Entries whose values are fetched at once."""


@njit(cache=True)
def _expand(buffer, size, values, at, width):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Replace the first ``size`` numbers by their Kronecker product with ``width`` values, in place."""
    for i in range(size - 1, -1, -1):
        x = buffer[i]
        for j in range(width):
            buffer[i * width + j] = x * values[at + j]
    return size * width


@njit(cache=True)
def _multiply(buffer, values, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    for j in range(buffer.size):
        buffer[j] *= values[at + j]


@njit(cache=True)
def _add_kronecker(index, begin, own, values, at, width, buffer, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the Kronecker products of the moments of entries from ``begin`` on, times a number of each, to ``out``.

    The last mode is multiplied in as it is added: the longest products are never written.
    """
    last = index.shape[1] - 1
    if last < 0:
        out[0] += own.sum()
        return
    wide, offset = width[last], at[last]
    for n in range(own.size):
        buffer[0], size = own[n], 1
        for k in range(last):
            size = _expand(buffer, size, values, at[k] + index[begin + n, k] * width[k], width[k])
        first = offset + index[begin + n, last] * wide
        row = values[first : first + wide]
        for i in range(size):
            x, part = buffer[i], out[i * wide : (i + 1) * wide]
            for j in range(wide):
                part[j] += x * row[j]


@njit(cache=True)
def _add_hadamard(index, begin, own, values, at, width, buffer, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Add the elementwise products of the moments of entries from ``begin`` on, times a number of each, to ``out``."""
    for n in range(own.size):
        buffer[:] = own[n]
        for k in range(index.shape[1]):
            _multiply(buffer, values, at[k] + index[begin + n, k] * width[k])
        for j in range(buffer.size):
            out[j] += buffer[j]


@njit(cache=True)
def sums(  # type: ignore[no-untyped-def]  # pragma: no cover
    start, order, index, weight, value, second, second_at, second_width, first, first_at, first_width, hadamard, G, g
):
    """Add the weighted products of second moments to G, and those of first moments times values to g, by index."""
    wide, narrow, alike = np.empty(G.shape[1]), np.empty(g.shape[1]), weight.size == 1
    own, pull = np.empty(BLOCK), np.empty(BLOCK)
    for d in range(G.shape[0]):
        for begin in range(start[d], start[d + 1], BLOCK):
            count = min(BLOCK, start[d + 1] - begin)
            for n in range(count):
                row = order[begin + n]
                own[n] = weight[0] if alike else weight[row]
                pull[n] = own[n] * value[row]
            if hadamard:
                _add_hadamard(index, begin, own[:count], second, second_at, second_width, wide, G[d])
                _add_hadamard(index, begin, pull[:count], first, first_at, first_width, narrow, g[d])
            else:
                _add_kronecker(index, begin, own[:count], second, second_at, second_width, wide, G[d])
                _add_kronecker(index, begin, pull[:count], first, first_at, first_width, narrow, g[d])


@njit(cache=True)
def products(start, order, index, table, values, at, width, hadamard, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the products of each entry's moments, contracted with the table row of its index, by the order of rows."""
    buffer = np.empty(table.shape[1])
    for d in range(table.shape[0]):
        for n in range(start[d], start[d + 1]):
            buffer[:] = 1.0
            size = 1
            for k in range(index.shape[1]):
                begin = at[k] + index[n, k] * width[k]
                if hadamard:
                    _multiply(buffer, values, begin)
                else:
                    size = _expand(buffer, size, values, begin, width[k])
            out[order[n]] = buffer @ table[d]
