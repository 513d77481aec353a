r"""Scores of predictions of measured values, each with its direction, its unit rule and its standard error.

Every score is the mean of one loss a row (`rmse` is the root of one), so its standard error is that of a mean:
with clusters of rows (stations, time stamps) the cluster-robust one, no bootstrap needed.

References
----------
Gneiting & Raftery (2007), *JASA* 102, 359-378: CRPS and logarithmic score. Cameron, Gelbach & Miller (2011),
*J. Bus. Econ. Stat.* 29, 238-249: two-way clusters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from polyadic.evaluation import reductions
from polyadic.evaluation.reductions import Clusters

Floats = NDArray[np.float64]
Loss = Callable[[Floats, Floats, Floats], Floats]
LEVELS = (50, 80, 90, 95)


class Score(NamedTuple):
    """A score and its standard error, in the unit of the metric."""

    value: float
    standard_error: float


@dataclass(frozen=True)
class Metric:
    """What a score means.

    Parameters
    ----------
    name
        Lower case.
    description
        One sentence.
    better
        +1 if larger is better, -1 if smaller is better; where there is a ``target``, of the distance from it.
    unit
        ``"data"`` for the unit of the data, else a UDUNITS string.
    loss
        ``(truth, mean, variance) -> loss`` of every row.
    root
        Whether the score is the square root of the mean loss.
    target
        The ideal value of a score that is neither to be minimised nor maximised.
    probabilistic
        Whether the score needs a variance.
    """

    name: str
    description: str
    better: Literal[-1, 1]
    unit: str
    loss: Loss
    root: bool = False
    target: float | None = None
    probabilistic: bool = False

    def units(self, data: str) -> str:
        """Return the unit of the score for data of unit ``data``."""
        return data if self.unit == "data" else self.unit


def crps(truth: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    r"""Return the continuous ranked probability score of Gaussian predictions, by row, in the unit of the data.

    With :math:`z = (y - \mu) / \sigma`: :math:`\sigma (z (2 \Phi(z) - 1) + 2 \varphi(z) - \pi^{-1/2})`
    (Gneiting & Raftery 2007, eq. 21, negated).

    Examples
    --------
    >>> crps([0.0], 0.0, 1.0).round(6)  # sqrt(2 / pi) - 1 / sqrt(pi)
    array([0.233695])
    """
    truth, mean, deviation = _gaussian(truth, mean, variance)
    z = (truth - mean) / deviation
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(deviation * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi)))


def crps_samples(truth: ArrayLike, samples: ArrayLike) -> Floats:
    r"""Return the CRPS of the empirical distribution of samples, by row, in the unit of the data.

    :math:`\frac1m \sum_i |x_i - y| - \frac1{2 m^2} \sum_{ij} |x_i - x_j|`, by sorting, :math:`O(m \log m)` a row.

    Parameters
    ----------
    truth
        Shape (rows,).
    samples
        Shape (rows, m).

    Examples
    --------
    >>> crps_samples([0.0], [[-1.0, 1.0]])
    array([0.5])
    """
    truth, samples = np.asarray(truth, dtype=float), np.sort(np.asarray(samples, dtype=float), axis=-1)
    _rows("samples", samples, truth)
    count = samples.shape[-1]
    weight = (2 * np.arange(1, count + 1) - count - 1) / count**2
    return np.asarray(np.abs(samples - truth[..., None]).mean(axis=-1) - samples @ weight)


def crps_quantiles(truth: ArrayLike, levels: ArrayLike, quantiles: ArrayLike) -> Floats:
    r"""Return the CRPS from quantiles, by row: twice the pinball loss integrated over the levels.

    Each level stands for the levels nearer to it than to another, so that unequal spacing is right to second order.

    Parameters
    ----------
    truth
        Shape (rows,).
    levels
        Ascending, inside (0, 1), shape (q,).
    quantiles
        Shape (rows, q).

    Raises
    ------
    ValueError
        If the levels do not ascend inside (0, 1).
    """
    truth, levels, quantiles = (np.asarray(a, dtype=float) for a in (truth, levels, quantiles))
    _rows("quantiles", quantiles, truth)
    if (np.diff(levels) <= 0).any() or levels[0] <= 0 or levels[-1] >= 1:
        raise ValueError(f"levels: must ascend inside (0, 1), found {levels.tolist()}")
    error = truth[..., None] - quantiles
    pinball = np.maximum(levels * error, (levels - 1) * error)
    edges = np.r_[0.0, 0.5 * (levels[1:] + levels[:-1]), 1.0]
    return np.asarray(2 * pinball @ np.diff(edges))


def nlpd(
    truth: ArrayLike, mean: ArrayLike, variance: ArrayLike, link: Literal["identity", "log"] = "identity"
) -> Floats:
    r"""Return the negative log predictive density of the truth in its own unit, by row.

    Parameters
    ----------
    truth
        Measured values; positive with a log link.
    mean, variance
        Of the truth, or with ``link="log"`` of its logarithm; then the density of y carries the Jacobian 1 / y:
        :math:`-\log p(y) = -\log N(\log y; \mu, \sigma^2) + \log y`.
    link
        ``"identity"`` or ``"log"``.

    Raises
    ------
    ValueError
        If the link is unknown, or the truth is not positive under a log link.

    Examples
    --------
    >>> nlpd([1.0], 0.0, 1.0, link="log").round(6)  # log(2 pi) / 2
    array([0.918939])
    """
    if link not in ("identity", "log"):
        raise ValueError(f"link: found {link!r}, allowed are 'identity' and 'log'")
    value = np.asarray(truth, dtype=float)
    jacobian = np.zeros_like(value)
    if link == "log":
        if (value <= 0).any():
            raise ValueError(f"truth: a log link needs positive values, found {float(value.min())}")
        value = jacobian = np.log(value)
    value, mean, deviation = _gaussian(value, mean, variance)
    z = (value - mean) / deviation
    return np.asarray(0.5 * z**2 + np.log(deviation) + 0.5 * np.log(2 * np.pi) + jacobian)


def covered(truth: ArrayLike, mean: ArrayLike, variance: ArrayLike, level: float) -> Floats:
    """Return 1.0 where the truth lies in the central Gaussian band of probability ``level``, else 0.0.

    Examples
    --------
    >>> covered([0.0, 1.7], 0.0, 1.0, 0.9)
    array([1., 0.])
    """
    if not 0 < level < 1:
        raise ValueError(f"level: must lie inside (0, 1), found {level}")
    truth, mean, deviation = _gaussian(truth, mean, variance)
    return np.asarray(np.abs(truth - mean) <= ndtri(0.5 + level / 2) * deviation, dtype=float)


def pit(truth: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Floats:
    """Return the probability integral transform of the truth, uniform on (0, 1) for a calibrated Gaussian.

    Examples
    --------
    >>> pit([0.0], 0.0, 1.0)
    array([0.5])
    """
    truth, mean, deviation = _gaussian(truth, mean, variance)
    return np.asarray(ndtr((truth - mean) / deviation))


def pit_samples(truth: ArrayLike, samples: ArrayLike) -> Floats:
    """Return the PIT of the truth among samples (rows, m): the share below it, ties counted half."""
    truth, samples = np.asarray(truth, dtype=float), np.asarray(samples, dtype=float)
    _rows("samples", samples, truth)
    below, tied = samples < truth[..., None], samples == truth[..., None]
    return np.asarray(below.mean(axis=-1) + 0.5 * tied.mean(axis=-1))


def standard_error(loss: ArrayLike, clusters: Sequence[ArrayLike] = ()) -> float:
    r"""Return the standard error of the mean of a loss: cluster-robust by the labels given.

    Without labels rows count as independent. With one, :math:`\frac{G}{G-1} \sum_g (\sum_{i \in g} (l_i - \bar l))^2 /
    n^2` over G clusters. With two (station and time stamp), the sum of both variances less that of their intersection.

    Parameters
    ----------
    loss
        Shape (rows,).
    clusters
        At most two arrays of labels, each (rows,).

    Raises
    ------
    ValueError
        If there are more than two labels, or one has another length.

    Notes
    -----
    NaN where there are fewer than two clusters. A two-way estimate below the larger one-way variance is replaced by it.

    Examples
    --------
    >>> standard_error([0.0, 0.0, 2.0, 2.0], [[0, 0, 1, 1]])
    1.0
    """
    loss = np.asarray(loss, dtype=float)
    groups = reductions.clusters_of(clusters, len(loss))
    return float(reductions.means_and_errors(lambda rows: [loss[rows]], 1, len(loss), groups)[1][0])


def score(
    truth: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike | None = None,
    clusters: Sequence[ArrayLike] | Clusters = (),
) -> dict[str, Score]:
    """Return every score of Gaussian predictions by name; without a variance those of the mean alone.

    Losses are made and summed in chunks of rows.

    Parameters
    ----------
    truth, mean
        Shape (rows,), in the unit of the data, finite.
    variance
        Shape (rows,), squared unit, of a new measured value: noise included.
    clusters
        Labels that the standard errors respect, see `standard_error`; numbered ones from `reductions.clusters_of`.

    Raises
    ------
    ValueError
        If there are no rows, if shapes differ, if a number is not finite or a variance not positive.

    Examples
    --------
    >>> score([0.0, 2.0], [1.0, 1.0])["rmse"].value
    1.0
    """
    truth, mean = _finite("truth", truth), _finite("mean", mean)
    spread = np.ones_like(truth) if variance is None else _finite("variance", variance)
    for name, array in (("mean", mean), ("variance", spread)):
        if array.shape != truth.shape:
            raise ValueError(f"{name}: found shape {array.shape}, truth has {truth.shape}")
    metrics = [metric for metric in METRICS.values() if variance is not None or not metric.probabilistic]
    groups = clusters if isinstance(clusters, Clusters) else reductions.clusters_of(clusters, len(truth))

    def losses(rows: slice) -> list[Floats]:
        return [metric.loss(truth[rows], mean[rows], spread[rows]) for metric in metrics]

    values, errors = reductions.means_and_errors(losses, len(metrics), len(truth), groups)
    return {m.name: rooted(m, float(v), float(e)) for m, v, e in zip(metrics, values, errors, strict=True)}


def score_samples(truth: ArrayLike, samples: ArrayLike, clusters: Sequence[ArrayLike] = ()) -> dict[str, Score]:
    """Return the scores of predictions given as samples (rows, m): all but `nlpd`; `mae` is that of the median.

    Raises
    ------
    ValueError
        As `score`.
    """
    truth, samples = _finite("truth", truth), _finite("samples", samples)
    _rows("samples", samples, truth)
    mean, unit = samples.mean(axis=1), np.ones_like(truth)
    losses = {name: METRICS[name].loss(truth, mean, unit) for name in ("rmse", "bias")}
    losses |= {"mae": np.abs(truth - np.median(samples, axis=1)), "crps": crps_samples(truth, samples)}
    for level in LEVELS:
        low, high = np.quantile(samples, [0.5 - level / 200, 0.5 + level / 200], axis=1)
        losses[f"coverage{level}"] = ((low <= truth) & (truth <= high)).astype(float)
    return {name: _score(METRICS[name], losses[name], clusters) for name in METRICS if name in losses}


def _score(metric: Metric, loss: Floats, clusters: Sequence[ArrayLike]) -> Score:
    return rooted(metric, float(loss.mean()), standard_error(loss, clusters))


def rooted(metric: Metric, value: float, error: float) -> Score:
    """Return a score from the mean of its loss and that mean's standard error."""
    if not metric.root:
        return Score(value, error)
    root = float(np.sqrt(value))
    return Score(root, error / (2 * root) if root > 0 else 0.0)


