"""Files of fields that cannot be used: one sentence that names the file, exit code 2, nothing written."""

import pickle

import numpy as np
import pytest
import torch

from polyadic.__main__ import main
from polyadic.core import io
from polyadic.kinds import fields
from polyadic.kinds import operator as operators
from polyadic.methods.mgtfno.rollout import rollout
from polyadic.methods.mgtfno.split import split


def tensors(*shape):
    return torch.as_tensor(np.random.default_rng(0).random(shape, np.float32))


def saved(path, **content):
    torch.save(content, path)


def truncated(path):
    saved(path, x=tensors(40, 8, 8), y=tensors(40, 8, 8))
    path.write_bytes(path.read_bytes()[:9000])


def pickled(path):
    path.write_bytes(pickle.dumps({"x": [1.0], "y": print}))


def objects(path):
    torch.save({"x": tensors(4, 8, 8), "y": fields.Axis()}, path)


BAD = {
    "no value is finite": (
        lambda path: saved(path, x=tensors(4, 8, 8), y=torch.full((4, 8, 8), torch.nan)),
        "every run holds values that are not finite; nothing is left",
    ),
    "two grids": (
        lambda path: saved(path, x=tensors(4, 8, 8), y=tensors(4, 9, 9)),
        "'y' has (9, 9) points, 'x' has (8, 8); accepted is one grid for inputs and outputs: bring both to one before",
    ),
    "two counts": (
        lambda path: saved(path, x=tensors(4, 8, 8), y=tensors(3, 8, 8)),
        "'y' has 3 samples, others have 4",
    ),
    "missing key": (
        lambda path: saved(path, pressure=tensors(4, 8, 8), y=tensors(4, 8, 8)),
        "it holds no 'presure'; did you mean 'pressure'?; name fields by inputs and outputs",
    ),
    "no keys that are known": (
        lambda path: saved(path, a=tensors(4, 8, 8), b=tensors(4, 8, 8)),
        "it holds a, b; set inputs and outputs to names of these",
    ),
    "truncated": (truncated, "the file of tensors is damaged or truncated: get it again"),
    "a pickle": (pickled, "not a file of plain tensors saved by torch; other objects are not read, because"),
    "objects beside tensors": (objects, "not a file of plain tensors saved by torch alone; other objects are not read"),
    "a list": (lambda path: torch.save([1, 2], path), "it holds list, expected tensors by name"),
}


def sentence(run, capsys):
    """Return the one line of error of a command that ends with exit code 2."""
    with pytest.raises(SystemExit) as stop:
        run()
    said = capsys.readouterr().err
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert (stop.value.code, len(errors)) == (2, 1), said
    assert "Traceback" not in said
    assert "--debug" not in said  # that hint follows what was not foreseen
    return errors[0]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_sentence_and_exit_code_2(case, tmp_path, capsys):
    write, expected = BAD[case]
    path, out = tmp_path / "brought.pt", tmp_path / "out.nc"
    write(path)
    named = ["--set", "inputs=[presure]", "--set", "outputs=[y]"] if case == "missing key" else []
    said = sentence(lambda: main(["read", str(path), "--kind", "fields", *named, "--out", str(out)]), capsys)
    assert said.startswith(f"error: {path}: {expected}")
    assert not out.exists()


def test_files_of_two_grids_are_one_sentence(tmp_path, capsys):
    for n in (8, 9):
        saved(tmp_path / f"{n}.pt", x=tensors(4, n, n), y=tensors(4, n, n))
    words = [
        "read",
        str(tmp_path / "8.pt"),
        str(tmp_path / "9.pt"),
        "--kind",
        "fields",
        "--out",
        str(tmp_path / "o.nc"),
    ]
    assert "9.pt: 'x' has shape (9, 9) a sample, 8.pt has (8, 8)" in sentence(lambda: main(words), capsys)


def test_one_sample_and_samples_without_time_are_refused_by_file(tmp_path, capsys):
    path, out = tmp_path / "fields.nc", tmp_path / "out.nc"
    ds = fields.example()
    ds.attrs |= {"kind": "fields", "schema_version": "1.0"}
    io.write(ds.isel(sample=slice(0, 1)).drop_vars(["run", "moment"]), path)
    said = sentence(lambda: split.cli(["--fields", str(path), "--out", str(out)]), capsys)
    assert said == f"error: {path}: there are 1 samples, accepted are at least 4; bring more"
    operator = tmp_path / "operator.nc"
    trained = operators.example()
    trained.attrs |= {"kind": "operator", "schema_version": "1.0"}
    io.write(trained, operator)
    words = ["--fields", str(path), "--operator", str(operator), "--out", str(out)]
    said = sentence(lambda: rollout.cli(words), capsys)
    assert said.startswith(f"error: {path}: the samples are not cut from runs in time")
    assert not out.exists()
