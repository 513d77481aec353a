"""Non-negative CP: errors that never rise, exact errors, missing entries, order of modes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyadic.kernels.nonnegative_cp import nonnegative_cp


def planted(shape, rank, seed=0, noise=0.0):
    rng = np.random.default_rng(seed)
    factors = [rng.random((n, rank)) ** 2 for n in shape]
    letters = "abcd"[: len(shape)]
    spec = ",".join(f"{x}r" for x in letters) + f"->{letters}"
    return np.einsum(spec, *factors) + noise * rng.random(shape)


def full(cp):
    letters = "abcd"[: len(cp.factors)]
    spec = "r," + ",".join(f"{x}r" for x in letters) + f"->{letters}"
    return np.einsum(spec, cp.weights, *cp.factors)


@given(st.integers(0, 1000), st.sampled_from([(9, 8), (7, 9, 6), (4, 5, 6, 3)]), st.integers(1, 4))
def test_the_error_never_rises_and_is_that_of_the_model_returned(seed, shape, rank):
    tensor = planted(shape, 3, seed, noise=0.5)
    cp = nonnegative_cp(tensor, rank, seed=seed, max_iterations=30)
    assert (np.diff(cp.relative_error) <= 0).all()
    exact = np.linalg.norm(tensor - full(cp)) / np.linalg.norm(tensor)
    assert cp.relative_error[-1] == pytest.approx(exact, abs=2e-4)
    assert all((factor >= 0).all() for factor in cp.factors)
    assert (np.diff(cp.weights) <= 0).all()
    for factor in cp.factors:
        np.testing.assert_allclose(np.linalg.norm(factor, axis=0), 1)


def test_an_exact_tensor_is_recovered_below_what_single_precision_resolves():
    tensor = planted((15, 12, 20), 3)
    cp = nonnegative_cp(tensor, 3, tolerance=1e-9, starts=3)
    assert np.linalg.norm(tensor - full(cp)) < 1e-5 * np.linalg.norm(tensor)


@pytest.mark.parametrize("whole_fibres", [True, False])
def test_missing_entries_are_predicted(whole_fibres):
    tensor = planted((12, 10, 25), 2)
    rng = np.random.default_rng(1)
    observed = (
        rng.random(tensor.shape[:2] + (() if not whole_fibres else (1,)) + ((25,) if not whole_fibres else ())) > 0.3
    )
    holed = np.where(observed, tensor, np.nan)
    cp = nonnegative_cp(holed, 2, tolerance=1e-9, starts=3)
    assert np.linalg.norm(tensor - full(cp)) < 1e-3 * np.linalg.norm(tensor)


def test_what_is_masked_does_not_count():
    tensor = planted((8, 9, 10), 2, noise=0.3)
    mask = np.random.default_rng(0).random(tensor.shape) > 0.2
    first = nonnegative_cp(tensor, 2, mask=mask)
    other = nonnegative_cp(np.where(mask, tensor, 1e6), 2, mask=mask)
    np.testing.assert_array_equal(first.weights, other.weights)


def test_rank_one_of_a_matrix_is_its_leading_singular_pair():
    """The leading singular vectors of a positive matrix are positive (Perron-Frobenius)."""
    matrix = np.random.default_rng(0).random((9, 7)) + 0.1
    cp = nonnegative_cp(matrix, 1, tolerance=1e-12)
    assert cp.weights[0] == pytest.approx(np.linalg.svd(matrix)[1][0], rel=1e-5)


def test_permuted_modes_give_permuted_factors():
    tensor = planted((8, 6, 11), 2, noise=0.1)
    start = [np.random.default_rng(q).random((n, 2)) for q, n in enumerate(tensor.shape)]
    first = nonnegative_cp(tensor, 2, start=start)
    other = nonnegative_cp(tensor.transpose(2, 0, 1), 2, start=[start[q] for q in (2, 0, 1)])
    for a, b in zip([first.factors[q] for q in (2, 0, 1)], other.factors, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"tensor": np.ones(3)}, "at least 2 modes"),
        ({"rank": 0}, "rank must be at least 1, found 0"),
        ({"mask": np.ones((3, 4))}, "mask must be boolean"),
        ({"mask": np.ones((5, 4), bool)}, "mask must broadcast"),
        ({"start": [np.ones((3, 2)), np.ones((3, 2))]}, "start must have factors of shapes"),
        ({"tensor": np.full((3, 4), np.inf)}, "must be finite"),
    ],
)
def test_bad_arguments_are_named(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        nonnegative_cp(**{"tensor": np.ones((3, 4)), "rank": 2, **arguments})
