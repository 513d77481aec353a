"""Kind `function` to the format, and the judgement of the format against the function itself."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation import function_baselines
from polyadic.kernels.named_functions import resolve
from polyadic.kinds import function as kind
from polyadic.kinds import metrics
from polyadic.methods.chebtuck.api import chebyshev_tucker
from polyadic.methods.chebtuck.error_planes import with_planes
from polyadic.methods.chebtuck.model import ChebyshevTucker

if TYPE_CHECKING:
    from polyadic.methods.chebtuck.decompose import DecomposeConfig
    from polyadic.methods.chebtuck.evaluate import EvaluateConfig


def decompose(cfg: "DecomposeConfig", function: xr.Dataset) -> xr.Dataset:
    """Return the function by adaptive cross approximation, a Dataset of kind `chebyshev_tucker`."""
    f = resolve(function.attrs["expression"], kind.parameters(function))
    found = chebyshev_tucker(
        f, kind.domain(function), cfg.tolerance, kind.periodic(function), cfg.max_evaluations, cfg.seed
    )
    ds = found.renamed([str(name) for name in function["mode"].to_numpy()]).to_dataset()
    axes = [np.linspace(low, high, 41) for low, high in kind.domain(function)]

    def truth(index: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
        points = np.meshgrid(*(x[i] for x, i in zip(axes, index, strict=True)), indexing="ij")
        return np.broadcast_to(np.asarray(f(*points), float), points[0].shape)

    return with_planes(ds, axes, truth)


def judge(cfg: "EvaluateConfig", function: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Return errors at points that no method has seen, half of them close to where it errs most.

    Baselines: interpolation on full grids of as many values, by Chebyshev polynomials and by cubic splines.
    """
    f = resolve(function.attrs["expression"], kind.parameters(function))
    model = ChebyshevTucker.from_dataset(approximation)
    domain = kind.domain(function)
    rows = function_baselines.rows(f, domain, max(model.evaluations, 8 ** len(domain)))
    methods: dict[str, Callable[..., Any]] = {"chebtuck": model, **rows}
    table = function_baselines.table(f, domain, methods, np.random.default_rng(cfg.seed), cfg.points)
    estimates = [model.error_estimate, *[np.nan] * len(rows)]
    names = ("sup_error", "rms_error", "evaluations", "stored_numbers", "error_estimate")
    counts = [row.evaluations for row in rows.values()]
    values = np.vstack([table, [model.evaluations, *counts], [model.nbytes / 8, *counts], estimates])
    known = {name: metrics.Metric(-1, "1") for name in names}
    return metrics.dataset(values, np.zeros_like(values), metrics=known, methods=list(methods), units="1")
