"""Tensor component analysis: activity as neuron x time in the trial x trial, of one or several animals."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.errors import InputError
from polyadic.kinds import cp_factors
from polyadic.kinds import traces as kind

Array = NDArray[np.floating]
_DIFFERENCE = 0.954  # median of the absolute difference of two standard normal numbers


class Trials(NamedTuple):
    """Activity ``(neuron, time, trial)``, NaN where missing, and of each trial its animal and number."""

    activity: Array
    animal: NDArray[np.int64]
    number: NDArray[np.int64]


def tensor(traces: xr.Dataset) -> Trials:
    r"""Return the trials of all animals side by side, each from its start on.

    Activity is :math:`\max(0, x - m) / \sigma` with the median m of the neuron in its animal and the size of its noise,
    :math:`\sigma = \operatorname{med} |x_t - x_{t-1}| / .954`. (Traces are signed, and a range of its own would blow up
    the noise of silent neurons.) A trial that is shorter than the longest is missing behind its end; neurons of another
    animal are missing in its trials. The time course in the trial is shared by all trials.

    Raises
    ------
    InputError
        If the traces have no trials.
    """
    spans = kind.trials(traces)
    if not spans:
        raise InputError(
            "traces: model 'trials' needs the variable 'trial' (animal, time); read an NWB file with a table of trials,"
            " or an array with three axes"
        )
    values = traces["fluorescence"].to_numpy().astype(float)
    length = max(stop - start for *_, start, stop in spans)
    found = np.full((values.shape[1], length, len(spans)), np.nan)
    scaled = [_scaled(animal) for animal in values]
    for position, (animal, _, start, stop) in enumerate(spans):
        found[:, : stop - start, position] = scaled[animal][:, start:stop]
    columns = np.array([(animal, number) for animal, number, *_ in spans], np.int64).T
    return Trials(found, columns[0], columns[1])


def _scaled(values: Array) -> Array:
    """Return traces (neuron, time) above their medians, in units of their noise; NaN stays."""
    out = np.full(values.shape, np.nan)
    for row, trace in enumerate(values):
        if np.isfinite(trace).any():
            noise = float(np.nanmedian(np.abs(np.diff(trace)))) / _DIFFERENCE
            out[row] = np.maximum(trace - np.nanmedian(trace), 0) / (
                noise if noise > 0 else float(np.nanstd(trace)) or 1
            )
    return out


def decomposed(found: Trials, rank: int, starts: int, seed: int, limits: tuple[float, int]) -> Any:
    """Return the best of several starts of a non-negative CP model, with its likeness to the others."""
    from polyadic.kernels.dynamic_affinity import ranked
    from polyadic.kernels.nonnegative_cp import nonnegative_cp

    tolerance, most = limits
    known = np.isfinite(found.activity).any(axis=(1, 2))
    models = [
        nonnegative_cp(found.activity[known], rank, None, None, tolerance, most, 1, seed + start)
        for start in range(starts)
    ]
    best = ranked(models, mode=0)[0]
    neurons = np.zeros((known.size, rank))
    neurons[known] = best.factors[0]
    by_start = None
    if best.by_start is not None:
        by_start = np.zeros((starts, *neurons.shape), np.float32)
        by_start[:, known] = best.by_start
    return best._replace(factors=(neurons, *best.factors[1:]), by_start=by_start)


def to_dataset(model: Any, found: Trials, traces: xr.Dataset) -> xr.Dataset:
    """Return a model of (neuron, time, trial) as kind `cp_factors`, time from the start of the trial."""
    names = traces["animal"].to_numpy().astype(str)[found.animal]
    coords: dict[str, Any] = {
        "neuron": ("neuron", traces["neuron"].to_numpy().astype(str), {"long_name": "neuron"}),
        "time": (
            "time",
            np.arange(found.activity.shape[1]) / float(traces["sampling_rate"]),
            {"units": "s", "long_name": "time from the start of the trial"},
        ),
        "trial_animal": ("trial", names, {"long_name": "animal of the trial"}),
        "trial_number": ("trial", found.number, {"units": "1", "long_name": "number of the trial in its animal"}),
    }
    return cp_factors.dataset(
        model.weights,
        dict(zip(("neuron", "time", "trial"), model.factors, strict=True)),
        units="1",
        coords=coords,
        nonnegative=True,
        relative_error=model.relative_error,
    )
