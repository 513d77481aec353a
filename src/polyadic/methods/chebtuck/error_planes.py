"""Values and errors on planes through the middle of the domain: what the picture of an approximation shows."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polyadic.kinds import chebyshev_tucker as kind
from polyadic.methods.chebtuck.model import ChebyshevTucker

Array = NDArray[np.float64]

_POINTS = 41  # a side of a plane
_PLANES = 3


def with_planes(
    ds: xr.Dataset, axes: Sequence[Array], truth: Callable[[Sequence[NDArray[np.intp]]], Array]
) -> xr.Dataset:
    """Return an approximation with the errors on up to three planes, one a pair of modes.

    Parameters
    ----------
    ds
        Of kind `chebyshev_tucker`.
    axes
        Per mode the rising coordinates where the truth can be had; at most 41 of them, evenly chosen, are used.
    truth
        Returns the true values on the tensor product of some of these coordinates, given by their indices.

    Returns
    -------
    the Dataset with ``plane_x`` (the coordinates used, dimension ``plane_point_x``) a mode and ``plane_error_x_y`` a
    pair. These values are for the picture and are not among ``evaluations``.
    """
    model, names = ChebyshevTucker.from_dataset(ds), kind.modes(ds)
    used = [np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(np.intp)) for x in axes]
    middle = [index[[len(index) // 2]] for index in used]
    out = ds.assign(
        {
            f"plane_{name}": (f"plane_point_{name}", x[index], dict(ds[name].attrs))
            for name, x, index in zip(names, axes, used, strict=True)
        }
    )
    for pair in list(itertools.combinations(range(len(names)), 2))[:_PLANES]:
        index = [used[k] if k in pair else middle[k] for k in range(len(names))]
        error = model.on_grid(*(x[i] for x, i in zip(axes, index, strict=True))) - truth(index)
        dims = tuple(f"plane_point_{names[k]}" for k in pair)
        shape = [len(used[k]) for k in pair]
        out[f"plane_error_{names[pair[0]]}_{names[pair[1]]}"] = (
            dims,
            error.reshape(shape),
            {"units": ds["core"].attrs.get("units", "1"), "long_name": "error on a plane through the middle"},
        )
    return out
