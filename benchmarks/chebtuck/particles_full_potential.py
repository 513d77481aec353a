"""Potential of N particles at fixed density and equal measured error: this project against FINUFFT and FMM3D.

Run with one thread and the peers on the path (``pip install finufft fmm3dpy``):
``OMP_NUM_THREADS=1 python benchmarks/chebtuck/particles_full_potential.py [--counts 10000 100000] [--only grid]``.

Each method first seeks the loosest of its tolerances whose error is at most 1e-5 (not timed), then a row counts build,
short range and evaluation in CPU seconds of this process, after one call on a small problem (compilation). The error is
the root mean square over 300 of the evaluated points (farther than a tenth of the mean spacing from a particle)
against direct summation, relative to the potential's root mean square there.
*finufft + neighbours* is Ewald's Gaussian splitting at the best of some cutoffs with at most 400^3 waves (10 GiB):
type 1, the kernel cut off beyond the diagonal, type 2 at the points, and this project's own compiled neighbour sum.
*fmm3dpy* is one library call, timed at 100,000 and 1,000,000 of the points; beyond, extrapolated linearly (on grids).
Fewer points would not do: with 1e6 charges their share of the time drowns in that of the charges.
"""

import argparse
import functools
import time
from collections.abc import Callable

import numpy as np

from polyadic.kernels import direct_sum, neighbour_spread, neighbour_sum
from polyadic.kernels.coulomb_splitting import gaussian
from polyadic.methods.chebtuck.particle_potential import particle_potential

TOLERANCE = 1e-5


