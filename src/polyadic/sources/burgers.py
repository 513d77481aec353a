"""Source `burgers`: waves that steepen and decay on a periodic line, from random smooth starts.

``python -m polyadic.sources.burgers --config '{"samples": 500, "points": 128}' --out burgers.nc``
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import parallel, progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind


@dataclass(frozen=True)
class BurgersConfig:
    """Settings of the samples; the defaults follow the benchmark in use."""

    samples: int = setting(40, "number of samples, at least 1")
    points: int = setting(64, "points that are stored, at least 4")
    refinement: int = setting(4, "points of the solver for each point that is stored, at least 1")
    viscosity: float = setting(0.01, "viscosity in length squared by time, above 0")
    time: float = setting(1.0, "final time, above 0")
    steps: int = setting(400, "time steps, at least 1")
    amplitude: float = setting(25.0, "scale sigma of the starts, a field of covariance sigma^2 (-Laplacian + tau^2)^-2")
    tau: float = setting(5.0, "inverse length tau of the starts")
    chunk: int = setting(32, "samples solved in one task; the first of each is checked with half the step")
    seed: int = setting(0, "seed; sample i has a stream of its own")

    def __post_init__(self) -> None:
        """Refuse what makes no grid or no wave."""
        for name, low in (("samples", 1), ("points", 4), ("refinement", 1), ("steps", 1), ("chunk", 1), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")
        for name in ("viscosity", "time", "amplitude", "tau"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name):g}")


@stage(name="sources.burgers", config=BurgersConfig, output=kind.SCHEMA)
def burgers(cfg: BurgersConfig) -> xr.Dataset:
    """Solve u_t + u u_x = nu u_xx on a periodic line of length one, from Gaussian starts.

    ``step_error`` is the difference from a run with half the time step, relative to the solution, of the first sample
    of each chunk; NaN elsewhere.
    """
    chunks = [(cfg, first, min(first + cfg.chunk, cfg.samples)) for first in range(0, cfg.samples, cfg.chunk)]
    done = list(progress.track(parallel.ordered_map(_solve, chunks), len(chunks)))
    start, end, error = (np.concatenate(parts) for parts in zip(*done, strict=True))
    return kind.dataset(
        {
            "start": (start, "input", {"units": "1", "long_name": "velocity at the start"}),
            "end": (end, "output", {"units": "1", "long_name": "velocity at the end"}),
            "step_error": (error, "check", {"units": "1", "long_name": "relative difference from half the step"}),
        },
        {"x": kind.Axis()},
        equation=f"u_t + u u_x = {cfg.viscosity:g} u_xx, t = {cfg.time:g}, periodic",
        generator=f"Fourier, integrating factor and RK4, {cfg.steps} steps, 2/3 rule",
    )


def _solve(task: tuple[BurgersConfig, int, int]) -> tuple[NDArray[np.float32], ...]:
    from polyadic.kernels.integrating_factor import burgers as solve
    from polyadic.kernels.random_fields import periodic_field

    cfg, first, last = task
    n = (cfg.points * cfg.refinement,)
    streams = [np.random.default_rng([cfg.seed, sample]) for sample in range(first, last)]
    start = np.stack([periodic_field(n, cfg.tau, 2.0, cfg.amplitude, rng) for rng in streams])
    end = solve(start, cfg.viscosity, cfg.time, cfg.steps)
    finer = solve(start[:1], cfg.viscosity, cfg.time, 2 * cfg.steps)[0]
    error = np.full(last - first, np.nan, np.float32)
    error[0] = np.linalg.norm(end[0] - finer) / np.linalg.norm(finer)
    step = cfg.refinement
    return start[:, ::step].astype(np.float32), end[:, ::step].astype(np.float32), error


if __name__ == "__main__":
    burgers.cli()
