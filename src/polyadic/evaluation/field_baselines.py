"""Simple predictions of fields from fields: strong enough to shame an operator that has learned nothing.

Each takes inputs and outputs by split, (sample, channel, axes ...), learns from train, chooses on validation, and
returns outputs for the test samples.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.float32]]
Matrix = NDArray[np.float64]

_SHARES = (0.5, 0.9, 0.99, 0.999)  # of the variance that principal components of inputs hold
_RIDGES = (1e-6, 1e-4, 1e-2, 1.0)  # relative to the mean square of a feature
_PRODUCTS = 24  # components whose products are features


def mean(x: Arrays, y: Arrays) -> NDArray[np.float32]:
    """Return the mean of the training outputs for every sample."""
    centre = y["train"].mean(axis=0, dtype=np.float64)
    return np.broadcast_to(centre, (len(x["test"]), *centre.shape)).astype(np.float32)


def persistence(x: Arrays, y: Arrays) -> NDArray[np.float32] | None:
    """Return the inputs by one line fitted to the training samples, or None where the channels differ."""
    if x["train"].shape[1:] != y["train"].shape[1:]:
        return None
    slope, level = np.polyfit(x["train"].ravel().astype(float), y["train"].ravel().astype(float), 1)
    return np.asarray(slope * x["test"] + level, np.float32)


def linear(x: Arrays, y: Arrays) -> NDArray[np.float32]:
    """Return ridge regression on principal components of the inputs; share and ridge are chosen on validation."""
    return _best(x, y, products=False)


def quadratic(x: Arrays, y: Arrays) -> NDArray[np.float32]:
    """Return ridge regression on principal components and the products of the first of them."""
    return _best(x, y, products=True)


def _best(x: Arrays, y: Arrays, products: bool) -> NDArray[np.float32]:
    flat = {use: values.reshape(len(values), -1).astype(np.float64) for use, values in x.items()}
    centre = flat["train"].mean(axis=0)
    _, strength, components = np.linalg.svd(flat["train"] - centre, full_matrices=False)
    scores = {use: (values - centre) @ components.T for use, values in flat.items()}
    target = y["train"].reshape(len(y["train"]), -1).astype(np.float64)
    level = target.mean(axis=0)
    judged = "validation" if len(x["validation"]) else "train"
    truth = y[judged].reshape(len(y[judged]), -1)
    best: tuple[float, NDArray[np.float64]] | None = None
    for share in _SHARES:
        kept = 1 + int(np.searchsorted(np.cumsum(strength**2) / max((strength**2).sum(), 1e-300), share))
        features = {use: _features(values[:, :kept], products) for use, values in scores.items()}
        for ridge in _RIDGES:
            weights = _ridge(features["train"], target - level, ridge)
            error = float(np.square(features[judged] @ weights + level - truth).mean())
            if best is None or error < best[0]:
                best = (error, features["test"] @ weights + level)
    found = best[1] if best is not None else np.zeros((len(x["test"]), level.size))
    return found.reshape(-1, *y["test"].shape[1:]).astype(np.float32)


def _features(scores: Matrix, products: bool) -> Matrix:
    if not products:
        return scores
    first = scores[:, :_PRODUCTS]
    rows, columns = np.triu_indices(first.shape[1])
    return np.concatenate([scores, first[:, rows] * first[:, columns]], axis=1)


def _ridge(features: Matrix, target: Matrix, ridge: float) -> Matrix:
    """Return regularised least squares, of the smaller of the two normal systems; features share one scale each."""
    scale = np.sqrt(np.square(features).mean(axis=0)) + 1e-300
    scaled = features / scale
    rows, columns = scaled.shape
    if columns <= rows:
        solution = np.linalg.solve(scaled.T @ scaled + ridge * rows * np.eye(columns), scaled.T @ target)
    else:
        solution = scaled.T @ np.linalg.solve(scaled @ scaled.T + ridge * rows * np.eye(rows), target)
    return np.asarray(solution / scale[:, None])
