"""What every kind owes; a new kind is tested here without a new line."""

from pathlib import Path

import pytest
import xarray as xr
from contract.found import KINDS, kind_module

from polyadic import registry
from polyadic.core import io
from polyadic.core.errors import ContractError
from polyadic.plotting import style


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def example(kind) -> xr.Dataset | xr.DataTree:
    ds = kind_module(kind).example()
    ds.attrs |= {"kind": kind, "schema_version": KINDS[kind].version}
    return ds


def test_module_bears_the_name_of_the_kind(kind):
    assert KINDS[kind].kind == kind
    assert Path(kind_module(kind).__file__).stem == kind
    assert kind_module(kind).__doc__.startswith(f"Kind `{kind}`: ")


def test_example_keeps_the_contract_and_depends_on_its_seed(kind, example):
    KINDS[kind].check(example)
    again, other = kind_module(kind).example(0), kind_module(kind).example(1)
    again.attrs |= {"kind": kind, "schema_version": KINDS[kind].version}
    assert example.identical(again)
    assert not again.identical(other)


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_example_survives_the_disk(kind, example, engine, tmp_path):
    io.write(example, tmp_path / "example.nc")
    root = example.to_dataset() if isinstance(example, xr.DataTree) else example
    with xr.open_dataset(tmp_path / "example.nc", engine=engine) as back:
        for name in root.variables:
            xr.testing.assert_equal(back[name].drop_vars(back[name].coords), root[name].drop_vars(root[name].coords))
    assert io.verify(tmp_path / "example.nc")


def test_missing_variables_are_all_named_at_once(kind, example):
    required = [*KINDS[kind].variables, *KINDS[kind].coords]
    root = example.to_dataset() if isinstance(example, xr.DataTree) else example
    empty = xr.Dataset(attrs=root.attrs)
    with pytest.raises(ContractError) as error:
        KINDS[kind].check(empty)
    assert all(f"'{name}' is missing" in str(error.value) for name in required)


def test_newer_major_version_is_refused(kind, example):
    example.attrs["schema_version"] = "99.0"
    with pytest.raises(ContractError, match="newer than"):
        KINDS[kind].check(example)


def test_every_figure_draws_the_example_and_repeats_to_the_byte(kind, example, tmp_path):
    ds = example.to_dataset() if isinstance(example, xr.DataTree) else example
    for name, draw in registry.figures(kind).items():
        assert draw.__doc__, f"figure {name} says nothing"
        style.save(draw, ds, tmp_path / f"{name}.svg")
        first = (tmp_path / f"{name}.svg").read_bytes()
        style.save(draw, ds, tmp_path / f"{name}.svg")
        assert len(first) > 2000
        assert (tmp_path / f"{name}.svg").read_bytes() == first
