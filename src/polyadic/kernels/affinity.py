"""Instantaneous affinities of pairs of traces, summed over bins of frames without ever being stored by frame."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Kernel:
    """An affinity: which parts of the traces are compared, and how.

    Attributes
    ----------
    parts
        Signals that are compared one after the other and summed: ``rise``, ``fall``, ``change``, ``level``.
    operation
        ``min``, ``product``, ``root`` (square root of the product) or ``gaussian``.
    meaning
        The formula, in words.
    """

    parts: tuple[str, ...]
    operation: str
    meaning: str


KERNELS: Mapping[str, Kernel] = {
    "rises": Kernel(("rise",), "min", "min(g_i+, g_j+): both rise; a common decay of the indicator is no interaction"),
    "changes": Kernel(("rise", "fall"), "min", "min(g_i+, g_j+) + min(g_i-, g_j-): both rise or both fall"),
    "product": Kernel(("rise",), "root", "sqrt(g_i+ g_j+)"),
    "gaussian": Kernel(("change",), "gaussian", "exp(-(g_i - g_j)^2 / 2), g in robust standard deviations"),
    "correlation": Kernel(("level",), "product", "product of standardised traces over a window, clipped at 0"),
}
"""Affinities by name; ``rises`` suits spiking indicators, ``changes`` graded signals (C. elegans, BOLD)."""


def changes(traces: Array, sampling_rate: float, window: float = 0.5) -> Array:
    r"""Return the derivative of every trace over its robust scale, at the frames where the filter is whole.

    :math:`g_i(t) = \dot x_i(t) / (1.4826\, \mathrm{med}_t |\dot x_i - \mathrm{med}\, \dot x_i|)` with the derivative of
    Savitzky and Golay (second order). Fits to half a filter at the ends of a recording are 3.5 times as noisy, in all
    neurons at once, which would look like interaction: these frames are left out.

    Parameters
    ----------
    traces
        Any unit, time last; finite.
    sampling_rate
        Hz.
    window
        Length of the derivative's filter in s; at least 5 frames are used.

    Returns
    -------
    array of one frame less for each of the filter but one, half of them at either end, without unit; 0 where a trace
    does not change.

    Notes
    -----
    Linear. A. Savitzky and M. Golay, Analytical Chemistry 36 (1964) 1627.

    Examples
    --------
    >>> changes(np.arange(20.0)[None] ** 2, 10.0).shape
    (1, 16)
    """
    from scipy.signal import savgol_filter

    frames = traces.shape[-1]
    length = max(5, round(window * sampling_rate) | 1)
    length = min(length, frames - 1 + frames % 2)
    half = length // 2
    slope = savgol_filter(traces, length, min(2, length - 1), deriv=1, delta=1 / sampling_rate, axis=-1)
    slope = slope[..., half : frames - half]
    centre = np.median(slope, axis=-1, keepdims=True)
    scale = 1.4826 * np.median(np.abs(slope - centre), axis=-1, keepdims=True)
    scale = np.where(scale > 0, scale, slope.std(axis=-1, keepdims=True))  # more than half of the frames at rest
    return np.asarray(np.where(scale > 0, slope / np.where(scale > 0, scale, 1), 0))


def signals(traces: Array, sampling_rate: float, kernel: Kernel, window: float) -> list[Array]:
    """Return the signals a kernel compares, each (animal, time, neuron) in single precision.

    As many frames are left out at the start as at the end: those where a filter reaches beyond the recording.
    """
    if kernel.parts == ("level",):
        found = {"level": _standardised(traces, max(5, round(window * sampling_rate) | 1))}
    else:
        change = changes(traces, sampling_rate)
        found = {"change": change, "rise": np.maximum(change, 0), "fall": np.maximum(-change, 0)}
    chosen = [found[part] for part in kernel.parts]
    if kernel.operation == "root":
        chosen = [np.sqrt(part) for part in chosen]
    return [np.ascontiguousarray(part.swapaxes(-1, -2), np.float32) for part in chosen]


def _standardised(traces: Array, length: int) -> Array:
    from scipy.ndimage import uniform_filter1d

    frames = traces.shape[-1]
    length = min(length, frames // 2 | 1)
    half = length // 2
    mean = uniform_filter1d(traces, length, axis=-1)
    square = uniform_filter1d((traces - mean) ** 2, length, axis=-1)
    level = (traces - mean) / np.sqrt(np.maximum(square, 1e-12 * (1 + traces.var())))
    return np.asarray(level[..., half : frames - half])


def binned(parts: list[Array], operation: str, first_bin: int, bins: int, width: int) -> Array:
    """Return mean affinities of all pairs in consecutive bins of frames.

    Parameters
    ----------
    parts
        Signals of one animal, each ``(time, neuron)``, single precision, non-negative except for ``gaussian`` and
        ``product``.
    operation
        ``min``, ``product``, ``root`` or ``gaussian``.
    first_bin, bins, width
        Bins ``first_bin`` to ``first_bin + bins``, each of ``width`` frames.

    Returns
    -------
    array ``(bins, n (n - 1) / 2)``, pairs as `numpy.triu_indices` with offset 1.

    Notes
    -----
    About 0.3 ns a pair and frame, twice that for the Gaussian; frames in which a neuron is at rest are skipped.

    Examples
    --------
    >>> binned([np.array([[1, 2, 0], [3, 2, 0]], np.float32)], "min", 0, 1, 2)
    array([[1.5, 0. , 0. ]], dtype=float32)
    """
    neurons = parts[0].shape[1]
    out = np.zeros((bins, neurons * (neurons - 1) // 2), np.float32)
    add = {"min": _add_minima, "product": _add_products, "root": _add_products, "gaussian": _add_gaussians}[operation]
    for part in parts:
        add(part, first_bin * width, width, out)
    out /= width
    return np.maximum(out, 0, out=out) if operation == "product" else out


@njit(cache=True, nogil=True, fastmath=True)
def _add_minima(signal: Array, first: int, width: int, out: Array) -> None:
    neurons = signal.shape[1]
    for b in range(out.shape[0]):
        base = 0
        for i in range(neurons - 1):
            row = out[b, base : base + neurons - 1 - i]
            for t in range(first + b * width, first + (b + 1) * width):
                value = signal[t, i]
                if value > 0:
                    others = signal[t, i + 1 :]
                    for j in range(row.size):
                        row[j] += min(value, others[j])
            base += neurons - 1 - i


@njit(cache=True, nogil=True, fastmath=True)
def _add_products(signal: Array, first: int, width: int, out: Array) -> None:
    neurons = signal.shape[1]
    for b in range(out.shape[0]):
        base = 0
        for i in range(neurons - 1):
            row = out[b, base : base + neurons - 1 - i]
            for t in range(first + b * width, first + (b + 1) * width):
                value = signal[t, i]
                if value != 0:
                    others = signal[t, i + 1 :]
                    for j in range(row.size):
                        row[j] += value * others[j]
            base += neurons - 1 - i


@njit(cache=True, nogil=True, fastmath=True)
def _add_gaussians(signal: Array, first: int, width: int, out: Array) -> None:
    neurons = signal.shape[1]
    half = np.float32(-0.5)
    for b in range(out.shape[0]):
        base = 0
        for i in range(neurons - 1):
            row = out[b, base : base + neurons - 1 - i]
            for t in range(first + b * width, first + (b + 1) * width):
                value = signal[t, i]
                others = signal[t, i + 1 :]
                for j in range(row.size):
                    row[j] += np.exp(half * (value - others[j]) ** 2)
            base += neurons - 1 - i
