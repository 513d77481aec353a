"""PM2.5, PM10 and SO2 at twelve stations of Beijing by day: withheld rows, stations and fortnights, three coordinates.

``python benchmarks/funbat/beijing_folds.py COORDS.npz [SPLITS.npz] [--only PM25] [--folds 2] [--first 1] [--seed 0]
[--link cube_root] [--daily DAILY.csv.gz --schemes random,stations,blocks] [--baselines none]``

COORDS.npz holds `conti` (rows, 3), the coordinates scaled to [0, 10], `NAME_std` (rows,), z-scored daily means, and
`NAME_meansd`, their mean and standard deviation; SPLITS.npz the test rows `NAME_test_0`, ... of folds that are fixed.
Other folds are disjoint fifths of a permutation of the seed. DAILY.csv.gz holds `date` and `station` of the same rows:
it is needed to withhold two whole stations (six folds) or a fifth of all blocks of fourteen days (five folds). These
groups are told to the model. The data are daily means of the UCI set 501.

Scores are of z-scored values; MAE is that of the median; NLPD counts the Jacobian of the link. The baselines run here
on the same rows: the day's mean, nearest neighbours and boosted trees tuned on an inner split, and a Gaussian process
of three Matern products on logarithms. The references are quoted as recorded, on five folds of the same kind; two of
these are known.

Measured: see docs/decisions/047-shapes-of-errors.md.
"""

import argparse
import csv
import gzip
import time

import numpy as np

from polyadic import FunctionalTucker
from polyadic.evaluation.observation_baselines.registry import BASELINES
from polyadic.kernels import nearest_neighbour_gp as nearest
from polyadic.kernels import scale_mixture
from polyadic.kernels.scale_mixture import NORMAL, Mixture
from polyadic.kinds import observations as kind

RECORDED = {
    "PM25": {
        "authors' best logged setting": (0.2876, 0.1800),
        "mean of the day's train rows": (0.2734, 0.1626),
        "kNN, inner-split tuned": (0.2355, 0.1374),
        "gradient boosting + day mean": (0.2577, 0.1562),
        "GP, three additive Matern products": (0.2340, 0.1350),
    },
    "PM10": {
        "authors' best logged setting": (0.3283, 0.2263),
        "mean of the day's train rows": (0.3251, 0.2156),
        "kNN, inner-split tuned": (0.2978, 0.1990),
        "gradient boosting + day mean": (0.3161, 0.2116),
        "GP, three additive Matern products": (0.2872, 0.1915),
    },
    "SO2": {
        "authors' best logged setting": (0.3839, 0.2409),
        "mean of the day's train rows": (0.3406, 0.2070),
        "kNN, inner-split tuned": (0.3441, 0.2016),
        "gradient boosting + day mean": (0.3387, 0.2054),
        "GP, three additive Matern products": (0.3174, 0.1852),
    },
}
"""RMSE and MAE, means over five folds."""
SCORES = "RMSE   MAE    CRPS   NLPD    cov80  cov90  CPU s"
SIMPLE = ("day_mean", "nearest_neighbours", "gradient_boosting", "gradient_boosting_day_mean")


def folds(name: str, rows: int, splits: dict[str, np.ndarray], count: int, seed: int) -> list[np.ndarray]:
    """Return the test rows of each fold: fixed ones first."""
    fixed = [splits[f"{name}_test_{i}"] for i in range(count) if f"{name}_test_{i}" in splits]
    drawn = np.array_split(np.random.default_rng(seed).permutation(rows), 5)
    return (fixed + drawn[len(fixed) :])[:count]


def group_folds(groups: np.ndarray, parts: int, count: int, seed: int) -> list[np.ndarray]:
    """Return the rows of each part of the groups, drawn by the seed."""
    drawn = np.array_split(np.random.default_rng(seed).permutation(np.unique(groups)), parts)
    return [np.flatnonzero(np.isin(groups, part)) for part in drawn[:count]]


def labels(path: str, rows: int) -> dict[str, np.ndarray]:
    """Return station and block of fourteen days of every row."""
    with gzip.open(path, "rt") as file:
        table = list(csv.DictReader(file))
    if len(table) != rows:
        raise SystemExit(f"{path} holds {len(table)} rows, the coordinates {rows}")
    day = np.array([row["date"] for row in table], "datetime64[D]")
    return {
        "stations": np.array([row["station"] for row in table]),
        "blocks": (day - day.min()).astype(np.int64) // 14,
    }


