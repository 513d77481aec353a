"""Kind `tucker_posterior` from a fitted model: what a person plots at the root, the exact state in a group."""

import json

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kernels import mode_process
from polyadic.kernels.core_form import fixed_values
from polyadic.kernels.local_tucker import LocalTucker, noise_variance
from polyadic.kernels.tucker_model import TuckerModel, given_functions, relevances
from polyadic.kinds import observations
from polyadic.kinds.predictions import squared
from polyadic.methods.funbat import hyperparameters, state
from polyadic.methods.funbat.columns import Columns, times

Array = NDArray[np.float64]
_SHOWN = 4000  # points of the plotting grid of one coordinate
_YES = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}


def to_tree(combined: LocalTucker, columns: Columns, units: str, time_columns: frozenset[str]) -> xr.DataTree:
    """Return a fitted model as a DataTree of kind `tucker_posterior`.

    Function 0 of each mode is the constant one: it carries means and main effects; given functions (seasons) follow.
    The components of a CP core are ordered by weight instead, with functions of unit norm over their grid. The factors
    are in units of one; the core holds the unit of the data.
    """
    model = combined.tucker
    posterior = model.posterior
    tucker = posterior.form.kind == "tucker"
    names = list(columns.modes)
    ds = xr.Dataset()
    dims = tuple(f"rank_{mode}" for mode in names) if tucker else ("component",)
    shape = posterior.form.sizes if tucker else posterior.form.sizes[:1]
    core = model.scale * posterior.core.mean.reshape(shape)
    spread = model.scale**2 * np.diag(posterior.core.covariance).reshape(shape)
    ds["core"] = (dims, core, {"long_name": "core", "units": units, "ancillary_variables": "core_variance"})
    ds["core_variance"] = (dims, spread, {"long_name": "variance of the core", "units": squared(units)})
    for number, mode in enumerate(names):
        ds = _with_mode(ds, model, columns, number, mode, time_columns)
    if not tucker:
        ds = _canonical(ds, names)
    linked = "linked " if model.link != "identity" else ""
    noise = noise_variance(combined)
    ds["noise_variance"] = ((), noise, {"long_name": f"variance of the {linked}noise", "units": squared(units)})
    ds = _with_processes(ds, combined, columns, units, time_columns)
    bound = {"long_name": "evidence lower bound, in nats", "units": "1"}
    ds["evidence"] = ("iteration", np.asarray(posterior.bound, float), bound)
    ds["converged"] = ((), np.int8(posterior.converged), {"long_name": "the fit has converged", **_YES})
    ds["iterations"] = ((), np.int32(posterior.bound.size), {"long_name": "sweeps over the modes", "units": "1"})
    ds["centre"] = ((), model.centre, {"long_name": f"mean of the {linked}training values", "units": units})
    ds["scale"] = ((), model.scale, {"long_name": f"standard deviation of the {linked}training values", "units": units})
    ds.attrs = {"modes": json.dumps(names), "columns": columns.to_json(), "link": model.link}
    learned = hyperparameters.table(ds)
    return xr.DataTree.from_dict({"/": ds, "/hyperparameters": learned, "/state": state.to_dataset(combined)})


def from_tree(tree: xr.DataTree) -> tuple[LocalTucker, Columns]:
    """Return the model and the columns that `to_tree` stored."""
    return state.from_dataset(tree["state"].to_dataset()), Columns.from_json(tree.attrs["columns"])


def _canonical(ds: xr.Dataset, names: list[str]) -> xr.Dataset:
    """Return a CP core with functions of unit norm over their grids, and weights that are positive and descend."""
    weight, variance = ds["core"].to_numpy(), ds["core_variance"].to_numpy()
    sign = np.where(weight < 0, -1.0, 1.0)
    for number, mode in enumerate(names):
        factor, spread = ds[f"factor_{mode}"], ds[f"factor_{mode}_variance"]
        norm = np.sqrt((factor.to_numpy() ** 2).sum(axis=0))
        norm = np.where(norm > 0, norm, 1.0)
        turned = factor.to_numpy() / norm * (sign if number == 0 else 1.0)
        ds[f"factor_{mode}"] = (factor.dims, turned, factor.attrs)
        ds[f"factor_{mode}_variance"] = (spread.dims, spread.to_numpy() / norm**2, spread.attrs)
        weight, variance = weight * norm, variance * norm**2
    ds["core"] = ("component", np.abs(weight), ds["core"].attrs)
    ds["core_variance"] = ("component", variance, ds["core_variance"].attrs)
    return ds.isel(component=np.argsort(-ds["core"].to_numpy(), kind="stable"))


