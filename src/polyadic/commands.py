"""What each command of ``polyadic`` does; the arguments are declared in `__main__`."""

import argparse
import dataclasses
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from polyadic import comparison, registry
from polyadic.core import config as configs
from polyadic.core import digest, io, provenance
from polyadic.core.errors import InputError, KnownFormError, OtherFormError, nearest
from polyadic.core.stage import check_files


def list(_: argparse.Namespace) -> None:
    """Print the methods with their stages, the sources and the kinds."""
    print("methods")
    for name, card in registry.methods().items():
        print(f"  {name:12} {card.title}\n  {'':12} stages: {', '.join(card.stages)}; reads {' or '.join(card.kinds)}")
    print("sources")
    for name, stage in registry.sources().items():
        print(f"  {name:12} {'files to kind' if stage.files else 'generates kind'} {stage.output.kind}")
    print("kinds")
    for kind, schema in registry.kinds().items():
        print(f"  {kind:16} version {schema.version}")


def schema(args: argparse.Namespace) -> None:
    """Print the JSON schema of all stages of a method, or of a source."""
    if args.method in registry.sources():
        found: dict[str, Any] = configs.json_schema(registry.source(args.method).config)
    else:
        found = method_schema(args.method)
    print(json.dumps(found, indent=2))


def method_schema(method: str) -> dict[str, Any]:
    """Return the JSON schema of a method's section of settings, one property a stage."""
    card = registry.method(method)
    stages = {name: configs.json_schema(registry.stage(method, name).config) for name in card.stages}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": method,
        "description": card.title,
        "type": "object",
        "properties": stages,
    }


def read(args: argparse.Namespace) -> None:
    """Read files by the source that knows them and write the Dataset."""
    readers = {name: stage for name, stage in registry.sources().items() if stage.files}
    candidates = {name: stage for name, stage in readers.items() if args.kind in (None, stage.output.kind)}
    if not candidates:
        kinds = {stage.output.kind for stage in readers.values()}
        raise InputError(f"--kind {args.kind}: no source makes this kind; {nearest(args.kind, kinds)}")
    check_files(args.files, None)
    given = dict(_assignment(text) for text in args.set)
    name, settings = _chosen(candidates, args.files, given)
    argv = ["--files", *map(str, args.files), "--config", json.dumps(settings), "--out", str(args.out)]
    print(f"reading with source {name}, settings {json.dumps(settings)}")
    candidates[name].cli([*argv, *(["--debug"] if args.debug else [])])


