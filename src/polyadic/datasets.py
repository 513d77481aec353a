"""The sections of ``datasets.yaml``: a source, its files here or elsewhere, its settings; checked before any job."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from polyadic import registry
from polyadic.core import config as configs
from polyadic.core import fetch, unpack
from polyadic.core.errors import InputError, nearest

ORIGINS = ("files", "address", "wheel", "sdist")
"""Where the files of a dataset come from: a section names one of these, or none where the source generates."""

KEYS = ("source", *ORIGINS, "archive_sha256", "members", "sha256", "md5", "settings")
RAW = "resources/raw"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SUM = {"sha256": re.compile(r"[0-9a-fA-F]{64}"), "md5": re.compile(r"[0-9a-fA-F]{32}")}
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.+!-]*)")


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A checked section: the source, its files and its settings as canonical JSON.

    Attributes
    ----------
    source
        Name of the source.
    files
        What the source reads, in order.
    sha256
        Expected SHA-256 of each file, or none.
    settings
        Canonical JSON.
    fetched
        Options of `core.fetch` by the name of each file that is fetched to ``resources/raw/<dataset>/``.
    members
        Members of the fetched archive that are the files; none where the fetched files are read themselves.
    archive
        Path of the fetched archive, empty without members.
    """

    source: str
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    settings: str
    fetched: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    members: tuple[str, ...] = ()
    archive: str = ""

    @property
    def options(self) -> list[str]:
        """The checksums as options of the source's command line."""
        return ["--sha256", *self.sha256] if self.sha256 else []

    @property
    def file_options(self) -> list[str]:
        """The files as options of the source's command line."""
        return ["--files", *self.files] if self.files else []

    @property
    def inputs(self) -> list[str]:
        """What must be there before the source runs: its files, or the folder of unpacked members."""
        return [f"{Path(self.archive).parent}/members"] if self.archive else list(self.files)

    def fetch(self, file: str) -> list[str]:
        """Return the options by which a file is fetched, or raise `InputError` naming the nearest one."""
        if file not in self.fetched:
            raise InputError(f"the dataset fetches no file {file!r}; {nearest(file, self.fetched)}")
        return list(self.fetched[file])


def dataset(name: str, entry: Any, folders: tuple[Path, ...] = (), seed: int = 0) -> Dataset:
    """Return the checked section ``name``.

    Parameters
    ----------
    name, entry
        The section as YAML gives it.
    folders
        Where relative files are looked for, first match wins.
    seed
        Of a source that draws, unless its settings name one.

    Raises
    ------
    InputError
        For the first thing that cannot be used, naming the dataset and the key.
    """
    where = f"datasets.yaml, {name}"
    check_name(where, name)
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}: needs source and files, found {entry!r}")
    check_keys(where, entry, KEYS)
    source = entry.get("source")
    if not isinstance(source, str):
        raise InputError(f"{where}: names no source; known: {', '.join(registry.sources())}")
    stage = registry.source(source)
    settings = entry.get("settings")
    if isinstance(settings, Mapping | None) and "seed" in (field.name for field in dataclasses.fields(stage.config)):
        settings = {"seed": seed, **(settings or {})}
    found = Dataset(source, (), (), configs.canonical(configs.build(stage.config, settings, where)))
    return dataclasses.replace(found, **_origin(where, name, entry, folders, stage.files))


def check_name(where: str, name: Any) -> None:
    """Refuse a name that could not be part of a path."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"{where}: a name is made of letters, digits, '-', '_' and '.', found {name!r}")


def check_keys(where: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a key that is not known, naming the nearest one."""
    for key in given:
        if key not in known:
            raise InputError(f"{where}: there is no setting {key!r}; {nearest(key, known)}")


def _origin(
    where: str, name: str, entry: Mapping[str, Any], folders: tuple[Path, ...], reads: bool | Literal["optional"]
) -> dict[str, Any]:
    """Return the fields of `Dataset` that say where the files come from."""
    origins = [key for key in ORIGINS if entry.get(key) not in (None, [], "")]
    given = [key for key in KEYS if key in entry and key not in ("source", "settings")]
    if reads == "optional" and not given:
        return {}
    if not reads:
        if given:
            raise InputError(f"{where}: source {entry['source']!r} reads no files, found {given[0]}; leave it out")
        return {}
    if len(origins) != 1:
        found = " and ".join(origins) or "none"
        raise InputError(f"{where}: name one of {', '.join(ORIGINS)}, found {found}")
    sums = _checksums(where, "sha256", entry.get("sha256"))
    if origins == ["files"]:
        for key in ("members", "archive_sha256", "md5"):
            if key in entry:
                raise InputError(
                    f"{where}: {key} belongs to address, wheel or sdist; unpack the archive, name its files"
                )
        files = tuple(_located(file, folders) for file in texts(where, "files", entry["files"]))
        _one_each(where, "files", files, sums, needed=False)
        return {"files": files, "sha256": sums}
    return _fetched(where, name, entry, origins[0], sums)


