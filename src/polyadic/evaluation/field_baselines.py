"""Simple predictions of fields from fields: strong enough to shame an operator that has learned nothing.

Each takes inputs and outputs by split, (sample, channel, axes ...), learns from train, chooses on validation, and
returns outputs for the test samples with the count of the numbers that it learned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.float32]]
Matrix = NDArray[np.float64]


class Found(NamedTuple):
    """Outputs for the test samples, and how many numbers a baseline learned for them."""

    values: NDArray[np.float32]
    parameters: int


_SHARES = (0.5, 0.9, 0.99, 0.999)  # of the variance that principal components of inputs hold
_RIDGES = (1e-6, 1e-4, 1e-2, 1.0)  # relative to the mean square of a feature
_PRODUCTS = 24  # components whose products are features


def mean(x: Arrays, y: Arrays) -> Found:
    """Return the mean of the training outputs for every sample."""
    centre = y["train"].mean(axis=0, dtype=np.float64)
    return Found(np.broadcast_to(centre, (len(x["test"]), *centre.shape)).astype(np.float32), centre.size)


def persistence(x: Arrays, y: Arrays) -> Found | None:
    """Return the inputs by one line fitted to the training samples, or None where the channels differ."""
    if x["train"].shape[1:] != y["train"].shape[1:]:
        return None
    slope, level = np.polyfit(x["train"].ravel().astype(float), y["train"].ravel().astype(float), 1)
    return Found(np.asarray(slope * x["test"] + level, np.float32), 2)


def linear(x: Arrays, y: Arrays) -> Found:
    """Return ridge regression on principal components of the inputs; share and ridge are chosen on validation."""
    found = fitted(x, y)
    return Found(found(x["test"]), found.parameters)


def quadratic(x: Arrays, y: Arrays) -> Found:
    """Return ridge regression on principal components and the products of the first of them."""
    found = fitted(x, y, products=True)
    return Found(found(x["test"]), found.parameters)


@dataclass(frozen=True)
class Regression:
    """A map of principal components of the inputs, and of their products where there are any, to the outputs.

    Attributes
    ----------
    centre, components
        Mean of the inputs (values) and the components that are kept, (components, values).
    weights, level
        (features, output values) and the mean of the outputs.
    products
        Whether products of components are features.
    shape
        (channel, axes ...) of an output.
    """

    centre: Matrix
    components: Matrix
    weights: Matrix
    level: Matrix
    products: bool
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Numbers that were learned."""
        return sum(part.size for part in (self.centre, self.components, self.weights, self.level))

    def __call__(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the outputs of some inputs (sample, channel, axes ...)."""
        rows = (inputs.reshape(len(inputs), -1).astype(np.float64) - self.centre) @ self.components.T
        found = np.broadcast_to(self.level, (len(rows), self.level.size))
        if len(self.components):
            found = _features(rows, self.products) @ self.weights + self.level
        return np.asarray(found.reshape(-1, *self.shape), np.float32)


def fitted(x: Arrays, y: Arrays, *, products: bool = False) -> Regression:
    """Return the map of :func:`linear`, or with products of :func:`quadratic`, for any inputs."""
    flat = {use: values.reshape(len(values), -1).astype(np.float64) for use, values in x.items() if use != "test"}
    centre = flat["train"].mean(axis=0)
    _, strength, components = np.linalg.svd(flat["train"] - centre, full_matrices=False)
    scores = {use: (values - centre) @ components.T for use, values in flat.items()}
    target = y["train"].reshape(len(y["train"]), -1).astype(np.float64)
    level = target.mean(axis=0)
    judged = "validation" if len(x["validation"]) else "train"
    truth = y[judged].reshape(len(y[judged]), -1)
    best, kept, weights = np.inf, 0, np.zeros((0, level.size))
    for share in _SHARES:
        count = 1 + int(np.searchsorted(np.cumsum(strength**2) / max((strength**2).sum(), 1e-300), share))
        features = {use: _features(values[:, :count], products) for use, values in scores.items()}
        for ridge in _RIDGES:
            found = _ridge(features["train"], target - level, ridge)
            error = float(np.square(features[judged] @ found + level - truth).mean())
            if error < best:
                best, kept, weights = error, count, found

    return Regression(centre, components[:kept], weights, level, products, y["train"].shape[1:])


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
