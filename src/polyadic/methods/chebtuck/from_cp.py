"""Kind `cp_factors` to the format, and the judgement of both against the canonical tensor."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from polyadic.kernels import chebyshev
from polyadic.kinds import cp_factors as kind
from polyadic.kinds import metrics
from polyadic.methods.chebtuck.error_planes import with_planes
from polyadic.methods.chebtuck.model import ChebyshevTucker

if TYPE_CHECKING:
    from polyadic.methods.chebtuck.decompose import DecomposeConfig
    from polyadic.methods.chebtuck.evaluate import EvaluateConfig

Array = NDArray[np.float64]

_SPLINE_POINTS = 129  # Chebyshev points a mode of the paper's algorithm


def decompose(cfg: "DecomposeConfig", tensor: xr.Dataset) -> xr.Dataset:
    """Return the function of a canonical tensor, a Dataset of kind `chebyshev_tucker`."""
    weights, factors, grid = canonical(tensor)
    found = ChebyshevTucker.from_cp(weights, factors, grid, cfg.tolerance, order=cfg.interpolation_degree)
    names = kind.modes(tensor)
    units = str(tensor["weight"].attrs.get("units", "1"))
    ds = found.renamed(names).to_dataset(units, [str(tensor[m].attrs.get("units", "1")) for m in names])

    def truth(index: Sequence[NDArray[np.intp]]) -> Array:
        rows = [a[i] for a, i in zip(factors, index, strict=True)]
        product = weights[None]  # the last axis runs over terms
        for row in rows:
            product = product[..., None, :] * row
        return np.asarray(product[0].sum(axis=-1))

    return with_planes(ds, grid, truth)


def judge(cfg: "EvaluateConfig", tensor: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Return errors at entries of the tensor drawn at random, relative to the largest one seen.

    Baseline: ``cubic_splines``, every column taken to 129 Chebyshev points by a cubic spline, as in the paper, without
    truncation.
    """
    weights, factors, grid = canonical(tensor)
    model = ChebyshevTucker.from_dataset(approximation)
    rng = np.random.default_rng(cfg.seed)
    index = [rng.integers(0, len(x), cfg.points) for x in grid]
    truth = _entries(weights, [a[i] for a, i in zip(factors, index, strict=True)])
    splines = [_through_spline(a, x, ends)[i] for a, x, ends, i in zip(factors, grid, model.domain, index, strict=True)]
    found = {"chebtuck": model(*(x[i] for x, i in zip(grid, index, strict=True)))}
    found["cubic_splines"] = _entries(weights, splines)
    stored = [model.nbytes / 8, len(weights) * (1.0 + _SPLINE_POINTS * len(grid))]
    scale = float(np.abs(truth).max()) or 1.0
    errors = np.array([values - truth for values in found.values()]) / scale
    table = np.vstack([np.abs(errors).max(axis=1), np.sqrt(np.square(errors).mean(axis=1)), stored])
    known = {name: metrics.Metric(-1, "1") for name in ("sup_error", "rms_error", "stored_numbers")}
    out = metrics.dataset(table, np.zeros_like(table), metrics=known, methods=list(found), units="1")
    return metrics.of_size(out, len(weights), "terms")


def canonical(tensor: xr.Dataset) -> tuple[Array, list[Array], list[Array]]:
    """Return weights, factors and coordinates of a canonical tensor whose modes all have numbers as coordinates.

    Raises
    ------
    ValueError
        For replicates, a factor that depends on another mode, or a mode without coordinates.
    """
    if tensor["weight"].ndim != 1:
        raise ValueError("the canonical tensor has replicates; choose one of them")
    factors, grid = [], []
    for mode in kind.modes(tensor):
        factor = tensor[f"factor_{mode}"]
        if factor.dims != (mode, "component"):
            raise ValueError(f"factor_{mode} must have dims {(mode, 'component')}, found {factor.dims}")
        if mode not in tensor.coords or tensor[mode].dtype.kind not in "fi":
            raise ValueError(f"mode {mode!r} has no coordinates: a function needs to know where its samples lie")
        factors.append(factor.to_numpy().astype(float))
        grid.append(tensor[mode].to_numpy().astype(float))
    return tensor["weight"].to_numpy().astype(float), factors, grid


def _entries(weights: Array, rows: list[Array]) -> Array:
    return np.asarray(np.prod(rows, axis=0) @ weights)


def _through_spline(columns: Array, x: Array, ends: tuple[float, float]) -> Array:
    """Return what Chebyshev interpolation of a cubic spline through the columns gives at the points of the grid."""
    low, high = ends
    nodes = low + (high - low) * (chebyshev.points(_SPLINE_POINTS) + 1) / 2
    series = chebyshev.coefficients(CubicSpline(x, columns)(nodes))
    return np.asarray(np.polynomial.chebyshev.chebvander(2 * (x - low) / (high - low) - 1, len(series) - 1) @ series)
