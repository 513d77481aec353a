"""What goes wrong by the user's input, as opposed to a defect of the program."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave cannot be used; the message is one sentence they can act on."""


class OtherFormError(InputError):
    """A source does not read files of this form at all: whoever looks for a source asks the next one."""


class KnownFormError(InputError):
    """A source has recognised a file as its own, and a fault or a missing choice stops it."""


class ContractError(InputError):
    """A Dataset does not have the shape that its kind promises."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown name: the nearest known one, or all of them.

    Examples
    --------
    >>> nearest("rnk", ["rank", "seed"])
    "did you mean 'rank'?"
    >>> nearest("colour", ["rank", "seed"])
    'known: rank, seed'
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"
