"""Which column of a table, or variable of a NetCDF file, plays which role: by settings, else by the usual names."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from polyadic.core.errors import InputError, nearest
from polyadic.sources.observation_files.settings import ROLES, ObservationsConfig


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SYNONYMS: dict[str, tuple[str, ...]] = {
    "latitude": _words(
        "latitude lat lats nav_lat gps_lat site_latitude site_lat station_latitude station_lat latitude_deg"
        " lat_deg lat_dd decimal_latitude decimallatitude ylat xlat breite y"
    ),
    "longitude": _words(
        "longitude lon lng long lons nav_lon gps_lon site_longitude site_lon station_longitude station_lon"
        " longitude_deg lon_deg lon_dd decimal_longitude decimallongitude xlon xlong laenge x"
    ),
    "time": _words(
        "time datetime date_time timestamp valid_time datetime_utc time_utc date_utc utc date date_local"
        " datetime_local date_gmt local_date obs_time observation_time observation_date sampling_time sample_date"
        " day yyyymmdd month year"
    ),
    "elevation": _words(
        "elevation elev elevation_m elev_m altitude altitude_m alt alt_m surface_altitude station_elevation"
        " station_elev site_elevation orography height_above_sea_level masl"
    ),
    "station": _words(
        "station station_id stationid station_code stationcode station_name site site_id siteid site_code"
        " site_name location_id locationid location sta wmo wmo_id wban usaf ghcn_id coop_id platform platform_id"
        " gauge gauge_id stn buoy id name code"
    ),
    "parameter": _words("parameter parameter_name pollutant element variable param species"),
    "units": _words("units unit units_of_measure uom"),
}
"""Names by role, the surest first; compared without case, units in brackets and punctuation."""

PLACED = ("latitude", "longitude", "time", "elevation")
"""The roles that may be coordinates."""

MEASURED = ("value", "values", "val", "obs_value", "observation", "measurement", "arithmetic_mean", "concentration")
PARTS = ("year", "month", "day", "hour", "minute")
_NO_VALUE = re.compile(
    r"^(no|nr|number|index|row|unnamed.*|(year|month|day|hour|minute|doy)|.*_?(id|ids|code|flag|flags|qc|qf)"
    r"|.*_attributes|poc|level_0)?$"
)


Columns = tuple[str, ...]
"""Columns that hold one thing together: several where a date or a name is spread over them."""


@dataclass(frozen=True)
class Layout:
    """The roles of the columns of one file.

    Attributes
    ----------
    roles
        Columns by role; several where they are joined.
    values
        Column by the name that the measured variable gets.
    indexes
        Columns by the name of the index, in the order of the modes; none where a site table must supply them.
    covariates
        Columns by the name of the covariate.
    """

    roles: Mapping[str, Columns]
    values: Mapping[str, str]
    indexes: Mapping[str, Columns]
    covariates: Mapping[str, Columns]

    @property
    def coordinates(self) -> dict[str, Columns]:
        """The columns of indexes and covariates, by name."""
        return {**self.indexes, **self.covariates}

    @property
    def used(self) -> set[str]:
        """All columns that are no value."""
        return {column for joined in (*self.roles.values(), *self.coordinates.values()) for column in joined}


def plain(name: str) -> str:
    """Return a header without case, bracketed units and punctuation.

    Examples
    --------
    >>> plain("Site Lat. [deg]"), plain("DATE")
    ('site_lat', 'date')
    """
    return re.sub(r"[^0-9a-z]+", "_", re.sub(r"[(\[].*?[)\]]", "", name).casefold()).strip("_")


def stated_units(name: str) -> str:
    """Return the units that a header states in brackets, else an empty text.

    Examples
    --------
    >>> stated_units("PM2.5 (ug m-3)"), stated_units("PM2.5")
    ('ug m-3', '')
    """
    match = re.search(r"[(\[]\s*([^)\]]+?)\s*[)\]]\s*$", name)
    return match[1] if match else ""


def metres(units: str) -> float:
    """Return the length in metres of the unit of an elevation; metres where it is none that is known."""
    return {"km": 1000.0, "kilometre": 1000.0, "ft": 0.3048, "feet": 0.3048, "foot": 0.3048}.get(units.casefold(), 1.0)


def variable_name(header: str) -> str:
    """Return the name that the column of a header gets in the output: without bracketed units and slashes.

    Examples
    --------
    >>> variable_name("PM2.5 (ug/m3)"), variable_name("NO/NO2")
    ('PM2.5', 'NO_NO2')
    """
    bare = re.sub(r"\s*[(\[][^)\]]*[)\]]\s*$", "", header).strip() or header.strip()
    name = bare.replace("/", "_")
    return f"{name}_value" if name in (*ROLES, "obs", "split", "station_index") else name


def find_roles(
    names: Sequence[str], cfg: ObservationsConfig, where: str, hints: Mapping[str, str]
) -> dict[str, Columns]:
    """Return the columns by role: those of the settings, then those that ``hints`` tell, then those of a usual name.

    Raises
    ------
    InputError
        If a column that the settings name is not there.
    """
    roles: dict[str, Columns] = {}
    for role, given in cfg.columns.items():
        columns = (given,) if isinstance(given, str) else given
        if columns != ("",):
            roles[role] = tuple(known(column, names, where, f"columns: {{{role}: ...}}") for column in columns)
    taken = {column for columns in roles.values() for column in columns} | set(cfg.values)
    taken |= {name for name in (*cfg.indexes, *cfg.covariates) if plain(name) in (*PARTS, "x", "y", "z")}
    for role in ROLES:
        found = hints.get(role) or _usual(role, names, taken)
        if role not in cfg.columns and found:
            roles[role] = (found,)
            taken.add(found)
    _join_date_parts(names, cfg, roles)
    return _without_half_a_pair(roles)


def limited(cfg: ObservationsConfig, names: Sequence[str], roles: Sequence[str] = ROLES) -> ObservationsConfig:
    """Return the settings without those of the roles whose columns a file lacks: another file may have them."""
    joined = {role: (given,) if isinstance(given, str) else given for role, given in cfg.columns.items()}
    absent = {role for role in roles if not set(joined.get(role, ())) <= {*names, ""}}
    return replace(cfg, columns={role: given for role, given in cfg.columns.items() if role not in absent})


def to_add(setting: str, value: Any) -> str:
    """Return the text that adds a setting, for a configuration and for the command line.

    Examples
    --------
    >>> to_add("select", {"level": 850})
    "select: {level: 850} (--set 'select={level: 850}')"
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False).strip()
    return f"{setting}: {text} (--set {shlex.quote(f'{setting}={text}')})"


