"""Values of a Tucker tensor of functions at scattered points in a fixed time a point, by window coefficients."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import window_grid
from polyadic.kernels.long_range_free import product
from polyadic.kernels.window_grid import Window, window

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Reader:
    """A function of three variables by its window coefficients on a grid (`window_grid`).

    Attributes
    ----------
    values
        Coefficients of the grid.
    low, high, step
        The box and the spacing, shape (3,).
    by
        The window.
    """

    values: Array
    low: Array
    high: Array
    step: Array
    by: Window

    def __call__(self, points: Array, gradient: bool = False) -> tuple[Array, Array]:
        """Return values and, if asked for, gradients at points (3, n) of the box, shapes (n,) and (n, 3) or (0, 3).

        Points that are sorted in space are faster.
        """
        return window_grid.interpolate(points, self.values, self.low, self.step, self.by, gradient)


def reader(
    core: Array, factors: Sequence[tuple[Array, Array]], box: tuple[Array, Array], step: Array, tolerance: float
) -> Reader:
    """Return the reader of a Tucker tensor whose factor functions are known on a fine grid.

    The functions are fitted by shifted windows, least squares of least norm: the windows reproduce a function of their
    band to the tolerance, and the margins of the grid leave room at the ends.

    Parameters
    ----------
    core
        ``(r1, r2, r3)``.
    factors
        Per axis positions, at least three a step, and the functions there, (positions, rank).
    box
        Lowest and highest corner.
    step
        Grid spacing along each axis; at most a quarter of the shortest wave.
    tolerance
        Relative.
    """
    low, high = box
    by = window(tolerance, 2.0)
    fits = []
    for d, (x, functions) in enumerate(factors):
        count = window_grid.size(float(high[d] - low[d]), float(step[d]), by.width)
        weights = by.matrix((x - low[d]) / step[d] + window_grid.margin(by.width), count)
        fits.append(np.asarray(np.linalg.lstsq(weights, functions, rcond=1e-13)[0], np.float64))
    return Reader(product(core, fits), low, high, step, by)
