"""Settings of source `observations`."""

from dataclasses import dataclass
from typing import Literal

from polyadic.core.config import setting
from polyadic.core.errors import nearest
from polyadic.sources.observation_files import times

ROLES = ("latitude", "longitude", "time", "elevation", "station", "parameter", "units")
"""What a column may be, besides a value or a further index; `parameter` and `units` label the rows of long tables."""

BLANKS = ("NA", "N/A", "NaN", "null", "None", "-", "--")
SENTINELS = (-999.0, -9999.0)


@dataclass(frozen=True)
class ObservationsConfig:
    """How to read measured values from tables, grids and stores; every default is meant to do without tuning."""

    preset: str = setting(
        "auto",
        "known layout of the files (openaq, aqs_daily, ghcn_daily, ...); auto: recognised by header or attributes;"
        " none: only the settings hold. Settings that are given go before those of the preset",
    )
    columns: dict[str, str | tuple[str, ...]] = setting(
        {},
        f"column or variable of each role ({', '.join(ROLES)}); a role that is not given is recognised by the usual"
        " headers, an empty text means there is none; a list joins columns: time [year, month, day], station [a, b]",
    )
    values: tuple[str, ...] = setting((), "measured columns or variables; empty: the only one that is left")
    indexes: tuple[str, ...] = setting(
        (), "continuous indexes in the order of the modes, roles or columns; empty: latitude, longitude and time"
    )
    covariates: tuple[str, ...] = setting(
        (), "coordinates that explain the value but are no mode; empty: elevation where there is one"
    )
    select: dict[str, float | str | tuple[str, ...]] = setting(
        {},
        "keep only this value (or texts) of a dimension or column: level 850, parameter pm25; others are not counted",
    )
    flags: dict[str, tuple[str, ...]] = setting(
        {},
        "accepted texts of a flag column of a table, others are dropped and counted: {QFLAG: ['']}; {value} in the name"
        " stands for the measured column, [2] after it for the second part between commas",
    )
    site_table: str = setting(
        "auto",
        "name of the file, among those given, with latitude, longitude, elevation of each station; none: no file",
    )
    units: dict[str, str] = setting({}, "UDUNITS unit by variable, where the file states none or a wrong one")
    long_name: dict[str, str] = setting({}, "description by variable, where the file states none")
    standard_name: dict[str, str] = setting({}, "CF standard name by variable, where the file states none")
    cell_methods: dict[str, str] = setting({}, "CF cell methods by variable, for instance 'time: mean'")
    time_cell: Literal["", "hour", "hour before", "day"] = setting(
        "", "span of time that a value covers, from its time on (or before it), where the file states no bounds"
    )
    scale: dict[str, float] = setting(
        {}, "factor by variable that turns the file's numbers into its units (tenths: 0.1)"
    )
    sentinels: tuple[float, ...] = setting(SENTINELS, "numbers that mean missing, as written in the file")
    blanks: tuple[str, ...] = setting(BLANKS, "texts that mean missing in a table, besides the empty one; any case")
    minimum: float | dict[str, float] | None = setting(
        None, "lowest accepted value, in its units; by variable or for all"
    )
    maximum: float | dict[str, float] | None = setting(
        None, "highest accepted value, in its units; by variable or for all"
    )
    duplicates: Literal["mean", "first", "error"] = setting(
        "mean", "values of one station (or place) at equal indexes: their mean, the first in the files, or refuse"
    )
    daily_means: int = setting(
        0,
        "make means of the calendar days as written that hold at least so many values (18 of 24 hours); days of fewer"
        " are dropped and counted; 0: keep the values as they are",
    )
    time_zone: str = setting(
        "UTC", "zone of times that state none, as Asia/Shanghai or +08:00; a date without a clock is never shifted"
    )
    local_day: bool = setting(False, "take only the calendar day as written, whatever its zone: for daily values")
    time_format: str = setting(
        "", "format of times: strptime codes (%d/%m/%Y), unix (s), or 'days since 1900-01-01'; empty: recognised"
    )
    delimiter: str = setting("auto", "delimiter of tables: one character, whitespace, or auto")
    decimal: Literal["auto", ".", ","] = setting("auto", "decimal mark of tables")
    encoding: str = setting("auto", "text encoding of tables; auto: UTF-8 (UTF-16 by its mark), else Windows-1252")
    column_names: tuple[str, ...] = setting((), "names of the columns of a table that has no header line")

    def __post_init__(self) -> None:
        """Refuse settings that no file could satisfy."""
        for role in self.columns:
            if role not in ROLES:
                raise ValueError(f"setting 'columns' knows no role {role!r}; {nearest(role, ROLES)}")
        _refuse_twice("column_names", self.column_names)
        _refuse_twice("values, indexes and covariates", self.values + self.indexes + self.covariates)
        if self.delimiter not in ("auto", "whitespace") and len(self.delimiter) != 1:
            raise ValueError(f"setting 'delimiter' takes one character, whitespace or auto, found {self.delimiter!r}")
        if self.daily_means < 0:
            raise ValueError(f"'daily_means' must be 0 or a number of values, found {self.daily_means}")
        for name in {**self._by_name(self.minimum), **self._by_name(self.maximum)}:
            low, high = self.accepted(name)
            if low > high:
                raise ValueError(f"'minimum' {low:g} is above 'maximum' {high:g}")
        times.zone(self.time_zone)

    def accepted(self, variable: str) -> tuple[float, float]:
        """Return the lowest and the highest accepted value of a variable."""
        low, high = (self._by_name(bound) for bound in (self.minimum, self.maximum))
        return low.get(variable, low.get("", float("-inf"))), high.get(variable, high.get("", float("inf")))

    @staticmethod
    def _by_name(bound: float | dict[str, float] | None) -> dict[str, float]:
        if isinstance(bound, dict):
            return bound
        return {} if bound is None else {"": bound}


def _refuse_twice(setting_name: str, names: tuple[str, ...]) -> None:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"the settings {setting_name} name {', '.join(map(repr, twice))} twice; name it once")
