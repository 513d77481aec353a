"""The repository agrees with itself: generated files, pins, locks, the wheel, the worked example."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from polyadic import manual

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("path", manual.documents(), ids=str)
def test_generated_files_are_in_step_with_the_code(path):
    assert (ROOT / path).read_text() == manual.documents()[path], "run: make generate"


def test_no_generated_file_is_left_over():
    schemas = {path.name for path in manual.documents() if path.parent.name == "schemas"}
    assert {path.name for path in (ROOT / "workflow/schemas").iterdir()} == schemas


def test_the_default_settings_fit_the_json_schemas():
    import json

    import jsonschema

    for name in ("datasets", *(path.stem for path in (ROOT / "workflow/rules").glob("*.smk"))):
        if (ROOT / f"workflow/schemas/{name}.json").is_file() and (ROOT / f"config/{name}.yaml").is_file():
            schema = json.loads((ROOT / f"workflow/schemas/{name}.json").read_text())
            jsonschema.validate(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()), schema)


def requirements(texts: list[str]) -> dict[str, str]:
    """Return the version range of each requirement, by a name that conda and pip share."""
    aliases = {"matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}
    found = {}
    for text in texts:
        name, version = re.fullmatch(r"([\w.-]+)(.*)", text).groups()
        found[aliases.get(name.lower(), name.lower())] = version
    return found


def test_the_conda_environment_has_the_ranges_of_pyproject():
    conda = yaml.safe_load((ROOT / "envs/polyadic.yaml").read_text())["dependencies"]
    wanted = requirements([*PROJECT["dependencies"], f"python{PROJECT['requires-python']}"])
    assert requirements(conda) == wanted


def test_the_lock_pins_every_dependency_within_its_range():
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lock = (ROOT / "envs/requirements.lock").read_text()
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock, re.MULTILINE):
        pins.setdefault(canonicalize_name(name), []).append(version)
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    for text in [*PROJECT["dependencies"], *(each for name in Requirement(everything).extras for each in extras[name])]:
        requirement = Requirement(text)
        if requirement.name == "torch":  # its build differs between machines: the Makefile pins and installs it
            continue
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not in the lock: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions), requirement
    assert not {name for name in pins if name.startswith(("nvidia", "cuda", "triton", "torch-"))}
    torch = next(Requirement(text) for text in extras["operator"] if text.startswith("torch"))
    pinned = re.search(r"^TORCH \?= torch==(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert torch.specifier.contains(pinned[1])


def test_the_wheel_carries_the_workflow(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    carried = ("Snakefile", "workflow/rules/common.smk", "config/config.yaml", "profiles/default/config.yaml")
    for part in (*carried, "envs/polyadic.yaml", "data/colorado_tmax.nc"):
        assert f"polyadic/_workflow/{part}" in names
    assert "polyadic/py.typed" in names


def test_snakemake_finds_nothing_to_complain_about():
    command = [sys.executable, "-m", "snakemake", "--lint"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Congratulations" in done.stdout + done.stderr, done.stdout + done.stderr
