"""Score the predictions station by station, with the distance to the nearest station in training.

``python -m polyadic.methods.funbat.stations --predictions predictions.nc --observations split.nc --out stations.nc``
"""

import dataclasses
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.config import setting
from polyadic.core.stage import stage
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions as predictions_kind
from polyadic.kinds import station_scores
from polyadic.kinds.predictions import Columns


@dataclasses.dataclass(frozen=True)
class StationsConfig:
    """Which rows are scored."""

    split: Literal["validation", "test"] = setting("test", "the rows that are scored")


@stage(
    name="funbat.stations",
    config=StationsConfig,
    predictions=predictions_kind.SCHEMA,
    observations=kind.SCHEMA,
    output=station_scores.SCHEMA,
)
def stations(cfg: StationsConfig, predictions: xr.Dataset, observations: xr.Dataset) -> xr.Dataset:
    """Score the predictions of the first method by station: bias, error, coverage, rows, distance to training."""
    from polyadic.methods.funbat.columns import PLACE
    from polyadic.methods.funbat.places import along_axis, places_of

    name = predictions_kind.target(predictions)
    truth = predictions[name].to_numpy()
    rows = np.flatnonzero(np.isfinite(truth) & (predictions["split"].to_numpy() == kind.SPLITS.index(cfg.split)))
    if not rows.size:
        raise ValueError(f"no row of the {cfg.split} split has a known {name!r}; withhold some rows")
    kept = predictions.isel(obs=rows).load()
    if "station" in observations.coords and "station" not in kept.coords:
        kept = kept.assign_coords(station=observations["station"].load())
    indexes = kind.indexes(kept)
    axes = PLACE if set(PLACE) <= set(indexes) else tuple(i for i in indexes if i != along_axis(indexes))
    held = places_of(kept, axes)
    said = predictions_kind.columns(kept, slice(None), 0 if "method" in kept.dims else None)
    scores = _scores(kept[name].to_numpy(), said, held.rows)
    where: dict[str, tuple[Any, dict[str, Any]]] = {}
    for coordinate in (*PLACE, "elevation"):
        if coordinate in kept.coords and kept[coordinate].dims == ("obs",):
            where[coordinate] = (kept[coordinate].to_numpy()[held.first], dict(kept[coordinate].attrs))
    if held.ground:
        train = places_of(kind.where_split(observations, "train")[list(PLACE)], PLACE)
        where["distance"] = (
            _to_others(train, held.coordinates),
            {"long_name": "distance to the nearest other station in training", "units": "km"},
        )
    units = str(kept[name].attrs.get("units", "1"))
    return station_scores.dataset(scores, where, held.names, units)


def _scores(truth: NDArray[np.float64], said: Columns, group: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    from polyadic.evaluation.mixture_scores import mixture
    from polyadic.kernels.scale_mixture import probability

    error, count = said.mean - truth, np.bincount(group)
    inside = np.abs(probability(mixture(said), truth) - 0.5) <= 0.45
    return {
        "bias": np.bincount(group, error) / count,
        "rmse": np.sqrt(np.bincount(group, error**2) / count),
        "coverage90": np.bincount(group, inside.astype(float)) / count,
        "rows": count.astype(np.int32),
    }


def _to_others(train: Any, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance to the nearest training place that is not the place itself, km; NaN where there is none."""
    distance, _ = train.nearest(coordinates, 2)
    distance = np.where(distance > 1e-3, distance, np.inf).min(axis=1)
    return np.asarray(np.where(np.isfinite(distance), distance, np.nan))


if __name__ == "__main__":
    stations.cli()
