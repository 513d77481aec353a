"""Where the stations of a site table are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from polyadic.sources.observation_files.cleaning import Array, Floats

PLACE = ("latitude", "longitude", "elevation")


@dataclass(frozen=True)
class Places:
    """Latitude, longitude and elevation of stations, as a site table states them; by name of the station."""

    file: str
    row: Mapping[str, int]
    coordinates: Mapping[str, Floats]
    unknown: set[str] = field(default_factory=set)
    """Stations that were asked for and are not in the table."""

    def at(self, coordinate: str, names: Array) -> Floats:
        """Return a coordinate of each named station, NaN where the table does not hold the station."""
        distinct, inverse = np.unique(names.astype(str), return_inverse=True)
        self.unknown.update(str(name) for name in distinct if str(name) not in self.row)
        column: Floats = np.append(self.coordinates[coordinate], np.nan)
        rows = np.array([self.row.get(str(name), -1) for name in distinct], int)
        return np.asarray(column[rows[inverse]], np.float64)
