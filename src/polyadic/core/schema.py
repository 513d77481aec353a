"""What a Dataset must look like at the boundary between two stages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from polyadic.core.errors import ContractError, nearest


@dataclass(frozen=True)
class Var:
    """One variable of a schema: its dimensions, NumPy kind codes and required units."""

    dims: tuple[str, ...]
    kinds: str = "f"
    units: str | None = None


@dataclass(frozen=True)
class Schema:
    """The variables and coordinates that every Dataset of a kind has; others may join them.

    Attributes
    ----------
    kind
        The name stored in the attribute ``kind``.
    version
        ``major.minor``; a reader refuses a newer major version.
    variables, coords
        What must be there, by name.
    optional
        What is checked where it is there.
    groups
        Child groups that must be there; a stage receives a DataTree when there are any.
    rules
        Further checks, each returning the faults that it finds.
    """

    kind: str
    version: str = "1.0"
    variables: dict[str, Var] = field(default_factory=dict)
    coords: dict[str, Var] = field(default_factory=dict)
    optional: dict[str, Var] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    rules: tuple[Callable[[xr.Dataset], list[str]], ...] = ()

    def check(self, ds: xr.Dataset | xr.DataTree, where: str = "") -> None:
        """Raise `ContractError` listing everything that is wrong with ``ds``."""
        faults = list(self.faults(ds))
        if faults:
            name = f"{where}: " if where else ""
            raise ContractError(f"{name}not a valid {self.kind!r} dataset: " + "; ".join(faults))

    def faults(self, ds: xr.Dataset | xr.DataTree) -> Iterator[str]:
        """Yield what is wrong with ``ds``, one phrase a fault."""
        root = ds.to_dataset() if isinstance(ds, xr.DataTree) else ds
        found = str(root.attrs.get("kind", self.kind))
        if found != self.kind:
            yield f"its kind is {found!r}"
        major = str(root.attrs.get("schema_version", self.version)).partition(".")[0]
        if major.isdigit() and int(major) > int(self.version.partition(".")[0]):
            yield f"its schema version {root.attrs['schema_version']} is newer than {self.version}; update polyadic"
        for name, want in {**self.coords, **self.variables}.items():
            if name not in root.variables:
                yield f"{name!r} is missing ({nearest(name, map(str, root.variables))})"
            else:
                yield from variable_faults(name, root[name], want)
        for name, want in self.optional.items():
            if name in root.variables:
                yield from variable_faults(name, root[name], want)
        yield from attribute_faults(root)
        children = set(ds.children) if isinstance(ds, xr.DataTree) else set()
        yield from (f"the group {name!r} is missing" for name in self.groups if name not in children)
        for rule in self.rules:
            yield from rule(root)


def variable_faults(name: str, got: xr.DataArray, want: Var) -> Iterator[str]:
    """Yield where a variable differs from what its schema wants."""
    if got.dims != want.dims:
        yield f"{name!r} has dims {got.dims}, expected {want.dims}"
    if got.dtype.kind not in want.kinds:
        yield f"{name!r} has dtype {got.dtype}, expected kind {want.kinds!r}"
    if want.units is not None and got.attrs.get("units") != want.units:
        yield f"{name!r} has units {got.attrs.get('units')!r}, expected {want.units!r}"


def attribute_faults(ds: xr.Dataset) -> Iterator[str]:
    """Yield numeric variables without units or long_name, complex ones, and attributes of a forbidden type."""
    for name, variable in ds.variables.items():
        if variable.dtype.kind == "c":
            yield f"{name!r} is complex; store a trailing dimension part = [real, imag]"
        if variable.dtype.kind in "fiu" and "flag_values" not in variable.attrs:
            yield from (
                f"{name!r} lacks the attribute {a!r}" for a in ("units", "long_name") if a not in variable.attrs
            )
    for name, value in ds.attrs.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float | np.integer | np.floating):
            yield f"attribute {name!r} is {type(value).__name__}, accepted are str, int and float"
