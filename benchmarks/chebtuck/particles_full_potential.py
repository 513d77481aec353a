"""Potential of N particles at fixed density and equal total error: this project against FINUFFT and FMM3D.

Run with one thread and the peers on the path (``pip install finufft fmm3dpy``):
``OMP_NUM_THREADS=1 python benchmarks/chebtuck/particles_full_potential.py [--largest 100000] [--grid 256]``.

Each row counts build, short range and evaluation in CPU seconds of this process, after one call on a small problem
(compilation). The error is the root mean square over 200 of the evaluated points (farther than a tenth of the mean
spacing from a particle) against direct summation, relative to the potential's root mean square there.
*finufft + neighbours* is Ewald's Gaussian splitting at the best of some cutoffs: type 1, the kernel cut off beyond the
diagonal, type 2 at the points, and this project's own compiled neighbour sum. *fmm3dpy* is one library call; on a grid
it is timed at a subset of the points and extrapolated linearly in their number (marked ~).
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from polyadic.kernels import direct_sum, neighbour_spread, neighbour_sum
from polyadic.kernels.cells import cells
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
    if count > 500:
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


def error(values, points, x, q, spacing):
    from scipy.spatial import cKDTree

    chosen = np.random.default_rng(5).integers(0, len(points), 300)
    chosen = chosen[cKDTree(x).query(points[chosen])[0] > 0.1 * spacing][:200]
    truth = direct_sum.potential(points[chosen], x, q)
    return float(np.sqrt(np.mean((values.ravel()[chosen] - truth) ** 2) / np.mean(truth**2)))


def compare(n: int, points: int | None, grid: int) -> None:
    rng = np.random.default_rng(n)
    side = n ** (1 / 3)
    x, q = rng.uniform(0, side, (n, 3)), np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    axis = np.linspace(0, side, grid)
    if points is None:
        where = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    else:
        where = rng.uniform(0, side, (points, 3))

    def own():
        potential = particle_potential(x, q, 3 * TOLERANCE, points=grid**3 if points is None else points)
        return potential.on_grid(axis, axis, axis) if points is None else potential(where)

    print(f"N = {n:,}, {f'{grid}^3 grid' if points is None else f'{points:,} points'}", flush=True)
    values, mine = timed(own)
    print(f"  polyadic             {mine:8.2f} CPU s  error {error(values, where, x, q, 1.0):.1e}", flush=True)

    def short(out, split):
        held = cells(x, split.cutoff / 2)
        if points is None:
            out = np.ascontiguousarray(out.reshape(grid, grid, grid))
            h = np.full(3, axis[1])
            neighbour_spread.add_to_grid(out, np.zeros(3), h, held, q[held.order], split)
            return out
        return out + neighbour_sum.at_points(where, held, q[held.order], split)[0]

    best = best_finufft(x, q, where, short)
    if best is not None:
        ratio = f"error {best[1]:.1e}  ratio {mine / best[0]:.3f}"
        print(f"  finufft + neighbours {best[0]:8.2f} CPU s  {ratio}", flush=True)
    against_fmm(x, q, where, mine)


def best_finufft(x, q, where, short):
    """Return CPU seconds and error at the best cutoff; None where every one needs more than 500^3 waves."""
    best = None
    for cutoff in (1.6, 2.2, 3.0, 4.2, 6.0):
        try:
            values, seconds = timed(lambda c=cutoff: by_finufft(x, q, where, c, 10 * TOLERANCE, short))
        except MemoryError:
            continue
        if best is not None and seconds > best[0]:
            break
        best = (seconds, error(values, where, x, q, 1.0))
    return best


def against_fmm(x, q, where, mine):
    rng = np.random.default_rng(1)
    some = where if len(where) <= 1_000_000 else where[rng.permutation(len(where))[:400_000]]
    half = some[: len(some) // 2]
    _, first = timed(lambda: by_fmm(x, q, half, 2 * TOLERANCE))
    values, second = timed(lambda: by_fmm(x, q, some, 2 * TOLERANCE))
    whole = len(some) == len(where)
    seconds = second if whole else second + (second - first) * (len(where) / len(half) - 2)
    reached = error(values, some, x, q, 1.0)
    mark = " " if whole else "~"
    print(
        f"  fmm3dpy             {mark}{seconds:8.2f} CPU s  error {reached:.1e}  ratio {mine / seconds:.3f}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=100_000)
    parser.add_argument("--grid", type=int, default=256)
    parser.add_argument("--only", choices=["grid", "points"])
    args = parser.parse_args()
    warm = np.random.default_rng(0).uniform(0, 10, (1000, 3))
    potential = particle_potential(warm, np.resize([1.0, -1.0], 1000), 3 * TOLERANCE)
    potential(warm + 0.01)
    potential.on_grid(*[np.linspace(0, 9, 12)] * 3)
    for n in (10_000, 100_000, 1_000_000):
        if n <= args.largest:
            for points in (None, 1_000_000):
                if args.only is None or (points is None) == (args.only == "grid"):
                    compare(n, points, args.grid)


if __name__ == "__main__":
    main()
