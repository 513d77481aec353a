"""Score the predictions of withheld rows beside the baselines."""

import dataclasses
from typing import Literal

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.evaluation.predictions import table
from polyadic.kinds import metrics
from polyadic.kinds import predictions as kind


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Which rows are scored."""

    split: Literal["validation", "test"] = setting("test", "the rows that are scored; choose settings on validation")


@stage(
    name="funbat.evaluate",
    config=EvaluateConfig,
    predictions=kind.SCHEMA,
    baselines=kind.SCHEMA,
    output=metrics.SCHEMA,
)
def evaluate(cfg: EvaluateConfig, predictions: xr.Dataset, baselines: xr.Dataset) -> xr.Dataset:
    """Score the predictions of withheld rows beside the baselines."""
    out = table("funbat", predictions, baselines, cfg.split)
    units = f" {out['value'].attrs['units']}".removesuffix(" 1")
    for method in out["method"].to_numpy():
        rmse = float(out["value"].sel({"method": method, "metric": "rmse"}))
        progress.log(f"{method}: RMSE {rmse:.4g}{units}")
    return out


if __name__ == "__main__":
    evaluate.cli()
