"""Source `observations`: measured values with their places and times, from CSV and NetCDF files.

``python -m polyadic.sources.observations --files A.csv B.csv --config '{"values": ["PM2.5"]}' --out observations.nc``
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from polyadic.core import progress
from polyadic.core.errors import InputError, KnownFormError, OtherFormError, nearest
from polyadic.core.stage import stage
from polyadic.kinds import observations as kind
from polyadic.sources.observation_files import cleaning, formats, grids, presets, slabs, tables
from polyadic.sources.observation_files.cleaning import Block, Counts, Rows
from polyadic.sources.observation_files.columns import Layout, to_add
from polyadic.sources.observation_files.frames import Table
from polyadic.sources.observation_files.places import PLACE, Places
from polyadic.sources.observation_files.presets.preset import NONE, Preset, Reading
from polyadic.sources.observation_files.settings import ObservationsConfig


@stage(name="sources.observations", config=ObservationsConfig, output=kind.SCHEMA, files=True)
def observations(cfg: ObservationsConfig, files: Sequence[Path]) -> xr.Dataset:
    """Read the values of all files, cleaned and sorted, as one Dataset of kind `observations`.

    Rows are sorted by station name (by latitude and longitude where there are no stations), then by time, then by
    the other indexes. What is dropped is counted by reason in the log and in the attribute ``dropped``.

    Parameters
    ----------
    cfg
        Which columns are what, what means missing, units, zones: `ObservationsConfig`.
    files
        Tables and NetCDF files, and at most one table of stations with their places.

    Returns
    -------
    Dataset with the values (obs,) in their units and the indexes as coordinates, all float64 but the times.

    Raises
    ------
    InputError
        For what cannot be read as such; the message names file, variable, what was found, and the remedy.

    Notes
    -----
    Memory grows with the rows that are kept: tables are read 131,072 lines at a time, grids 2,097,152 values at a time
    (or one chunk of the file), and coordinates are looked up for kept values only.
    """
    reading, plans, sites = _plans(cfg, files)
    first = plans[0]
    counts, stations = Counts(), dict[str, int]()
    parts = []
    for plan in progress.track(plans, len(plans)):
        for block in _blocks(plan, reading, sites):
            part = cleaning.clean(block, plan.layout.covariates, reading, counts, stations)
            if part.size:
                parts.append(part)
        _same_units(first, plan)
    if not parts:
        raise InputError(_nothing(files, counts, sites))
    indexes = tuple(first.layout.indexes)
    rows, names = cleaning.in_order(cleaning.join(parts), indexes, stations)
    del parts
    rows = cleaning.merge(rows, indexes, reading, counts, names)
    cleaning.warn_of_sentinels(counts, rows)
    counts.log(sum(int(np.isfinite(values).sum()) for values in rows.values.values()))
    if sites is not None and sites.unknown:
        progress.warn(f"{sites.file} has no place for {_some(sorted(sites.unknown))}; their values are dropped")
    return _dataset(rows, names, first, reading, counts)


def example(folder: Path) -> tuple[list[Path], dict[str, Any]]:
    """Write a small table of three stations and return it with the settings by which it is read."""
    path = folder / "example.csv"
    lines = ["station,latitude,longitude,elevation,time,temperature"]
    for number, (latitude, longitude, elevation) in enumerate(
        [(39.7, -105.0, 1609), (38.3, 255.4, 1430), (40.0, -105.3, 1655)]
    ):
        for day in range(1, 6):
            lines.append(f"S{number},{latitude},{longitude},{elevation},2000-01-{day:02d},{10 + number - day}")
    path.write_text("\n".join([*lines, "S0,39.7,-105.0,1609,2000-01-06,-999"]) + "\n")
    return [path], {"units": {"temperature": "degC"}}


def suggest(files: Sequence[Path]) -> dict[str, Any]:
    """Return the settings by which this source reads the files.

    Raises
    ------
    InputError
        If it does not read them, or a setting is missing; the message names it.
    """
    try:
        cfg, plans, _ = _plans(ObservationsConfig(), files)
    except OtherFormError:
        raise
    except InputError as error:
        if _told(ObservationsConfig(), {path: formats.of(path) for path in files})[1].name == "none":
            raise
        raise KnownFormError(str(error)) from error
    if cfg.known.name != "none" and plans:
        return {"preset": cfg.known.name}
    layouts = [plan.layout for plan in plans]
    first = layouts[0]
    settings: dict[str, Any] = {"indexes": list(first.indexes)}
    if all(layout.values == first.values for layout in layouts):
        settings["values"] = list(first.values.values())
    if all(layout.roles == first.roles for layout in layouts):
        settings["columns"] = {r: c[0] if len(c) == 1 else list(c) for r, c in first.roles.items()}
    if first.covariates:
        settings["covariates"] = list(first.covariates)
    return settings


Plan = Table | grids.Grid


def _plans(given: ObservationsConfig, files: Sequence[Path]) -> tuple[Reading, list[Plan], Places | None]:
    """Look at every file; tell the preset, and the site table from the files with values."""
    found = {path: formats.of(path) for path in files}
    cfg = presets.overlaid(given, _preset(given, found))
    site_table = _site_table(cfg, found)
    sites = None if site_table is None else tables.read_places(site_table, cfg)
    if sites is None and cfg.known.places and not {"latitude", "longitude"} & set(given.columns) and not given.indexes:
        raise InputError(f"{files[0]}: {cfg.known.places} (setting site_table)")
    plans: list[Plan] = [
        tables.inspect(path, cfg, sites) if form == "table" else grids.inspect(path, cfg, sites)
        for path, form in found.items()
        if path != site_table
    ]
    if not plans:
        raise InputError(f"{site_table}: a site table alone holds no values; give the files with the values too")
    for plan in plans[1:]:
        _same(plans[0], plan)
    _refuse_unknown(given, plans[0].layout)
    return cfg, plans, sites


def _preset(given: ObservationsConfig, found: dict[Path, str]) -> Preset:
    """Return the preset that the settings name, else the first that a file tells."""
    if given.preset != "auto":
        return presets.named(given.preset)
    path, known = _told(given, found)
    if known.name != "none":
        progress.log(f"{path.name}: read as {known.title} (preset {known.name})")
    return known


def _told(given: ObservationsConfig, found: dict[Path, str]) -> tuple[Path, Preset]:
    for path, form in found.items():
        known = tables.preset(path, given) if form == "table" else grids.preset(path)
        if known.name != "none":
            return path, known
    return Path(), NONE


def _site_table(cfg: ObservationsConfig, found: dict[Path, str]) -> Path | None:
    """Return the file with the places of the stations: the one named, or the only one that looks like it."""
    if cfg.site_table == "none":
        return None
    if cfg.site_table != "auto":
        named = [path for path in found if path.name == Path(cfg.site_table).name]
        if not named:
            given = ", ".join(path.name for path in found)
            raise InputError(f"setting 'site_table' names {cfg.site_table!r}, which is not among the files ({given})")
        return named[0]
    candidates = [path for path, form in found.items() if form == "table"]
    if len(found) < 2:
        return None
    placeless = [p for p, form in found.items() if not (tables if form == "table" else grids).has_place(p, cfg)]
    return next((path for path in candidates if placeless and tables.is_site_table(path, cfg)), None)


def _refuse_unknown(cfg: ObservationsConfig, layout: Layout) -> None:
    """Refuse settings by variable whose variable is not read: a slip of the pen would change nothing, silently."""
    read = [*layout.values, *layout.values.values(), *layout.coordinates]
    for setting in ("units", "long_name", "standard_name", "cell_methods", "scale", "minimum", "maximum"):
        given = getattr(cfg, setting)
        for name in given if isinstance(given, dict) else ():
            if name not in read:
                raise InputError(f"setting {setting!r} names {name!r}, which is not read; {nearest(name, read)}")


def _same(first: Plan, other: Plan) -> None:
    """Refuse files that do not hold the same values along the same indexes."""
    one, two = first.layout, other.layout
    pairs = {
        "values": (tuple(one.values), tuple(two.values)),
        "indexes": (tuple(one.indexes), tuple(two.indexes)),
        "covariates": (tuple(one.covariates), tuple(two.covariates)),
    }
    for what, (expected, found) in pairs.items():
        if found != expected:
            raise InputError(
                f"{other.path}: its {what} are {', '.join(found) or 'none'}, those of {first.path} are"
                f" {', '.join(expected) or 'none'}; set {what!r}, or read the files apart"
            )
    if ("station" in one.roles) != ("station" in two.roles):
        raise InputError(f"{first.path} and {other.path}: only one of them has stations; set columns: {{station: ...}}")
    if "units" not in {*one.roles, *two.roles}:
        _same_units(first, other)


def _same_units(first: Plan, other: Plan) -> None:
    """Refuse files of several units; what rows state is known only when they are read."""
    for name in first.layout.values:
        a, b = (plan.attributes[name].get("units", "") for plan in (first, other))
        if "units" in {*first.layout.roles, *other.layout.roles} and "" in (a, b):
            first.attributes[name] |= {"units": a or b} if a or b else {}
        elif a != b:
            raise InputError(
                f"{other.path}: the units of {name!r} are {b!r}, in {first.path} {a!r}; convert one of them"
            )


def _blocks(plan: Plan, cfg: Reading, sites: Places | None) -> Iterator[Block]:
    return tables.blocks(plan, cfg, sites) if isinstance(plan, Table) else slabs.blocks(plan, cfg, sites)


def _nothing(files: Sequence[Path], counts: Counts, sites: Places | None) -> str:
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in sorted(counts.dropped.items()))
    text = f"{', '.join(map(str, files))}: no value is left of {counts.read:,} ({reasons or 'no rows are selected'})"
    if sites is not None and sites.unknown:
        return f"{text}; {sites.file} has no place for {_some(sorted(sites.unknown))}: give both files the same names"
    if counts.dropped.get("missing covariate", 0) == counts.read:
        return f"{text}; no row has its covariate: leave it out, the elevation by columns: {{elevation: ''}}"
    return f"{text}; check the settings columns, select, sentinels, minimum, maximum and time_format"


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _dataset(rows: Rows, names: Sequence[str], plan: Plan, cfg: Reading, counts: Counts) -> xr.Dataset:
    station = None if rows.station is None else (rows.station, names)
    out = kind.dataset(
        {name: (v, _attributes(name, plan, cfg)) for name, v in rows.values.items()},
        {name: (v, _attributes(name, plan, cfg)) for name, v in rows.coordinates.items()},
        covariates=tuple(plan.layout.covariates),
        station=station,
    )
    if isinstance(plan, grids.Grid):
        out.attrs |= grids.titles(plan)
    if cfg.known.name != "none":
        out.attrs["preset"] = cfg.known.name
    out.attrs["values_read"] = counts.read
    out.attrs["dropped"] = counts.as_json()
    return out


def _attributes(name: str, plan: Plan, cfg: Reading) -> dict[str, str]:
    """Return the attributes of a variable: settings before the file, the file before preset and conventions."""
    stated = dict(plan.attributes.get(name, {}))
    if name in PLACE:
        return {key: stated[key] for key in ("cell_bounds",) if key in stated}
    column = plan.layout.values.get(name, name)
    known = _known(name, column, cfg.known)
    attributes = {**stated, **{k: v for k, v in known.items() if stated.get(k, name) == name}}
    for key in ("units", "long_name", "standard_name", "cell_methods"):
        given = getattr(cfg, key)
        if name in given or column in given:
            attributes[key] = given.get(name, given.get(column, ""))
    if name == "time":
        return attributes | _time_attributes(attributes, cfg)
    if cfg.daily_means and name in plan.layout.values:
        attributes["cell_methods"] = cfg.cell_methods.get(name, "time: mean")
    if "units" not in attributes:
        attributes["units"] = "1"
        attributes["comment"] = "the file states no units"
        progress.warn(f"the units of {name!r} are not stated; add {to_add('units', {name: '...'})}")
    return attributes


def _known(name: str, column: str, preset: Preset) -> dict[str, str]:
    """Return what the preset knows of a variable, by its name in the output or in the file."""
    of = {**{known.name: known for known in preset.variables.values() if known.name}, **preset.variables}
    known = of.get(name, of.get(column))
    return {} if known is None else known.attributes


_CELLS = {"hour": ("hours", 0.0, 1.0), "hour before": ("hours", -1.0, 0.0), "day": ("days", 0.0, 1.0)}


def _time_attributes(stated: dict[str, str], cfg: Reading) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if cfg.local_day:
        attributes["comment"] = "local calendar day of each place"
    if cfg.time_cell and (cfg.daily_means or "cell_bounds" not in stated):
        unit, start, end = _CELLS[cfg.time_cell]
        attributes["cell_bounds"] = json.dumps({"unit": unit, "start": [start, start], "end": [end, end]})
    return attributes


if __name__ == "__main__":
    observations.cli()
