"""Who may import whom, checked over the syntax trees."""

import ast
import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
MODULES = sorted((SOURCE / "polyadic").rglob("*.py"))

ALLOWED = {
    "core": {"core"},
    "kernels": {"kernels"},
    "kinds": {"kinds", "core"},
    "sources": {"sources", "kinds", "kernels", "core"},
    "evaluation": {"evaluation", "kinds", "kernels", "core"},
    "plotting": {"plotting", "kinds", "kernels", "core"},
    "methods": {"methods", "evaluation", "kinds", "kernels", "core"},
}


def layer(name: str) -> str:
    """Return the layer of a module: the folder below the package, or 'top'."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ALLOWED else "top"


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    name = module_name(path)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)} if base == "polyadic" else {base}
    return {name for name in found if name.startswith("polyadic.")}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_imports_only_lower_layers(path):
    own = layer(module_name(path))
    if own == "top":
        return
    foreign = {name for name in imports(path) if layer(name) not in ALLOWED[own]}
    assert not foreign, f"{own} must not import {sorted(foreign)}"


def test_methods_do_not_import_each_other():
    for path in (SOURCE / "polyadic" / "methods").rglob("*.py"):
        own = module_name(path).split(".")[2:3]
        others = {name.split(".")[2] for name in imports(path) if name.startswith("polyadic.methods.")}
        assert others <= set(own), path


def test_importing_polyadic_imports_neither_torch_nor_numba():
    import subprocess
    import sys

    script = "import sys, polyadic; print(sorted({'torch', 'numba', 'xarray', 'scipy'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=SOURCE)
    assert shown.stdout.strip() == "[]"
