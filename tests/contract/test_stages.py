"""What every stage owes; a new stage is tested here without a new line."""

import dataclasses
import json
from pathlib import Path

import pytest
import xarray as xr
from contract.found import METHODS, kind_module, stages

from polyadic import registry
from polyadic.core import config as configs
from polyadic.core import io
from polyadic.core.config import json_schema
from polyadic.core.errors import InputError
from polyadic.core.stage import Stage


def producer(stage: Stage, name: str, kind: str) -> Stage | None:
    """Return the earlier stage of the method that makes an input: the one of its name, else the first of its kind."""
    method = stage.name.partition(".")[0]
    earlier: list[Stage] = []
    for other in METHODS[method].stages if method in METHODS else ():
        if f"{method}.{other}" == stage.name:
            break
        earlier.append(registry.stage(method, other))
    earlier = [other for other in earlier if other.output.kind == kind]
    return next((other for other in earlier if other.name == f"{method}.{name}"), next(iter(earlier), None))


def example_inputs(stage: Stage, folder: Path) -> dict[str, list[Path]]:
    """Return an example of each input: what the method's own earlier stages make, or the example of its first kind."""
    paths = {}
    for name, accepted in stage.inputs.items():
        if accepted.optional:
            continue
        schema = accepted.schemas[0]
        made_by = producer(stage, name, schema.kind)
        if made_by is not None:
            path = made(made_by, folder.parent)
        else:
            path = folder / f"{name}.nc"
            ds = kind_module(schema.kind).example()
            ds.attrs |= {"kind": schema.kind, "schema_version": schema.version}
            io.write(ds, path)
        paths[name] = [path, path] if accepted.many else [path]
    return paths


def command(stage: Stage, folder: Path) -> list[str]:
    """Return the command line of a run on examples, without ``--out``."""
    folder.mkdir(parents=True, exist_ok=True)
    options = []
    for name, paths in example_inputs(stage, folder).items():
        options += [f"--{name}", *map(str, paths)]
    if stage.files:
        module = __import__(stage.module, fromlist=["example"])
        files, settings = module.example(folder)
        options += ["--files", *map(str, files), "--config", json.dumps(settings)]
    return options


def made(stage: Stage, root: Path) -> Path:
    """Return the output of a stage on its examples, made once: later stages read what earlier ones wrote."""
    path = root / stage.name / "out.nc"
    if not path.exists():
        assert run(stage, [*command(stage, path.parent), "--out", str(path)]) == 0
    return path


def run(stage: Stage, argv: list[str]) -> int:
    with pytest.raises(SystemExit) as stop:
        stage.cli(argv)
    return int(stop.value.code)


@pytest.fixture(scope="module", params=stages(), ids=lambda s: s.name)
def stage(request) -> Stage:
    return request.param


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.fixture(scope="module")
def output(stage, root) -> Path:
    return made(stage, root)


@pytest.fixture(scope="module")
def second(stage, root, output) -> tuple[dict[Path, bytes], Path]:
    """Run a stage once more on the same inputs: what all files held before, and the second output."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    path = root / "second" / stage.name / "out.nc"
    assert run(stage, [*command(stage, output.parent), "--out", str(path)]) == 0
    return before, path


def test_every_setting_has_a_default_and_a_help_text(stage):
    stage.config()
    assert all(p["description"] for p in json_schema(stage.config)["properties"].values())


def test_settings_are_frozen_and_survive_json(stage):
    config = stage.config()
    assert stage.config.__dataclass_params__.frozen
    assert configs.build(stage.config, json.loads(configs.canonical(config))) == config


def test_settings_fit_their_own_json_schema(stage):
    import jsonschema

    jsonschema.validate(json.loads(configs.canonical(stage.config())), json_schema(stage.config))


def test_unknown_setting_is_refused_with_the_nearest(stage):
    names = [field.name for field in dataclasses.fields(stage.config)]
    wrong = f"{names[0]}x" if names else "anything"
    with pytest.raises(InputError, match=f"there is no setting '{wrong}'; .*{names[0] if names else ''}"):
        configs.build(stage.config, {wrong: 1})


def test_says_what_it_does(stage):
    assert stage.compute.__doc__.strip().partition("\n")[0].endswith(".")


def test_can_be_run_as_a_module(stage):
    source = Path(__import__(stage.module, fromlist=["__file__"]).__file__).read_text()
    assert 'if __name__ == "__main__":' in source


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_output_opens_bare_and_keeps_its_contract(stage, output, engine):
    with xr.open_dataset(output, engine=engine) as ds:
        if stage.output.groups:
            with io.read(output, groups=True) as tree:
                stage.output.check(tree)
        else:
            stage.output.check(ds)
        for name in (
            "Conventions",
            "kind",
            "schema_version",
            "stage",
            "config",
            "code",
            "inputs",
            "history",
            "software",
        ):
            assert name in ds.attrs
    assert io.verify(output)


def test_equal_inputs_give_equal_bytes(output, second):
    assert second[1].read_bytes() == output.read_bytes()


def test_file_holds_no_path_of_this_machine(output, tmp_path):
    with xr.open_datatree(output, engine="h5netcdf") as tree:
        text = " ".join(f"{node.attrs} {[v.attrs for v in node.dataset.variables.values()]}" for node in tree.subtree)
    assert str(output.parent) not in text
    assert str(Path.home()) not in text.replace("'/'", "")


def test_inputs_are_not_changed(second):
    assert all(path.read_bytes() == content for path, content in second[0].items())


def test_input_of_another_kind_is_refused_without_output(stage, tmp_path, capsys):
    if not stage.inputs:  # a source: its files are tested with it, and one that generates has nothing to refuse
        return
    other = xr.Dataset(attrs={"kind": "something_else"})
    io.write(other, tmp_path / "other.nc")
    options = [word for name in stage.inputs for word in (f"--{name}", str(tmp_path / "other.nc"))]
    assert run(stage, [*options, "--out", str(tmp_path / "out.nc")]) == 2
    message = capsys.readouterr().err
    assert "other.nc" in message
    assert "something_else" in message
    assert "Traceback" not in message
    assert not (tmp_path / "out.nc").exists()


def test_missing_file_is_named_without_traceback(stage, tmp_path, capsys):
    names = ["files"] if stage.files else list(stage.inputs)
    if not names:  # a source that generates reads nothing
        return
    options = [word for name in names for word in (f"--{name}", str(tmp_path / "nowhere.nc"))]
    assert run(stage, [*options, "--out", str(tmp_path / "out.nc")]) == 2
    message = capsys.readouterr().err
    assert "nowhere.nc: there is no such file" in message
    assert "Traceback" not in message
