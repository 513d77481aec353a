"""Parallel maps with a fixed order: threads of this job, or the workers of a shared Dask scheduler.

Two environment variables decide, never a setting, because they change scheduling and not results:

``POLYADIC_THREADS``
    Threads of this job (default 1). The rules set it to the cores that Snakemake granted.
``POLYADIC_SCHEDULER``
    ``tcp://host:port`` or the path of a scheduler file: use that Dask cluster. ``slurm:N``: start
    ``N`` workers by dask-jobqueue with the settings of its own configuration file.
"""

import collections
import contextlib
import functools
import importlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import threadpoolctl

from polyadic.core.errors import InputError

T = TypeVar("T")
R = TypeVar("R")


def threads() -> int:
    """Return the number of threads this job may use."""
    text = os.environ.get("POLYADIC_THREADS", "1")
    if not text.isdigit() or int(text) < 1:
        raise InputError(f"environment variable POLYADIC_THREADS is {text!r}, accepted is a whole number >= 1")
    return int(text)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Hold BLAS and OpenMP at one thread: their sums depend on the thread count in the last bits."""
    with threadpoolctl.threadpool_limits(1):
        yield


def ordered_map(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items, computed ahead in parallel.

    At most twice as many results as workers are held, so a stream that does not fit into memory
    can pass through. The results are the same whatever the number of workers. The first failure
    is raised where its result would have come.
    """
    client = _client()
    if client is not None:
        workers = max(1, sum(client.nthreads().values()))
        # The function goes to every worker once, with the arrays it may hold, and not with every item.
        held = client.scatter(function, broadcast=True, hash=False)
        yield from _window(lambda item: client.submit(_call, held, item, pure=False), items, 2 * workers)
    elif threads() == 1:
        yield from map(function, items)
    else:
        with ThreadPoolExecutor(threads()) as pool:
            yield from _window(lambda item: pool.submit(function, item), items, 2 * threads())


def _call(function: Callable[[T], R], item: T) -> R:
    """Compute on a worker, whose libraries are held at one thread for good: a limit that ends would race."""
    _hold_at_one_thread()
    return function(item)


@functools.cache
def _hold_at_one_thread() -> None:
    threadpoolctl.threadpool_limits(1)


def _window(submit: Callable[[T], Any], items: Iterable[T], size: int) -> Iterator[Any]:
    iterator = iter(items)
    pending = collections.deque(submit(item) for item in itertools.islice(iterator, size))
    try:
        while pending:
            result = pending.popleft().result()
            pending.extend(submit(item) for item in itertools.islice(iterator, 1))
            yield result
    finally:
        for future in pending:
            future.cancel()


def _client() -> Any:
    """Return the Dask client of the shared scheduler, or None where none is named."""
    address = os.environ.get("POLYADIC_SCHEDULER", "")
    return _connect(address) if address else None


@functools.cache
def _connect(address: str) -> Any:
    client: Any = importlib.import_module("distributed").Client

    if address.startswith("slurm:"):
        return _slurm_client(address.removeprefix("slurm:"))
    if "://" not in address and not Path(address).is_file():  # the client would wait for it for ever
        raise InputError(
            f"environment variable POLYADIC_SCHEDULER: {address!r} is no address and no scheduler file;"
            " start a scheduler or unset the variable"
        )
    try:
        where = {"address": address} if "://" in address else {"scheduler_file": address}
        return client(**where, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"environment variable POLYADIC_SCHEDULER: no Dask scheduler answers at {address!r} ({error});"
            " start one or unset the variable"
        ) from error


def _slurm_client(workers: str) -> Any:
    if not workers.isdigit() or int(workers) < 1:
        raise InputError(f"POLYADIC_SCHEDULER=slurm:N needs a number of workers, found {workers!r}")
    cluster: Any = importlib.import_module("dask_jobqueue").SLURMCluster()
    cluster.scale(jobs=int(workers))
    return importlib.import_module("distributed").Client(cluster, set_as_default=False)
