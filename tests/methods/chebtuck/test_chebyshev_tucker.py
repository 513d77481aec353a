"""The facade: accuracy within the tolerance, few evaluations, honest estimates, clear refusals."""

import itertools
import math

import numpy as np
import pytest

import polyadic

BOX = [(-1, 1)] * 3


def runge(*x, sharpness=25.0):
    return 1 / (1 + sharpness * sum(v * v for v in x))


def away(*x):
    return (x[0] - 0.31) ** 2 + (x[1] + 0.22) ** 2 + (x[2] - 0.55) ** 2


def error(model, f, centre=(0.0, 0.0, 0.0)):
    rng = np.random.default_rng(7)
    low, high = np.array(model.domain).T
    spread = rng.uniform(low, high, (20000, len(low)))
    near = np.clip(
        np.array(centre) + 10 ** -rng.uniform(0, 5, (20000, 1)) * rng.normal(size=(20000, len(low))), low, high
    )
    x = np.vstack([spread, near]).T
    return np.abs(model(*x) - f(*x)).max() / model.scale


@pytest.mark.parametrize(
    ("f", "tolerance", "most"),
    [
        (runge, 1e-12, 40_000),
        (lambda *x: runge(*x, sharpness=1e4), 1e-10, 800_000),
        (lambda x, y, z: np.exp(x * y + z), 1e-12, 20_000),
    ],
    ids=["runge", "spike", "exponential"],
)
def test_tolerance_is_kept_with_few_evaluations(f, tolerance, most):
    model = polyadic.chebyshev_tucker(f, BOX, tolerance)
    assert model.converged
    assert error(model, f) <= model.error_estimate <= tolerance
    assert model.evaluations <= most


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y, z: np.abs(x - 0.31) + y * z,
        lambda x, y, z: np.where(x > 0.31, 1.0, 0.0) + 0 * y,
        lambda *x: np.exp(-np.sqrt(away(*x))),
        lambda *x: np.exp(-1e8 * away(*x)),
        lambda x, y, z: (x * x + y * y + z * z < 0.5).astype(float),
    ],
    ids=["kink", "step", "cusp", "hidden spike", "ball"],
)
def test_what_cannot_be_resolved_is_said_within_the_budget(f):
    model = polyadic.chebyshev_tucker(f, BOX, 1e-8, max_evaluations=400_000)
    assert not model.converged
    assert model.message
    assert model.evaluations <= 400_000


def test_narrow_gaussian_off_the_centre_is_found_and_resolved():
    def f(*x):
        return np.exp(-1e4 * away(*x))

    model = polyadic.chebyshev_tucker(f, BOX, 1e-8)
    assert model.converged
    assert error(model, f, (0.31, -0.22, 0.55)) < 1e-8


@pytest.mark.parametrize("number", range(6))
def test_a_spike_too_narrow_for_any_grid_is_found_by_its_flank(number):
    rng = np.random.default_rng(number)
    centre, width = rng.uniform(-1, 1, 3), 10 ** -rng.uniform(4, 5.5)

    def f(*x):
        square = sum((v - c) ** 2 for v, c in zip(x, centre, strict=True))
        return np.cos(x[0] - 0.4 * x[1] + x[2]) + 0.1 / (1 + square / width**2)

    model = polyadic.chebyshev_tucker(f, BOX, 1e-5, max_evaluations=60_000)
    assert not model.converged


def test_what_is_below_the_tolerance_costs_little():
    """Beside the lattice of tests, which every tolerance has."""
    rough, fine = (polyadic.chebyshev_tucker(runge, BOX, tolerance).evaluations for tolerance in (1e-4, 1e-8))
    lattice = 4093
    assert rough - lattice < 0.9 * (fine - lattice)


def test_gradient_errors_stay_close_to_the_tolerance_up_to_the_faces():
    model = polyadic.chebyshev_tucker(runge, BOX, 1e-8)
    x = np.clip(np.random.default_rng(0).normal(size=(3, 4000)), -1, 1)
    truth = -50 * x.T * (runge(*x) ** 2)[:, None]
    assert np.abs(model.gradient(*x) - truth).max() * 2 <= 300 * max(np.abs(model(*x) - runge(*x)).max(), 1e-11)


