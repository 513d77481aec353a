"""Source `functions`: functions by name with their parameters, from a small YAML file.

The file holds ``function`` (a name, or ``module:function``), ``domain`` (a list of [low, high]), and may hold
``parameters``, ``periodic`` (numbers of modes) and ``modes`` (names).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
import yaml

from polyadic.core.config import setting
from polyadic.core.errors import InputError, OtherFormError, nearest
from polyadic.core.stage import stage
from polyadic.kernels.named_functions import resolve
from polyadic.kinds import function as kind

_KEYS = ("function", "domain", "parameters", "periodic", "modes")


@dataclass(frozen=True)
class FunctionsConfig:
    """Settings that stand above the file."""

    parameters: dict[str, float] = setting({}, "parameters of the function that replace those of the file")


@stage(name="sources.functions", config=FunctionsConfig, output=kind.SCHEMA, files=True)
def functions(cfg: FunctionsConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read which function is meant, on which domain."""
    found = _read(files)
    where = files[0].name
    domain = found.get("domain")
    if not isinstance(domain, list) or not domain or not all(_interval(part) for part in domain):
        raise InputError(f"{where}: domain must be a list of finite [low, high] with low < high, found {domain!r}")
    names = found.get("modes") or (["x", "y", "z"] if len(domain) <= 3 else [f"x{k + 1}" for k in range(len(domain))])
    periodic = found.get("periodic") or []
    if not all(isinstance(k, int) and 0 <= k < len(domain) for k in periodic):
        raise InputError(f"{where}: periodic must list modes below {len(domain)}, found {periodic!r}")
    parameters = {**(found.get("parameters") or {}), **cfg.parameters}
    try:
        resolve(str(found.get("function")), parameters)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    return kind.dataset(
        str(found["function"]), parameters, domain, periodic=periodic, names=[str(n) for n in names[: len(domain)]]
    )


def _interval(part: Any) -> bool:
    if not isinstance(part, list) or len(part) != 2 or not all(isinstance(end, (int, float)) for end in part):
        return False
    low, high = map(float, part)
    return math.isfinite(low) and math.isfinite(high) and low < high


def _read(files: Sequence[Path]) -> dict[str, Any]:
    if len(files) != 1:
        raise InputError(f"functions are read from one file, found {len(files)}")
    try:
        found = yaml.safe_load(files[0].read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{files[0].name}: not a YAML file ({str(error).splitlines()[0]})") from error
    if not isinstance(found, dict):
        raise InputError(f"{files[0].name}: must hold function and domain, found {found!r:.60}")
    for key in found:
        if key not in _KEYS:
            raise InputError(f"{files[0].name}: there is no key {key!r}; {nearest(str(key), _KEYS)}")
    return found


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return no settings where the file names a function, else raise `InputError`."""
    if any(path.suffix not in (".yaml", ".yml") for path in files):
        raise OtherFormError(f"{files[0].name}: source functions reads YAML files (.yaml)")
    _read(files)
    return {}


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a file that names a Runge function of two variables."""
    path = folder / "runge.yaml"
    path.write_text("function: runge\nparameters: {sharpness: 5.0}\ndomain: [[-1, 1], [-1, 1]]\n")
    return [path], {}


if __name__ == "__main__":
    functions.cli()
