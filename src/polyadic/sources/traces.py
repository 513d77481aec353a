"""Source `traces`: calcium imaging and BOLD from NWB, suite2p, CaImAn, tables, NumPy, MATLAB and HDF5 files.

``python -m polyadic.sources.traces --files worm1.nwb worm2.nwb --out traces.nc``
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core.errors import InputError
from polyadic.core.stage import stage
from polyadic.kinds import traces as kind
from polyadic.sources.trace_files.settings import TracesConfig


@stage(name="sources.traces", config=TracesConfig, output=kind.SCHEMA, files=True)
def traces(cfg: TracesConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read the traces of all files as one Dataset of kind `traces`, neurons aligned and useless ROIs left out.

    Neurons are sorted by name, animals stay in the order of the files. What is left out is counted by reason, in the
    log and in the attribute ``dropped``; values that are missing in a file stay missing.

    Raises
    ------
    InputError
        For what cannot be read as such; the message names file, variable, what was found, and the remedy.
    """
    from polyadic.sources.trace_files import clocks, formats, joining, tables

    table_path, others = _registration(cfg, files)
    read = [recording for path in others for recording in formats.read(path, cfg)]
    recordings = joining.with_animals(read, cfg)
    names = {} if table_path is None else tables.registration(table_path)
    _check_registration(table_path, names, [recording.animal for recording in recordings])
    dropped: Counter[str] = Counter()
    recordings = [joining.without_useless(recording, dropped) for recording in recordings]
    rule = joining.rule_of(recordings, names, cfg)
    recordings = [joining.named(recording, rule, names, cfg, dropped) for recording in recordings]
    recordings, rate = clocks.on_one_clock(recordings, cfg)
    return joining.dataset(recordings, rate, cfg, dropped)


def _registration(cfg: TracesConfig, files: Sequence[Path]) -> tuple[Path | None, list[Path]]:
    if not cfg.registration:
        return None, list(files)
    found = [path for path in files if path.name == Path(cfg.registration).name]
    others = [path for path in files if path not in found]
    if len(found) != 1 or not others:
        given = ", ".join(path.name for path in files)
        raise InputError(f"setting registration names {cfg.registration!r}, one of several files; found {given}")
    return found[0], others


def _check_registration(path: Path | None, names: dict[tuple[str, int], str], animals: Sequence[str]) -> None:
    known = {animal for animal, _ in names}
    if path is not None and not known & set(animals):
        raise InputError(
            f"{path}: names the animals {', '.join(sorted(known)) or 'none'}, the files hold {', '.join(animals)};"
            " write the same names, or set animals"
        )


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a small table of three neurons and return it with the settings by which it is read."""
    rng = np.random.default_rng(0)
    path = folder / "example.csv"
    rows = [f"{frame / 5:g}," + ",".join(f"{v:.4f}" for v in rng.gamma(0.5, size=3)) for frame in range(50)]
    path.write_text("\n".join(["time,AVAL,AVAR,RIML", *rows]) + "\n")
    return [path], {"signal_type": "dF/F"}


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return the settings by which this source reads the files.

    Raises
    ------
    InputError
        If it does not read them, or a setting is missing; the message names it.
    """
    from polyadic.sources.trace_files import arrays, formats

    forms = [formats.of(path) for path in files]
    for path, form in zip(files, forms, strict=True):
        if form == "table":  # any CSV might be one: only a table of numbers is
            formats.read(path, TracesConfig())
        elif form in ("matlab", "hdf5"):  # so might any file of arrays
            arrays.check_plane(path, form)
    return {"format": forms[0]} if len(set(forms)) == 1 else {}


if __name__ == "__main__":
    traces.cli()
