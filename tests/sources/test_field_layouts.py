"""Every layout of others' files: shapes, values, axes and edges as another reader of the same file sees them."""

import json

import h5py
import numpy as np
import pytest
import torch
import xarray as xr
from scipy.io import loadmat, savemat
from sources import field_layouts as written

from polyadic.__main__ import main
from polyadic.core import config as configs
from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.kinds import fields
from polyadic.sources.field_files import field_files, suggest
from polyadic.sources.field_formats import joining
from polyadic.sources.field_formats.stored import Selection


def read(*files, **settings):
    return field_files(configs.build(field_files.config, settings), *files)


def edges(ds):
    return {name: (axis.boundary, axis.grid) for name, axis in fields.axes(ds).items()}


def ends(ds):
    return {name: (axis.low, axis.high) for name, axis in fields.axes(ds).items()}


def test_one_unknown_of_pdebench_with_a_time_too_many(tmp_path):
    path = tmp_path / "1D_Burgers_Sols_Nu0.01.hdf5"
    written.pdebench_burgers(path)
    ds = read(path, input_times=[0, 1], output_times=[-1])
    with h5py.File(path) as file:
        np.testing.assert_array_equal(ds["input_solution"], file["tensor"][:, :2])
        np.testing.assert_array_equal(ds["output_solution"], file["tensor"][:, 5])
        np.testing.assert_allclose(ds["x"], file["x-coordinate"], atol=1e-6)
        assert json.loads(ds["output_solution"].attrs["times"]) == pytest.approx([file["t-coordinate"][5]])
    assert edges(ds) == {"x": ("periodic", "both")}
    assert ds.attrs["equation"] == "Burgers"
    assert fields.names(ds, "parameter") == []  # one file, one viscosity: a constant is no input


def test_files_of_several_viscosities_have_it_as_an_input(tmp_path):
    for name, nu in (("a", 0.01), ("b", 0.1)):
        written.pdebench_burgers(tmp_path / f"{name}.hdf5", runs=2, nu=nu)
    ds = read(tmp_path / "a.hdf5", tmp_path / "b.hdf5", split=["train", "test"])
    np.testing.assert_allclose(ds["Nu"], [0.01, 0.01, 0.1, 0.1])
    assert fields.array(ds, "input").shape == (4, 2, 16)
    assert ds["split"].to_numpy().tolist() == [0, 0, 2, 2]
    assert "Nu" not in read(tmp_path / "a.hdf5", tmp_path / "b.hdf5", parameters=["none"])
    with pytest.raises(InputError, match=r"a\.hdf5: it holds no 'nu'; known: Nu; set parameters"):
        read(tmp_path / "a.hdf5", parameters=["nu"])


def test_samples_cut_from_runs_stay_with_their_run(tmp_path):
    written.pdebench_burgers(tmp_path / "a.hdf5", runs=3, steps=6)
    ds = read(tmp_path / "a.hdf5", input_times=[0, 1], output_times=[2], every=2)
    with h5py.File(tmp_path / "a.hdf5") as file:
        tensor = file["tensor"][:]
    np.testing.assert_array_equal(ds["input_solution"], np.concatenate([r[[[0, 1], [2, 3]]] for r in tensor]))
    np.testing.assert_array_equal(ds["output_solution"], tensor[:, [2, 4]].reshape(6, 16))
    assert ds["run"].to_numpy().tolist() == [0, 0, 1, 1, 2, 2]
    with pytest.raises(InputError, match="runs have 6 steps, input_times and output_times need 10"):
        read(tmp_path / "a.hdf5", output_times=[9], every=1)
    with pytest.raises(InputError, match="'solution' has 6 steps in time, output_times names 9"):
        read(tmp_path / "a.hdf5", output_times=[9])


def test_flow_through_a_medium_of_pdebench(tmp_path):
    written.pdebench_darcy(tmp_path / "2D_DarcyFlow_beta1.0_Train.hdf5")
    ds = read(tmp_path / "2D_DarcyFlow_beta1.0_Train.hdf5")
    with h5py.File(tmp_path / "2D_DarcyFlow_beta1.0_Train.hdf5") as file:
        np.testing.assert_array_equal(ds["permeability"].transpose("sample", "x", "y"), file["nu"])
        np.testing.assert_array_equal(ds["pressure"].transpose("sample", "x", "y"), file["tensor"][:, 0])
        np.testing.assert_allclose(ds["y"], file["y-coordinate"], atol=1e-6)
    assert edges(ds) == {"y": ("dirichlet", "centre"), "x": ("dirichlet", "centre")}
    assert ends(ds) == {"y": (0.0, 1.0), "x": (0.0, 1.0)}


