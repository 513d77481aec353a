"""Starts on a Tucker core: its projection, errors that never rise, exact products, the same bytes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from polyadic.kernels import compressed_cp as compressed
from polyadic.kernels.nonnegative_cp import nonnegative_cp
from polyadic.kernels.row_solver import descend


def noisy(shape, rank, seed=0):
    rng = np.random.default_rng(seed)
    letters = "abcd"[: len(shape)]
    spec = ",".join(f"{x}r" for x in letters) + f"->{letters}"
    return np.einsum(spec, *(rng.random((n, rank)) ** 2 for n in shape)) + 0.5 * rng.random(shape)


def whole(core):
    tensor = core.core
    for mode, basis in enumerate(core.bases):
        if basis is not None:
            tensor = np.moveaxis(np.tensordot(basis, tensor, (1, mode)), 0, mode)
    return tensor


@pytest.mark.parametrize("shape", [(60, 9, 50), (70, 60), (40, 8, 7, 30)])
def test_a_tensor_of_low_rank_is_its_own_projection(shape):
    rng = np.random.default_rng(3)
    letters = "abcd"[: len(shape)]
    tensor = np.einsum(",".join(f"{x}r" for x in letters) + f"->{letters}", *(rng.random((n, 3)) for n in shape))
    core = compressed.compress(tensor.reshape(shape[0], -1), shape, 3, 0)
    assert core.core.size < tensor.size
    np.testing.assert_allclose(whole(core), tensor, atol=1e-6 * np.abs(tensor).max())


@given(st.integers(0, 1000), st.sampled_from([(60, 9, 50), (70, 60), (40, 8, 7, 30)]))
def test_errors_on_the_core_never_rise_and_are_those_of_the_factors(seed, shape):
    tensor = noisy(shape, 3, seed)
    core = compressed.compress(tensor.reshape(shape[0], -1), shape, 3, seed)
    rng = np.random.default_rng(seed)
    walk = compressed.begin(core, [rng.random((n, 3)) for n in shape[1:]])
    for _ in range(15):
        compressed.step(core, walk)
    assert (np.diff(walk.errors) <= 0).all()
    assert all((factor >= 0).all() for factor in walk.factors)
    letters = "abcd"[: len(shape)]
    down = [core.down(mode, factor) for mode, factor in enumerate(walk.factors)]
    model = np.einsum(",".join(f"{x}r" for x in letters) + f"->{letters}", *down)
    grams = np.prod([factor.T @ factor for factor in walk.factors], axis=0).sum()
    exact = np.sum(core.core**2) - 2 * np.sum(core.core * model) + grams
    assert walk.errors[-1] == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_weighted_sums_are_those_of_einsum(mode):
    rng = np.random.default_rng(0)
    core, factors = rng.random((3, 4, 5, 2)), [rng.random((n, 6)) for n in (3, 4, 5, 2)]
    others = [q for q in range(4) if q != mode]
    spec = "abcd," + ",".join("abcd"[q] + "r" for q in others) + "->" + "abcd"[mode] + "r"
    np.testing.assert_allclose(
        compressed.weighted(core, factors, mode), np.einsum(spec, core, *(factors[q] for q in others))
    )


def test_rows_solved_together_are_rows_solved_alone_bit_by_bit():
    rng = np.random.default_rng(0)
    gram = np.cov(rng.standard_normal((5, 30)))[None] + np.eye(5)
    targets, only = 3 * rng.standard_normal((150, 5)), np.zeros(1, np.int64)
    together = rng.random((150, 5))
    alone = together.copy()
    descend(together, targets, gram, only, 4)
    for i in range(len(alone)):
        descend(alone[i : i + 1], targets[i : i + 1], gram, only, 4)
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("starts", [1, None])
def test_a_compressed_fit_has_errors_that_never_rise_and_the_same_bytes_with_any_threads(starts):
    tensor = noisy((80, 30, 60), 3)
    fits = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            fits.append(nonnegative_cp(tensor, 3, starts=starts, max_iterations=20))
    assert (np.diff(fits[0].relative_error) <= 0).all()
    for one, other in zip(fits[0].factors, fits[1].factors, strict=True):
        assert one.tobytes() == other.tobytes()
    model = np.einsum("r,ar,br,cr->abc", fits[0].weights, *fits[0].factors)
    exact = np.linalg.norm(tensor - model) / np.linalg.norm(tensor)
    assert fits[0].relative_error[-1] == pytest.approx(exact, abs=2e-4)


def test_a_given_start_that_is_a_minimum_is_not_left_for_a_worse_one():
    tensor = noisy((80, 30, 60), 5)
    best = nonnegative_cp(tensor, 3, max_iterations=100)
    again = nonnegative_cp(tensor, 3, start=best.factors, starts=1, max_iterations=3)
    assert again.relative_error[-1] <= best.relative_error[-1] * (1 + 1e-5)


def test_a_tensor_stored_in_another_order_or_type_gives_the_same_model():
    tensor = noisy((80, 30, 60), 3).astype(np.float32)
    first = nonnegative_cp(tensor, 3, max_iterations=5)
    for other in (tensor.astype(float), np.asfortranarray(tensor)):
        found = nonnegative_cp(other, 3, max_iterations=5)
        np.testing.assert_array_equal(first.weights, found.weights)