def timed(call: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    start = time.process_time()
    out = call()
    return out, time.process_time() - start


def by_finufft(x, q, points, cutoff, tolerance, add_short):
    """Return Ewald's sum at points: non-uniform FFTs and neighbours; the box is a cube with its corner at 0."""
    import finufft

    side = max(float(x.max()), float(points.max()))
    reach = -np.log(tolerance)
    split = gaussian(np.sqrt(reach) / cutoff, tolerance)
    radius = np.sqrt(3) * side * 1.001 + split.cutoff
    period = side + radius + split.cutoff
    count = 2 * int(np.ceil(split.band * period / (2 * np.pi))) + 1
    if count > 400:
        raise MemoryError
    k = np.arange(count) - count // 2
    k = 2 * np.pi / period * np.sqrt(k[:, None, None] ** 2 + k[:, None] ** 2 + k**2)
    kernel = 2 * np.pi * radius**2 * split.multiplier(k) * np.sinc(k * radius / (2 * np.pi)) ** 2 / period**3
    to_angle = [np.ascontiguousarray((a - side / 2) * 2 * np.pi / period) for a in x.T]
    at_angle = [np.ascontiguousarray((a - side / 2) * 2 * np.pi / period) for a in points.T]
    options = {"eps": tolerance / 3, "nthreads": 1}
    waves = finufft.nufft3d1(*to_angle, q.astype(complex), (count,) * 3, isign=-1, **options)
    values = finufft.nufft3d2(*at_angle, waves * kernel, isign=1, **options).real
    return add_short(values, split)


def by_fmm(x, q, points, tolerance):
    import fmm3dpy

    found = fmm3dpy.lfmm3d(eps=tolerance, sources=x.T.copy(), charges=q, targets=points.T.copy(), pgt=1)
    return 4 * np.pi * found.pottarg  # the library's kernel is 1 / (4 pi r)


def error(values, chosen, truth):
    return float(np.sqrt(np.mean((values.ravel()[chosen] - truth) ** 2) / np.mean(truth**2)))


def settled(ladder, values_at, sample, truth):
    """Return the loosest tolerance whose error on the sample is small enough, or the tightest, and its error."""
    for tolerance in ladder:
        reached = error(values_at(tolerance, sample), slice(None), truth)
        if reached <= TOLERANCE:
            break
    return tolerance, reached


class Problem:
    """Particles at density 1 in a cube, and where the potential is wanted: a grid, or random points."""

    def __init__(self, n: int, points: int | None, grid: int):
        from scipy.spatial import cKDTree

        rng = np.random.default_rng(n)
        self.side = n ** (1 / 3)
        self.x, self.q = rng.uniform(0, self.side, (n, 3)), np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        self.axis = np.linspace(0, self.side, grid)
        self.grid = points is None
        if self.grid:
            self.where = np.stack(np.meshgrid(*[self.axis] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
        else:
            self.where = rng.uniform(0, self.side, (points, 3))
        chosen = np.random.default_rng(5).integers(0, len(self.where), 400)
        self.chosen = chosen[cKDTree(self.x).query(self.where[chosen])[0] > 0.1][:300]
        self.sample = self.where[self.chosen]
        self.truth = direct_sum.potential(self.sample, self.x, self.q)

    def short(self, out, split, points):
        """Return values at points plus the short range."""
        held = neighbour_sum.sources(self.x, split.cutoff)
        charges = self.q[held.order]
        if self.grid and points is self.where:
            out = np.ascontiguousarray(out.reshape([len(self.axis)] * 3))
            step = np.full(3, self.axis[1])
            neighbour_spread.add_to_grid(out, np.zeros(3), step, held, charges, split)
            return out
        return out + neighbour_sum.at_points(points, held, charges, split)[0]


def own(problem: Problem) -> tuple[float, float, float]:
    def values(tolerance, points=None):
        potential = particle_potential(problem.x, problem.q, tolerance, points=len(problem.where))
        if points is not None:
            return potential(points)
        return potential.on_grid(*[problem.axis] * 3) if problem.grid else potential(problem.where)

    tolerance, _ = settled(np.geomspace(1.5e-4, 3e-5, 6), values, problem.sample, problem.truth)
    found, seconds = timed(lambda: values(tolerance))
    return seconds, error(found, problem.chosen, problem.truth), tolerance


def finufft_and_neighbours(problem: Problem) -> tuple[float, float, float] | None:
    """Return CPU seconds, error and tolerance at the best cutoff; None where every one needs too many waves."""
    best, tolerance = None, None
    for cutoff in (6.0, 4.2, 3.0, 2.2, 1.6):

        def values(tolerance, points, cutoff=cutoff):
            return by_finufft(problem.x, problem.q, points, cutoff, tolerance, lambda o, s: problem.short(o, s, points))

        try:
            if tolerance is None:
                tolerance, _ = settled(np.geomspace(8e-5, 1e-5, 7), values, problem.sample, problem.truth)
            found, seconds = timed(functools.partial(values, tolerance, problem.where))
        except MemoryError:
            break
        if best is not None and seconds > best[0]:
            break
        best = (seconds, error(found, problem.chosen, problem.truth), tolerance)
    return best


def fmm(problem: Problem) -> tuple[float, float, float]:
    tolerance, reached = settled(
        (3e-4, 1e-4, 1e-5),  # from 5e-3 to 5e-4 the error is one and the same, 5e-5
        lambda eps, points: by_fmm(problem.x, problem.q, points, eps),
        problem.sample,
        problem.truth,
    )
    rest = np.random.default_rng(1).permutation(len(problem.where))[:1_000_000]
    few, many = problem.where[rest[:100_000]], problem.where[rest]
    _, first = timed(lambda: by_fmm(problem.x, problem.q, few, tolerance))
    _, second = timed(lambda: by_fmm(problem.x, problem.q, many, tolerance))
    seconds = second + (second - first) / (len(many) - len(few)) * (len(problem.where) - len(many))
    return seconds, reached, tolerance


def compare(n: int, points: int | None, grid: int) -> None:
    problem = Problem(n, points, grid)
    print(f"N = {n:,}, {f'{grid}^3 grid' if points is None else f'{points:,} points'}", flush=True)
    mine = own(problem)
    rows = {"polyadic": mine, "finufft + neighbours": finufft_and_neighbours(problem), "fmm3dpy": fmm(problem)}
    for name, row in rows.items():
        if row is not None:
            seconds, reached, tolerance = row
            mark = "~" if name == "fmm3dpy" and points is None else " "
            text = f"error {reached:.1e} (set {tolerance:.0e})  ratio {mine[0] / seconds:.3f}"
            print(f"  {name:20} {mark}{seconds:8.2f} CPU s  {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--grid", type=int, default=256)
    parser.add_argument("--only", choices=["grid", "points"])
    args = parser.parse_args()
    warm = np.random.default_rng(0).uniform(0, 10, (1000, 3))
    potential = particle_potential(warm, np.resize([1.0, -1.0], 1000), 3 * TOLERANCE)
    potential(warm + 0.01)
    potential(np.tile(warm, (5, 1)) + 0.01)
    potential.on_grid(*[np.linspace(0, 9, 12)] * 3)
    for n in args.counts:
        for points in (None, 1_000_000):
            if args.only is None or (points is None) == (args.only == "grid"):
                compare(n, points, args.grid)


if __name__ == "__main__":
    main()
