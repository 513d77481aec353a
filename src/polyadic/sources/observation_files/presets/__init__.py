"""Presets: well-known layouts of files, one small file of data each, and which of them a file is of.

A further preset is a further file with one `Preset` and a word in `PRESETS`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from polyadic.core.errors import InputError, nearest
from polyadic.sources.observation_files.presets.aqs import AQS_DAILY, AQS_HOURLY
from polyadic.sources.observation_files.presets.beijing import PRSA_BEIJING
from polyadic.sources.observation_files.presets.era5 import ERA5
from polyadic.sources.observation_files.presets.ghcn import GHCN_ACCESS, GHCN_DAILY
from polyadic.sources.observation_files.presets.openaq import OPENAQ
from polyadic.sources.observation_files.presets.preset import NONE, Preset, Reading
from polyadic.sources.observation_files.settings import ObservationsConfig

TABLES = (OPENAQ, AQS_DAILY, AQS_HOURLY, GHCN_DAILY, GHCN_ACCESS, PRSA_BEIJING)
GRIDS = (ERA5,)
PRESETS = {preset.name: preset for preset in (NONE, *TABLES, *GRIDS)}


def of_table(names: Sequence[str]) -> Preset:
    """Return the preset that all columns of a header tell, the one of most columns first; `NONE` where none does.

    Examples
    --------
    >>> of_table(["ID", "DATE", "ELEMENT", "DATA_VALUE", "M_FLAG", "Q_FLAG", "S_FLAG", "OBS_TIME"]).name
    'ghcn_daily'
    """
    found = [preset for preset in TABLES if set(preset.header) <= set(names) and _is_whole(preset, names)]
    return max(found, key=lambda preset: len(preset.header), default=NONE)


def _is_whole(preset: Preset, names: Sequence[str]) -> bool:
    """Return whether a wide table holds a known variable: its header of places alone is that of many tables."""
    return preset is not GHCN_ACCESS or any(
        name in names and f"{name}_ATTRIBUTES" in names and "TEMP" not in names for name in preset.variables
    )


def of_grid(names: Collection[str], attributes: Sequence[Mapping[str, Any]]) -> Preset:
    """Return the preset that variables, or the attributes of the file and its variables, tell."""
    for preset in GRIDS:
        told = any(text in str(some.get(key, "")) for some in attributes for key, text in preset.attributes.items())
        if told or set(preset.header) <= set(names):
            return preset
    return NONE


def column_names(first_row: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table without header, by the form of its first row; none where it is not known."""
    for preset in TABLES:
        if len(first_row) == len(preset.first_row) and all(
            re.fullmatch(form, cell) for form, cell in zip(preset.first_row, first_row, strict=True)
        ):
            return (*preset.header, *("OBS_TIME",) * (preset is GHCN_DAILY))
    return ()


def named(name: str) -> Preset:
    """Return the preset of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in PRESETS:
        raise InputError(f"setting 'preset' names {name!r}; {nearest(name, ['auto', *PRESETS])}")
    return PRESETS[name]


def overlaid(cfg: ObservationsConfig, preset: Preset) -> Reading:
    """Return the settings of a preset overlaid by those that are given."""
    settings: dict[str, Any] = {}
    for entry in fields(ObservationsConfig):
        given = getattr(cfg, entry.name)
        default = entry.default_factory() if entry.default_factory is not MISSING else entry.default
        of_preset = preset.settings.get(entry.name, default)
        if isinstance(of_preset, Mapping) and isinstance(given, Mapping):
            settings[entry.name] = {**of_preset, **given}
        else:
            settings[entry.name] = of_preset if given == default else given
    scale = {variable.name or name: variable.scale for name, variable in preset.variables.items()}
    settings["scale"] = {**{name: factor for name, factor in scale.items() if factor != 1}, **settings["scale"]}
    if cfg.daily_means:
        settings |= {"local_day": True, "time_cell": "day"}
    return Reading(**settings, known=preset)
