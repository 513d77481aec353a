"""Scores of predictions by the distributions they state: mixtures of normals behind a link, in the data's own units."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from polyadic.evaluation import reductions, scores
from polyadic.evaluation.reductions import Clusters
from polyadic.evaluation.scores import LEVELS, METRICS, Floats, Score
from polyadic.kernels import scale_mixture
from polyadic.kernels.scale_mixture import Mixture
from polyadic.kinds.predictions import Columns


def mixture(said: Columns, rows: slice = slice(None)) -> Mixture:
    """Return the distributions of some rows."""
    return scale_mixture.of_median(*said.components(rows))


def score(truth: ArrayLike, said: Columns, clusters: Clusters) -> dict[str, Score]:
    """Return every score of predictions by name, with standard errors; see `scores.score` for normal ones.

    `rmse` and `bias` are those of the mean, `mae` that of the median, which it is least at. Coverage asks whether the
    probability of a value below the truth lies in the middle; `nlpd` counts the Jacobian of the link.

    Parameters
    ----------
    truth
        Shape (rows,), finite; positive under a log link.
    said
        Predictions at these rows.
    clusters
        From `reductions.clusters_of`.

    Raises
    ------
    ValueError
        As `scores.score`; if a truth is not positive under a log link.

    Notes
    -----
    Losses are made and summed in chunks of rows.

    Examples
    --------
    >>> from polyadic.kinds.predictions import Shapes
    >>> shapes = Shapes(np.ones((1, 1)), np.ones((1, 1)), np.zeros(1, int), "log", np.ones(1), np.ones(1))
    >>> said = Columns(np.array([1.6]), np.array([4.7]), shapes)
    >>> score([1.0], said, reductions.clusters_of([], 1))["mae"].value
    0.0
    """
    if said.shapes is None:
        return scores.score(truth, said.mean, said.variance, clusters)
    values = np.asarray(truth, dtype=float)
    if values.size == 0 or not np.isfinite(values).all() or not np.isfinite(said.mean).all():
        raise ValueError(f"truth and mean: all of {values.size} numbers must be finite, and at least one is needed")

    def losses(rows: slice) -> list[Floats]:
        return _losses(values[rows], said.mean[rows], mixture(said, rows))

    found, errors = reductions.means_and_errors(losses, len(METRICS), values.size, clusters)
    return {
        name: scores.rooted(metric, float(value), float(error))
        for (name, metric), value, error in zip(METRICS.items(), found, errors, strict=True)
    }


def _losses(truth: Floats, mean: Floats, said: Mixture) -> list[Floats]:
    """Return the losses in the order of `METRICS`."""
    off = np.abs(scale_mixture.probability(said, truth) - 0.5)
    inside = [np.asarray(off <= level / 200, dtype=float) for level in LEVELS]
    median, density = scale_mixture.median(said), scale_mixture.log_density(said, truth)
    return [
        (truth - mean) ** 2,
        np.abs(truth - median),
        mean - truth,
        scale_mixture.crps(said, truth),
        -density,
        *inside,
    ]
