"""What runs again after a change: exactly the stages that contain it, and their descendants."""

import hashlib
import shutil

import pytest

ALL = {"ingest": 1, "main_effects_fit": 2, "main_effects_evaluate": 2, "main_effects_plot": 2, "all": 1}


@pytest.fixture
def changed(finished, tmp_path):
    """A copy of the finished project that a test may change."""
    folder = tmp_path / "changed"
    shutil.copytree(finished.folder, folder)
    return type(finished)(folder)


def test_a_first_run_makes_everything_and_a_second_nothing(finished, project):
    assert project.planned() == ALL
    assert finished.planned() == {}


def test_editing_a_comment_or_a_docstring_reruns_nothing(changed):
    changed.edit(
        "src/polyadic/kernels/additive.py",
        "    mean = float(values.mean())",
        "    # why\n    mean = float(values.mean())",
    )
    changed.edit("src/polyadic/kernels/additive.py", '"""Additive models', '"""All additive models')
    assert changed.planned() == {}


def test_a_touched_input_with_the_same_content_reruns_nothing(changed):
    (changed.folder / "small.csv").touch()
    assert changed.planned() == {}


def test_editing_a_kernel_reruns_the_stages_that_contain_it_and_their_descendants(changed):
    changed.edit("src/polyadic/kernels/additive.py", "iterations: int = 20", "iterations: int = 21")
    assert changed.planned() == {k: v for k, v in ALL.items() if k != "ingest"}


def test_editing_the_last_stage_reruns_only_it_and_its_figure(changed):
    changed.edit(
        "src/polyadic/methods/main_effects/evaluate.py", 'table("main_effects", first)', 'table("effects", first)'
    )
    assert changed.planned() == {"main_effects_evaluate": 2, "main_effects_plot": 2, "all": 1}


@pytest.mark.parametrize(
    ("file", "statement"),
    [
        ("src/polyadic/kernels/additive.py", "from .deep import weight"),
        ("src/polyadic/kernels/additive.py", "import polyadic.kernels.deep"),
        ("src/polyadic/kernels/__init__.py", "from polyadic.kernels.deep import weight"),
        (
            "src/polyadic/kernels/additive.py",
            "def lazy():\n    import importlib\n    return importlib.import_module('polyadic.kernels.deep')",
        ),
        ("src/polyadic/kernels/additive.py", "def lazy():\n    from polyadic.kernels import deep\n    return deep"),
    ],
    ids=["relative", "absolute", "package init", "import_module", "inside a function"],
)
def test_a_module_is_followed_however_it_is_imported(changed, file, statement):
    source = changed.folder / "src"
    (source / "polyadic/kernels/deep.py").write_text("weight = 1\n")
    path = changed.folder / file
    path.write_text(f"{path.read_text()}\n\n{statement}\n")
    stage = "polyadic.methods.main_effects.fit"
    before = _digest(changed, stage)
    (source / "polyadic/kernels/deep.py").write_text("weight = 1  # a comment\n")
    assert _digest(changed, stage) == before
    (source / "polyadic/kernels/deep.py").write_text("weight = 2\n")
    assert _digest(changed, stage) != before


def _digest(project, module: str) -> str:
    return project.run("polyadic.core.digest", module).stdout.strip()


def test_changing_one_setting_of_one_run_reruns_only_that_run_from_there(changed):
    changed.edit("config/main_effects.yaml", "iterations: 3", "iterations: 4")
    assert changed.planned() == {"main_effects_fit": 1, "main_effects_evaluate": 1, "main_effects_plot": 1, "all": 1}


def test_writing_a_default_out_reruns_nothing(changed):
    changed.edit(
        "config/main_effects.yaml",
        "first: {dataset: small}",
        "first: {dataset: small, fit: {iterations: 20.0, test: '1e-1'}}",
    )
    assert changed.planned() == {}


def test_changed_data_rerun_everything(changed):
    changed.edit("small.csv", "S00", "S99")
    assert changed.planned() == ALL


def hashes(project) -> dict[str, str]:
    folder = project.folder
    files = [p for part in ("resources", "results") for p in (folder / part).rglob("*") if p.suffix in (".nc", ".svg")]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_equal_seed_gives_equal_bytes_on_one_core_and_two_and_another_seed_another_result(finished, changed):
    shutil.rmtree(changed.folder / "results")
    shutil.rmtree(changed.folder / "resources")
    changed.snakemake(cores=1)
    assert hashes(changed) == hashes(finished)
    changed.edit("config/config.yaml", "seed: 0", "seed: 1")
    changed.snakemake()
    same = {name for name, value in hashes(changed).items() if value == hashes(finished)[name]}
    assert same == {"resources/small.nc"}


def test_a_sweep_runs_every_combination_and_maps_it(changed):
    import xarray as xr

    changed.edit(
        "config/main_effects.yaml",
        "second: {dataset: small, fit: {iterations: 3}}",
        "many: {dataset: small, sweep: {fit.iterations: [1, 2], seed: [0, 1]}}",
    )
    assert changed.planned()["main_effects_fit"] == 4
    changed.snakemake()
    with xr.open_dataset(changed.folder / "results/main_effects/many-sweep.nc") as ds:
        assert ds["run"].to_numpy().tolist() == [f"many-{i:04d}" for i in (1, 2, 3, 4)]
        assert ds["fit_iterations"].to_numpy().tolist() == [1, 1, 2, 2]
        assert ds["seed"].to_numpy().tolist() == [0, 1, 0, 1]
        assert ds["value"].notnull().all()
