"""Kind `fields`: inputs and outputs of an operator on one regular grid, sample by sample."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

SPACE = ("z", "y", "x")
"""Accepted names of the axes of space, in this order, as the last dimensions of every field."""

ROLES = ("input", "output", "parameter", "prediction", "check")
"""Accepted values of a variable's attribute ``role``; only parameters and checks have no axes of space."""

BOUNDARIES = ("periodic", "dirichlet", "neumann", "open")
"""Accepted conditions at the two ends of an axis."""

GRIDS = ("both", "left", "centre")
"""Where the points of an axis that is not periodic lie: both ends included, the low one only, or cell centres."""

SPLITS = ("train", "validation", "test")
"""Meanings of the flag ``split``."""

EVOLVES = "evolves_to"
"""Attribute of an input that names the output which follows it in time. Both then have an attribute ``steps``, JSON of
the steps of the run that they hold, and the samples have the coordinates ``run`` and ``moment``, the step that a sample
starts at, so that samples of one run can be put in a row."""


@dataclass(frozen=True)
class Axis:
    """An axis of space: from ``low`` to ``high`` in ``units``, its boundary condition and where its points lie."""

    low: float = 0.0
    high: float = 1.0
    boundary: str = "periodic"
    grid: str = "both"
    units: str = "1"

    def points(self, n: int) -> NDArray[np.float64]:
        """Return where ``n`` points lie.

        >>> Axis().points(4), Axis(boundary="dirichlet").points(3)
        (array([0.  , 0.25, 0.5 , 0.75]), array([0. , 0.5, 1. ]))
        """
        index = np.arange(n) + (0.5 if self.grid == "centre" and self.boundary != "periodic" else 0.0)
        last = n - 1 if self.boundary != "periodic" and self.grid == "both" else n
        return self.low + (self.high - self.low) * index / max(last, 1)


