"""Tables of text (CSV and its kin) as blocks of rows, and tables of stations with their places."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from polyadic.core.errors import InputError
from polyadic.sources.observation_files import columns, presets, times
from polyadic.sources.observation_files.cells import Cells, RowCells
from polyadic.sources.observation_files.cleaning import Block, Floats
from polyadic.sources.observation_files.columns import Layout
from polyadic.sources.observation_files.dialect import NUMBER, Dialect, sniff
from polyadic.sources.observation_files.frames import Table, frames, selection
from polyadic.sources.observation_files.places import PLACE, Places
from polyadic.sources.observation_files.presets.preset import NONE, Preset, Reading
from polyadic.sources.observation_files.settings import ObservationsConfig
from polyadic.sources.observation_files.unit_names import udunits


def inspect(path: Path, cfg: Reading, sites: Places | None) -> Table:
    """Return what the columns of a table are.

    Raises
    ------
    InputError
        If a column is missing, or may be several; the message names the setting.
    """
    dialect = sniff(path, cfg)
    where = str(path)
    if not dialect.sample:
        raise InputError(f"{path}: holds a header line and no data; get it again")
    roles = _roles(dialect, cfg if sites is None else columns.limited(cfg, dialect.names, PLACE), where)
    supplied = [] if sites is None or "station" not in roles else [n for n in sites.coordinates if n not in roles]
    for key in cfg.select:
        if key not in roles:
            columns.known(key, dialect.names, where, "select")
    indexes, covariates = columns.find_coordinates(roles, dialect.names, cfg, where, supplied)
    taken = Layout(roles, {}, indexes, covariates).used | set(cfg.select)
    left = [name for name in dialect.names if name not in taken]
    measured = columns.find_values(
        dialect.names if cfg.values else left, lambda names: _numeric(names, dialect, cfg), cfg, where
    )
    _refuse_fractions(dialect, measured, cfg, where)
    label = _parameter(dialect, roles, cfg, where) if len(measured) == 1 else ""
    values = {label or columns.variable_name(column): column for column in measured}
    layout = Layout(roles, values, indexes, covariates)
    columns.refuse_equal_names(layout, measured, where)
    return Table(path, dialect, layout, _attributes(layout, dialect, cfg))


def preset(path: Path, cfg: ObservationsConfig) -> Preset:
    """Return the preset that the header of a table tells; those of site tables are none."""
    dialect = sniff(path, cfg)
    return NONE if dialect.form == "stations" else presets.of_table(dialect.names)


def is_site_table(path: Path, cfg: ObservationsConfig) -> bool:
    """Return whether a table holds stations and their places and no times."""
    roles = _roles(sniff(path, cfg), cfg, str(path), strict=False)
    return {"station", "latitude", "longitude"} <= set(roles) and "time" not in roles


def has_place(path: Path, cfg: ObservationsConfig) -> bool:
    """Return whether a table has latitude and longitude of its own."""
    return {"latitude", "longitude"} <= set(_roles(sniff(path, cfg), cfg, str(path), strict=False))


def _roles(dialect: Dialect, cfg: ObservationsConfig, where: str, *, strict: bool = True) -> dict[str, columns.Columns]:
    roles = columns.find_roles(dialect.names, cfg if strict else columns.limited(cfg, dialect.names), where, {})
    station = roles.get("station", ())
    if (
        "station" not in cfg.columns
        and "time" in roles
        and station
        and columns.plain(station[0]) in ("id", "code", "name")
    ):
        column = dialect.names.index(station[0])
        names = [row[column] for row in dialect.sample if len(row) > column]
        if len(set(names)) == len(names) > 1:  # a running number of the rows, not a station
            del roles["station"]
    return roles


def _numeric(names: Sequence[str], dialect: Dialect, cfg: ObservationsConfig) -> list[str]:
    """Return the columns of which half of the sampled cells, blanks aside, are numbers: a wrong text is named later."""
    blanks = {"", *(text.casefold() for text in cfg.blanks)}
    found = []
    for name in names:
        column = dialect.names.index(name)
        texts = [row[column].replace(dialect.decimal, ".") for row in dialect.sample if len(row) > column]
        filled = [text for text in texts if text.casefold() not in blanks]
        if filled and 2 * sum(bool(NUMBER.match(text)) for text in filled) >= len(filled):
            found.append(name)
    return found


def _refuse_fractions(dialect: Dialect, measured: Sequence[str], cfg: Reading, where: str) -> None:
    """Refuse fractions where the preset expects whole numbers: it would scale what is scaled already."""
    for column in measured if cfg.known.whole else ():
        cells = [row[dialect.names.index(column)] for row in dialect.sample if len(row) == len(dialect.names)]
        fraction = next((cell for cell in cells if NUMBER.match(cell) and not float(cell).is_integer()), None)
        if fraction is not None:
            raise InputError(
                f"{where}: column {column!r} holds {fraction}, but {cfg.known.title} states whole numbers (tenths); it"
                f" may be converted already: set preset: none and units: {{{column}: ...}}"
            )


def _selected_sample(dialect: Dialect, roles: Mapping[str, columns.Columns], cfg: ObservationsConfig) -> pd.DataFrame:
    width = len(dialect.names)
    rows = [[*row, *[""] * (width - len(row))][:width] for row in dialect.sample]
    frame = pd.DataFrame(rows, columns=pd.Index(dialect.names), dtype=object)
    return frame[selection(frame, roles, cfg)]


def _parameter(dialect: Dialect, roles: Mapping[str, columns.Columns], cfg: Reading, where: str) -> str:
    """Return what the rows of a long table measure, or an empty text where the column of values tells."""
    if "parameter" not in roles:
        return ""
    column = roles["parameter"][0]
    wanted = cfg.select.get("parameter", cfg.select.get(column))
    cells = _selected_sample(dialect, roles, cfg)[column]
    found = [wanted] if isinstance(wanted, str) else cells[cells != ""].unique()
    _one(found, column, "parameter", where)
    label = str(found[0]).strip() if len(found) else ""
    known = cfg.known.variables.get(label)
    return known.name if known is not None and known.name else columns.variable_name(label) if label else ""


def _one(found: Any, column: str, role: str, where: str) -> None:
    """Refuse rows of several parameters or units in one variable."""
    if len(found) > 1:
        shown = ", ".join(repr(str(text)) for text in found[:8])
        raise InputError(
            f"{where}: column {column!r} holds several values ({shown}); choose one by"
            f" {columns.to_add('select', {role: str(found[0])})}"
        )


def _attributes(layout: Layout, dialect: Dialect, cfg: Reading) -> dict[str, dict[str, str]]:
    attributes: dict[str, dict[str, str]] = {}
    for name, column in {**{n: " ".join(c) for n, c in layout.coordinates.items()}, **layout.values}.items():
        stated = udunits(columns.stated_units(column))
        attributes[name] = {"long_name": name, "units": stated} if stated else {"long_name": name}
    if "units" in layout.roles and len(layout.values) == 1:
        units = _selected_sample(dialect, layout.roles, cfg)[layout.roles["units"][0]]
        (name,) = layout.values
        if len(units) and units.iloc[0]:
            attributes[name]["units"] = udunits(str(units.iloc[0]))
    return attributes


def blocks(table: Table, cfg: Reading, sites: Places | None) -> Iterator[Block]:
    """Yield the rows of a table, some lines at a time.

    Raises
    ------
    InputError
        For text where a number belongs, lines of too many cells, a wrong encoding or damaged gzip data.
    """
    reader = times.Reader(cfg.time_format, cfg.time_zone, cfg.local_day)
    single = _single(table, cfg)
    seen: dict[str, set[str]] = {column: set() for column in single.values()}
    for frame in frames(table):
        frame = frame[selection(frame, table.layout.roles, cfg)]
        for role, column in single.items():
            seen[column].update(map(str, pd.unique(frame[column])))
            _one(sorted(seen[column]), column, role, str(table.path))
        yield RowCells(table, frame, cfg, reader, sites).block()
    if "units" in single and seen[single["units"]] - {""}:
        (name,) = table.layout.values
        table.attributes[name]["units"] = udunits(next(iter(seen[single["units"]])))


def _single(table: Table, cfg: Reading) -> dict[str, str]:
    """Return by role, or by their own name, the columns that may hold one value only."""
    roles, names = table.layout.roles, table.dialect.names
    single = {role: roles[role][0] for role in ("parameter", "units") if role in roles}
    single = single if len(table.layout.values) == 1 else {}
    return single | {column: column for column in cfg.known.single if column in names and column not in cfg.select}


def read_places(path: Path, cfg: ObservationsConfig) -> Places:
    """Return the stations of a site table.

    Raises
    ------
    InputError
        If it lacks station, latitude or longitude, or places one station twice.
    """
    dialect = sniff(path, cfg)
    roles = _roles(dialect, cfg, str(path), strict=False)
    for role in ("station", "latitude", "longitude"):
        if role not in roles:
            raise InputError(
                f"{path}: the site table has no {role} among {', '.join(dialect.names)}; name it by"
                f" columns: {{{role}: ...}}"
            )
    table = Table(path, dialect, Layout(roles, {}, {}, {}), {})
    row: dict[str, int] = {}
    parts: dict[str, list[Floats]] = {name: [] for name in PLACE if name in roles}
    for frame in frames(table):
        cells = Cells(table, frame, cfg)
        for name in cells.texts(roles["station"], None, "-"):
            if name.strip() in row:
                raise InputError(f"{path}: the site table holds station {name.strip()!r} twice; keep one of them")
            row[name.strip()] = len(row)
        for name, column in parts.items():
            column.append(cells.numbers(roles[name][0]))
    return Places(str(path), row, {name: np.concatenate(column) for name, column in parts.items()})
