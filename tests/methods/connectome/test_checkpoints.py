"""A decomposition that was killed ends as one that was not; workers change nothing; foreign checkpoints are refused."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from polyadic.core import checkpoints, io, parallel
from polyadic.core.errors import InputError
from polyadic.kernels import dynamic_affinity
from polyadic.kinds import traces as kind
from polyadic.methods.connectome import checkpoint
from polyadic.methods.connectome.decompose import DecomposeConfig, decompose
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces

SETTINGS = {"rank": 2, "starts": 3, "tolerance": 1e-7}


class KilledError(Exception):
    pass


@pytest.fixture
def streamed(monkeypatch):
    """Make the affinities anew in every pass, as for a large population."""
    monkeypatch.setattr(dynamic_affinity, "_STORED", 0)


def killed_after(passes: int, monkeypatch) -> None:
    """Stop the decomposition behind the checkpoint of a pass, as a kill would."""
    original = checkpoint.Keeper.__call__

    def call(self, done, fits):
        original(self, done, fits)
        if done == passes:
            raise KilledError

    monkeypatch.setattr(checkpoint.Keeper, "__call__", call)


@pytest.mark.parametrize("passes", [1, 2, 9])
def test_a_killed_decomposition_ends_with_bitwise_the_same_factors(tmp_path, monkeypatch, capsys, streamed, passes):
    data = kind.example()
    undisturbed = decompose(DecomposeConfig(**SETTINGS), traces=data)
    monkeypatch.setenv(checkpoints.VARIABLE, str(tmp_path))
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    with monkeypatch.context() as patch:
        killed_after(passes, patch)
        with pytest.raises(KilledError):
            decompose(DecomposeConfig(**SETTINGS), traces=data)
    monkeypatch.setattr(checkpoint, "INTERVAL", 1e9)
    resumed = decompose(DecomposeConfig(**SETTINGS), traces=data)
    log = capsys.readouterr().err
    assert f"after pass {passes}" in log
    assert "progress connectome.decompose 200/200" in log
    xr.testing.assert_identical(resumed, undisturbed)


STORING = """
from polyadic.methods.connectome import checkpoint
from polyadic.methods.connectome.decompose import decompose
checkpoint.INTERVAL = 0.0
decompose.cli()
"""


def test_a_process_killed_by_the_system_is_gone_on_with_to_the_same_file(tmp_path, monkeypatch, capsys):
    """Killed (SIGKILL) as soon as a checkpoint is there; the same command then ends with the bytes of another run."""
    data, checkpointed = tmp_path / "traces.nc", tmp_path / "checkpoints"
    io.write(simulated_traces(SimulatedTracesConfig(neurons=16, animals=2, duration=60.0, communities=2)), data)
    settings = {**SETTINGS, "tolerance": 0.0, "max_iterations": 5000}
    arguments = ["--traces", str(data), "--config", json.dumps(settings), "--out", str(tmp_path / "killed.nc")]
    process = subprocess.Popen(
        [sys.executable, "-c", STORING, *arguments],
        env={**os.environ, checkpoints.VARIABLE: str(checkpointed)},
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(checkpointed.rglob("last.npz")):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.nc").exists()
    undisturbed = decompose(DecomposeConfig(**settings), traces=io.read(data))
    monkeypatch.setenv(checkpoints.VARIABLE, str(checkpointed))
    resumed = decompose(DecomposeConfig(**settings), traces=io.read(data))
    assert "goes on from" in capsys.readouterr().err
    xr.testing.assert_identical(resumed, undisturbed)
    for name, values in resumed.variables.items():
        if values.dtype.kind == "f":
            assert values.to_numpy().tobytes() == undisturbed[name].to_numpy().tobytes()


def test_more_passes_go_on_from_the_checkpoint_of_fewer(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(checkpoints.VARIABLE, str(tmp_path))
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    decompose(DecomposeConfig(**SETTINGS, max_iterations=5), traces=kind.example())
    assert "not converged" in capsys.readouterr().err
    decompose(DecomposeConfig(**SETTINGS, max_iterations=9), traces=kind.example())
    assert "after pass 5" in capsys.readouterr().err


def test_other_data_or_settings_have_another_folder_and_a_foreign_checkpoint_is_refused(tmp_path, monkeypatch):
    prints = {
        checkpoint.fingerprint(kind.example(seed), {"rank": rank, "max_iterations": 5})
        for seed in (0, 1)
        for rank in (1, 2)
    }
    assert len(prints) == 4
    monkeypatch.setenv(checkpoints.VARIABLE, str(tmp_path))
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    decompose(DecomposeConfig(**SETTINGS, max_iterations=3), traces=kind.example())
    (stored,) = tmp_path.rglob("last.npz")
    other = checkpoint.Keeper("decompose", "0" * 64, 3)
    target = tmp_path / "decompose" / ("0" * 12) / "last.npz"
    target.parent.mkdir()
    target.write_bytes(stored.read_bytes())
    with pytest.raises(InputError, match=r"last\.npz: made from other data, settings or code; move"):
        other.resumed([])
    target.write_bytes(stored.read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable checkpoint"):
        other.resumed([])


def test_two_dask_workers_give_the_same_bytes_as_one(monkeypatch, streamed):
    from distributed import LocalCluster

    found = []
    for workers in (1, 2):
        with LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
        ) as cluster:
            monkeypatch.setenv("POLYADIC_SCHEDULER", cluster.scheduler_address)
            try:
                found.append(decompose(DecomposeConfig(**SETTINGS, max_iterations=12), traces=kind.example()))
            finally:
                parallel._connect(cluster.scheduler_address).close()
                parallel._connect.cache_clear()
    monkeypatch.delenv("POLYADIC_SCHEDULER")
    alone = decompose(DecomposeConfig(**SETTINGS, max_iterations=12), traces=kind.example())
    for name in ("weight", "factor_time", "factor_animal", "factor_pair"):
        one, two, none = (ds[name].to_numpy() for ds in (*found, alone))
        assert one.tobytes() == two.tobytes() == none.tobytes()
    assert np.isfinite(alone["factor_pair"]).all()
