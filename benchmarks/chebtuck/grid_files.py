"""OpenDX and cube files of a potential, read back by an independent reader (gridData; ASE for cube).

``python benchmarks/chebtuck/grid_files.py`` with ``pip install griddataformats ase`` on the path. Prints for each
format the largest difference of values (relative to the largest), of the origin and of the spacing (Angstrom).
"""

import tempfile
from pathlib import Path

import numpy as np

from polyadic.methods.chebtuck.export_grid import write_grid
from polyadic.methods.chebtuck.particle_potential import particle_potential


def main():
    rng = np.random.default_rng(0)
    x, q = rng.uniform(-4, 4, (200, 3)), rng.choice([-1.0, 1.0], 200)
    potential = particle_potential(x, q, 1e-8, unit="kT/e")
    axes = [np.linspace(-4, 3.9, n) for n in (31, 24, 17)]
    values, step = potential.on_grid(*axes), np.array([a[1] - a[0] for a in axes])
    origin = np.array([a[0] for a in axes])
    with tempfile.TemporaryDirectory() as folder:
        for suffix, read in ((".dx", by_grid_data), (".cube", by_ase)):
            path = Path(folder) / f"potential{suffix}"
            write_grid(path, values, origin.tolist(), step.tolist(), "potential [kT/e]")
            try:
                found, start, spacing = read(path)
            except ImportError as error:
                print(f"{suffix}: not read, {error.name} is not installed")
                continue
            difference = np.abs(found - values).max() / np.abs(values).max()
            places = f"origin {np.abs(start - origin).max():.0e}, spacing {np.abs(spacing - step).max():.0e}"
            print(f"{suffix} {found.shape}: values {difference:.0e}, {places}")


def by_grid_data(path):
    from gridData import Grid

    grid = Grid(str(path))
    return grid.grid, grid.origin, grid.delta


def by_ase(path):
    from ase.io.cube import read_cube

    with path.open() as file:
        found = read_cube(file)
    return found["data"], found["origin"], np.diag(found["spacing"])


if __name__ == "__main__":
    main()
