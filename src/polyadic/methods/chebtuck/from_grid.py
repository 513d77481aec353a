"""Kind `sampled_function` to the format, and the judgement of both against the values of the grid."""

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from polyadic.kernels import tucker_compression
from polyadic.kinds import metrics
from polyadic.kinds import sampled_function as kind
from polyadic.methods.chebtuck.error_planes import with_planes
from polyadic.methods.chebtuck.model import ChebyshevTucker

if TYPE_CHECKING:
    from polyadic.methods.chebtuck.decompose import DecomposeConfig
    from polyadic.methods.chebtuck.evaluate import EvaluateConfig

Array = NDArray[np.float64]


def decompose(cfg: "DecomposeConfig", sampled: xr.Dataset) -> xr.Dataset:
    """Return the function through the values of a grid, from its first to its last points."""
    values, axes = _arrays(sampled)
    ends = [(float(x[0]), float(x[-1])) for x in axes]
    found = ChebyshevTucker.from_grid(values, axes, cfg.tolerance, ends, order=cfg.interpolation_degree)
    names = kind.modes(sampled)
    units = str(sampled[kind.VALUE].attrs.get("units", "1"))
    ds = found.renamed(names).to_dataset(units, [str(sampled[m].attrs.get("units", "1")) for m in names])
    return with_planes(ds, axes, lambda index: values[np.ix_(*index)])


def judge(_: "EvaluateConfig", sampled: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Return errors at all values of the grid that are no fills, relative to the largest one.

    Baselines: ``tucker``, the higher-order SVD of the grid at the same ranks, which is no function; ``coarse_grid``,
    linear interpolation from about as many values as the format stores.
    """
    values, axes = _arrays(sampled)
    model = ChebyshevTucker.from_dataset(approximation)
    seen = ~sampled["filled"].to_numpy() if "filled" in sampled else np.ones(values.shape, bool)
    core, factors = _tucker(values, model.ranks)
    coarse, count = _coarse(values, axes, model.nbytes // 8)
    found = {
        "chebtuck": model.on_grid(*axes),
        "tucker": tucker_compression.multiply(core, factors),
        "coarse_grid": coarse,
    }
    stored = [model.nbytes / 8, float(core.size + sum(f.size for f in factors)), float(count)]
    scale = float(np.abs(values[seen]).max()) or 1.0
    errors = np.array([(one - values)[seen] for one in found.values()]) / scale
    table = np.vstack([np.abs(errors).max(axis=1), np.sqrt(np.square(errors).mean(axis=1)), stored])
    known = {name: metrics.Metric(-1, "1") for name in ("sup_error", "rms_error", "stored_numbers")}
    out = metrics.dataset(table, np.zeros_like(table), metrics=known, methods=list(found), units="1")
    return metrics.of_size(out, values.size, "values of the grid")


def _arrays(sampled: xr.Dataset) -> tuple[Array, list[Array]]:
    axes = [sampled[mode].to_numpy().astype(float) for mode in kind.modes(sampled)]
    return sampled[kind.VALUE].to_numpy().astype(float), axes


def _tucker(values: Array, ranks: tuple[int, ...]) -> tuple[Array, list[Array]]:
    core, factors = tucker_compression.hosvd(values, 0.0)
    cut = tuple(slice(min(r, n)) for r, n in zip(ranks, core.shape, strict=True))
    return core[cut], [f[:, c] for f, c in zip(factors, cut, strict=True)]


def _coarse(values: Array, axes: list[Array], numbers: int) -> tuple[Array, int]:
    """Return the grid interpolated linearly from every k-th of its own points, ends included, and their number."""
    share = min(1.0, numbers / values.size) ** (1 / values.ndim)
    kept = [np.unique(np.linspace(0, len(x) - 1, max(2, round(len(x) * share))).astype(int)) for x in axes]
    held = values[np.ix_(*kept)]
    lookup = RegularGridInterpolator([x[k] for x, k in zip(axes, kept, strict=True)], held)
    return np.asarray(lookup(tuple(np.meshgrid(*axes, indexing="ij")))), held.size
