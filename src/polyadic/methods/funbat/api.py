"""The array-level door to the method: a scikit-learn regressor."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from polyadic.core.parallel import one_thread_each
from polyadic.kernels import local_tucker, mode_process, tucker_layout, tucker_model
from polyadic.kernels.inducing_process import INDUCING
from polyadic.kernels.local_tucker import LocalTucker
from polyadic.kernels.scale_mixture import Mixture
from polyadic.kernels.tucker_model import FitSettings
from polyadic.methods.funbat.averages import Averages, averages

__all__ = ["Averages", "FunctionalTucker", "averages"]

Array = NDArray[np.float64]


class FunctionalTucker(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Regression of scattered values on continuous indexes by a Bayesian Tucker model with Gaussian-process factors.

    Parameters
    ----------
    rank
        Functions of every mode, one number a mode, or ``"auto"``: 16 for two modes, 3 for three, 2 for more.
        Useless functions are pruned, see ``relevance_``.
    kernels
        ``"auto"`` for every mode or one name a mode: ``"auto"`` (one of the next three, by the bound), ``"matern12"``,
        ``"matern32"``, ``"matern52"``, ``"periodic(12)"`` (the period in units of the column),
        ``"periodic(12)*matern32"``, ``"independent"`` (levels), sums such as ``"matern32+periodic(12)"``, seasons as
        given functions ``"auto+harmonics(12,3)"``; for modes of several columns ``"sphere"`` (latitude, longitude in
        degrees; lengths in km) or ``"plane"`` (columns in one unit), each with a Matern name after a space if not
        ``auto``.
    link
        ``"identity"``, ``"log"`` (y > 0) or ``"cube_root"`` (amounts that are skewed to the right): the model is
        additive, and Gaussian, in the linked values.
    noise
        ``"gaussian"`` or ``"student"``.
    residual
        ``"auto"``: a local Gaussian process beside the Tucker model if it predicts withheld training rows clearly
        better; ``"none"``; ``"local"``. With Student-t noise, which the process lacks, ``"auto"`` is ``"none"``.
    seed
        Seed of the start of modes without geometry.
    modes
        Columns of each mode; None: every column that is no covariate is a mode. Separate latitude and longitude modes
        depend on the axes; ``((0, 1), (2,))`` with ``"sphere"`` does not.
    covariates
        Columns that are covariates: one that is constant per index of a mode whose indexes repeat (elevation of a
        place) gives each of that mode's functions its own linear trend; others are a linear drift.
    core
        ``"tucker"``, ``"cp"``, or ``"auto"``: Tucker up to 4,096 core entries.
    max_iterations
        Most sweeps.
    tolerance
        Stop when a sweep gains less than this many nats per value.
    inducing
        Places that stand for all in a mode of more than 3,000 of them.

    Attributes
    ----------
    model_
        The fitted :class:`polyadic.kernels.tucker_model.TuckerModel`: arrays, numbers and names alone.
    combined_
        The :class:`polyadic.kernels.local_tucker.LocalTucker` that predicts: ``model_`` and the local process, if any.
    converged_, n_iter_, bound_
        Whether the bound settled, the sweeps, and the evidence lower bound after each.
    noise_scale_
        Standard deviation (Student-t: scale) of the noise, in units of (linked) y.
    relevance_
        For each mode the strength of every function relative to the strongest.
    hyperparameters_
        For each mode a mapping from name to one value a function: lengths in units of the columns (km on the sphere);
        variances of functions that the core scales.

    Notes
    -----
    A fit costs sweeps times N times the product of the other modes' R (R + 1) / 2. Fang et al., arXiv 2311.04829, with
    learned hyperparameters, main effects, exact prediction between indexes, and a monotone bound.

    A mode of D places costs O(D^3) for a sweep up to 3,000 places. Beyond, M ``inducing`` places stand for them, at
    O(M^2 D) for each function, evaluation of the evidence and sweep. What varies on less than their distance is known
    at measured places alone, place by place, and is part of the standard error elsewhere. The local process
    sees it too.

    BLAS runs one thread within every method, as within a stage: equal input gives equal bits however many threads there
    are, and small products of matrices are not slowed by them.

    The bound has local optima: a function that carries little can be pruned from the start. Empty slots of a Tucker
    core are therefore filled again from what the fit leaves, as long as the bound rises.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(0, 1, (400, 2))
    >>> y = np.sin(6 * X[:, 0]) * np.cos(4 * X[:, 1]) + 0.01 * rng.normal(size=400)
    >>> bool(FunctionalTucker(rank=1).fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.99)
    True
    """

    def __init__(
        self,
        rank: int | str | Sequence[int] = 3,
        kernels: str | Sequence[str] = "auto",
        link: str = "identity",
        noise: str = "gaussian",
        residual: str = "auto",
        seed: int = 0,
        modes: Sequence[Sequence[int]] | None = None,
        covariates: Sequence[int] = (),
        core: str = "auto",
        max_iterations: int = 60,
        tolerance: float = 1e-3,
        inducing: int = INDUCING,
    ) -> None:
        self.rank = rank
        self.kernels = kernels
        self.link = link
        self.noise = noise
        self.residual = residual
        self.seed = seed
        self.modes = modes
        self.covariates = covariates
        self.core = core
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.inducing = inducing

    @one_thread_each()
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            Continuous indexes and covariates, shape (n, columns).
        y
            Values, shape (n,).
        groups
            Labels (n,) of rows that belong together, such as stations or blocks of time, where predictions are wanted
            for new such groups: bands and shares are then learned from whole groups withheld, else from single rows.

        Raises
        ------
        ValueError
            If a setting is not allowed, X or y are not finite, a log link meets values <= 0, or groups are of another
            length.
        """
        table, values = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        modes = None if self.modes is None else tuple(tuple(mode) for mode in self.modes)
        kernels = self.kernels if isinstance(self.kernels, str) else tuple(self.kernels)
        rank = self.rank if isinstance(self.rank, int | str | np.integer) else tuple(self.rank)
        layout = tucker_layout.layout_of(table, modes, tuple(self.covariates), kernels, rank)
        if self.inducing < 1:
            raise ValueError(f"inducing={self.inducing}: accepted is a number of places from 1")
        settings = FitSettings(
            self.core, self.link, self.noise, self.seed, self.max_iterations, self.tolerance, self.inducing
        )
        labels = None if groups is None else np.asarray(groups)
        return self._take(local_tucker.fit(table, values, layout, settings, self.residual, labels))

    def _take(self, combined: LocalTucker) -> Self:
        self.combined_, model = combined, combined.tucker
        posterior = model.posterior
        self.model_ = model
        self.bound_, self.converged_, self.n_iter_ = posterior.bound, posterior.converged, posterior.bound.size
        self.noise_scale_ = local_tucker.noise_variance(combined) ** 0.5
        self.relevance_ = tucker_model.relevances(model)
        self.hyperparameters_ = tuple(
            dict(zip(mode_process.state_names(state), np.exp(state.log_parameters.T), strict=True))
            for state in posterior.modes
        )
        return self

    def _check(self, X: ArrayLike) -> Array:
        check_is_fitted(self, "model_")
        return np.asarray(validate_data(self, X, dtype=np.float64, reset=False))

    @one_thread_each()
    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Return the mean of a new y (n,), with ``return_std`` also its standard deviation (n,).

        With a link and Student-t noise, whose moments need not exist, the median and half the central 68 % interval.
        """
        table = self._check(X)
        mean, deviation = local_tucker.predictive_mean(self.combined_, table)
        return (mean, deviation) if return_std else mean

    @one_thread_each()
    def predict_quantiles(self, X: ArrayLike, q: ArrayLike) -> Array:
        """Return quantiles of a new y, shape (n, len(q)), for levels q strictly between 0 and 1."""
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"q={levels.tolist()}: levels must lie strictly between 0 and 1")
        table = self._check(X)
        return local_tucker.predictive_quantiles(self.combined_, table, levels)

    @one_thread_each()
    def predictive(self, X: ArrayLike) -> Mixture:
        """Return the distributions of new y at the rows of X: normal mixtures on the linked scale.

        :mod:`polyadic.kernels.scale_mixture` gives their density, probabilities, quantiles and CRPS in units of y.
        """
        return local_tucker.predictive(self.combined_, self._check(X))

    @one_thread_each()
    def sample(self, X: ArrayLike, n: int = 1, seed: int = 0) -> Array:
        """Return ``n`` joint posterior draws of the noise-free field at the rows of X, shape (n, rows)."""
        table = self._check(X)
        return local_tucker.draws(self.combined_, table, n, seed)

    @one_thread_each()
    def log_density(self, X: ArrayLike, y: ArrayLike) -> Array:
        """Return the log predictive density of each y (n,), in its own units."""
        table = self._check(X)
        return local_tucker.log_density(self.combined_, table, np.asarray(y, dtype=np.float64))
