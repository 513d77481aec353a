"""Kind `cp_factors`: weights and factors of a CP model, canonical: unit-norm columns, descending weights."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var

_TOLERANCE = 1e-6


def modes(ds: xr.Dataset) -> list[str]:
    """Return the names of the tensor's modes, in the order of its axes."""
    return list(json.loads(ds.attrs.get("modes", "[]")))


def _leading(ds: xr.Dataset) -> tuple[str, ...]:
    return ("replicate",) if "weight" in ds and "replicate" in ds["weight"].dims else ()


def _dimension_faults(ds: xr.Dataset) -> list[str]:
    if not modes(ds):
        return ["attribute 'modes' names no mode"]
    lead = _leading(ds)
    wanted: dict[str, list[tuple[str, ...]]] = {"weight": [(*lead, "component")]}
    for mode in modes(ds):
        owners = [(other,) for other in modes(ds) if other != mode]
        wanted[f"factor_{mode}"] = [(*lead, *owner, mode, "component") for owner in [(), *owners]]
    if "relative_error" in ds:
        wanted["relative_error"] = [(*lead, "iteration")]
    faults = [f"{name!r} is missing" for name in wanted if name not in ds]
    return faults + [
        f"{name!r} has dims {ds[name].dims}, expected {' or '.join(map(str, dims))}"
        for name, dims in wanted.items()
        if name in ds and ds[name].dims not in dims
    ]


def _value_faults(ds: xr.Dataset) -> list[str]:
    if _dimension_faults(ds):
        return []
    faults = []
    weight = ds["weight"].to_numpy()
    if not (weight >= 0).all() or (np.diff(weight, axis=-1) > 0).any():
        faults.append("'weight' must be non-negative and descending along 'component'")
    signed = "nonnegative" not in ds or not bool(ds["nonnegative"])
    for mode in modes(ds):
        factor = ds[f"factor_{mode}"].to_numpy()
        norms = np.sqrt(np.einsum("...ir,...ir->...r", factor, factor))
        if not np.allclose(norms, 1, atol=_TOLERANCE):
            faults.append(f"'factor_{mode}' has columns of norm {norms.min():.4g} to {norms.max():.4g}, expected 1")
        if not signed and factor.min(initial=0) < 0:
            faults.append(f"'factor_{mode}' has negative entries though 'nonnegative' is set")
    return faults


SCHEMA = Schema(
    kind="cp_factors",
    optional={
        "nonnegative": Var((), kinds="i"),
        "converged": Var((), kinds="i"),
        "similarity": Var(("replicate",), units="1"),
        "stability": Var(("component",), units="1"),
    },
    rules=(_dimension_faults, _value_faults),
)


def dataset(
    weights: ArrayLike,
    factors: Mapping[str, ArrayLike],
    *,
    units: str,
    coords: Mapping[str, Any] | None = None,
    nonnegative: bool = False,
    relative_error: ArrayLike | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `cp_factors`.

    Parameters
    ----------
    weights
        ``(component,)``, or ``(replicate, component)``; non-negative and descending, in ``units``.
    factors
        By name of the mode, in the order of the tensor's axes: ``(mode, component)`` with unit-norm columns, behind
        ``replicate`` where the weights have it. The first mode may have one function for each index of the second:
        ``(second mode, mode, component)``.
    units
        Unit of the tensor.
    coords
        Coordinates as xarray takes them.
    nonnegative
        Whether every factor is non-negative.
    relative_error
        Norm of the residual over that of the tensor, by iteration (behind ``replicate`` where there is one).

    Examples
    --------
    >>> import numpy as np
    >>> ds = dataset([2.0], {"time": np.full((4, 1), 0.5), "animal": [[1.0]]}, units="1")
    >>> dict(ds.sizes)
    {'component': 1, 'time': 4, 'animal': 1}
    """
    weights = np.asarray(weights, float)
    lead = ("replicate",) if weights.ndim == 2 else ()
    names = list(factors)
    ds = xr.Dataset(coords=coords)
    ds["weight"] = ((*lead, "component"), weights, {"units": units, "long_name": "weight of the component"})
    for mode, values in factors.items():
        array = np.asarray(values, float)
        owner = (names[1],) if array.ndim == 3 + len(lead) else ()
        label = {"units": "1", "long_name": f"factor of mode {mode}"}
        ds[f"factor_{mode}"] = ((*lead, *owner, mode, "component"), array, label)
    if relative_error is not None:
        label = {"units": "1", "long_name": "norm of the residual over that of the tensor"}
        ds["relative_error"] = ((*lead, "iteration"), np.asarray(relative_error, float), label)
    ds["nonnegative"] = flag(nonnegative, "every factor is non-negative")
    numbers = {"units": "1", "long_name": "number of the component, strongest first"}
    ds = ds.assign_coords(component=("component", np.arange(weights.shape[-1]), numbers))
    ds.attrs["modes"] = json.dumps(names)
    return ds


def flag(value: bool, meaning: str) -> tuple[tuple[()], np.int8, dict[str, Any]]:
    """Return a yes-or-no variable."""
    attributes = {"long_name": meaning, "flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
    return (), np.int8(value), attributes


def example(seed: int = 0) -> xr.Dataset:
    """Return three components over time, animals and pairs of eight neurons, as a decomposition would leave them."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(8, 1)
    time = np.arange(60) * 0.5
    blocks = np.stack([(first < 4) & (second < 4), (first >= 4) & (second >= 4), second - first == 1], axis=1)
    courses = np.stack([np.exp(-0.5 * ((time - centre) / 3) ** 2) for centre in (6, 15, 24)], axis=1)
    factors = {
        "time": courses + 0.02 * rng.random(courses.shape),
        "animal": rng.uniform(0.5, 1.5, (3, 3)),
        "pair": blocks + 0.1 * rng.random(blocks.shape),
    }
    coords = {
        "time": ("time", time, {"units": "s", "long_name": "time"}),
        "animal": ("animal", ["A1", "A2", "A3"], {"long_name": "animal"}),
        "neuron": ("neuron", [f"N{i}" for i in range(8)], {"long_name": "neuron"}),
        "neuron_first": ("pair", first, {"units": "1", "long_name": "position of the first neuron of the pair"}),
        "neuron_second": ("pair", second, {"units": "1", "long_name": "position of the second neuron of the pair"}),
    }
    return dataset(
        np.sort(rng.uniform(1, 5, 3))[::-1],
        {mode: factor / np.linalg.norm(factor, axis=0) for mode, factor in factors.items()},
        units="1",
        coords=coords,
        nonnegative=True,
        relative_error=0.4 + 0.5 / np.arange(1, 11),
    )
