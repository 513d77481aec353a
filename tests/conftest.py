"""Settings that all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

ROOT = Path(__file__).parent
LONG = (
    ROOT / "test_docs.py",
    ROOT / "workflow" / "test_reruns.py",
    ROOT / "workflow" / "test_failures.py",
    ROOT / "contract" / "test_stages.py",
    ROOT / "workflow",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the modules that take longest first, so that workers end together.

    While one compiles the methods, by what the documents run, the other has the workflow of a method without kernels:
    what it needs of the rest is compiled when it comes to it.
    """
    items.sort(key=lambda item: next((i for i, path in enumerate(LONG) if item.path.is_relative_to(path)), len(LONG)))
