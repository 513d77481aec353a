"""Mixtures of normals behind a link: densities, probabilities, quantiles, CRPS and moments against dense twins."""

import numpy as np
import pytest
from scipy.stats import lognorm, norm, t

from polyadic.evaluation.scores import crps_quantiles
from polyadic.kernels import links, scale_mixture
from polyadic.kernels.scale_mixture import NORMAL, Mixture, Placed, Shape

SHAPE = Shape(np.array([0.7, 0.3]), np.array([0.4, 2.4]))


def two(link: str) -> Mixture:
    """Return the distributions of two rows, at linked values where every link is far from its ends."""
    return scale_mixture.of_shape(np.array([1.5, 1.2]), np.array([0.04, 0.02]), SHAPE, link)


@pytest.mark.parametrize("link", links.LINKS)
def test_density_is_the_slope_of_the_probability_and_quantiles_invert_it(link):
    said = two(link)
    levels = np.array([0.025, 0.1, 0.5, 0.8, 0.975])
    found = scale_mixture.quantiles(said, levels)
    for column, level in enumerate(levels):
        y = found[:, column]
        np.testing.assert_allclose(scale_mixture.probability(said, y), level, atol=1e-10)
        step = 1e-5 * y
        slope = (scale_mixture.probability(said, y + step) - scale_mixture.probability(said, y - step)) / (2 * step)
        np.testing.assert_allclose(np.exp(scale_mixture.log_density(said, y)), slope, rtol=1e-5)
    np.testing.assert_allclose(scale_mixture.median(said), found[:, 2], rtol=1e-10)


@pytest.mark.parametrize("link", links.LINKS)
def test_moments_and_crps_are_those_of_a_thousand_quantiles(link):
    """Mean, variance and the pinball integral from midpoints of equally likely slices of the distribution."""
    said = two(link)
    levels = (np.arange(1000) + 0.5) / 1000
    quantiles = scale_mixture.quantiles(said, levels)
    mean, variance = scale_mixture.moments(said)
    np.testing.assert_allclose(mean, quantiles.mean(axis=1), rtol=1e-3)
    np.testing.assert_allclose(variance, quantiles.var(axis=1), rtol=2e-2)
    for share in (0.01, 0.4, 0.98):
        y = scale_mixture.quantiles(said, np.array([share]))[:, 0]
        np.testing.assert_allclose(scale_mixture.crps(said, y), crps_quantiles(y, levels, quantiles), rtol=1e-3)


def test_one_normal_behind_the_logarithm_is_the_log_normal():
    said = scale_mixture.of_shape(np.full(3, 0.2), np.full(3, 0.25), NORMAL, "log")
    y, twin = np.array([0.7, 1.3, 3.0]), lognorm(0.5, scale=np.exp(0.2))
    np.testing.assert_allclose(scale_mixture.log_density(said, y), twin.logpdf(y))
    np.testing.assert_allclose(scale_mixture.moments(said), [np.full(3, m) for m in twin.stats("mv")])
    z = (np.log(y) - 0.2) / 0.5
    # Baran & Lerch 2015, Q. J. R. Meteorol. Soc. 141, eq. 12.
    closed = y * (2 * norm.cdf(z) - 1) - 2 * twin.mean() * (norm.cdf(z - 0.5) + norm.cdf(0.5 / np.sqrt(2)) - 1)
    np.testing.assert_allclose(scale_mixture.crps(said, y), closed, rtol=1e-8)


def test_a_family_adds_the_shared_variance_and_ignores_what_a_shape_lacks():
    family = scale_mixture.family([NORMAL, SHAPE], "identity")
    rows = Placed(np.zeros(2), np.array([2.0, 3.0]), np.array([1.0, 0.5]), np.array([0, 1]))
    said = scale_mixture.mixture(family, rows)
    y = np.array([0.4, -1.0])
    wanted = [
        norm(0, np.sqrt(3)).logpdf(0.4),
        np.log(0.7 * norm(0, np.sqrt(1.7)).pdf(-1) + 0.3 * norm(0, np.sqrt(7.7)).pdf(-1)),
    ]
    np.testing.assert_allclose(scale_mixture.log_density(said, y), wanted)


def test_learned_shapes_cover_new_errors_of_long_tails_as_they_say():
    """Errors of a Student-t: normal bands of the same variance hold 84 % of 80 %, learned ones what they state."""
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.5, 2, 3000)
    error, new = scale * rng.standard_t(3, 3000), rng.standard_t(3, 50_000)
    shape, factor = scale_mixture.learn(error, scale**2, np.zeros(3000))
    said = scale_mixture.of_shape(np.zeros(50_000), np.full(50_000, factor), shape)
    off = np.abs(scale_mixture.probability(said, new) - 0.5)
    for level in (0.5, 0.8, 0.9, 0.95):
        assert np.mean(off < level / 2) == pytest.approx(level, abs=0.02)
    best = -t(3).logpdf(new).mean()
    assert -scale_mixture.log_density(said, new).mean() < best + 0.01
    assert -norm(0, np.sqrt(3)).logpdf(new).mean() > best + 0.1


def test_normal_errors_keep_normal_bands_and_few_rows_invent_no_tails():
    rng = np.random.default_rng(1)
    for count, tolerance in ((3000, 0.02), (12, 0.06)):
        error = 2.0 * norm.ppf((rng.permutation(count) + 0.5) / count)
        shape, factor = scale_mixture.learn(error, np.ones(count), np.zeros(count))
        band = scale_mixture.quantiles(scale_mixture.of_shape(np.zeros(1), np.ones(1), shape), np.array([0.95]))[0, 0]
        assert band == pytest.approx(norm.ppf(0.95), rel=tolerance)
        assert factor == pytest.approx(np.mean(error**2), rel=0.25)


def test_links_say_what_they_accept():
    with pytest.raises(ValueError, match="1 of 2 values are <= 0"):
        links.forward("log", np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="allowed are identity, log, cube_root"):
        links.forward("logit", np.ones(1))
    np.testing.assert_array_equal(
        links.inverse("cube_root", links.forward("cube_root", np.array([-27.0, 8]))), [-27, 8]
    )
