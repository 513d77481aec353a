r"""Gaussian processes over scattered points (places on the Earth, points of a plane or of any space), by dense algebra.

Each of ``R`` functions has the prior covariance

.. math:: K_r = s_r^2 M(\rho / l_r) + \sum_c b_{rc}^2 z_c z_c^T + n_r^2 I,

a Matern of the distance, a linear term in each covariate that is constant per point (elevation: every function then has
its own elevation trend), and a nugget per point (station effects). With the pseudo-observations
:math:`\exp(-\tfrac12 u_d^T \Lambda_d u_d + h_d^T u_d)`, :math:`\Lambda_d = L_d L_d^T`, all rests on one Cholesky factor
of :math:`B = I + L^T K L`: :math:`N = L B^{-1} L^T`, covariance :math:`K - K N K`, mean :math:`K \alpha`,
:math:`\alpha = h - \Lambda m`; no prior covariance is inverted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

Array = NDArray[np.float64]
EARTH_RADIUS = 6371.0088
_ORDERS = {"matern12": 0, "matern32": 1, "matern52": 2, "independent": -1}


@dataclass(frozen=True)
class Points:
    """The points of a mode and the form of its prior.

    Attributes
    ----------
    kernel
        ``"matern12"``, ``"matern32"``, ``"matern52"``, or ``"independent"`` (no Matern part that two points share).
    geometry
        ``"sphere"``: columns are latitude and longitude in degrees, distances are chords in km, which keep every Matern
        positive definite and are within 0.1 % of great circles below 900 km; ``"plane"``: Euclidean.
    coordinates
        Shape (D, columns).
    covariates
        Shape (D, q), in their own units.
    centre, scale
        Subtracted from and divided into the covariates, shape (q,) each.
    """

    kernel: str
    geometry: str
    coordinates: Array
    covariates: Array
    centre: Array
    scale: Array


@dataclass(frozen=True)
class DensePosterior:
    """The posterior of ``R`` functions over points: arrays, from which predictions follow.

    Attributes
    ----------
    points
        The :class:`Points`.
    log_parameters
        Logarithms of variance, length, one variance a covariate, nugget variance; shape (R, 3 + q).
    group
        The block of every function, shape (R,): functions of different blocks are independent in the posterior.
    weight
        ``alpha``, shape (D, R).
    reduction
        ``N`` of each block, shape (R, D, B, D): the third axis counts the functions of the block of the first, of
        which there are at most B. Files of older versions have the shape (R, D, R, D), zero between blocks.
    """

    points: Points
    log_parameters: Array
    group: NDArray[np.int64]
    weight: Array
    reduction: Array

    def between(self, r: int, s: int) -> Array:
        """Return ``N`` (D, D) of two functions of one block."""
        first = int(np.argmax(self.group == self.group[r])) if self.reduction.shape[2] < self.group.size else 0
        return self.reduction[r, :, s - first, :]


def parameter_names(points: Points) -> tuple[str, ...]:
    """Return the hyperparameter names: ``variance``, ``length``, ``covariate_1_variance`` ..., ``nugget_variance``."""
    linear = tuple(f"covariate_{c}_variance" for c in range(1, points.covariates.shape[1] + 1))
    return ("variance", "length", *linear, "nugget_variance")


def points_of(kernel: str, geometry: str, coordinates: Array, covariates: Array) -> Points:
    """Return the points of a mode with covariates centred and scaled over them.

    Parameters
    ----------
    kernel, geometry
        See :class:`Points`.
    coordinates
        Shape (D, columns).
    covariates
        Shape (D, q); q may be 0.

    Returns
    -------
    the :class:`Points`.

    Raises
    ------
    ValueError
        If the kernel or the geometry is not known, or a sphere does not have two columns of degrees.

    Examples
    --------
    >>> points_of("matern32", "sphere", np.array([[40.0, -105.0]]), np.zeros((1, 0))).geometry
    'sphere'
    """
    if kernel not in _ORDERS:
        raise ValueError(f"kernel {kernel!r} of a mode of points: allowed are {', '.join(_ORDERS)}")
    if geometry not in ("sphere", "plane"):
        raise ValueError(f"geometry {geometry!r}: allowed are sphere, plane")
    if geometry == "sphere" and (coordinates.shape[1] != 2 or np.abs(coordinates[:, 0]).max() > 90):
        raise ValueError(
            "a 'sphere' mode takes two columns, latitude (-90 to 90) and longitude in degrees; "
            f"got {coordinates.shape[1]} columns, the first from {coordinates[:, 0].min()} to {coordinates[:, 0].max()}"
        )
    scale = covariates.std(axis=0)
    return Points(kernel, geometry, coordinates, covariates, covariates.mean(axis=0), np.where(scale > 0, scale, 1.0))


def distances(geometry: str, left: Array, right: Array) -> Array:
    """Return distances between two sets of points, shape (left, right): km on the sphere (chords), else Euclidean.

    Examples
    --------
    >>> distances("sphere", np.array([[0.0, 0.0]]), np.array([[0.0, 1.0]])).round(2)
    array([[111.19]])
    """
    left, right = embed(geometry, left), embed(geometry, right)
    square = np.zeros((left.shape[0], right.shape[0]))
    for column in range(left.shape[1]):
        square += (left[:, column, None] - right[:, column]) ** 2
    return np.sqrt(square)


def embed(geometry: str, coordinates: Array) -> Array:
    """Return points (n, dimensions) whose Euclidean distances are those of the geometry: three columns for a sphere.

    Examples
    --------
    >>> embed("sphere", np.array([[90.0, 0.0]])).round(1)
    array([[   0.,    0., 6371.]])
    """
    if geometry != "sphere":
        return coordinates
    latitude, longitude = np.deg2rad(coordinates).T
    across = np.cos(latitude)
    return EARTH_RADIUS * np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=1)


def matern(kernel: str, distance: Array, length: float) -> tuple[Array, Array]:
    """Return the unit-variance Matern correlation and its derivative by the logarithm of the length.

    Examples
    --------
    >>> matern("matern12", np.array([1.0]), 1.0)[0].round(4)
    array([0.3679])
    """
    order = _ORDERS[kernel]
    if order < 0:
        same = (distance == 0).astype(np.float64)
        return same, np.zeros_like(same)
    x = np.sqrt(2 * order + 1) / length * distance
    decay = np.exp(-x)
    if order == 0:
        return decay, x * decay
    if order == 1:
        return (1 + x) * decay, x**2 * decay
    return (1 + x + x**2 / 3) * decay, x**2 * (1 + x) / 3 * decay


def prior_covariance(log_parameters: Array, points: Points, distance: Array) -> tuple[Array, list[Array]]:
    """Return the prior covariance of one function over its points and its derivative by every logarithmic parameter.

    Parameters
    ----------
    log_parameters
        Shape (3 + q,), see :class:`DensePosterior`.
    points, distance
        The points and their distances (D, D).

    Returns
    -------
    covariance (D, D), and 3 + q matrices of that shape.

    Examples
    --------
    >>> points = points_of("matern12", "plane", np.array([[0.0], [1.0]]), np.zeros((2, 0)))
    >>> prior_covariance(np.zeros(3), points, distances("plane", points.coordinates, points.coordinates))[0].round(3)
    array([[2.   , 0.368],
           [0.368, 2.   ]])
    """
    values = np.exp(log_parameters)
    shape, slope = matern(points.kernel, distance, values[1])
    z = (points.covariates - points.centre) / points.scale
    parts = [values[0] * shape, values[0] * slope]
    parts += [b * np.outer(column, column) for b, column in zip(values[2:-1], z.T, strict=True)]
    parts.append(values[-1] * np.eye(z.shape[0]))
    return parts[0] + sum(parts[2:]), parts


@dataclass(frozen=True)
class DenseSolution:
    """What :func:`solve` finds.

    Attributes
    ----------
    mean, covariance
        Marginal moments, (D, G) and (D, G, G).
    weight, reduction
        ``alpha`` (D, G) and ``N`` (G, D, G, D).
    evidence
        log Z.
    """

    mean: Array
    covariance: Array
    weight: Array
    reduction: Array
    evidence: float


def solve(
    log_parameters: Array, points: Points, distance: Array, precision: Array, shift: Array
) -> tuple[DenseSolution, Array]:
    """Return the exact joint posterior of ``G`` functions over the points, and the gradient of the log evidence.

    Parameters
    ----------
    log_parameters
        Shape (G, 3 + q).
    points, distance
        The points and their distances (D, D).
    precision, shift
        Pseudo-observations, shapes (D, G, G) and (D, G).

    Returns
    -------
    the :class:`DenseSolution` and the gradient by ``log_parameters``.

    Notes
    -----
    O((G D)^3) time, O((G D)^2) memory.

    Examples
    --------
    >>> points = points_of("matern12", "plane", np.array([[0.0]]), np.zeros((1, 0)))
    >>> found, _ = solve(np.zeros((1, 3)), points, np.zeros((1, 1)), np.ones((1, 1, 1)), np.ones((1, 1)))
    >>> found.mean.round(4)
    array([[0.6667]])
    """
    D, G = shift.shape
    priors = [prior_covariance(row, points, distance) for row in log_parameters]
    root = _roots(precision)
    B = np.zeros((G, D, G, D))
    for r in range(G):
        for s in range(r + 1):
            block = sum(root[:, q, r, None] * priors[q][0] * root[None, :, q, s] for q in range(r, G))
            B[r, :, s, :] = block
            if r == s:
                B[r, :, r, :] += np.eye(D)
    factor, info = lapack.dpotrf(B.reshape(G * D, G * D).T, lower=0, overwrite_a=1)
    if info:
        raise np.linalg.LinAlgError("pseudo-observation matrix is not positive definite")
    inverse = lapack.dpotri(factor, lower=0)[0]
    inverse = np.triu(inverse) + np.triu(inverse, 1).T
    N = _sandwich(root, inverse.reshape(G, D, G, D))
    whitened = _whiten(root, shift)
    weight = np.einsum("drs,sd->dr", root, (inverse @ whitened.T.ravel()).reshape(G, D))
    kernels = [prior[0] for prior in priors]
    mean = np.stack([kernel @ weight[:, r] for r, kernel in enumerate(kernels)], axis=1)
    covariance = _marginals(root, inverse.reshape(G, D, G, D), kernels, N)
    evidence = float((shift * mean).sum() / 2 - np.log(np.diag(factor)).sum())
    gradient = np.array(
        [
            [(weight[:, r] @ part @ weight[:, r] - (N[r, :, r, :] * part).sum()) / 2 for part in priors[r][1]]
            for r in range(G)
        ]
    )
    return DenseSolution(mean, covariance, weight, N, evidence), gradient


def _whiten(root: Array, shift: Array) -> Array:
    """Return z (D, G) with L z = shift for each point; components that L does not reach are zero."""
    z = np.zeros_like(shift)
    for j in range(shift.shape[1]):
        pivot = root[:, j, j]
        rest = shift[:, j] - (root[:, j, :j] * z[:, :j]).sum(axis=1)
        z[:, j] = np.where(pivot > 0, rest / np.where(pivot > 0, pivot, 1.0), 0.0)
    return z


def _marginals(root: Array, inverse: Array, kernels: list[Array], N: Array) -> Array:
    """Return the posterior covariance at each point, free of cancellation where the message is well conditioned.

    There it is L^-T (I - B^-1) L^-1; at points whose message is nearly singular, K - K N K row by row.
    """
    D, G = root.shape[:2]
    pivots = np.einsum("drr->dr", root) ** 2
    good = pivots.min(axis=1) > 1e-8 * np.einsum("drs->d", root**2)
    covariance = np.empty((D, G, G))
    inside = np.eye(G) - np.einsum("rdsd->drs", inverse)[good]
    half = np.linalg.solve(root[good].transpose(0, 2, 1), inside)
    covariance[good] = np.linalg.solve(root[good].transpose(0, 2, 1), half.transpose(0, 2, 1))
    poor = np.flatnonzero(~good)
    for r in range(G):
        for s in range(G):
            lifted = kernels[r][poor] @ N[r, :, s, :]
            covariance[poor, r, s] = (r == s) * np.diag(kernels[r])[poor] - (lifted * kernels[s][poor]).sum(axis=1)
    return (covariance + covariance.transpose(0, 2, 1)) / 2


def _roots(precision: Array) -> Array:
    """Return lower triangular L (D, G, G) with L L^T = precision; vanishing pivots give vanishing columns."""
    G = precision.shape[1]
    root = np.zeros_like(precision)
    for j in range(G):
        pivot = precision[:, j, j] - (root[:, j, :j] ** 2).sum(axis=1)
        keep = pivot > 1e-14 * precision[:, j, j]
        root[keep, j, j] = np.sqrt(pivot[keep])
        for i in range(j + 1, G):
            value = precision[:, i, j] - (root[:, i, :j] * root[:, j, :j]).sum(axis=1)
            root[keep, i, j] = value[keep] / root[keep, j, j]
    return root


def _sandwich(root: Array, inverse: Array) -> Array:
    """Return L inverse L^T with L block diagonal by point, arrays ordered (function, point, function, point)."""
    G = root.shape[1]
    half = np.empty_like(inverse)
    out = np.empty_like(inverse)
    for r in range(G):
        half[r] = sum(root[:, r, q, None, None] * inverse[q] for q in range(r + 1))
    for s in range(G):
        out[:, :, s, :] = sum(root[None, None, :, s, q] * half[:, :, q, :] for q in range(s + 1))
    return out
