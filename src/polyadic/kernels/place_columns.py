"""Which columns of a table tell a place, and which given functions of the others all places share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import harmonics
from polyadic.kernels.matern_products import Floats, embed
from polyadic.kernels.tucker_layout import Layout, distinct_rows, periods

FEWEST_PLACES = 8
"""Places below which no field over places is learned."""


@dataclass(frozen=True)
class PlaceColumns:
    """The columns of a place and of what changes there.

    Attributes
    ----------
    coordinates, modes
        Columns of the place, and their kinds: ``"sphere"`` for latitude and longitude, ``"line"`` for any other.
    covariates
        Columns that are constant per place.
    times
        Columns that have given functions.
    periods
        Periods of the functions of each of these, as arrays.
    """

    coordinates: tuple[int, ...]
    modes: tuple[str, ...]
    covariates: tuple[int, ...]
    times: tuple[int, ...]
    periods: tuple[Floats, ...]

    @property
    def columns(self) -> list[int]:
        """Columns that tell a place, covariates last."""
        return [*self.coordinates, *self.covariates]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of ``columns``."""
        return (*self.modes, *("line" for _ in self.covariates))

    def embedded(self, X: Floats) -> tuple[Floats, Floats]:
        """Return coordinates, (n, d) with a sphere's in km, and covariates (n, k)."""
        return embed(X[:, list(self.coordinates)], self.modes), X[:, list(self.covariates)]

    def functions(self, X: Floats) -> Floats:
        """Return one and the given functions at rows, (n, q)."""
        parts = [harmonics.functions(p, X[:, column]) for column, p in zip(self.times, self.periods, strict=True)]
        return np.concatenate([np.ones((X.shape[0], 1)), *parts], axis=1)

    def labels(self, *tables: Floats) -> list[NDArray[np.int64]]:
        """Return the number of the place of every row of each table; equal places have equal numbers."""
        _, _, where = distinct_rows(np.concatenate([X[:, self.columns] for X in tables]))
        return np.split(where, np.cumsum([len(X) for X in tables])[:-1])

    def apply(self, X: Floats) -> bool:
        """Return whether rows have normals: eight places or more, with two rows each or more on average."""
        count = int(self.labels(X)[0].max()) + 1
        return count >= FEWEST_PLACES and 2 * count <= X.shape[0]


def places_of(layout: Layout) -> PlaceColumns | None:
    """Return the place columns of a layout: those of its modes without given functions; None if all or none have some.

    Examples
    --------
    >>> names = ("sphere auto", "auto+harmonics(365.25,1)")
    >>> places = places_of(Layout(((0, 1), (2,)), ((3,), ()), (), names, (2, 2)))
    >>> places.columns, places.kinds, places.times
    ([0, 1, 3], ('sphere', 'line'), (2,))
    """
    coordinates: list[int] = []
    modes: list[str] = []
    covariates: list[int] = []
    times: dict[int, Floats] = {}
    for k, mode in enumerate(layout.modes):
        found = periods(layout, k)
        if found.size:
            times[mode[0]] = found
            continue
        coordinates += mode
        modes += ["sphere"] if layout.kernels[k].startswith("sphere") else ["line"] * len(mode)
        covariates += layout.covariates[k]
    if not times or not coordinates:
        return None
    return PlaceColumns(tuple(coordinates), tuple(modes), tuple(covariates), tuple(times), tuple(times.values()))
