r"""Functions of several variables as Tucker tensors of Chebyshev and Fourier coefficients.

.. math:: f(x_1, \ldots, x_d) = \sum_{a_1 \ldots a_d} G_{a_1 \ldots a_d} \prod_k u^{(k)}_{a_k}(x_k),
   \qquad u^{(k)}_a = \sum_j V^{(k)}_{ja} \phi^{(k)}_j

with orthonormal :math:`V^{(k)}` and the basis :math:`\phi^{(k)}` of mode k stretched over its interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polyadic.kernels import chebyshev, nonuniform_series, tucker_compression
from polyadic.kernels.univariate_bases import BASES, Basis

Array = NDArray[np.float64]

_OUTER = 2**16  # points whose factor functions are held at once
_CHUNK = 2**20  # numbers in the largest intermediate of an evaluation: 8 MiB, about a cache


@dataclass(frozen=True)
class Expansion:
    """Core, coefficients, domain and basis of a functional Tucker tensor.

    Attributes
    ----------
    core
        ``(r_1, ..., r_d)``.
    coefficients
        Per mode ``(n_k, r_k)``, orthonormal columns.
    domain
        Per mode (low, high).
    bases
        Per mode ``"chebyshev"`` or ``"fourier"``.
    """

    core: Array
    coefficients: tuple[Array, ...]
    domain: tuple[tuple[float, float], ...]
    bases: tuple[str, ...]

    @property
    def dimension(self) -> int:
        """The number of modes."""
        return self.core.ndim

    def basis(self, mode: int) -> Basis:
        """Return the basis of a mode."""
        return BASES[self.bases[mode]]

    def factor(self, mode: int, x: Array, coefficients: Array | None = None) -> Array:
        """Return the factor functions of a mode at coordinates: ``(len(x), r)``; 2 n r flops a coordinate."""
        c = self.coefficients[mode] if coefficients is None else coefficients
        t = to_reference(x, self.domain[mode], self.bases[mode])
        return nonuniform_series.evaluate(self.bases[mode], c, t)

    def at(self, points: Sequence[ArrayLike]) -> Array:
        r"""Return the values at points: one coordinate array a mode, broadcast against each other.

        Costs :math:`2 \sum_k n_k r_k + 2 \prod_k r_k` flops a point, in chunks of some MiB.

        Raises
        ------
        ValueError
            If a coordinate lies outside the domain of a mode that is not periodic.
        """
        flat, shape = broadcast(points, self.dimension)
        out = np.empty(flat[0].size)
        for whole in _parts(out.size, _OUTER):
            factors = [self.factor(k, x[whole]) for k, x in enumerate(flat)]
            for part in _parts(len(factors[0]), self._step):
                out[whole][part] = contract(self.core, [f[part] for f in factors])
        return out.reshape(shape)

    def gradient(self, points: Sequence[ArrayLike]) -> Array:
        """Return the exact gradient at points, of the shape of the points and a last axis of modes."""
        flat, shape = broadcast(points, self.dimension)
        out = np.empty((flat[0].size, self.dimension))
        slopes = [self._slope(k) for k in range(self.dimension)]
        for whole in _parts(len(out), _OUTER):
            factors = [self.factor(k, x[whole]) for k, x in enumerate(flat)]
            primes = [self.factor(k, x[whole], slopes[k]) for k, x in enumerate(flat)]
            for part in _parts(len(factors[0]), self._step):
                out[whole][part] = gradient(self.core, [f[part] for f in factors], [f[part] for f in primes])
        return out.reshape(*shape, self.dimension)

    def on_grid(self, axes: Sequence[ArrayLike]) -> Array:
        """Return the values on the tensor product of one coordinate array a mode, by mode products."""
        if len(axes) != self.dimension:
            raise ValueError(f"axes must be {self.dimension} coordinate arrays, found {len(axes)}")
        factors = [self.factor(k, np.asarray(x, float).ravel()) for k, x in enumerate(axes)]
        out: Array = np.ascontiguousarray(tucker_compression.multiply(self.core, factors))
        return out

    @property
    def _step(self) -> int:
        return min(8192, max(64, _CHUNK * len(self.core) // int(self.core.size)))

    def _slope(self, mode: int) -> Array:
        low, high = self.domain[mode]
        return self.basis(mode).derivative(self.coefficients[mode]) * (2 / (high - low))

    def integral(self) -> float:
        """Return the integral over the domain, exact for the expansion."""
        weights = [
            (self.basis(k).integrals(len(c)) * (high - low) / 2 @ c)[None]
            for k, (c, (low, high)) in enumerate(zip(self.coefficients, self.domain, strict=True))
        ]
        return float(tucker_compression.multiply(self.core, weights).ravel()[0])

    def derivative(self, mode: int) -> "Expansion":
        """Return the expansion of the partial derivative along a mode."""
        return self._with_mode(mode, self._slope(mode))

    def restricted(self, mode: int, low: float, high: float) -> "Expansion":
        """Return the expansion on a part of one mode's interval, there in the Chebyshev basis.

        Polynomials keep their degree; a Fourier mode gets as many points as its highest harmonic asks for.
        """
        left, right = self.domain[mode]
        if not (left <= low < high <= right):
            raise ValueError(f"the part must lie in [{left}, {right}], found [{low}, {high}]")
        n = len(self.coefficients[mode])
        if self.bases[mode] == "fourier":
            n = int(np.ceil(math.pi / 2 * n * (high - low) / (right - left))) + 40
        x = low + (high - low) * (chebyshev.points(n) + 1) / 2
        parts = chebyshev.coefficients(self.factor(mode, np.clip(x, low, high)))
        domain, bases = list(self.domain), list(self.bases)
        domain[mode], bases[mode] = (low, high), "chebyshev"
        return replace(self, domain=tuple(domain), bases=tuple(bases))._with_mode(mode, parts)

    def _with_mode(self, mode: int, coefficients: Array) -> "Expansion":
        factors = [*self.coefficients[:mode], coefficients, *self.coefficients[mode + 1 :]]
        return self._from(self.core, factors)

    def _from(self, core: NDArray[Any], factors: Sequence[Array], tolerance: float = 0.0) -> "Expansion":
        core, orthonormal = tucker_compression.compress(core, factors, tolerance)
        return replace(self, core=core, coefficients=tuple(orthonormal))

    def compressed(self, tolerance: float) -> "Expansion":
        """Return the expansion with smaller ranks: coefficients change by at most ``tolerance`` in Frobenius norm."""
        return self._from(self.core, self.coefficients, tolerance)

    def scaled(self, factor: float) -> "Expansion":
        """Return the expansion times a number."""
        return replace(self, core=self.core * factor)

    def plus(self, other: "Expansion") -> "Expansion":
        """Return the sum, its ranks reduced to 1e-15 of its norm: the ranks of both add up at most."""
        self._check_alike(other)
        joined, triangles = [], []
        for a, b in zip(self.coefficients, other.coefficients, strict=True):
            n = max(len(a), len(b))
            q, r = np.linalg.qr(np.hstack([_padded(a, n), _padded(b, n)]))
            joined.append(q)
            triangles.append((r[:, : a.shape[1]], r[:, a.shape[1] :]))
        core = tucker_compression.multiply(self.core, [r for r, _ in triangles])
        core = core + tucker_compression.multiply(other.core, [r for _, r in triangles])
        size = np.linalg.norm(self.core) + np.linalg.norm(other.core)
        return self._from(core, joined, 1e-15 * float(size))

    def times(self, other: "Expansion") -> "Expansion":
        """Return the product: ranks multiply, degrees add, then ranks are reduced to 1e-15 of the norm.

        The core of the product has the product of both sizes: meant for small ranks.
        """
        self._check_alike(other)
        factors = []
        for k, (a, b) in enumerate(zip(self.coefficients, other.coefficients, strict=True)):
            basis, n = self.basis(k), len(a) + len(b) + 1
            x = basis.points(n)
            left, right = basis.functions(x, len(a)).T @ a, basis.functions(x, len(b)).T @ b
            factors.append(basis.coefficients((left[:, :, None] * right[:, None, :]).reshape(n, -1)))
        core = np.kron(self.core, other.core)
        return self._from(core, factors, 1e-15 * float(np.linalg.norm(self.core) * np.linalg.norm(other.core)))

    def _check_alike(self, other: "Expansion") -> None:
        if (self.domain, self.bases) != (other.domain, other.bases):
            raise ValueError(
                f"domains and bases must agree, found {self.domain} {self.bases} and {other.domain} {other.bases}"
            )


def _padded(coefficients: Array, n: int) -> Array:
    return np.vstack([coefficients, np.zeros((n - len(coefficients), coefficients.shape[1]))])


def _parts(size: int, step: int) -> list[slice]:
    return [slice(start, start + step) for start in range(0, size, step)]


def to_reference(x: Array, interval: tuple[float, float], basis: str) -> Array:
    """Return coordinates of an interval as coordinates of [-1, 1]; periodic ones are wrapped.

    Raises
    ------
    ValueError
        If a coordinate lies outside an interval that is not periodic, by more than rounding.
    """
    low, high = interval
    t = (np.asarray(x, float) - low) * (2 / (high - low)) - 1
    if basis == "fourier":
        return (t + 1) % 2 - 1
    if t.size and not (t.min() >= -1 - 1e-12 and t.max() <= 1 + 1e-12):
        raise ValueError(f"coordinates must lie in [{low}, {high}], found [{np.min(x)}, {np.max(x)}]")
    return np.clip(t, -1, 1)


def from_reference(t: Array, interval: tuple[float, float]) -> Array:
    """Return coordinates of [-1, 1] as coordinates of an interval, never outside of it."""
    low, high = interval
    return np.clip(low + (high - low) * ((np.asarray(t, float) + 1) / 2), low, high)


def broadcast(points: Sequence[ArrayLike], dimension: int) -> tuple[list[Array], tuple[int, ...]]:
    """Return one flat coordinate array a mode, and the common shape."""
    if len(points) != dimension:
        raise ValueError(f"one coordinate array a mode is needed, {dimension} in all, found {len(points)}")
    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in points))
    return [a.ravel() for a in arrays], arrays[0].shape


def contract(core: Array, factors: Sequence[Array]) -> Array:
    """Return the values of a Tucker tensor from the factor values ``(n, r_k)`` of n points."""
    return _contract_each(factors[0] @ core.reshape(core.shape[0], -1), core.shape[1:], factors[1:])


def gradient(core: Array, factors: Sequence[Array], primes: Sequence[Array]) -> Array:
    """Return the derivatives along every mode, ``(n, d)``, from factor values and their slopes."""
    inner = core.reshape(core.shape[0], -1)
    first = _contract_each(primes[0] @ inner, core.shape[1:], factors[1:])
    if core.ndim == 1:
        return first[:, None]
    return np.column_stack([first, _gradient_each(factors[0] @ inner, core.shape[1:], factors[1:], primes[1:])])


def _contract_each(parts: Array, shape: tuple[int, ...], factors: Sequence[Array]) -> Array:
    for factor, size in zip(factors, shape, strict=True):
        parts = np.matmul(factor[:, None, :], parts.reshape(len(factor), size, -1))[:, 0]
    return parts[:, 0]


def _gradient_each(parts: Array, shape: tuple[int, ...], factors: Sequence[Array], primes: Sequence[Array]) -> Array:
    cores = parts.reshape(len(parts), shape[0], -1)
    slope = np.matmul(primes[0][:, None, :], cores)[:, 0]
    here = _contract_each(slope, shape[1:], factors[1:])[:, None]
    if len(shape) == 1:
        return here
    rest = np.matmul(factors[0][:, None, :], cores)[:, 0]
    return np.column_stack([here, _gradient_each(rest, shape[1:], factors[1:], primes[1:])])