def test_cosine_of_a_sum_of_six_has_rank_two():
    model = polyadic.chebyshev_tucker(lambda *x: np.cos(sum(x)), [(-1, 1)] * 6)
    assert model.ranks == (2,) * 6


def test_periodic_mode_is_expanded_in_harmonics():
    def f(x, y):
        return np.exp(np.sin(2 * np.pi * x)) * y

    model = polyadic.chebyshev_tucker(f, [(0, 1), (-1, 1)], 1e-11, periodic=[0])
    assert model.converged
    assert model.expansion.bases == ("fourier", "chebyshev")
    np.testing.assert_allclose(model(1.2, 0.5), f(0.2, 0.5), atol=1e-10)


def test_tolerance_below_rounding_does_not_break():
    model = polyadic.chebyshev_tucker(lambda x, y: 1 / (3 + x + y), [(-1, 1)] * 2, 1e-15)
    assert model.error_estimate < 1e-12


def test_every_evaluation_is_counted():
    asked = 0

    def f(x, y, z):
        nonlocal asked
        asked += x.size
        return np.exp(-(x * x) - y * z)

    assert polyadic.chebyshev_tucker(f, BOX, 1e-8).evaluations == asked


def test_same_seed_gives_the_same_bytes():
    first, second = (polyadic.chebyshev_tucker(runge, BOX, 1e-8, seed=3) for _ in range(2))
    assert first.expansion.core.tobytes() == second.expansion.core.tobytes()


def test_full_grid_agrees_with_the_cross():
    cross = polyadic.chebyshev_tucker(lambda x, y, z: 1 / (3 + x + y * z), BOX, 1e-9)
    full = polyadic.chebyshev_tucker(lambda x, y, z: 1 / (3 + x + y * z), BOX, 1e-9, method="full")
    assert full.converged
    axes = [np.linspace(-1, 1, 20)] * 3
    assert np.abs(cross.on_grid(*axes) - full.on_grid(*axes)).max() < 1e-8
    assert cross.evaluations < full.evaluations


def test_gradient_error_stays_close_to_the_value_error():
    model = polyadic.chebyshev_tucker(runge, BOX, 1e-10)
    x = np.random.default_rng(0).uniform(-1, 1, (3, 4000))
    truth = -50 * x.T * (runge(*x) ** 2)[:, None]
    assert np.abs(model.gradient(*x) - truth).max() * 2 <= 300 * max(error(model, runge), 1e-11)


def test_what_is_cut_off_a_series_has_no_steep_slopes_at_the_faces():
    """A Gaussian has rank one: all of its error is what its series lack, with slopes n^2 times larger where cut off."""
    model = polyadic.chebyshev_tucker(lambda *x: np.exp(-9 * sum(v * v for v in x)), BOX, 1e-9)
    x = np.linspace(-1, 1, 2001)
    value = np.abs(model(x, 0, 0) - np.exp(-9 * x * x)).max()
    slope = np.abs(model.gradient(x, 0, 0)[:, 0] + 18 * x * np.exp(-9 * x * x)).max()
    assert 2 * slope <= 300 * value
    assert value <= 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_a_small_disc_on_a_smooth_background_is_seen(seed):
    """Between random points it was missed; the gaps of the lattice are smaller than it, wherever the lattice lies."""
    centre = np.random.default_rng(seed).uniform(-0.9, 0.9, 2)

    def f(x, y):
        return ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 0.02**2) + np.cos(0.7 * x - 0.4 * y)

    model = polyadic.chebyshev_tucker(f, [(-1, 1)] * 2, 1e-6, max_evaluations=20_000, seed=seed)
    assert not model.converged


def test_a_cusp_at_a_corner_is_resolved_by_thousands_of_coefficients():
    def slater(*x):
        return np.exp(-np.sqrt(sum((v + 1) ** 2 for v in x)))

    model = polyadic.chebyshev_tucker(slater, BOX, 1e-6)
    assert model.converged
    assert error(model, slater, (-1.0, -1.0, -1.0)) <= model.error_estimate
    assert model.evaluations <= 30_000