def known(name: str, names: Sequence[str], where: str, setting: str) -> str:
    """Return the column that the settings name, whatever its case, or raise `InputError` with the nearest one."""
    if name in names:
        return name
    folded = [candidate for candidate in names if candidate.casefold() == name.casefold()]
    if len(folded) == 1:
        return folded[0]
    raise InputError(f"{where}: setting {setting} names {name!r}, which is not in the file; {nearest(name, names)}")


def _usual(role: str, names: Sequence[str], taken: set[str]) -> str | None:
    simple = {plain(name): name for name in reversed(names) if name not in taken}
    return next((simple[word] for word in SYNONYMS[role] if word in simple), None)


def _join_date_parts(names: Sequence[str], cfg: ObservationsConfig, roles: dict[str, Columns]) -> None:
    """Take year, month, day, hour columns for the time where no single column holds it."""
    simple = {plain(name): name for name in reversed(names)}
    current = roles.get("time", ())
    if "time" in cfg.columns or (current and plain(current[0]) not in PARTS):
        return
    parts = [simple[part] for part in PARTS if part in simple]
    if len(parts) > 1 and [plain(part) for part in parts] == list(PARTS[: len(parts)]):
        roles["time"] = tuple(parts)


def _without_half_a_pair(roles: dict[str, Columns]) -> dict[str, Columns]:
    """Drop x without y, which is no position."""
    for one, other, word in (("latitude", "longitude", "y"), ("longitude", "latitude", "x")):
        if one in roles and other not in roles and plain(roles[one][0]) == word:
            del roles[one]
    return roles


