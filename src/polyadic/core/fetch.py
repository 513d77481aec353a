"""Files that come from elsewhere: checked by their SHA-256 (or a published MD5), whole or not there at all.

``python -m polyadic.core.fetch --address https://... --sha256 HEX --out FILE`` (or ``--wheel NAME==VERSION``)
"""

import argparse
import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.core.provenance import file_hash
from polyadic.core.stage import run_and_exit

SCHEMES = ("https", "http", "file")
OFFLINE = "POLYADIC_OFFLINE"
"""Environment variable that forbids every fetch, where it is set to something other than 0."""

_BLOCK = 2**18
_MD5 = 32  # hexadecimal digits
_PAUSES = (1.0, 4.0)  # seconds before the second and the third attempt
_TIMEOUT = 60.0  # seconds without a byte
_LASTING = range(400, 500)  # HTTP answers that another attempt will not change ...
_PASSING = (408, 425, 429)  # ... but for these


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def fetch(address: str, checksum: str, path: Path, *, pauses: Sequence[float] = _PAUSES) -> None:
    """Bring the file of an address to ``path``, if its checksum is the expected one.

    The file appears under its name only when it is whole and right; a file that is there and right is kept as it is.
    Passing failures (no connection, time-outs, answers 5xx, data that end early) are tried again after ``pauses``.

    Parameters
    ----------
    address
        ``https://``, ``http://`` or ``file://``; what follows ``#`` names the file where the address does not.
    checksum
        Expected SHA-256 of the file, 64 hexadecimal digits; or its MD5, 32 digits, where nothing else is published:
        that tells a damaged file, not a forged one.
    path
        Where the file goes.
    pauses
        Seconds to wait before each further attempt.

    Raises
    ------
    InputError
        If fetching is forbidden, the address cannot be reached, or the file is another one.
    """
    _bring(path, checksum, address, lambda part: _attempts(address, part, pauses))


def fetch_package(requirement: str, form: str, sha256: str, path: Path) -> None:
    """Bring the archive of a released Python package to ``path`` by pip, and install nothing.

    pip asks the index that the user's own pip configuration names, for exactly one file: that of the SHA-256.

    Parameters
    ----------
    requirement
        ``name==version``.
    form
        ``wheel`` or ``sdist``. pip reads the metadata of an sdist by the build system that the archive names, in an
        environment of its own and after the checksum has been verified; nothing is built or installed.
    sha256
        Expected SHA-256 of the archive, hexadecimal.
    path
        Where the archive goes.

    Raises
    ------
    InputError
        If fetching is forbidden, pip is missing or finds no such file, or the archive is another one.
    """
    _bring(path, sha256, f"the {form} of {requirement}", lambda part: _by_pip(requirement, form, sha256, part))


