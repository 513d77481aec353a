"""Small files in the layouts of others, written by h5py, scipy and torch, as their authors' programs write them."""

import h5py
import numpy as np


def cells(n, low=0.0, high=1.0):
    """Return the centres of cells as float32, as files hold them."""
    step = (high - low) / n
    return (low + step * (np.arange(n) + 0.5)).astype("f4")


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f4")


def pdebench_burgers(path, runs=5, steps=6, n=16, nu=0.01):
    """Write one unknown (run, time, x); the coordinate of time has one entry more than steps."""
    with h5py.File(path, "w") as file:
        file["tensor"] = random(runs, steps, n)
        file["x-coordinate"] = cells(n)
        file["t-coordinate"] = np.linspace(0, 2, steps + 1).astype("f4")
        file.attrs["Nu"] = nu


def pdebench_darcy(path, runs=4, n=8):
    with h5py.File(path, "w") as file:
        file["tensor"] = random(runs, 1, n, n + 2)
        file["nu"] = random(runs, n, n + 2, seed=1)
        file["x-coordinate"], file["y-coordinate"] = cells(n), cells(n + 2)
        file.attrs["beta"] = 1.0


def pdebench_flow(path, sizes=(6, 4), runs=3, steps=5):
    with h5py.File(path, "w") as file:
        for number, name in enumerate(("density", "pressure", *[f"V{a}" for a in "xyz"[: len(sizes)]])):
            file[name] = random(runs, steps, *sizes, seed=number)
        for letter, n in zip("xyz", sizes, strict=False):
            file[f"{letter}-coordinate"] = cells(n)
        file["t-coordinate"] = np.linspace(0, 1, steps + 1).astype("f4")
        file.attrs["eta"], file.attrs["zeta"], file.attrs["M"] = 0.1, 0.1, 1.0


SORPTION = "sim:\n  D: 5E-4\n  por: 0.29\n  seed: {seed}\n"
REACTION = "sim:\n  Du: 1E-3\n  Dv: 5E-3\n  k: 5E-3\n  seed: {seed}\n"
DAM = "work_dir: ${{hydra:runtime.cwd}}\nsim:\n  gravity: 1.0\n  dam_radius: 0.{seed}5\n  seed: {seed}\n"


def pdebench_runs(path, shape=(5, 8, 6, 2), low=-1.0, config=REACTION, runs=3):
    """Write one group a run: data (time, x ..., component), grid, settings as YAML."""
    with h5py.File(path, "w") as file:
        for run in range(runs):
            group = file.create_group(f"{run:04d}")
            group.create_dataset("data", data=random(*shape, seed=run), compression="lzf")
            for letter, n in zip("xyz", shape[1:-1], strict=False):
                group[f"grid/{letter}"] = cells(n, low, -low if low else 1.0)
            group["grid/t"] = np.linspace(0, 1, shape[0]).astype("f4")
            group.attrs["config"] = config.format(seed=run)


def pdebench_incompressible(path, runs=2, steps=4, n=6):
    with h5py.File(path, "w") as file:
        for number, (name, shape) in enumerate(
            {
                "velocity": (runs, steps, n, n + 1, 2),
                "particles": (runs, steps, n, n + 1, 1),
                "force": (runs, n, n + 1, 2),
            }.items()
        ):
            file.create_dataset(name, data=random(*shape, seed=number), chunks=(1, *shape[1:]), shuffle=True)
        file["t"] = np.tile(np.arange(steps, dtype="f4") * 0.5, (runs, 1))
        file.attrs["config"] = "NU: 0.01\nvelocity_extrapolation: ZERO\ndomain_size: [1, 1]\n"
        file.attrs["latestIndex"] = steps - 1


def the_well(path, runs=3, steps=4, nx=8, ny=6, edges=("PERIODIC", "WALL")):
    """Write scalar, vector and tensor fields, one constant in time, one along y only, with boundary conditions."""
    with h5py.File(path, "w") as file:
        file.attrs.update(
            dataset_name="planted",
            grid_type="cartesian",
            n_spatial_dims=2,
            n_trajectories=runs,
            simulation_parameters=["Re"],
            Re=100.0,
        )
        dims = file.create_group("dimensions")
        dims.attrs["spatial_dims"] = ["x", "y"]
        for name, values in (
            ("time", np.arange(steps) / 4),
            ("x", np.arange(nx) * 2 / nx),
            ("y", np.linspace(-1, 1, ny)),
        ):
            dims[name] = values.astype("f4")
            dims[name].attrs["sample_varying"] = False
        conditions = file.create_group("boundary_conditions")
        for dim, kind, n in zip("xy", edges, (nx, ny), strict=True):
            group = conditions.create_group(f"{dim}_{kind.lower()}")
            group.attrs.update(
                associated_dims=[dim], associated_fields=[], bc_type=kind, sample_varying=False, time_varying=False
            )
            group["mask"] = np.isin(np.arange(n), (0, n - 1))
        scalars = file.create_group("scalars")
        scalars.attrs["field_names"] = ["Re", "start"]
        for name, values, varies in (("Re", [100.0], False), ("start", np.arange(runs), True)):
            scalars[name] = np.asarray(values, "f4")
            scalars[name].attrs.update(sample_varying=varies, time_varying=False)
        _well_fields(file, "t0_fields", {"buoyancy": ((runs, steps, nx, ny), "st", (True, True))})
        _well_fields(
            file, "t0_fields", {"depth": ((ny,), "", (False, True)), "mask": ((runs, nx, ny), "s", (True, True))}
        )
        _well_fields(file, "t1_fields", {"velocity": ((runs, steps, nx, ny, 2), "st", (True, True))})
        _well_fields(file, "t2_fields", {"strain": ((runs, steps, nx, ny, 2, 2), "st", (True, True))})


def _well_fields(file, group, fields):
    node = file.require_group(group)
    node.attrs["field_names"] = [*node.attrs.get("field_names", []), *fields]
    for name, (shape, varying, dims) in fields.items():
        node[name] = random(*shape, seed=len(name))
        node[name].attrs.update(sample_varying="s" in varying, time_varying="t" in varying, dim_varying=list(dims))


def matlab73(path, arrays):
    """Write MATLAB 7.3: HDF5 with its axes reversed, behind 512 bytes of text."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=np.asarray(values).T)
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
