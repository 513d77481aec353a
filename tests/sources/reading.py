"""Small files for the tests of source `observations`, and how they are read."""

import json
from pathlib import Path
from typing import Any

import xarray as xr

from polyadic.core import config as configs
from polyadic.sources.observation_files.settings import ObservationsConfig
from polyadic.sources.observations import observations

DATA = Path(__file__).parents[2] / "data"


def read(*files: Path, **settings: Any) -> xr.Dataset:
    """Read files with settings as YAML would give them."""
    return observations(configs.build(ObservationsConfig, settings, "sources.observations"), *files)


def dropped(ds: xr.Dataset) -> dict[str, int]:
    """Return the counts of what was dropped."""
    return json.loads(ds.attrs["dropped"])


def table(folder: Path, text: str, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    """Write a table."""
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path
