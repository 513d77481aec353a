"""Files: atomic, reproducible to the byte, streamed, verified."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from polyadic.core import io, provenance
from polyadic.core.errors import InputError

NUMBER = {"units": "1", "long_name": "number"}


def example(rows: int = 2000) -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "x": (("a", "b"), rng.random((rows, 30)), NUMBER),
            "f": (("a",), rng.random(rows).astype("f4"), NUMBER),
            "mask": ("a", rng.random(rows) > 0.5),
            "scalar": ((), 3.0, NUMBER),
        },
        {
            "a": ("a", np.arange(rows, dtype=float), {"units": "s", "long_name": "time"}),
            "when": ("a", np.datetime64("2000-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "h")),
            "name": ("b", [f"é{i}" for i in range(30)]),
        },
        {"title": "example", "number": 3, "real": 0.1},
    )


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_a_dataset_survives_the_disk(tmp_path, engine):
    ds = example()
    io.write(ds, tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine=engine) as back:
        xr.testing.assert_equal(back, ds)
        assert {k: v for k, v in back.attrs.items() if k != provenance.HASH} == ds.attrs


def test_equal_content_gives_equal_bytes_lazy_or_not_whatever_the_threads(tmp_path, monkeypatch):
    lazy = example().chunk(a=137, b=7)[["x", "f"]]
    contents = []
    for threads in ("1", "2", "4"):
        monkeypatch.setenv("POLYADIC_THREADS", threads)
        io.write(lazy, tmp_path / "lazy.nc")
        contents.append((tmp_path / "lazy.nc").read_bytes())
    assert contents[0] == contents[1] == contents[2]
    io.write(lazy.compute(), tmp_path / "eager.nc")
    with xr.open_dataset(tmp_path / "lazy.nc") as a, xr.open_dataset(tmp_path / "eager.nc") as b:
        xr.testing.assert_identical(a, b)


@given(npst.arrays(np.float64, npst.array_shapes(max_dims=3, max_side=5), elements=st.floats(width=64)))
def test_the_content_hash_is_the_same_before_and_after_the_disk(values):
    import tempfile

    dims = tuple("abc"[: values.ndim])
    ds = xr.Dataset({"v": (dims, values, NUMBER)})
    with tempfile.TemporaryDirectory() as folder:
        io.write(ds, Path(folder) / "v.nc")
        with io.read(Path(folder) / "v.nc") as back:
            assert back.attrs[provenance.HASH] == provenance.content_hash({"/": ds})


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds.assign(x=ds["x"] + 1e-16),
        lambda ds: ds.rename(f="g"),
        lambda ds: ds.assign_attrs(number=4),
        lambda ds: ds.assign(f=ds["f"].astype("f8")),
        lambda ds: ds.assign_coords(name=ds["name"].str.upper()),
        lambda ds: ds.reset_coords("when"),
    ],
    ids=["a value", "a name", "an attribute", "a type", "a text", "a role"],
)
def test_the_content_hash_sees_every_change(change):
    before = provenance.content_hash({"/": example(50)})
    assert provenance.content_hash({"/": example(50)}) == before
    assert provenance.content_hash({"/": change(example(50))}) != before


def test_groups_are_written_and_hashed(tmp_path):
    tree = xr.DataTree.from_dict({"/": example(5), "/side": xr.Dataset({"y": ("k", [1.0, 2.0], NUMBER)})})
    io.write(tree, tmp_path / "t.nc")
    assert io.verify(tmp_path / "t.nc")
    with io.read(tmp_path / "t.nc", groups=True) as back:
        assert back["side"]["y"].to_numpy().tolist() == [1.0, 2.0]
    with h5py.File(tmp_path / "t.nc", "r+") as file:
        file["side/y"][0] = 5.0
    assert not io.verify(tmp_path / "t.nc")


def test_a_damaged_byte_is_found(tmp_path):
    path = tmp_path / "x.nc"
    io.write(example(), path)
    content = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        offset = file["x"].id.get_chunk_info(0).byte_offset
    content[offset + 100] ^= 0xFF
    path.write_bytes(content)
    assert not io.verify(path)


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path):
    import dask.array as da

    path = tmp_path / "x.nc"
    io.write(example(10), path)
    before = path.read_bytes()

    def fail(block):
        raise RuntimeError("out of order")

    broken = da.ones((10, 10), chunks=5).map_blocks(fail, dtype=float, meta=np.ones((0, 0)))
    with pytest.raises(RuntimeError, match="out of order"):
        io.write(xr.Dataset({"v": (("a", "b"), broken, NUMBER)}), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.nc"]


@pytest.mark.parametrize("content", [b"", b"CDF", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_what_is_no_netcdf_is_named(tmp_path, content):
    (tmp_path / "bad.nc").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.nc: not a readable NetCDF-4/HDF5 file"):
        io.read(tmp_path / "bad.nc")
    with pytest.raises(InputError, match=r"none\.nc: there is no such file"):
        io.read(tmp_path / "none.nc")
