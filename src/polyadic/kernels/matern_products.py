r"""Sums of products of Matern correlations over the modes of scattered rows.

The covariance of two rows :math:`x, x'` with modes :math:`k = 1..K` is

.. math:: k(x, x') = \sum_c \sigma_c^2 \prod_k M_{\nu_{ck}}(\sqrt{2 \nu_{ck}}\, d_k(x, x') / \ell_{ck}),

where :math:`M_{1/2}(a) = e^{-a}`, :math:`M_{3/2}(a) = (1 + a) e^{-a}`, :math:`M_{5/2}(a) = (1 + a + a^2/3) e^{-a}`.
A mode is one continuous column, with :math:`d_k = |x - x'|`, or a (latitude, longitude) pair, with the chord through
the sphere: a Matern of the chord is positive definite for every smoothness, of the great circle only up to 1/2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EARTH_RADIUS_KM = 6371.0088
COLUMNS = {"line": 1, "sphere": 2}
_EMBEDDED = {"line": 1, "sphere": 3}
SMOOTHNESSES = (0.0, 0.5, 1.5, 2.5)


@dataclass(frozen=True)
class MaternProducts:
    r"""The parameters of a sum of C Matern products over K modes, and of the noise.

    Parameters
    ----------
    variance
        (C,) variances :math:`\sigma_c^2`, squared units of the values.
    length_scale
        (C, K) length scales :math:`\ell_{ck}`, units of the mode's column, km for a sphere.
    smoothness
        (C, K) of 0, 0.5, 1.5, 2.5; 0 makes the component constant along the mode.
    noise
        Variance of the independent noise of one value.
    """

    variance: Floats
    length_scale: Floats
    smoothness: Floats
    noise: float

    def __post_init__(self) -> None:
        shape = self.length_scale.shape
        if self.variance.shape != shape[:1] or self.smoothness.shape != shape or len(shape) != 2:
            raise ValueError(
                "variance (C,), length_scale (C, K) and smoothness (C, K) must agree; got "
                f"{self.variance.shape}, {shape}, {self.smoothness.shape}"
            )
        check_smoothness(self.smoothness)


def check_smoothness(smoothness: Floats) -> None:
    """Raise ``ValueError`` unless every entry of ``smoothness`` is a supported one."""
    if not np.isin(smoothness, SMOOTHNESSES).all():
        raise ValueError(f"smoothness must be one of {SMOOTHNESSES}; got {np.unique(smoothness).tolist()}")


def embed(coordinates: Floats, modes: Sequence[str]) -> Floats:
    """Return rows in the Euclidean space whose blocks carry each mode's distance.

    Parameters
    ----------
    coordinates
        (n, columns): one column for each ``"line"``, latitude and longitude in degrees for each ``"sphere"``.
    modes
        The modes, by the order of their columns.

    Returns
    -------
    array (n, dimensions): a line keeps its column; a sphere becomes three columns in km.

    Raises
    ------
    ValueError
        If a mode is unknown, the columns do not match, a value is not finite or a latitude is beyond 90 degrees.

    Examples
    --------
    >>> embed(np.array([[90.0, 0.0, 7.0]]), ["sphere", "line"]).round(1)
    array([[   0.,    0., 6371.,    7.]])
    """
    points = np.asarray(coordinates, dtype=np.float64)
    _check_columns(points, modes)
    blocks, column = [], 0
    for mode in modes:
        block = points[:, column : column + COLUMNS[mode]]
        blocks.append(_on_sphere(block) if mode == "sphere" else block)
        column += COLUMNS[mode]
    return np.ascontiguousarray(np.concatenate(blocks, axis=1))


def block_starts(modes: Sequence[str]) -> Integers:
    """Return the (K + 1,) bounds of the modes' columns in the embedded rows."""
    return np.cumsum([0] + [_EMBEDDED[mode] for mode in modes]).astype(np.int64)


def _check_columns(points: Floats, modes: Sequence[str]) -> None:
    unknown = sorted(set(modes) - set(COLUMNS))
    if unknown or not modes:
        raise ValueError(f"modes must be some of {sorted(COLUMNS)}; got {list(modes)}")
    columns = sum(COLUMNS[mode] for mode in modes)
    if points.ndim != 2 or points.shape[1] != columns:
        raise ValueError(f"coordinates must be (n, {columns}) for modes {list(modes)}; got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("coordinates must be finite; found NaN or infinity")


def _on_sphere(degrees: Floats) -> Floats:
    if (np.abs(degrees[:, 0]) > 90).any():
        raise ValueError("coordinates: a sphere's first column is latitude, within [-90, 90]; found values beyond")
    latitude, longitude = np.radians(degrees).T
    circle = np.cos(latitude)
    unit = np.stack([circle * np.cos(longitude), circle * np.sin(longitude), np.sin(latitude)], axis=1)
    return EARTH_RADIUS_KM * unit


def rates(kernel: MaternProducts) -> tuple[Floats, Integers]:
    r"""Return the (C, K) rates :math:`\sqrt{2 \nu} / \ell` and polynomial degrees that the compiled code takes."""
    rate = np.sqrt(2.0 * kernel.smoothness) / kernel.length_scale
    degree = np.maximum(kernel.smoothness - 0.5, 0.0).astype(np.int64)
    return rate, degree


def covariance(kernel: MaternProducts, left: Floats, right: Floats, modes: Sequence[str]) -> Floats:
    """Return the dense covariance (n, p) of f between rows ``left`` (n, columns) and ``right`` (p, columns).

    Notes
    -----
    For tests and small problems: O(n p C K) and an (n, p) array for each mode.

    Examples
    --------
    >>> k = MaternProducts(np.array([4.0]), np.array([[2.0]]), np.array([[0.5]]), 0.0)
    >>> covariance(k, np.array([[0.0]]), np.array([[0.0], [2.0]]), ["line"]).round(3)
    array([[4.   , 1.472]])
    """
    a, b, starts = embed(left, modes), embed(right, modes), block_starts(modes)
    rate, degree = rates(kernel)
    total = np.zeros((len(a), len(b)))
    for c, variance in enumerate(kernel.variance):
        product = np.full(total.shape, variance)
        for k in range(len(modes)):
            block = slice(starts[k], starts[k + 1])
            s = rate[c, k] * np.sqrt(((a[:, None, block] - b[None, :, block]) ** 2).sum(-1))
            product *= np.exp(-s) * (1.0, 1.0 + s, 1.0 + s + s * s / 3.0)[degree[c, k]]
        total += product
    return total
