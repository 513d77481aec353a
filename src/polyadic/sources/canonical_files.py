"""Source `canonical_files`: canonical tensors (weights and factor matrices) from MAT files.

``python -m polyadic.sources.canonical_files --files Newt_canon_256.mat --config '{"terms": "long_range"}' --out a.nc``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError, OtherFormError, nearest
from polyadic.core.stage import stage
from polyadic.kinds import cp_factors as kind

Array = NDArray[np.float64]

_LAYOUTS: dict[tuple[str, ...], str] = {
    ("U1r", "U2r", "U3r"): "",
    ("LRed.CU1", "LRed.CU2", "LRed.CU3"): "LRed.LAM1C",
    ("ASC.U1k", "ASC.U2k", "ASC.U3k"): "",
}
"""Names of the factors in files of the method's authors, and of their weights."""


@dataclass(frozen=True)
class CanonicalFilesConfig:
    """Where the parts of the tensor are and what they mean."""

    factors: tuple[str, ...] = setting((), "names of the factor matrices, mode by mode; empty: found by known names")
    weights: str = setting("", "name of the weights; empty: that of a known layout, or ones")
    domain: tuple[float, ...] = setting((-1.0, 1.0), "low and high of every mode; samples lie at centres of its cells")
    cell_integrals: bool = setting(False, "whether columns are integrals over cells, to be divided by their length")
    factor: float = setting(1.0, "what all weights are multiplied by")
    terms: Literal["all", "long_range"] = setting("all", "long_range: the ceil(R/2) - 3 flattest of R terms")
    units: str = setting("1", "unit of the tensor")

    def __post_init__(self) -> None:
        if len(self.domain) != 2 or self.domain[0] >= self.domain[1]:
            raise ValueError(f"domain must be low and high with low < high, found {self.domain}")
        if self.factors and not 2 <= len(self.factors) <= 8:
            raise ValueError(f"factors must name 2 to 8 matrices, found {len(self.factors)}")


@stage(name="sources.canonical_files", config=CanonicalFilesConfig, output=kind.SCHEMA, files=True)
def canonical_files(cfg: CanonicalFilesConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read weights and factor matrices as a canonical tensor of unit columns and descending weights."""
    path, arrays = _one(files)
    names = cfg.factors or _layout(arrays, path)
    factors = [_matrix(arrays, name, path) for name in names]
    rank = {a.shape[1] for a in factors}
    if len(rank) != 1:
        raise InputError(f"{path.name}: factors have {[a.shape[1] for a in factors]} columns, expected as many in each")
    weight_name = cfg.weights or _LAYOUTS.get(tuple(names), "")
    weights = _get(arrays, weight_name, path).ravel() if weight_name else np.ones(rank.pop())
    if len(weights) != factors[0].shape[1]:
        raise InputError(f"{path.name}: {len(weights)} weights for {factors[0].shape[1]} columns")
    low, high = cfg.domain
    steps = [(high - low) / len(a) for a in factors]
    if cfg.cell_integrals:
        factors = [a / h for a, h in zip(factors, steps, strict=True)]
    if cfg.terms == "long_range":
        flat = _flattest(factors[0])
        weights, factors = weights[flat], [a[:, flat] for a in factors]
    found = _canonical(weights * cfg.factor, factors)
    modes = ("x", "y", "z")[: len(factors)] if len(factors) <= 3 else [f"x{k + 1}" for k in range(len(factors))]
    coords = {
        mode: (mode, low + (np.arange(len(a)) + 0.5) * h, {"units": "1", "long_name": mode})
        for mode, a, h in zip(modes, factors, steps, strict=True)
    }
    progress.log(f"{len(found[0])} terms, {' x '.join(str(len(a)) for a in factors)}")
    return kind.dataset(found[0], dict(zip(modes, found[1], strict=True)), units=cfg.units, coords=coords)


def _canonical(weights: Array, factors: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Return non-negative descending weights and unit columns; signs go into the first factor, zero terms out."""
    norms = [np.linalg.norm(a, axis=0) for a in factors]
    size = np.abs(weights) * np.prod(norms, axis=0)
    order = [k for k in np.argsort(-size, kind="stable") if size[k] > 0]
    units = [a[:, order] / n[order] for a, n in zip(factors, norms, strict=True)]
    units[0] = units[0] * np.sign(weights[order])
    return size[order], units


def _flattest(columns: Array) -> NDArray[np.intp]:
    """Return the ceil(R/2) - 3 terms whose columns have the smallest peak against their mean, in file order."""
    magnitude = np.abs(columns)
    sharpness = magnitude.max(axis=0) / np.maximum(magnitude.mean(axis=0), 1e-300)
    count = max(1, -(-len(sharpness) // 2) - 3)
    kept = np.argsort(sharpness, kind="stable")[:count]
    return np.sort(kept)


def _one(files: Sequence[Path]) -> tuple[Path, dict[str, Any]]:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if len(files) != 1:
        raise InputError(f"a canonical tensor is read from one file, found {len(files)}")
    try:
        found = loadmat(files[0])
    except (MatReadError, ValueError, NotImplementedError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{files[0].name}: not a MAT file of version 4 to 7 ({reason})") from error
    return files[0], _flat({name: value for name, value in found.items() if not name.startswith("__")})


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return arrays by name, fields of structures as ``structure.field``."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value.dtype.names and value.size == 1:
            fields = value.ravel()[0]
            found |= _flat({field: np.asarray(fields[field]) for field in value.dtype.names}, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found


def _layout(arrays: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    for names in _LAYOUTS:
        if set(names) <= set(arrays):
            return names
    held = ", ".join(arrays) or "nothing"
    raise InputError(f"{path.name}: no known layout of factors; set factors to names of matrices, it holds {held}")


def _get(arrays: Mapping[str, Any], name: str, path: Path) -> Array:
    if name not in arrays:
        raise InputError(f"{path.name}: there is no array {name!r}; {nearest(name, tuple(arrays))}")
    value = np.asarray(arrays[name])
    if value.dtype.kind not in "fiu" or not np.isfinite(value).all():
        raise InputError(f"{path.name}: {name!r} must hold finite real numbers, found {value.dtype}")
    return value.astype(float)


def _matrix(arrays: Mapping[str, Any], name: str, path: Path) -> Array:
    value = _get(arrays, name, path)
    if value.ndim != 2 or len(value) < 2:
        raise InputError(f"{path.name}: factor {name!r} must be a matrix (points, terms), found shape {value.shape}")
    return value


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return no settings where the file is of a known layout, else raise `InputError`."""
    if any(path.suffix != ".mat" for path in files):
        raise OtherFormError(f"{files[0].name}: source canonical_files reads MAT files (.mat)")
    path, arrays = _one(files)
    _layout(arrays, path)
    return {}


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a MAT file of three Gaussians."""
    from scipy.io import savemat

    x = (np.arange(40) + 0.5) / 20 - 1
    column = np.exp(-np.outer(x**2, [1.0, 4.0, 9.0]))
    path = folder / "gaussians.mat"
    savemat(path, {"U1r": column, "U2r": column[::2], "U3r": column})
    # The header of a MAT file tells the time of its writing.
    path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + path.read_bytes()[116:])
    return [path], {}


if __name__ == "__main__":
    canonical_files.cli()