@pytest.mark.parametrize("sizes", [(6,), (6, 4), (4, 3, 2)])
@pytest.mark.parametrize(("word", "condition"), [("periodic", "periodic"), ("trans", "open")])
def test_flow_of_pdebench_in_every_dimension_its_name_says_the_edges(sizes, word, condition, tmp_path):
    path = tmp_path / f"CFD_Rand_Eta0.1_Zeta0.1_{word}_Train.hdf5"
    written.pdebench_flow(path, sizes)
    ds = read(path, output_times=[2, 4])
    space = ("x", "y", "z")[: len(sizes)]
    with h5py.File(path) as file:
        for name in ("density", "pressure", "Vx", "Vy", "Vz")[: 2 + len(sizes)]:
            np.testing.assert_array_equal(ds[f"input_{name}"].transpose("sample", *space), file[name][:, 0])
            output = ds[f"output_{name}"].transpose("sample", "channel", *space)
            np.testing.assert_array_equal(output, file[name][:, [2, 4]])
    assert {condition} == {boundary for boundary, _ in edges(ds).values()}


def test_edges_that_a_file_does_not_state_are_said_and_can_be_set(tmp_path, capsys):
    written.pdebench_flow(tmp_path / "KH_M01_dk1_Re1e3.hdf5")
    read(tmp_path / "KH_M01_dk1_Re1e3.hdf5")
    assert "does not say what holds at the edges: taken as periodic; set boundary" in capsys.readouterr().err
    ds = read(tmp_path / "KH_M01_dk1_Re1e3.hdf5", boundary=["open", "periodic"])
    assert edges(ds) == {"y": ("open", "centre"), "x": ("periodic", "both")}
    assert "does not say" not in capsys.readouterr().err
    with pytest.raises(InputError, match="boundary names 'dirichlett'; did you mean 'dirichlet'"):
        read(tmp_path / "KH_M01_dk1_Re1e3.hdf5", boundary="dirichlett")
    with pytest.raises(ValueError, match="setting boundary names 3 values for 2 axes"):
        read(tmp_path / "KH_M01_dk1_Re1e3.hdf5", boundary=["open"] * 3)


@pytest.mark.parametrize(
    ("shape", "config", "condition"),
    [
        ((5, 8, 6, 2), written.REACTION, "neumann"),
        ((5, 8, 6, 1), written.DAM, "open"),
        ((5, 9, 1), written.SORPTION, "open"),
    ],
)
def test_one_group_a_run_of_pdebench(shape, config, condition, tmp_path):
    written.pdebench_runs(tmp_path / "runs.h5", shape, config=config)
    ds = read(tmp_path / "runs.h5")
    space = ("x", "y")[: len(shape) - 2]
    with h5py.File(tmp_path / "runs.h5") as file:
        for run in range(3):
            for name, step in (("input_solution", 0), ("output_solution", -1)):
                found = ds[name][run].transpose(*space, ...).to_numpy().reshape(shape[1:])
                np.testing.assert_array_equal(found, file[f"{run:04d}/data"][step])
        np.testing.assert_allclose(ds["x"], file["0000/grid/x"], atol=1e-6)
    assert edges(ds)["x"] == (condition, "centre")
    assert ends(ds)["x"] == (-1.0, 1.0)
    if config is written.DAM:  # the radius differs from run to run, gravity does not
        np.testing.assert_allclose(ds["dam_radius"], [0.05, 0.15, 0.25])
        assert fields.names(ds, "parameter") == ["dam_radius"]


def test_incompressible_flow_of_pdebench(tmp_path):
    written.pdebench_incompressible(tmp_path / "ns_incom_inhom_2d_512-0.h5")
    ds = read(tmp_path / "ns_incom_inhom_2d_512-0.h5")
    with h5py.File(tmp_path / "ns_incom_inhom_2d_512-0.h5") as file:
        order = ("sample", "x", "y", "channel")
        np.testing.assert_array_equal(ds["input_velocity"].transpose(*order), file["velocity"][:, 0])
        np.testing.assert_array_equal(ds["output_velocity"].transpose(*order), file["velocity"][:, -1])
        np.testing.assert_array_equal(ds["force"].transpose(*order), file["force"])
        np.testing.assert_array_equal(
            ds["output_particles"].transpose("sample", "x", "y"), file["particles"][:, -1, ..., 0]
        )
        assert json.loads(ds["output_velocity"].attrs["times"]) == [1.5]
    assert edges(ds) == {"y": ("dirichlet", "centre"), "x": ("dirichlet", "centre")}
    assert "output_force" not in ds


