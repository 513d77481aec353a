r"""Kind `predictions`: what models say at stated places and times, beside the truth where it is known.

Mean and variance of a new measurement are always there. Without more they stand for a normal distribution. Since
version 1.1 a file can say which distribution they belong to: with the link g of attribute ``link``,

.. math:: g(y) \sim \sum_k w_{sk} \, N(g(m), b + f_{sk} a),

where m is ``<v>_predicted_median``, a is ``<v>_linked_variance``, b is ``<v>_linked_variance_shared``, and the row s of
``shape_weight`` w and ``shape_factor`` f is ``<v>_predicted_shape``. Left out, the median is the mean, a the variance
and b zero.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var
from polyadic.kinds import observations


def target(ds: xr.Dataset) -> str:
    """Return the name of the predicted variable."""
    return str(ds.attrs["target"])


def mean(ds: xr.Dataset) -> xr.DataArray:
    """Return the predicted mean, of dimensions ``(obs,)`` or ``(method, obs)``."""
    return ds[f"{target(ds)}_predicted"]


def variance(ds: xr.Dataset) -> xr.DataArray:
    """Return the predicted variance of a new measurement, of the dimensions of `mean`."""
    return ds[f"{target(ds)}_predicted_variance"]


class Shapes(NamedTuple):
    """Distributions of stacked rows, see the module: arrays of the dimensions of the mean, or None for the defaults.

    Attributes
    ----------
    weight, factor
        Shape (shapes, components).
    code
        Row of these that each prediction follows.
    link
        Name of the link.
    median
        In units of the data.
    scaled, shared
        Variances a and b on the linked scale.
    """

    weight: NDArray[np.float64]
    factor: NDArray[np.float64]
    code: Any
    link: str = "identity"
    median: Any = None
    scaled: Any = None
    shared: Any = None


Parts = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], str]


class Columns(NamedTuple):
    """One method's predictions at some rows, as arrays (n,); see `Shapes` for the others."""

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    shapes: Shapes | None = None

    def components(self, rows: slice = slice(None)) -> Parts:
        """Return median (n,), linked variances (n, components), their weights and the link, of some rows."""
        if self.shapes is None:
            return self.mean[rows], self.variance[rows, None], np.ones((1, 1)), "identity"
        one = self.shapes
        scaled = (self.variance if one.scaled is None else one.scaled)[rows, None]
        shared = 0.0 if one.shared is None else one.shared[rows, None]
        median = (self.mean if one.median is None else one.median)[rows]
        code = one.code[rows]
        return median, shared + one.factor[code] * scaled, one.weight[code], one.link


def columns(ds: xr.Dataset, rows: NDArray[np.intp] | slice, method: int | None = None) -> Columns:
    """Return what one method says at some rows; ``method`` is its position, None without a dimension of methods."""

    def taken(name: str) -> Any:
        if name not in ds:
            return None
        array = ds[name] if method is None else ds[name].isel(method=method)
        return array.isel(obs=rows).to_numpy()

    name = target(ds)
    mean, variance = taken(f"{name}_predicted"), taken(f"{name}_predicted_variance")
    if "shape_weight" not in ds:
        return Columns(mean, variance)
    parts = (taken(f"{name}_{end}") for end in ("predicted_median", "linked_variance", "linked_variance_shared"))
    table = ds["shape_weight"].to_numpy(), ds["shape_factor"].to_numpy()
    code = taken(f"{name}_predicted_shape").astype(np.int64)
    return Columns(mean, variance, Shapes(*table, code, str(ds.attrs.get("link", "identity")), *parts))


def squared(units: str) -> str:
    """Return the unit of a variance; a difference of degrees Celsius is one of kelvin.

    Examples
    --------
    >>> squared("degC"), squared("ug m-3"), squared("1")
    ('K2', '(ug m-3)2', '1')
    """
    known = {"1": "1", "degC": "K2", "celsius": "K2", "degree_Celsius": "K2", "K": "K2"}
    return known.get(units, f"({units})2")


def _faults(ds: xr.Dataset) -> list[str]:
    name = str(ds.attrs.get("target", ""))
    if not name:
        return ["attribute 'target' is missing"]
    faults = []
    for wanted in (f"{name}_predicted", f"{name}_predicted_variance"):
        if wanted not in ds:
            faults.append(f"{wanted!r} is missing")
        elif ds[wanted].dims not in (("obs",), ("method", "obs")):
            faults.append(f"{wanted!r} has dims {ds[wanted].dims}, expected ('obs',) or ('method', 'obs')")
    return faults + _shape_faults(ds, name)


def _shape_faults(ds: xr.Dataset, name: str) -> list[str]:
    """Return what is wrong with the optional variables that give a distribution its shape and link."""
    if not {"shape_weight", "shape_factor"} & set(ds.variables):
        return []
    code, faults = f"{name}_predicted_shape", []
    for wanted in ("shape_weight", "shape_factor", code):
        if wanted not in ds:
            faults.append(f"{wanted!r} is missing beside the other variables of a shape")
    for wanted in (code, f"{name}_predicted_median", f"{name}_linked_variance", f"{name}_linked_variance_shared"):
        if wanted in ds and f"{name}_predicted" in ds and ds[wanted].dims != ds[f"{name}_predicted"].dims:
            faults.append(f"{wanted!r} has dims {ds[wanted].dims}, expected {ds[f'{name}_predicted'].dims}")
    if ds.attrs.get("link", "identity") != "identity" and f"{name}_predicted_median" not in ds:
        faults.append(f"{name + '_predicted_median'!r} is missing beside the link {ds.attrs['link']!r}")
    return faults