def test_dataset_brings_it_back_bit_for_bit():
    model = polyadic.chebyshev_tucker(runge, BOX, 1e-6)
    back = polyadic.ChebyshevTucker.from_dataset(model.to_dataset())
    x = np.random.default_rng(0).uniform(-1, 1, (3, 50))
    np.testing.assert_array_equal(back(*x), model(*x))
    assert (back.evaluations, back.error_estimate, back.converged) == (
        model.evaluations,
        model.error_estimate,
        model.converged,
    )


def test_operators_hold_pointwise():
    model = polyadic.chebyshev_tucker(lambda x, y, z: np.sin(x + y * z), BOX, 1e-10)
    x = np.random.default_rng(0).uniform(-1, 1, (3, 50))
    v = model(*x)
    np.testing.assert_allclose((2 * model - model * model + 1)(*x), 2 * v - v * v + 1, atol=1e-12)
    np.testing.assert_allclose((1 - model / 4)(*x), 1 - v / 4, atol=1e-12)


def test_canonical_gaussians_are_exact_off_the_grid():
    x = (np.arange(128) + 0.5) / 64 - 1
    exponents, weights = np.array([1.0, 4.0, 30.0]), np.array([3.0, 2.0, 1.0])
    model = polyadic.ChebyshevTucker.from_cp(weights, [np.exp(-np.outer(x**2, exponents))] * 3, [x] * 3)
    p = np.random.default_rng(0).uniform(-1, 1, (3, 200))
    truth = (weights * np.exp(-np.outer((p**2).sum(axis=0), exponents))).sum(axis=1)
    assert model.ranks == (3, 3, 3)
    assert np.abs(model(*p) - truth).max() < 1e-9


@pytest.mark.parametrize("order", [5, 9, 13])
@pytest.mark.parametrize("seed", range(3))
def test_estimate_of_canonical_input_is_above_its_error_and_close(seed, order):
    rng = np.random.default_rng(seed)
    n, exponents, centres, weights = 150, 10 ** rng.uniform(0, 2, 4), rng.uniform(-0.8, 0.8, (4, 3)), rng.normal(size=4)
    x = (np.arange(n) + 0.5) * 2 / n - 1
    factors = [np.exp(-exponents * np.square(x[:, None] - c)) for c in centres.T]
    gaussians = polyadic.ChebyshevTucker.from_gaussians(weights, exponents, [(-1, 1)] * 3, centres)
    sampled = polyadic.ChebyshevTucker.from_cp(weights, factors, [x] * 3, order=order)
    spread = np.vstack([rng.uniform(-1, 1, (20000, 3)), -np.cos(np.pi * rng.uniform(size=(20000, 3)))])
    near = np.clip(np.repeat(centres, 4000, 0) + 0.1 * rng.normal(size=(16000, 3)), -1, 1)
    p = np.vstack([spread, near]).T
    truth = sum(w * np.exp(-a * np.square(p.T - c).sum(1)) for w, a, c in zip(weights, exponents, centres, strict=True))
    for model in (gaussians, sampled):
        found = np.abs(model(*p) - truth).max() / model.scale
        assert found <= model.error_estimate <= 30 * found
    assert gaussians.error_estimate < 1e-12
    assert gaussians.converged


def test_rough_columns_end_where_their_noise_begins():
    x = (np.arange(2000) + 0.5) / 1000 - 1
    columns = np.exp(-30 * x[:, None] ** 2) + 1e-14 * np.random.default_rng(0).normal(size=(2000, 1))
    assert max(polyadic.ChebyshevTucker.from_cp([1.0], [columns] * 3, [x] * 3).degrees) < 250


def test_five_coupled_variables_take_a_small_part_of_their_core():
    def f(*x):
        return np.exp(-sum(a * b for a, b in itertools.pairwise(x)))

    model = polyadic.chebyshev_tucker(f, [(-1, 1)] * 5, 1e-6)
    assert model.converged
    x = np.random.default_rng(0).uniform(-1, 1, (5, 5000))
    assert np.abs(model(*x) - f(*x)).max() <= model.error_estimate * model.scale
    assert model.evaluations < 15_000


