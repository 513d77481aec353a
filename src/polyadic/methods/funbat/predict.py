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
    """Predict the mean and the variance of a new measurement at each row.

    With a local process there are three methods: both together, the Tucker model alone, the local process alone.
    """
    from polyadic.kernels.local_tucker import predictive_mean
    from polyadic.methods.funbat.posterior import from_tree

    model, columns = from_tree(posterior)
    rows = observations
    if cfg.rows == "withheld" and "split" in observations.coords:
        rows = kind.where_split(observations, "validation", "test")
    rows = rows.load()
    table = columns.matrix(rows)
    parts = {"funbat": "both"}
    if model.residual is not None:
        parts |= {"funbat_tucker_alone": "tucker_alone", "local_alone": "local_alone"}
    predicted = {}
    for name, part in parts.items():
        mean, deviation = predictive_mean(model, table, part)
        predicted[name] = (mean, np.square(deviation))
    named = predicted if len(predicted) > 1 else predicted["funbat"]
    return predictions.dataset(rows, str(posterior.attrs["target"]), named)


if __name__ == "__main__":
    predict.cli()
