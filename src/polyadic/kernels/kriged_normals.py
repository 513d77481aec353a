r"""The normals of places: the mean and the season of each, kriged to places without a value.

.. math:: y(s, t) = \sum_j B_j(t)\, n_j(s) + \text{rest}, \quad B_0 = 1,

with given functions of time B (:mod:`polyadic.kernels.harmonics`) and coefficients n_j, each a Gaussian field with a
linear drift in place and covariates (:mod:`polyadic.kernels.drifting_field`): so the level falls with elevation, and
the height and date of summer change with it too. The coefficients of a place are pseudo-values

.. math:: \hat n_j = \frac{\sum_t B_j (y - \sum_{k \ne j} B_k n_k)}{\sum_t B_j^2}, \quad
          r_j = \frac{\sigma^2}{\sum_t B_j^2},

taken in turn, with the present posterior mean of the other coefficients: a place of one summer borrows its winter from
the field. The values should be freed of what single times bring, else a place of warm years gets too warm a normal.

References
----------
Willmott & Robeson (1995), *Int. J. Climatology* 15, 221-229 (climatologically aided interpolation).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from polyadic.kernels import drifting_field
from polyadic.kernels.drifting_field import DriftingField
from polyadic.kernels.place_columns import PlaceColumns
from polyadic.kernels.tucker_layout import distinct_rows

Array = NDArray[np.float64]
Moments = tuple[Array, Array]
_ROUNDS = 2


@dataclass(frozen=True)
class KrigedNormals:
    """Fitted normals.

    Attributes
    ----------
    places
        Which columns of the table tell a place, and the given functions.
    fields
        One field a function, by their order.
    mean, variance
        Posterior moments of the coefficients at the known places, (P, q).
    """

    places: PlaceColumns
    fields: tuple[DriftingField, ...]
    mean: Array
    variance: Array


@dataclass(frozen=True)
class _Sums:
    """Distinct places (P, columns), and for each B^T B (P, q, q), B^T y (P, q); noise variance of a row."""

    places: Array
    gram: Array
    shift: Array
    noise: float


def fit(X: Array, values: Array, places: PlaceColumns, seed: int = 0) -> KrigedNormals:
    """Return the normals of the places of a table.

    Parameters
    ----------
    X
        Table (n, columns).
    values
        Values freed of what single times bring, (n,).
    places
        Which columns tell a place, and the given functions.
    seed
        Seed of the search for hyperparameters.

    Notes
    -----
    One pass over the rows, O(n q^2); then q fields over the places, twice.

    Examples
    --------
    >>> X = np.stack([np.repeat(np.arange(20.0), 8), np.tile(np.arange(8.0), 20)], axis=1)
    >>> places = PlaceColumns((0,), ("line",), (), (1,), (np.array([4.0]),))
    >>> values = 10 + 0.4 * X[:, 0] + np.cos(np.pi * X[:, 1] / 2)
    >>> moments(fit(X, values, places), np.array([[9.5, 0.0], [9.5, 2.0]]))[0].round(1)
    array([14.8, 12.8])
    """
    sums = _sums(X, values, places)
    mean = _pooled(sums)
    search = drifting_field.search_of(seed)
    fields: list[DriftingField] = []
    for turn in range(_ROUNDS):
        for j in range(mean.shape[1]):
            pseudo, error = _pseudo(sums, mean, j)
            if turn == 0:
                fields.append(drifting_field.fit(sums.places, pseudo, places.kinds, error, search))
            else:
                fields[j] = drifting_field.given(fields[j], pseudo, error)
            mean[:, j] = drifting_field.smoothed(fields[j])[0]
    return _finished(places, fields)


def given(normals: KrigedNormals, X: Array, values: Array) -> KrigedNormals:
    """Return normals of the same hyperparameters given other rows."""
    sums = _sums(X, values, normals.places)
    mean, fields = _pooled(sums), list(normals.fields)
    for _ in range(_ROUNDS):
        for j in range(mean.shape[1]):
            fields[j] = drifting_field.given(fields[j], *_pseudo(sums, mean, j), sums.places)
            mean[:, j] = drifting_field.smoothed(fields[j])[0]
    return _finished(normals.places, fields)


def _finished(places: PlaceColumns, fields: list[DriftingField]) -> KrigedNormals:
    moments = [drifting_field.smoothed(field) for field in fields]
    mean, variance = (np.stack([moment[i] for moment in moments], axis=1) for i in range(2))
    return KrigedNormals(places, tuple(fields), mean, variance)


def _sums(X: Array, values: Array, places: PlaceColumns) -> _Sums:
    distinct, _, where = distinct_rows(X[:, places.columns])
    design, count = places.functions(X), len(distinct)
    q = design.shape[1]
    gram = np.empty((count, q, q))
    for j in range(q):
        for k in range(j + 1):
            gram[:, j, k] = gram[:, k, j] = np.bincount(where, design[:, j] * design[:, k], count)
    shift: Array = np.stack([np.bincount(where, column * values, count) for column in design.T], axis=1)
    # A little of the identity: places of few rows are solved by their least norm.
    own = np.linalg.solve(gram + 1e-3 * np.eye(q), shift[:, :, None])[:, :, 0]
    left = values - np.einsum("nq,nq->n", design, own[where])
    free = X.shape[0] - np.minimum(gram[:, 0, 0], q).sum()
    noise = float(left @ left / max(free, 1.0))
    return _Sums(distinct, gram, shift, max(noise, 1e-12 * float(np.var(values))))


def _pooled(sums: _Sums) -> Array:
    """Return the coefficients (P, q) of all rows pooled, the same at every place."""
    gram = sums.gram.sum(axis=0)
    found = np.linalg.solve(gram + 1e-9 * np.trace(gram) * np.eye(len(gram)), sums.shift.sum(axis=0))
    return np.tile(found, (len(sums.places), 1))


def _pseudo(sums: _Sums, mean: Array, j: int) -> tuple[Array, Array]:
    """Return the pseudo-value of coefficient j at each place and its error variance, both (P,)."""
    weight = np.maximum(sums.gram[:, j, j], 1e-6)
    rest = np.einsum("pk,pk->p", sums.gram[:, j], mean) - sums.gram[:, j, j] * mean[:, j]
    return (sums.shift[:, j] - rest) / weight, sums.noise / weight


def moments(normals: KrigedNormals, X: Array) -> Moments:
    """Return mean and variance (n,) of the normal at rows, at known places and at new ones."""
    places, known, where = _located(normals, X)
    mean, variance = np.empty((len(places), normals.mean.shape[1])), np.empty((len(places), normals.mean.shape[1]))
    old = known >= 0
    mean[old], variance[old] = normals.mean[known[old]], normals.variance[known[old]]
    if not old.all():
        for j, field in enumerate(normals.fields):
            mean[~old, j], variance[~old, j] = drifting_field.predict(field, places[~old])
    design = normals.places.functions(X)
    return np.einsum("nq,nq->n", design, mean[where]), np.einsum("nq,nq->n", design**2, variance[where])


def of_others(normals: KrigedNormals, X: Array) -> Moments:
    """Return mean and variance (n,) of the normal at rows of known places, as if theirs had no values."""
    _, known, where = _located(normals, X)
    parts = [drifting_field.of_others(field) for field in normals.fields]
    mean, variance = (np.stack([part[i] for part in parts], axis=1)[known[where]] for i in range(2))
    design = normals.places.functions(X)
    return np.einsum("nq,nq->n", design, mean), np.einsum("nq,nq->n", design**2, variance)


def own(X: Array, values: Array, places: PlaceColumns) -> Array:
    """Return the normal (n,) of each row from the rows of its place alone, as if two rows of value zero were added."""
    sums = _sums(X, values, places)
    found = np.linalg.solve(sums.gram + 2.0 * np.eye(sums.gram.shape[1]), sums.shift[:, :, None])[:, :, 0]
    return np.asarray(np.einsum("nq,nq->n", places.functions(X), found[places.labels(X)[0]]))


def is_new(normals: KrigedNormals, X: Array) -> NDArray[np.bool_]:
    """Return which rows (n,) are at a place without a value."""
    _, known, where = _located(normals, X)
    return np.asarray((known < 0)[where])


def sample(normals: KrigedNormals, X: Array, draws: int, seed: int) -> Array:
    """Return joint draws (draws, n) of the normal at rows; known places vary independently."""
    places, known, where = _located(normals, X)
    old, design = known >= 0, normals.places.functions(X)
    rng = np.random.default_rng([seed, 6])
    out = np.zeros((draws, X.shape[0]))
    for j, field in enumerate(normals.fields):
        drawn = np.empty((draws, len(places)))
        spread = np.sqrt(normals.variance[known[old], j])
        drawn[:, old] = normals.mean[known[old], j] + spread * rng.standard_normal((draws, int(old.sum())))
        if not old.all():
            drawn[:, ~old] = drifting_field.sample(field, places[~old], draws, seed + j)
        out += design[:, j] * drawn[:, where]
    return out


def _located(normals: KrigedNormals, X: Array) -> tuple[Array, NDArray[np.int64], NDArray[np.int32]]:
    """Return distinct places of rows, the known place of each (-1: new), and for every row its place among them."""
    places, _, where = distinct_rows(X[:, normals.places.columns])
    known = normals.fields[0].process.coordinates
    _, _, label = distinct_rows(np.concatenate([known, places]))
    number = np.full(label.max(initial=-1) + 1, -1)
    number[label[: len(known)]] = np.arange(len(known))
    return places, number[label[len(known) :]], where
