"""Who may import whom, checked over the syntax trees."""

import ast
import importlib.util
import subprocess
import sys
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


def loaded(script: str, *packages: str) -> set[str]:
    """Return which packages a program has loaded at its end."""
    asked = f"\nimport sys; print(*({set(packages)!r} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", script + asked], capture_output=True, text=True, check=True, cwd=SOURCE
    )
    return set(shown.stdout.split())


def test_importing_polyadic_imports_neither_torch_nor_numba():
    assert loaded("import polyadic", "torch", "numba", "xarray", "scipy") == set()


def test_planning_imports_no_package_that_only_computes():
    """Each call of snakemake, and each job, would wait for it."""
    script = (
        "from polyadic import registry; registry.sources()\n"
        "for name, card in registry.methods().items():\n"
        "    for stage in card.stages: registry.stage(name, stage)"
    )
    assert loaded(script, "torch", "pytorch_lightning", "numba", "sklearn", "matplotlib", "dask") == set()
