import numpy as np
import pytest
from evaluation import planted
from scipy.optimize import check_grad

from polyadic.evaluation.observation_baselines.persistence import Memory, nearest_in_time
from polyadic.evaluation.observation_baselines.table import Table, tables
from polyadic.evaluation.observation_baselines.withhold import withheld
from polyadic.kernels import gaussian_field
from polyadic.kernels.gaussian_field import Field, Group, Sites

FIELD = Field(length=60.0, height_length=0.8, variance=2.0, noise=0.5, trend_variance=np.array([3.0, 0.4]))


def sites(count, seed=0):
    generator = np.random.default_rng(seed)
    height = generator.uniform(-1, 1, (count, 1))
    return Sites(generator.uniform(0, 200, (count, 3)), height, np.column_stack([np.ones(count), height]))


def dense(first, second):
    """Return the covariance by its formula, one pair at a time."""
    result = np.zeros((len(first.trend), len(second.trend)))
    for i, j in np.ndindex(result.shape):
        along = ((first.place[i] - second.place[j]) ** 2).sum() / FIELD.length**2
        up = ((first.height[i] - second.height[j]) ** 2).sum() / FIELD.height_length**2
        trend = (FIELD.trend_variance * first.trend[i] * second.trend[j]).sum()
        result[i, j] = FIELD.variance * np.exp(-np.sqrt(along + up)) + trend
    return result


def draw(where, field, generator, weight=1.0):
    covariance = field.covariance(where, where) + field.noise * weight * np.eye(len(where.trend))
    return np.linalg.cholesky(covariance) @ generator.normal(size=len(where.trend))


def test_kriging_is_conditioning_of_the_joint_gaussian():
    known, asked = sites(12), sites(5, 1)
    weight = np.linspace(0.2, 2, 12)
    residual = np.random.default_rng(2).normal(size=12)
    mean, variance = FIELD.krige(Group(known, residual, weight), asked)
    inverse = np.linalg.inv(dense(known, known) + np.diag(FIELD.noise * weight))
    cross = dense(asked, known)
    np.testing.assert_allclose(mean, cross @ inverse @ residual, atol=1e-12)
    np.testing.assert_allclose(variance, np.diag(dense(asked, asked) - cross @ inverse @ cross.T), atol=1e-12)


def test_kriging_without_noise_interpolates():
    exact = Field(60.0, 0.8, 2.0, 0.0, np.array([3.0, 0.4]))
    residual = np.random.default_rng(2).normal(size=12)
    mean, variance = exact.krige(Group(sites(12), residual, np.ones(12)), sites(12))
    np.testing.assert_allclose(mean, residual, atol=1e-10)
    assert variance.max() < 1e-10


def test_kriging_from_no_rows_is_the_prior():
    none = Group(sites(0), np.zeros(0), np.zeros(0))
    mean, variance = FIELD.krige(none, sites(4))
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(variance, np.diag(dense(sites(4), sites(4))))


def test_leave_one_out_is_kriging_without_the_row():
    known, weight = sites(9), np.ones(9)
    residual = np.random.default_rng(2).normal(size=9)
    slow = []
    for row in range(9):
        rest = np.delete(np.arange(9), row)
        group = Group(known.take(rest), residual[rest], weight[rest])
        slow.append(residual[row] - FIELD.krige(group, known.take(np.array([row])))[0][0])
    np.testing.assert_allclose(FIELD.leave_one_out(Group(known, residual, weight))[0], slow, atol=1e-12)


def test_gradient_of_the_likelihood_matches_finite_differences():
    group = Group(sites(10), np.random.default_rng(3).normal(size=10), np.linspace(0.5, 2, 10))
    squares = gaussian_field._squares(group.sites.place), gaussian_field._squares(group.sites.height)
    value, slope = (lambda p, k=k: gaussian_field._likelihood(p, group, squares)[k] for k in (0, 1))
    assert check_grad(value, slope, np.log([60.0, 0.8, 2.0, 0.5, 3.0, 0.4])) < 1e-5


