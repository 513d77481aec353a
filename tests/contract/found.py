"""What the contract suite runs over: everything that is there, found in its folder."""

import importlib
import pkgutil
from types import ModuleType

import polyadic
from polyadic import registry
from polyadic.core.stage import Stage

METHODS = registry.methods()
KINDS = registry.kinds()


def modules() -> list[ModuleType]:
    """Return every module of the package that may define stages."""
    packages = ("sources", "methods", "evaluation")
    names = [info.name for p in packages for info in _walk(f"polyadic.{p}")]
    return [importlib.import_module(name) for name in names]


def _walk(package: str) -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."))


def stages() -> list[Stage]:
    """Return every stage, once, from the module that defines it."""
    return [s for m in modules() for s in vars(m).values() if isinstance(s, Stage) and s.module == m.__name__]


def kind_module(kind: str) -> ModuleType:
    """Return the module of a kind."""
    return importlib.import_module(f"{polyadic.__name__}.kinds.{kind}")