def find_values(
    names: Sequence[str], candidates: Callable[[Sequence[str]], Sequence[str]], cfg: ObservationsConfig, where: str
) -> tuple[str, ...]:
    """Return the measured columns: those of the settings, else the one of a usual name, else the only one left.

    ``candidates`` returns those of the names it is given that hold numbers.

    Raises
    ------
    InputError
        If none is left, or several are; the message names them.
    """
    if cfg.values:
        return tuple(known(name, names, where, "values") for name in cfg.values)
    possible = [name for name in names if not _NO_VALUE.match(plain(name))]
    left = candidates(possible) or possible[:1] * (len(possible) == 1)
    measured = [name for name in left if plain(name) in MEASURED]
    if len(measured) == 1:
        return (measured[0],)
    if len(left) == 1:
        return (left[0],)
    if left:
        shown = ", ".join(left[:12]) + (", ..." if len(left) > 12 else "")
        raise InputError(
            f"{where}: {len(left)} columns may be the measured value ({shown}); name it, for instance"
            f" {to_add('values', [left[-1]])}"
        )
    if not names:
        raise InputError(f"{where}: no column of values is left; beside a site table give the files with the values")
    raise InputError(
        f"{where}: no numeric column is left for the measured value among {', '.join(names)}; set 'values', or free one"
        " from its role by 'columns'"
    )


def find_coordinates(
    roles: Mapping[str, Columns], names: Sequence[str], cfg: ObservationsConfig, where: str, sites: Sequence[str]
) -> tuple[dict[str, Columns], dict[str, Columns]]:
    """Return the columns of the indexes and of the covariates; ``sites`` are the roles that a site table supplies.

    Raises
    ------
    InputError
        If the settings name a column that is not there, or latitude and longitude are neither found nor replaced.
    """
    there = {role: roles.get(role, ()) for role in PLACED if role in roles or role in sites}
    indexes = dict(_coordinate(name, there, names, cfg, where, "indexes") for name in cfg.indexes)
    covariates = dict(_coordinate(name, there, names, cfg, where, "covariates") for name in cfg.covariates)
    if not indexes:
        missing = [role for role in ("latitude", "longitude") if role not in there]
        if missing:
            raise InputError(_no_place(missing, roles, names, where))
        indexes = {role: there[role] for role in PLACED[:3] if role in there}
    if not covariates and "elevation" in there:
        covariates = {"elevation": there["elevation"]}
    return indexes, {name: columns for name, columns in covariates.items() if name not in indexes}


def _coordinate(
    name: str, there: Mapping[str, Columns], names: Sequence[str], cfg: ObservationsConfig, where: str, setting: str
) -> tuple[str, Columns]:
    """Return the name in the output and the columns of a coordinate that the settings name by role or column."""
    role = next((role for role, columns in there.items() if name == role or columns == (name,)), None)
    if role is not None:
        return role, there[role]
    if name in PLACED and cfg.columns.get(name) != "":
        raise InputError(f"{where}: setting {setting!r} names {name}, but {_remedy(name, names)}")
    column = known(name, names, where, setting)
    return variable_name(column), (column,)


def _no_place(missing: Sequence[str], roles: Mapping[str, Columns], names: Sequence[str], where: str) -> str:
    text = f"{where}: {' and '.join(_remedy(role, names) for role in missing[:1])}"
    if "station" in roles:
        station = " ".join(roles["station"])
        text += f", or add a file with the place of each {station!r} (setting site_table)"
    return text + ", or name the continuous indexes yourself (setting indexes)"


def _remedy(role: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return f"no {role} is recognised among {shown}; name it by columns: {{{role}: ...}}"


def refuse_equal_names(layout: Layout, measured: Sequence[str], where: str) -> None:
    """Raise `InputError` where two of the columns would get one name in the output."""
    coordinates = [" ".join(joined) for name, joined in layout.coordinates.items() if name in layout.values]
    if len(layout.values) < len(measured) or coordinates:
        shown = ", ".join([*coordinates, *measured])
        raise InputError(f"{where}: two of the columns {shown} would get one name; rename one in the file")