SCHEMA = Schema(
    kind="predictions",
    version="1.1",
    optional={
        "shape_weight": Var(("shape", "component"), units="1"),
        "shape_factor": Var(("shape", "component"), units="1"),
        **{name: Var(("obs",), units=observations.KNOWN[name]["units"]) for name in ("latitude", "longitude")},
        "time": Var(("obs",), kinds="M"),
        "split": Var(("obs",), kinds="i"),
        "method": Var(("method",), kinds="UO"),
    },
    rules=(_faults,),
)


def dataset(
    rows: xr.Dataset, name: str, predicted: Mapping[str, tuple[ArrayLike, ArrayLike]] | tuple[ArrayLike, ArrayLike]
) -> xr.Dataset:
    """Return a Dataset of kind `predictions`.

    Parameters
    ----------
    rows
        The rows predicted, of kind `observations`; they may hold the truth ``name``.
    name
        The predicted variable.
    predicted
        Mean and variance of a new measurement, both of shape ``(obs,)``; or these by method.
    """
    if isinstance(predicted, Mapping):
        means, variances = (np.stack([np.asarray(pair[i], float) for pair in predicted.values()]) for i in (0, 1))
        return stacked(rows, name, tuple(predicted), means, variances)
    return _filled(rows, name, ("obs",), *predicted)


def stacked(
    rows: xr.Dataset, name: str, methods: Sequence[str], means: Any, variances: Any, shapes: Shapes | None = None
) -> xr.Dataset:
    """Return a Dataset of kind `predictions` from arrays of shape ``(method, obs)``, which may be Dask arrays."""
    out = _filled(rows, name, ("method", "obs"), means, variances)
    if shapes is not None:
        out = shaped(out, name, shapes)
    return out.assign_coords(method=("method", list(methods), {"long_name": "method"}))


def shaped(ds: xr.Dataset, name: str, shapes: Shapes) -> xr.Dataset:
    """Return predictions with the distributions that their rows follow."""
    mean = ds[f"{name}_predicted"]
    label, units = str(mean.attrs["long_name"]), str(mean.attrs["units"])
    linked = squared(units) if shapes.link == "identity" else "1"
    what = {
        "predicted_median": (shapes.median, {"long_name": label.replace("predicted", "median of"), "units": units}),
        "linked_variance": (shapes.scaled, {"long_name": f"scale of the linked {label}", "units": linked}),
        "linked_variance_shared": (shapes.shared, {"long_name": f"shared part of it, {label}", "units": linked}),
        "predicted_shape": (shapes.code, {"long_name": f"row of the shapes of {label}", "units": "1"}),
    }
    out = ds.copy()
    for end, (values, attributes) in what.items():
        if values is not None:
            out[f"{name}_{end}"] = (mean.dims, values, attributes)
    for end in ("weight", "factor"):
        attributes = {"long_name": f"{end} of the normal components of a shape", "units": "1"}
        out[f"shape_{end}"] = (("shape", "component"), getattr(shapes, end), attributes)
    out.attrs["link"] = shapes.link
    return out


def _filled(rows: xr.Dataset, name: str, dims: tuple[str, ...], means: Any, variances: Any) -> xr.Dataset:
    attributes = dict(rows[name].attrs) if name in rows else {}
    units = str(attributes.get("units", "1"))
    label = str(attributes.get("long_name", name))
    out = rows[[name]].copy() if name in rows else rows.coords.to_dataset()
    of_mean = {"long_name": f"predicted {label}", "units": units, "ancillary_variables": f"{name}_predicted_variance"}
    of_variance = {"long_name": f"variance of a new {label}", "units": squared(units)}
    for end, values, own in (("predicted", means, of_mean), ("predicted_variance", variances, of_variance)):
        lazy = hasattr(values, "dask")
        out[f"{name}_{end}"] = (dims, values if lazy else np.asarray(values, float), own)
    keep = {k: rows.attrs[k] for k in ("indexes", "covariates", "featureType") if k in rows.attrs}
    out.attrs = {**keep, "target": name}
    return out


def example(seed: int = 0) -> xr.Dataset:
    """Return predictions of the withheld rows of the `observations` example by two methods."""
    rows = observations.where_split(observations.example(seed), "validation", "test")
    truth = rows["temperature"].to_numpy()
    noise = np.random.default_rng([seed, 1]).normal(0, 1, (2, truth.size))
    predicted = {
        "good": (truth + noise[0], np.ones(truth.size)),
        "poor": (truth + 3 * noise[1], 9 * np.ones(truth.size)),
    }
    ds = dataset(rows, "temperature", predicted)
    code = np.zeros((2, truth.size), np.int8)
    code[1] = 1
    weight, factor = np.array([[0.8, 0.2], [1.0, 0.0]]), np.array([[0.75, 2.0], [1.0, 1.0]])
    ds = shaped(ds, "temperature", Shapes(weight, factor, code))
    ds.attrs["covariates"] = json.dumps(observations.covariates(rows))
    return ds
