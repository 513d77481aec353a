"""Sums over entries against explicit loops over core entries."""

import itertools

import numpy as np
import pytest

from polyadic.kernels import core_form
from polyadic.kernels import tucker_form as tf
from polyadic.kernels.tucker_entries import sort_entries

FORMS = [
    core_form.tucker_form((2, 1, 2)),
    core_form.tucker_form((2, 3)),
    core_form.tucker_form((2,)),
    core_form.cp_form(2, 3),
]


def draw(form, seed=0, N=40):
    rng = np.random.default_rng(seed)
    sizes = [5, 4, 6][: len(form.sizes)]
    moments = []
    for k, D in enumerate(sizes):
        R = len(form.free[k])
        root = rng.normal(size=(D, R, R))
        moments.append((rng.normal(size=(D, R)), root @ root.transpose(0, 2, 1)))
    index = np.stack([rng.integers(0, D, N) for D in sizes], axis=1)
    root = rng.normal(size=(form.entries, form.entries))
    core = tf.Core(rng.normal(size=form.entries), root @ root.T)
    return rng, moments, index, core, rng.normal(size=N), rng.uniform(0.5, 2, N)


def support(form):
    return (
        list(itertools.product(*map(range, form.sizes)))
        if form.kind == "tucker"
        else [(i,) * len(form.sizes) for i in range(form.sizes[0])]
    )


def full(form, moments, k, d):
    """Mean vector and second-moment matrix of all functions of mode k at index d."""
    mean, cov = np.ones(form.sizes[k]), np.zeros((form.sizes[k],) * 2)
    free = list(form.free[k])
    mean[free], cov[np.ix_(free, free)] = moments[k][0][d], moments[k][1][d]
    return mean, cov + np.outer(mean, mean)


def sums(form, moments, index, value, weight, mode):
    entries = sort_entries(index.astype(np.int32), tuple(mean.shape[0] for mean, _ in moments))[mode]
    ext = [core_form.extend(form, k, *moments[k]) for k in range(len(form.sizes)) if k != mode]
    return tf.entry_sums(form, entries, weight, value, ([e[0] for e in ext], [e[1] for e in ext]))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind}{form.sizes}")
def test_normal_equations_are_the_same_from_every_mode_and_equal_the_loop(form):
    _, moments, index, _, value, weight = draw(form)
    cells = support(form)
    gram, right = np.zeros((len(cells),) * 2), np.zeros(len(cells))
    for n, row in enumerate(index):
        at = [full(form, moments, k, d) for k, d in enumerate(row)]
        for i, a in enumerate(cells):
            right[i] += weight[n] * value[n] * np.prod([at[k][0][f] for k, f in enumerate(a)])
            for j, b in enumerate(cells):
                gram[i, j] += weight[n] * np.prod([at[k][1][f, g] for k, (f, g) in enumerate(zip(a, b, strict=True))])
    for mode in range(len(form.sizes)):
        found = tf.normal_equations(
            form, mode, *core_form.extend(form, mode, *moments[mode]), *sums(form, moments, index, value, weight, mode)
        )
        np.testing.assert_allclose(found[0], gram, rtol=1e-10)
        np.testing.assert_allclose(found[1], right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind}{form.sizes}")
def test_messages_are_the_quadratic_form_of_the_expected_squared_error(form):
    """For any u: -1/2 u' L u + h' u + const = -1/2 sum E (y - f(u))^2, checked by polarisation at random u."""
    rng, moments, index, core, value, weight = draw(form)
    for mode in range(len(form.sizes)):
        L, h = tf.message(
            form, mode, tf.mode_operators(form, core, mode), *sums(form, moments, index, value, weight, mode)
        )

        def error(u, mode=mode):
            now = list(moments)
            now[mode] = (u, np.zeros_like(moments[mode][1]))
            ext = [core_form.extend(form, k, *m) for k, m in enumerate(now)]
            mean, var = tf.predictive_moments(
                form,
                core,
                [e[0][index[:, k]] for k, e in enumerate(ext)],
                [e[1][index[:, k]] for k, e in enumerate(ext)],
            )
            return (weight * ((value - mean) ** 2 + var)).sum() / 2

        def quadratic(u, L=L, h=h):
            return np.einsum("dr,drs,ds", u, L, u) / 2 - (h * u).sum()

        zero, u = np.zeros_like(moments[mode][0]), rng.normal(size=moments[mode][0].shape)
        assert error(u) - error(zero) == pytest.approx(quadratic(u), rel=1e-9)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.kind}{form.sizes}")
def test_predictive_moments_equal_monte_carlo(form):
    rng, moments, index, core, _, _ = draw(form, N=2)
    ext = [core_form.extend(form, k, *m) for k, m in enumerate(moments)]
    mean, var = tf.predictive_moments(
        form, core, [e[0][index[:, k]] for k, e in enumerate(ext)], [e[1][index[:, k]] for k, e in enumerate(ext)]
    )
    draws = np.empty((40000, 2))
    for n, row in enumerate(index):
        values = []
        for k, d in enumerate(row):
            u = np.ones((40000, form.sizes[k]))
            u[:, list(form.free[k])] = rng.multivariate_normal(moments[k][0][d], moments[k][1][d], 40000)
            values.append(u)
        w = rng.multivariate_normal(core.mean, core.covariance, 40000)
        phi = np.ones((40000, form.entries))
        for j, cell in enumerate(support(form)):
            for k, f in enumerate(cell):
                phi[:, j] *= values[k][:, f]
        draws[:, n] = (w * phi).sum(axis=1)
    assert np.all(abs(draws.mean(0) - mean) < 6 * np.sqrt(var / 40000))
    np.testing.assert_allclose(draws.var(0), var, rtol=0.25)