def _fetched(where: str, name: str, entry: Mapping[str, Any], origin: str, sums: tuple[str, ...]) -> dict[str, Any]:
    folder, members = f"{RAW}/{name}", texts(where, "members", entry.get("members"))
    sources = _addresses(where, entry) if origin == "address" else _package(where, entry, origin)
    if not members:
        if origin != "address":
            raise InputError(f"{where}: {origin} needs members, the files to take out of it")
        old = () if sums else _checksums(where, "md5", entry.get("md5"))
        _one_each(where, "address", tuple(sources), sums or old, needed=True)
        name = "--md5" if old else "--sha256"
        fetched = {f: (*how, name, total) for (f, how), total in zip(sources.items(), sums or old, strict=True)}
        return {"files": tuple(f"{folder}/{file}" for file in sources), "sha256": sums, "fetched": fetched}
    _checked(where, "members", members, unpack.check_member)
    _one_each(where, "members", members, sums, needed=True)
    archive_sums = _checksums(where, "archive_sha256", entry.get("archive_sha256"))
    if len(archive_sums) != 1 or len(sources) != 1:
        raise InputError(f"{where}: members need one archive with archive_sha256, found {len(archive_sums)} of them")
    ((file, how),) = sources.items()
    return {
        "files": tuple(f"{folder}/members/{member}" for member in members),
        "sha256": sums,
        "fetched": {file: (*how, "--sha256", archive_sums[0])},
        "members": members,
        "archive": f"{folder}/{file}",
    }


def _addresses(where: str, entry: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    addresses = texts(where, "address", entry["address"])
    _checked(where, "address", addresses, fetch.check_address)
    found: dict[str, tuple[str, ...]] = {fetch.file_name(address): ("--address", address) for address in addresses}
    if len(found) < len(addresses) or "members" in found:
        raise InputError(f"{where}: the addresses must end in different file names, none of them 'members'")
    return found


def _package(where: str, entry: Mapping[str, Any], origin: str) -> dict[str, tuple[str, ...]]:
    requirement = entry[origin]
    parts = _REQUIREMENT.fullmatch(requirement) if isinstance(requirement, str) else None
    if parts is None:
        raise InputError(f"{where}: {origin} must be name==version, found {requirement!r}")
    ending = "whl" if origin == "wheel" else "tar.gz"
    return {f"{parts[1]}-{parts[2]}.{ending}": (f"--{origin}", requirement)}


def _checked(where: str, key: str, values: tuple[str, ...], check: Callable[[str], None]) -> None:
    for value in values:
        try:
            check(value)
        except ValueError as error:
            raise InputError(f"{where}: {key}: {error}") from None


def _checksums(where: str, key: str, value: Any) -> tuple[str, ...]:
    sums = texts(where, key, value)
    form, digits = ("md5", 32) if key == "md5" else ("sha256", 64)
    for total in sums:
        if not _SUM[form].fullmatch(total):
            raise InputError(f"{where}: {key} must be {digits} hexadecimal digits, found {total!r}")
    return sums


def _one_each(where: str, key: str, files: tuple[str, ...], sums: tuple[str, ...], *, needed: bool) -> None:
    if (sums or needed) and len(sums) != len(files):
        why = "; files that are fetched need one each" if needed else "; give one a file"
        raise InputError(f"{where}: {len(files)} {key} have {len(sums)} sha256{why}")
    if len(set(files)) < len(files):
        raise InputError(f"{where}: {key} names a file twice")


def texts(where: str, key: str, value: Any) -> tuple[str, ...]:
    """Return one text or a list of texts as a tuple."""
    values = [] if value is None else [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
        raise InputError(f"{where}: {key} must be a text or a list of texts, found {value!r}")
    return tuple(values)


def _located(file: str, folders: tuple[Path, ...]) -> str:
    candidates = [folder / file for folder in folders]
    return next((str(path) for path in candidates if path.exists()), file)
