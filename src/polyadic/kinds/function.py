"""Kind `function`: a function of several variables by name, with its parameters and domain."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from polyadic.core.schema import Schema, Var


def parameters(ds: xr.Dataset) -> dict[str, float]:
    """Return the parameters of the function."""
    return dict(json.loads(ds.attrs.get("parameters", "{}")))


def domain(ds: xr.Dataset) -> list[tuple[float, float]]:
    """Return (low, high) of every mode."""
    return [(float(low), float(high)) for low, high in ds["domain"].to_numpy()]


def periodic(ds: xr.Dataset) -> list[int]:
    """Return the numbers of the periodic modes."""
    return [int(k) for k in np.flatnonzero(ds["periodic"].to_numpy())]


def _faults(ds: xr.Dataset) -> list[str]:
    return [] if ds.attrs.get("expression") else ["attribute 'expression' names no function"]


SCHEMA = Schema(
    kind="function",
    variables={"domain": Var(("mode", "bound")), "periodic": Var(("mode",), kinds="b")},
    coords={"mode": Var(("mode",), kinds="UO")},
    rules=(_faults,),
)


def dataset(
    expression: str,
    parameters: Mapping[str, float],
    domain: Sequence[tuple[float, float]],
    *,
    periodic: Sequence[int] = (),
    names: Sequence[str],
) -> xr.Dataset:
    """Return a Dataset of kind `function`: a name or ``module:function``, parameters, and an interval a mode."""
    flags = np.zeros(len(names), bool)
    flags[list(periodic)] = True
    return xr.Dataset(
        {
            "domain": (("mode", "bound"), np.array(domain, float), {"units": "1", "long_name": "ends of the domain"}),
            "periodic": ("mode", flags, {"long_name": "mode is periodic"}),
        },
        {"mode": ("mode", list(names), {"long_name": "mode"})},
        {"expression": expression, "parameters": json.dumps(dict(parameters), sort_keys=True)},
    )


def example(seed: int = 0) -> xr.Dataset:
    """Return a Gaussian whose exponent depends on the seed."""
    return dataset("gaussian", {"exponent": 1.0 + seed}, [(-1, 1)] * 3, names=("x", "y", "z"))