def test_exchangeable_variables_are_recognised_and_others_are_not_taken_for_them():
    def almost(x, y, z):
        return 1 / (4 + x + y + z) + 1e-3 * np.exp(-400 * ((x - 0.3) ** 2 + (y + 0.5) ** 2 + z * z))

    model = polyadic.chebyshev_tucker(almost, BOX, 1e-9)
    assert model.converged
    assert error(model, almost, (0.3, -0.5, 0.0)) <= 1e-9
    alike = polyadic.chebyshev_tucker(runge, BOX, 1e-9)
    lopsided = polyadic.chebyshev_tucker(lambda x, y, z: 1 / (1 + 25 * x**2 + 24 * y**2 + 23 * z**2), BOX, 1e-9)
    assert alike.evaluations < 0.9 * lopsided.evaluations


def test_full_grid_of_values_becomes_a_function():
    axes = [np.linspace(0, 1, 60), np.linspace(0, 2, 50)]
    values = np.sin(3 * axes[0][:, None] + axes[1][None])
    model = polyadic.ChebyshevTucker.from_grid(values, axes, 1e-8)
    assert model.converged
    assert model(0.333, 0.777) == pytest.approx(np.sin(3 * 0.333 + 0.777), abs=1e-8)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"domain": [(0, 1)]}, "2 to 8 modes"),
        ({"domain": [(0, 1), (1, 0)]}, r"low < high a mode, found \(1, 0\) at mode 1"),
        ({"tolerance": 0.0}, "tolerance must lie in"),
        ({"periodic": [5]}, "periodic must name modes below 2"),
        ({"f": lambda x, y: np.log(x - 2 + 0 * y)}, "finite on the whole domain"),
        ({"f": lambda x, y: x[:1] * y[:1]}, "must be vectorised"),
        ({"f": lambda x, y: x + 1j * y}, "real numbers"),
        ({"f": lambda x, y: math.exp(x)}, "must take 2 coordinate arrays, one a mode, but raised TypeError"),
        ({"f": lambda x, y, z: x + y + z}, "must take 2 coordinate arrays, one a mode, but raised TypeError"),
        ({"domain": []}, "2 to 8 modes"),
        ({"max_evaluations": 100}, "too small to begin with"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_bad_arguments_are_named(arguments, text):
    given = {"f": lambda x, y: x + y, "domain": [(0, 1), (0, 1)], **arguments}
    with pytest.raises(ValueError, match=text):
        polyadic.chebyshev_tucker(**given)


def test_lazy_grid_equals_the_eager_one():
    from polyadic.methods.chebtuck.lazy_grid import lazy_grid

    model = polyadic.chebyshev_tucker(lambda x, y: np.exp(x * y), [(-1, 1)] * 2, 1e-8)
    axes = [np.linspace(-1, 1, 2000), np.linspace(-1, 1, 7)]
    lazy = lazy_grid(model, axes)
    assert len(lazy.chunks[0]) > 1
    np.testing.assert_allclose(lazy.to_numpy(), model.on_grid(*axes), atol=1e-13)


def test_parts_of_a_lazy_grid_are_those_of_the_eager_one():
    from polyadic.methods.chebtuck.lazy_grid import lazy_grid

    model = polyadic.chebyshev_tucker(lambda x, y: np.exp(x * y), [(-1, 1)] * 2, 1e-8)
    axes = [np.linspace(-1, 1, 2000), np.linspace(-1, 1, 7)]
    lazy, eager = lazy_grid(model, axes), model.on_grid(*axes)
    parts = ((1500, slice(None)), (slice(None), 3), (1999, 6), (slice(10, 1800, 7), slice(None, None, -1)))
    for part in (*parts, ([3, 1500, 700], slice(2, 5)), ([5, 1990], 4)):
        found = lazy[part].to_numpy()
        assert found.shape == eager[part].shape
        np.testing.assert_allclose(found, eager[part], atol=1e-13)
