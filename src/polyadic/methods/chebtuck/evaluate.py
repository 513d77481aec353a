"""Compare the format with what it was made of, beside simpler representations."""

import math
from dataclasses import dataclass

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import chebyshev_tucker, metrics
from polyadic.methods.chebtuck.decompose import INPUT, door


@dataclass(frozen=True)
class EvaluateConfig:
    """The points of comparison."""

    points: int = setting(20_000, "points at which errors are measured")
    excluded_radius: float = setting(1.0, "particles: distance in Angstrom that points keep from every particle")
    seed: int = setting(0, "seed of the points")

    def __post_init__(self) -> None:
        if self.points < 10:
            raise ValueError(f"points must be at least 10, found {self.points}")
        if self.excluded_radius <= 0:
            raise ValueError(f"excluded_radius must be positive, found {self.excluded_radius}")


@stage(
    name="chebtuck.evaluate",
    config=EvaluateConfig,
    data=INPUT,
    approximation=chebyshev_tucker.SCHEMA,
    output=metrics.SCHEMA,
)
def evaluate(cfg: EvaluateConfig, data: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Measure errors against what was approximated, beside those of simpler representations."""
    found = _with_sizes(door(data).judge(cfg, data, approximation), approximation)
    for metric, value in zip(found["metric"].to_numpy(), found["value"].to_numpy()[:, 0], strict=True):
        progress.log(f"{metric} {value:.3g}")
    return found


def _with_sizes(found: xr.Dataset, approximation: xr.Dataset) -> xr.Dataset:
    """Return the scores with the largest rank as a row, and the stored numbers as counts beside the errors."""
    methods = [str(name) for name in found["method"].to_numpy()]
    ranks = [max(approximation["core"].shape), *[math.nan] * (len(methods) - 1)]
    empty = [[math.nan] * len(methods)]
    row = metrics.dataset([ranks], empty, metrics={"rank": metrics.Metric(-1, "1")}, methods=methods, units="1")
    out = xr.concat([found, row], "metric", coords="minimal", compat="override", join="exact", combine_attrs="override")
    stored = out["value"].sel(metric="stored_numbers").to_numpy()
    label = {"long_name": "numbers that the method stores", "units": "1"}
    return out.assign_coords(parameters=("method", stored, label))


if __name__ == "__main__":
    evaluate.cli()
