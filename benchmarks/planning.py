"""CPU seconds of planning: a dry run of the workflow with many runs of funbat, in a folder of its own.

``python benchmarks/planning.py 100`` prints the CPU seconds of three dry runs, children included.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").mkdir()
        lines = [f"    run{i:05d}: {{dataset: colorado_tmax, seed: {i}}}" for i in range(runs)]
        text = "\n".join(["funbat:", "  runs:", "    colorado: false", *lines])
        (folder / "config/funbat.yaml").write_text(text + "\n")
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--cores",
            "2",
            "--dry-run",
        ]
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([*command, "--quiet"], cwd=folder, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            print(f"{runs} runs: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.2f} CPU s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
