"""The state-space Gaussian process against the dense joint Gaussian of the same kernel."""

import numpy as np
import pytest
from scipy.special import ive

from polyadic.kernels import linear_sde, state_space

KERNELS = [
    "matern12",
    "matern32",
    "matern52",
    "periodic(3)",
    "periodic(3)*matern32",
    "matern32+independent",
    "constant+matern12",
]


def covariance(term, parameters, d):
    """Covariance of one term at distances d, from handbook formulas."""
    if term.kind == "constant":
        return parameters[0] * np.ones_like(d)
    if term.kind == "independent":
        return parameters[0] * (d == 0)
    wave = 1.0
    if term.kind in ("periodic", "quasi"):
        z = parameters[1] ** -2
        q = ive(np.arange(7), z) * np.r_[1, np.full(6, 2)]
        wave = np.cos(2 * np.pi / term.period * d[..., None] * np.arange(7)) @ (q / q.sum())
        if term.kind == "periodic":
            return parameters[0] * wave
    x = np.sqrt(2 * term.order + 1) * d / parameters[-1]
    return parameters[0] * wave * (1 + (term.order > 0) * x + (term.order > 1) * x**2 / 3) * np.exp(-x)


def dense(kernel, log_parameters, t):
    """Joint covariance (points * R, points * R), points first, functions independent."""
    terms, functions = linear_sde.parse(kernel), log_parameters.shape[0]
    K = np.zeros((t.size, functions, t.size, functions))
    for r in range(functions):
        offset = 0
        for term in terms:
            width = len(term.parameters)
            K[:, r, :, r] += covariance(term, np.exp(log_parameters[r, offset : offset + width]), abs(t[:, None] - t))
            offset += width
    return K.reshape(t.size * functions, -1)


def problem(kernel, seed=0, D=9, R=2):
    rng = np.random.default_rng(seed)
    t = np.sort(rng.choice(40, D, replace=False) * 0.25)
    names = linear_sde.parameter_names(linear_sde.parse(kernel))
    theta = rng.normal(0, 0.3, (R, len(names)))
    root = rng.normal(size=(D, R, R)) * 2
    precision = root @ root.transpose(0, 2, 1)
    precision[3] = 0
    precision[4] = np.outer([1, 2], [1, 2])
    shift = np.einsum("drs,ds->dr", precision, rng.normal(size=(D, R)))
    return t, theta, precision, shift


def dense_posterior(K, precision, shift, D, R):
    n = K.shape[0]
    L, h = np.zeros((n, n)), np.zeros(n)
    for d in range(D):
        rows = slice(d * R, (d + 1) * R)
        L[rows, rows], h[rows] = precision[d], shift[d]
    M = np.eye(n) + K @ L
    C = np.linalg.solve(M, K)
    return C @ h, C, (h @ C @ h - np.linalg.slogdet(M)[1]) / 2


@pytest.mark.parametrize("kernel", KERNELS)
def test_smoother_and_evidence_equal_the_dense_gaussian(kernel):
    t, theta, precision, shift = problem(kernel)
    found, _ = state_space.smooth(linear_sde.parse(kernel), t, theta, precision, shift)
    mean, C, evidence = dense_posterior(dense(kernel, theta, t), precision, shift, t.size, 2)
    np.testing.assert_allclose(found.mean, mean.reshape(-1, 2), atol=1e-9)
    blocks = np.einsum("drds->drs", C.reshape(t.size, 2, t.size, 2))
    np.testing.assert_allclose(found.covariance, blocks, atol=1e-9)
    assert found.evidence == pytest.approx(evidence, abs=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradient_equals_finite_differences_of_the_evidence(kernel):
    t, theta, precision, shift = problem(kernel)
    terms = linear_sde.parse(kernel)
    _, gradient = state_space.smooth(terms, t, theta, precision, shift)
    for index in np.ndindex(theta.shape):
        step = np.zeros_like(theta)
        step[index] = 1e-5
        up, down = (state_space.smooth(terms, t, theta + s, precision, shift)[0].evidence for s in (step, -step))
        assert gradient[index] == pytest.approx((up - down) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_bridging_and_extrapolation_equal_dense_conditioning(kernel):
    t, theta, precision, shift = problem(kernel)
    new = np.r_[-1.3, t[2], (t[4] + t[5]) / 2, t[-1], t[-1] + 2.2]
    state = state_space.posterior(kernel, t, theta, precision, shift)
    mean, cov = state_space.predict(state, new)
    union, where = np.unique(np.r_[t, new], return_inverse=True)
    wide_precision, wide_shift = np.zeros((union.size, 2, 2)), np.zeros((union.size, 2))
    wide_precision[where[: t.size]], wide_shift[where[: t.size]] = precision, shift
    m, C, _ = dense_posterior(dense(kernel, theta, union), wide_precision, wide_shift, union.size, 2)
    np.testing.assert_allclose(mean, m.reshape(-1, 2)[where[t.size :]], atol=1e-9)
    blocks = np.einsum("drds->drs", C.reshape(union.size, 2, union.size, 2))
    np.testing.assert_allclose(cov, blocks[where[t.size :]], atol=1e-9)


@pytest.mark.parametrize("kernel", ["matern32", "periodic(3)*matern32", "matern32+independent"])
def test_joint_draws_have_the_dense_posterior_moments(kernel):
    t, theta, precision, shift = problem(kernel)
    new = np.r_[-0.4, (t[4] + t[5]) / 2, t[1]]
    draws = state_space.sample(
        state_space.posterior(kernel, t, theta, precision, shift), new, 4000, np.random.default_rng(1)
    )
    union, where = np.unique(np.r_[t, new], return_inverse=True)
    wide_precision, wide_shift = np.zeros((union.size, 2, 2)), np.zeros((union.size, 2))
    wide_precision[where[: t.size]], wide_shift[where[: t.size]] = precision, shift
    m, C, _ = dense_posterior(dense(kernel, theta, union), wide_precision, wide_shift, union.size, 2)
    pick = where[t.size :]
    truth = C.reshape(union.size, 2, union.size, 2)[np.ix_(pick, [0, 1], pick, [0, 1])].reshape(6, 6)
    flat = draws.reshape(4000, 6)
    scale = np.sqrt(np.diag(truth))
    assert np.all(abs(flat.mean(0) - m.reshape(-1, 2)[pick].ravel()) < 5 * scale / np.sqrt(4000) + 1e-9)
    np.testing.assert_allclose(np.cov(flat.T), truth, atol=0.1 * scale.max() ** 2)


def test_tiny_gaps_keep_the_process_noise_positive():
    """Q of Matern-5/2 is of order dt^5; the closed form must not lose it to cancellation."""
    _, Q, _ = linear_sde.matern_system(2, 1.0, np.array([1e-4]))
    np.testing.assert_allclose(Q[0, 0, 0], 16 / 3 * 1e-20 / 20, rtol=1e-3)


def test_unknown_kernel_names_what_is_allowed():
    with pytest.raises(ValueError, match="matern12, matern32, matern52, periodic"):
        linear_sde.parse("rbf")
