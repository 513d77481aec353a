"""Score the components against what a simulator planted, or by their stability where nothing is known."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import communities as community_kind
from polyadic.kinds import cp_factors, metrics
from polyadic.kinds import traces as kind
from polyadic.kinds.metrics import Metric


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Which baselines stand beside the components."""

    baselines: bool = setting(True, "also score epochs known, one naive start, and clustered window correlations")


@stage(
    name="connectome.evaluate",
    config=EvaluateConfig,
    traces=Input((kind.SCHEMA,), groups=True),
    factors=cp_factors.SCHEMA,
    communities=Input((community_kind.SCHEMA,), optional=True),
    output=metrics.SCHEMA,
)
def evaluate(
    cfg: EvaluateConfig,
    traces: xr.Dataset | xr.DataTree,
    factors: xr.Dataset,
    communities: xr.Dataset | None = None,
) -> xr.Dataset:
    """Score the components against the planted truth beside baselines; without truth, report their stability."""
    truth, traces = kind.truth(traces), kind.root(traces)
    if truth is None or "factor_pair" not in factors or factors["factor_time"].ndim != 2 or "frame" not in factors:
        progress.log("the traces hold no truth on a shared clock: stability is reported, nothing is scored against it")
        return stability(factors)
    from polyadic.evaluation import connectomes

    ours = connectomes.Components(
        factors["factor_time"].to_numpy(), factors["factor_pair"].to_numpy(), factors["frame"].to_numpy()
    )
    found = {"connectome": ours, "greedy_modularity": ours} if communities is not None else {"connectome": ours}
    recorded = traces["observed"].any("animal").to_numpy()
    membership = truth["membership"].to_numpy()
    active = truth["active"].any("animal").to_numpy()
    if cfg.baselines:
        found |= _baselines(traces, factors, active)
    value, error = np.zeros((2, len(found))), np.zeros((2, len(found)))
    for column, (name, components) in enumerate(found.items()):
        own = labels(communities, factors) if name == "connectome" else None
        for row, score in enumerate(connectomes.scores(components, membership, active, own, recorded)):
            value[row, column] = score.mean()
            error[row, column] = score.std(ddof=1) / np.sqrt(score.size) if score.size > 1 else np.nan
    for name, (ami, iou) in zip(found, value.T, strict=True):
        progress.log(f"{name}: AMI {ami:.3f}, epoch IoU {iou:.3f}")
    known = {"ami": Metric(1, "1"), "epoch_iou": Metric(1, "1")}
    return metrics.dataset(value, error, metrics=known, methods=list(found), units="1")


def _baselines(traces: xr.Dataset, factors: xr.Dataset, active: np.ndarray) -> dict[str, Any]:
    from polyadic.evaluation import connectomes
    from polyadic.kernels.dynamic_affinity import affinity_rows

    values, rate = traces["fluorescence"].to_numpy().astype(float), float(traces["sampling_rate"])
    rank, kernel = factors.sizes["component"], str(factors.attrs["kernel"])
    background = bool(factors.attrs.get("background", 1))
    rows = affinity_rows(
        values, rate, kernel=kernel, smoothing=max(1.5, 3 / rate), per_animal=False, background=background
    )
    return {
        "epochs_known": connectomes.epochs_known(rows, active),
        "naive_ntf": connectomes.naive(values, rate, rank, kernel),
        "window_correlation": connectomes.window_correlation(values, rate, rank),
    }


def labels(communities: xr.Dataset | None, factors: xr.Dataset) -> np.ndarray | None:
    """Return the communities (component, neuron) of the stage that found them, or None where it was not given."""
    if communities is None:
        return None
    if communities.sizes["component"] != factors.sizes["component"]:
        raise InputError(
            f"communities: {communities.sizes['component']} components, but the factors have"
            f" {factors.sizes['component']}; give the communities of these factors"
        )
    return communities["membership"].isel(level=0).to_numpy()


def stability(factors: xr.Dataset) -> xr.Dataset:
    """Return the mean stability of the components over the starts and the error that they leave."""
    known = {"stability": Metric(1, "1"), "relative_error": Metric(-1, "1")}
    value = (
        [float(factors["stability"].mean()), float(factors["relative_error"][-1])]
        if "stability" in factors
        else [
            np.nan,
            float(factors["relative_error"][-1]) if "relative_error" in factors else np.nan,
        ]
    )
    column = np.array(value)[:, None]
    return metrics.dataset(column, np.full((2, 1), np.nan), metrics=known, methods=["connectome"], units="1")


if __name__ == "__main__":
    evaluate.cli()
