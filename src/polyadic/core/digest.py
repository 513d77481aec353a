"""A hash of the code that a stage runs: it changes when the code does, not when a comment does."""

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from polyadic.core import FORMAT

SOURCE = Path(__file__).parents[2]
PACKAGE = "polyadic"

# Distributions whose version may change results, by the name they are imported under.
NUMERICAL = {
    "numpy": "numpy",
    "scipy": "scipy",
    "numba": "numba",
    "torch": "torch",
    "xarray": "xarray",
    "sklearn": "scikit-learn",
    "pandas": "pandas",
    "matplotlib": "matplotlib",
    "cftime": "cftime",
}


@functools.cache
def code_digest(module: str, source: Path = SOURCE) -> str:
    """Return a short hash of ``module`` and of every package module that it imports, near or far.

    The closure follows absolute and relative imports, imports inside functions, names given to
    ``importlib.import_module`` and the ``__init__`` of every package on the way. The machinery
    (``core``) and the top layer do not count; versions of the numerical packages that the closure
    imports do, and so does ``core.FORMAT``.

    Cost: one parse a module, about 1 ms per 100 lines; cached in the process.
    """
    modules, foreign = closure(module, source)
    text = [f"format {FORMAT}"]
    text += [f"{name} {_version(NUMERICAL[name])}" for name in sorted(foreign & NUMERICAL.keys() | {"numpy", "xarray"})]
    text += [f"{name} {_normal_form(name, source)}" for name in sorted(modules)]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()[:16]


def closure(module: str, source: Path = SOURCE) -> tuple[set[str], set[str]]:
    """Return the package modules that ``module`` runs, itself included, and the foreign packages they import."""
    pending, seen, foreign = [module], set[str](), set[str]()
    while pending:
        name = pending.pop()
        path = _path(name, source)
        if name in seen or path is None or _is_machinery(name):
            continue
        seen.add(name)
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imports(path, package):
            if imported.partition(".")[0] == PACKAGE:
                pending.append(imported)
            else:
                foreign.add(imported.partition(".")[0])
        pending += _parents(name)
    return seen, foreign


def _is_machinery(name: str) -> bool:
    return name == PACKAGE or name == f"{PACKAGE}.core" or name.startswith(f"{PACKAGE}.core.")


@functools.cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


@functools.cache
def _path(name: str, source: Path) -> Path | None:
    base = source.joinpath(*name.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]


@functools.cache
def _imports(path: Path, package: str) -> tuple[str, ...]:
    """Return the names that a module imports; one walk a module, as most are in many closures."""
    return tuple(_imported(_parse(path), package))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            yield from _imported_by_call(node, package)


def _imported_by_call(node: ast.Call, package: str) -> Iterator[str]:
    """Yield the module of ``import_module("a.b")``, ``import_module(".b", __package__)`` and ``__import__("a.b")``."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if function in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
        name = node.args[0].value
        if isinstance(name, str):
            yield importlib.util.resolve_name(name, package)


@functools.cache
def _normal_form(name: str, source: Path) -> str:
    path = _path(name, source)
    return "" if path is None else hashlib.sha256(_dump(_parse(path)).encode()).hexdigest()


def _dump(node: object) -> str:
    """Return the syntax tree as text: without docstrings, positions and fields that only some Pythons have."""
    if isinstance(node, list):
        return f"[{','.join(map(_dump, node))}]"
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__}:{node!r}"
    fields = []
    for field, value in ast.iter_fields(node):
        if field in ("ctx", "type_comment", "kind") or value is None or value == []:
            continue
        if field == "body" and isinstance(value, list) and _has_docstring(node):
            value = value[1:]
        fields.append(f"{field}={_dump(value)}")
    return f"{type(node).__name__}({' '.join(fields)})"


def _has_docstring(node: ast.AST) -> bool:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None


if __name__ == "__main__":  # python -m polyadic.core.digest MODULE: what a rule's params hold
    print(code_digest(sys.argv[1]))
