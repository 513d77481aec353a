"""Follow the runs of the test in time: each prediction is the input of the next.

``python -m polyadic.methods.mgtfno.rollout --fields split.nc --operator operator.nc --out rollout.nc``
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind
from polyadic.kinds import operator as operators
from polyadic.methods.mgtfno.predict import LARGE, check_geometry, with_predictions
from polyadic.methods.mgtfno.recurrence import Recurrence, recurrence

HELD = 8 * 2**30
"""Bytes of states that may be held."""

METHODS = 4
"""The operator and what is followed beside it."""

Values = NDArray[np.float32]
Step = Callable[[Values], Values]


@dataclasses.dataclass(frozen=True)
class RolloutConfig:
    """How far runs are followed."""

    steps: int = setting(0, "applications of the operator; 0: as many as every run of the test can be compared with")
    start: int = setting(0, "step of the runs that they are followed from, such as the first after a flow has set in")
    batch: int = setting(16, "runs at a time, at least 1")

    def __post_init__(self) -> None:
        """Refuse negative steps and empty batches."""
        for name, low in (("steps", 0), ("start", 0), ("batch", 1)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")


@stage(name="mgtfno.rollout", config=RolloutConfig, fields=kind.SCHEMA, operator=operators.SCHEMA, output=kind.SCHEMA)
def rollout(cfg: RolloutConfig, fields: xr.Dataset, operator: xr.DataTree) -> xr.Dataset:
    """Return the runs of the test along ``lead``, applications since the start, predicted from their first state only.

    Beside the operator: the first state held (persistence), the mean of the training outputs, and a linear map in
    principal components fitted to single steps, applied again and again. ``relative_l2_by_<method>`` (sample, lead)
    are the errors over all outputs.

    Raises
    ------
    InputError
        If samples do not follow one another, no run of the test has two in a row, or their states need too much memory.
    """
    from polyadic.evaluation import field_baselines
    from polyadic.methods.mgtfno import network

    link = recurrence(fields)
    model = network.from_tree(operator)
    check_geometry(fields, model.architecture)
    test = kind.where_split(fields, "test")
    test = test.isel(sample=np.flatnonzero(test["moment"].to_numpy() >= cfg.start))
    rows = _rows(test, link.next_samples(test), cfg.steps)
    _check_held(fields, rows.size)
    first = test.isel(sample=rows[:, 0]).load()
    truth = np.stack([kind.array(test.isel(sample=column), "output") for column in rows.T], axis=1)
    given, leads = kind.array(first, "input"), truth.shape[1]
    parts = {use: kind.where_split(fields, use).load() for use in ("train", "validation")}
    x, y = ({use: kind.array(ds, role) for use, ds in parts.items()} for role in ("input", "output"))
    mean = y["train"].mean(axis=0, dtype=np.float64).astype(np.float32)
    methods: dict[str, Step] = {
        "mgtfno": _step(model, fields, cfg.batch),
        "persistence": link.held,
        "mean": lambda inputs: np.repeat(mean[None], len(inputs), axis=0),
        "linear": field_baselines.fitted(x, y),
    }
    predicted = {}
    for name, step in progress.track(methods.items(), len(methods)):
        predicted[name] = _followed(step, link, given, leads)
    out = _dataset(first, truth, predicted)
    for name in methods:
        error = out[f"relative_l2_by_{name}"].mean("sample").to_numpy()
        progress.log(f"{name}: relative L2 {error[0]:.4g} after one step, {error[-1]:.4g} after {leads}")
    return out


def _check_held(fields: xr.Dataset, states: int) -> None:
    """Raise `InputError` where the states of all runs, by every method, do not fit into memory."""
    one = sum(fields[name].isel(sample=0).nbytes for name in kind.names(fields, "output"))
    held = (1 + METHODS) * states * one
    if held > HELD:
        raise InputError(
            f"{kind.origin(fields)}: {states} states of all runs by {METHODS} methods take {held / 2**30:.1f} GiB,"
            f" accepted are {HELD / 2**30:g}; follow fewer with the settings steps and start, or hold out fewer runs"
        )


def _step(model: Any, fields: xr.Dataset, batch: int) -> Step:
    """Return the operator for arrays, with the activations of one patch or of some rows where fields are large."""
    from polyadic.methods.mgtfno import blocks, network

    if math.prod(fields.sizes[name] for name in kind.space(fields)) < LARGE:
        return lambda inputs: network.predicted(model, inputs, batch)
    return lambda inputs: np.concatenate([blocks.whole_field(model, one[None]) for one in inputs])


def _rows(test: xr.Dataset, following: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return samples of each run in a row, from its first on, all rows as long as the shortest or ``most``."""
    starts = np.setdiff1d(np.arange(following.size), following)
    rows = []
    for start in starts:
        row = [int(start)]
        while following[row[-1]] >= 0 and (not most or len(row) < most):
            row.append(int(following[row[-1]]))
        rows.append(row)
    shortest = min((len(row) for row in rows), default=0)
    if shortest < 2:
        raise InputError(
            f"{kind.origin(test)}: a run of the test has less than two samples in a row, accepted are two or more; cut"
            " it again"
        )
    if most > shortest:
        progress.warn(f"runs are followed for {shortest} steps, not {most}: the shortest of the test has no more")
    return np.array([row[:shortest] for row in rows])


