"""Kind `rank_curve`: error on withheld data and stability over starts by rank, the chosen rank and its reason."""

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from polyadic.core.schema import Schema, Var


def _faults(ds: xr.Dataset) -> list[str]:
    if "rank" not in ds.coords or "chosen" not in ds:
        return []
    chosen = int(ds["chosen"])
    return [] if chosen in ds["rank"].to_numpy() else [f"'chosen' is {chosen}, which is not on the curve"]


SCHEMA = Schema(
    kind="rank_curve",
    variables={
        "error": Var(("rank", "fold"), units="1"),
        "stability": Var(("rank",), units="1"),
        "chosen": Var((), kinds="i"),
    },
    coords={"rank": Var(("rank",), kinds="i")},
    rules=(_faults,),
)


def dataset(ranks: Sequence[int], error: ArrayLike, stability: ArrayLike, chosen: int, reason: str) -> xr.Dataset:
    """Return a Dataset of kind `rank_curve`.

    Parameters
    ----------
    ranks
        Ranks that were compared, ascending.
    error
        Squared error over squared norm of the withheld data, ``(rank, fold)``.
    stability
        Mean similarity of components over starts, ``(rank,)``, in [0, 1].
    chosen, reason
        The chosen rank, and why, in words.

    Examples
    --------
    >>> dataset([1, 2], [[0.5], [0.4]], [1.0, 0.9], 2, "least error").attrs["reason"]
    'least error'
    """
    label = {"units": "1", "long_name": "squared error of withheld blocks over their squared norm"}
    alike = {"units": "1", "long_name": "mean similarity of components over starts"}
    ds = xr.Dataset(
        {
            "error": (("rank", "fold"), np.asarray(error, float), label),
            "stability": ("rank", np.asarray(stability, float), alike),
            "chosen": ((), np.int64(chosen), {"units": "1", "long_name": "chosen rank"}),
        },
        {"rank": ("rank", np.asarray(ranks, np.int64), {"units": "1", "long_name": "number of components"})},
    )
    ds.attrs["reason"] = reason
    return ds


def example(seed: int = 0) -> xr.Dataset:
    """Return a curve over six ranks and four folds whose least error is at rank 3."""
    rng = np.random.default_rng(seed)
    ranks = np.arange(1, 7)
    error = 0.3 + 0.05 * (ranks[:, None] - 3) ** 2 + 0.01 * rng.random((6, 4))
    return dataset(ranks.tolist(), error, np.linspace(1, 0.6, 6), 3, "rank 3: least error on withheld blocks of time")
