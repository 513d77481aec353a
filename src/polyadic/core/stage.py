"""A stage: a function from settings and Datasets to one Dataset, with checks, provenance and a command line."""

import argparse
import dataclasses
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import xarray as xr

from polyadic.core import config as configs
from polyadic.core import digest, io, parallel, progress, provenance
from polyadic.core.errors import InputError
from polyadic.core.schema import Schema

C = TypeVar("C")
Data = xr.Dataset | xr.DataTree


@dataclasses.dataclass(frozen=True)
class Input:
    """What one input of a stage accepts: a kind, or one of several; one file, or many; or none, then it is None."""

    schemas: tuple[Schema, ...]
    many: bool = False
    optional: bool = False

    @property
    def kinds(self) -> str:
        """The accepted kinds, in words."""
        return " or ".join(schema.kind for schema in self.schemas)

    def schema_of(self, kind: str) -> Schema:
        """Return the schema that a Dataset of this kind is checked against."""
        return next((s for s in self.schemas if s.kind == kind), self.schemas[0])


def many(schema: Schema) -> Input:
    """Declare an input that takes one or more files of a kind."""
    return Input((schema,), many=True)


@dataclasses.dataclass(frozen=True)
class Stage(Generic[C]):
    """A checked, documented and callable step of a method, or a source when it reads ``files``."""

    name: str
    config: type[C]
    inputs: Mapping[str, Input]
    output: Schema
    compute: Callable[..., Data]
    files: bool | Literal["optional"] = False

    @property
    def module(self) -> str:
        """The module whose import closure is the code of this stage."""
        if self.compute.__module__ != "__main__":
            return self.compute.__module__
        spec = sys.modules["__main__"].__spec__  # run by `python -m`, which names the module here
        return spec.name if spec is not None else self.name

    def __call__(self, config: C, *files: Path, **inputs: Any) -> Data:
        """Check the inputs, compute, stamp the provenance, check the output."""
        inputs = {name: data for name, data in inputs.items() if data is not None}
        for name, accepted in self._given(inputs):
            for number, data in enumerate(inputs[name] if accepted.many else [inputs[name]]):
                label = f"{name}[{number}]" if accepted.many else name
                accepted.schema_of(str(data.attrs.get("kind", ""))).check(data, label)
        with progress.running(self.name), parallel.one_thread_each():
            out = self.compute(config, files, **inputs) if self.files else self.compute(config, **inputs)
        out.attrs = provenance.stamp(
            {str(name): value for name, value in out.attrs.items()},
            kind=self.output.kind,
            version=self.output.version,
            stage=self.name,
            config=configs.canonical(config),
            code=digest.code_digest(self.module),
            inputs=self._sources(files, inputs),
        )
        self.output.check(out, self.name)
        return out

    def _sources(self, files: Sequence[Path], inputs: Mapping[str, Any]) -> dict[str, Any]:
        names = [path.name for path in files]
        if len(set(names)) < len(names):  # F.npy of several folders: numbered, because paths are of this machine
            names = [f"{number} {name}" for number, name in enumerate(names)]
        sources: dict[str, Any] = {name: provenance.file_hash(path) for name, path in zip(names, files, strict=True)}
        for name, accepted in self._given(inputs):
            if accepted.many:
                sources |= {f"{name}[{number}]": data.attrs for number, data in enumerate(inputs[name])}
            else:
                sources[name] = inputs[name].attrs
        return sources

    def _given(self, inputs: Mapping[str, Any]) -> list[tuple[str, Input]]:
        """Return the inputs that are there or must be."""
        return [(name, accepted) for name, accepted in self.inputs.items() if name in inputs or not accepted.optional]

    def cli(self, argv: Sequence[str] | None = None) -> None:
        """Run the stage from the command line; exit code 2 and one sentence for bad input."""
        args = self._parser().parse_args(argv)
        run_and_exit(lambda: self._run(args), debug=args.debug)

    def _parser(self) -> argparse.ArgumentParser:
        summary = (self.compute.__doc__ or "").strip().partition("\n")[0]
        parser = argparse.ArgumentParser(prog=f"python -m {self.module}", description=summary)
        if self.files:
            parser.add_argument("--files", type=Path, nargs="*", default=[], metavar="FILE", help="the files to read")
            parser.add_argument("--sha256", nargs="+", metavar="HEX", help="expected SHA-256 of each file")
        for name, accepted in self.inputs.items():
            nargs: dict[str, Any] = {"nargs": "+"} if accepted.many else {}
            text = f"kind: {accepted.kinds}" + (", may be left out" if accepted.optional else "")
            parser.add_argument(f"--{name}", type=Path, required=not accepted.optional, help=text, **nargs)
        parser.add_argument("--config", default="{}", metavar="JSON", help="settings of this stage")
        parser.add_argument("--out", type=Path, required=True, help=f"the file to write, kind: {self.output.kind}")
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        return parser

    def _run(self, args: argparse.Namespace) -> None:
        clock, cpu = time.monotonic(), time.process_time()
        config = configs.build(self.config, parse_json(args.config), self.name)
        files = args.files if self.files else []
        if self.files:
            if not files and self.files != "optional":
                raise InputError(f"{self.name}: no file was given; name the files to read after --files")
            check_files(files, args.sha256)
        inputs: dict[str, Any] = {}
        for name, accepted in self.inputs.items():
            given = getattr(args, name)
            if given is None:
                continue
            opened = [open_input(path, accepted) for path in (given if accepted.many else [given])]
            inputs[name] = opened if accepted.many else opened[0]
        io.write(self(config, *files, **inputs), args.out)
        with progress.running(self.name):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform != "darwin" else 2**30)
            seconds = f"{time.process_time() - cpu:.1f} CPU s, {time.monotonic() - clock:.1f} s elapsed"
            progress.log(f"wrote {args.out} ({seconds}, peak memory {peak:.2f} GiB)")


