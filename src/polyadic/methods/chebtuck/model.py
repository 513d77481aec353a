"""The result of the method: a function in Chebyshev-Tucker format, to evaluate, differentiate and combine."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.kernels import chebyshev_cross, sampled_input, tucker_compression
from polyadic.kernels.tucker_expansion import Expansion, from_reference
from polyadic.kinds import chebyshev_tucker as kind

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # relative error that conversions reach; less is not asked of them
_EXACT_PRODUCT = 2**22  # largest core of a product that is formed in full


@dataclasses.dataclass(frozen=True)
class ChebyshevTucker:
    """A function of several variables in Chebyshev-Tucker format.

    Attributes
    ----------
    expansion
        Core, coefficients, domain and basis.
    scale
        Largest absolute value seen, in units of the function.
    error_estimate
        Estimate of the largest error relative to ``scale``; NaN where none is known. An estimate, not a bound.
    converged
        Whether the tolerance was reached.
    evaluations
        Points at which the function was called, tests included.
    message
        Why it did not converge, or empty.
    names
        Names of the modes.

    Examples
    --------
    >>> from polyadic.kernels import chebyshev
    >>> x = np.array([[0.0], [1.0]])  # the function x y
    >>> f = ChebyshevTucker.from_coefficients(np.ones((1, 1)), [x, x], [(-1, 1), (-1, 1)])
    >>> float(f(0.5, 0.25)), f.gradient(0.5, 0.25).tolist(), f.ranks
    (0.125, [0.25, 0.5], (1, 1))
    """

    expansion: Expansion
    scale: float = float("nan")
    error_estimate: float = float("nan")
    converged: bool = True
    evaluations: int = 0
    message: str = ""
    names: tuple[str, ...] = ()

    @classmethod
    def from_coefficients(
        cls,
        core: ArrayLike,
        coefficients: Sequence[ArrayLike],
        domain: Sequence[tuple[float, float]],
        basis: Sequence[str] | None = None,
        tolerance: float = 0.0,
    ) -> Self:
        """Return the function of a core and coefficient matrices, which need not be orthonormal.

        Parameters
        ----------
        core
            ``(r_1, ..., r_d)``.
        coefficients
            Per mode ``(n_k, r_k)``.
        domain
            Per mode (low, high).
        basis
            Per mode ``"chebyshev"`` (default) or ``"fourier"``.
        tolerance
            Ranks are reduced while the coefficients change by less than this share of their Frobenius norm.
        """
        matrices = [np.asarray(c, float) for c in coefficients]
        expansion = Expansion(
            np.asarray(core, float),
            tuple(matrices),
            tuple((float(low), float(high)) for low, high in domain),
            tuple(basis) if basis is not None else ("chebyshev",) * len(matrices),
        )
        expansion = expansion.compressed(0.0)
        if tolerance > 0:
            expansion = expansion.compressed(tolerance * float(np.linalg.norm(expansion.core)))
        return cls(expansion, scale=_largest_value(expansion))

    @classmethod
    def from_cp(
        cls,
        weights: ArrayLike,
        factors: Sequence[ArrayLike],
        grid: Sequence[ArrayLike],
        tolerance: float = 1e-13,
        domain: Sequence[tuple[float, float]] | None = None,
        degree: int | None = None,
        order: int = 13,
    ) -> Self:
        """Return the function of a canonical tensor on a uniform grid.

        Parameters
        ----------
        weights
            ``(R,)``.
        factors
            Per mode ``(n_k, R)``: values at the points of the grid.
        grid
            Per mode ``(n_k,)`` uniform coordinates, cell centres for instance.
        tolerance
            Ranks and degrees are reduced within this share of the Frobenius norm of the coefficients.
        domain
            Per mode (low, high); half a cell beyond the outer points if None.
        degree
            Highest degree; None: as many as the columns need.
        order
            Degree of the local interpolation between the points of the grid.

        Notes
        -----
        Columns are interpolated locally, then `grid_interpolation.cp_to_tucker`. ``error_estimate`` compares with
        the tensor on its grid, with the interpolant between the points, and degrees of interpolation with each other
        (`canonical_error.on_grid`); ``converged`` says that it is at most the tolerance or 1e-12.
        """
        samples, axes = ([np.asarray(a, float) for a in arrays] for arrays in (factors, grid))
        found = sampled_input.canonical(np.asarray(weights, float), samples, axes, tolerance, domain, degree, order)
        return cls._estimated(*found, tolerance)

    @classmethod
    def from_gaussians(
        cls,
        weights: ArrayLike,
        exponents: ArrayLike,
        domain: Sequence[tuple[float, float]],
        centres: ArrayLike = 0.0,
        tolerance: float = 1e-13,
    ) -> Self:
        r"""Return a sum of Gaussians :math:`\sum_l \lambda_l \exp(-\sum_k a_l (x_k - c_{lk})^2)`, no grid between.

        Parameters
        ----------
        weights
            ``(R,)``.
        exponents
            ``(R,)``, or ``(R, d)`` where they differ by mode.
        domain
            Per mode (low, high).
        centres
            ``(R, d)``, or anything that broadcasts to it.
        tolerance
            As of `from_cp`.

        Examples
        --------
        >>> f = ChebyshevTucker.from_gaussians([1.0, 2.0], [1.0, 4.0], [(-1, 1)] * 3)
        >>> f.ranks, bool(abs(f(0.5, 0, 0) - np.exp(-0.25) - 2 * np.exp(-1)) < 1e-12)
        ((2, 2, 2), True)
        """
        found = sampled_input.gaussians(np.asarray(weights), exponents, centres, domain, tolerance)
        return cls._estimated(*found, tolerance)

    @classmethod
    def _estimated(cls, expansion: Expansion, error: float, tolerance: float) -> Self:
        scale = _largest_value(expansion)
        estimate = error / scale if scale > 0 else error
        most = max(tolerance, _ROUNDING)
        message = "" if estimate <= most else f"the error estimate is {estimate:.1e}, above {most:.1e}"
        return cls(expansion, scale, estimate, not message, 0, message)

    @classmethod
    def from_grid(
        cls,
        values: ArrayLike,
        grid: Sequence[ArrayLike],
        tolerance: float = 1e-10,
        domain: Sequence[tuple[float, float]] | None = None,
        order: int = 13,
    ) -> Self:
        """Return the function of values on a tensor grid: interpolated, transformed, reduced by HOSVD.

        Arguments as of `from_cp`; the grid may be uneven where ``domain`` is given. Ranks are first cut on the grid
        itself, so that interpolation runs over few columns.
        The estimate compares the result with all values of the grid.
        """
        axes = [np.asarray(x, float) for x in grid]
        found = sampled_input.whole(np.asarray(values, float), axes, tolerance, domain, order)
        expansion, error, scale = found
        message = "" if error <= tolerance else f"the largest error on the grid is {error:.1e}"
        return cls(expansion, scale, error, not message, 0, message)

    @property
    def ranks(self) -> tuple[int, ...]:
        """The rank of every mode."""
        return self.expansion.core.shape

    @property
    def degrees(self) -> tuple[int, ...]:
        """The highest degree of every mode; of a periodic mode the highest harmonic."""
        return tuple(
            (len(c) - 1) if b == "chebyshev" else len(c) // 2
            for c, b in zip(self.expansion.coefficients, self.expansion.bases, strict=True)
        )

    @property
    def domain(self) -> tuple[tuple[float, float], ...]:
        """The interval of every mode."""
        return self.expansion.domain

    @property
    def nbytes(self) -> int:
        """The memory of core and coefficients."""
        return self.expansion.core.nbytes + sum(c.nbytes for c in self.expansion.coefficients)

    def __call__(self, *points: ArrayLike) -> Array:
        """Return the values at points: one coordinate array a mode, broadcast against each other."""
        return self.expansion.at(points)

    def on_grid(self, *axes: ArrayLike) -> Array:
        """Return the values on the tensor product of one coordinate array a mode."""
        return self.expansion.on_grid(axes)

    def gradient(self, *points: ArrayLike) -> Array:
        """Return the exact gradient of the expansion at points; the last axis is the mode."""
        return self.expansion.gradient(points)

    def integral(self) -> float:
        """Return the integral over the domain."""
        return self.expansion.integral()

    def derivative(self, mode: int) -> Self:
        """Return the partial derivative along a mode; its error is not estimated."""
        return self._derived(self.expansion.derivative(mode))

    def restricted(self, domain: Sequence[tuple[float, float] | None]) -> Self:
        """Return the function on a smaller box; ``None`` leaves a mode as it is. A smaller periodic mode ends."""
        expansion = self.expansion
        for mode, interval in enumerate(domain):
            if interval is not None:
                expansion = expansion.restricted(mode, *interval)
        return dataclasses.replace(self, expansion=expansion)

    def composed(self, function: Callable[[Array], Array], tolerance: float = 1e-10, seed: int = 0) -> Self:
        """Return a scalar function of this one, by adaptive cross approximation of values of this expansion.

        Parameters
        ----------
        function
            Takes an array of values and returns one of its shape, smooth on the range of this function.
        tolerance
            Relative to the largest value of the result; the error of this expansion itself comes on top.
        seed
            Seed of the test points.

        Examples
        --------
        >>> x = np.array([[0.0], [1.0]])
        >>> f = ChebyshevTucker.from_coefficients(np.ones((1, 1)), [x, x], [(-1, 1), (-1, 1)])
        >>> g = f.composed(np.exp)
        >>> bool(abs(g(0.5, 0.25) - np.exp(0.125)) < 1e-10), g.converged
        (True, True)
        """
        e = self.expansion

        def values(*points: Array) -> Array:
            return function(e.at(points))

        found = chebyshev_cross.approximate(values, e.domain, e.bases, tolerance, 10_000_000, seed)
        return dataclasses.replace(
            self,
            expansion=found.expansion,
            scale=found.scale,
            error_estimate=found.error_estimate,
            converged=found.converged and self.converged,
            evaluations=found.evaluations,
            message=found.message or self.message,
        )

    def compressed(self, tolerance: float) -> Self:
        """Return it with smaller ranks: coefficients change by at most ``tolerance`` of their norm."""
        small = self.expansion.compressed(tolerance * float(np.linalg.norm(self.expansion.core)))
        return dataclasses.replace(self, expansion=small, error_estimate=self.error_estimate + tolerance)

    def _derived(self, expansion: Expansion, absolute_error: float = float("nan")) -> Self:
        scale = _largest_value(expansion)
        estimate = absolute_error / scale if scale > 0 else 0.0
        return dataclasses.replace(self, expansion=expansion, scale=scale, error_estimate=estimate, evaluations=0)

    @property
    def _absolute_error(self) -> float:
        return self.error_estimate * self.scale

    def __add__(self, other: "Self | float") -> Self:
        if not isinstance(other, ChebyshevTucker):
            other = self._constant(float(other))
        both = self._derived(self.expansion.plus(other.expansion), self._absolute_error + other._absolute_error)
        return dataclasses.replace(both, converged=self.converged and other.converged)

    __radd__ = __add__

    def __neg__(self) -> Self:
        return self * -1.0

    def __sub__(self, other: "Self | float") -> Self:
        return self + (-other)

    def __rsub__(self, other: float) -> Self:
        return -self + other

    def __mul__(self, other: "Self | float") -> Self:
        if not isinstance(other, ChebyshevTucker):
            factor = float(other)
            scaled = self.expansion.scaled(factor)
            return dataclasses.replace(self, expansion=scaled, scale=self.scale * abs(factor))
        if self.expansion.core.size * other.expansion.core.size > _EXACT_PRODUCT:
            raise ValueError(f"ranks {self.ranks} and {other.ranks} are too large for a product; compress one first")
        error = self._absolute_error * other.scale + other._absolute_error * self.scale
        both = self._derived(self.expansion.times(other.expansion), error)
        return dataclasses.replace(both, converged=self.converged and other.converged)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Self:
        return self * (1 / other)

    def _constant(self, value: float) -> Self:
        ones = [np.eye(len(c), 1) for c in self.expansion.coefficients]
        core = np.full((1,) * len(ones), value)
        return type(self)(dataclasses.replace(self.expansion, core=core, coefficients=tuple(ones)), abs(value), 0.0)

    def renamed(self, names: Sequence[str]) -> Self:
        """Return it with other names of the modes."""
        return dataclasses.replace(self, names=tuple(names))

    def to_dataset(self, units: str = "1", coordinate_units: Sequence[str] | None = None) -> xr.Dataset:
        """Return it as a Dataset of kind `chebyshev_tucker`, lossless, with factor functions for plotting."""
        e = self.expansion
        axes = [from_reference(np.linspace(-1, 1, 201), interval) for interval in e.domain]
        return kind.dataset(
            e.core,
            e.coefficients,
            domain=e.domain,
            basis=e.bases,
            factors=[(x, e.factor(k, x)) for k, x in enumerate(axes)],
            singular_values=tucker_compression.mode_singular_values(e.core),
            names=self.names or mode_names(e.dimension),
            error_estimate=self.error_estimate,
            scale=self.scale,
            converged=self.converged,
            evaluations=self.evaluations,
            message=self.message,
            units=units,
            coordinate_units=coordinate_units,
        )

    @classmethod
    def from_dataset(cls, ds: xr.Dataset) -> Self:
        """Return the function that a Dataset of kind `chebyshev_tucker` holds, bit for bit."""
        names = kind.modes(ds)
        bounds = [ds[f"domain_{m}"].to_numpy() for m in names]
        expansion = Expansion(
            ds["core"].to_numpy(),
            tuple(ds[f"coefficient_{m}"].to_numpy() for m in names),
            tuple((float(b[0]), float(b[1])) for b in bounds),
            tuple(kind.bases(ds)),
        )
        return cls(
            expansion,
            scale=float(ds["scale"]),
            error_estimate=float(ds["error_estimate"]),
            converged=bool(ds["converged"]),
            evaluations=int(ds["evaluations"]),
            message=str(ds.attrs.get("message", "")),
            names=tuple(names),
        )


def mode_names(dimension: int) -> tuple[str, ...]:
    """Return x, y, z for up to three modes, else x1, x2, ...

    Examples
    --------
    >>> mode_names(2), mode_names(4)
    (('x', 'y'), ('x1', 'x2', 'x3', 'x4'))
    """
    return ("x", "y", "z")[:dimension] if dimension <= 3 else tuple(f"x{k}" for k in range(1, dimension + 1))


def _largest_value(expansion: Expansion) -> float:
    """Return the largest absolute value on a grid of moderate size: a lower estimate of the supremum."""
    n = max(3, round(50_000 ** (1 / expansion.dimension)))
    axes = [from_reference(-np.cos(np.linspace(0, np.pi, n)), interval) for interval in expansion.domain]
    return float(np.abs(expansion.on_grid(axes)).max())