def _with_processes(
    ds: xr.Dataset, combined: LocalTucker, columns: Columns, units: str, time_columns: frozenset[str]
) -> xr.Dataset:
    """Add what the local processes learned, if there are any: variances, length scales and noise."""
    names = [columns.names[column] for column in combined.columns]
    for label, process in (("residual", combined.residual), ("local_alone", combined.alone)):
        if process is None:
            continue
        title = f"of the local process {'on the remainder' if label == 'residual' else 'alone'}"
        dims = ("local_component",)
        ds[f"{label}_variance"] = (
            dims,
            process.kernel.variance,
            {"long_name": f"variance {title}", "units": squared(units)},
        )
        noise = {"long_name": f"noise variance {title}", "units": squared(units)}
        ds[f"{label}_noise_variance"] = ((), process.kernel.noise, noise)
        position = 0
        for number, mode in enumerate(process.modes):
            own = names[position]
            name, unit = ("place", "km") if mode == "sphere" else (own, _column_unit(own, time_columns))
            length = {"long_name": f"length scale {title} along {name}", "units": unit}
            ds[f"{label}_length_{name}"] = (dims, process.kernel.length_scale[:, number], length)
            position += 2 if mode == "sphere" else 1
    if combined.residual is not None:
        for name, value, text in (
            ("tucker_weight", combined.weight, "weight of the Tucker model with its local process"),
            ("variance_factor", combined.spread, "factor of the predictive variance"),
            ("local_gain", combined.gain, "gain by the local process, in nats per withheld training value"),
        ):
            ds[name] = ((), value, {"long_name": text, "units": "1"})
    return ds


def _column_unit(name: str, time_columns: frozenset[str]) -> str:
    return "days" if name in time_columns else str(observations.KNOWN.get(name, {}).get("units", "1"))


def _with_mode(
    ds: xr.Dataset, model: TuckerModel, columns: Columns, number: int, mode: str, time_columns: frozenset[str]
) -> xr.Dataset:
    """Add the functions of a mode on its plotting grid, and their hyperparameters."""
    form, fitted = model.posterior.form, model.posterior.modes[number]
    grid, covariates = mode_process.training_points(fitted)
    step = -(-grid.shape[0] // _SHOWN) if covariates.shape[1] == 0 and grid.shape[1] == 1 else 1
    grid, covariates = grid[::step], covariates[::step]
    free = list(form.free[number])
    free_mean, free_covariance = mode_process.predict(fitted, grid, covariates)
    mean = fixed_values(form, number, grid.shape[0], given_functions(model, number, grid))
    variance = np.zeros(mean.shape)
    mean[:, free], variance[:, free] = free_mean, np.diagonal(free_covariance, axis1=1, axis2=2)
    functions = f"rank_{mode}" if form.kind == "tucker" else "component"
    label = {"units": "1", "ancillary_variables": f"factor_{mode}_variance"}
    ds[f"factor_{mode}"] = ((mode, functions), mean, {"long_name": f"functions of {mode}", **label})
    ds[f"factor_{mode}_variance"] = (
        (mode, functions),
        np.maximum(variance, 0.0),
        {"long_name": f"variance of the functions of {mode}", "units": "1"},
    )
    own = [*columns.modes[mode], *model.layout.covariates[number]]
    for values, column in zip(np.concatenate([grid, covariates], axis=1).T, own, strict=True):
        name = columns.names[column]
        attributes = observations.KNOWN.get(name, {"long_name": name, "units": "1"})
        ds = ds.assign_coords({name: (mode, times(values) if name in time_columns else values, attributes)})
    unit = _length_unit(model.layout.kernels[number], [columns.names[c] for c in columns.modes[mode]], time_columns)
    for k, parameter in enumerate(mode_process.state_names(fitted)):
        row = np.full(form.sizes[number], np.nan)
        row[free] = np.exp(fitted.log_parameters[:, k])
        units = unit if parameter.startswith("length") else "1"
        ds[f"{parameter}_{mode}"] = (
            functions,
            row,
            {"long_name": f"{parameter} of {mode}".replace("_", " "), "units": units},
        )
    strength = np.full(form.sizes[number], np.nan)
    strength[free] = relevances(model)[number]
    ds[f"relevance_{mode}"] = (
        functions,
        strength,
        {"long_name": f"relevance of the functions of {mode}", "units": "1"},
    )
    return ds


def _length_unit(kernel: str, parts: list[str], time_columns: frozenset[str]) -> str:
    if kernel.startswith("sphere"):
        return "km"
    return "days" if parts[0] in time_columns else "1"
