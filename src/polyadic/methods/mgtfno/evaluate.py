"""Score the test predictions beside the baselines, and the operator on a finer grid than it was trained on."""

import dataclasses

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import fields as kind
from polyadic.kinds import metrics
from polyadic.kinds import operator as operators


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What is scored besides the test samples."""

    fine: str = setting(
        "",
        "dataset of the same equation on a finer grid; its test samples (all, without flags) are scored; empty: none",
    )
    rollout: bool = setting(
        False, "whether runs of the test are also followed step by step, each prediction the input of the next"
    )


@stage(
    name="mgtfno.evaluate",
    config=EvaluateConfig,
    predict=kind.SCHEMA,
    baselines=kind.SCHEMA,
    operator=operators.SCHEMA,
    fine=Input((kind.SCHEMA,), optional=True),
    rollout=Input((kind.SCHEMA,), optional=True),
    output=metrics.SCHEMA,
)
def evaluate(
    _: EvaluateConfig,
    predict: xr.Dataset,
    baselines: xr.Dataset,
    operator: xr.DataTree,
    fine: xr.Dataset | None = None,
    rollout: xr.Dataset | None = None,
) -> xr.Dataset:
    """Score the test predictions beside the baselines; on a finer grid three ways of predicting; runs in time.

    Native: fine input to fine output. Resampled: the input at the coarse nodes, predicted there, brought to the fine
    grid by the series that fits the boundary. Naive: the same by a periodic series, whatever the boundary. Of runs that
    were followed in time the relative L2 error in the mean over all steps, and at the last.

    Raises
    ------
    InputError
        If the samples of the two files differ.
    """
    from polyadic.evaluation import fields as scoring

    truth = kind.array(predict, "output")
    if not np.array_equal(truth, kind.array(baselines, "output")):
        raise InputError("the baselines were made for other samples than the predictions; make both again")
    methods = {**scoring.by_method(predict), **scoring.by_method(baselines)}
    scored = {name: scoring.scores(values, truth, predict) for name, values in methods.items()}
    if fine is not None:
        points = tuple(predict.sizes[name] for name in kind.space(predict))
        scored["mgtfno"] |= _finer(fine, operator, points)
    if rollout is not None:
        for method, found in _followed(rollout).items():
            scored[method] = scored.get(method, {}) | found
    out = scoring.table(scored, {**scoring.parameters(predict), **scoring.parameters(baselines)})
    out.attrs = {"split": "test", "samples": int(truth.shape[0])}
    for method, one in scored.items():
        progress.log(f"{method}: " + ", ".join(f"{name} {float(v.mean()):.4g}" for name, v in one.items()))
    return out


def _followed(rollout: xr.Dataset) -> dict[str, dict[str, np.ndarray]]:
    """Return the errors of each run of the test by method: in the mean over the steps, and at the last."""
    errors = [ds for name in kind.names(rollout, "check") if "method" in (ds := rollout[name].load()).attrs]
    return {
        str(error.attrs["method"]): {
            "relative_l2_rollout": error.mean("lead").to_numpy(),
            "relative_l2_rollout_last": error.isel(lead=-1).to_numpy(),
        }
        for error in errors
    }


def _finer(fine: xr.Dataset, operator: xr.DataTree, points: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the relative L2 error of each fine test sample, by way of predicting."""
    from polyadic.evaluation import fields as scoring
    from polyadic.methods.mgtfno import network
    from polyadic.methods.mgtfno.predict import check_geometry

    model = network.from_tree(operator)
    check_geometry(fine, model.architecture)
    chosen = kind.where_split(fine, "test").load()
    inputs, truth = kind.array(chosen, "input"), kind.array(chosen, "output")
    there = tuple(truth.shape[2:])
    found: dict[str, np.ndarray] = {"native": network.predicted(model, inputs)}
    coarse = scoring.coarsened(inputs, points, fine)
    if coarse is not None:
        low = network.predicted(model, np.ascontiguousarray(coarse))
        found["resampled"] = scoring.refined(low, there, fine, aware=True)
        found["naive"] = scoring.refined(low, there, fine, aware=False)
    name = "x".join(dict.fromkeys(map(str, there)))
    return {
        f"relative_l2_{name}_{way}": scoring.scores(values, truth, fine)["relative_l2"] for way, values in found.items()
    }


if __name__ == "__main__":
    evaluate.cli()
