"""Predict values with their variances at withheld rows, or at any rows with the same coordinates.

``python -m polyadic.methods.funbat.predict --observations split.nc --posterior posterior.nc --out predictions.nc``
"""

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.core.config import setting
from polyadic.core.errors import InputError, nearest
from polyadic.core.stage import stage
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions, tucker_posterior

if TYPE_CHECKING:
    from polyadic.kernels.local_tucker import LocalTucker
    from polyadic.methods.funbat.columns import Columns

Array = NDArray[np.float64]
CHUNK = 2**18
"""Rows predicted at once; more are streamed in chunks of so many."""


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """Which rows are predicted."""

    rows: Literal["withheld", "all"] = setting("withheld", "validation and test rows, or every row")


@stage(
    name="funbat.predict",
    config=PredictConfig,
    observations=kind.SCHEMA,
    posterior=tucker_posterior.SCHEMA,
    output=predictions.SCHEMA,
)
def predict(cfg: PredictConfig, observations: xr.Dataset, posterior: xr.DataTree) -> xr.Dataset:
    """Predict the mean and the variance of a new measurement at each row.

    With a local process there are three methods: both together, the Tucker model alone, the local process alone.
    """
    from polyadic.methods.funbat.posterior import from_tree

    model, columns = from_tree(posterior)
    target = str(posterior.attrs["target"])
    rows = observations
    if cfg.rows == "withheld" and "split" in observations.coords:
        rows = kind.where_split(observations, "validation", "test")
    for name in columns.names:
        if name not in rows.coords:
            raise InputError(f"the rows have no coordinate {name!r}; {nearest(name, map(str, rows.coords))}")
    parts = {"funbat": "both"}
    if model.residual is not None:
        parts |= {"funbat_tucker_alone": "tucker_alone", "local_alone": "local_alone"}
    if rows.sizes["obs"] <= CHUNK:
        found = _columns(model, columns, tuple(parts.values()), rows.load())
    else:
        found, rows = _streamed(model, columns, tuple(parts.values()), rows)
    out = predictions.stacked(rows, target, tuple(parts), found[0], found[1], _shapes(model, found))
    return out.isel(method=0, drop=True) if len(parts) == 1 else out


def _shapes(model: "LocalTucker", found: Any) -> predictions.Shapes | None:
    """Return the distributions of the rows; None where all are normal in units of the data."""
    from polyadic.kernels.local_prediction import family

    table, linked = family(model), model.tucker.link != "identity"
    if not linked and table.factor.shape[1] == 1:
        return None
    code, median = found[5].astype(np.int8), found[2] if linked else None
    return predictions.Shapes(table.weight, table.factor, code, model.tucker.link, median, found[3], found[4])


def _columns(model: "LocalTucker", columns: "Columns", parts: tuple[str, ...], rows: xr.Dataset) -> Array:
    """Return mean, variance, median, scaled and shared variance on the linked scale, and shape: (6, parts, rows)."""
    from polyadic.kernels import links, local_prediction

    table = columns.matrix(rows)
    found = np.empty((6, len(parts), len(table)))
    for number, part in enumerate(parts):
        placed = local_prediction.placed(model, table, part)
        mean, deviation = local_prediction.point(model, placed)
        median = links.inverse(model.tucker.link, placed.centre)
        found[:, number] = mean, np.square(deviation), median, placed.scaled, placed.shared, placed.shape
    return found


def _streamed(
    model: "LocalTucker", columns: "Columns", parts: tuple[str, ...], rows: xr.Dataset
) -> tuple[Any, xr.Dataset]:
    """Return `_columns` as a Dask array, and the rows in the same chunks, of bounds that threads do not change."""
    import dask.array as da

    rows = rows.chunk(obs=CHUNK)

    def block(*coordinates: NDArray[Any]) -> Array:
        named = {name: ("obs", values) for name, values in zip(columns.names, coordinates, strict=True)}
        return _columns(model, columns, parts, xr.Dataset(coords=named))

    arrays = [rows[name].data for name in columns.names]
    found = da.map_blocks(  # type: ignore[no-untyped-call]
        block,
        *arrays,
        dtype=np.float64,
        new_axis=[0, 1],
        chunks=(6, len(parts), rows.chunks["obs"]),
        meta=np.empty((0, 0, 0)),
    )
    return found, rows


if __name__ == "__main__":
    predict.cli()
