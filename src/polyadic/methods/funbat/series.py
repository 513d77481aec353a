"""Series of the field at any places, along time or another index, with the nearest station's measurements.

``python -m polyadic.methods.funbat.series --posterior posterior.nc --observations split.nc --out series.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core import progress
from polyadic.core.config import setting
from polyadic.core.errors import InputError
from polyadic.core.stage import Input, stage
from polyadic.kinds import observations as kind
from polyadic.kinds import series as series_kind
from polyadic.kinds import tucker_posterior

if TYPE_CHECKING:
    from polyadic.methods.funbat.columns import Columns
    from polyadic.methods.funbat.places import Places

Array = NDArray[np.float64]
_POINTS = 5000


@dataclasses.dataclass(frozen=True)
class SeriesConfig:
    """Where and when the field is wanted."""

    places: dict[str, dict[str, float]] = setting(
        {},
        "coordinates and covariates by name of place, for instance Boulder: {latitude: 40.01, longitude: -105.25,"
        " elevation: 1650}; empty: see stations. A longer list goes into a file, see table",
    )
    table: str = setting("", "a dataset of datasets.yaml whose rows are the places, for instance from a CSV file")
    stations: int = setting(3, "the stations of most training rows that are shown where no places are given")
    start: str = setting("", "first date, such as 1990-01-01; empty: ten years before the last training row")
    end: str = setting("", "last date; empty: that of the last training row")

    def __post_init__(self) -> None:
        """Refuse what is no date or no place."""
        if self.stations < 1:
            raise ValueError(f"'stations' is a whole number from 1, found {self.stations}")
        for name, text in (("start", self.start), ("end", self.end)):
            try:
                np.datetime64(text or "2000", "ns")
            except ValueError:
                raise ValueError(f"{name!r} is a date such as 1990-01-01, found {text!r}") from None


@stage(
    name="funbat.series",
    config=SeriesConfig,
    posterior=tucker_posterior.SCHEMA,
    observations=kind.SCHEMA,
    table=Input((kind.SCHEMA,), optional=True),
    output=series_kind.SCHEMA,
)
def series(
    cfg: SeriesConfig, posterior: xr.DataTree, observations: xr.Dataset, table: xr.Dataset | None = None
) -> xr.Dataset:
    """Predict the field and the band of new measurements along time at named places."""
    from polyadic.methods.funbat.columns import PLACE, numbers, times
    from polyadic.methods.funbat.places import along_axis, places_of, train_rows
    from polyadic.methods.funbat.posterior import from_tree
    from polyadic.methods.funbat.query import band, moments

    model, columns = from_tree(posterior)
    train = train_rows(observations)
    indexes = [columns.names[c] for parts in columns.modes.values() for c in parts]
    axis = along_axis(indexes)
    others: list[str] = [name for name in PLACE if name in indexes]
    others += [name for name in indexes if name not in (axis, *others)]
    known = places_of(train, others)
    wanted = _given(cfg, table, others) or _busiest(known, others, cfg.stations)
    _fill(wanted, train, known, columns, others)
    knots = np.unique(numbers(train[axis]))
    at = _span(cfg, knots, train[axis].dtype.kind == "M")
    rows = _rows(wanted, at, axis, columns.names)
    parts = {"field": moments(model, rows), "measurement": moments(model, rows, "measurement")}
    shape = (len(wanted), at.size)
    distance, number = known.nearest(np.array([[place[n] for n in others] or [0.0] for place in wanted.values()]))
    target = str(posterior.attrs["target"])
    values = {
        "mean": parts["field"][0].reshape(shape),
        "standard_error": parts["field"][1].reshape(shape),
        "spread": parts["measurement"][1].reshape(shape),
        "measured": _measured(train, target, known, number[:, 0], numbers(train[axis]), at),
    }
    for quantity in ("field", "measurement"):
        for end, found in zip(("lower", "upper"), band(model, rows, quantity), strict=True):
            values[f"{quantity}_{end}"] = found.reshape(shape)
    stamps = times(at) if train[axis].dtype.kind == "M" else at
    what = _described(wanted, train, known, distance[:, 0], number[:, 0])
    attributes: dict[str, Any] = {"units": "1", "long_name": target, **train[target].attrs}
    return series_kind.dataset(target, values, (axis, stamps, dict(train[axis].attrs)), what, attributes)


def _given(cfg: SeriesConfig, table: xr.Dataset | None, others: list[str]) -> dict[str, dict[str, float]]:
    """Return coordinates and covariates by name of place, from the settings or from a table of places."""
    from polyadic.methods.funbat.places import places_of

    found = {name: dict(values) for name, values in cfg.places.items()}
    if table is not None:
        places = places_of(table.load(), others)
        numeric = [str(n) for n, v in table.variables.items() if v.dims == ("obs",) and v.dtype.kind == "f"]
        for name, first in zip(places.names, places.first, strict=True):
            found[str(name)] = {n: float(table[n][first]) for n in numeric}
    for name, values in found.items():
        lacking = [index for index in others if index not in values]
        if lacking:
            raise InputError(f"place {name!r} has no {lacking[0]!r}; give {', '.join(others)}")
    return found


def _busiest(known: "Places", others: list[str], count: int) -> dict[str, dict[str, float]]:
    rows = np.bincount(known.rows, minlength=len(known.names))
    chosen = np.argsort(-rows, kind="stable")[:count]
    return {str(known.names[k]): dict(zip(others, map(float, known.coordinates[k]), strict=False)) for k in chosen}


def _fill(
    wanted: dict[str, dict[str, float]], train: xr.Dataset, known: "Places", columns: "Columns", others: list[str]
) -> None:
    """Add covariates that a place lacks: its own where it was measured, else from the nearest places."""
    from polyadic.methods.funbat.columns import numbers

    for covariate in [columns.names[c] for c in columns.covariates]:
        values = numbers(train[covariate])[known.first]
        for name, place in wanted.items():
            if covariate not in place:
                at = np.array([[place[n] for n in others] or [0.0]])
                place[covariate] = float(known.interpolate(values, at)[0])
                if known.nearest(at)[0][0, 0] > 0:
                    progress.warn(
                        f"{covariate} of {name!r} is interpolated from the measured places: {place[covariate]:.5g}"
                    )


def _span(cfg: SeriesConfig, knots: Array, dates: bool) -> Array:
    """Return the values of the axis in the span, thinned evenly where they are too many to draw."""
    if dates:
        from polyadic.methods.funbat.columns import EPOCH

        low, high = (
            float((np.datetime64(text, "ns") - EPOCH) / np.timedelta64(1, "D")) if text else default
            for text, default in ((cfg.start, knots[-1] - 3652.5), (cfg.end, knots[-1]))
        )
        inside = knots[(knots >= low) & (knots <= high)]
        if not inside.size:
            inside = np.linspace(low, high, 200) if high > low else np.array([low])
        knots = inside
    return np.asarray(knots[:: -(-knots.size // _POINTS)])


def _rows(wanted: dict[str, dict[str, float]], at: Array, axis: str, names: tuple[str, ...]) -> Array:
    """Return the columns of every place at every value of the axis, place by place."""
    table = np.empty((len(wanted), at.size, len(names)))
    for row, place in zip(table, wanted.values(), strict=True):
        for column, name in enumerate(names):
            row[:, column] = at if name == axis else place[name]
    return table.reshape(-1, len(names))


def _measured(
    train: xr.Dataset, target: str, known: "Places", numbers: NDArray[np.int64], where: Array, at: Array
) -> Array:
    """Return the training values of the nearest place at the values of the axis, NaN where there is none."""
    out = np.full((len(numbers), at.size), np.nan)
    values = train[target].to_numpy()
    for row, number in zip(out, numbers, strict=True):
        own = np.flatnonzero(known.rows == number)
        position = np.minimum(np.searchsorted(at, where[own]), at.size - 1)
        exact = at[position] == where[own]
        row[position[exact]] = values[own[exact]]
    return out


def _described(
    wanted: dict[str, dict[str, float]], train: xr.Dataset, known: "Places", distance: Array, number: NDArray[np.int64]
) -> dict[str, tuple[Any, dict[str, Any]]]:
    found: dict[str, tuple[Any, dict[str, Any]]] = {
        "place": (np.array(list(wanted), str), {"long_name": "place", "cf_role": "timeseries_id"})
    }
    for name in next(iter(wanted.values())):
        if name in train.variables and train[name].dtype.kind != "M":
            attributes = {"long_name": name, "units": "1", **train[name].attrs}
            found[name] = (np.array([place[name] for place in wanted.values()]), attributes)
    found["nearest_station"] = (known.names[number], {"long_name": "nearest station"})
    if known.ground:
        found["distance"] = (distance, {"long_name": "distance to the nearest station", "units": "km"})
    return found


if __name__ == "__main__":
    series.cli()
