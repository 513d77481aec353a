"""Tensor models of scientific data as cached, inspectable workflow stages.

The array-level facades of the methods are attributes of this package, for instance
``polyadic.FunctionalTucker``. They are imported when they are first used.
"""

import importlib
import pkgutil
from typing import Any


def _exports() -> dict[str, str]:
    """Return which module offers each public name, read from the cards of the methods."""
    methods = importlib.import_module("polyadic.methods")
    found = {}
    for info in pkgutil.iter_modules(methods.__path__):
        card = getattr(importlib.import_module(f"polyadic.methods.{info.name}"), "METHOD", None)
        for name in getattr(card, "exports", ()):
            found[name] = f"polyadic.methods.{info.name}.api"
    return found


def __getattr__(name: str) -> Any:
    module = None if name.startswith("_") else _exports().get(name)
    if module is None:
        raise AttributeError(f"module 'polyadic' has no attribute {name!r}; it offers {', '.join(sorted(_exports()))}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_exports()])
