"""Apply a trained operator to fields on any grid.

``python -m polyadic.methods.mgtfno.predict --fields new.nc --operator operator.nc --out predicted.nc``
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind
from polyadic.kinds import operator as operators

LARGE = 2**20
"""Points of a sample from which on fields are predicted block by block, as the file is written."""


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Which samples are predicted."""

    samples: Literal["test", "withheld", "all"] = setting(
        "test", "test samples, validation and test samples, or all; a file without flags is predicted whole"
    )
    batch: int = setting(16, "samples at a time, at least 1")

    def __post_init__(self) -> None:
        """Refuse empty batches."""
        if self.batch < 1:
            raise ValueError(f"batch must be at least 1, found {self.batch}")


@stage(
    name="mgtfno.predict",
    config=PredictConfig,
    fields=kind.SCHEMA,
    operator=operators.SCHEMA,
    output=kind.SCHEMA,
)
def predict(cfg: PredictConfig, fields: xr.Dataset, operator: xr.DataTree) -> xr.Dataset:
    """Return the samples with a prediction beside every output.

    Raises
    ------
    InputError
        If the fields have other channels or boundaries than those of the training.
    """
    from polyadic.methods.mgtfno import network

    used = {"test": ("test",), "withheld": ("validation", "test"), "all": kind.SPLITS}[cfg.samples]
    chosen = kind.where_split(fields, *used)
    if not chosen.sizes["sample"]:
        raise InputError(f"{kind.origin(fields)}: no sample is flagged {' or '.join(used)}; set samples: all")
    model = network.from_tree(operator)
    check_geometry(fields, model.architecture)
    count = {"mgtfno": sum(p.numel() for p in model.parameters())}
    points = math.prod(chosen.sizes[name] for name in kind.space(chosen))
    if points >= LARGE:
        from polyadic.methods.mgtfno import blocks

        return with_predictions(chosen, {"mgtfno": blocks.predicted(model, chosen)}, count)
    chosen = chosen.load()
    found = network.predicted(model, kind.array(chosen, "input"), cfg.batch)
    return with_predictions(chosen, {"mgtfno": found}, count)


def check_geometry(fields: xr.Dataset, architecture: dict[str, Any]) -> None:
    """Raise `InputError` where fields do not fit an operator."""
    from polyadic.methods.mgtfno import network

    found = network.geometry(fields)
    for name, value in found.items():
        if value != architecture[name]:
            raise InputError(
                f"{kind.origin(fields)}: its {name} is {value}, the operator was trained with {architecture[name]}"
            )


def with_predictions(
    ds: xr.Dataset, predicted: Mapping[str, NDArray[np.float32]], parameters: Mapping[str, int] | None = None
) -> xr.Dataset:
    """Return fields with the predictions (sample, channel, axes ...) of some methods, NumPy or Dask, as variables.

    ``parameters`` says how many numbers a method learned.
    """
    out = ds.copy()
    where = kind.space(ds)
    for method, values in predicted.items():
        first = 0
        learned = {"parameters": parameters[method]} if parameters and method in parameters else {}
        for name in kind.names(ds, "output"):
            truth = ds[name].transpose("sample", ..., *where)
            count = int(np.prod(truth.shape[1 : truth.ndim - len(where)], dtype=int))
            part = values[:, first : first + count].reshape(truth.shape)
            first += count
            text = {"units": truth.attrs["units"], "long_name": f"{truth.attrs['long_name']} by {method}"}
            out[f"{name}_by_{method}"] = (
                truth.dims,
                part,
                {**text, "role": "prediction", "predicts": name, "method": method, **learned},
            )
    return out


if __name__ == "__main__":
    predict.cli()
