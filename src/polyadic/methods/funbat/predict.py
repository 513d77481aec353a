"""Predict values with their variances at withheld rows, or at any rows with the same coordinates."""

import dataclasses
from typing import Literal

import numpy as np
import xarray as xr

from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions, tucker_posterior


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Which rows are predicted."""

    rows: Literal["withheld", "all"] = setting("withheld", "validation and test rows, or every row")


@stage(
    name="funbat.predict",
    config=PredictConfig,
    observations=kind.SCHEMA,
    posterior=tucker_posterior.SCHEMA,
    output=predictions.SCHEMA,
)
def predict(cfg: PredictConfig, observations: xr.Dataset, posterior: xr.DataTree) -> xr.Dataset:
    """Predict the mean and the variance of a new measurement at each row."""
    from polyadic.kernels.tucker_model import predictive_mean
    from polyadic.methods.funbat.posterior import from_tree

    model, columns = from_tree(posterior)
    rows = observations
    if cfg.rows == "withheld" and "split" in observations.coords:
        rows = kind.where_split(observations, "validation", "test")
    rows = rows.load()
    mean, deviation = predictive_mean(model, columns.matrix(rows))
    return predictions.dataset(rows, str(posterior.attrs["target"]), (mean, np.square(deviation)))


if __name__ == "__main__":
    predict.cli()
