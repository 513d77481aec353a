"""Where long computations keep how far they have come: outside of results, since a failed job's outputs are deleted."""

import os
from pathlib import Path

from polyadic.core.errors import InputError

VARIABLE = "POLYADIC_CHECKPOINTS"
"""Environment variable: the folder for checkpoints; unset: none are written."""


def folder(label: str, fingerprint: str) -> Path | None:
    """Return the folder of one computation, or None where none are to be written.

    Examples
    --------
    >>> folder("fit", "0123456789abcdef") is None or folder("fit", "0123456789abcdef").name
    True
    """
    text = os.environ.get(VARIABLE, "")
    return Path(text) / label / fingerprint[:12] if text else None


def check(found: str, expected: str, path: Path) -> None:
    """Raise `InputError` where a checkpoint is not of the computation that would go on from it.

    Examples
    --------
    >>> check("a", "a", Path("last.npz"))
    """
    if found != expected:
        raise InputError(f"{path}: made from other data, settings or code; move the folder away")
