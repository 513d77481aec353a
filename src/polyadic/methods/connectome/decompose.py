"""Decompose the affinities of all pairs of neurons over time into components.

``python -m polyadic.methods.connectome.decompose --traces a.nc --config '{"rank": 3}' --out cp.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import cp_factors
from polyadic.kinds import traces as kind

if TYPE_CHECKING:
    from polyadic.kernels.nonnegative_cp import CP

KERNELS = ("auto", "rises", "changes", "product", "gaussian", "correlation")


@dataclasses.dataclass(frozen=True)
class DecomposeConfig:
    """Settings of the affinities and of their decomposition."""

    model: Literal["pairs", "cliques", "trials"] = setting(
        "pairs",
        "pairs: time x animal x pair, pairs free; cliques: the same with one clique a component, whose pairs weigh"
        " the product of its neurons; trials: activity as neuron x time in the trial x trial",
    )
    rank: int = setting(3, "number of components, at least 1")
    kernel: Literal["auto", "rises", "changes", "product", "gaussian", "correlation"] = setting(
        "auto",
        "affinity of two neurons; auto: rises for spiking indicators, changes for graded signals (z-score, BOLD)",
    )
    smoothing: float = setting(0.0, "standard deviation of the time window in s; 0: 1.5 s, at least three frames")
    alignment: Literal["auto", "shared", "per_animal"] = setting(
        "auto", "one time course for all animals, which needs a common clock, or one each; auto: by the clock"
    )
    background: bool = setting(
        True,
        "take from every moment the mean over the pairs of an animal: what the whole population does, no component",
    )
    starts: int = setting(8, "random starts, which share every pass over the data, at least 1")
    tolerance: float = setting(1e-4, "ends when a pass lowers the error by less than this share of it, twice")
    max_iterations: int = setting(200, "most passes over the data, at least 1")
    seed: int = setting(0, "seed of the starts")

    def __post_init__(self) -> None:
        """Refuse what no data could be decomposed with."""
        for name in ("rank", "starts", "max_iterations"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.smoothing < 0 or self.tolerance < 0:
            raise ValueError(f"smoothing and tolerance must not be negative, found {self.smoothing}, {self.tolerance}")


@stage(name="connectome.decompose", config=DecomposeConfig, traces=kind.SCHEMA, output=cp_factors.SCHEMA)
def decompose(cfg: DecomposeConfig, traces: xr.Dataset) -> xr.Dataset:
    """Decompose the affinities of all pairs of neurons over time into non-negative components."""
    if cfg.model == "trials":
        return of_trials(cfg, traces)
    alignment = aligned(cfg.alignment, traces)
    kernel = chosen_kernel(cfg.kernel, traces)
    model = fitted(cfg, traces, kernel, alignment)
    out = with_stability(to_dataset(model, traces), model)
    if model.neurons is not None:
        label = {"units": "1", "long_name": "weight of the neuron in the component's clique"}
        out["clique"] = (("neuron", "component"), model.neurons, label)
    out.attrs |= {"model": cfg.model, "kernel": kernel, "alignment": alignment, "background": int(cfg.background)}
    if cfg.smoothing:
        out.attrs["smoothing"] = float(cfg.smoothing)
    return out


def of_trials(cfg: DecomposeConfig, traces: xr.Dataset) -> xr.Dataset:
    """Return the decomposition of activity by trials."""
    from polyadic.methods.connectome import trials

    found = trials.tensor(traces)
    progress.log(f"{found.animal.size} trials of {found.activity.shape[1]} frames")
    model = trials.decomposed(found, cfg.rank, cfg.starts, cfg.seed, (cfg.tolerance, cfg.max_iterations))
    out = with_stability(trials.to_dataset(model, found, traces), model)
    out.attrs["model"] = "trials"
    return out


def fitted(cfg: DecomposeConfig, traces: xr.Dataset, kernel: str, alignment: str) -> "CP":
    """Return the best model, gone on with from a checkpoint where one is there."""
    from polyadic.core.parallel import ordered_map
    from polyadic.kernels.dynamic_affinity import decompose as decomposed
    from polyadic.kernels.dynamic_affinity import starting_points
    from polyadic.methods.connectome.api import prepared
    from polyadic.methods.connectome.checkpoint import Keeper, fingerprint

    rows = prepared(
        traces["fluorescence"].to_numpy(),
        float(traces["sampling_rate"]),
        kernel=kernel,
        smoothing=cfg.smoothing or "auto",
        alignment=alignment,
        background=cfg.background,
    )
    keeper = Keeper("decompose", fingerprint(traces, dataclasses.asdict(cfg)), cfg.max_iterations)
    fits = keeper.resumed(starting_points(rows, cfg.rank, cfg.starts, cfg.seed, cliques=cfg.model == "cliques"))
    return decomposed(
        rows,
        fits,
        tolerance=cfg.tolerance,
        max_iterations=cfg.max_iterations,
        mapper=ordered_map,
        watch=keeper,
    )[0]


def aligned(wanted: str, traces: xr.Dataset) -> Literal["shared", "per_animal"]:
    """Return whether animals share their time courses, or raise `ValueError` where they cannot."""
    shared = kind.has_shared_clock(traces)
    if wanted == "shared" and not shared:
        raise ValueError(
            "alignment 'shared' needs a common stimulus clock, but the traces have clock 'per_animal';"
            " use alignment: per_animal, or say clock: shared where the data are read"
        )
    return "per_animal" if wanted == "per_animal" or not shared else "shared"


def chosen_kernel(wanted: str, traces: xr.Dataset) -> str:
    """Return the affinity: for ``auto`` the one that suits the type of the signal."""
    graded = traces.attrs.get("signal_type") in ("z-score", "BOLD")
    return ("changes" if graded else "rises") if wanted == "auto" else wanted


def to_dataset(model: "CP", traces: xr.Dataset) -> xr.Dataset:
    """Return a model of (time, animal, pair) as kind `cp_factors`."""
    frames = np.arange(0) if model.frames is None else model.frames
    first, second = np.triu_indices(traces.sizes["neuron"], 1)
    coords: dict[str, Any] = {
        "time": ("time", traces["time"].to_numpy()[frames], dict(traces["time"].attrs)),
        "animal": ("animal", traces["animal"].to_numpy().astype(str), {"long_name": "animal"}),
        "neuron": ("neuron", traces["neuron"].to_numpy().astype(str), {"long_name": "neuron"}),
        "neuron_first": ("pair", first, {"units": "1", "long_name": "position of the first neuron of the pair"}),
        "neuron_second": ("pair", second, {"units": "1", "long_name": "position of the second neuron of the pair"}),
        "frame": ("time", frames, {"units": "1", "long_name": "frame of the traces"}),
    }
    return cp_factors.dataset(
        model.weights,
        dict(zip(("time", "animal", "pair"), model.factors, strict=True)),
        units="1",
        coords=coords,
        nonnegative=True,
        relative_error=model.relative_error,
    )


def with_stability(out: xr.Dataset, model: "CP") -> xr.Dataset:
    """Return the Dataset of a model with how it came about: convergence, and likeness over the starts."""
    progress.log(f"relative error {model.relative_error[-1]:.4f} after {model.iterations} passes")
    if not model.converged:
        progress.warn(f"not converged after {model.iterations} passes; raise max_iterations or tolerance")
    out["converged"] = cp_factors.flag(model.converged, "the error settled within the passes allowed")
    label = {"units": "1", "long_name": "mean similarity of the component to its partners in the other starts"}
    out["stability"] = ("component", np.clip(np.asarray(model.stability), 0, 1), label)
    if model.by_start is not None:
        label = {"units": "1", "long_name": "the factor in each start, best start first, components by partner"}
        mode = "neuron" if "trial" in out.dims else "pair"
        out[f"{mode}_by_start"] = (("replicate", mode, "component"), model.by_start, label)
    label = {"units": "1", "long_name": "mean similarity of the start's components to those kept, best start first"}
    out["similarity"] = ("replicate", np.clip(np.asarray(model.similarity), 0, 1), label)
    return out


if __name__ == "__main__":
    decompose.cli()
