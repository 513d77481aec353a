"""Tensor-product splines (pyGAM) on the splits of beijing_folds.py and colorado_splits.py: a peer beside their tables.

``python benchmarks/funbat/spline_peer.py beijing COORDS.npz [SPLITS.npz] [--only PM25] [--folds 1] [--seed 0]``
``python benchmarks/funbat/spline_peer.py colorado [--schemes random,stations] [--seeds 1] [--rows 10000]``

Beijing, on the logarithm: a spline of time, and tensor products of each other coordinate with time. Colorado: tensor
products of latitude, longitude and month of the year, of elevation and month, and of latitude, longitude and time. The
smoothing is one of three strengths, by generalised cross-validation on the training rows. pyGAM factorises a dense
matrix of rows times coefficients, so Colorado is fitted to a random part of the training rows. pyGAM is not installed
with this project: ``pip install pygam``.

Measured: see docs/decisions/051-peers-and-files.md.
"""

import argparse
import time

import numpy as np
from beijing_folds import folds
from colorado_splits import DATA

STRENGTHS = [0.001, 0.03, 1.0]
LEVEL = 0.9


def peer():
    """Return the package, or end with one sentence."""
    try:
        import pygam
    except ImportError:
        raise SystemExit("this comparison needs pygam, which is not installed: pip install pygam") from None
    return pygam


def fitted(terms: object, X: np.ndarray, y: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the mean (n,) and the 90 % band (n, 2) at the test rows, and the CPU s of the fit."""
    cpu = time.process_time()
    model = peer().LinearGAM(terms).gridsearch(X, y, lam=STRENGTHS, progress=False)
    return model.predict(test), model.prediction_intervals(test, LEVEL), time.process_time() - cpu


def beijing(args: argparse.Namespace) -> None:
    """Print RMSE and MAE in standard deviations of each fold."""
    s, te = peer().s, peer().te
    data = np.load(args.files[0])
    splits = dict(np.load(args.files[1])) if len(args.files) > 1 else {}
    for name in args.only.split(","):
        X, (mean, deviation) = data["conti"], data[f"{name}_meansd"]
        value = data[f"{name}_std"] * deviation + mean
        for fold, test in enumerate(folds(name, len(X), splits, args.folds, args.seed)):
            train = np.setdiff1d(np.arange(len(X)), test)
            terms = s(2, n_splines=1200) + te(0, 2, n_splines=[6, 12]) + te(1, 2, n_splines=[6, 12])
            found, band, cpu = fitted(terms, X[train], np.log(value[train]), X[test])
            error, band = (np.exp(found) - value[test]) / deviation, np.exp(band)
            inside = np.mean((band[:, 0] <= value[test]) & (value[test] <= band[:, 1]))
            scores = np.sqrt(np.mean(error**2)), np.abs(error).mean()
            print(f"{name} fold {fold}: RMSE {scores[0]:.4f} MAE {scores[1]:.4f} cover {inside:.3f} CPU s {cpu:.1f}")


def colorado(args: argparse.Namespace) -> None:
    """Print RMSE in degC of each split."""
    from polyadic.methods.funbat.columns import numbers
    from polyadic.methods.funbat.split import SplitConfig, split
    from polyadic.sources.observations import ObservationsConfig, observations

    te = peer().te
    ds = observations(ObservationsConfig(), DATA)
    for scheme in args.schemes.split(","):
        for seed in range(args.seeds):
            rows = split(SplitConfig(scheme=scheme, block_length=730, seed=seed), observations=ds)
            columns = [numbers(rows[n]) for n in ("latitude", "longitude", "elevation", "time")]
            X = np.stack([*columns, rows["time"].dt.month.to_numpy().astype(float)], axis=1)
            y, flag = rows["tmax"].to_numpy(), rows["split"].to_numpy()
            train, test = np.flatnonzero(flag == 0), np.flatnonzero(flag == 2)
            some = np.random.default_rng(seed).choice(train, min(args.rows, train.size), replace=False)
            cyclic = {"basis": ["ps", "ps", "cp"]}
            terms = te(0, 1, 4, n_splines=[5, 5, 6], **cyclic) + te(2, 4, n_splines=[5, 6], basis=["ps", "cp"])
            terms += te(0, 1, 3, n_splines=[4, 4, 24])
            found, band, cpu = fitted(terms, X[some], y[some], X[test])
            inside = np.mean((band[:, 0] <= y[test]) & (y[test] <= band[:, 1]))
            rmse = np.sqrt(np.mean((found - y[test]) ** 2))
            print(f"{scheme} seed {seed}: RMSE {rmse:.4f} cover {inside:.3f} CPU s {cpu:.1f} ({some.size} rows)")


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=("beijing", "colorado"))
    parser.add_argument("files", nargs="*")
    parser.add_argument("--only", default="PM25")
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--schemes", default="random,stations")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=10_000)
    args = parser.parse_args()
    beijing(args) if args.data == "beijing" else colorado(args)


if __name__ == "__main__":
    main()
