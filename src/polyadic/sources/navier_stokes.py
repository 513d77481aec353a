"""Source `navier_stokes`: vorticity of two-dimensional flows on a periodic square.

``python -m polyadic.sources.navier_stokes --config '{"samples": 100, "points": 64}' --out flow.nc``
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import parallel, progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import fields as kind

Values = NDArray[np.float32]


@dataclass(frozen=True)
class NavierStokesConfig:
    """Settings of the samples."""

    problem: Literal["forced", "decaying"] = setting(
        "forced",
        "forced: the fluid starts at rest on a square of side 2 pi and each sample has its own forcing, the input;"
        " decaying: each sample has its own start, the input, on a square of side 1 with one forcing for all",
    )
    samples: int = setting(4, "number of flows, at least 1")
    points: int = setting(32, "points an axis that are stored, at least 4")
    refinement: int = setting(1, "points of the solver for each point that is stored, at least 1")
    viscosity: float = setting(0.002, "viscosity in length squared by time; Re 500 is 0.002; usual for decaying: 0.001")
    time: float = setting(5.0, "final time; usual for decaying: 20 to 50")
    snapshots: int = setting(
        1,
        "states that are kept, at equal intervals of time up to the final one; from 2 on a sample is one interval: the"
        " state before it is an input, that after it the output",
    )
    step: float = setting(0.05, "time step")
    amplitude: float = setting(1.0, "standard deviation of the forcing of 'forced', or factor of the starts")
    chunk: int = setting(8, "samples solved in one task; the first of each is checked with half the step")
    seed: int = setting(0, "seed; sample i has a stream of its own")

    def __post_init__(self) -> None:
        """Refuse what makes no grid or no flow."""
        for name, low in (
            ("samples", 1),
            ("points", 4),
            ("refinement", 1),
            ("snapshots", 1),
            ("chunk", 1),
            ("seed", 0),
        ):
            if getattr(self, name) < low:
                raise ValueError(f"{name} must be at least {low}, found {getattr(self, name)}")
        for name in ("viscosity", "time", "step", "amplitude"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name):g}")


@stage(name="sources.navier_stokes", config=NavierStokesConfig, output=kind.SCHEMA)
def navier_stokes(cfg: NavierStokesConfig) -> xr.Dataset:
    """Solve the vorticity equation on a periodic square from random starts or with random forcings.

    Forced: w = 0 at the start, the forcing a Gaussian field of covariance (-Laplacian + 9)^-4, scaled to the given
    standard deviation over all samples in the mean (a constant of the setting, not of the sample). Decaying: the start
    has the covariance 7^1.5 (-Laplacian + 49)^-2.5 and f = 0.1 (sin + cos)(2 pi (x + y)). ``step_error`` is the
    difference from a run with half the time step, relative to the solution, of the first sample of each chunk.

    Raises
    ------
    ValueError
        If the time step is too long for a flow: its values have left all bounds.
    """
    chunks = [(cfg, first, min(first + cfg.chunk, cfg.samples)) for first in range(0, cfg.samples, cfg.chunk)]
    done = list(progress.track(parallel.ordered_map(_solve, chunks), len(chunks)))
    given, states, error = (np.concatenate(parts) for parts in zip(*done, strict=True))
    if not np.isfinite(states).all():
        raise ValueError(f"step {cfg.step:g} is too long: the flow has left all bounds; lower it")
    axis = kind.Axis(0.0, _side(cfg))
    out = kind.dataset(
        _variables(cfg, given, states, error),
        {"y": axis, "x": axis},
        equation=f"w_t + u . grad w = {cfg.viscosity:g} Laplacian w + f, t = {cfg.time:g}, periodic",
        generator=f"Fourier, integrating factor and RK4, step {cfg.step:g}, 2/3 rule",
    )
    if cfg.snapshots > 1:
        run, moment = np.divmod(np.arange(cfg.samples * cfg.snapshots), cfg.snapshots)
        out = out.assign_coords(kind.runs(run, moment))
    return out


def _variables(cfg: NavierStokesConfig, given: Values, states: Values, error: Values) -> dict[str, Any]:
    """Return the variables of the file: states (flow, snapshot, y, x), the first at the start."""
    parts: dict[str, Any] = {}
    text = {"units": "1"}
    if cfg.problem == "forced":
        forcing = np.repeat(given, cfg.snapshots, axis=0)
        parts["forcing"] = (forcing, "input", text | {"long_name": "forcing"})
    elif cfg.snapshots == 1:
        parts["start"] = (given, "input", text | {"long_name": "vorticity at the start"})
    before, after = (states[:, i : i + cfg.snapshots].reshape(-1, *states.shape[2:]) for i in (0, 1))
    if cfg.snapshots == 1:
        parts["vorticity"] = (after, "output", text | {"long_name": "vorticity at the end"})
    else:
        names = {kind.EVOLVES: "vorticity", "steps": "[0]", "long_name": "vorticity before the interval"}
        parts["vorticity_before"] = (before, "input", text | names)
        names = {"steps": "[1]", "long_name": "vorticity after the interval"}
        parts["vorticity"] = (after, "output", text | names)
    last = np.full((cfg.samples, cfg.snapshots), np.nan, np.float32)
    last[:, -1] = error
    parts["step_error"] = (last.ravel(), "check", text | {"long_name": "relative difference from half the step"})
    return parts


def _side(cfg: NavierStokesConfig) -> float:
    return float(2 * np.pi) if cfg.problem == "forced" else 1.0


def _solve(task: tuple[NavierStokesConfig, int, int]) -> tuple[Values, ...]:
    """Return what was drawn, the states and the step errors of some flows."""
    from polyadic.kernels.integrating_factor import vorticity

    cfg, first, last = task
    n, side = cfg.points * cfg.refinement, _side(cfg)
    given = np.stack([_drawn(cfg, n, sample) for sample in range(first, last)])
    if cfg.problem == "forced":
        start, forcing = np.zeros_like(given), given
    else:
        y, x = np.meshgrid(*[np.arange(n) / n] * 2, indexing="ij")
        phase = 2 * np.pi * (x + y)
        start, forcing = given, np.broadcast_to(0.1 * (np.sin(phase) + np.cos(phase)), given.shape)
    interval = cfg.time / cfg.snapshots
    steps = max(1, round(interval / cfg.step))
    states, finer = [start], start[:1]
    for _ in range(cfg.snapshots):
        states.append(vorticity(states[-1], forcing, cfg.viscosity, side, interval, steps))
        finer = vorticity(finer, forcing[:1], cfg.viscosity, side, interval, 2 * steps)
    error = np.full(last - first, np.nan, np.float32)
    error[0] = np.linalg.norm(states[-1][0] - finer[0]) / np.linalg.norm(finer[0])
    kept = (..., slice(None, None, cfg.refinement), slice(None, None, cfg.refinement))
    return given[kept].astype(np.float32), np.stack(states, axis=1)[kept].astype(np.float32), error


def _drawn(cfg: NavierStokesConfig, n: int, sample: int) -> NDArray[np.float64]:
    """Return the forcing or the start of one sample."""
    from polyadic.kernels.random_fields import periodic_field

    rng = np.random.default_rng([cfg.seed, sample])
    if cfg.problem == "decaying":
        return periodic_field((n, n), 7.0, 2.5, cfg.amplitude * 7**0.75, rng)
    k = np.fft.fftfreq(n, 1 / n)
    squared = k[:, None] ** 2 + k[None] ** 2
    variance = float(((squared + 9.0) ** -4.0).sum() - 9.0**-4)  # of the field with unit scale on a side of 2 pi
    return periodic_field((n, n), 3.0, 4.0, cfg.amplitude / variance**0.5, rng, length=2 * np.pi)


if __name__ == "__main__":
    navier_stokes.cli()
