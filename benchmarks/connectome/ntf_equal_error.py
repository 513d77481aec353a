"""CPU seconds to equal error: nonnegative_cp beside tensorly's HALS and tensortools, same start, median of 5.

    OMP_NUM_THREADS=1 PYTHONPATH=src python benchmarks/connectome/ntf_equal_error.py [--large] [--sweeps 50]
        [--starts 8] [--only animals symmetric]

Each peer makes its sweeps; ours runs until it reaches the lower of the two errors that they end with, everything
counted (the copy in single precision, the transposition, the core, all starts). Peers: tensorly >= 0.9 and
tensortools >= 0.4.
One pass of one start is set against two rates of the machine, measured in the same process: reading memory, and a
skinny product of single precision (a block of 1 MiB that stays in the cache).
"""

import argparse
import statistics
import sys
import time
import timeit
from collections.abc import Callable

import numpy as np

from polyadic.kernels.nonnegative_cp import CP, nonnegative_cp

try:
    import tensortools
    from tensorly.cp_tensor import CPTensor
    from tensorly.decomposition import non_negative_parafac_hals
    from tensortools.tensors import KTensor
except ImportError as error:
    sys.exit(f"this comparison needs tensorly and tensortools: {error}")

REPEATS = 5


def affinities(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """Return min(g_i+, g_j+) of noisy traces of groups with common bursts: (pair-like, pair-like, time)."""
    rng = np.random.default_rng(seed)
    rows, columns, frames = shape
    groups = rng.poisson(0.1, (6, frames))
    traces = [np.maximum(0, groups[rng.integers(0, 6, n)] + rng.normal(0, 0.4, (n, frames))) for n in (rows, columns)]
    return np.minimum(traces[0][:, None, :], traces[1][None, :, :])


def low_rank(shape: tuple[int, int, int], rank: int, noise: float, seed: int) -> np.ndarray:
    """Return a planted non-negative tensor with uniform noise."""
    rng = np.random.default_rng(seed)
    a, b, c = (rng.random((n, rank)) ** 2 for n in shape)
    tensor = np.einsum("ir,jr,kr->ijk", a, b, c, optimize=True)
    tensor += noise * tensor.std() * rng.random(shape)
    return tensor


def cost(action: Callable[[], object]) -> float:
    """Return the median CPU seconds of the action."""
    spent = []
    for _ in range(REPEATS):
        begun = time.process_time()
        action()
        spent.append(time.process_time() - begun)
    return statistics.median(spent)


def relative_error(tensor: np.ndarray, weights: np.ndarray, factors: list[np.ndarray]) -> float:
    """Return the exact relative error, slab by slab."""
    first = factors[0] * weights
    squares = sum(
        float(np.sum((tensor[i] - np.einsum("r,jr,kr->jk", first[i], *factors[1:], optimize=True)) ** 2))
        for i in range(len(tensor))
    )
    return float(np.sqrt(squares) / np.linalg.norm(tensor))


def reaching(run: Callable[[int], CP], error: float, most: int) -> tuple[int, float]:
    """Return the fewest passes after which the error is reached, and the error then: it never rises with passes."""
    below, passes = 0, min(5, most)
    reached = float(run(passes).relative_error[-1])
    while reached > error and passes < most:
        below, passes = passes, min(2 * passes, most)
        reached = float(run(passes).relative_error[-1])
    while reached <= error and passes - below > 1:
        middle = (below + passes) // 2
        tried = float(run(middle).relative_error[-1])
        if tried <= error:
            passes, reached = middle, tried
        else:
            below = middle
    return passes, reached


def rates(rank: int) -> tuple[float, float]:
    """Return bytes/s of reading memory and flops/s of a skinny product in the cache, single precision."""
    read = np.ones(2**26, np.float32)
    block, columns = np.ones((512, 512), np.float32), np.ones((512, rank), np.float32)
    stream = min(timeit.repeat(lambda: read @ read, timer=time.process_time, number=3, repeat=3)) / 3
    product = min(timeit.repeat(lambda: block @ columns, timer=time.process_time, number=200, repeat=3)) / 200
    return read.nbytes / stream, 2 * block.size * rank / product


def pass_rates(tensor: np.ndarray, rank: int) -> None:
    """Print what a pass of one start reaches of the machine's rates."""
    reading, multiplying = rates(rank)

    def run(passes: int) -> CP:
        return nonnegative_cp(tensor, rank, starts=1, tolerance=0, max_iterations=passes)

    few, many = run(2).iterations, run(12).iterations  # it may settle before
    one = (cost(lambda: run(12)) - cost(lambda: run(2))) / (many - few)
    print(
        f"  a pass {one:.4f} s: {4 * tensor.size * rank / one / 1e9:.1f} GFLOP/s of {multiplying / 1e9:.1f},"
        f" {4 * tensor.size / one / 1e9:.1f} GB/s of {reading / 1e9:.1f}",
        flush=True,
    )


def compare(name: str, tensor: np.ndarray, rank: int, sweeps: int, starts: int | None) -> None:
    rng = np.random.default_rng(1)
    start = [rng.random((n, rank)) for n in tensor.shape]

    def tensorly() -> CPTensor:
        given = CPTensor((np.ones(rank), [f.copy() for f in start]))
        return non_negative_parafac_hals(tensor, rank, n_iter_max=sweeps, init=given, tol=0)

    def tools() -> object:
        given = KTensor([f.copy() for f in start])
        return tensortools.ncp_hals(tensor, rank, init=given, max_iter=sweeps, min_iter=sweeps, tol=0, verbose=False)

    def ours(passes: int) -> CP:
        return nonnegative_cp(tensor, rank, start=start, starts=starts, tolerance=0, max_iterations=passes)

    found = tensorly()
    errors = {"tensorly": relative_error(tensor, np.ones(rank) if found[0] is None else found[0], found[1])}
    found = tools()
    errors["tensortools"] = relative_error(tensor, np.ones(rank), list(found.factors))
    seconds = {"tensorly": cost(tensorly), "tensortools": cost(tools)}
    print(f"{name} {tensor.shape} R={rank}", flush=True)
    pass_rates(tensor, rank)
    for peer, error in errors.items():
        passes, reached = reaching(ours, error * (1 + 1e-6), 4 * sweeps)
        spent = cost(lambda n=passes: ours(n))
        print(
            f"  {peer:12s} {sweeps} sweeps {seconds[peer]:8.3f} s error {error:.5f} | ours {passes:3d} passes"
            f" {spent:8.3f} s error {reached:.5f} | ratio {seconds[peer] / spent:.1f}"
            + ("" if reached <= error * (1 + 1e-6) else ", not equal"),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help="also 300 x 300 x 2000: 1.4 GB, minutes")
    parser.add_argument("--sweeps", type=int, default=50)
    parser.add_argument("--starts", type=int, help="of ours: the given one and random ones; none: the default")
    parser.add_argument("--only", nargs="+", choices=("animals", "planted", "symmetric", "large"))
    options = parser.parse_args()
    nonnegative_cp(np.ones((4, 4, 4)), 2, max_iterations=2)  # compiles
    cases = {
        "animals": lambda: (affinities((7, 780, 800), 0).transpose(2, 0, 1).copy(), 10),
        "planted": lambda: (low_rank((100, 100, 200), 5, 0.5, 0), 5),
        "symmetric": lambda: (affinities((189, 189, 960), 0), 10),
        "large": lambda: (low_rank((300, 300, 2000), 10, 0.5, 0), 10),
    }
    wanted = options.only or ["animals", "planted", "symmetric", *(["large"] if options.large else [])]
    for name in wanted:
        compare(name, *cases[name](), options.sweeps, options.starts)


if __name__ == "__main__":
    main()
