"""What a preset is: the settings by which files of one well-known layout are read, and how they are recognised."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyadic.sources.observation_files.settings import ObservationsConfig


@dataclass(frozen=True)
class Variable:
    """What is known of one measured variable of a preset.

    Attributes
    ----------
    long_name, units, standard_name, cell_methods
        Attributes where the file states none.
    scale
        Factor from the file's numbers to ``units``.
    name
        Name in the output; empty: that of the file.
    """

    long_name: str = ""
    units: str = ""
    scale: float = 1.0
    standard_name: str = ""
    cell_methods: str = ""
    name: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that are stated."""
        named = ("units", "long_name", "standard_name", "cell_methods")
        return {key: getattr(self, key) for key in named if getattr(self, key)}


@dataclass(frozen=True)
class Preset:
    r"""One well-known layout of files.

    Attributes
    ----------
    name, title
        Name in the settings, and what it is in words.
    header
        Columns, or variables and dimensions, by all of which a file is recognised.
    attributes
        Global attributes by which a grid is recognised where its ``header`` does not tell: text that one contains.
    settings
        Settings of the source, as in a configuration.
    variables
        What is known of the measured variables, by name in the file or by label of a long table.
    first_row
        Regular expressions of the cells of a table without header; ``header`` then names its columns.
    single
        Columns that may hold one value only among the rows that are read, unless a setting selects.
    whole
        Measured columns hold whole numbers; a decimal point means that the file is not what the preset takes it for.
    merged
        Dimensions along which the first value that is not missing is taken.
    places
        Sentence for a file that comes without a site table and needs one.
    """

    name: str
    title: str
    header: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    first_row: tuple[str, ...] = ()
    single: tuple[str, ...] = ()
    whole: bool = False
    merged: tuple[str, ...] = ()
    places: str = ""


NONE = Preset("none", "the settings alone")


@dataclass(frozen=True)
class Reading(ObservationsConfig):
    """Settings of one reading: those of the preset overlaid by those that are given."""

    known: Preset = NONE