def test_planted_hyperparameters_are_recovered_from_many_groups():
    generator = np.random.default_rng(0)
    groups = []
    for number in range(40):
        where = sites(30, number).take(np.arange(60) // 2)  # two rows a place tell noise from small scales
        groups.append(Group(where, draw(where, FIELD, generator), np.ones(60)))
    found = gaussian_field.learn(groups)
    assert found.noise == pytest.approx(FIELD.noise, rel=0.3)
    assert found.variance == pytest.approx(FIELD.variance, rel=0.3)
    assert found.length == pytest.approx(FIELD.length, rel=0.5)
    assert found.trend_variance[0] == pytest.approx(3.0, rel=0.5)


def test_matched_field_has_the_mean_square_of_all_residuals():
    where, residual = sites(50), 4 * np.random.default_rng(0).normal(size=50)
    matched = FIELD.matched(where, residual)
    assert np.mean(matched.prior_variance(where)) + matched.noise == pytest.approx(np.mean(residual**2))


def test_learning_from_no_group_is_refused():
    with pytest.raises(ValueError, match="groups: none; at least one group of rows is needed"):
        gaussian_field.learn([])


def series(site, day):
    count = len(day)
    return Table(np.zeros(count), np.zeros((count, 1)), ("x",), day=np.asarray(day, float), site=np.asarray(site))


def test_gradient_of_the_memory_likelihood_matches_finite_differences():
    generator = np.random.default_rng(0)
    day, value = 30.0 * np.cumsum(generator.integers(1, 4, (3, 8)), axis=1), generator.normal(size=(3, 8))
    lag = day[:, :, None] - day[:, None, :]
    value_of, slope_of = (lambda p, k=k: Memory(*np.exp(p))._likelihood(lag, value)[k] for k in (0, 1))
    assert check_grad(value_of, slope_of, np.log([0.4, 0.3, 0.1, 0.2, 30.0, 900.0])) < 1e-5


def test_nearest_rows_in_time_match_a_full_search():
    generator = np.random.default_rng(0)
    train = series(np.sort(generator.integers(0, 4, 60)), generator.permutation(60))
    test = series(generator.integers(0, 5, 20), generator.uniform(-5, 65, 20))
    order = np.lexsort([train.day, train.site])
    rows, known = nearest_in_time(train, test, 6)
    for row in range(20):
        lag = np.sort(np.abs(train.day[train.site == test.site[row]] - test.day[row]))[:6]
        found = train.day[order][rows[row][known[row]]]
        assert (train.site[order][rows[row][known[row]]] == test.site[row]).all()
        np.testing.assert_allclose(np.sort(np.abs(found - test.day[row])), lag)


def test_memory_kriging_is_conditioning_on_the_rows_of_the_station():
    memory = Memory(short=0.4, long=0.3, yearly=0.1, noise=0.2, short_scale=30.0, long_scale=900.0)
    day, residual = np.arange(0, 300, 30.0), np.random.default_rng(0).normal(size=10)
    mean, share = memory.krige(series([0] * 10, day), residual, series([0, 7], [45.0, 45.0]))
    matrix = memory.covariance(day[:, None] - day) + 0.2 * np.eye(10)
    cross = memory.covariance(45.0 - day)
    np.testing.assert_allclose(mean, [cross @ np.linalg.solve(matrix, residual), 0.0], atol=1e-12)
    np.testing.assert_allclose(share, [1 - cross @ np.linalg.solve(matrix, cross) / memory.variance, 1.0], atol=1e-12)


def inner_mask(mask_of):
    ds = planted.network()
    pair = tables(*planted.parts(ds, mask_of(ds)), "tmax")
    return pair, withheld(pair.train, pair.test, 0)


def test_inner_split_of_withheld_stations_withholds_stations():
    pair, mask = inner_mask(lambda ds: ds.station_index.values < 3)
    assert 0 < mask.sum() < len(mask)
    assert not np.isin(pair.train.site[mask], pair.train.site[~mask]).any()


def test_inner_split_of_withheld_months_withholds_blocks_of_months():
    pair, mask = inner_mask(lambda ds: ds.time.values < np.datetime64("1990-07"))
    stamps = np.unique(pair.train.stamp[mask])
    assert not np.isin(stamps, pair.train.stamp[~mask]).any()
    assert (np.diff(stamps) == 1).sum() >= 4


def test_inner_split_of_random_rows_is_random():
    pair, mask = inner_mask(planted.random_rows)
    assert 0.09 < mask.mean() < 0.21
    assert np.isin(pair.train.site[mask], pair.train.site[~mask]).all()
