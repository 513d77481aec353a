"""How the core answers to its functions, against the core solved anew, and what joint draws make of it."""

import numpy as np
import pytest

from polyadic.kernels import tucker_draws, tucker_layout, tucker_model
from polyadic.kernels.core_form import cp_form, extend, tucker_form
from polyadic.kernels.core_response import moved_means, responses
from polyadic.kernels.tucker_entries import sort_entries
from polyadic.kernels.tucker_form import Core
from polyadic.kernels.tucker_model import FitSettings

NOISE = 0.3


def solved(form, index, weight, value, functions):
    """The posterior of the core given functions: a regression on their products, row by row."""
    rows = [u[index[:, k]] for k, u in enumerate(functions)]
    phi = rows[0]
    for other in rows[1:]:
        phi = phi * other if form.kind == "cp" else (phi[:, :, None] * other[:, None, :]).reshape(len(value), -1)
    covariance = np.linalg.inv((phi * weight[:, None]).T @ phi / NOISE + np.eye(phi.shape[1]))
    return Core(covariance @ (phi.T @ (weight * value)) / NOISE, covariance)


@pytest.mark.parametrize("form", [tucker_form((2, 1, 2)), tucker_form((1, 2), (2, 0)), cp_form(2, 3)])
def test_the_answer_is_the_slope_of_the_core_solved_anew(form):
    rng = np.random.default_rng(0)
    sizes = (7, 5, 6)[: len(form.sizes)]
    index = np.stack([rng.integers(0, size, 90) for size in sizes], axis=1).astype(np.int32)
    weight, value = rng.uniform(0.5, 2.0, 90), rng.normal(size=90)
    free = [rng.normal(size=(size, len(own))) for size, own in zip(sizes, form.free, strict=True)]
    known = [rng.normal(size=(size, len(own))) for size, own in zip(sizes, form.known, strict=True)]

    def moments(at):
        zero = [np.zeros((*u.shape, u.shape[1])) for u in at]
        return [extend(form, k, at[k], zero[k], known[k]) for k in range(len(at))]

    core = solved(form, index, weight, value, [m[0] for m in moments(free)])
    found = responses(form, core, sort_entries(index, sizes), moments(free), weight, value)
    change = [rng.normal(size=u.shape) for u in free]
    step, firsts = 1e-5, [m[0] for m in moments(free)]
    ends = [
        solved(
            form, index, weight, value, [m[0] for m in moments([u + s * d for u, d in zip(free, change, strict=True)])]
        )
        for s in (step, -step)
    ]
    slope = (ends[0].mean - ends[1].mean) / (2 * step)
    answer = moved_means(form, core, NOISE, found, firsts, [d[None] for d in change])[0] - core.mean
    np.testing.assert_allclose(answer, slope, rtol=1e-6, atol=1e-8)


def test_the_mean_of_many_values_is_known_as_well_as_their_noise_allows():
    """With n values of a field in every cell the mean of the field over the cells has the error noise / sqrt(n)."""
    rng = np.random.default_rng(0)
    X = np.stack(np.meshgrid(np.arange(20.0), np.arange(30.0), indexing="ij"), axis=-1).reshape(-1, 2)
    y = 5 + np.sin(X[:, 0]) * np.cos(0.4 * X[:, 1]) + 0.5 * np.cos(0.7 * X[:, 1]) + 0.3 * rng.normal(size=600)
    layout = tucker_layout.layout_of(X, None, (), ("matern32", "matern32"), 2)
    model = tucker_model.fit_model(X, y, layout, FitSettings(max_iterations=15))
    error = tucker_draws.draws(model, X, 400, 0).mean(axis=1).std()
    assert error == pytest.approx(0.3 / 600**0.5, rel=0.15)
