"""The list of baselines: name, what each does, what the data must hold for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import xarray as xr
from threadpoolctl import threadpool_limits

from polyadic.evaluation.observation_baselines import (
    anomaly_kriging,
    boosting,
    climatology,
    kriging,
    means,
    neighbours,
    persistence,
)
from polyadic.evaluation.observation_baselines.prediction import Prediction
from polyadic.evaluation.observation_baselines.table import has_calendar, has_place, stamp_name

LARGEST = 2000

Predict = Callable[[xr.Dataset, xr.Dataset, str, int], Prediction]


def _rows(ds: xr.Dataset, *names: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the number of rows of each distinct combination of coordinates."""
    columns = np.stack([np.unique(ds[name].values, return_inverse=True)[1] for name in names], axis=1)
    return np.asarray(np.unique(columns, axis=0, return_counts=True)[1], dtype=np.int64)


def _has_time(ds: xr.Dataset) -> bool:
    return stamp_name(ds) is not None


def _has_stations(ds: xr.Dataset) -> bool:
    names = ("station_index",) if "station_index" in ds.variables else ("latitude", "longitude")
    return all(name in ds.variables for name in names) and bool(_rows(ds, *names).mean() >= 2)


def _has_elevation(ds: xr.Dataset) -> bool:
    return "elevation" in ds.variables


def _has_snapshots(ds: xr.Dataset) -> bool:
    name = stamp_name(ds)
    return name is not None and bool(_rows(ds, name).mean() >= 2) and int(_rows(ds, name).max()) <= LARGEST


def _has_few_sites(ds: xr.Dataset) -> bool:
    return has_place(ds) and len(_rows(ds, "latitude", "longitude")) <= LARGEST


NEEDS: Mapping[str, tuple[Callable[[xr.Dataset], bool], str]] = MappingProxyType(
    {
        "time": (_has_time, "a coordinate `time` or an index `day`"),
        "calendar": (has_calendar, "a datetime coordinate `time`"),
        "station": (_has_stations, "stations or places with two or more rows each"),
        "place": (has_place, "coordinates `latitude` and `longitude`"),
        "elevation": (_has_elevation, "a covariate `elevation`"),
        "snapshots": (_has_snapshots, f"time stamps shared by two or more rows, and by {LARGEST} at most"),
        "few_sites": (_has_few_sites, f"at most {LARGEST} distinct places"),
    }
)


@dataclass(frozen=True)
class Baseline:
    """A strong simple prediction to hold a method against.

    Parameters
    ----------
    name
        The label of its row in tables of scores.
    description
        One sentence.
    needs
        Keys of ``NEEDS``.
    function
        ``(train, test, variable, seed) -> Prediction``.
    """

    name: str
    description: str
    needs: tuple[str, ...]
    function: Predict

    def lacks(self, train: xr.Dataset) -> tuple[str, ...]:
        """Return what the train rows lack for this baseline, one phrase each; empty if it can run."""
        return tuple(phrase for present, phrase in (NEEDS[need] for need in self.needs) if not present(train))

    def predict(self, train: xr.Dataset, test: xr.Dataset, variable: str, seed: int = 0) -> Prediction:
        """Return the predictions at the test rows, computed by one thread.

        Raises
        ------
        ValueError
            If the train rows lack what the baseline needs.
        """
        lacks = self.lacks(train)
        if lacks:
            raise ValueError(f"baseline {self.name!r} needs {'; '.join(lacks)}; the train rows lack that")
        with threadpool_limits(1):
            return self.function(train, test, variable, seed)


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.name: baseline
        for baseline in (
            Baseline("mean", "Mean of all train rows.", (), means.mean),
            Baseline(
                "calendar_month_mean",
                "Mean of the train rows of the same calendar month.",
                ("calendar",),
                means.calendar_month_mean,
            ),
            Baseline(
                "day_mean", "Mean of the train rows at the same time stamp.", ("time", "snapshots"), means.day_mean
            ),
            Baseline(
                "station_climatology",
                "Mean of the station in the calendar month; the region's for an unseen station.",
                ("calendar", "station"),
                climatology.station_climatology,
            ),
            Baseline(
                "climatology_anomaly",
                "Normal of the station in the calendar month plus the region's anomaly at the time stamp.",
                ("calendar", "station", "snapshots"),
                climatology.climatology_anomaly,
            ),
            Baseline(
                "nearest_neighbours",
                "Weighted mean of the nearest train rows; number, weights and scales from an inner split.",
                (),
                neighbours.nearest_neighbours,
            ),
            Baseline(
                "gradient_boosting",
                "Boosted trees on indexes, covariates and the calendar; number of trees from an inner split.",
                (),
                boosting.gradient_boosting,
            ),
            Baseline(
                "gradient_boosting_day_mean",
                "The boosted trees with the mean of the other train rows at the time stamp as a feature.",
                ("time", "snapshots"),
                boosting.gradient_boosting_day_mean,
            ),
            Baseline(
                "elevation_kriging",
                "A trend in elevation and place at every time stamp plus kriging of its residuals.",
                ("time", "place", "elevation", "snapshots"),
                kriging.elevation_kriging,
            ),
            Baseline(
                "anomaly_kriging",
                "Kriged normal of the station in the calendar month plus the kriged anomaly of the time stamp.",
                ("calendar", "place", "station", "snapshots", "few_sites"),
                anomaly_kriging.anomaly_kriging,
            ),
            Baseline(
                "space_time_kriging",
                "Anomaly kriging plus its errors at the same station, kriged in time.",
                ("calendar", "place", "station", "snapshots", "few_sites"),
                persistence.space_time_kriging,
            ),
        )
    }
)


def applicable(train: xr.Dataset) -> tuple[Baseline, ...]:
    """Return the baselines that can run on these train rows, in the order of the table.

    Examples
    --------
    >>> ds = xr.Dataset({"t": ("obs", [2.0, 1.0])}, {"x": ("obs", [1.0, 0.0])}, {"indexes": '["x"]'})
    >>> [baseline.name for baseline in applicable(ds)]
    ['mean', 'nearest_neighbours', 'gradient_boosting']
    """
    return tuple(baseline for baseline in BASELINES.values() if not baseline.lacks(train))
