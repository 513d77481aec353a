"""Bad settings stop before any job; killed runs lose nothing that was recorded."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from workflow.test_reruns import hashes

SLOW = "import os, time\n\ntime.sleep(float(os.environ.get('SLOW', '0')))\n"


@pytest.fixture
def changed(finished, tmp_path):
    """A copy of the finished project that a test may change."""
    folder = tmp_path / "changed"
    shutil.copytree(finished.folder, folder)
    return type(finished)(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "sentence"),
    [
        (
            "config/main_effects.yaml",
            "iterations: 3",
            "iterations: 0",
            "run second, fit: iterations must be at least 1, found 0",
        ),
        (
            "config/main_effects.yaml",
            "iterations: 3",
            "iteratons: 3",
            "there is no setting 'iteratons'; did you mean 'iterations'?",
        ),
        (
            "config/main_effects.yaml",
            "iterations: 3",
            "iterations: many",
            "setting 'iterations' must be a whole number, found 'many'",
        ),
        (
            "config/main_effects.yaml",
            "dataset: small}",
            "dataset: smal}",
            "dataset 'smal' is unknown; did you mean 'small'?",
        ),
        (
            "config/config.yaml",
            "main_effects",
            "main_efects",
            "there is no method 'main_efects'; did you mean 'main_effects'?",
        ),
        (
            "config/datasets.yaml",
            "observations",
            "observation",
            "there is no source 'observation'; did you mean 'observations'?",
        ),
    ],
    ids=["out of range", "unknown setting", "wrong type", "unknown dataset", "unknown method", "unknown source"],
)
def test_a_bad_setting_stops_before_any_job_and_changes_nothing(changed, file, old, new, sentence):
    before = hashes(changed)
    changed.edit(file, old, new)
    done = changed.snakemake(check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert hashes(changed) == before


def test_a_failed_job_shows_the_sentence_of_its_stage_and_leaves_no_output(changed):
    (changed.folder / "small.csv").write_text("station,latitude,longitude,time,temperature\nA,95,10,2000-01-01,1.5\n")
    done = changed.snakemake(check=False)
    assert done.returncode == 1
    assert "latitude" in done.stdout + done.stderr
    assert "95" in done.stdout + done.stderr
    assert not (changed.folder / "resources/small.nc").exists()


def start(project, **environment: str) -> subprocess.Popen[str]:
    variables = {**os.environ, "PYTHONPATH": str(project.folder / "src"), **environment}
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=project.folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(path, process) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def kill(process) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.fixture
def slow(project):
    """A project whose last stage takes as long as the environment variable SLOW says."""
    path = project.folder / "src/polyadic/methods/main_effects/evaluate.py"
    path.write_text(path.read_text().replace("import xarray as xr\n", f"import xarray as xr\n{SLOW}", 1))
    return project


def test_after_a_kill_only_unrecorded_jobs_run_again_and_no_half_file_shows(slow):
    process = start(slow, SLOW="300")
    results = slow.folder / "results/main_effects"
    for run in ("first", "second"):
        wait_for(results / run / "predictions.nc", process)
    time.sleep(1)  # snakemake records the finished jobs
    kill(process)
    assert not list(results.rglob("metrics.nc"))
    refused = slow.snakemake(check=False)
    assert refused.returncode == 1
    assert "--unlock" in refused.stderr
    slow.snakemake("--unlock")
    assert slow.planned() == {"main_effects_evaluate": 2, "main_effects_plot": 2, "all": 1}
    slow.snakemake()
    assert slow.planned() == {}
    assert not list(slow.folder.rglob("*.part"))


def test_two_runs_at_once_end_with_one_clear_message(slow):
    process = start(slow, SLOW="300")
    wait_for(slow.folder / "results/main_effects/first/predictions.nc", process)
    second = slow.snakemake(check=False)
    kill(process)
    assert second.returncode == 1
    assert second.stderr.count("cannot be locked") == 1
    assert "Traceback" not in second.stderr
