"""The code digest: blind to comments, sighted for code, near and far."""

from pathlib import Path

import pytest

from polyadic.core import digest

BASE = {
    "polyadic/__init__.py": "",
    "polyadic/a/__init__.py": "",
    "polyadic/a/stage.py": (
        '"""Doc."""\nfrom polyadic.b import kernel\n\ndef run(x):\n    """Doc."""\n    return kernel.f(x)\n'
    ),
    "polyadic/b/__init__.py": "",
    "polyadic/b/kernel.py": "import numpy as np\nfrom . import other\n\ndef f(x):\n    return np.sin(x) + other.c\n",
    "polyadic/b/other.py": "c = 1.0\n",
    "polyadic/b/unused.py": "d = 1.0\n",
    "polyadic/core/machine.py": "e = 1\n",
}


LAID_OUT = """# why
import numpy as np
from . import other


def f(x):
    '''New.'''
    return (np.sin(x)
            + other.c)
"""


def made(folder: Path, changes: dict[str, str] | None = None) -> str:
    """Write the tree with some files replaced and return the digest of its stage."""
    for name, text in {**BASE, **(changes or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return digest.code_digest("polyadic.a.stage", folder)


@pytest.fixture
def before(tmp_path) -> str:
    return made(tmp_path / "before")


@pytest.mark.parametrize(
    "changes",
    [
        {"polyadic/b/kernel.py": LAID_OUT},
        {"polyadic/b/unused.py": "d = 2.0\n"},
        {"polyadic/core/machine.py": "e = 2\n"},
    ],
    ids=["comments, docstrings and layout", "a module that is not imported", "the machinery"],
)
def test_what_cannot_change_results_does_not_count(before, tmp_path, changes):
    assert made(tmp_path / "after", changes) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"polyadic/b/other.py": "c = 2.0\n"},
        {"polyadic/b/__init__.py": "x = 1\n"},
        {"polyadic/a/stage.py": BASE["polyadic/a/stage.py"].replace("kernel.f(x)", "kernel.f(-x)")},
        {"polyadic/b/other.py": 'c = "1.0"\n'},
        {"polyadic/b/kernel.py": BASE["polyadic/b/kernel.py"].replace("import numpy", "import scipy\nimport numpy")},
    ],
    ids=["a relative import", "a package on the way", "the stage", "the type of a constant", "a new dependency"],
)
def test_what_may_change_results_counts(before, tmp_path, changes):
    assert made(tmp_path / "after", changes) != before


def test_versions_of_the_imported_packages_count(before, tmp_path, monkeypatch):
    monkeypatch.setattr(digest, "_version", lambda name: "0.0.1")
    assert made(tmp_path / "after") != before


def test_the_format_number_counts(before, tmp_path, monkeypatch):
    monkeypatch.setattr(digest, "FORMAT", 999)
    assert made(tmp_path / "after") != before


def test_the_normal_form_does_not_depend_on_the_python_version():
    """Pinned text: newer Pythons add empty fields to the tree, which must not show."""
    import ast

    text = digest._dump(ast.parse("def f(x: int = 1) -> int:\n    '''doc'''\n    return x + 1.5\n"))
    assert text == (
        "Module(body=[FunctionDef(name=str:'f' args=arguments(args=[arg(arg=str:'x' annotation=Name(id=str:'int'))] "
        "defaults=[Constant(value=int:1)]) body=[Return(value=BinOp(left=Name(id=str:'x') op=Add() "
        "right=Constant(value=float:1.5)))] returns=Name(id=str:'int'))])"
    )