def test_the_well(tmp_path, capsys):
    written.the_well(tmp_path / "planted.hdf5")
    ds = read(tmp_path / "planted.hdf5", output_times=[3])
    with h5py.File(tmp_path / "planted.hdf5") as file:
        np.testing.assert_array_equal(
            ds["input_buoyancy"].transpose("sample", "x", "y"), file["t0_fields/buoyancy"][:, 0]
        )
        velocity = ds["output_velocity"].transpose("sample", "x", "y", "channel2")
        np.testing.assert_array_equal(velocity, file["t1_fields/velocity"][:, 3])
        strain = ds["output_strain"].transpose("sample", "x", "y", "channel4").to_numpy()
        np.testing.assert_array_equal(strain.reshape(3, 8, 6, 2, 2), file["t2_fields/strain"][:, 3])
        for run, column in ((0, 0), (2, 7)):  # along y only, for all runs: repeated
            np.testing.assert_array_equal(ds["depth"][run, :, column], file["t0_fields/depth"])
        np.testing.assert_array_equal(ds["mask"].transpose("sample", "x", "y"), file["t0_fields/mask"])
        np.testing.assert_allclose(ds["x"], file["dimensions/x"], atol=1e-6)
        np.testing.assert_allclose(ds["y"], file["dimensions/y"], atol=1e-6)
    assert edges(ds) == {"y": ("open", "both"), "x": ("periodic", "both")}
    assert "walls are taken as open edges" in capsys.readouterr().err
    assert ds["start"].to_numpy().tolist() == [0, 1, 2]
    assert "Re" not in ds
    assert read(tmp_path / "planted.hdf5", parameters=["Re"])["Re"].to_numpy().tolist() == [100] * 3


def matlab(path, version, arrays):
    if version == "5":
        savemat(path, arrays)
    else:
        written.matlab73(path, arrays)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files_of_flows_have_time_last(version, tmp_path):
    a, u = written.random(4, 6, 5), written.random(4, 6, 5, 3, seed=1)
    matlab(tmp_path / "ns.mat", version, {"a": a, "u": u, "t": np.arange(1.0, 4.0)[None]})
    ds = read(tmp_path / "ns.mat", output_times=[0, 2])
    np.testing.assert_array_equal(ds["a"], a)
    np.testing.assert_array_equal(ds["u"], u[..., [0, 2]].transpose(0, 3, 1, 2))
    assert json.loads(ds["u"].attrs["times"]) == [1.0, 3.0]
    assert edges(ds)["x"] == ("periodic", "both")
    if version == "5":
        np.testing.assert_array_equal(ds["a"], loadmat(tmp_path / "ns.mat")["a"])


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_matlab_files_of_media_and_of_one_dimension(version, tmp_path):
    matlab(tmp_path / "d.mat", version, {"coeff": written.random(3, 7, 7), "sol": written.random(3, 7, 7, seed=1)})
    ds = read(tmp_path / "d.mat")
    assert edges(ds) == {"y": ("dirichlet", "both"), "x": ("dirichlet", "both")}
    np.testing.assert_array_equal(ds["sol"], written.random(3, 7, 7, seed=1))
    matlab(tmp_path / "b.mat", version, {"a": written.random(3, 8), "u": written.random(3, 8, seed=1)})
    assert read(tmp_path / "b.mat")["u"].dims == ("sample", "x")


