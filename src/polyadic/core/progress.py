"""Log lines and progress of the running stage, on standard error."""

import contextlib
import contextvars
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_stage: contextvars.ContextVar[str] = contextvars.ContextVar("stage", default="polyadic")
_INTERVAL = 1.0  # seconds between two progress lines: logs stay short, a watcher stays informed


@contextlib.contextmanager
def running(stage: str) -> Iterator[None]:
    """Name the stage that log lines belong to."""
    token = _stage.set(stage)
    try:
        yield
    finally:
        _stage.reset(token)


def log(message: str) -> None:
    """Write one line to the log of the running stage."""
    print(f"{_stage.get()}: {message}", file=sys.stderr, flush=True)


def warn(message: str) -> None:
    """Write one warning to the log of the running stage."""
    log(f"warning: {message}")


def track(items: Iterable[T], total: int) -> Iterator[T]:
    """Yield the items and report how many are done: at most a line a second, and always the last.

    In a log file every report is a line ``progress <stage> <done>/<total>``; on a terminal a bar.
    """
    last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if done == total or now - last >= _INTERVAL:
            last = now
            report(done, total)


def report(done: int, total: int) -> None:
    """Write one progress line, or draw the bar where standard error is a terminal."""
    if sys.stderr.isatty():
        filled = 30 * done // max(total, 1)
        end = "\n" if done >= total else ""
        bar = f"\r{_stage.get()} [{'#' * filled}{'.' * (30 - filled)}] {done}/{total}"
        print(bar, end=end, file=sys.stderr, flush=True)
    else:
        print(f"progress {_stage.get()} {done}/{total}", file=sys.stderr, flush=True)
