"""Members of an archive: taken out one by one, never by a path that the archive chooses.

``python -m polyadic.core.unpack --archive A.whl --members a/b.mat a/c.mat --out FOLDER``
"""

import argparse
import contextlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from polyadic.core import progress
from polyadic.core.errors import InputError, nearest
from polyadic.core.stage import run_and_exit


def unpack(archive: Path, members: Sequence[str], folder: Path) -> None:
    """Write the named members of a zip or tar archive below ``folder``, under their own paths.

    The folder appears in one step, when all members are in it. Links and folders are not taken; a member leaves the
    folder under no circumstances, because names with ``..`` or from the root are refused beforehand.

    Raises
    ------
    InputError
        If the archive cannot be read, or lacks a member (the nearest name is given).
    """
    if not archive.is_file():
        raise InputError(f"{archive}: there is no such file; check the path")
    for member in members:
        check_member(member)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        with _opened(archive) as (names, read):
            for member in progress.track(members, len(members)):
                if member not in names:
                    raise InputError(f"{archive}: there is no member {member!r}; {nearest(member, names[:10_000])}")
                target = part / member
                target.parent.mkdir(parents=True, exist_ok=True)
                with read(member) as source, target.open("wb") as file:
                    shutil.copyfileobj(source, file)
        if folder.is_dir():
            shutil.rmtree(folder)
        part.replace(folder)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise InputError(f"{archive}: not a readable zip or tar archive ({error}); get it again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_member(name: str) -> None:
    """Raise `ValueError` unless the name is a relative path without ``..``."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(f"a member is a path inside its archive, without '..', found {name!r}")


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    """Open an archive by its content: names of its files, and a function that opens one."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            yield [entry.filename for entry in packed.infolist() if not entry.is_dir()], packed.open
        return
    with tarfile.open(archive) as tar:
        files = {entry.name: entry for entry in tar if entry.isfile()}

        def read(name: str) -> IO[bytes]:
            opened = tar.extractfile(files[name])
            if opened is None:
                raise InputError(f"{archive}: member {name!r} is no file")
            return opened

        yield list(files), read


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence where nothing was unpacked."""
    parser = argparse.ArgumentParser(prog="python -m polyadic.core.unpack", description="Unpack members of an archive.")
    parser.add_argument("--archive", type=Path, required=True, metavar="FILE")
    parser.add_argument("--members", nargs="+", required=True, metavar="PATH")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)

    def action() -> None:
        with progress.running("unpack"):
            unpack(args.archive, args.members, args.out)

    run_and_exit(action, debug=args.debug)


if __name__ == "__main__":
    main()
