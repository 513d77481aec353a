"""Surrogates of multivariate signals: what is kept, and what is destroyed, decides what a test claims."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def permuted_blocks(frames: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return frame numbers with blocks in random order: bursts within a block and their partners stay together.

    Keeps every instantaneous affinity and all dependence shorter than a block, destroys slower changes; the first
    block begins at a random phase.

    Examples
    --------
    >>> permuted_blocks(6, 2, np.random.default_rng(1)).size
    6
    """
    shifted = np.roll(np.arange(frames), int(rng.integers(frames)))
    pieces = np.array_split(shifted, max(1, round(frames / block)))
    return np.concatenate([pieces[i] for i in rng.permutation(len(pieces))])


def shifted_apart(signals: Array, rng: np.random.Generator) -> Array:
    """Return signals (..., time), each rolled by its own random lag: all synchrony is gone, each signal is kept.

    Examples
    --------
    >>> shifted_apart(np.arange(4.0)[None], np.random.default_rng(0))
    array([[1., 2., 3., 0.]])
    """
    frames = signals.shape[-1]
    flat = signals.reshape(-1, frames)
    lags = rng.integers(frames, size=len(flat))
    return np.stack([np.roll(row, int(lag)) for row, lag in zip(flat, lags, strict=True)]).reshape(signals.shape)


def amplitude_adjusted(signals: Array, rng: np.random.Generator, sweeps: int = 10) -> Array:
    r"""Return surrogates (signal, time) with the values of every signal, its spectrum and the mean correlations.

    The same random phases are added to all signals (which keeps every cross-spectrum), then spectrum and values are
    imposed in turn; the phases of the surrogate are pulled towards those of the common rotation, so that correlations
    survive the adjustment of the values.

    Notes
    -----
    ``sweeps`` FFTs and sorts a signal. T. Schreiber and A. Schmitz, Phys. Rev. Lett. 77 (1996) 635; D. Prichard and J.
    Theiler, Phys. Rev. Lett. 73 (1994) 951. Bursts that several signals share are not kept: on sparse data use blocks.

    Examples
    --------
    >>> x = np.random.default_rng(0).random((2, 50))
    >>> bool(np.allclose(np.sort(amplitude_adjusted(x, np.random.default_rng(1))), np.sort(x)))
    True
    """
    frames = signals.shape[-1]
    spectrum = np.fft.rfft(signals, axis=-1)
    phases = np.r_[0.0, rng.uniform(0, 2 * np.pi, spectrum.shape[-1] - 1)]
    rotated = spectrum * np.exp(1j * phases)
    ordered = np.sort(signals, axis=-1)
    current = np.fft.irfft(rotated, frames, axis=-1)
    for _ in range(sweeps):
        rank = np.argsort(np.argsort(current, axis=-1, kind="stable"), axis=-1)
        adjusted = np.take_along_axis(ordered, rank, axis=-1)
        transformed = np.fft.rfft(adjusted, axis=-1)
        turn = (transformed * np.conj(rotated)).sum(axis=0)  # one rotation for all signals keeps their relations
        turn /= np.maximum(np.abs(turn), np.finfo(float).tiny)
        current = np.fft.irfft(rotated * turn, frames, axis=-1)
    rank = np.argsort(np.argsort(current, axis=-1, kind="stable"), axis=-1)
    return np.take_along_axis(ordered, rank, axis=-1)
