r"""Semi-linear evolution equations in Fourier space, by a Runge-Kutta method behind an integrating factor."""

from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from polyadic.kernels.random_fields import wave_numbers

__all__ = ["burgers", "integrate", "vorticity"]

Spectrum = NDArray[np.complexfloating]
Field = NDArray[np.float64]


def integrate(
    start: Spectrum, linear: Field, nonlinear: Callable[[Spectrum], Spectrum], step: float, steps: int
) -> Spectrum:
    r"""Return :math:`v(t)` after ``steps`` steps of :math:`v' = L v + N(v)` with diagonal :math:`L`.

    Fourth-order Runge-Kutta for :math:`e^{-Lt} v`: the linear part is exact, however stiff.

    Parameters
    ----------
    start
        :math:`v(0)`, any shape.
    linear
        The diagonal of :math:`L`, broadcast against ``start``.
    nonlinear
        :math:`N`.
    step, steps
        Length and number of steps.

    Notes
    -----
    Four evaluations of :math:`N` a step. A. K. Kassam and L. N. Trefethen, SIAM J. Sci. Comput. 26 (2005), sec. 1.

    Examples
    --------
    >>> v = integrate(np.array([1.0 + 0j]), np.array([-1.0]), lambda v: 0 * v, 0.1, 10)
    >>> bool(np.isclose(v[0], np.exp(-1)))
    True
    """
    half = np.exp(linear * (step / 2))
    whole = half * half
    v = start
    for _ in range(steps):
        a = step * nonlinear(v)
        b = step * nonlinear(half * (v + a / 2))
        c = step * nonlinear(half * v + b / 2)
        d = step * nonlinear(whole * v + half * c)
        v = whole * v + (whole * a + 2 * half * (b + c) + d) / 6
    return v


def burgers(start: Field, viscosity: float, time: float, steps: int) -> Field:
    r"""Return the solution of :math:`u_t + u u_x = \nu u_{xx}` on a periodic line of length one.

    Parameters
    ----------
    start
        :math:`u(0)`, (samples, points).
    viscosity
        :math:`\nu` in length squared by time.
    time, steps
        Final time and number of steps.

    Returns
    -------
    :math:`u(time)`, (samples, points); products are freed of aliases by the 2/3 rule.

    Examples
    --------
    >>> x = np.arange(64) / 64
    >>> u = burgers(np.sin(2 * np.pi * x)[None], 0.05, 0.5, 200)
    >>> bool(abs(u.mean()) < 1e-12 and np.abs(u).max() < 1)
    True
    """
    n = start.shape[-1]
    (k,) = wave_numbers((n,))
    kept = 3 * np.abs(k) < n
    slope = -0.5 * 2j * np.pi * k * kept

    def nonlinear(v: Spectrum) -> Spectrum:
        u = scipy.fft.irfft(v * kept, n)
        return np.asarray(slope * scipy.fft.rfft(u * u))

    end = integrate(scipy.fft.rfft(start), -viscosity * (2 * np.pi * k) ** 2, nonlinear, time / steps, steps)
    return np.asarray(scipy.fft.irfft(end, n))


def vorticity(start: Field, forcing: Field, viscosity: float, length: float, time: float, steps: int) -> Field:
    r"""Return the vorticity of a flow on a periodic square of side ``length``.

    :math:`w_t + \mathbf u \cdot \nabla w = \nu \Delta w + f`, :math:`\mathbf u = (\psi_y, -\psi_x)`,
    :math:`-\Delta \psi = w`.

    Parameters
    ----------
    start, forcing
        :math:`w(0)` and :math:`f`, (samples, y, x).
    viscosity
        :math:`\nu` in length squared by time.
    length, time, steps
        Side, final time and number of steps.

    Returns
    -------
    :math:`w(time)`, (samples, y, x); products are freed of aliases by the 2/3 rule.

    Notes
    -----
    Five transforms an evaluation, twenty a step.

    Examples
    --------
    >>> y, x = np.meshgrid(*[2 * np.pi * np.arange(16) / 16] * 2, indexing="ij")
    >>> wave = np.cos(3 * x)[None]  # a shear flow only decays
    >>> end = vorticity(wave, np.zeros_like(wave), 0.1, 2 * np.pi, 1.0, 20)
    >>> bool(np.allclose(end, np.exp(-0.9) * wave))
    True
    """
    shape = start.shape[-2:]
    ky, kx = wave_numbers(shape)
    kept = (3 * np.abs(ky) < shape[0]) & (3 * np.abs(kx) < shape[1])
    dy, dx = 2j * np.pi * ky / length, 2j * np.pi * kx / length
    laplacian = np.real(dx * dx + dy * dy)
    inverse = np.divide(-1.0, laplacian, out=np.zeros_like(laplacian), where=laplacian != 0)
    push = scipy.fft.rfft2(forcing)

    def nonlinear(v: Spectrum) -> Spectrum:
        v = v * kept
        stream = inverse * v
        w = scipy.fft.irfft2(v, shape)
        flux_x = scipy.fft.rfft2(scipy.fft.irfft2(dy * stream, shape) * w)
        flux_y = scipy.fft.rfft2(scipy.fft.irfft2(-dx * stream, shape) * w)
        return np.asarray(push - kept * (dx * flux_x + dy * flux_y))

    end = integrate(scipy.fft.rfft2(start), viscosity * laplacian, nonlinear, time / steps, steps)
    return np.asarray(scipy.fft.irfft2(end, shape))
