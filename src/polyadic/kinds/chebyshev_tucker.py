"""Kind `chebyshev_tucker`: a function of several variables as a Tucker tensor of Chebyshev or Fourier coefficients."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

BASES = ("chebyshev", "fourier")


def modes(ds: xr.Dataset) -> list[str]:
    """Return the names of the modes, in the order of the core's dimensions."""
    return list(json.loads(ds.attrs.get("modes", "[]")))


def bases(ds: xr.Dataset) -> list[str]:
    """Return the basis of every mode: ``chebyshev`` or ``fourier``."""
    return list(json.loads(ds.attrs.get("basis", "[]")))


def _faults(ds: xr.Dataset) -> list[str]:
    names = modes(ds)
    if not names:
        return ["attribute 'modes' names no mode"]
    wanted: dict[str, tuple[str, ...]] = {"core": tuple(f"rank_{m}" for m in names)}
    for m in names:
        wanted |= {f"coefficient_{m}": (f"degree_{m}", f"rank_{m}"), f"factor_{m}": (m, f"rank_{m}")}
        wanted |= {f"singular_value_{m}": (f"rank_{m}",), f"domain_{m}": ("bound",)}
    faults = [f"{name!r} is missing" for name in wanted if name not in ds]
    faults += [
        f"{name!r} has dims {ds[name].dims}, expected {dims}"
        for name, dims in wanted.items()
        if name in ds and ds[name].dims != dims
    ]
    if len(bases(ds)) != len(names) or not set(bases(ds)) <= set(BASES):
        faults.append(f"attribute 'basis' is {ds.attrs.get('basis')!r}, expected one of {', '.join(BASES)} a mode")
    return faults


SCHEMA = Schema(
    kind="chebyshev_tucker",
    variables={
        "error_estimate": Var((), units="1"),
        "scale": Var(()),
        "converged": Var((), kinds="i"),
        "evaluations": Var((), kinds="i", units="1"),
    },
    rules=(_faults,),
)


def dataset(
    core: NDArray[np.float64],
    coefficients: Sequence[NDArray[Any]],
    *,
    domain: Sequence[tuple[float, float]],
    basis: Sequence[str],
    factors: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    singular_values: Sequence[NDArray[Any]],
    names: Sequence[str],
    **labels: Any,
) -> xr.Dataset:
    """Return a Dataset of kind `chebyshev_tucker`.

    Parameters
    ----------
    core
        ``(rank_1, ..., rank_d)``, in units of the function.
    coefficients
        Per mode ``(degrees, rank)``, orthonormal columns.
    domain, basis, names
        Per mode the interval, ``"chebyshev"`` or ``"fourier"``, and the name.
    factors
        Per mode coordinates and the factor functions there, ``(points, rank)``: for plotting.
    singular_values
        Per mode the singular values of the core's unfolding.
    labels
        ``error_estimate``, ``scale``, ``converged``, ``evaluations``, ``message``; ``units`` of the function,
        ``coordinate_units`` (one text a mode), ``long_name``.
    """
    units = str(labels.get("units", "1"))
    axis_units = labels.get("coordinate_units") or ["1"] * len(names)
    ds = xr.Dataset()
    ds["core"] = (
        tuple(f"rank_{m}" for m in names),
        core,
        {"units": units, "long_name": labels.get("long_name", "core")},
    )
    for k, m in enumerate(names):
        ds = ds.assign(_of_mode(m, basis[k], coefficients[k], domain[k], factors[k]))
        singular = {"units": units, "long_name": f"singular values of mode {m}"}
        ds[f"singular_value_{m}"] = (f"rank_{m}", singular_values[k], singular)
        for name in (m, f"domain_{m}"):
            ds[name].attrs["units"] = axis_units[k]
    ds = ds.assign(_judgement(labels, units))
    ds.attrs |= {"modes": json.dumps(list(names)), "basis": json.dumps(list(basis))}
    ds.attrs["message"] = str(labels.get("message", ""))
    return ds


def _of_mode(
    name: str,
    basis: str,
    coefficients: NDArray[Any],
    domain: tuple[float, float],
    factor: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> dict[str, Any]:
    """Return the variables of one mode, its lengths without units."""
    x, values = factor
    series = {"units": "1", "long_name": f"{basis} coefficients of the functions of {name}"}
    return {
        name: (name, x, {"long_name": name}),
        f"coefficient_{name}": ((f"degree_{name}", f"rank_{name}"), coefficients, series),
        f"factor_{name}": ((name, f"rank_{name}"), values, {"units": "1", "long_name": f"functions of {name}"}),
        f"domain_{name}": ("bound", np.array(domain, float), {"long_name": f"ends of {name}"}),
    }


def _judgement(labels: dict[str, Any], units: str) -> dict[str, Any]:
    """Return the variables that say how good the tensor is and what it cost."""
    flag = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "no yes"}
    relative = {"units": "1", "long_name": "estimated largest error relative to the largest value"}
    count = {"units": "1", "long_name": "points at which the function was evaluated"}
    return {
        "error_estimate": ((), float(labels["error_estimate"]), relative),
        "scale": ((), float(labels["scale"]), {"units": units, "long_name": "largest absolute value seen"}),
        "converged": ((), np.int8(labels["converged"]), {"long_name": "the tolerance was reached", **flag}),
        "evaluations": ((), np.int64(labels["evaluations"]), count),
    }


def example(seed: int = 0) -> xr.Dataset:
    """Return a random tensor of three modes, the last one periodic."""
    rng = np.random.default_rng(seed)
    degrees, ranks, names = (9, 8, 7), (3, 2, 2), ("x", "y", "z")
    decay = np.exp(-np.arange(12.0))
    coefficients: list[NDArray[Any]] = [
        np.linalg.qr(rng.normal(size=(n, r)) * decay[:n, None])[0] for n, r in zip(degrees, ranks, strict=True)
    ]
    x = np.linspace(-1, 1, 21)
    chebyshev = np.cos(np.outer(np.arccos(x), np.arange(12)))
    waves = [np.cos(np.outer(x + 1, np.pi * np.arange(4))), np.sin(np.outer(x + 1, np.pi * np.arange(1, 4)))]
    fourier = np.column_stack([waves[0][:, 0], *(w[:, k] for k in range(3) for w in (waves[0][:, 1:], waves[1]))])
    functions: list[ArrayLike] = [chebyshev[:, :9], chebyshev[:, :8], fourier]
    core = rng.normal(size=ranks)
    singular: list[NDArray[Any]] = [
        np.linalg.svd(np.moveaxis(core, k, 0).reshape(ranks[k], -1), compute_uv=False) for k in range(core.ndim)
    ]
    return dataset(
        core,
        coefficients,
        domain=[(-1.0, 1.0)] * 3,
        basis=["chebyshev", "chebyshev", "fourier"],
        factors=[(x, np.asarray(f) @ c) for f, c in zip(functions, coefficients, strict=True)],
        singular_values=singular,
        names=names,
        error_estimate=1e-12,
        scale=float(np.abs(core).sum()),
        converged=True,
        evaluations=1234,
    )
