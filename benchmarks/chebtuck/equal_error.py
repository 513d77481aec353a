"""Evaluations at equal error: this project against cross approximation of tensor trains and full-grid Tucker.

Peers on the path (``pip install tntorch teneva tensorly pychebyshev``), then
``OMP_NUM_THREADS=1 python benchmarks/chebtuck/equal_error.py [FUNCTION ...] [--only METHOD ...]``.

tntorch and teneva have no functions, only tensors: they approximate the tensor of values at 129 Chebyshev points a
mode (33 in five modes), enough for the functions here, and interpolation between these makes them functions.
PyChebyshev has functions (trains of series at as many points, ranks up to 40), calling f point by point. tensorly takes
the Tucker decomposition of the full tensor, where that is of at most 3 million values. Every method runs at falling
tolerances or rising ranks; a row is the cheapest of its runs whose error at the same 20,000 random points, relative to
the largest value, is at most the wanted one. Values asked for again count as the libraries count them.
"""

import argparse
import contextlib
import io
import itertools
import time
import warnings

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from polyadic import chebyshev_tucker
from polyadic.kernels import chebyshev

FUNCTIONS = {
    "runge25": (lambda *x: 1 / (1 + 25 * sum(v * v for v in x)), 3, 129),
    "newton6": (lambda *x: 1 / np.sqrt(0.03 + sum(v * v for v in x)), 3, 129),
    "coupled5": (lambda *x: np.exp(-sum(a * b for a, b in itertools.pairwise(x))), 5, 33),
    "rational5": (lambda *x: 1 / (1 + sum(x) ** 2), 5, 33),
}
WANTED = (1e-4, 1e-6, 1e-8)


def train_error(cores, n, points, truth):
    """Return the largest error of the interpolant of a tensor train of values at Chebyshev points."""
    to_series = chebyshev.coefficients(np.eye(n))
    left = np.ones((len(truth), 1))
    for core, t in zip(cores, points, strict=True):
        rows = chebvander(t, n - 1) @ to_series
        left = np.einsum("pa,pi,aib->pb", left, rows, np.asarray(core), optimize=True)
    return np.abs(left[:, 0] - truth).max() / np.abs(truth).max()


def ours(f, d, _, points, truth):
    for tolerance in 10.0 ** -np.arange(2, 11):
        model = chebyshev_tucker(f, [(-1, 1)] * d, tolerance, max_evaluations=2_000_000)
        yield np.abs(model(*points) - truth).max() / np.abs(truth).max(), model.evaluations
        if not model.converged:
            return


def by_tntorch(f, d, n, points, truth):
    import tntorch
    import torch

    torch.set_default_dtype(torch.float64)
    grid = torch.tensor(chebyshev.points(n))
    for tolerance in 10.0 ** -np.arange(2, 10):
        torch.manual_seed(0)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            t, info = tntorch.cross(
                function=lambda *x: torch.tensor(f(*(v.numpy() for v in x))),
                domain=[grid] * d,
                eps=float(tolerance),
                max_iter=30,
                rmax=60,
                verbose=False,
                suppress_warnings=True,
                return_info=True,
            )
        yield train_error([c.numpy() for c in t.cores], n, points, truth), int(info["nsamples"])


def by_teneva(f, d, n, points, truth):
    import teneva

    grid = chebyshev.points(n)
    for tolerance in 10.0 ** -np.arange(2, 10):
        info = {}
        start = teneva.rand([n] * d, 2, seed=0)
        train = teneva.cross(
            lambda index: f(*grid[index].T), start, e=tolerance, nswp=20, dr_min=1, dr_max=2, info=info, m=3_000_000
        )
        yield train_error(train, n, points, truth), int(info["m"])


def by_pychebyshev(f, d, n, points, truth):
    from pychebyshev import ChebyshevTT

    for tolerance in 10.0 ** -np.arange(2, 10):
        train = ChebyshevTT(
            lambda point, _: float(f(*point)), d, [(-1, 1)] * d, [n] * d, max_rank=40, tolerance=tolerance
        )
        train.build(verbose=False, seed=0)
        error = np.abs(train.eval_batch(points.T) - truth).max() / np.abs(truth).max()
        yield error, train.total_build_evals


def by_tensorly(f, d, n, points, truth):
    import tensorly

    if n**d > 3_000_000:
        return
    values = f(*np.meshgrid(*[chebyshev.points(n)] * d, indexing="ij"))
    to_series = chebyshev.coefficients(np.eye(n))
    for rank in (6, 10, 14, 18, 24):
        core, factors = tensorly.decomposition.tucker(values, [rank] * d, n_iter_max=5)
        rows = [chebvander(t, n - 1) @ (to_series @ u) for t, u in zip(points, factors, strict=True)]
        found = np.einsum("pa,pb,pc,abc->p", *rows, core, optimize=True)
        yield np.abs(found - truth).max() / np.abs(truth).max(), values.size


METHODS = {
    "polyadic": ours,
    "tntorch": by_tntorch,
    "teneva": by_teneva,
    "pychebyshev": by_pychebyshev,
    "tensorly": by_tensorly,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("functions", nargs="*", default=list(FUNCTIONS))
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    options = parser.parse_args()
    for name in options.functions:
        f, d, n = FUNCTIONS[name]
        points = np.random.default_rng(1).uniform(-1, 1, (d, 20_000))
        truth = f(*points)
        for method in options.only:
            start, found = time.process_time(), []
            try:
                found = list(METHODS[method](f, d, n, points, truth))
            except ImportError as missing:
                print(f"{name:10} {method:11} is not installed: pip install {missing.name}")
                continue
            cells = []
            for wanted in WANTED:
                good = [count for error, count in found if error <= wanted]
                cells.append(f"{wanted:.0e}: {min(good):>9,}" if good else f"{wanted:.0e}: {'-':>9}")
            print(f"{name:10} {method:11} {'  '.join(cells)}  {time.process_time() - start:6.1f} CPU s", flush=True)


if __name__ == "__main__":
    main()