def _followed(step: Step, link: Recurrence, given: Values, leads: int) -> Values:
    """Return the outputs (sample, lead, channel, axes ...) of a method that sees its own outputs."""
    import torch

    inputs, found = given, []
    for _ in range(leads):
        found.append(np.asarray(step(inputs), np.float32))
        inputs = link.advance(torch.as_tensor(inputs), torch.as_tensor(found[-1])).numpy()
    return np.stack(found, axis=1)


def _dataset(first: xr.Dataset, truth: Values, predicted: dict[str, Values]) -> xr.Dataset:
    """Return the runs: outputs and predictions with the dimension ``lead``, and the errors of each method by lead."""
    names = kind.names(first, "output")
    where, leads = kind.space(first), truth.shape[1]
    out, split_at = first.drop_vars([*names, *kind.names(first, "check")]), 0
    whole: dict[str, list[Values]] = {name: [] for name in predicted}
    for name in names:
        one = first[name].transpose("sample", ..., *where)
        inner, shape = one.dims[1 : one.ndim - len(where)], one.shape[1:]
        count = int(np.prod(shape[: len(inner)], dtype=int))
        part = slice(split_at, split_at + count)
        split_at += count
        attributes = {key: value for key, value in one.attrs.items() if key not in ("steps", "times")}
        dims = ("sample", "lead", *inner, *where)
        out[name] = (dims, truth[:, :, part].reshape(len(truth), leads, *shape), attributes)
        for method, values in predicted.items():
            whole[method].append(values[:, :, part].reshape(len(truth), -1, *shape[len(inner) :]))
    out = with_predictions(out, {method: np.concatenate(parts, axis=1) for method, parts in whole.items()})
    text: dict[str, Any] = {"units": "1", "long_name": "applications since the start"}
    out = out.assign_coords(lead=("lead", np.arange(1, leads + 1), text))
    for method, values in predicted.items():
        attributes = {"units": "1", "long_name": f"relative L2 error of {method}", "role": "check", "method": method}
        out[f"relative_l2_by_{method}"] = (("sample", "lead"), _errors(values, truth), attributes)
    return out


def _errors(values: Values, truth: Values) -> NDArray[np.float64]:
    inside = tuple(range(2, truth.ndim))
    square = np.square((values - truth).astype(np.float64)).sum(inside)
    return np.asarray(np.sqrt(square / np.maximum(np.square(truth.astype(np.float64)).sum(inside), 1e-300)))


if __name__ == "__main__":
    rollout.cli()
