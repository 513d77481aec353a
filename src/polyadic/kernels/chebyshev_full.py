"""Functions approximated from all values on tensor grids: the plain way, and the oracle of the adaptive one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import tucker_compression
from polyadic.kernels.chebyshev_cross import Approximation
from polyadic.kernels.counted_function import CountedFunction, Function
from polyadic.kernels.low_discrepancy import even_points
from polyadic.kernels.series_length import series_length
from polyadic.kernels.tucker_expansion import Expansion, from_reference
from polyadic.kernels.univariate_bases import BASES

Array = NDArray[np.float64]


def expand(values: Array, domain: Sequence[tuple[float, float]], bases: Sequence[str], tolerance: float) -> Expansion:
    """Return the expansion of values on the tensor product of interpolation points.

    Coefficients by one transform a mode, higher-order SVD within ``tolerance`` of their Frobenius norm, then
    orthogonal iteration at these ranks. Benner et al., arXiv 2503.01696, algorithm 1.
    """
    c = values
    for mode, name in enumerate(bases):
        c = np.moveaxis(BASES[name].coefficients(np.moveaxis(c, mode, 0)), 0, mode)
    _, factors = tucker_compression.hosvd(c, tolerance * float(np.linalg.norm(c)))
    core, factors = tucker_compression.hooi(c, factors)
    ends = tuple((float(low), float(high)) for low, high in domain)
    return Expansion(core, tuple(factors), ends, tuple(bases))


def approximate(
    function: Function,
    domain: Sequence[tuple[float, float]],
    bases: Sequence[str],
    tolerance: float,
    max_evaluations: int,
    seed: int = 0,
) -> Approximation:
    """Return an expansion from tensor grids that grow mode by mode until every series is resolved.

    Arguments and result are those of `chebyshev_cross.approximate`; the error is estimated at 2,000 scattered points.
    """
    f = CountedFunction(function, domain, max_evaluations)
    sizes = [17 if name == "chebyshev" else 16 for name in bases]
    message, values = "", _sampled(f, sizes, bases)
    while True:
        short = [k for k, name in enumerate(bases) if not _resolved(values, k, name, 0.1 * tolerance * f.largest)]
        if not short:
            break
        wanted = [
            BASES[name].nested(n) if k in short else n for k, (n, name) in enumerate(zip(sizes, bases, strict=True))
        ]
        if int(np.prod(wanted)) > f.left - 2000:
            message = (
                f"a grid of {' x '.join(map(str, wanted))} points exceeds max_evaluations; modes {short} are unresolved"
            )
            break
        sizes, values = wanted, _sampled(f, wanted, bases)
    expansion = expand(values, domain, bases, 0.1 * tolerance)
    points = even_points(min(2000, f.left), f.dimension, np.random.default_rng(seed).uniform(size=f.dimension))
    known = f(points)
    at = [from_reference(points[:, k], interval) for k, interval in enumerate(expansion.domain)]
    error = 4 * float(np.abs(expansion.at(at) - known).max()) / (f.largest or 1.0)
    if error > tolerance:
        message = message or f"the error estimate is {error:.1e}, above the tolerance {tolerance:.1e}"
    return Approximation(expansion, f.largest, error, not message, f.count, message)


def _sampled(f: CountedFunction, sizes: Sequence[int], bases: Sequence[str]) -> Array:
    axes = [BASES[name].points(n) for name, n in zip(bases, sizes, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    return f(points).reshape(sizes)


def _resolved(values: Array, mode: int, basis: str, threshold: float) -> bool:
    fibres = np.moveaxis(values, mode, 0).reshape(values.shape[mode], -1)
    return series_length(BASES[basis].coefficients(fibres), threshold).resolved
