"""The source of particles: every format, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest

from polyadic.core.errors import ContractError, InputError
from polyadic.kinds import particles as kind
from polyadic.sources.particles import ParticlesConfig, particles

CIF = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na Na 0 0 0
Cl Cl 0.5 0.5 0.5
"""


def read(path: Path, text: str, **settings):
    path.write_text(text)
    return particles(ParticlesConfig(**settings), path)


@pytest.mark.parametrize(
    "line",
    [
        "ATOM      1  N   MET A   1      -7.340 -24.430-102.614 -0.4157 1.8240",
        "ATOM      1  N   MET     1      -7.340 -24.430-102.614 -0.4157 1.8240 N",
        "ATOM  1 N MET 1 -7.340 -24.430 -102.614 -0.4157 1.8240",
        "HETATM    1  N   MET A   1A     -7.340-24.430-102.614-0.4157 1.8240",
    ],
)
def test_pqr_lines_of_every_make(tmp_path, line):
    ds = read(tmp_path / "a.pqr", f"REMARK\n{line}\nTER\nEND\n")
    np.testing.assert_array_equal(ds["position"], [[-7.34, -24.43, -102.614]])
    assert float(ds["charge"][0]) == -0.4157
    assert float(ds["radius"][0]) == 1.824


def test_pdb_columns_give_charges_and_cell(tmp_path):
    text = (
        "CRYST1   10.000   20.000   30.000  90.00  90.00 120.00 P 1           1\n"
        "HETATM    1 CA    CA A   1      11.104   6.134  -6.504  1.00  2.50          CA2+\n"
        "ATOM      2  O   HOH A   2      12.104   6.134  -6.504  1.00 -0.50           O1-\nENDMDL\n"
        "ATOM      3  O   HOH A   2      12.104   6.134  -6.504  1.00 -0.50           O  \n"
    )
    formal = read(tmp_path / "a.pdb", text, charge_column="charge")
    np.testing.assert_array_equal(formal["charge"], [2, -1])
    np.testing.assert_array_equal(read(tmp_path / "a.pdb", text, charge_column="b_factor")["charge"], [2.5, -0.5])
    np.testing.assert_allclose(formal["cell"], [[10, 0, 0], [-10, 10 * 3**0.5, 0], [0, 0, 30]], atol=1e-12)
    assert kind.cell(read(tmp_path / "a.pdb", text, charges={"CA": 2, "O": -1}, periodic=False)) is None


def test_extended_xyz_and_cif_by_ase(tmp_path):
    pytest.importorskip("ase", reason="the extra `particles` is not installed")
    xyz = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:q:R:1 pbc="T T T"\nCs 0 0 0 1\nCl 2 2 2 -1\n'
    ds = read(tmp_path / "a.xyz", xyz)
    np.testing.assert_array_equal(ds["charge"], [1, -1])
    np.testing.assert_array_equal(ds["cell"], np.eye(3) * 4)
    salt = read(tmp_path / "a.cif", CIF, charges={"Na": 1, "Cl": -1})
    assert salt.sizes["particle"] == 8
    assert float(salt["charge"].sum()) == 0


def test_a_slab_is_refused_unless_it_is_to_be_open(tmp_path):
    pytest.importorskip("ase", reason="the extra `particles` is not installed")
    xyz = '2\nLattice="4 0 0 0 4 0 0 0 9" Properties=species:S:1:pos:R:3:q:R:1 pbc="T T F"\nCs 0 0 0 1\nCl 2 2 2 -1\n'
    with pytest.raises(InputError, match=r"a\.xyz: is periodic along some axes only.*periodic: false"):
        read(tmp_path / "a.xyz", xyz)
    assert kind.cell(read(tmp_path / "a.xyz", xyz, periodic=False)) is None
    ds = read(tmp_path / "b.xyz", xyz.replace("T T F", "T T T"))
    ds["pbc"][2] = 0
    with pytest.raises(ContractError, match=r"'pbc' is \[1, 1, 0\], expected the same along all axes"):
        kind.SCHEMA.check(ds)


def test_csv_columns_by_name(tmp_path):
    ds = read(tmp_path / "a.csv", "Name,x,y,z,Q\nA,1,2,3,0.5\nB,4,5,6,-1.5\n")
    np.testing.assert_array_equal(ds["position"], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(ds["charge"], [0.5, -1.5])
    assert ds["name"].to_numpy().tolist() == ["A", "B"]


def test_made_lattices_are_neutral_and_clouds_keep_density():
    for name in ("NaCl", "CsCl", "ZnS"):
        ds = particles(ParticlesConfig(make=name, cells=(2, 1, 1)))
        assert float(ds["charge"].sum()) == 0
        distance = np.linalg.norm(ds["position"].to_numpy()[1:] - ds["position"].to_numpy()[0], axis=1)
        assert distance.min() > 2
    cloud = particles(ParticlesConfig(make="cloud", count=1000, density=0.1, seed=3))
    assert cloud["position"].to_numpy().max() <= (1000 / 0.1) ** (1 / 3)
    assert not cloud.identical(particles(ParticlesConfig(make="cloud", count=1000, density=0.1, seed=4)))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.pdb", "ATOM      1  N   MET A   1      11.104   6.134  -6.504\n", r"states no charges; give the setting"),
        ("a.pqr", "REMARK only\n", "holds no atom"),
        ("a.pqr", "ATOM      1  N   MET A   1      one two three four five\n", "line 1 has no x, y, z, charge"),
        ("a.csv", "x,y,charge\n1,2,3\n", "has the columns x, y, charge; expected x, y, z and charge"),
        ("a.csv", "x,y,z,charge\n1,2,a,3\n", "column 'z' holds something that is no number"),
        ("a.mol2", "nothing", "extension .mol2 is not read; accepted are PQR"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, name, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, text)


def test_names_without_a_charge_are_named(tmp_path):
    line = "ATOM      1  N   MET A   1      11.104   6.134  -6.504\n"
    with pytest.raises(InputError, match="the setting charges lacks N"):
        read(tmp_path / "a.pdb", line, charges={"O": -1})
    with pytest.raises(InputError, match="give one file of particles, or the setting make"):
        particles(ParticlesConfig())
