"""One clock for all recordings: kept where they agree, else linear interpolation to the slowest."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.errors import InputError
from polyadic.sources.trace_files.recording import Recording
from polyadic.sources.trace_files.settings import TracesConfig

JITTER = 0.25
"""Intervals within this share of their median are the same interval, measured unevenly."""

GAP = 1.75
"""A longer interval than this many medians is a gap: what lies inside it is missing."""


def on_one_clock(recordings: Sequence[Recording], cfg: TracesConfig) -> tuple[list[Recording], float]:
    """Return the recordings on one clock that starts at the first frame of each, and its rate in Hz.

    Frames stay as they are where every clock is regular (up to `JITTER`) and the rates differ by less than one frame
    over the longest recording; otherwise all are interpolated at the slowest rate, and gaps stay missing.

    Raises
    ------
    InputError
        If a file has no clock, times do not ascend, or clocks differ and `resample` is off.
    """
    timed = [_timed(recording, cfg) for recording in recordings]
    clocks = [_of(recording) for recording in timed]
    rates = np.array([1 / np.median(np.diff(clock)) for clock in clocks])
    means = np.array([(clock.size - 1) / (clock[-1] - clock[0]) for clock in clocks])
    regular = [bool(np.all(np.abs(np.diff(c) * r - 1) <= JITTER)) for c, r in zip(clocks, rates, strict=True)]
    longest = max(clock.size for clock in clocks)
    if all(regular) and np.ptp(means) / means.min() * longest < 1:
        return timed, float(means[0])
    reason = "unequal" if all(regular) else "irregular"
    listed = ", ".join(f"{r.animal or r.path.name} {m:.4g} Hz" for r, m in zip(timed[:5], means[:5], strict=True))
    if not cfg.resample:
        raise InputError(f"{timed[0].path}: the clocks are {reason} ({listed}); set resample: true, or read them apart")
    rate = float(min(m if ok else r for m, r, ok in zip(means, rates, regular, strict=True)))
    progress.warn(f"the clocks are {reason} ({listed}): interpolated linearly at {rate:.4g} Hz, gaps left missing")
    return [_resampled(recording, clock, rate) for recording, clock in zip(timed, clocks, strict=True)], rate


def _timed(recording: Recording, cfg: TracesConfig) -> Recording:
    """Return the recording with times from 0, its events moved with them."""
    rate = cfg.sampling_rate or recording.rate
    time = recording.time
    if time is None and (rate is None or not rate > 0):
        raise InputError(
            f"{recording.path}: there is no frame rate; set sampling_rate: HZ (or time: the array or column of times)"
        )
    if time is None:
        time = np.arange(recording.values.shape[1]) / float(rate or 1)
    steps = np.diff(time)
    if not np.isfinite(time).all() or not (steps > 0).all():
        where = int(np.argmax(~(steps > 0))) + 1
        raise InputError(f"{recording.path}: times do not ascend at frame {where} ({time[where]:g} s); correct them")
    events = tuple((start - time[0], stop - time[0], label) for start, stop, label in recording.events)
    return replace(recording, time=time - time[0], events=events)


def _of(recording: Recording) -> NDArray[np.float64]:
    return np.zeros(0) if recording.time is None else recording.time


def _resampled(recording: Recording, clock: NDArray[np.float64], rate: float) -> Recording:
    new = np.arange(int(np.floor(clock[-1] * rate + 1e-9)) + 1) / rate
    right = np.clip(np.searchsorted(clock, new, side="right"), 1, clock.size - 1)
    left = right - 1
    weight = np.clip((new - clock[left]) / (clock[right] - clock[left]), 0, 1)
    inside = clock[right] - clock[left] > GAP * np.median(np.diff(clock))
    inside &= (weight > 0) & (weight < 1)

    def at(values: NDArray[np.floating]) -> NDArray[np.floating]:
        # A weight of nothing takes nothing: the neighbour of a frame that is met exactly may be missing.
        first, last = (np.where(w > 0, w * values[..., i], 0) for w, i in ((1 - weight, left), (weight, right)))
        return np.where(inside, np.nan, first + last).astype(values.dtype)

    behaviour = {name: at(series) for name, series in recording.behaviour.items()}
    trial = (
        None if recording.trial is None else np.where(inside, -1, recording.trial[np.where(weight < 1, left, right)])
    )
    trial = None if trial is None else trial.astype(np.int32)
    return replace(recording, values=at(recording.values), time=new, behaviour=behaviour, trial=trial)
