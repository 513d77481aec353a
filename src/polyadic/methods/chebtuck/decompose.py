"""Turn a function, particles, values on a grid or a canonical tensor into Chebyshev-Tucker format."""

from dataclasses import dataclass
from typing import Any, Literal

import xarray as xr

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.stage import Input, stage
from polyadic.kinds import chebyshev_tucker as output
from polyadic.kinds import cp_factors, function, particles, sampled_function


@dataclass(frozen=True)
class DecomposeConfig:
    """Accuracy and budget."""

    tolerance: float = setting(
        1e-10, "largest error relative to the largest value; of particles to the root mean square of the potential"
    )
    max_evaluations: int = setting(10_000_000, "most points at which a function is called")
    interpolation_degree: int = setting(13, "degree of local interpolation between the points of a grid; 3 if rough")
    splitting: float | None = setting(
        None, "particles: mu of the long range erf(mu r)/r in 1/Angstrom; nothing: the splitting of least cost"
    )
    unit: Literal["e/A", "V", "kcal/mol/e", "kT/e"] = setting("V", "particles: unit of the potential")
    relative_permittivity: float = setting(1.0, "particles: of the uniform dielectric round them")
    temperature: float = setting(298.15, "particles: in K, for the unit kT/e")
    seed: int = setting(0, "seed of the test points")

    def __post_init__(self) -> None:
        if not 1e-15 <= self.tolerance < 1:
            raise ValueError(f"tolerance must lie in [1e-15, 1), found {self.tolerance}")
        if self.max_evaluations < 1:
            raise ValueError(f"max_evaluations must be positive, found {self.max_evaluations}")
        if not 1 <= self.interpolation_degree <= 21:
            raise ValueError(f"interpolation_degree must lie in 1 to 21, found {self.interpolation_degree}")
        for name in ("splitting", "relative_permittivity", "temperature"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, found {value}")


def door(data: xr.Dataset) -> Any:
    """Return the module that knows the kind of an input: its `decompose` and `judge`."""
    from polyadic.methods.chebtuck import from_cp, from_function, from_grid, from_particles

    known = {"particles": from_particles, "sampled_function": from_grid, "cp_factors": from_cp}
    return known.get(str(data.attrs.get("kind")), from_function)


INPUT = Input((function.SCHEMA, particles.SCHEMA, sampled_function.SCHEMA, cp_factors.SCHEMA))


@stage(name="chebtuck.decompose", config=DecomposeConfig, data=INPUT, output=output.SCHEMA)
def decompose(cfg: DecomposeConfig, data: xr.Dataset) -> xr.Dataset:
    """Approximate a function, a potential, a grid or a canonical tensor within the tolerance."""
    found: xr.Dataset = door(data).decompose(cfg, data)
    ranks = tuple(found.sizes[f"rank_{mode}"] for mode in output.modes(found))
    degrees = tuple(found.sizes[f"degree_{mode}"] - 1 for mode in output.modes(found))
    progress.log(f"ranks {ranks}, degrees {degrees}, {int(found['evaluations'])} evaluations")
    scale = found["scale"]
    progress.log(
        f"error estimate {float(found['error_estimate']):.1e} of {float(scale):.3g}, {scale.attrs['long_name']}"
    )
    if not found["converged"]:
        progress.warn(f"not converged: {found.attrs['message']}")
    return found


if __name__ == "__main__":
    decompose.cli()
