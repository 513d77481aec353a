"""Bad input at the command line: one sentence, exit code 2, no output file."""

import sys

import numpy as np
import pytest
import xarray as xr

from polyadic.methods.chebtuck.decompose import decompose
from polyadic.methods.chebtuck.evaluate import evaluate
from polyadic.sources.functions import functions
from polyadic.sources.grids import grids
from polyadic.sources.particles import particles as read_particles

TOLERANT = '{"tolerance": 1e-4}'

MODULE = """
import math
import numpy as np

def not_finite(x, y): return np.where(x > 0.5, np.nan, x + y)
def short(x, y): return (x + y)[:2]
def of_numbers(x, y): return math.exp(x) * y
def of_three(x, y, z): return x + y + z
def imaginary(x, y): return x + 1j * y
def text(x, y): return "a"
def constant(x, y): return 3.0
"""


def code(stage, arguments):
    """Return the exit code of a stage's command line."""
    try:
        stage.cli([*map(str, arguments)])
    except SystemExit as stop:
        return stop.code
    return 0


def sentence(capsys):
    """Return the one line that says what is wrong."""
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    return said[0]


@pytest.fixture
def own_functions(tmp_path, monkeypatch):
    (tmp_path / "bad_input_functions.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("bad_input_functions", None)


def stored(folder, name, domain="[[-1, 1], [-1, 1]]"):
    (folder / "f.yaml").write_text(f"function: {name}\ndomain: {domain}\n")
    assert code(functions, ["--files", folder / "f.yaml", "--out", folder / "f.nc"]) == 0
    return folder / "f.nc"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("not_finite", "f must be finite on the whole domain, found nan at"),
        ("short", "f must be vectorised: for 2 coordinate arrays"),
        ("of_numbers", "f must take 2 coordinate arrays, one a mode, but raised TypeError"),
        ("of_three", "missing 1 required positional argument: 'z'"),
        ("imaginary", "f must return real numbers, found complex128"),
        ("text", "f must return real numbers, found <U1"),
    ],
)
def test_a_function_that_cannot_be_used_is_named(own_functions, capsys, name, message):
    out = own_functions / "out.nc"
    assert code(decompose, ["--data", stored(own_functions, f"bad_input_functions:{name}"), "--out", out]) == 2
    assert message in sentence(capsys)
    assert not out.exists()


def test_a_function_that_returns_one_number_is_a_constant(own_functions):
    out = own_functions / "out.nc"
    assert code(decompose, ["--data", stored(own_functions, "bad_input_functions:constant"), "--out", out]) == 0
    with xr.open_dataset(out) as ds:
        assert float(ds["scale"]) == 3.0


@pytest.mark.parametrize(
    "domain", ["[]", "[[1, 1], [0, 1]]", "[[0, a], [0, 1]]", "[[0, .inf], [0, 1]]", "[[0], [0, 1]]"]
)
def test_an_empty_domain_is_refused(tmp_path, capsys, domain):
    path = tmp_path / "f.yaml"
    path.write_text(f"function: runge\ndomain: {domain}\n")
    assert code(functions, ["--files", path, "--out", tmp_path / "out.nc"]) == 2
    assert "f.yaml: domain must be a list of finite [low, high] with low < high, found" in sentence(capsys)
    assert not (tmp_path / "out.nc").exists()


def test_one_mode_is_too_few(tmp_path, capsys):
    path = stored(tmp_path, "runge", "[[-1, 1]]")
    assert code(decompose, ["--data", path, "--out", tmp_path / "out.nc"]) == 2
    assert "domain must have 2 to 8 modes, found 1" in sentence(capsys)


def test_a_table_without_a_column_of_charges_is_refused(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,chrg\n0,0,0,1\n1,1,1,-1\n")
    assert code(read_particles, ["--files", path, "--out", tmp_path / "out.nc"]) == 2
    assert "states no charges" in sentence(capsys)


def test_a_grid_with_missing_values_is_refused(tmp_path, capsys):
    values = np.ones((8, 9, 10))
    values[2, 3, 4] = np.nan
    axes = {name: np.linspace(0, 1, n) for name, n in zip("xyz", values.shape, strict=True)}
    xr.Dataset({"v": (("x", "y", "z"), values)}, axes).to_netcdf(tmp_path / "g.nc")
    assert code(grids, ["--files", tmp_path / "g.nc", "--out", tmp_path / "out.nc"]) == 2
    assert "'v': 1 of 720 values are missing; set fill to mean or nearest" in sentence(capsys)


def test_coincident_particles_are_named_by_the_evaluation(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("x,y,z,charge\n0,0,0,1\n1,1,1,-1\n2,0,1,-1\n0,0,0,1\n")
    assert code(read_particles, ["--files", path, "--out", tmp_path / "p.nc"]) == 0
    assert code(decompose, ["--data", tmp_path / "p.nc", "--config", TOLERANT, "--out", tmp_path / "f.nc"]) == 0
    inputs = ["--data", tmp_path / "p.nc", "--approximation", tmp_path / "f.nc"]
    capsys.readouterr()
    assert code(evaluate, [*inputs, "--out", tmp_path / "out.nc"]) == 2
    assert "positions 0 and 3 are the same" in sentence(capsys)
    assert not (tmp_path / "out.nc").exists()
