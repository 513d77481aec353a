"""Kind `tucker_posterior`: core and factor functions of a functional Tucker model, with their variances."""

import json

import numpy as np
import xarray as xr

from polyadic.core.schema import Schema, Var


def modes(ds: xr.Dataset) -> list[str]:
    """Return the names of the tensor's modes, in the order of the core's dimensions."""
    return list(json.loads(ds.attrs.get("modes", "[]")))


def function_dimension(ds: xr.Dataset, mode: str) -> str:
    """Return the dimension that counts the functions of a mode: ``rank_<mode>``, or ``component`` of a CP core."""
    return f"rank_{mode}" if f"rank_{mode}" in ds.dims else "component"


def _faults(ds: xr.Dataset) -> list[str]:
    if not modes(ds):
        return ["attribute 'modes' names no mode"]
    cores = [tuple(f"rank_{mode}" for mode in modes(ds)), ("component",)]
    wanted = dict.fromkeys(("core", "core_variance"), cores)
    for mode in modes(ds):
        wanted |= {f"factor_{mode}{s}": [(mode, function_dimension(ds, mode))] for s in ("", "_variance")}
    faults = [f"{name!r} is missing" for name in wanted if name not in ds]
    faults += [
        f"{name!r} has dims {ds[name].dims}, expected {' or '.join(map(str, dims))}"
        for name, dims in wanted.items()
        if name in ds and ds[name].dims not in dims
    ]
    return faults


SCHEMA = Schema(
    kind="tucker_posterior",
    version="1.2",
    variables={
        "evidence": Var(("iteration",)),
        "noise_variance": Var(()),
        "converged": Var((), kinds="i"),
    },
    groups=("state",),
    rules=(_faults,),
)


def example(seed: int = 0) -> xr.DataTree:
    """Return two functions of a place and of time with a core, as a fit would leave them."""
    rng = np.random.default_rng(seed)
    time = np.arange("2000-01", "2001-01", dtype="datetime64[M]").astype("datetime64[ns]")
    number = {"units": "1"}
    coords = {
        "latitude": ("place", rng.uniform(37, 41, 9), {"units": "degrees_north", "long_name": "latitude"}),
        "longitude": ("place", rng.uniform(-109, -102, 9), {"units": "degrees_east", "long_name": "longitude"}),
        "time": ("time", time, {"long_name": "time"}),
    }
    ds = xr.Dataset(coords=coords)
    sizes = {"place": 9, "time": 12}
    for mode, size in sizes.items():
        values = {"": rng.normal(size=(size, 2)), "_variance": rng.uniform(0.01, 0.1, (size, 2))}
        for suffix, array in values.items():
            attributes = {**number, "long_name": f"functions of {mode}{suffix.replace('_', ' ')}"}
            ds[f"factor_{mode}{suffix}"] = ((mode, f"rank_{mode}"), array, attributes)
    ds["core"] = (("rank_place", "rank_time"), rng.normal(size=(2, 2)), {"units": "degC", "long_name": "core"})
    ds["core_variance"] = (
        ("rank_place", "rank_time"),
        np.full((2, 2), 0.1),
        {"units": "K2", "long_name": "its variance"},
    )
    ds["evidence"] = ("iteration", -1e3 / np.arange(1, 9), {"units": "1", "long_name": "evidence lower bound in nats"})
    ds["noise_variance"] = ((), 0.5, {"units": "K2", "long_name": "variance of the noise"})
    ds["converged"] = (
        (),
        np.int8(1),
        {"long_name": "fit has converged", "flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"},
    )
    ds.attrs["modes"] = json.dumps(list(sizes))
    return xr.DataTree.from_dict({"/": ds, "/state": xr.Dataset(attrs={"structure": "{}"})})
