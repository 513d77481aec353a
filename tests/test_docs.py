"""Every example in the documents runs: python blocks in one session a page, console blocks as commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return (language, file to write, content) of every block of a page."""
    return [(m[1], m[2].strip(), m[3]) for m in FENCE.finditer(page.read_text())]


PAGES = [page for page in PAGES if any(language in ("python", "console") for language, _, _ in blocks(page))]


def run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    variables = {**os.environ, "PATH": path, "PYTHONPATH": source}
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_of_a_page_runs(page, tmp_path):
    """A block ```yaml FILE or ```csv FILE is written to FILE first, as the reader would."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    session = ""
    for language, file, content in blocks(page):
        if language in ("yaml", "csv") and file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(content)
        elif language == "python":
            session += content
            run([sys.executable, "-c", session], tmp_path)
        elif language == "console":
            for line in re.findall(r"^\$ (.+)$", content, re.MULTILINE):
                run(["bash", "-c", line], tmp_path)


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