def stage(
    *, name: str, config: type[C], output: Schema, files: bool | Literal["optional"] = False, **inputs: Schema | Input
) -> Callable[[Callable[..., Data]], Stage[C]]:
    """Turn a plain function into a `Stage`.

    A stage with ``files=True`` is a source: its function is called as ``f(config, paths)``; with ``"optional"`` it can
    also make its data by settings alone, from no file.
    """
    accepted = {n: s if isinstance(s, Input) else Input((s,)) for n, s in inputs.items()}
    return lambda compute: Stage(name, config, accepted, output, compute, files)


def open_input(path: Path, accepted: Input) -> Data:
    """Open a file and check that it is of an accepted kind, naming the file where it is not."""
    ds = io.read(path)
    kind = str(ds.attrs.get("kind", "none"))
    if kind not in [schema.kind for schema in accepted.schemas]:
        ds.close()
        raise InputError(f"{path}: its kind is {kind!r}, accepted is {accepted.kinds}; was it made by polyadic?")
    schema = accepted.schema_of(kind)
    if schema.groups:
        ds.close()
        ds = io.read(path, groups=True)
    schema.check(ds, str(path))
    return ds


def check_files(files: Sequence[Path], expected: Sequence[str] | None) -> None:
    """Raise `InputError` for a file that is missing, empty or not the one its checksum names."""
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: there is no such file; check the path")
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty; get it again")
    if expected is None:
        return
    if len(expected) != len(files):
        raise InputError(f"{len(files)} files were given with {len(expected)} checksums; give one sha256 a file")
    for path, checksum in zip(files, expected, strict=True):
        found = provenance.file_hash(path)
        if found != checksum.lower():
            raise InputError(f"{path}: its SHA-256 is {found}, expected {checksum}; get the file again")


def parse_json(text: str) -> Any:
    """Return the settings that ``--config`` holds."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"--config is not valid JSON ({error}), found {text[:80]!r}") from error


def run_and_exit(action: Callable[[], int | None], *, debug: bool) -> None:
    """Run a command; end the process with 2 and one sentence on bad input, unless ``debug``."""
    try:
        code = action()
    except BrokenPipeError:  # the reader of our output has seen enough, as in `polyadic show x.nc | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (InputError, ValueError, OSError) as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        hint = "" if isinstance(error, InputError) else " (--debug shows where it arose)"
        if hint:
            print(f"{type(error).__name__}{hint}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)
    sys.exit(code or 0)
