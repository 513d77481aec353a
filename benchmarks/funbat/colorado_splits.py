"""Monthly temperatures of Colorado: values at random, whole stations or years withheld; all baselines beside.

``python benchmarks/funbat/colorado_splits.py [--schemes random,stations,blocks] [--seeds 3] [--first 0]
[--baselines NAME,NAME]``

Runs the stages split, fit, predict, baselines and evaluate on the embedded data set in this process, with their default
settings (blocks of 730 days), and prints scores of every method, mean and standard deviation over seeds, RMSE in degC,
and RMSE and coverage of each seed.
Baselines that win stay in the table. All of them take minutes a seed; name a few to save time.

Measured: see docs/decisions/047-shapes-of-errors.md.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import xarray as xr

from polyadic.core import io
from polyadic.methods.funbat.baselines import BaselinesConfig, baselines
from polyadic.methods.funbat.evaluate import EvaluateConfig, evaluate
from polyadic.methods.funbat.fit import FitConfig, fit
from polyadic.methods.funbat.predict import PredictConfig, predict
from polyadic.methods.funbat.split import SplitConfig, split
from polyadic.sources.observations import ObservationsConfig, observations

METRICS = ("rmse", "crps", "nlpd", "coverage80", "coverage90")
DATA = Path(__file__).parents[2] / "data" / "colorado_tmax.nc"


def table(ds: xr.Dataset, scheme: str, seed: int, names: tuple[str, ...]) -> tuple[xr.Dataset, float]:
    """Return the metrics of one split, and the CPU s of the fit."""
    rows = split(SplitConfig(scheme=scheme, block_length=730, seed=seed), observations=ds)
    cpu = time.process_time()
    posterior = fit(FitConfig(seed=seed), observations=rows)
    cpu = time.process_time() - cpu
    predicted = predict(PredictConfig(), observations=rows, posterior=posterior)
    simple = baselines(BaselinesConfig(only=names, seed=seed), observations=rows)
    return evaluate(EvaluateConfig(), predictions=predicted, baselines=simple), cpu


def main() -> None:
    """Run the splits and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemes", default="random,stations,blocks")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--baselines", default="")
    args = parser.parse_args()
    ds = io.read(DATA)
    if ds.attrs.get("kind") != "observations":
        ds = observations(ObservationsConfig(), DATA)
    names = tuple(filter(None, args.baselines.split(",")))
    for scheme in args.schemes.split(","):
        found = [table(ds, scheme, seed, names) for seed in range(args.first, args.first + args.seeds)]
        cpu = np.mean([seconds for _, seconds in found])
        print(f"{scheme}: RMSE (degC), CRPS, NLPD, coverage of 80 and of 90 %, the same by seed; fit {cpu:.0f} CPU s")
        for method in found[0][0]["method"].to_numpy():
            scores = [[float(one["value"].sel({"method": method, "metric": m})) for m in METRICS] for one, _ in found]
            mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
            row = "  ".join(f"{m:.4f} +- {s:.4f}" for m, s in zip(mean, spread, strict=True))
            print(
                f"  {method:28s}{row}  " + " ".join("/".join(f"{x:.4f}" for x in score) for score in scores), flush=True
            )


if __name__ == "__main__":
    main()
