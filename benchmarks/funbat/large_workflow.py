"""N daily values as a CSV table through the whole workflow in one Snakemake pass: CPU, elapsed and memory by stage.

``python benchmarks/funbat/large_workflow.py 10000000 FOLDER [--cores 2] [--run-set fit.rank=8 ...]`` writes the table
of large_observations.py as text, a config that reads it, and runs every product of the run: ingest, split, fit,
predict, baselines, evaluate, stations, map, series, figures, table. Prints what each stage's log says, the elapsed
time, and the largest sum of proportional memory of all processes, sampled every other second.

Measured: see docs/decisions/050-large-observations-in-one-pass.md.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from large_observations import PRESENT, TIMES_A_BLOCK, block, stations, weather

ROOT = Path(__file__).resolve().parents[2]
SAID = re.compile(r"(\w[\w.]*): wrote (\S+) \(([\d.]+) CPU s, ([\d.]+) s elapsed, peak memory ([\d.]+) GiB\)")


def write_table(count: int, path: Path) -> None:
    """Write the observations as a table with one row a value."""
    times = round(count / PRESENT)
    place, ways = stations(), weather(times)
    begin = [
        f"S{i:03d},{place['latitude'][i]:.4f},{place['longitude'][i]:.4f},{place['elevation'][i]:.1f},"
        for i in range(place["latitude"].size)
    ]
    days = np.datetime_as_string(np.datetime64("1900-01-01", "D") + np.arange(times))
    with path.open("w") as stream:
        stream.write("station,latitude,longitude,elevation,time,temperature\n")
        for number in range(-(-times // TIMES_A_BLOCK)):
            part = block(number, times, PRESENT, place, ways)
            rows = zip(part["station_index"].tolist(), part["time"].tolist(), part["temperature"].tolist(), strict=True)
            stream.writelines(f"{begin[s]}{days[t]},{v:.2f}\n" for s, t, v in rows)


def write_config(folder: Path, stages: dict[str, dict[str, object]]) -> None:
    """Write a config with the one dataset and the one run; JSON is YAML."""
    source = {"source": "observations", "files": ["large.csv"], "settings": {"units": {"temperature": "degC"}}}
    parts = {
        "config": {"methods": ["funbat"], "seed": 0},
        "datasets": {"datasets": {"large": source}},
        "funbat": {"funbat": {"runs": {"colorado": {"enabled": False}, "large": {"dataset": "large", **stages}}}},
    }
    (folder / "config").mkdir(exist_ok=True)
    for name, part in parts.items():
        (folder / "config" / f"{name}.yaml").write_text(json.dumps(part, indent=1))


def memory(process: int) -> float:
    """Return GiB of proportional memory of a process and all below it."""
    total, below = 0.0, [process]
    while below:
        number = below.pop()
        try:
            for task in Path(f"/proc/{number}/task").iterdir():
                below += map(int, (task / "children").read_text().split())
            rollup = Path(f"/proc/{number}/smaps_rollup").read_text()
        except (OSError, ValueError):
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) / 2**20
    return total


def main() -> None:
    """Write the inputs unless they are there, run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cores", default="2")
    parser.add_argument("--run-set", nargs="*", default=[])
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    stages: dict[str, dict[str, object]] = {}
    for text in args.run_set:
        key, value = text.split("=", 1)
        stages.setdefault(key.split(".")[0], {})[key.split(".")[1]] = json.loads(value)
    if not (args.folder / "large.csv").exists():
        write_table(args.count, args.folder / "large.csv")
    write_config(args.folder, stages)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["snakemake", "-s", str(ROOT / "Snakefile"), "--cores", args.cores, "--resources", "mem_mb=8000"]
    clock, peak = time.monotonic(), 0.0
    with (args.folder / "snakemake.log").open("w") as stream:
        environment = os.environ | {"PATH": path, "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(command, cwd=args.folder, stdout=stream, stderr=stream, env=environment)
        while child.poll() is None:
            peak = max(peak, memory(child.pid))
            time.sleep(2)
    elapsed = time.monotonic() - clock
    for log in sorted((args.folder / "logs").rglob("*.log"), key=lambda p: p.stat().st_mtime):
        for name, _, cpu, wall, gib in SAID.findall(log.read_text()):
            print(f"{name:24s} {float(cpu):8.1f} CPU s {float(wall):8.1f} s {float(gib):6.2f} GiB")
    used = sum(os.times()[2:4])
    print(f"all: {used:.0f} CPU s, {elapsed:.0f} s elapsed, {peak:.2f} GiB at once, exit code {child.returncode}")


if __name__ == "__main__":
    main()
