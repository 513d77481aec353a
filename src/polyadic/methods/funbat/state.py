"""A fitted model as one Dataset of plain arrays, and back without loss: no pickle, any reader can open it."""

import dataclasses
import json
from typing import Any

import numpy as np
import xarray as xr

from polyadic.kernels.anomaly_field import AnomalyField
from polyadic.kernels.core_form import Form
from polyadic.kernels.core_response import Response
from polyadic.kernels.dense_process import DensePosterior, Points
from polyadic.kernels.drifting_field import DriftingField
from polyadic.kernels.gaussian_field import Field
from polyadic.kernels.inducing_prediction import InducingPosterior
from polyadic.kernels.kriged_normals import KrigedNormals
from polyadic.kernels.local_tucker import LocalTucker
from polyadic.kernels.matern_products import MaternProducts
from polyadic.kernels.nearest_neighbour_gp import NearestNeighbourGP
from polyadic.kernels.place_columns import PlaceColumns
from polyadic.kernels.predictor_pool import Pool
from polyadic.kernels.scale_mixture import Shape
from polyadic.kernels.state_space import AxisPosterior
from polyadic.kernels.tucker_form import Core
from polyadic.kernels.tucker_layout import Layout
from polyadic.kernels.tucker_model import TuckerModel
from polyadic.kernels.tucker_table import TuckerPosterior

CLASSES = {
    cls.__name__: cls
    for cls in (
        *(LocalTucker, NearestNeighbourGP, MaternProducts),
        *(KrigedNormals, DriftingField, AnomalyField, Field, PlaceColumns, Pool, Shape),
        *(TuckerModel, Layout, TuckerPosterior, Form, Core, Response),
        *(AxisPosterior, DensePosterior, InducingPosterior, Points),
    )
}
"""The only types that a stored state can name."""


def to_dataset(model: LocalTucker) -> xr.Dataset:
    """Return the arrays of a model as variables, and how they fit together as the JSON attribute ``structure``."""
    arrays: dict[str, np.ndarray] = {}
    structure = _take_apart(model, "model", arrays)
    ds = xr.Dataset()
    for name, array in arrays.items():
        dims = tuple(f"{name}_{axis}" for axis in range(array.ndim))
        ds[name] = (dims, array, {"long_name": name.replace("_", " "), "units": "1"})
    ds.attrs["structure"] = json.dumps(structure, sort_keys=True)
    return ds


def from_dataset(ds: xr.Dataset) -> LocalTucker:
    """Return the model that `to_dataset` stored.

    Raises
    ------
    ValueError
        If the structure names anything but the parts of a functional Tucker model.
    """
    model = _put_together(json.loads(ds.attrs["structure"]), ds)
    if isinstance(model, TuckerModel):
        return LocalTucker(model)
    if not isinstance(model, LocalTucker):
        raise ValueError("the group 'state' holds no functional Tucker model; fit it again")
    return model


def _take_apart(value: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    if dataclasses.is_dataclass(value):
        fields = {
            f.name: _take_apart(getattr(value, f.name), f"{name}_{f.name}", arrays) for f in dataclasses.fields(value)
        }
        return {"class": type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return {"tuple": [_take_apart(item, f"{name}_{number}", arrays) for number, item in enumerate(value)]}
    if isinstance(value, np.ndarray):
        if value.size == 0:  # NetCDF has no good word for an empty dimension
            return {"empty": list(value.shape), "dtype": value.dtype.str}
        arrays[name] = value
        return {"array": name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": repr(value)}
    return {"value": value}


def _put_together(part: dict[str, Any], ds: xr.Dataset) -> Any:
    if "class" in part:
        if part["class"] not in CLASSES:
            raise ValueError(f"the group 'state' names a type {part['class']!r}; known: {', '.join(CLASSES)}")
        return CLASSES[part["class"]](**{name: _put_together(value, ds) for name, value in part["fields"].items()})
    if "tuple" in part:
        return tuple(_put_together(item, ds) for item in part["tuple"])
    if "empty" in part:
        return np.empty(part["empty"], np.dtype(part["dtype"]))
    if "array" in part:
        return np.ascontiguousarray(ds[part["array"]].to_numpy())
    return float(part["float"]) if "float" in part else part["value"]
