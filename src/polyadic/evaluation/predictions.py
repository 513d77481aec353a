"""Score predictions of withheld rows: kind `predictions` to kind `metrics`, baselines beside the method."""

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.evaluation import mixture_scores, reductions, scores
from polyadic.kinds import metrics, predictions
from polyadic.kinds.metrics import Metric
from polyadic.kinds.observations import SPLITS
from polyadic.kinds.predictions import Columns


def table(name: str, model: xr.Dataset, baselines: xr.Dataset | None = None, split: str = "test") -> xr.Dataset:
    """Return the scores of a model and of the baselines on the rows of one split whose truth is known.

    Each is scored by the distributions that its file states, see :mod:`polyadic.kinds.predictions`. Standard errors
    respect the clusters of the data: stations and time stamps, where there are any.

    Parameters
    ----------
    name
        What the model is called in the table, where it has no dimension ``method``.
    model, baselines
        Of kind `predictions`, over the same rows; with a dimension ``method``, each is a row of the table.
    split
        Which rows count: train, validation or test.

    Raises
    ------
    ValueError
        If no row of the split has a known truth, or the rows of the two differ.
    """
    target = predictions.target(model)
    truth = model[target].to_numpy()
    rows = np.flatnonzero((model["split"].to_numpy() == SPLITS.index(split)) & np.isfinite(truth))
    if rows.size == 0:
        raise ValueError(f"no row of the {split} split has a known {target!r}; withhold some rows")
    named = _by_method(model, name, rows)
    if baselines is not None:
        if not np.array_equal(baselines[target].to_numpy(), truth, equal_nan=True):
            raise ValueError("the baselines were made for other rows than the predictions; make both again")
        named |= _by_method(baselines, name, rows)
    groups, known_truth = reductions.clusters_of(clusters(model, rows), rows.size), truth[rows]
    scored = [mixture_scores.score(known_truth, read(), groups) for read in named.values()]
    units = str(model[target].attrs.get("units", "1"))
    known = {
        metric: Metric(scores.METRICS[metric].better, scores.METRICS[metric].units(units), _target(metric))
        for metric in scored[0]
    }
    value, error = (np.array([[one[metric][part] for one in scored] for metric in known]) for part in (0, 1))
    out = metrics.dataset(value, error, metrics=known, methods=list(named), units=units)
    out.attrs = {"target": target, "split": split, "rows": int(rows.size)}
    return out


def _by_method(ds: xr.Dataset, name: str, rows: NDArray[np.intp]) -> dict[str, Callable[[], Columns]]:
    """Return by method what reads its predictions at some rows: those of one method at a time are in memory."""
    if "method" not in ds.dims:
        return {name: partial(predictions.columns, ds, rows)}
    return {str(m): partial(predictions.columns, ds, rows, i) for i, m in enumerate(ds["method"].to_numpy())}


def clusters(ds: xr.Dataset, rows: NDArray[np.intp]) -> list[NDArray[np.generic]]:
    """Return the labels within which errors are correlated: station and time stamp, where there are any."""
    return [ds[name].to_numpy()[rows] for name in ("station_index", "time") if name in ds.coords]


def _target(metric: str) -> float:
    target = scores.METRICS[metric].target
    return np.nan if target is None else float(target)