def _gaussian(truth: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> tuple[Floats, Floats, Floats]:
    variance = np.asarray(variance, dtype=float)
    if not (variance > 0).all():
        raise ValueError(f"variance: must be positive, found {float(np.min(variance))}")
    return np.asarray(truth, dtype=float), np.asarray(mean, dtype=float), np.sqrt(variance)


def _finite(name: str, array: ArrayLike) -> Floats:
    array = np.asarray(array, dtype=float)
    if array.size == 0:
        raise ValueError(f"{name}: no rows; at least one is needed")
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name}: {count} of {array.size} numbers are not finite; score the rows whose truth is known")
    return array


def _rows(name: str, array: Floats, truth: Floats) -> None:
    if array.ndim != truth.ndim + 1 or array.shape[:-1] != truth.shape:
        raise ValueError(
            f"{name}: found shape {array.shape}, truth has {truth.shape}; one trailing dimension is needed"
        )


def _coverage(level: int) -> Metric:
    return Metric(
        f"coverage{level}",
        f"Share of the truth inside the central {level} % band; best at {level / 100}.",
        better=-1,
        unit="1",
        loss=lambda truth, mean, variance: covered(truth, mean, variance, level / 100),
        target=level / 100,
        probabilistic=True,
    )


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("rmse", "Root mean squared error.", -1, "data", lambda y, m, _: (y - m) ** 2, root=True),
            Metric("mae", "Mean absolute error.", -1, "data", lambda y, m, _: np.abs(y - m)),
            Metric("bias", "Mean of prediction less truth; best at 0.", -1, "data", lambda y, m, _: m - y, target=0.0),
            Metric("crps", "Continuous ranked probability score.", -1, "data", crps, probabilistic=True),
            Metric(
                "nlpd",
                "Negative log predictive density, nat, in the unit of the data.",
                -1,
                "1",
                nlpd,
                probabilistic=True,
            ),
            *(_coverage(level) for level in LEVELS),
        )
    }
)
