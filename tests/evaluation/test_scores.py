import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import lognorm, norm

from polyadic.evaluation import scores

NUMBERS = st.floats(-10, 10, allow_subnormal=False)


@pytest.mark.parametrize(("truth", "mean", "variance"), [(0.3, -1.0, 4.0), (5.0, 0.0, 0.25)])
def test_gaussian_crps_is_the_integral_of_squared_distribution_errors(truth, mean, variance):
    law = norm(mean, np.sqrt(variance))
    below = quad(lambda x: law.cdf(x) ** 2, -40, truth)[0]
    above = quad(lambda x: law.sf(x) ** 2, truth, 40)[0]
    np.testing.assert_allclose(scores.crps(truth, mean, variance), below + above, rtol=1e-6)


def test_crps_of_a_nearly_certain_forecast_is_its_absolute_error():
    np.testing.assert_allclose(scores.crps([1.0, -2.0], 0.0, 1e-16), [1.0, 2.0], atol=1e-7)


@given(arrays(float, 3, elements=NUMBERS), arrays(float, (3, 7), elements=NUMBERS))
def test_crps_of_samples_matches_its_double_sum(truth, samples):
    pairs = np.abs(samples[:, :, None] - samples[:, None, :]).mean(axis=(1, 2))
    slow = np.abs(samples - truth[:, None]).mean(axis=1) - 0.5 * pairs
    np.testing.assert_allclose(scores.crps_samples(truth, samples), slow, atol=1e-12)


def test_crps_of_dense_quantiles_approaches_the_gaussian_crps():
    levels = (np.arange(4000) + 0.5) / 4000
    truth = np.array([-1.0, 0.2, 3.0])
    quantiles = np.tile(2 * norm.ppf(levels), (3, 1))
    np.testing.assert_allclose(scores.crps_quantiles(truth, levels, quantiles), scores.crps(truth, 0, 4), rtol=1e-3)


def test_quantiles_and_samples_agree_on_an_empirical_distribution():
    """At levels (i - 1/2) / m the sorted samples are the quantiles, and both forms of the CRPS are the same sum."""
    samples = np.sort(np.random.default_rng(0).normal(size=(5, 9)), axis=1)
    truth = np.linspace(-2, 2, 5)
    levels = (np.arange(9) + 0.5) / 9
    np.testing.assert_allclose(
        scores.crps_quantiles(truth, levels, samples), scores.crps_samples(truth, samples), atol=1e-12
    )


def test_nlpd_is_the_gaussian_log_density():
    np.testing.assert_allclose(scores.nlpd([1.0], [0.5], [4.0]), -norm(0.5, 2).logpdf([1.0]))


def test_nlpd_with_a_log_link_is_the_lognormal_log_density():
    np.testing.assert_allclose(
        scores.nlpd([0.7, 3.0], 0.2, 0.25, link="log"), -lognorm(0.5, scale=np.exp(0.2)).logpdf([0.7, 3.0])
    )


@pytest.mark.parametrize("level", scores.LEVELS)
def test_bands_of_a_perfect_forecast_cover_their_level(level):
    truth = 3 + 2 * norm.ppf((np.arange(2000) + 0.5) / 2000)
    result = scores.score(truth, np.full(2000, 3.0), np.full(2000, 4.0))
    assert result[f"coverage{level}"].value == pytest.approx(level / 100, abs=1e-12)


def test_pit_of_a_perfect_forecast_is_uniform():
    expected = (np.arange(50) + 0.5) / 50
    np.testing.assert_allclose(scores.pit(norm.ppf(expected), 0.0, 1.0), expected, atol=1e-12)


def test_pit_among_samples_counts_ties_half():
    np.testing.assert_array_equal(scores.pit_samples([1.0, 5.0], [[0.0, 1.0], [0.0, 1.0]]), [0.75, 1.0])


def test_standard_error_without_clusters_is_that_of_a_mean():
    loss = np.random.default_rng(0).normal(size=40)
    assert scores.standard_error(loss) == pytest.approx(loss.std(ddof=1) / np.sqrt(40))


def test_rows_repeated_inside_clusters_tell_nothing_new():
    loss = np.random.default_rng(0).normal(size=40)
    repeated = scores.standard_error(np.repeat(loss, 5), [np.repeat(np.arange(40), 5)])
    assert repeated == pytest.approx(scores.standard_error(loss))


