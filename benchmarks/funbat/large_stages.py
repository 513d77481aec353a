"""Run split, fit, predict, baselines, evaluate, stations and plots on a file of observations, one process a stage.

``python benchmarks/funbat/large_stages.py large.nc results/large [--only split,fit] [--threads 2]
[--set fit.residual=none ...]`` prints, for each stage, CPU s, elapsed s and peak memory. See large_observations.py.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

STAGES = {
    "split": ("methods.funbat.split", {"observations": "{data}"}),
    "fit": ("methods.funbat.fit", {"observations": "{out}/split.nc"}),
    "predict": ("methods.funbat.predict", {"observations": "{out}/split.nc", "posterior": "{out}/fit.nc"}),
    "baselines": ("methods.funbat.baselines", {"observations": "{out}/split.nc"}),
    "evaluate": ("methods.funbat.evaluate", {"predictions": "{out}/predict.nc", "baselines": "{out}/baselines.nc"}),
    "stations": ("methods.funbat.stations", {"predictions": "{out}/predict.nc", "observations": "{out}/split.nc"}),
}
PLOTS = {
    "scatter": "predict",
    "residuals": "predict",
    "calibration": "predict",
    "coverage": "split",
    "distribution": "split",
}


def commands(data: Path, out: Path, settings: dict[str, dict[str, object]]) -> dict[str, list[str]]:
    """Return the command line of every step."""
    found = {}
    for name, (module, inputs) in STAGES.items():
        given = [part for n, p in inputs.items() for part in (f"--{n}", p.format(data=data, out=out))]
        config = ["--config", json.dumps(settings.get(name, {})), "--out", str(out / f"{name}.nc")]
        found[name] = [sys.executable, "-m", f"polyadic.{module}", *given, *config]
    for figure, stage in PLOTS.items():
        target = ["-o", str(out / f"{figure}.svg"), "--figure", figure]
        found[f"plot {figure}"] = [sys.executable, "-m", "polyadic", "plot", str(out / f"{stage}.nc"), *target]
    return found


def run(command: list[str], threads: int, log: Path) -> tuple[float, float, float]:
    """Return CPU s, elapsed s and peak GiB of a process."""
    environment = os.environ | {"POLYADIC_THREADS": str(threads), "OMP_NUM_THREADS": "1"}
    clock = time.monotonic()
    with log.open("w") as stream:
        child = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)}\n{log.read_text()}")
    factor = 2**20 if sys.platform != "darwin" else 2**30
    return usage.ru_utime + usage.ru_stime, time.monotonic() - clock, usage.ru_maxrss / factor


def main() -> None:
    """Run the steps and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", nargs="*", default=[])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings: dict[str, dict[str, object]] = {}
    for text in args.set:
        key, value = text.split("=", 1)
        stage, name = key.split(".")
        own = settings.setdefault(stage, {})
        try:
            own[name] = json.loads(value)
        except json.JSONDecodeError:  # a word, such as none
            own[name] = value
    steps = commands(args.data, args.out, settings)
    chosen = [name for name in steps if not args.only or name.split()[-1] in args.only.split(",")]
    total = [0.0, 0.0]
    for name in chosen:
        cpu, elapsed, peak = run(steps[name], args.threads, args.out / f"{name.replace(' ', '_')}.log")
        total = [total[0] + cpu, total[1] + elapsed]
        print(f"{name:20s} {cpu:8.1f} CPU s {elapsed:8.1f} s {peak:6.2f} GiB", flush=True)
    print(f"{'all':20s} {total[0]:8.1f} CPU s {total[1]:8.1f} s")


if __name__ == "__main__":
    main()
