r"""Gaussian random fields of covariance :math:`\sigma^2 (-\Delta + \tau^2)^{-\alpha}` on regular grids."""

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["neumann_field", "periodic_field", "wave_numbers"]


def wave_numbers(shape: Sequence[int]) -> list[NDArray[np.float64]]:
    """Return the wave number of each axis for a real transform (the last axis halved), ready to broadcast.

    >>> [k.ravel().tolist() for k in wave_numbers((4, 4))]
    [[0.0, 1.0, -2.0, -1.0], [0.0, 1.0, 2.0]]
    """
    lines = [np.fft.fftfreq(n, 1 / n) for n in shape[:-1]] + [np.fft.rfftfreq(shape[-1], 1 / shape[-1])]
    return list(np.meshgrid(*lines, indexing="ij", sparse=True))


def periodic_field(
    shape: Sequence[int], tau: float, alpha: float, scale: float, rng: np.random.Generator, length: float = 1.0
) -> NDArray[np.float64]:
    r"""Return one periodic sample on ``shape`` points of a cube of side ``length``, without its mean.

    :math:`v = \sigma \sum_{k \ne 0} (|2 \pi k / \ell|^2 + \tau^2)^{-\alpha/2} \xi_k e^{2 \pi i k x / \ell}` with
    standard complex normal :math:`\xi_k`, :math:`\xi_{-k} = \bar\xi_k`.

    Parameters
    ----------
    shape
        Points an axis.
    tau, alpha, scale
        :math:`\tau` in 1 / length, :math:`\alpha`, :math:`\sigma`.
    rng
        Source of randomness; one grid of white noise is drawn.
    length
        :math:`\ell`.

    Notes
    -----
    :math:`O(N \log N)`.

    Examples
    --------
    >>> field = periodic_field((16, 16), 3.0, 2.0, 1.0, np.random.default_rng(0))
    >>> field.shape, bool(abs(field.mean()) < 1e-12)
    ((16, 16), True)
    """
    count = int(np.prod(shape))
    noise = scipy.fft.rfftn(rng.standard_normal(shape)) * np.sqrt(count)
    squared = sum((2 * np.pi * k / length) ** 2 for k in wave_numbers(shape))
    amplitude = scale * (squared + tau**2) ** (-alpha / 2)
    amplitude[(0,) * len(shape)] = 0.0
    field: NDArray[np.float64] = scipy.fft.irfftn(noise * amplitude, shape)
    return field


def neumann_field(
    shape: Sequence[int], tau: float, alpha: float, scale: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    r"""Return one sample with zero normal derivative at the edges of the unit cube, ends included, without its mean.

    :math:`v = \sigma \sum_{k \ne 0} (\pi^2 |k|^2 + \tau^2)^{-\alpha/2} \xi_k \prod_a \sqrt 2 \cos \pi k_a x_a` over
    :math:`k_a \ge 0`.

    Examples
    --------
    >>> neumann_field((9, 9), 3.0, 2.0, 1.0, np.random.default_rng(0)).shape
    (9, 9)
    """
    lines = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij", sparse=True)
    squared = sum((np.pi * k) ** 2 for k in lines)
    amplitude = scale * (squared + tau**2) ** (-alpha / 2)
    amplitude[(0,) * len(shape)] = 0.0
    coefficients = amplitude * rng.standard_normal(shape)
    for axis, n in enumerate(shape):  # a type-I transform counts inner modes twice and the ends once
        ends = np.full(n, np.sqrt(2) / 2)
        ends[[0, -1]] = [1.0, np.sqrt(2)]
        coefficients = coefficients * ends.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    field: NDArray[np.float64] = scipy.fft.dctn(coefficients, type=1)
    return field