def test_two_way_error_adds_both_clusters_and_takes_off_their_intersection():
    station, time = np.repeat(np.arange(6), 8), np.tile(np.arange(8), 6)
    loss = np.random.default_rng(1).normal(size=6)[station] + np.random.default_rng(2).normal(size=8)[time]
    by_station, by_time = (scores.standard_error(loss, [label]) for label in (station, time))
    rows = scores.standard_error(loss)
    both = scores.standard_error(loss, [station, time])
    assert both**2 == pytest.approx(by_station**2 + by_time**2 - rows**2)


def test_standard_error_of_rmse_matches_the_spread_over_repeated_experiments():
    generator = np.random.default_rng(0)
    runs = [scores.score(generator.normal(size=400), np.zeros(400))["rmse"] for _ in range(400)]
    spread = np.std([run.value for run in runs])
    assert np.mean([run.standard_error for run in runs]) == pytest.approx(spread, rel=0.1)


def test_standard_error_of_one_cluster_is_unknown():
    assert np.isnan(scores.standard_error([1.0, 2.0], [["a", "a"]]))


@settings(deadline=None)
@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_scores_follow_the_unit_of_the_data(factor, shift):
    generator = np.random.default_rng(3)
    truth, mean, variance = generator.normal(size=30), generator.normal(size=30), generator.uniform(0.5, 2, 30)
    first = scores.score(truth, mean, variance)
    second = scores.score(factor * truth + shift, factor * mean + shift, factor**2 * variance)
    for name in ("rmse", "mae", "bias", "crps"):
        assert second[name].value == pytest.approx(factor * first[name].value)
    assert second["nlpd"].value == pytest.approx(first["nlpd"].value + np.log(factor))
    assert second["coverage80"].value == first["coverage80"].value


def test_samples_are_scored_like_the_gaussian_they_come_from():
    generator = np.random.default_rng(0)
    truth, mean = generator.normal(size=300), np.zeros(300)
    exact = scores.score(truth, mean, np.ones(300))
    sampled = scores.score_samples(truth, generator.normal(size=(300, 2000)))
    assert set(exact) - set(sampled) == {"nlpd"}
    for name, value in sampled.items():
        assert value.value == pytest.approx(exact[name].value, abs=0.02)


def test_scores_without_a_variance_are_those_of_the_mean():
    assert list(scores.score([1.0, 2.0], [1.0, 1.0])) == ["rmse", "mae", "bias"]


def test_every_metric_has_a_direction_and_a_unit():
    assert list(scores.METRICS) == ["rmse", "mae", "bias", "crps", "nlpd", *(f"coverage{n}" for n in (50, 80, 90, 95))]
    assert {metric.better for metric in scores.METRICS.values()} == {-1}
    assert scores.METRICS["crps"].units("degC") == "degC"
    assert scores.METRICS["coverage90"].units("degC") == "1"
    assert scores.METRICS["coverage90"].target == 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scores.score([], []), "truth: no rows; at least one is needed"),
        (lambda: scores.score([np.nan, 1.0], [0.0, 0.0]), "truth: 1 of 2 numbers are not finite"),
        (lambda: scores.score([1.0], [0.0, 0.0]), r"mean: found shape \(2,\), truth has \(1,\)"),
        (lambda: scores.score([1.0], [0.0], [0.0]), "variance: must be positive, found 0.0"),
        (lambda: scores.nlpd(1.0, 0.0, 1.0, link="logit"), "link: found 'logit', allowed are 'identity' and 'log'"),
        (lambda: scores.nlpd(0.0, 0.0, 1.0, link="log"), "truth: a log link needs positive values, found 0.0"),
        (lambda: scores.covered(0.0, 0.0, 1.0, 90), r"level: must lie inside \(0, 1\), found 90"),
        (lambda: scores.crps_quantiles([0.0], [0.5, 0.5], [[0.0, 0.0]]), "levels: must ascend"),
        (lambda: scores.crps_samples([0.0], [0.0]), r"samples: found shape \(1,\), truth has \(1,\)"),
        (lambda: scores.standard_error([0.0], [[0], [0], [0]]), "clusters: found 3 labels, at most 2"),
        (lambda: scores.standard_error([0.0], [[0, 1]]), r"clusters: found \[2\] labels for 1 rows"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
