"""What is fetched is whole and right, or not there at all. Nothing here leaves the machine."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest

from polyadic.core import fetch as fetching
from polyadic.core.errors import InputError
from polyadic.core.fetch import fetch, fetch_package
from polyadic.core.unpack import unpack

CONTENT = bytes(range(256)) * 4000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by path: /ok, /missing, /busy (503 until asked three times), /short (fewer bytes than announced)."""

    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
        elif self.path == "/busy.bin" and len(self.asked) < 3:
            self.send_error(503)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:1000] if self.path == "/short.bin" else CONTENT)

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", fetching.OFFLINE):
        monkeypatch.delenv(name, raising=False)
    handler = type("Handler", (Server,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", handler.asked
        running.shutdown()
        thread.join()


def test_a_published_md5_is_checked_and_the_fragment_stays_here(server, tmp_path):
    total = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    fetch(f"{server[0]}/ok.bin#flow.hdf5", total, tmp_path / "flow.hdf5")
    assert (tmp_path / "flow.hdf5").read_bytes() == CONTENT
    assert server[1] == ["/ok.bin"]
    with pytest.raises(InputError, match=f"has MD5 {total}, expected {'0' * 32}"):
        fetch(f"{server[0]}/ok.bin#other.hdf5", "0" * 32, tmp_path / "other.hdf5")


def nothing_but(folder, *names):
    return sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_http_and_file_bring_the_same_bytes_and_report_progress(server, tmp_path, capsys):
    (tmp_path / "here.bin").write_bytes(CONTENT)
    for number, address in enumerate((f"{server[0]}/ok.bin?version=1", (tmp_path / "here.bin").as_uri())):
        fetch(address, sha256(CONTENT).upper(), tmp_path / "sub" / f"{number}.bin")
        assert (tmp_path / "sub" / f"{number}.bin").read_bytes() == CONTENT
    assert f"{len(CONTENT)}/{len(CONTENT)}" in capsys.readouterr().err
    assert nothing_but(tmp_path / "sub", "0.bin", "1.bin")


def test_a_file_that_is_there_and_right_is_not_fetched_again_and_a_wrong_one_is(server, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    fetch(f"{server[0]}/ok.bin", sha256(CONTENT), path)
    fetch(f"{server[0]}/ok.bin", sha256(CONTENT), path)
    assert server[1] == ["/ok.bin"]
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "pauses", "asked", "sentence"),
    [
        ("missing", (0, 0), 1, "cannot be fetched .the server answers 404 Not Found.; check the address"),
        ("short.bin", (0, 0), 3, "the data end after 1000 of 1024000 bytes"),
        ("busy.bin", (0,), 2, "the server answers 503 Service Unavailable"),
    ],
)
def test_failures_are_tried_again_where_that_can_help(server, tmp_path, name, pauses, asked, sentence):
    with pytest.raises(InputError, match=f"a.bin: .*{sentence}.*; or put the file with SHA-256 {sha256(CONTENT)} at"):
        fetch(f"{server[0]}/{name}", sha256(CONTENT), tmp_path / "a.bin", pauses=pauses)
    assert len(server[1]) == asked
    assert nothing_but(tmp_path)


def test_a_passing_failure_passes(server, tmp_path, capsys):
    fetch(f"{server[0]}/busy.bin", sha256(CONTENT), tmp_path / "a.bin", pauses=(0, 0))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert capsys.readouterr().err.count("the server answers 503") == 2


def test_another_file_than_expected_is_refused_and_leaves_the_old_one(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"old")
    with pytest.raises(InputError, match=f"has SHA-256 {sha256(CONTENT)}, expected {'0' * 64}; correct the checksum"):
        fetch(f"{server[0]}/ok.bin", "0" * 64, tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"old"
    assert nothing_but(tmp_path, "a.bin")


def test_nobody_listening_and_no_such_file_are_one_sentence(tmp_path, capsys):
    for address in ("http://127.0.0.1:9/a.bin", (tmp_path / "none.bin").as_uri()):
        with pytest.raises(InputError, match=r"cannot be fetched \(.*\); check the address and the network"):
            fetch(address, "0" * 64, tmp_path / "a.bin", pauses=())


def test_offline_names_the_file_and_its_checksum_and_asks_nobody(server, tmp_path, monkeypatch):
    monkeypatch.setenv(fetching.OFFLINE, "1")
    path = tmp_path / "a.bin"
    sentence = rf"a\.bin: not there, and POLYADIC_OFFLINE forbids .*put the file with SHA-256 {'0' * 64} at .*a\.bin"
    with pytest.raises(InputError, match=sentence):
        fetch(f"{server[0]}/ok.bin", "0" * 64, path)
    with pytest.raises(InputError, match=r"forbids to fetch the wheel of planted==1\.0"):
        fetch_package("planted==1.0", "wheel", "0" * 64, path)
    assert server[1] == []
    path.write_bytes(CONTENT)
    fetch(f"{server[0]}/ok.bin", sha256(CONTENT), path)


@pytest.mark.parametrize("address", ["ftp://a/b", "https:///b", "https://a.b/", "a.nc", "file:///"])
def test_addresses_that_name_no_file_are_refused(address):
    with pytest.raises(ValueError, match=r"an address is one of https://\.\.\./FILE, .*found"):
        fetching.check_address(address)


def wheel(folder) -> bytes:
    """Write the smallest valid wheel that carries data, and code that would leave a trace if it ran."""
    folder.mkdir()
    path = folder / "planted-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("planted/__init__.py", "raise SystemExit('the package was imported')\n")
        archive.writestr("planted/data/a.bin", CONTENT)
        archive.writestr("planted/data/b.bin", b"b")
        archive.writestr("planted-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
        archive.writestr(
            "planted-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("planted-1.0.dist-info/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index of one wheel, named by pip's own configuration."""
    content = wheel(tmp_path / "index")
    for name in ("PIP_CONSTRAINT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", fetching.OFFLINE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return content


def test_a_wheel_is_fetched_by_its_checksum_and_only_the_members_are_taken(index, tmp_path):
    archive = tmp_path / "raw" / "planted-1.0.whl"
    fetch_package("planted==1.0", "wheel", sha256(index), archive)
    assert archive.read_bytes() == index
    assert nothing_but(tmp_path / "raw", "planted-1.0.whl")
    unpack(archive, ["planted/data/a.bin"], tmp_path / "raw" / "members")
    files = [path for path in (tmp_path / "raw" / "members").rglob("*") if path.is_file()]
    assert [str(path.relative_to(tmp_path / "raw")) for path in files] == ["members/planted/data/a.bin"]
    assert files[0].read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("requirement", "total", "sentence"),
    [
        ("planted==1.0", "0" * 64, "pip cannot fetch the wheel of planted==1.0 .*; or put the file with SHA-256 0000"),
        ("planted==2.0", "0" * 64, "pip cannot fetch the wheel of planted==2.0 .*planted==2.0"),
    ],
)
def test_a_wheel_that_is_another_or_is_not_there(index, tmp_path, requirement, total, sentence):
    with pytest.raises(InputError, match=sentence):
        fetch_package(requirement, "wheel", total, tmp_path / "raw" / "a.whl")
    assert nothing_but(tmp_path / "raw")


def tarball(path, *names: str):
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))
    return path


def test_members_of_a_tar_archive_keep_their_paths(tmp_path):
    archive = tarball(tmp_path / "a.tar.gz", "a-1/data/x.txt", "a-1/y.txt", "../evil.txt")
    unpack(archive, ["a-1/data/x.txt"], tmp_path / "members")
    assert (tmp_path / "members/a-1/data/x.txt").read_bytes() == b"abc"
    unpack(archive, ["a-1/y.txt"], tmp_path / "members")
    assert not (tmp_path / "members/a-1/data").exists()


def test_members_that_are_not_there_or_lead_out_are_refused_and_leave_nothing(tmp_path):
    archive = tarball(tmp_path / "a.tar.gz", "a-1/x.txt", "../evil.txt")
    with pytest.raises(InputError, match=r"there is no member 'a-1/y.txt'; did you mean 'a-1/x.txt'\?"):
        unpack(archive, ["a-1/x.txt", "a-1/y.txt"], tmp_path / "members")
    for name in ("../evil.txt", "/etc/passwd", "a/../../b", ""):
        with pytest.raises(ValueError, match="a member is a path inside its archive"):
            unpack(archive, [name], tmp_path / "members")
    (tmp_path / "b.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"b\.zip: not a readable zip or tar archive"):
        unpack(tmp_path / "b.zip", ["a"], tmp_path / "members")
    assert nothing_but(tmp_path, "a.tar.gz", "b.zip")


def test_the_command_lines_say_it_in_one_sentence(tmp_path, capsys):
    from polyadic.core import unpack as unpacking

    lines = (
        (
            fetching.main,
            ["--address", (tmp_path / "none").as_uri(), "--sha256", "0" * 64, "--out", str(tmp_path / "a")],
        ),
        (unpacking.main, ["--archive", str(tmp_path / "none"), "--members", "a", "--out", str(tmp_path / "b")]),
    )
    for main, argv in lines:
        with pytest.raises(SystemExit) as stop:
            main(argv)
        assert stop.value.code == 2
        message = capsys.readouterr().err
        assert message.startswith("error: ")
        assert "Traceback" not in message
    assert nothing_but(tmp_path)