def scored(y: np.ndarray, found: Mixture, deviation: float, cpu: float) -> np.ndarray:
    """Return the scores of one fold in units of the deviation."""
    below = np.abs(scale_mixture.probability(found, y) - 0.5)
    return np.array(
        [
            np.sqrt(np.mean((scale_mixture.moments(found)[0] - y) ** 2)) / deviation,
            np.abs(scale_mixture.median(found) - y).mean() / deviation,
            scale_mixture.crps(found, y).mean() / deviation,
            -scale_mixture.log_density(found, y).mean() - np.log(deviation),
            np.mean(below <= 0.4),
            np.mean(below <= 0.45),
            cpu,
        ]
    )


def simple(name: str, X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> Mixture:
    """Return what a baseline of the project says."""
    coordinates = {
        n: (x, {"units": "1", "long_name": n}) for n, x in zip(("temperature", "pressure", "day"), X.T, strict=True)
    }
    ds = kind.dataset({"y": (y, {"units": "1", "long_name": "concentration"})}, coordinates)
    said = BASELINES[name].predict(ds.isel(obs=train), ds.isel(obs=test), "y", seed)
    return scale_mixture.of_shape(said.mean, said.variance, NORMAL)


def process(X: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, seed: int) -> Mixture:
    """Return what a Gaussian process of three Matern products on log y says."""
    gp = nearest.fit_nearest_neighbour_gp(X[train], np.log(y[train]), ["line"] * 3, search=nearest.Search(seed=seed))
    mean, variance = nearest.predict(gp, X[test])
    return scale_mixture.of_shape(mean, variance + gp.kernel.noise, NORMAL, "log")


def fold(data: tuple, test: np.ndarray, groups: np.ndarray | None, args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return the scores of this project and of the baselines on one fold."""
    X, value, deviation = data
    train, rows = np.setdiff1d(np.arange(len(X)), test), {}
    cpu = time.process_time()
    model = FunctionalTucker(link=args.link, seed=args.seed)
    model.fit(X[train], value[train], None if groups is None else groups[train])
    said, cpu = model.predictive(X[test]), time.process_time() - cpu
    rows["this project"] = scored(value[test], said, deviation, cpu)
    for name in (*SIMPLE, "GP") if args.baselines != "none" else ():
        cpu = time.process_time()
        if name == "GP":
            said = process(X, value, train, test, args.seed)
        else:
            said = simple(name, X, value, train, test, args.seed)
        rows[name] = scored(value[test], said, deviation, time.process_time() - cpu)
    return rows


def main() -> None:
    """Fit every fold and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("coords")
    parser.add_argument("splits", nargs="?")
    parser.add_argument("--daily")
    parser.add_argument("--schemes", default="random")
    parser.add_argument("--only", default="PM25,PM10,SO2")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="number of the first fold that is run")
    parser.add_argument("--link", default="cube_root")
    parser.add_argument("--baselines", default="all")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = np.load(args.coords)
    splits = dict(np.load(args.splits)) if args.splits else {}
    known = labels(args.daily, len(data["conti"])) if args.daily else {}
    for scheme in args.schemes.split(","):
        for name in args.only.split(","):
            X, (mean, deviation) = data["conti"], data[f"{name}_meansd"]
            value, groups = data[f"{name}_std"] * deviation + mean, known.get(scheme)
            if scheme == "random":
                tests = folds(name, len(X), splits, args.folds, args.seed)
            else:
                tests = group_folds(groups, 6 if scheme == "stations" else 5, args.folds, args.seed)
            found = []
            for number, test in list(enumerate(tests))[args.first :]:
                found.append(fold((X, value, deviation), test, groups, args))
                own = " ".join(f"{x:.4f}" for x in found[-1]["this project"])
                print(f"{name} {scheme} fold {number}: {own}", flush=True)
            print(f"{name}, {scheme}, {len(found)} folds".ljust(46) + SCORES)
            for label in found[0]:
                average = np.mean([one[label] for one in found], axis=0)
                print(f"  {label}".ljust(46) + " ".join(f"{x:.4f}" for x in average), flush=True)
            for label, pair in RECORDED[name].items() if scheme == "random" else ():
                print(f"  {label} (recorded)".ljust(46) + " ".join(f"{x:.4f}" for x in pair))


if __name__ == "__main__":
    main()
