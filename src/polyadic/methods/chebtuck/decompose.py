"""Turn a function into Chebyshev-Tucker format."""

from dataclasses import dataclass

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kernels.named_functions import resolve
from polyadic.kinds import chebyshev_tucker as output
from polyadic.kinds import function as kind


@dataclass(frozen=True)
class DecomposeConfig:
    """Accuracy and budget."""

    tolerance: float = setting(1e-10, "largest error relative to the largest value")
    max_evaluations: int = setting(10_000_000, "most points at which the function is called")
    seed: int = setting(0, "seed of the test points")

    def __post_init__(self) -> None:
        if not 1e-15 <= self.tolerance < 1:
            raise ValueError(f"tolerance must lie in [1e-15, 1), found {self.tolerance}")
        if self.max_evaluations < 1:
            raise ValueError(f"max_evaluations must be positive, found {self.max_evaluations}")


@stage(name="chebtuck.decompose", config=DecomposeConfig, function=kind.SCHEMA, output=output.SCHEMA)
def decompose(cfg: DecomposeConfig, function: xr.Dataset) -> xr.Dataset:
    """Approximate the function within the tolerance."""
    from polyadic.methods.chebtuck.api import chebyshev_tucker

    f = resolve(function.attrs["expression"], kind.parameters(function))
    found = chebyshev_tucker(
        f, kind.domain(function), cfg.tolerance, kind.periodic(function), cfg.max_evaluations, cfg.seed
    )
    progress.log(f"ranks {found.ranks}, degrees {found.degrees}, {found.evaluations} evaluations")
    progress.log(f"error estimate {found.error_estimate:.1e} of the largest value {found.scale:.3g}")
    if not found.converged:
        progress.warn(f"not converged: {found.message}")
    return found.renamed([str(name) for name in function["mode"].to_numpy()]).to_dataset()


if __name__ == "__main__":
    decompose.cli()
