"""Failed fits, and the spread of the error over seeds, on five folds.

``python benchmarks/funbat/seeds.py [COORDS.npz --variable PM25] [--seeds 20] [--folds 5] [--residual none]``

Without a file: planted values at 12 places by 300 days by three depths. A fit has failed if its error is not finite or
above that of the mean of the train rows, or if a bound is not finite. Prints the number of failures, the mean RMSE of
each fold, and the standard deviation over seeds, worst and mean over folds. Files as in beijing_folds.py.

Measured: see docs/decisions/019-large-observations.md.
"""

import argparse

import numpy as np

from polyadic import FunctionalTucker


def planted() -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three indexes and values of three products and noise."""
    rng = np.random.default_rng(0)
    axes = np.meshgrid(np.sort(rng.uniform(0, 10, 12)), np.linspace(0, 10, 300), [0.0, 5.0, 10.0], indexing="ij")
    X = np.stack([a.ravel() for a in axes], axis=1)[rng.random(12 * 300 * 3) < 0.4]
    a, b, c = X.T
    f = np.sin(a) * np.cos(3 * b) + np.cos(0.4 * a) * np.sin(7 * b + 0.2 * c) + 0.1 * c * np.sin(11 * b)
    return X, f + 0.3 * rng.normal(size=len(X))


def main() -> None:
    """Fit all folds and seeds and print the spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("coords", nargs="?")
    parser.add_argument("--variable", default="PM25")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--residual", default="none")
    args = parser.parse_args()
    if args.coords:
        data = np.load(args.coords)
        X, y = data["conti"], data[f"{args.variable}_std"]
    else:
        X, y = planted()
    parts, failed, errors = np.array_split(np.random.default_rng(0).permutation(len(y)), 5)[: args.folds], 0, []
    for test in parts:
        train = np.setdiff1d(np.arange(len(y)), test)
        floor = np.sqrt(np.mean((y[test] - y[train].mean()) ** 2))
        row = []
        for seed in range(args.seeds):
            model = FunctionalTucker(residual=args.residual, seed=seed).fit(X[train], y[train])
            row.append(float(np.sqrt(np.mean((model.predict(X[test]) - y[test]) ** 2))))
            failed += not (np.isfinite(row[-1]) and row[-1] < floor and np.isfinite(model.bound_).all())
        errors.append(row)
        print(f"fold {len(errors) - 1}: RMSE {np.mean(row):.4f}, sd over seeds {np.std(row):.5f}", flush=True)
    spread = np.std(errors, axis=1)
    print(f"{failed} of {len(errors) * args.seeds} fits failed")
    print(f"sd over seeds {spread.mean():.5f}, at most {spread.max():.5f}")


if __name__ == "__main__":
    main()
