"""Kind `particles`: point charges at places in space, in a periodic cell or in none."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polyadic.core.schema import Schema, Var

AXES = ("x", "y", "z")


def cell(ds: xr.Dataset) -> NDArray[np.float64] | None:
    """Return the lattice vectors as rows, in Angstrom, or None in free space."""
    return ds["cell"].to_numpy().astype(np.float64) if "cell" in ds and ds["pbc"].to_numpy().all() else None


def _faults(ds: xr.Dataset) -> list[str]:
    faults = []
    if "position" in ds and ds.sizes.get("axis") != len(AXES):
        faults.append(f"'position' has {ds.sizes.get('axis')} axes, expected 3")
    if ds.sizes.get("particle") == 0:
        faults.append("there is no particle")
    for name in ("position", "charge"):
        if name in ds and ds[name].dtype.kind == "f" and not np.isfinite(ds[name].to_numpy()).all():
            faults.append(f"{name!r} has missing values")
    if ("cell" in ds) != ("pbc" in ds):
        faults.append("'cell' and 'pbc' come together, one of them is missing")
    if "pbc" in ds and len(set(ds["pbc"].to_numpy().astype(bool).ravel().tolist())) > 1:
        faults.append(f"'pbc' is {ds['pbc'].to_numpy().tolist()}, expected the same along all axes; no slabs")
    return faults


SCHEMA = Schema(
    kind="particles",
    variables={"position": Var(("particle", "axis")), "charge": Var(("particle",))},
    coords={"axis": Var(("axis",), kinds="UO")},
    optional={
        "radius": Var(("particle",)),
        "name": Var(("particle",), kinds="UO"),
        "cell": Var(("vector", "axis")),
        "pbc": Var(("axis",), kinds="i"),
    },
    rules=(_faults,),
)


def dataset(
    position: ArrayLike,
    charge: ArrayLike,
    *,
    radius: ArrayLike | None = None,
    name: Sequence[str] | None = None,
    cell: ArrayLike | None = None,
) -> xr.Dataset:
    """Return a Dataset of kind `particles`.

    Parameters
    ----------
    position
        ``(particle, 3)``, in Angstrom.
    charge
        ``(particle,)``, in elementary charges.
    radius
        ``(particle,)``, in Angstrom.
    name
        A name a particle: atom or element.
    cell
        Lattice vectors as rows ``(3, 3)``, in Angstrom; periodic along all three.
    """
    length = {"units": "angstrom"}
    ds = xr.Dataset(coords={"axis": ("axis", list(AXES), {"long_name": "axis of space"})})
    ds["position"] = (("particle", "axis"), np.asarray(position, float), {**length, "long_name": "position"})
    ds["charge"] = ("particle", np.asarray(charge, float), {"units": "e", "long_name": "electric charge"})
    if radius is not None:
        ds["radius"] = ("particle", np.asarray(radius, float), {**length, "long_name": "radius"})
    if name is not None:
        ds = ds.assign_coords(name=("particle", np.asarray(name, str), {"long_name": "atom"}))
    if cell is not None:
        flags: dict[str, Any] = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "open periodic"}
        ds["cell"] = (("vector", "axis"), np.asarray(cell, float), {**length, "long_name": "lattice vectors"})
        ds["pbc"] = ("axis", np.ones(3, np.int8), {"long_name": "periodic along the lattice vector", **flags})
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return 60 charges that sum to zero, in a box of 12 Angstrom."""
    rng = np.random.default_rng(seed)
    return dataset(rng.uniform(0, 12, (60, 3)), np.repeat([1.0, -1.0], 30), radius=np.full(60, 1.5))
