"""The array-level door to the method: a function in, a `ChebyshevTucker` out."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from polyadic.kernels import chebyshev_cross, chebyshev_full
from polyadic.methods.chebtuck.model import ChebyshevTucker, mode_names
from polyadic.methods.chebtuck.particle_potential import ParticlePotential, particle_potential

__all__ = ["ChebyshevTucker", "ParticlePotential", "chebyshev_tucker", "particle_potential"]


def chebyshev_tucker(
    f: Callable[..., Any],
    domain: Sequence[tuple[float, float]],
    tolerance: float = 1e-10,
    periodic: Sequence[int] = (),
    max_evaluations: int = 10_000_000,
    seed: int = 0,
    method: Literal["cross", "full"] = "cross",
) -> ChebyshevTucker:
    r"""Return a function of two to eight variables in Chebyshev-Tucker format.

    Parameters
    ----------
    f
        Takes one coordinate array a mode and returns an array of their shape, real and finite.
    domain
        Per mode (low, high).
    tolerance
        Accepted largest error relative to the largest absolute value of f; at least 1e-15.
    periodic
        Modes with a Fourier basis; f must have the period high - low there.
    max_evaluations
        Most points at which f is called.
    seed
        Seed of the test points.
    method
        ``"cross"``: nested adaptive cross approximation from fibres and a core of values, about
        :math:`\sum_k m_k r_k + \prod_k r_k` evaluations and a few thousand tests. ``"full"``: all values on a tensor
        grid, then higher-order SVD and orthogonal iteration, as in the paper: :math:`\prod_k m_k` evaluations.

    Returns
    -------
    `ChebyshevTucker`. Look at ``converged`` and ``message``: no method that only samples f can prove a bound. The
    ``error_estimate`` is four times the largest residual that a search finds: on evenly spread points, round corners,
    faces, peaks and earlier residuals at all scales, amid the pieces of fibres, climbing. Slow flanks lead it
    to rational spikes and, in three variables, to Gaussians on 1e-5 of the domain and more; compact features (a ball)
    are seen where they fill 3e-3 of it, on 3e-4 only in 30 to 50 % of cases (`benchmarks/chebtuck/hidden_features.py`).

    Raises
    ------
    ValueError
        For arguments that cannot be used, and for values of f that are complex, not finite or of a wrong shape.

    Examples
    --------
    >>> import numpy as np
    >>> f = chebyshev_tucker(lambda x, y, z: 1 / (1 + x**2 + y**2 + z**2), [(-1, 1)] * 3, tolerance=1e-8)
    >>> f.converged, f.ranks, bool(abs(f(0.3, 0.2, 0.1) - 1 / 1.14) < 1e-8)
    (True, (7, 7, 7), True)
    """
    ends = checked_domain(domain)
    bases = checked_bases(periodic, len(ends))
    _check_effort(tolerance, max_evaluations, method)
    approximate = chebyshev_cross.approximate if method == "cross" else chebyshev_full.approximate
    found = approximate(f, ends, bases, tolerance, max_evaluations, seed)
    return ChebyshevTucker(
        found.expansion,
        scale=found.scale,
        error_estimate=found.error_estimate,
        converged=found.converged,
        evaluations=found.evaluations,
        message=found.message,
        names=mode_names(len(ends)),
    )


def _check_effort(tolerance: float, max_evaluations: int, method: str) -> None:
    if not 1e-15 <= tolerance < 1:
        raise ValueError(f"tolerance must lie in [1e-15, 1), found {tolerance}")
    if max_evaluations < 1:
        raise ValueError(f"max_evaluations must be positive, found {max_evaluations}")
    if method not in ("cross", "full"):
        raise ValueError(f"method must be 'cross' or 'full', found {method!r}")


def checked_domain(domain: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the intervals as floats, or raise `ValueError` naming the bad one."""
    ends = []
    for mode, interval in enumerate(domain):
        if len(interval) != 2 or not float("-inf") < interval[0] < interval[1] < float("inf"):
            raise ValueError(
                f"domain must be finite (low, high) with low < high a mode, found {interval} at mode {mode}"
            )
        ends.append((float(interval[0]), float(interval[1])))
    if not 2 <= len(ends) <= 8:
        raise ValueError(f"domain must have 2 to 8 modes, found {len(ends)}")
    return ends


def checked_bases(periodic: Sequence[int], dimension: int) -> list[str]:
    """Return the basis of every mode, or raise `ValueError` for a periodic mode that is none."""
    if not set(periodic) <= set(range(dimension)):
        raise ValueError(f"periodic must name modes below {dimension}, found {tuple(periodic)}")
    return ["fourier" if mode in periodic else "chebyshev" for mode in range(dimension)]
