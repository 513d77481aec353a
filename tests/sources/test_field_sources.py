"""Sources of fields: every sample has its own stream, checks are stored, files are read or refused with a sentence."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from polyadic.core import config as configs
from polyadic.core.errors import InputError
from polyadic.kinds import fields
from polyadic.sources.burgers import burgers
from polyadic.sources.darcy_flow import darcy_flow
from polyadic.sources.field_files import field_files, suggest
from polyadic.sources.navier_stokes import navier_stokes


def made(source, **settings):
    return source(configs.build(source.config, settings))


def read(*files, **settings):
    return field_files(configs.build(field_files.config, settings), *files)


SMALL = [
    (darcy_flow, {"points": 8, "refinement": 2}),
    (burgers, {"points": 16, "refinement": 2, "steps": 50}),
    (navier_stokes, {"points": 16, "time": 1.0}),
    (navier_stokes, {"points": 16, "time": 1.0, "problem": "decaying", "viscosity": 1e-3}),
]


@pytest.mark.parametrize(("source", "settings"), SMALL)
def test_a_sample_depends_on_its_number_and_the_seed_not_on_chunks_or_how_many_there_are(source, settings):
    many = made(source, samples=5, chunk=2, **settings)
    few = made(source, samples=3, chunk=3, **settings)
    for name in [*fields.names(many, "input"), *fields.names(many, "output")]:
        np.testing.assert_allclose(many[name][:3], few[name], rtol=1e-6, atol=1e-7)
    other = made(source, samples=3, seed=1, **settings)
    assert not np.allclose(other[fields.names(other, "input")[0]], few[fields.names(few, "input")[0]])


def test_checks_are_stored_and_small():
    assert float(made(darcy_flow, samples=3, points=16)["grid_error"].max()) < 0.2
    for source, settings in SMALL[1:]:
        error = made(source, samples=3, chunk=2, **settings)["step_error"].to_numpy()
        assert np.isfinite(error).tolist() == [True, False, True]
        assert np.nanmax(error) < 1e-3


def test_equal_solver_grids_give_the_same_samples_at_every_resolution():
    coarse, fine = (made(darcy_flow, samples=2, points=n, refinement=32 // n) for n in (8, 16))
    for name in ("permeability", "pressure"):
        np.testing.assert_array_equal(coarse[name], fine[name][:, ::2, ::2])
    np.testing.assert_allclose(coarse["x"], fine["x"][::2])


def test_forcings_have_the_stated_deviation():
    flow = made(navier_stokes, samples=40, points=16, time=0.05, amplitude=2.0)
    assert float(flow["forcing"].std()) == pytest.approx(2.0, rel=0.2)


def test_files_of_tensors_are_joined_with_the_use_of_each(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("train", 4), ("test", 2)):
        content = {
            "x": torch.as_tensor(rng.random((count, 6, 6)) > 0.5),
            "y": torch.as_tensor(rng.random((count, 6, 6))),
        }
        torch.save(content, tmp_path / f"{name}.pt")
    settings = {"names": {"x": "permeability"}, "boundary": "dirichlet", "grid": "left", "split": ["train", "test"]}
    ds = read(tmp_path / "train.pt", tmp_path / "test.pt", **settings)
    assert ds["split"].to_numpy().tolist() == [0, 0, 0, 0, 2, 2]
    assert fields.names(ds, "input") == ["permeability"]
    assert fields.names(ds, "output") == ["output_y"]
    assert json.loads(ds.attrs["axes"])["x"]["grid"] == "left"
    assert float(ds["x"][-1]) == pytest.approx(5 / 6)
    assert suggest([tmp_path / "train.pt"]) == {}


def test_a_file_that_would_run_code_is_refused(tmp_path):
    torch.save({"x": fields.Axis()}, tmp_path / "evil.pt")
    with pytest.raises(InputError, match=r"evil\.pt: not a file of plain tensors saved by torch"):
        read(tmp_path / "evil.pt")


def test_zarr_and_channels_parameters_and_samples_that_are_not_finite(tmp_path, capsys):
    rng = np.random.default_rng(1)
    u = rng.random((5, 2, 7))
    u[3, 0, 0] = np.nan
    ds = xr.Dataset({"a": (("n", "x"), rng.random((5, 7))), "u": (("n", "c", "x"), u), "nu": ("n", np.arange(5.0))})
    ds.to_zarr(tmp_path / "store.zarr", consolidated=False, zarr_format=2)
    found = read(tmp_path / "store.zarr", inputs=["a"], outputs=["u"], parameters=["nu"], axes=1)
    assert fields.array(found, "input").shape == (4, 2, 7)
    assert fields.array(found, "output").shape == (4, 2, 7)
    assert "1 of 5 samples hold values that are not finite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": ["b"], "outputs": ["u"]}, "it holds no 'b'; .*'?a"),
        ({"inputs": ["a"], "outputs": ["u"], "axes": 3}, r"'a' has shape \(4, 5, 5\), expected \(sample, 3 axes\)"),
        ({"inputs": ["a"], "outputs": ["u"], "sample": "runs"}, "it has no dimension 'runs'; did you mean 'run'"),
        ({"inputs": ["a"], "outputs": ["u"], "split": ["train", "test"]}, "split names 2 uses for 1 files"),
    ],
)
def test_what_cannot_be_read_is_said(settings, message, tmp_path):
    ds = xr.Dataset({name: (("run", "y", "x"), np.zeros((4, 5, 5))) for name in ("a", "u")})
    ds.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.nc", **settings)


def test_files_of_different_grids_are_two_datasets(tmp_path):
    for n in (4, 6):
        ds = xr.Dataset({name: (("run", "y", "x"), np.zeros((4, n, n))) for name in ("a", "u")})
        ds.to_netcdf(tmp_path / f"{n}.nc", engine="h5netcdf")
    with pytest.raises(InputError, match=r"6\.nc: 'a' has shape \(6, 6\) a sample, 4\.nc has \(4, 4\)"):
        read(tmp_path / "4.nc", tmp_path / "6.nc", inputs=["a"], outputs=["u"])


def test_a_step_that_is_too_long_is_told():
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="step 5 is too long: the flow has left all bounds; lower it"),
    ):
        made(navier_stokes, samples=1, points=16, time=200.0, step=5.0, amplitude=50.0)
