"""Files of an address and members of an archive are fetched for enabled runs only, and never without a network."""

import hashlib
import zipfile

import pytest


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def fetching(project, tmp_path):
    """A project whose data lie elsewhere: one table by its address, the same inside an archive, for a disabled run."""
    table = tmp_path / "elsewhere.csv"
    (project.folder / "small.csv").replace(table)
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(table, "inner/table.csv")
    (project.folder / "config/datasets.yaml").write_text(
        f"datasets:\n"
        f"  small: {{source: observations, address: '{table.as_uri()}', sha256: {sha256(table)}}}\n"
        f"  packed: {{source: observations, address: '{archive.as_uri()}', archive_sha256: {sha256(archive)},"
        f" members: inner/table.csv, sha256: {sha256(table)}}}\n"
    )
    (project.folder / "config/main_effects.yaml").write_text(
        "main_effects:\n  runs:\n    first: {dataset: small}\n    second: {dataset: packed, enabled: false}\n"
    )
    return project


def test_data_come_from_elsewhere_when_an_enabled_run_needs_them(fetching):
    raw = fetching.folder / "resources/raw"
    refused = fetching.snakemake(check=False, POLYADIC_OFFLINE="1")
    assert refused.returncode == 1
    assert "POLYADIC_OFFLINE forbids" in refused.stdout + refused.stderr
    assert "put the file with SHA-256" in refused.stdout + refused.stderr
    assert not list(raw.rglob("*.csv"))
    assert not (fetching.folder / "logs/sources/packed").exists()
    fetching.snakemake("resources/small.nc", "resources/packed.nc")
    assert sha256(raw / "small/elsewhere.csv") == sha256(raw / "packed/members/inner/table.csv")
