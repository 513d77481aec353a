"""A decomposition's way so far, stored now and then, so that one that was killed goes on and ends the same."""

import hashlib
import json
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core import checkpoints, progress
from polyadic.core.digest import code_digest
from polyadic.core.errors import InputError
from polyadic.core.provenance import content_hash
from polyadic.kernels.alternating_cp import Fit

INTERVAL = 10.0
"""Least time between two checkpoints in s: short decompositions write none."""


def fingerprint(traces: xr.Dataset, settings: Mapping[str, Any]) -> str:
    """Return a hash of data, settings and code; how many passes are allowed does not count."""
    counted = {name: value for name, value in settings.items() if name != "max_iterations"}
    code = code_digest("polyadic.methods.connectome.decompose")
    digest = hashlib.sha256(json.dumps([code, counted], sort_keys=True).encode())
    digest.update(str(traces.attrs.get("content_sha256") or content_hash({"/": traces})).encode())
    return digest.hexdigest()


class Keeper:
    """Called after each pass: reports it, and stores all starts at most every `INTERVAL`.

    A file holds plain arrays: for each start the two last points, the errors and the size of the next step.
    """

    def __init__(self, label: str, expected: str, total: int):
        folder = checkpoints.folder(label, expected)
        self._path = None if folder is None else folder / "last.npz"
        self._expected, self._total = expected, total
        self._stored = self._reported = time.monotonic()

    def resumed(self, fits: Sequence[Fit]) -> list[Fit]:
        """Return the starts as far as they had come, or as they are given where nothing is stored.

        Raises
        ------
        InputError
            If the checkpoint is of other data, settings or code, or cannot be read.
        """
        if self._path is None or not self._path.is_file():
            return list(fits)
        try:
            with self._path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                checkpoints.check(str(file["fingerprint"]), self._expected, self._path)
                found = [_restored(file, number, one) for number, one in enumerate(fits)]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self._path}: not a readable checkpoint ({error}); remove it") from error
        progress.log(f"goes on from {self._path} after pass {max(one.passes for one in found)}")
        return found

    def __call__(self, done: int, fits: Sequence[Fit]) -> None:
        """Report a pass, and store where the last time is long ago or nothing is left to do."""
        now, ended = time.monotonic(), all(one.converged for one in fits) or done == self._total
        if ended or now - self._reported >= 1:
            progress.report(self._total if ended else done, self._total)
            self._reported = now
        if self._path is not None and now - self._stored >= INTERVAL:
            _store(self._path, self._expected, fits)
            self._stored = time.monotonic()


def _store(path: Path, expected: str, fits: Sequence[Fit]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"fingerprint": np.array(expected)}
    for number, one in enumerate(fits):
        plain = all(a is b for a, b in zip(one.trial, one.inner, strict=True))
        arrays |= {
            f"{number}_first": one.first,
            f"{number}_errors": np.array(one.errors),
            f"{number}_step": np.array([one.momentum, one.ceiling, one.norm]),
            f"{number}_state": np.array([one.passes, one.converged, plain, len(one.inner)]),
        }
        arrays |= {f"{number}_inner_{mode}": factor for mode, factor in enumerate(one.inner)}
        arrays |= {} if plain else {f"{number}_trial_{mode}": factor for mode, factor in enumerate(one.trial)}
    part = path.with_name(".part.npz")
    np.savez(part, allow_pickle=False, **arrays)
    part.replace(path)


def _restored(file: Any, number: int, start: Fit) -> Fit:
    passes, converged, plain, modes = (int(value) for value in file[f"{number}_state"])
    momentum, ceiling, norm = (float(value) for value in file[f"{number}_step"])
    inner = [file[f"{number}_inner_{mode}"] for mode in range(modes)]
    trial = list(inner) if plain else [file[f"{number}_trial_{mode}"] for mode in range(modes)]
    one = Fit(
        file[f"{number}_first"],
        inner,
        trial,
        form=start.form,
        norm=norm,
        errors=[float(e) for e in file[f"{number}_errors"]],
    )
    one.momentum, one.ceiling, one.passes, one.converged = momentum, ceiling, passes, bool(converged)
    return one
