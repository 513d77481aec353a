r"""Long Chebyshev and Fourier series at scattered points, by a non-uniform fast Fourier transform in one dimension.

The series is divided by the transform of a bell-shaped kernel, summed by FFT on a grid twice as fine, and gathered at
the points with that kernel (Barnett, Magland, af Klinteberg, *SIAM J. Sci. Comput.* 41 (2019), C479).
"""

import functools

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy import fft

from polyadic.kernels.univariate_bases import BASES

Array = NDArray[np.float64]

WORTHWHILE = 400
"""Length from which gathering beats a dense product."""

_WIDTH = 15
_DENSE = 4096  # points of a dense product: its basis functions stay in cache
_GATHERED = 1024  # points gathered at once
_BETA = 2.3 * _WIDTH


def evaluate(basis: str, coefficients: Array, t: Array) -> Array:
    """Return series ``(n, r)`` at coordinates of [-1, 1]: ``(len(t), r)``.

    Dense product below `WORTHWHILE` coefficients: 2 n r flops a point; above it 30 r flops a point and FFTs.

    Examples
    --------
    >>> evaluate("chebyshev", np.array([[0.0], [0.0], [1.0]]), np.array([0.5]))
    array([[-0.5]])
    """
    n = len(coefficients)
    if n < WORTHWHILE or len(t) < 32:
        out = np.empty((len(t), coefficients.shape[1]))
        for start in range(0, len(t), _DENSE):
            part = slice(start, start + _DENSE)
            out[part] = BASES[basis].functions(t[part], n).T @ coefficients
        return out
    size = _fine(basis, n)
    grid = (_cosine_grid if basis == "chebyshev" else _fourier_grid)(coefficients, size)
    return np.asarray(_gather(_angle(basis, t), size) @ grid)


class LongSeries:
    """Series of one length to which more are added, their fine grids kept: evaluation then only gathers.

    Parameters
    ----------
    basis
        ``"chebyshev"`` or ``"fourier"``.
    n
        Coefficients of every series.

    Examples
    --------
    >>> held = LongSeries("chebyshev", 500)
    >>> held.add(np.eye(500)[2])
    >>> held.at(np.array([0.5, 1.0])).round(12).ravel()
    array([-0.5,  1. ])
    """

    def __init__(self, basis: str, n: int) -> None:
        self.basis = basis
        self.size = _fine(basis, n)
        self.count = 0
        self._table: Array = np.empty((self.size // 2 + 1 if basis == "chebyshev" else self.size, 8))

    def add(self, coefficients: Array) -> None:
        """Take in one series: one FFT."""
        if self.count == self._table.shape[1]:
            self._table = np.hstack([self._table, np.empty_like(self._table)])
        make = _cosine_half if self.basis == "chebyshev" else _fourier_grid
        self._table[:, self.count] = make(coefficients[:, None], self.size)[:, 0]
        self.count += 1

    def truncate(self, count: int) -> None:
        """Forget the latest series."""
        self.count = count

    def at(self, t: Array, first: int = 0) -> Array:
        """Return the series from the ``first`` on at coordinates: ``(len(t), count - first)``, 30 flops each."""
        out = np.empty((len(t), self.count - first))
        for start in range(0, len(t), _GATHERED):
            part = slice(start, start + _GATHERED)
            weights, columns = _weights(_angle(self.basis, t[part]), self.size)
            columns = columns % self.size
            if self.basis == "chebyshev":
                columns = np.minimum(columns, self.size - columns)
            rows = self._table[columns, first : self.count]
            out[part] = np.matmul(weights[:, None, :], rows)[:, 0]
        return out


def _fine(basis: str, n: int) -> int:
    harmonics = n if basis == "chebyshev" else n // 2 + 1
    return int(fft.next_fast_len(2 * harmonics + 2 * _WIDTH, real=True) * 2)


def _angle(basis: str, t: Array) -> Array:
    return np.asarray(np.arccos(np.clip(t, -1, 1)) if basis == "chebyshev" else np.pi * (t + 1))


def _cosine_half(c: Array, size: int) -> Array:
    spectrum = np.zeros((size // 2 + 1, c.shape[1]))
    spectrum[: len(c)] = c / (2 * _transform(len(c), size)[:, None])
    spectrum[0] *= 2
    return np.asarray(fft.dct(spectrum, type=1, axis=0))


def _cosine_grid(c: Array, size: int) -> Array:
    half = _cosine_half(c, size)
    return np.vstack([half, half[-2:0:-1]])


def _fourier_grid(c: Array, size: int) -> Array:
    kernel = _transform(len(c) // 2 + 1, size)[:, None]
    spectrum = np.zeros((size // 2 + 1, c.shape[1]), complex)
    spectrum[0] = c[0] / kernel[0]
    spectrum[1 : len(c) // 2 + 1] += c[1::2] / (2 * kernel[1:])
    spectrum[1 : (len(c) + 1) // 2] -= 1j * c[2::2] / (2 * kernel[1 : (len(c) + 1) // 2])
    return np.asarray(fft.irfft(spectrum, size, axis=0, norm="forward"))


def _bell(z: Array) -> Array:
    return np.asarray(np.exp(_BETA * (np.sqrt(np.maximum(1 - z * z, 0)) - 1)))


@functools.lru_cache(maxsize=8)
def _transform(n: int, size: int) -> Array:
    r"""Return :math:`\sum_l \psi(l h) e^{i k l h}` for harmonics below ``n``, as an integral by Gauss points."""
    z, w = np.polynomial.legendre.leggauss(60)
    reach = _WIDTH / 2 * (2 * np.pi / size)
    return np.asarray(np.cos(np.outer(np.arange(n), reach * z)) @ (w * _bell(z))) * _WIDTH / 2


def _weights(angle: Array, size: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the weights of the fine points round every angle, and their numbers, not yet wrapped."""
    position = angle * (size / (2 * np.pi))
    first = np.ceil(position - _WIDTH / 2).astype(np.int64)
    columns = first[:, None] + np.arange(_WIDTH)
    return _bell((position[:, None] - columns) * (2 / _WIDTH)), columns


def _gather(angle: Array, size: int) -> scipy.sparse.csr_array:
    weights, columns = _weights(angle, size)
    rows = np.arange(0, _WIDTH * len(angle) + 1, _WIDTH)
    return scipy.sparse.csr_array((weights.ravel(), (columns % size).ravel(), rows), shape=(len(angle), size))