def _bring(path: Path, checksum: str, what: str, get: Callable[[Path], None]) -> None:
    if path.is_file() and _sum(path, checksum) == checksum.lower():
        progress.log(f"{path} is there already")
        return
    name = "MD5" if len(checksum) == _MD5 else "SHA-256"
    by_hand = f"put the file with {name} {checksum} at {path}"
    if os.environ.get(OFFLINE, "0") not in ("", "0"):
        raise InputError(f"{path}: not there, and {OFFLINE} forbids to fetch {what}; {by_hand}, or unset {OFFLINE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            get(part)
        except InputError as error:
            raise InputError(f"{path}: {error}; or {by_hand}") from error
        found = _sum(part, checksum)
        if found != checksum.lower():
            raise InputError(
                f"{path}: {what} has {name} {found}, expected {checksum}; correct the checksum, or {by_hand}"
            )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sum(path: Path, expected: str) -> str:
    """Return the checksum of a file, of the kind that the expected one is."""
    if len(expected) != _MD5:
        return file_hash(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _attempts(address: str, part: Path, pauses: Sequence[float]) -> None:
    for number, pause in enumerate([*pauses, None], 1):
        try:
            _download(address, part)
            return
        except (OSError, EOFError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
            reason = _reason(error)
            if pause is None or urlsplit(address).scheme == "file" or _is_lasting(error):
                raise InputError(f"{address} cannot be fetched ({reason}); check the address and the network") from None
            progress.warn(f"attempt {number}: {reason}; again in {pause:g} s")
            time.sleep(pause)


def _is_lasting(error: Exception) -> bool:
    """Return whether another attempt would get the same answer."""
    return isinstance(error, urllib.error.HTTPError) and error.code in _LASTING and error.code not in _PASSING


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__


def _download(address: str, part: Path) -> None:
    check_address(address)
    request = urllib.request.Request(address, headers={"User-Agent": "polyadic"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as source, part.open("wb") as target:
        length = source.headers.get("Content-Length")
        done = _copy(source, target, int(length) if length else 0)
    if length and done != int(length):
        raise EOFError(f"the data end after {done} of {length} bytes")


def _copy(source: _Readable, target: BinaryIO, total: int) -> int:
    done, last = 0, time.monotonic()
    while block := source.read(_BLOCK):
        target.write(block)
        done += len(block)
        if total and (time.monotonic() - last >= 1 or done == total):
            last = time.monotonic()
            progress.report(done, total)
    return done


def check_address(address: str) -> None:
    """Raise `ValueError` unless the address has an accepted scheme and names a file."""
    parts = urlsplit(address)
    if "/" in parts.fragment or parts.fragment.startswith("."):
        raise ValueError(f"what follows '#' in an address is the name of a file, found {parts.fragment!r}")
    if parts.scheme not in SCHEMES or not file_name(address) or (parts.scheme != "file" and not parts.netloc):
        accepted = ", ".join(f"{scheme}://.../FILE" for scheme in SCHEMES)
        raise ValueError(f"an address is one of {accepted}, found {address!r}")


def file_name(address: str) -> str:
    """Return the name of the file that an address leads to: what follows ``#``, else the end of its path.

    Examples
    --------
    >>> file_name("https://example.org/data/a.nc?download=1"), file_name("https://example.org/files/133219#b.hdf5")
    ('a.nc', 'b.hdf5')
    """
    return urlsplit(address).fragment or urllib.request.url2pathname(urlsplit(address).path).rpartition("/")[2]


def _by_pip(requirement: str, form: str, sha256: str, part: Path) -> None:
    only = "--only-binary" if form == "wheel" else "--no-binary"
    with tempfile.TemporaryDirectory(dir=part.parent, prefix=".pip-") as folder:
        listed = Path(folder) / "requirement.txt"
        listed.write_text(f"{requirement} --hash=sha256:{sha256.lower()}\n")
        target = Path(folder) / "files"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        command += ["--no-deps", only, ":all:", "--ignore-requires-python", "--require-hashes"]
        command += ["--dest", str(target), "--requirement", str(listed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        files = list(target.iterdir()) if target.is_dir() else []
        if done.returncode or len(files) != 1:
            raise InputError(f"pip cannot fetch the {form} of {requirement} ({_last_line(done.stderr)})")
        shutil.move(files[0], part)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it says nothing"])[0][:300].rstrip(".")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence where nothing was fetched."""
    parser = argparse.ArgumentParser(prog="python -m polyadic.core.fetch", description="Fetch one file.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--address", metavar="URL")
    what.add_argument("--wheel", metavar="NAME==VERSION")
    what.add_argument("--sdist", metavar="NAME==VERSION")
    sums = parser.add_mutually_exclusive_group(required=True)
    sums.add_argument("--sha256", metavar="HEX")
    sums.add_argument("--md5", metavar="HEX", help="for an address, where the publisher names nothing else")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    args = parser.parse_args(argv)

    def action() -> None:
        with progress.running("fetch"):
            if args.address:
                fetch(args.address, args.sha256 or args.md5, args.out)
            elif args.md5:
                raise InputError("--md5 is for an address; the archive of a package has a SHA-256")
            else:
                form = "wheel" if args.wheel else "sdist"
                fetch_package(args.wheel or args.sdist, form, args.sha256, args.out)
            progress.log(f"fetched {args.out}, {args.out.stat().st_size:,} bytes")

    run_and_exit(action, debug=args.debug)


if __name__ == "__main__":
    main()