def space(ds: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the axes of space."""
    return tuple(name for name in SPACE if name in ds.dims)


def axes(ds: xr.Dataset) -> dict[str, Axis]:
    """Return the axes of space by name."""
    return {name: Axis(**given) for name, given in json.loads(str(ds.attrs["axes"])).items()}


def names(ds: xr.Dataset, role: str) -> list[str]:
    """Return the variables of one role, in the order of the file."""
    return [str(name) for name, variable in ds.data_vars.items() if variable.attrs.get("role") == role]


def origin(ds: xr.Dataset) -> str:
    """Return what a message calls a Dataset: the file that it was read from, or ``the fields``."""
    return str(ds.encoding.get("source") or "the fields")


def array(ds: xr.Dataset, role: str) -> NDArray[np.float32]:
    """Return the variables of one role as (sample, channel, axes ...); other dimensions become channels.

    Parameters of the samples are constant fields and come after the inputs.
    """
    wanted = [*names(ds, role), *(names(ds, "parameter") if role == "input" else [])]
    return stacked(ds, wanted)


def stacked(ds: xr.Dataset, wanted: Sequence[str]) -> NDArray[np.float32]:
    """Return some variables as (sample, channel, axes ...)."""
    where = space(ds)
    shape = tuple(ds.sizes[name] for name in where)
    parts = []
    for name in wanted:
        values = ds[name].transpose("sample", ..., *[axis for axis in where if axis in ds[name].dims])
        if values.attrs.get("role") == "parameter":
            flat = values.to_numpy().reshape(ds.sizes["sample"], -1, *[1] * len(where))
            parts.append(np.broadcast_to(flat, (*flat.shape[:2], *shape)))
        else:
            parts.append(values.to_numpy().reshape(ds.sizes["sample"], -1, *shape))
    return np.concatenate(parts, axis=1).astype(np.float32)


def where_split(ds: xr.Dataset, *splits: str) -> xr.Dataset:
    """Return the samples of some splits, in their order; all of them where there is no flag."""
    if "split" not in ds.variables:
        return ds
    return ds.isel(sample=np.flatnonzero(np.isin(ds["split"].to_numpy(), [SPLITS.index(s) for s in splits])))


def _role_faults(ds: xr.Dataset) -> list[str]:
    faults, where = [], space(ds)
    for name, variable in ds.data_vars.items():
        role = variable.attrs.get("role")
        if role not in ROLES:
            faults.append(f"{name!r} has role {role!r}, accepted are {', '.join(ROLES)}")
        elif role not in ("parameter", "check") and variable.dims[-len(where) :] != where:
            faults.append(f"{name!r} has dims {variable.dims}, expected the axes {where} last")
        elif variable.dims[:1] != ("sample",):
            faults.append(f"{name!r} has dims {variable.dims}, expected sample first")
    return faults + [f"no variable has role {role!r}" for role in ("input", "output") if not names(ds, role)]


def _axis_faults(ds: xr.Dataset) -> list[str]:
    if not space(ds):
        return [f"there is no axis of space; accepted are {', '.join(SPACE)}"]
    try:
        known = axes(ds)
    except (KeyError, TypeError, ValueError):
        return [f"attribute 'axes' is {ds.attrs.get('axes')!r}, expected JSON of low, high, boundary, grid, units"]
    faults = [f"attribute 'axes' says nothing of {name!r}" for name in space(ds) if name not in known]
    for name, axis in known.items():
        for what, accepted in (("boundary", BOUNDARIES), ("grid", GRIDS)):
            if getattr(axis, what) not in accepted:
                faults.append(f"{what} of {name!r} is {getattr(axis, what)!r}, accepted are {', '.join(accepted)}")
    return faults


SCHEMA = Schema(
    kind="fields",
    optional={
        "split": Var(("sample",), kinds="i"),
        "sample": Var(("sample",), kinds="iUO"),
        "run": Var(("sample",), kinds="i"),
        "moment": Var(("sample",), kinds="i"),
    },
    rules=(_axis_faults, _role_faults),
)


def split_flags(flags: ArrayLike) -> tuple[str, NDArray[np.int8], dict[str, Any]]:
    """Return the coordinate ``split``."""
    meanings = {"flag_values": np.arange(3, dtype=np.int8), "flag_meanings": " ".join(SPLITS)}
    return "sample", np.asarray(flags, np.int8), {"long_name": "use of the sample", **meanings}


def runs(run: ArrayLike, moment: ArrayLike) -> dict[str, Any]:
    """Return the coordinates of samples that were cut from runs: which run, and the step of it that they start at."""
    texts = {"run": "run that the sample was cut from", "moment": "step of the run that the sample starts at"}
    values = {"run": np.asarray(run, np.int64), "moment": np.asarray(moment, np.int64)}
    return {name: ("sample", values[name], {"units": "1", "long_name": text}) for name, text in texts.items()}


def dataset(
    variables: Mapping[str, tuple[Any, str, Mapping[str, Any]]],
    axes: Mapping[str, Axis],
    *,
    equation: str = "",
    generator: str = "",
    split: ArrayLike | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `fields`.

    Parameters
    ----------
    variables
        Per name the values, (sample, axes ...) or (sample, time or channel, axes ...) or (sample,), NumPy or Dask; the
        role; and attributes, among them ``units`` and ``long_name``.
    axes
        The axes of space, in the order of the dimensions.
    equation, generator
        What the fields solve, and by what.
    split
        Flag a sample: 0 train, 1 validation, 2 test.
    """
    found, extents, count = {}, {}, 0
    for name, (values, role, attributes) in variables.items():
        count = values.shape[0]
        outer = values.ndim - 1 - len(axes)
        if values.ndim == 1:
            dims: tuple[str, ...] = ("sample",)
        else:
            dims = ("sample", *[str(attributes.get("extra", "channel"))][:outer], *axes)
            extents = dict(zip(axes, values.shape[-len(axes) :], strict=True))
        kept = {key: value for key, value in attributes.items() if key != "extra"}
        found[name] = (dims, values, {"role": role, **kept})
    coords: dict[str, Any] = {"sample": ("sample", np.arange(count), {"units": "1", "long_name": "sample"})}
    for name, axis in axes.items():
        coords[name] = (name, axis.points(extents[name]), {"units": axis.units, "long_name": f"position along {name}"})
    if split is not None:
        coords["split"] = split_flags(split)
    ds = xr.Dataset(found, coords)
    ds.attrs = {
        "axes": json.dumps({name: vars(axis) for name, axis in axes.items()}, sort_keys=True),
        "equation": equation,
        "generator": generator,
    }
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return two steps of six fields that diffuse, on 8 x 8 points: a sample is one step."""
    rng = np.random.default_rng(seed)
    k = np.fft.fftfreq(8, 1 / 8)
    wave = k[:, None] ** 2 + k[None] ** 2
    spectrum = np.fft.fft2(rng.standard_normal((6, 8, 8))) * (wave < 6)
    states = [np.fft.ifft2(spectrum / (1 + 0.2 * wave) ** step).real.astype(np.float32) for step in range(3)]
    before, after = (np.stack(states[i : i + 2], axis=1).reshape(-1, 8, 8) for i in (0, 1))
    text = {"units": "1", "long_name": "concentration"}
    out = dataset(
        {
            "before": (before, "input", {**text, EVOLVES: "after", "steps": "[0]"}),
            "after": (after, "output", {**text, "steps": "[1]"}),
        },
        {"y": Axis(), "x": Axis()},
        equation="(1 - 0.2 Laplacian / (4 pi^2)) u(t + 1) = u(t)",
    )
    return out.assign_coords(runs(*np.divmod(np.arange(12), 2)))
