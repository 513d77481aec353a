"""The default method at a reduced size: every file opens, plots, verifies; bad input is told."""

import shutil

import pytest
import xarray as xr
from workflow.conftest import ROOT, Project, copy, measurements

FIT = "{rank: 2, max_iterations: 10}"
BASELINES = "{only: [mean, climatology_anomaly]}"


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Project:
    """A folder with nothing but data and its own settings, run with the Snakefile of the repository."""
    folder = tmp_path_factory.mktemp("user")
    measurements(folder / "small.csv")
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text("methods: [funbat]\n")
    (folder / "config/datasets.yaml").write_text(
        "datasets:\n  small:\n    source: observations\n    files: small.csv\n"
    )
    (folder / "config/funbat.yaml").write_text(
        f"funbat:\n  fit: {FIT}\n  baselines: {BASELINES}\n  runs:\n    colorado: false\n    mine: {{dataset: small}}\n"
    )
    project = Project(folder)
    project.snakemake("--snakefile", str(ROOT / "Snakefile"), PYTHONPATH=str(ROOT / "src"))
    return project


def test_a_users_own_folder_runs_with_its_settings_over_the_defaults(done):
    assert {path.name for path in (done.folder / "results/funbat").iterdir()} == {"mine"}


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_every_intermediate_opens_bare(done, engine):
    files = sorted(done.folder.rglob("*.nc"))
    assert len(files) == 9
    for path in files:
        with xr.open_dataset(path, engine=engine) as ds:
            assert ds.attrs["kind"]
            assert len(ds.data_vars) > 0


def test_every_intermediate_plots_checks_and_verifies(done, capsys):
    from polyadic.__main__ import main

    def polyadic(*words: str) -> int:
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        return int(stop.value.code)

    for path in sorted(done.folder.rglob("*.nc")):
        picture = path.with_suffix(".png")
        assert polyadic("check", str(path)) == 0
        assert polyadic("show", str(path)) == 0
        assert polyadic("plot", str(path), "-o", str(picture)) == 0
        assert picture.stat().st_size > 5000
        picture.unlink()
    assert polyadic("verify", str(done.folder)) == 0
    assert "damaged" not in capsys.readouterr().out


def test_compare_prints_the_method_beside_the_baselines(done):
    shown = done.run("polyadic", "compare", "mine", PYTHONPATH=str(ROOT / "src")).stdout
    for word in ("funbat", "climatology_anomaly", "rmse", "coverage90"):
        assert word in shown


def test_history_tells_every_step_with_its_settings(done):
    shown = done.run("polyadic", "history", "results/funbat/mine/metrics.nc", PYTHONPATH=str(ROOT / "src")).stdout
    steps = [line for line in shown.splitlines() if line and not line.startswith((" ", "software"))]
    assert steps[0] == "sources.observations"
    assert steps[-1] == "funbat.evaluate"
    assert "    rank: 2" in shown


def test_the_report_is_one_page_with_captioned_figures_and_the_table(done):
    done.snakemake("--snakefile", str(ROOT / "Snakefile"), "--report", "report.html", PYTHONPATH=str(ROOT / "src"))
    page = (done.folder / "report.html").read_text()
    assert "scores beside the baselines" in page
    assert "fitted on the same training rows" in page
    assert len(page) > 500_000


def test_a_damaged_file_is_found(done, tmp_path):
    path = tmp_path / "metrics.nc"
    shutil.copy(done.folder / "results/funbat/mine/metrics.nc", path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    found = done.run("polyadic", "verify", str(path), check=False, PYTHONPATH=str(ROOT / "src"))
    assert found.returncode == 2
    assert "damaged" in found.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["read", "nowhere.csv", "--out", "x.nc"], "error: nowhere.csv: there is no such file"),
        (["read", "small.csv", "--kind", "observation", "--out", "x.nc"], "did you mean 'observations'?"),
        (["read", "small.csv", "--set", "values=[temperatur]", "--out", "x.nc"], "temperature"),
        (["plot", "results/funbat/mine/metrics.nc", "--figure", "comparisn"], "did you mean 'comparison'?"),
        (["compare", "mein"], "no results of such a run"),
        (["schema", "funbta"], "did you mean 'funbat'?"),
        (["check", "small.csv"], "not a readable NetCDF"),
        (["show", "nowhere.nc"], "there is no such file"),
        (["verify", "nowhere"], "there is no such file or folder"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_gives_one_sentence_and_exit_code_2(done, words, sentence):
    told = done.run("polyadic", *words, check=False, PYTHONPATH=str(ROOT / "src"))
    assert told.returncode == 2
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr
    assert not (done.folder / "x.nc").exists()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("rank: 2", "rank: 0", "rank must be at least 1 in every mode, found 0"),
        ("rank: 2", "rnk: 2", "there is no setting 'rnk'; did you mean 'rank'?"),
    ],
)
def test_bad_settings_stop_before_any_job(done, old, new, sentence):
    path = done.folder / "config/funbat.yaml"
    before = path.read_text()
    path.write_text(before.replace(old, new))
    try:
        told = done.snakemake("--snakefile", str(ROOT / "Snakefile"), check=False, PYTHONPATH=str(ROOT / "src"))
    finally:
        path.write_text(before)
    assert told.returncode == 1
    assert sentence in told.stderr
    assert (done.folder / "results/funbat/mine/metrics.nc").exists()


def test_a_hundred_runs_are_planned(tmp_path):
    """The cost is measured in benchmarks/; here, that all are planned and none is lost."""
    project = copy(tmp_path / "project")
    runs = "".join(f"    run{i:03d}: {{dataset: colorado_tmax, seed: {i}}}\n" for i in range(100))
    (project.folder / "config/funbat.yaml").write_text(f"funbat:\n  runs:\n{runs}")
    assert project.planned()["funbat_fit"] == 100
