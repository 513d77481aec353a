"""Score main effects on the withheld rows."""

import dataclasses

import xarray as xr

from polyadic.core.stage import stage
from polyadic.evaluation.predictions import table
from polyadic.kinds import metrics
from polyadic.kinds import predictions as kind


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """The evaluation has no settings."""


@stage(name="main_effects.evaluate", config=EvaluateConfig, predictions=kind.SCHEMA, output=metrics.SCHEMA)
def evaluate(_: EvaluateConfig, predictions: xr.Dataset) -> xr.Dataset:
    """Score main effects on the withheld rows."""
    first = predictions.isel(method=0, drop=True) if "method" in predictions.dims else predictions
    return table("main_effects", first)


if __name__ == "__main__":
    evaluate.cli()
