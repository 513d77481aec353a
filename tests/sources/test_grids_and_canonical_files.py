"""Grids of any file as sampled functions, canonical tensors of MAT files."""

import numpy as np
import pytest
import xarray as xr
from scipy.io import savemat

from polyadic.core.errors import InputError
from polyadic.kinds import cp_factors, sampled_function
from polyadic.sources import canonical_files as canonical
from polyadic.sources import grids as grid_source
from polyadic.sources.canonical_files import CanonicalFilesConfig
from polyadic.sources.grids import GridsConfig


@pytest.fixture
def field(tmp_path):
    """A field with falling latitudes, hours, one gap and a dimension of length 1."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 4, 6, 5))
    values[0, 2, 3, 4] = np.nan
    coords = {
        "height": [2.0],
        "time": ("time", [0.0, 24.0, 48.0, 96.0], {"units": "hours since 2000-01-01"}),
        "latitude": ("latitude", np.linspace(50, 45, 6), {"units": "degrees_north"}),
    }
    ds = xr.Dataset({"t": (("height", "time", "latitude", "cell"), values, {"units": "K"})}, coords)
    path = tmp_path / "field.nc"
    ds.to_netcdf(path)
    return path, values[0]


def test_missing_values_are_refused_with_their_count(field):
    with pytest.raises(InputError, match="'t': 1 of 120 values are missing; set fill to mean or nearest"):
        grid_source.grids(GridsConfig(), field[0])


@pytest.mark.parametrize("rule", ["mean", "nearest"])
def test_a_fill_leaves_all_other_values_and_is_marked(field, rule):
    path, values = field
    ds = grid_source.grids(GridsConfig(fill=rule), path)
    sampled_function.SCHEMA.check(ds)
    filled = ds["filled"].to_numpy()
    np.testing.assert_array_equal(filled, np.isnan(values[:, ::-1]))
    np.testing.assert_array_equal(ds["value"].to_numpy()[~filled], values[:, ::-1][~filled])
    fill = float(ds["value"].to_numpy()[filled][0])
    neighbours = [values[1, 3, 4], values[3, 3, 4], values[2, 2, 4], values[2, 4, 4], values[2, 3, 3]]
    assert fill in neighbours if rule == "nearest" else fill == pytest.approx(np.nanmean(values))


def test_coordinates_rise_times_are_seconds_and_nameless_dimensions_count(field):
    ds = grid_source.grids(GridsConfig(fill="mean"), field[0])
    assert sampled_function.modes(ds) == ["time", "latitude", "cell"]
    np.testing.assert_allclose(ds["latitude"], np.linspace(45, 50, 6))
    np.testing.assert_array_equal(ds["time"], [0.0, 86400, 172800, 345600])
    assert ds["time"].attrs["units"] == "s"
    np.testing.assert_array_equal(ds["cell"], np.arange(5.0))


def test_a_dimension_can_be_taken_at_one_index_and_unknown_ones_are_told(field):
    path, values = field
    ds = grid_source.grids(GridsConfig(select={"time": 0}), path)
    np.testing.assert_array_equal(ds["value"], values[0, ::-1])
    with pytest.raises(InputError, match=r"select names dimension 'tme'.*time"):
        grid_source.grids(GridsConfig(select={"tme": 0}), path)


def dense(ds):
    factors = [ds[f"factor_{m}"].to_numpy() for m in cp_factors.modes(ds)]
    return np.einsum("r,ar,br,cr->abc", ds["weight"].to_numpy(), *factors)


@pytest.mark.parametrize("layout", ["columns", "structure", "named"])
def test_the_tensor_of_a_mat_file_is_kept_by_its_canonical_form(tmp_path, layout):
    rng = np.random.default_rng(1)
    a, b, c, w = rng.normal(size=(6, 5)), rng.normal(size=(4, 5)), rng.normal(size=(3, 5)), rng.normal(size=5)
    path = tmp_path / "tensor.mat"
    config = CanonicalFilesConfig(factor=2.0)
    if layout == "columns":
        savemat(path, {"U1r": a, "U2r": b, "U3r": c})
        w = np.ones(5)
    elif layout == "structure":
        savemat(path, {"LRed": {"LAM1C": w, "CU1": a, "CU2": b, "CU3": c}})
    else:
        savemat(path, {"P": a, "Q": b, "R": c, "w": w})
        config = CanonicalFilesConfig(factor=2.0, factors=("P", "Q", "R"), weights="w")
    ds = canonical.canonical_files(config, path)
    cp_factors.SCHEMA.check(ds)
    np.testing.assert_allclose(dense(ds), 2 * np.einsum("r,ar,br,cr->abc", w, a, b, c), atol=1e-12)
    np.testing.assert_allclose(ds["x"], (np.arange(6) + 0.5) / 3 - 1)


def test_cell_integrals_are_divided_by_the_length_of_cells_and_the_long_range_is_the_flat_terms(tmp_path):
    x = (np.arange(30) + 0.5) / 15 - 1
    exponents = np.array([1e3, 0.5, 1e2, 2.0, 1e4, 8.0, 32.0, 1e5])
    columns = np.exp(-np.outer(x**2, exponents))
    path = tmp_path / "gaussians.mat"
    savemat(path, {"U1r": columns / 15, "U2r": columns / 15, "U3r": columns / 15})
    ds = canonical.canonical_files(CanonicalFilesConfig(cell_integrals=True, terms="long_range"), path)
    flat = np.exp(-0.5 * x**2)
    np.testing.assert_allclose(dense(ds), flat[:, None, None] * flat[:, None] * flat, atol=1e-12)


def test_files_without_a_known_layout_name_what_they_hold(tmp_path):
    savemat(tmp_path / "other.mat", {"A": np.ones((3, 2)), "B": np.ones((3, 2))})
    with pytest.raises(InputError, match="no known layout of factors; set factors to names of matrices, it holds A, B"):
        canonical.canonical_files(CanonicalFilesConfig(), tmp_path / "other.mat")
    (tmp_path / "text.mat").write_text("no MAT file at all")
    with pytest.raises(InputError, match=r"text\.mat: not a MAT file"):
        canonical.canonical_files(CanonicalFilesConfig(), tmp_path / "text.mat")
