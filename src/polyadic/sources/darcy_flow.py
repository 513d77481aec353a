"""Source `darcy_flow`: pressure of a steady flow through a square of two permeabilities, zero on its edges.

``python -m polyadic.sources.darcy_flow --config '{"samples": 100, "points": 32}' --out darcy.nc``
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import parallel, progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind


@dataclass(frozen=True)
class DarcyFlowConfig:
    """Settings of the samples; the defaults follow the benchmark in use, solved on our own grid."""

    samples: int = setting(40, "number of samples, at least 1")
    points: int = setting(16, "points an axis that are stored, at least 4")
    refinement: int = setting(4, "intervals of the solver for each interval that is stored, at least 1")
    grid: Literal["left", "both"] = setting("left", "points stored: without the last node of each axis, or with it")
    low: float = setting(3.0, "smaller permeability, above 0")
    high: float = setting(12.0, "greater permeability, above 0")
    tau: float = setting(3.0, "inverse length tau of the Gaussian field that is thresholded")
    alpha: float = setting(2.0, "power alpha of its covariance (-Laplacian + tau^2)^-alpha")
    chunk: int = setting(16, "samples solved in one task; changes no value")
    seed: int = setting(0, "seed; sample i has a stream of its own")

    def __post_init__(self) -> None:
        """Refuse what makes no grid or no flow."""
        for name, low in (("samples", 1), ("points", 4), ("refinement", 1), ("chunk", 1), ("seed", 0)):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")
        if not 0 < self.low < self.high:
            raise ValueError(f"low and high must be positive and low the smaller, found {self.low:g} and {self.high:g}")
        if not (self.tau >= 0 and self.alpha > 1):
            raise ValueError(f"tau must be at least 0 and alpha above 1, found {self.tau:g} and {self.alpha:g}")


@stage(name="sources.darcy_flow", config=DarcyFlowConfig, output=kind.SCHEMA)
def darcy_flow(cfg: DarcyFlowConfig) -> xr.Dataset:
    """Solve -div(a grad u) = 1 on the unit square for random two-valued a.

    Stored beside the fields is ``grid_error``: the difference from the solution on a grid twice as coarse, relative to
    the solution, both at the coarse points. The same seed at other ``points`` with equal ``points * refinement`` gives
    the same samples.

    Notes
    -----
    About 40 ms a sample on 64 x 64 intervals.
    """
    starts = range(0, cfg.samples, cfg.chunk)
    chunks = [(cfg, first, min(first + cfg.chunk, cfg.samples)) for first in starts]
    done = list(progress.track(parallel.ordered_map(_solve, chunks), len(chunks)))
    permeability, pressure, error = (np.concatenate(parts) for parts in zip(*done, strict=True))
    axis = kind.Axis(0.0, 1.0, "dirichlet", cfg.grid)
    return kind.dataset(
        {
            "permeability": (permeability, "input", {"units": "1", "long_name": "permeability"}),
            "pressure": (pressure, "output", {"units": "1", "long_name": "pressure"}),
            "grid_error": (error, "check", {"units": "1", "long_name": "relative difference from half the grid"}),
        },
        {"y": axis, "x": axis},
        equation="-div(a grad u) = 1, u = 0 on the edges",
        generator=f"finite volumes, {_intervals(cfg)} intervals an axis, direct solver",
    )


def _intervals(cfg: DarcyFlowConfig) -> int:
    stored = cfg.points if cfg.grid == "left" else cfg.points - 1
    return stored * cfg.refinement


def _solve(task: tuple[DarcyFlowConfig, int, int]) -> tuple[NDArray[np.float32], ...]:
    """Return permeability, pressure and grid error of the samples from ``first`` to before ``last``."""
    from polyadic.kernels import darcy_flow as kernel

    cfg, first, last = task
    n = _intervals(cfg) + 1
    stored = np.arange(cfg.points) * cfg.refinement
    inputs, outputs, errors = [], [], []
    for sample in range(first, last):
        rng = np.random.default_rng([cfg.seed, sample])
        a = kernel.two_phase_permeability(n, cfg.low, cfg.high, cfg.tau, cfg.alpha, rng)
        u = kernel.pressure(a)
        inputs.append(a[np.ix_(stored, stored)])
        outputs.append(u[np.ix_(stored, stored)])
        errors.append(_grid_error(a, u))
    return np.asarray(inputs, np.float32), np.asarray(outputs, np.float32), np.asarray(errors, np.float32)


def _grid_error(a: NDArray[np.float64], u: NDArray[np.float64]) -> float:
    from polyadic.kernels import darcy_flow as kernel

    if a.shape[0] % 2 == 0 or a.shape[0] < 5:
        return float("nan")
    coarse = kernel.pressure(a[::2, ::2])
    return float(np.linalg.norm(coarse - u[::2, ::2]) / np.linalg.norm(u[::2, ::2]))


if __name__ == "__main__":
    darcy_flow.cli()
