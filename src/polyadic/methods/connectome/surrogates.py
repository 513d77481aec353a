"""Say which components exceed surrogates without dynamics, and which exceed surrogates without synchrony."""

import dataclasses
from typing import Literal

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import cp_factors
from polyadic.kinds import traces as kind


@dataclasses.dataclass(frozen=True)
class SurrogatesConfig:
    """Settings of the tests."""

    count: int = setting(39, "surrogates of each null model, at least 1; the smallest p-value is 1 / (count + 1)")
    null: Literal["auto", "blocks", "innovations", "amplitude"] = setting(
        "auto",
        "null of no dynamics. blocks: blocks of time in random order, for sparse signals; innovations: autoregressive"
        " processes driven by the signals' own innovations in random order, the same for all; amplitude: multivariate"
        " amplitude-adjusted surrogates; auto: innovations for BOLD and z-scores, whose memory is long, else blocks",
    )
    block: float = setting(6.0, "length of a block in s: longer than the decay, shorter than the dynamics looked for")
    level: float = setting(0.05, "level of the tests over all components, in (0, 1)")
    seed: int = setting(0, "seed of the surrogates")

    def __post_init__(self) -> None:
        """Refuse what no test could be made of."""
        if self.count < 1 or self.block <= 0 or not 0 < self.level < 1:
            raise ValueError("count must be at least 1, block positive and level in (0, 1)")


@stage(
    name="connectome.surrogates",
    config=SurrogatesConfig,
    traces=kind.SCHEMA,
    factors=cp_factors.SCHEMA,
    output=cp_factors.SCHEMA,
)
def surrogates(cfg: SurrogatesConfig, traces: xr.Dataset, factors: xr.Dataset) -> xr.Dataset:
    """Say which components exceed those of surrogates that have no dynamics, or no synchrony.

    Surrogates are decomposed as the data were; a component counts if its statistic exceeds the greatest of a
    surrogate's components in all but a share ``level`` of them. Fit alone claims nothing.
    """
    if "trial" in factors.dims:
        return of_trials(cfg, traces, factors)
    from polyadic.methods.connectome.significance import (
        Model,
        Recording,
        observed_statistics,
        p_values,
        refitted,
        seen_pairs,
        statistics,
    )
    from polyadic.methods.connectome.significance import surrogates as made

    rate = float(traces["sampling_rate"])
    recording = Recording(
        traces["fluorescence"].to_numpy().astype(float),
        rate,
        str(factors.attrs.get("kernel", "rises")),
        float(factors.attrs.get("smoothing", max(1.5, 3 / rate))),
        factors.attrs.get("alignment") == "per_animal",
        bool(factors.attrs.get("background", 1)),
    )
    rank, cliques = factors.sizes["component"], factors.attrs.get("model") == "cliques"
    rows = recording.rows(recording.traces)
    window = round(3 * cfg.block * rate / rows.width)
    names = ("weight", "factor_time", "factor_animal", "factor_pair")
    model = Model(*(factors[name].to_numpy() for name in names))
    seen = seen_pairs(rows)
    observed = observed_statistics(model, rows, cfg.seed, window, cliques)
    graded = traces.attrs.get("signal_type") in ("z-score", "BOLD")
    dynamics = ("innovations" if graded else "blocks") if cfg.null == "auto" else cfg.null
    out = factors.load().copy()
    for position, (name, null) in enumerate((("dynamics", dynamics), ("synchrony", "shifts"))):
        drawn = made(recording, null, cfg.count, cfg.seed, cfg.block)
        fits = (refitted(one, rank, cfg.seed, cliques) for one in progress.track(drawn, cfg.count))
        found = p_values(observed[position], np.stack([statistics(fit, window, seen)[position] for fit in fits]))
        out = told(out, name, null, found, cfg.level)
    return out


def of_trials(cfg: SurrogatesConfig, traces: xr.Dataset, factors: xr.Dataset) -> xr.Dataset:
    """Say which components change over trials, and in which neurons vary together from trial to trial."""
    from polyadic.methods.connectome.trial_tests import significance

    found, out = significance(traces, factors, cfg.count, cfg.seed), factors.load().copy()
    out = told(out, "dynamics", "whole trials permuted", found.dynamics, cfg.level)
    return told(out, "synchrony", "trials of every neuron permuted", found.synchrony, cfg.level)


def told(out: xr.Dataset, name: str, null: str, found: np.ndarray, level: float) -> xr.Dataset:
    """Return the components with their p-values, and log which exceed the surrogates."""
    label = {"units": "1", "long_name": f"p-value of {name} against surrogates ({null}), over all components"}
    exceeds = [str(component) for component in np.flatnonzero(found <= level)]
    progress.log(f"components that exceed surrogates without {name}: {', '.join(exceeds) or 'none'}")
    if not exceeds:
        progress.warn(f"that is no evidence against {name}: the test is conservative")
    return out.assign({f"p_{name}": ("component", found, label)})


if __name__ == "__main__":
    surrogates.cli()
