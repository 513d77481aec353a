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


def shifted_apart(signals: Array, lags: NDArray[np.integer]) -> Array:
    """Return signals (..., time), each rolled by its own lag (...): synchrony is gone, each signal is kept.

    Examples
    --------
    >>> shifted_apart(np.arange(4.0)[None], np.array([3]))
    array([[1., 2., 3., 0.]])
    """
    frames = signals.shape[-1]
    moved = (np.arange(frames) - np.asarray(lags)[..., None]) % frames
    return np.take_along_axis(signals, moved, axis=-1)


def innovations(signals: Array, most: int = 50) -> tuple[Array, Array]:
    r"""Return autoregressive coefficients of every signal, and what they do not predict: its innovations.

    :math:`x_t = \sum_{k=1}^p a_k x_{t-k} + e_t` by Yule and Walker, the order p by Akaike's criterion, the same for all
    signals.

    Parameters
    ----------
    signals
        ``(signal, time)``, any unit.
    most
        The largest order that is tried, less where there are fewer than 20 frames for each.

    Returns
    -------
    coefficients
        ``(signal, p)``; p may be 0.
    innovations
        ``(signal, time - p)``, in the unit of the signals.

    Notes
    -----
    Levinson's recursion for all signals at once: ``O(signals (p^2 + time p))``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = np.zeros((1, 4000))
    >>> for t in range(1, 4000):
    ...     x[0, t] = 0.9 * x[0, t - 1] + rng.standard_normal()
    >>> coefficients, left = innovations(x)
    >>> bool(abs(coefficients[0, 0] - 0.9) < 0.05 and abs(left.std() - 1) < 0.05)
    True
    """
    centred = signals - signals.mean(axis=-1, keepdims=True)
    frames = signals.shape[-1]
    most = max(0, min(most, frames // 20))
    spectrum = np.abs(np.fft.rfft(centred, 2 * frames, axis=-1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=-1)[:, : most + 1] / frames
    moving = covariance[:, 0] > 0
    covariance[~moving, 0] = 1
    coefficients = np.zeros((len(signals), 0))
    error = covariance[:, 0].copy()
    best, least = coefficients, frames * float(np.log(error).sum())
    for order in range(1, most + 1):
        reflected = covariance[:, order] - np.sum(coefficients * covariance[:, order - 1 : 0 : -1], axis=1)
        reflected /= error
        coefficients = np.hstack([coefficients - reflected[:, None] * coefficients[:, ::-1], reflected[:, None]])
        error *= np.maximum(1 - reflected**2, 1e-12)
        criterion = frames * float(np.log(error).sum()) + 2 * order * len(signals)
        if criterion < least:
            best, least = coefficients, criterion
    order = best.shape[1]
    left = centred[:, order:].copy()
    for k in range(order):
        left -= best[:, k, None] * centred[:, order - 1 - k : frames - 1 - k]
    return best, left


def redriven(signals: Array, block: int, rng: np.random.Generator) -> Array:
    r"""Return surrogates (signal, time): linear processes driven by the signals' own innovations in another order.

    The innovations of all signals are put in the same random order, by blocks of ``block`` frames, and drive the
    signals' own autoregressive processes; then the values of every signal are imposed. So what several signals do at
    the same moment, sparse or not, stays together, as do the memory of each signal and its values; all that changes
    over longer times goes.

    Notes
    -----
    The null is a stationary process of independent, identically distributed innovations (joint over the signals, of any
    distribution): where it is true, and the coefficients are known, orders are exchangeable. After P. Buehlmann,
    Bernoulli 3 (1997) 123, with permuted in place of resampled innovations. Costs two filters and a sort.

    Examples
    --------
    >>> x = np.random.default_rng(0).random((2, 50))
    >>> bool(np.allclose(np.sort(redriven(x, 2, np.random.default_rng(1))), np.sort(x)))
    True
    """
    from scipy.signal import lfilter

    coefficients, left = innovations(signals)
    frames, kept = signals.shape[-1], left.shape[-1]
    order = permuted_blocks(kept, block, rng)
    long = np.concatenate([order] * (2 + -(-frames // kept)))[-2 * frames :]  # the first half is to forget the start
    made = np.stack(
        [lfilter([1.0], np.r_[1.0, -own], one[long])[-frames:] for own, one in zip(coefficients, left, strict=True)]
    )
    rank = np.argsort(np.argsort(made, axis=-1, kind="stable"), axis=-1)
    return np.take_along_axis(np.sort(signals, axis=-1), rank, axis=-1)


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
