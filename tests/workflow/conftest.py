"""A copy of the repository with the worked example added and a small dataset: a workflow that runs in seconds."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/main_effects"
PARTS = ("Snakefile", "workflow", "config", "profiles", "envs", "src", "data", "docs", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Project:
    """A folder in which snakemake and polyadic can be run as a user would."""

    folder: Path

    def run(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment that runs the tests; its output is kept."""
        command = [sys.executable, "-m", *words]
        variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COVERAGE_PROCESS_START")}
        variables |= {"PYTHONPATH": str(self.folder / "src"), **environment}
        done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def snakemake(
        self, *words: str, cores: int = 2, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake with some cores."""
        return self.run("snakemake", "--cores", str(cores), *words, check=check, **environment)

    def planned(self, *words: str) -> dict[str, int]:
        """Return how often each rule would run now, by a dry run."""
        lines = self.snakemake("--dry-run", *words).stdout.splitlines()
        if not any(line.startswith("Job stats") for line in lines):
            return {}
        start = next(i for i, line in enumerate(lines) if line.startswith("Job stats")) + 3
        counts = {}
        for line in lines[start:]:
            if not line.strip() or line.startswith("total"):
                break
            rule, count = line.split()[:2]
            counts[rule] = int(count)
        return counts

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text that occurs in a file."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new, 1))


def copy(folder: Path) -> Project:
    """Copy the repository with what has been compiled of it, and lay the worked example over it."""
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("*.tmp.*", "*.pyc.*")  # files that another process is writing
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy(source, folder / part)
    for part in EXAMPLE.iterdir():
        shutil.copytree(part, folder / part.name, dirs_exist_ok=True)
    return Project(folder)


def measurements(path: Path, seed: int = 0) -> None:
    """Write a CSV of 20 stations x 30 months with a season, a lapse rate and noise."""
    rng = np.random.default_rng(seed)
    lines = ["station,latitude,longitude,elevation,time,temperature"]
    for station in range(20):
        latitude, longitude, elevation = rng.uniform(37, 41), rng.uniform(-109, -102), rng.uniform(1000, 3500)
        for month in range(30):
            date = np.datetime64("2000-01", "M") + month
            value = 18 - 12 * np.cos(2 * np.pi * month / 12) - 0.006 * (elevation - 2000) + rng.normal()
            lines.append(f"S{station:02d},{latitude:.4f},{longitude:.4f},{elevation:.0f},{date}-01,{value:.2f}")
    path.write_text("\n".join(lines) + "\n")


def small(project: Project) -> Project:
    """Let the project run the worked example alone, on a small table, in two runs."""
    measurements(project.folder / "small.csv")
    (project.folder / "config/config.yaml").write_text("methods: [main_effects]\nseed: 0\n")
    (project.folder / "config/datasets.yaml").write_text(
        "datasets:\n  small:\n    source: observations\n    files: small.csv\n"
    )
    (project.folder / "config/main_effects.yaml").write_text(
        "main_effects:\n  runs:\n    first: {dataset: small}\n    second: {dataset: small, fit: {iterations: 3}}\n"
    )
    return project


@pytest.fixture
def project(tmp_path) -> Project:
    """A small project that has not run."""
    return small(copy(tmp_path / "project"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A small project that has run once; tests must leave it as they found it."""
    made = small(copy(tmp_path_factory.mktemp("finished") / "project"))
    made.snakemake()
    return made