def _chosen(candidates: dict[str, Any], files: Sequence[Path], given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the source of the files and its settings: one that knows them, else one that has the settings given."""
    known: dict[str, dict[str, Any]] = {}
    refusals: dict[str, InputError] = {}
    for name, stage in candidates.items():
        suggest = getattr(importlib.import_module(stage.module), "suggest", None)
        try:
            known[name] = {**(suggest(files) if suggest else {}), **given}
        except InputError as error:
            refusals[name] = error
    fitting = [name for name in known if _has(candidates[name], given)]
    if len(fitting) > 1:
        kinds = " or ".join(f"--kind {candidates[name].output.kind}" for name in fitting)
        raise InputError(f"{files[0]}: can be read as {len(fitting)} kinds; choose one by {kinds}")
    if fitting:
        return fitting[0], known[fitting[0]]
    for name in refusals:
        if given and _has(candidates[name], given):
            return name, given
    raise InputError(
        _closest((*refusals.values(),)) or f"no source of {', '.join(known)} has the settings {', '.join(given)}"
    )


def _closest(refusals: Sequence[InputError]) -> str:
    """Return what the sources say that came closest to reading the files, nothing where none refuses."""
    own: Sequence[InputError] = [error for error in refusals if isinstance(error, KnownFormError)]
    near = own or [error for error in refusals if not isinstance(error, OtherFormError)] or refusals
    return "; ".join(map(str, near))


def _has(stage: Any, settings: dict[str, Any]) -> bool:
    return set(settings) <= {field.name for field in dataclasses.fields(stage.config)}


def _assignment(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise InputError(f"--set takes key=value, found {text!r}")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise InputError(f"--set {key}: the value is not valid YAML, found {value!r}") from error


def check(args: argparse.Namespace) -> None:
    """Check a file against the schema of its kind."""
    kind = _kind(args.file)
    found = registry.kinds()[kind]
    found.check(io.read(args.file, groups=bool(found.groups)), str(args.file))
    print(f"{args.file}: a valid {kind!r} dataset")


def _kind(path: Path) -> str:
    with io.read(path) as ds:
        kind = str(ds.attrs.get("kind", "none"))
    if kind not in registry.kinds():
        raise InputError(f"{path}: its attribute kind is {kind!r}; {nearest(kind, registry.kinds())}")
    return kind


def show(args: argparse.Namespace) -> None:
    """Print kind, origin, dimensions and variables of a file, with ranges."""
    with io.read(args.file) as ds:
        print(f"{args.file}: {ds.attrs.get('kind', 'no kind')}, made by {ds.attrs.get('stage', 'an unknown stage')}")
        print("  " + ", ".join(f"{name} {size}" for name, size in ds.sizes.items()))
        for name, variable in ds.variables.items():
            units = variable.attrs.get("units", "")
            what = variable.attrs.get("long_name", "")
            print(f"  {name!s:28} ({', '.join(map(str, variable.dims))}) {units}  {what}{_range(variable)}")
        for name, value in ds.attrs.items():
            if name not in provenance.STAMPED and name != provenance.HASH:
                print(f"  {name}: {value}")


def _range(variable: Any) -> str:
    if variable.dtype.kind not in "fiuM" or variable.size == 0 or variable.size > 2**22:
        return ""
    return f"  [{variable.min().values!s:.19} .. {variable.max().values!s:.19}]"


def plot(args: argparse.Namespace) -> None:
    """Draw figures of a file and save them."""
    figures = registry.figures(_kind(args.file))
    names = args.figure or [next(iter(figures))]
    for name in names:
        if name not in figures:
            raise InputError(f"--figure {name}: there is no such figure of this kind; {nearest(name, figures)}")
    paths = args.out or [args.file.with_suffix(".svg")]
    if len(paths) != len(names):
        raise InputError(f"--figure names {len(names)} figures and -o {len(paths)} files; give as many of both")
    save_figure = importlib.import_module("polyadic.plotting.style").save
    with io.read(args.file) as ds:
        for name, path in zip(names, paths, strict=True):
            save_figure(figures[name], ds, path)
            print(f"drew {name!r} of {args.file} to {path}")


def compare(args: argparse.Namespace) -> None:
    """Print the scores of runs and write them as a table."""
    table = comparison.table([comparison.metrics_file(run) for run in args.runs])
    print(comparison.text(table))
    if args.out is not None:
        comparison.save(table, args.out, [comparison.further(path) for path in args.further])


def history(args: argparse.Namespace) -> None:
    """Print the steps that led to a file, with the settings of each."""
    with io.read(args.file) as ds:
        for line in str(ds.attrs.get("history", "")).splitlines():
            stage, _, config = line.partition(" ")
            print(stage)
            for key, value in json.loads(config or "{}").items():
                print(f"    {key}: {json.dumps(value)}")
        print(f"software: {ds.attrs.get('software', 'unknown')}, code {ds.attrs.get('code', 'unknown')}")


def verify(args: argparse.Namespace) -> int:
    """Print the state of every file; 0 when all are sound, else 2."""
    if not args.path.exists():
        raise InputError(f"{args.path}: there is no such file or folder; check the path")
    files = sorted(args.path.rglob("*.nc")) if args.path.is_dir() else [args.path]
    if not files:
        raise InputError(f"{args.path}: holds no .nc file")
    states = {path: _state(path) for path in files}
    for path, state in states.items():
        print(f"{state:8} {path}")
    return 0 if all(state == "ok" for state in states.values()) else 2


def _state(path: Path) -> str:
    try:
        if not io.verify(path):
            return "damaged"
    except InputError:
        return "damaged"
    with io.read(path) as ds:
        current = _current_code(str(ds.attrs.get("stage", "")))
        return "ok" if current in (None, ds.attrs.get("code")) else "stale"


def _current_code(stage: str) -> str | None:
    """Return the digest of the code that a stage would run now, None where the stage is not ours."""
    for known in _stages():
        if known.name == stage:
            return digest.code_digest(known.module)
    return None


def _stages() -> Iterator[Any]:
    yield from registry.sources().values()
    for method, card in registry.methods().items():
        yield from (registry.stage(method, name) for name in card.stages)


def workflow(_: argparse.Namespace) -> None:
    """Print the path of the Snakefile: of the source tree, or of the copy that the wheel carries."""
    package = Path(__file__).parent
    candidates = [package / "_workflow" / "Snakefile", package.parents[1] / "Snakefile"]
    found: Mapping[bool, Path] = {path.is_file(): path for path in candidates}
    if True not in found:
        raise InputError(f"there is no Snakefile beside the package in {package}; install polyadic again")
    print(found[True])
