"""Score predicted fields: kind `fields` with predictions to kind `metrics`, baselines beside the method."""

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polyadic.kernels.field_errors import relative_h1, relative_l2, resampled
from polyadic.kinds import fields, metrics
from polyadic.kinds.metrics import Metric

METRICS = ("relative_l2", "relative_h1", "nrmse", "vrmse")
"""Relative L2 and H1 norms of the error; RMSE over the RMS of the truth, and over its deviation, channel by channel."""

Scores = dict[str, NDArray[np.float64]]


def scores(prediction: NDArray[np.floating], truth: NDArray[np.floating], ds: xr.Dataset) -> Scores:
    """Return every metric of each sample.

    Parameters
    ----------
    prediction, truth
        (sample, channel, axes ...).
    ds
        Whose axes say boundary, grid and length.
    """
    p, y = (torch.as_tensor(np.asarray(v, np.float64)) for v in (prediction, truth))
    axes = [fields.axes(ds)[name] for name in fields.space(ds)]
    boundary, grid = ([getattr(axis, what) for axis in axes] for what in ("boundary", "grid"))
    lengths = [axis.high - axis.low for axis in axes]
    where = tuple(range(2, y.ndim))
    square = (p - y).square().mean(where)
    power, variance = y.square().mean(where), y.var(where, correction=0)
    return {
        "relative_l2": relative_l2(p, y).numpy(),
        "relative_h1": relative_h1(p, y, boundary, grid, lengths).numpy(),
        "nrmse": (square / power.clamp_min(1e-30)).sqrt().mean(1).numpy(),
        "vrmse": (square / (variance + 1e-7 * power).clamp_min(1e-30)).sqrt().mean(1).numpy(),
    }


def by_method(ds: xr.Dataset) -> dict[str, NDArray[np.float32]]:
    """Return the predictions of each method, (sample, channel, axes ...), channels in the order of the outputs."""
    found: dict[str, list[str]] = {}
    for target in fields.names(ds, "output"):
        for name in fields.names(ds, "prediction"):
            if ds[name].attrs["predicts"] == target:
                found.setdefault(str(ds[name].attrs["method"]), []).append(name)
    return {method: fields.stacked(ds, names) for method, names in found.items()}


def parameters(ds: xr.Dataset) -> dict[str, int]:
    """Return how many numbers each method of predictions learned, where the file says so."""
    known = [ds[name].attrs for name in fields.names(ds, "prediction")]
    return {str(one["method"]): int(one["parameters"]) for one in known if "parameters" in one}


def table(scored: Mapping[str, Scores], parameters: Mapping[str, int] | None = None) -> xr.Dataset:
    """Return kind `metrics` of per-sample scores by method; a score that a method does not have is NaN.

    Standard errors are those of the mean over samples.
    """
    names = list(dict.fromkeys(name for one in scored.values() for name in one))
    nothing = np.full(1, np.nan)
    columns = [[one.get(name, nothing) for one in scored.values()] for name in names]
    value = [[float(np.mean(v)) for v in row] for row in columns]
    error = [[float(np.std(v, ddof=1) / np.sqrt(v.size)) if v.size > 1 else np.nan for v in row] for row in columns]
    known = {name: Metric(-1, "1") for name in names}
    return metrics.dataset(value, error, metrics=known, methods=list(scored), units="1", parameters=parameters)


def coarsened(values: NDArray[np.floating], points: tuple[int, ...], ds: xr.Dataset) -> NDArray[np.floating] | None:
    """Return fields at the nodes of a coarser grid that are nodes of theirs too, or None where there is none.

    Examples
    --------
    >>> coarsened(np.arange(4.0)[None, None], (2,), xr.Dataset(attrs={"axes": '{"x": {}}'}, coords={"x": range(4)}))
    array([[[0., 2.]]])
    """
    slices = [slice(None), slice(None)]
    for name, few, many in zip(fields.space(ds), points, values.shape[2:], strict=True):
        axis = fields.axes(ds)[name]
        if axis.grid == "centre" and axis.boundary != "periodic":
            return None
        less = 1 if axis.boundary != "periodic" and axis.grid == "both" else 0
        if few <= less or (many - less) % (few - less):
            return None
        slices.append(slice(None, None, (many - less) // (few - less)))
    return values[tuple(slices)]


def refined(values: NDArray[np.floating], points: tuple[int, ...], ds: xr.Dataset, aware: bool) -> NDArray[np.float64]:
    """Return fields on a finer grid, by series that know the boundary or by a periodic one that does not."""
    axes = [fields.axes(ds)[name] for name in fields.space(ds)]
    boundary = [axis.boundary if aware else "periodic" for axis in axes]
    grid = [axis.grid if aware else "both" for axis in axes]
    found = resampled(torch.as_tensor(np.asarray(values, np.float64)), points, boundary, grid)  # type: ignore[arg-type]
    return np.asarray(found.numpy())