def test_plain_hdf5_by_names(tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["in/a"], file["u"] = written.random(3, 4, 5), written.random(3, 2, 4, 5)
    ds = read(tmp_path / "own.h5", inputs=["in/a"], outputs=["u"], names={"in/a": "a"}, boundary="open")
    np.testing.assert_array_equal(ds["u"], written.random(3, 2, 4, 5))
    with pytest.raises(InputError, match=r"own\.h5: it holds in/a, u; set inputs and outputs"):
        read(tmp_path / "own.h5")


def test_runs_with_a_value_that_is_not_finite_are_left_out_and_counted(tmp_path, capsys):
    written.pdebench_burgers(tmp_path / "a.hdf5", runs=5)
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["tensor"][1, -1, 3] = np.nan
        file["tensor"][4, 0, 0] = np.inf
    ds = read(tmp_path / "a.hdf5")
    assert ds.sizes["sample"] == 3
    assert "a.hdf5: 2 of 5 runs hold values that are not finite: left out" in capsys.readouterr().err
    windows = read(tmp_path / "a.hdf5", output_times=[1], every=1)
    assert np.unique(windows["run"]).tolist() == [0, 2, 3]  # a run that blows up is left out whole
    with h5py.File(tmp_path / "a.hdf5", "r+") as file:
        file["tensor"][:, -1] = np.nan
    with pytest.raises(InputError, match="every run holds values that are not finite"):
        read(tmp_path / "a.hdf5")


def test_large_files_are_written_block_by_block_and_equal_what_is_read_at_once(tmp_path, monkeypatch):
    path = tmp_path / "2D_CFD_periodic.hdf5"
    written.pdebench_flow(path, (32, 32), runs=24, steps=2)
    with h5py.File(path, "r+") as file:
        file["Vx"][7] = np.nan
    whole = read(path)
    monkeypatch.setattr(joining, "LAZY_ABOVE", 0)
    monkeypatch.setattr(joining, "_BLOCK", 2**14)
    rows, read_at_once = Selection.rows, []

    def counted(selection, start, stop):
        read_at_once.append(stop - start)
        return rows(selection, start, stop)

    monkeypatch.setattr(Selection, "rows", counted)
    lazy = read(path)
    assert lazy["output_Vx"].chunks is not None
    io.write(lazy, tmp_path / "lazy.nc")
    assert max(read_at_once) == 4  # of 24 runs: a block holds 16 KiB
    with io.read(tmp_path / "lazy.nc") as back:
        xr.testing.assert_equal(back.load(), whole)


def test_polyadic_read_finds_the_source_by_content(tmp_path, capsys):
    written.pdebench_burgers(tmp_path / "burgers.hdf5")
    written.pdebench_darcy(tmp_path / "darcy.hdf5")
    written.pdebench_flow(tmp_path / "flow_periodic.hdf5")
    written.pdebench_runs(tmp_path / "runs.h5")
    written.pdebench_incompressible(tmp_path / "incompressible.h5")
    written.the_well(tmp_path / "well.hdf5")
    matlab(
        tmp_path / "five.mat",
        "5",
        {"a": written.random(4, 6, 5), "u": written.random(4, 6, 5, 3), "t": np.ones((1, 3))},
    )
    matlab(tmp_path / "seven.mat", "7.3", {"coeff": written.random(3, 7, 7), "sol": written.random(3, 7, 7)})
    torch.save({"x": torch.zeros(4, 6, 6), "y": torch.ones(4, 6, 6)}, tmp_path / "tensors.pt")
    for path in [p for p in tmp_path.iterdir() if p.suffix != ".nc"]:
        with pytest.raises(SystemExit) as stop:
            main(["read", str(path), "--out", str(tmp_path / "out.nc")])
        assert (stop.value.code, path.name) == (0, path.name), capsys.readouterr().err
        assert "source field_files" in capsys.readouterr().out
        with io.read(tmp_path / "out.nc") as ds:
            fields.SCHEMA.check(ds)


@pytest.mark.parametrize("cut", [4, 100, 900, 3000])
@pytest.mark.parametrize("write", [written.pdebench_darcy, written.pdebench_runs, written.the_well])
def test_a_truncated_file_is_one_sentence(cut, write, tmp_path):
    write(tmp_path / "whole.h5")
    (tmp_path / "cut.h5").write_bytes((tmp_path / "whole.h5").read_bytes()[:cut])
    with pytest.raises(InputError, match=r"cut\.h5: .*(truncated: get it again|get it again)"):
        read(tmp_path / "cut.h5")


def test_truncated_tensors_and_matlab_files(tmp_path):
    torch.save({"x": torch.zeros(40, 6, 6), "y": torch.ones(40, 6, 6)}, tmp_path / "a.pt")
    savemat(tmp_path / "a.mat", {"a": written.random(40, 6, 6), "u": written.random(40, 6, 6)})
    for name in ("a.pt", "a.mat"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match=name):
            read(tmp_path / name)


def test_tensors_in_the_format_of_old_versions_of_torch(tmp_path):
    content = {"x": torch.ones(3, 4, 4), "y": torch.zeros(3, 4, 4), "note": "no tensor"}
    torch.save(content, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    np.testing.assert_array_equal(read(tmp_path / "old.pt", boundary="periodic")["input_x"], 1)
    torch.save({"x": torch.ones(3, 4, 4, dtype=torch.complex64), "y": torch.ones(3, 4, 4)}, tmp_path / "complex.pt")
    with pytest.raises(InputError, match=r"complex\.pt: 'x' is complex; save real and imaginary part as two fields"):
        read(tmp_path / "complex.pt")


def test_a_field_that_is_named_and_not_there(tmp_path):
    written.pdebench_flow(tmp_path / "periodic.hdf5")
    with pytest.raises(InputError, match=r"periodic\.hdf5: it holds no 'desnity'; did you mean 'density'"):
        read(tmp_path / "periodic.hdf5", inputs=["desnity"])
    written.the_well(tmp_path / "well.hdf5")
    with h5py.File(tmp_path / "well.hdf5", "r+") as file:
        del file["t1_fields/velocity"]
    with pytest.raises(InputError, match=r"well\.hdf5: t1_fields names the field 'velocity', which is not there"):
        read(tmp_path / "well.hdf5")


def test_files_made_here_and_files_of_no_known_layout_are_not_suggested(tmp_path):
    io.write(fields.example(), tmp_path / "mine.nc")
    with pytest.raises(InputError, match="name them: --kind fields"):
        suggest([tmp_path / "mine.nc"])
