"""Several processes that train one operator together, each a part of every batch.

They are started here, on one machine; or SLURM (``srun``) or ``torchrun`` has started one process each before, on one
node or several, and then every one of them runs the whole stage.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import torch
import xarray as xr

from polyadic.core import io
from polyadic.core.errors import InputError
from polyadic.core.provenance import HASH

_MINE = "POLYADIC_WORKER"
"""Environment variable of the processes that were started here: their number."""

_START = timedelta(minutes=10)
"""How long processes wait for one another."""


class Place(NamedTuple):
    """Which of the processes this is, how many there are, on how many nodes, and whether others started them."""

    rank: int
    size: int
    nodes: int = 1
    outside: bool = False


def place(processes: int) -> Place:
    """Return which of the processes this one is.

    Raises
    ------
    InputError
        If others have started another number of processes.
    """
    if _MINE in os.environ:
        return Place(int(os.environ[_MINE]), processes)
    names = ("RANK", "WORLD_SIZE") if "TORCHELASTIC_RUN_ID" in os.environ else ("SLURM_PROCID", "SLURM_NTASKS")
    rank, size = (int(os.environ.get(name, default)) for name, default in zip(names, ("0", "1"), strict=True))
    if processes == 1 or size == 1:
        return Place(0, processes)
    if size != processes:
        raise InputError(f"setting processes is {processes}, but {size} processes were started; make both equal")
    return Place(rank, size, int(os.environ.get("SLURM_NNODES", "1")), outside=True)


def trainer_options(here: Place, device: str) -> dict[str, Any]:
    """Return how the trainer of Lightning runs in this process."""
    if here.size == 1:
        return {"accelerator": device, "devices": 1}
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from pytorch_lightning.strategies import DDPStrategy

    backend = "gloo" if device == "cpu" or not torch.cuda.is_available() else "nccl"
    known = None if here.outside else LightningEnvironment()
    strategy = DDPStrategy(cluster_environment=known, process_group_backend=backend, timeout=_START)
    return {
        "accelerator": device,
        "devices": here.size // here.nodes,
        "num_nodes": here.nodes,
        "strategy": strategy,
    }


def mean(value: torch.Tensor) -> float:
    """Return the mean of a number over the processes."""
    if not torch.distributed.is_initialized():
        return float(value)
    total = value.detach().double().cpu().clone()
    torch.distributed.all_reduce(total)
    return float(total) / torch.distributed.get_world_size()


@contextlib.contextmanager
def started(here: Place, job: Mapping[str, Any], sets: Sequence[xr.Dataset]) -> Iterator[None]:
    """Hold the other processes of a training while it runs; nothing where there are none, or others start them.

    Raises
    ------
    InputError
        If one of them has failed.
    """
    if here.size == 1 or here.outside or here.rank:
        try:
            yield
        finally:
            _leave()
        return
    with tempfile.TemporaryDirectory(prefix="polyadic-") as name:
        folder = Path(name)
        files = [str(_file(ds, folder / f"{number}.nc")) for number, ds in enumerate(sets)]
        (folder / "job.json").write_text(json.dumps({**job, "files": files}))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_port()), "NODE_RANK": "0"}
        others = [_process(folder / "job.json", rank, shared) for rank in range(1, here.size)]
        try:
            _wait(others, folder)
            with _environment({**shared, "LOCAL_RANK": "0"}):
                yield
            codes = [other.wait(_START.total_seconds()) for other in others]
        except InputError:
            raise
        except Exception as error:
            ended = [other.poll() for other in others]
            if any(code not in (None, 0) for code in ended):
                raise InputError(f"a process of the training has failed (exit codes {ended}); see above") from error
            raise
        finally:
            _leave()
            for other in others:
                if other.poll() is None:
                    other.kill()
                    other.wait()
    if any(codes):
        raise InputError(f"a process of the training has failed (exit codes {codes}); see above")


def _wait(others: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
    """Wait until all processes are about to meet: from then on none waits long for one that has ended."""
    while len(list(folder.glob("ready.*"))) < len(others):
        ended = [other.poll() for other in others]
        if any(code is not None for code in ended):
            raise InputError(f"a process of the training has ended early (exit codes {ended}); see above")
        time.sleep(0.05)


def _leave() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _file(ds: xr.Dataset, path: Path) -> Path:
    """Return the file that holds a Dataset: its own, where it is unchanged, else a new one."""
    source = Path(str(ds.encoding.get("source", "")))
    if HASH in ds.attrs and source.is_file():
        with io.read(source) as stored:
            if stored.attrs.get(HASH) == ds.attrs[HASH] and dict(stored.sizes) == dict(ds.sizes):
                return source
    io.write(ds, path)
    return path


def _port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _process(job: Path, rank: int, shared: Mapping[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "polyadic.methods.mgtfno.workers", str(job)]
    source = os.pathsep.join(filter(None, [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]))
    own = {"LOCAL_RANK": str(rank), _MINE: str(rank), "PYTHONPATH": source}
    return subprocess.Popen(command, env={**os.environ, **shared, **own}, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def main(path: Path) -> None:
    """Run one of the processes that `started` starts."""
    from polyadic.core import parallel
    from polyadic.methods.mgtfno import training

    job = json.loads(path.read_text())
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(io.read(Path(file))) for file in job["files"]]
        sets = [ds for ds in opened if isinstance(ds, xr.Dataset)]
        stack.enter_context(parallel.one_thread_each())
        path.with_name(f"ready.{os.environ[_MINE]}").touch()
        training.run(job["architecture"], sets, job["training"], job["label"], job["fingerprint"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
