"""Compare the format with the function itself, beside interpolation on full grids."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.evaluation import function_baselines
from polyadic.kernels.named_functions import resolve
from polyadic.kinds import chebyshev_tucker as input_kind
from polyadic.kinds import function as kind
from polyadic.kinds import metrics


@dataclass(frozen=True)
class EvaluateConfig:
    """The points of comparison."""

    points: int = setting(20_000, "points off every grid at which errors are measured")
    seed: int = setting(0, "seed of the points")

    def __post_init__(self) -> None:
        if self.points < 10:
            raise ValueError(f"points must be at least 10, found {self.points}")


@stage(
    name="chebtuck.evaluate",
    config=EvaluateConfig,
    function=kind.SCHEMA,
    approximation=input_kind.SCHEMA,
    output=metrics.SCHEMA,
)
def evaluate(cfg: EvaluateConfig, function: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Measure errors at points that no method has seen, half of them close to where it errs most."""
    from polyadic.methods.chebtuck.model import ChebyshevTucker

    f = resolve(function.attrs["expression"], kind.parameters(function))
    model = ChebyshevTucker.from_dataset(approximation)
    rows = function_baselines.rows(f, kind.domain(function), max(model.evaluations, 8 ** len(kind.domain(function))))
    table = function_baselines.table(
        f, kind.domain(function), {"chebtuck": model, **rows}, np.random.default_rng(cfg.seed), cfg.points
    )
    estimates = [model.error_estimate, *[np.nan] * len(rows)]
    names = {
        "sup_error": metrics.Metric(-1, "1"),
        "rms_error": metrics.Metric(-1, "1"),
        "evaluations": metrics.Metric(-1, "1"),
        "error_estimate": metrics.Metric(-1, "1"),
    }
    counts = [model.evaluations, *(row.evaluations for row in rows.values())]
    values = np.vstack([table, counts, estimates])
    progress.log(f"largest error {values[0, 0]:.1e} of the largest value, estimate {model.error_estimate:.1e}")
    return metrics.dataset(values, np.zeros_like(values), metrics=names, methods=["chebtuck", *rows], units="1")


if __name__ == "__main__":
    evaluate.cli()
