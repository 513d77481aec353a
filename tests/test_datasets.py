"""Sections of datasets.yaml are checked while the Snakefile is read."""

import pytest

from polyadic.core.errors import InputError
from polyadic.datasets import dataset
from polyadic.runs import plan

SUM, OTHER = "0" * 64, "1" * 64


def test_files_of_an_address_are_fetched_one_by_one():
    addresses = ["https://a.org/b/c.nc?d=1", "file:///e/f.nc"]
    found = dataset("x", {"source": "observations", "address": addresses, "sha256": [SUM, OTHER]})
    assert found.inputs == ["resources/raw/x/c.nc", "resources/raw/x/f.nc"]
    assert found.fetch("f.nc") == ["--address", "file:///e/f.nc", "--sha256", OTHER]
    assert found.file_options == ["--files", *found.inputs]
    with pytest.raises(InputError, match=r"fetches no file 'g.nc'; did you mean 'f.nc'\?"):
        found.fetch("g.nc")


def test_a_published_md5_and_the_name_of_a_file_that_its_address_does_not_tell():
    entry = {"source": "field_files", "address": "https://a.org/files/7#flow.hdf5", "md5": "A" * 32}
    found = dataset("x", entry)
    assert found.inputs == ["resources/raw/x/flow.hdf5"]
    assert found.fetch("flow.hdf5") == ["--address", "https://a.org/files/7#flow.hdf5", "--md5", "A" * 32]
    assert found.options == []


@pytest.mark.parametrize(
    ("origin", "value", "file"),
    [
        ("wheel", "planted==1.0", "planted-1.0.whl"),
        ("sdist", "planted==1.0", "planted-1.0.tar.gz"),
        ("address", "https://a.org/b.zip", "b.zip"),
    ],
)
def test_members_of_an_archive_wait_for_the_folder(origin, value, file):
    entry = {"source": "observations", origin: value, "archive_sha256": OTHER, "members": ["p/a.nc"], "sha256": SUM}
    found = dataset("x", entry)
    assert found.archive == f"resources/raw/x/{file}"
    assert found.fetch(file) == [f"--{origin}", value, "--sha256", OTHER]
    assert found.inputs == ["resources/raw/x/members"]
    assert found.files == ("resources/raw/x/members/p/a.nc",)
    assert found.options == ["--sha256", SUM]


def test_a_source_that_generates_needs_no_files_and_gets_the_seed():
    found = dataset("x", {"source": "simulated_traces", "settings": {"snr": 5}}, seed=7)
    assert found.inputs == found.file_options == []
    assert '"seed":7' in found.settings
    assert '"seed":3' in dataset("x", {"source": "simulated_traces", "settings": {"seed": 3}}, seed=7).settings


ARCHIVE = {"source": "observations", "wheel": "a==1", "archive_sha256": SUM, "members": ["b"], "sha256": [SUM]}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"source": "observations"}, "name one of files, address, wheel, sdist, found none"),
        ({"source": "observations", "files": "a", "address": "b"}, "name one of .*, found files and address"),
        ({"source": "observations", "address": "ftp://a/b.nc", "sha256": SUM}, "address: an address is one of https"),
        ({"source": "observations", "address": "https://a/b.nc"}, "have 0 sha256; files that are fetched need"),
        ({"source": "observations", "address": "https://a/b", "md5": "12"}, "md5 must be 32 hexadecimal digits, found"),
        ({"source": "observations", "address": "https://a/b#../c", "md5": "1" * 32}, "what follows '#' .* the name of"),
        ({"source": "observations", "files": "a", "md5": "1" * 32}, "md5 belongs to address, wheel or sdist"),
        ({"source": "observations", "files": "a", "sha256": "12"}, "sha256 must be 64 hexadecimal digits, found '12'"),
        ({"source": "observations", "files": ["a", "b"], "sha256": SUM}, "2 files have 1 sha256; give one a file"),
        ({"source": "observations", "files": ["a", "a"]}, "files names a file twice"),
        ({"source": "observations", "files": "a", "members": ["b"]}, "members belongs to address, wheel or sdist"),
        (
            {"source": "observations", "address": ["https://a/c", "https://b/c"], "sha256": [SUM, SUM]},
            "must end in different file names",
        ),
        ({**ARCHIVE, "wheel": "a>=1"}, "wheel must be name==version, found 'a>=1'"),
        ({**ARCHIVE, "members": []}, "wheel needs members"),
        ({**ARCHIVE, "members": ["../b"]}, "members: a member is a path inside its archive"),
        ({**ARCHIVE, "archive_sha256": None}, "members need one archive with archive_sha256, found 0"),
        ({"source": "simulated_traces", "files": "a"}, "source 'simulated_traces' reads no files, found files"),
        ({"source": "simulated_traces", "settings": {"snr": "loud"}}, "setting 'snr' must be a number"),
        ({"source": "observations", "adress": "a"}, r"there is no setting 'adress'; did you mean 'address'\?"),
    ],
)  # fmt: skip
def test_sections_that_cannot_be_used(entry, sentence):
    with pytest.raises(InputError, match=f"datasets.yaml, x: .*{sentence}"):
        dataset("x", entry)


def test_a_run_whose_dataset_is_of_a_kind_that_the_method_does_not_read_is_refused():
    config = {
        "methods": ["chebtuck"],
        "datasets": {"population": {"source": "simulated_traces"}},
        "chebtuck": {"runs": {"wrong": {"dataset": "population"}}},
    }
    with pytest.raises(
        InputError, match="run wrong: dataset 'population' is of kind traces, chebtuck reads function or"
    ):
        plan(config)
