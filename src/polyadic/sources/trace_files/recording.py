"""One recording of one animal, as every reader returns it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyadic.core.errors import InputError, nearest

Span = tuple[float, float, str]
"""Start and stop in s on the clock of the file, and a label."""


@dataclass(frozen=True)
class Recording:
    """What a file says of one animal.

    Attributes
    ----------
    path, animal
        Where it is from; the animal's name, empty where the file has none.
    values
        Traces (roi, time), NaN where missing.
    names
        Name of each ROI, or none at all.
    time, rate
        Times of the frames in s, or the frame rate in Hz; both are missing where the file has neither.
    signal_type, units
        As the file says, empty where it does not.
    events, behaviour, position
        Spans; series (time,) by name; centres of the ROIs (roi, 2 or 3), NaN where unknown.
    rois
        Position of each row in the file.
    trial
        Number of the trial of each frame (time,), -1 outside of trials.
    session
        Name of the session, empty where the file has none.
    """

    path: Path
    animal: str
    values: NDArray[np.floating[Any]]
    names: tuple[str, ...] | None = None
    time: NDArray[np.float64] | None = None
    rate: float | None = None
    signal_type: str = ""
    units: str = ""
    events: tuple[Span, ...] = ()
    behaviour: dict[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    position: NDArray[np.float64] | None = None
    rois: NDArray[np.intp] | None = None
    trial: NDArray[np.int32] | None = None
    session: str = ""

    def check(self) -> None:
        """Raise `InputError` where the parts do not fit together."""
        where = f"{self.path}, animal {self.animal}" if self.animal else str(self.path)
        rois, frames = self.values.shape
        if rois < 1 or frames < 2:
            raise InputError(f"{where}: the traces have {rois} ROIs and {frames} frames; accepted are 1 and 2 or more")
        for what, found, wanted in (
            ("names", self.names, rois),
            ("time", self.time, frames),
            ("trial", self.trial, frames),
            *((f"behaviour {name!r}", series, frames) for name, series in self.behaviour.items()),
        ):
            if found is not None and len(found) != wanted:
                raise InputError(
                    f"{where}: {what} has {len(found)} entries, the traces are {rois} ROIs x {frames} frames; set"
                    " orientation, names or time"
                )


def numbers(values: Any, where: str) -> NDArray[np.floating[Any]]:
    """Return an array of numbers as floats (float32 stays), or raise `InputError`."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise InputError(f"{where}: holds {array.dtype}, accepted are numbers; name another array by series")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def texts(values: Any) -> tuple[str, ...]:
    """Return an array of texts, bytes or numbers as texts."""
    found = np.asarray(values).ravel().tolist()
    return tuple((v.decode() if isinstance(v, bytes) else str(v)).strip() for v in found)


def choose(where: str, what: str, wanted: str, found: Sequence[str], setting: str) -> str:
    """Return the one that is wanted, or the only one; else list them and name the setting."""
    if wanted:
        matching = [name for name in found if name == wanted or name.endswith(f"/{wanted.lstrip('/')}")]
        if len(matching) == 1:
            return matching[0]
        hint = f"it fits {', '.join(matching)}" if matching else nearest(wanted, found)
        raise InputError(f"{where}: setting {setting} names {wanted!r}, which is not one {what}; {hint}")
    if len(found) == 1:
        return found[0]
    listed = ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "") or "none"
    raise InputError(f"{where}: found {len(found)} {what} ({listed}); choose one by {setting}: NAME")


TRIAL_AXES = {"neuron_time_trial": (2, 0, 1), "trial_neuron_time": (0, 1, 2), "trial_time_neuron": (0, 2, 1)}
"""Orientations of arrays with trials, and the axes that are trial, neuron and time."""


def joined_trials(
    values: NDArray[np.floating[Any]], orientation: str, where: str
) -> tuple[NDArray[np.floating[Any]], NDArray[np.int32]]:
    """Return an array of three axes as traces (roi, time), trial behind trial, and the trial of each frame.

    Examples
    --------
    >>> joined_trials(np.zeros((2, 3, 4)), "trial_neuron_time", "x.npz")[1]
    array([0, 0, 0, 0, 1, 1, 1, 1], dtype=int32)
    """
    if orientation not in TRIAL_AXES:
        raise InputError(
            f"{where}: has three axes {values.shape}; set orientation: {' or '.join(TRIAL_AXES)} (or name another array"
            " by series)"
        )
    ordered = values.transpose(TRIAL_AXES[orientation])
    trials, rois, frames = ordered.shape
    number = np.repeat(np.arange(trials, dtype=np.int32), frames)
    return ordered.transpose(1, 0, 2).reshape(rois, trials * frames), number


def trials_of(time: NDArray[np.float64], spans: Sequence[tuple[float, float]]) -> NDArray[np.int32]:
    """Return the number of the span that each frame lies in, -1 in none; where spans meet, the later one's.

    Examples
    --------
    >>> trials_of(np.arange(6.0), [(1, 3), (3, 5)])
    array([-1,  0,  0,  1,  1, -1], dtype=int32)
    """
    found = np.full(time.size, -1, np.int32)
    for number, (start, stop) in enumerate(spans):
        found[(time >= start) & (time < stop)] = number
    return found


def oriented(
    values: NDArray[np.floating[Any]], orientation: str, names: int | None, frames: int | None, where: str
) -> NDArray[np.floating[Any]]:
    """Return traces as (roi, time) by the setting, or by the number of names or times."""
    if values.ndim != 2:
        raise InputError(
            f"{where}: has {values.ndim} dimensions {values.shape}, accepted are 2; name another by series"
        )
    if orientation != "auto":
        return values if orientation == "neuron_time" else values.T
    for count, axis in ((names, 0), (frames, 1)):
        fits = [values.shape[axis] == count, values.shape[1 - axis] == count]
        if count is not None and any(fits):
            if all(fits):
                break
            return values if fits[0] else values.T
    if values.shape[0] == values.shape[1] or (names is None and frames is None):
        raise InputError(
            f"{where}: nothing tells the neurons from the frames of {values.shape}; set orientation: neuron_time or"
            " time_neuron"
        )
    raise InputError(
        f"{where}: its shape {values.shape} fits neither {names} names nor {frames} times; set"
        " orientation, names or time"
    )
