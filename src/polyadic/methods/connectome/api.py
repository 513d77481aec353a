"""Arrays in, decompositions out: what ``import polyadic`` offers of this method."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from polyadic.core.errors import nearest
from polyadic.core.parallel import one_thread_each, ordered_map
from polyadic.kernels import nonnegative_cp as dense
from polyadic.kernels.affinity import KERNELS
from polyadic.kernels.dynamic_affinity import AffinityRows, affinity_rows, decompose, starting_points
from polyadic.methods.connectome.community_api import Communities as Communities
from polyadic.methods.connectome.community_api import communities as communities


class CP(dense.CP):
    """A CP model; see :class:`polyadic.kernels.nonnegative_cp.CP`."""


def nonnegative_cp(
    tensor: ArrayLike,
    rank: int,
    mask: ArrayLike | None = None,
    start: list[ArrayLike] | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 500,
    starts: int | None = None,
    seed: int = 0,
) -> CP:
    """Return a non-negative CP model of a dense tensor: `polyadic.kernels.nonnegative_cp.nonnegative_cp`.

    Examples
    --------
    >>> nonnegative_cp(np.ones((3, 4, 5)), rank=1).weights.round(6)
    array([7.745967])
    """
    return CP(*dense.nonnegative_cp(tensor, rank, mask, start, tolerance, max_iterations, starts, seed))


def dynamic_affinity_cp(
    traces: ArrayLike,
    rank: int,
    sampling_rate: float,
    kernel: str = "rises",
    smoothing: float | Literal["auto"] = "auto",
    alignment: Literal["shared", "per_animal"] = "shared",
    background: bool = True,
    starts: int = 8,
    seed: int = 0,
    tolerance: float = 1e-4,
    max_iterations: int = 200,
) -> CP:
    r"""Return the non-negative CP model of the affinities of all pairs of neurons over time, the best of its starts.

    :math:`X_{twp} \approx \sum_r w_r f_t[t,r] f_w[w,r] f_p[p,r]`, where X is the affinity of the pair p of animal w,
    averaged over a Gaussian window at t. Tensors above 512 MiB are never stored. A pass costs about 0.4 ns a pair,
    animal and frame, and ``4 R`` flops a pair, animal and window step.

    Parameters
    ----------
    traces, sampling_rate
        ``(animal, neuron, time)``, any unit, and Hz; a neuron that an animal lacks is NaN there. Gaps of up to 5 % of a
        trace are interpolated; with longer ones the neuron counts as missing.
    rank, kernel
        Number of components; ``"rises"`` for spiking indicators, ``"changes"`` for graded signals, or another name of
        `polyadic.kernels.affinity.KERNELS`.
    smoothing, background
        Standard deviation of the window in s, ``"auto"``: 1.5 s, at least three frames; whether the mean over the pairs
        of an animal is taken from every moment, less than nothing made 0.
    alignment
        ``"shared"``: one time course for all animals, which needs a common clock; ``"per_animal"``: one each.
    starts, seed, tolerance, max_iterations
        As in `nonnegative_cp`.

    Returns
    -------
    CP
        Factors (time or (animal, time), animal, pair), pairs as ``numpy.triu_indices(n, 1)``; ``frames`` of the rows.

    Raises
    ------
    ValueError
        For traces of another shape or too short, an unknown kernel, or a number that is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> cp = dynamic_affinity_cp(rng.random((2, 5, 200)), rank=2, sampling_rate=10.0, starts=2)
    >>> [factor.shape for factor in cp.factors], cp.frames[:3]
    ([(39, 2), (2, 2), (10, 2)], array([ 4,  9, 14]))
    """
    with one_thread_each():
        rows = prepared(
            traces, sampling_rate, kernel=kernel, smoothing=smoothing, alignment=alignment, background=background
        )
        _check(rank=rank)
        fits = starting_points(rows, rank, starts, seed)
        models = decompose(rows, fits, tolerance=tolerance, max_iterations=max_iterations, mapper=ordered_map)
    return CP(*models[0])


def prepared(
    traces: ArrayLike,
    sampling_rate: float,
    *,
    kernel: str,
    smoothing: float | Literal["auto"] = "auto",
    alignment: str = "shared",
    background: bool = True,
) -> AffinityRows:
    """Return the affinities of traces as rows to be made, its arguments as in `dynamic_affinity_cp`, checked.

    Examples
    --------
    >>> prepared(np.random.default_rng(0).random((2, 5, 200)), 10.0, kernel="rises").shape
    (39, 2, 10)
    """
    values = np.asarray(traces, float)
    _check(sampling_rate=sampling_rate)
    seconds = max(1.5, 3 / sampling_rate) if smoothing == "auto" else float(smoothing)
    _check_traces(values, sampling_rate, kernel, seconds)
    if alignment not in ("shared", "per_animal"):
        raise ValueError(f"alignment must be 'shared' or 'per_animal', found {alignment!r}")
    per_animal = alignment == "per_animal"
    return affinity_rows(
        values, sampling_rate, kernel=kernel, smoothing=seconds, per_animal=per_animal, background=background
    )


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, found {value}")


def _check_traces(values: np.ndarray, sampling_rate: float, kernel: str, smoothing: float) -> None:
    if values.ndim != 3 or values.shape[1] < 2 or values.shape[2] < 8:
        raise ValueError(
            f"traces must be (animal, neuron, time) with 2 neurons and 8 frames or more, found {values.shape}"
        )
    if kernel not in KERNELS:
        raise ValueError(f"kernel: there is none named {kernel!r}; {nearest(kernel, KERNELS)}")
    _check(smoothing=smoothing)
    if smoothing * sampling_rate / 3 >= values.shape[2]:
        raise ValueError(f"smoothing of {smoothing} s is too long for {values.shape[2] / sampling_rate} s of traces")
