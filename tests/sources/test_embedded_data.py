"""The embedded data are what their table and the configuration say, and the how-to names real settings."""

import re

import pytest
import yaml
from reading import DATA, read

from polyadic.core import config as configs
from polyadic.core.provenance import file_hash
from polyadic.sources.observations import observations

ROOT = DATA.parent
DATASETS = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text())["datasets"]
BLOCKS = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_file_is_in_the_table_with_its_checksum():
    rows = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (DATA / "README.md").read_text(), re.MULTILINE))
    files = {path.name: file_hash(path) for path in DATA.iterdir() if path.name != "README.md"}
    assert rows == files


def test_colorado_is_configured_with_its_checksum_and_settings():
    entry = DATASETS["colorado_tmax"]
    files = [ROOT / file for file in entry["files"]]
    assert [file_hash(file) for file in files] == entry["sha256"]
    tmax = read(*files, **entry["settings"])["tmax"]
    assert tmax.attrs == {
        "units": "degC",
        "long_name": "monthly mean of the daily maximum temperature",
        "cell_methods": "time: maximum within days time: mean over days",
    }


@pytest.fixture
def page() -> str:
    return (ROOT / "docs" / "how-to-bring-your-data.md").read_text()


def test_how_to_names_only_settings_that_exist(page):
    for language, text in BLOCKS.findall(page):
        if language == "yaml" and "datasets" in yaml.safe_load(text):
            for entry in yaml.safe_load(text)["datasets"].values():
                configs.build(observations.config, entry["settings"])
    for cell in re.findall(r"^\| .*? \| (.*) \|$", page, re.MULTILINE)[1:]:
        for setting in re.findall(r"`([a-z_]+: [^`]+)`", cell):
            configs.build(observations.config, yaml.safe_load(setting))
