"""Places by the thousand: a dense process of places against one of 512 inducing points.

``python benchmarks/funbat/many_places.py [--places 3000,10000,100000] [--rank 3] [--products 3] [--length 3000]``

Places lie evenly at random on the whole sphere; each is measured at 10 of 30 times, with noise of 0.5. The field is the
sum of ``--products`` products (at most 3) of a function of place, a draw of a Matern-5/2 process by random waves, of
length ``--length`` km, and a function of time; its variance is about one. ``--kernel "sphere matern52"`` spares the
choice of a kernel. Each case is one process of the operating system. Printed are its CPU seconds, its peak memory and
that before the fit, the sweeps, the bound a row, and against the noise-free field the RMSE and the coverage of 90 %
bands, at 2,000 measured places and at 2,000 new ones, at random times. Up to 3,000 places are fitted both ways.
"""

import argparse
import resource
import subprocess
import sys
import time

import numpy as np

from polyadic.kernels import dense_process, mode_process, tucker_layout, tucker_model

TIMES, AT_PLACE, NOISE, WAVES, FRESH = 30, 10, 0.5, 300, 2000


def places(count, rng):
    """Return latitudes and longitudes (count, 2) even on the sphere."""
    return np.c_[np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 180, count)]


def planted(products, length, rng):
    """Return the field: a function of places (n, 2) and times (n,)."""
    shape = (products, WAVES)
    spread = np.sqrt(5 / rng.chisquare(5, shape))[..., None] / length
    frequency, phase = rng.normal(size=(*shape, 3)) * spread, rng.uniform(0, 2 * np.pi, shape)

    def field(where, when):
        # In parts: the waves of all rows at once would be the peak of memory.
        return np.concatenate([part(where[i : i + 5000], when[i : i + 5000]) for i in range(0, len(when), 5000)])

    def part(where, when):
        x = dense_process.embed("sphere", where)
        ways = np.stack([np.sin(when / 4), np.cos(when / 7), np.sin(when / 2 + 1)])
        return sum(
            np.sqrt(4 / products / WAVES) * np.cos(x @ frequency[r].T + phase[r]).sum(axis=1) * ways[r]
            for r in range(products)
        )

    return field


def case(count, dense, given):
    """Fit one case and print its row."""
    rng = np.random.default_rng(given.seed)
    field, where = planted(given.products, given.length, rng), places(count, rng)
    when = np.argsort(rng.random((count, TIMES)), axis=1)[:, :AT_PLACE].ravel()
    X = np.c_[np.repeat(where, AT_PLACE, axis=0), when.astype(float)]
    y = field(X[:, :2], X[:, 2]) + NOISE * rng.normal(size=len(X))
    if dense:
        mode_process.LARGEST_DENSE = count
    elif count <= mode_process.LARGEST_DENSE:
        mode_process.LARGEST_DENSE = 0
    layout = tucker_layout.layout_of(X, ((0, 1), (2,)), (), (given.kernel, "auto"), given.rank)
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = tucker_model.fit_model(X, y, layout)
    spent = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    scores = []
    for asked in (where[rng.integers(0, count, FRESH)], places(FRESH, rng)):
        new = np.c_[asked, rng.integers(0, TIMES, FRESH).astype(float)]
        truth = field(asked, new[:, 2])
        mean, variance = tucker_model.latent_moments(model, new)
        wrong = np.abs(mean - truth)
        scores += [np.sqrt(np.mean(wrong**2)), np.mean(wrong < 1.645 * np.sqrt(variance))]
    post = model.posterior
    lengths = ", ".join(f"{v:.0f}" for v in np.exp(post.modes[0].log_parameters[:, 1]))
    print(
        f"{count:7d} {'dense' if dense else 'inducing':9s} {spent:8.1f} {peak / 2**20:6.2f} {before / 2**20:6.2f}"
        f" {post.bound.size:3d} {post.bound[-1] / y.size:9.5f} {scores[0]:.4f} {scores[1]:.3f} {scores[2]:.4f}"
        f" {scores[3]:.3f}  {model.layout.kernels[0].split()[1]} {lengths}",
        flush=True,
    )


def main():
    """Run the cases."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--places", default="3000,10000,100000")
    parser.add_argument("--rank", type=int, default=3)
    parser.add_argument("--products", type=int, default=3)
    parser.add_argument("--kernel", default="sphere")
    parser.add_argument("--length", type=float, default=3000.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", nargs=2)
    given = parser.parse_args()
    if given.case:
        case(int(given.case[0]), given.case[1] == "dense", given)
        return
    print(" places process     CPU s    GiB before  sweeps nats/row  known: rmse, 90 %; new: rmse, 90 %   lengths, km")
    for count in map(int, given.places.split(",")):
        for process in ("dense", "inducing") if count <= 3000 else ("inducing",):
            options = [f"--{name}={getattr(given, name)}" for name in ("rank", "products", "kernel", "length", "seed")]
            subprocess.run([sys.executable, __file__, "--case", str(count), process, *options], check=True)


if __name__ == "__main__":
    main()
