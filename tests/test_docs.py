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


def script(page: Path) -> str:
    """Return one program that does what the page tells: files written, commands run, Python in one session."""
    parts = ["import pathlib as _pathlib, subprocess as _subprocess"]
    for language, file, content in blocks(page):
        if language in ("yaml", "csv") and file:
            parts.append(f"_path = _pathlib.Path({file!r}); _path.parent.mkdir(parents=True, exist_ok=True)")
            parts.append(f"_path.write_text({content!r})")
        elif language == "python":
            parts.append(content)
        elif language == "console":
            lines = re.findall(r"^\$ (.+)$", content, re.MULTILINE)
            parts += [f"_subprocess.run(['bash', '-c', {line!r}], check=True)" for line in lines]
    return "\n".join(parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_of_a_page_runs(page, tmp_path):
    """A block ```yaml FILE or ```csv FILE is written to FILE first, as the reader would."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    source = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    variables = {**os.environ, "PATH": path, "PYTHONPATH": source}
    command = [sys.executable, "-c", script(page)]
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target
