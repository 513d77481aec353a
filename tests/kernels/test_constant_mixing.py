"""Constant mixing: the length of the formulas on every partition, its search, degree classes, planted truth."""

import numpy as np
import pytest
from scipy.special import gammaln
from sklearn.metrics import adjusted_mutual_info_score

from polyadic.kernels import class_effects, degree_classes, mixing_blocks, simple_graphs, weight_scales, weighted_graph
from polyadic.kernels.mixing_sampler import anneal
from polyadic.kernels.mixing_search import search_mixing
from polyadic.methods.connectome.community_api import communities


def partitions(n):
    """Yield every partition of n nodes as labels in order of first members."""

    def grow(label):
        if len(label) == n:
            yield np.array(label)
            return
        for k in range(max(label, default=-1) + 2):
            yield from grow([*label, k])

    return grow([])


def graph_of_classes(n):
    """Return a small graph whose weights are described by two degree classes."""
    rng = np.random.default_rng(1)
    w = np.triu(rng.lognormal(size=(n, n)) * (rng.random((n, n)) < 0.4), 1)
    graph = weighted_graph.from_matrix(w + w.T)
    y = np.log(graph.weight) - np.log(graph.weight).mean()
    classes = degree_classes.by_stubs(graph.degree, 2)
    cell = degree_classes.cells(classes, graph.pairs)
    return graph, weight_scales.Scaled(y, y, 0.0, 0.0, cell, classes)


def dense_cost(pairs, y, classes, cell, scale):
    """The two-part code with the dense covariance, at the variances that the fit names."""
    n, (cells, code) = classes.size, np.unique(cell, return_inverse=True)
    fit = class_effects.fit(pairs, y, classes, code, scale)
    effects = np.zeros((y.size, n))
    effects[np.arange(y.size), pairs[0]] = effects[np.arange(y.size), pairs[1]] = 1
    means = code[:, None] == np.arange(cells.size)
    cov = (
        (fit.spread[classes] * effects) @ effects.T
        + scale * means @ means.T.astype(float)
        + np.diag(fit.variance[code])
    )
    density = 0.5 * (y.size * np.log(2 * np.pi) + np.linalg.slogdet(cov)[1] + y @ np.linalg.solve(cov, y))
    return density + 0.5 * (np.log(np.bincount(code)).sum() + np.log(np.bincount(classes)).sum())


def brute_force(graph, scale, label):
    """Partition, internal edges, internal degrees, two sets of simple graphs, two sets of weights."""
    n, sizes = graph.size, np.bincount(label)
    same = label[graph.pairs[0]] == label[graph.pairs[1]]
    cost = np.log(n) + gammaln(n) - gammaln(sizes.size) - gammaln(n - sizes.size + 1)
    cost += gammaln(n + 1) - gammaln(sizes + 1).sum() + (np.log(same.size + 1) if sizes.size > 1 else 0)
    inside = np.array([sum(label[j] == label[i] for j in np.flatnonzero(a)) for i, a in enumerate(adjacency(graph))])

    def choose(a, b):
        return gammaln(a + 1) - gammaln(b + 1) - gammaln(a - b + 1)

    cost += choose(2 * same.size, 2 * same.sum()) - choose(graph.degree, inside).sum()
    mates = label[:, None] == label
    cost += simple_graphs.log_count(inside, mates) + simple_graphs.log_count(graph.degree - inside, ~mates)
    variance = scale.values.var()
    for side in (same, ~same):
        if side.any():
            cost += dense_cost(graph.pairs[:, side], scale.values[side], scale.classes, scale.cell[side], variance)
    return cost


def adjacency(graph):
    a = np.zeros((graph.size, graph.size), bool)
    a[graph.pairs[0], graph.pairs[1]] = a[graph.pairs[1], graph.pairs[0]] = True
    return a


def test_length_is_that_of_the_formulas_on_every_partition():
    graph, scale = graph_of_classes(6)
    assert scale.cell.any()
    assert graph.density <= 0.5
    for label in partitions(6):
        assert mixing_blocks.cost(graph, scale, label) == pytest.approx(brute_force(graph, scale, label), rel=1e-9)


def test_search_finds_the_shortest_of_all_partitions():
    graph, scale = graph_of_classes(6)
    shortest = min(mixing_blocks.cost(graph, scale, label) for label in partitions(6))
    assert search_mixing(graph, {"log-normal": scale}, [], [], 0)[0] == pytest.approx(shortest, rel=1e-12)


def test_expectation_maximisation_names_variances_that_shorten_the_code():
    """Two classes whose noise differs tenfold: the fit is shorter than with one cell for all."""
    rng = np.random.default_rng(0)
    pairs = np.stack(np.triu_indices(30, 1))
    cell = (pairs[0] >= 15).astype(int)
    y = rng.normal(size=pairs.shape[1]) * np.where(cell, 10.0, 1.0)
    one = np.zeros(30, int)
    both = class_effects.fit(pairs, y, one, cell, y.var())
    assert both.cost < class_effects.fit(pairs, y, one, 0 * cell, y.var()).cost - 100
    np.testing.assert_allclose(both.variance, [1.0, 100.0], rtol=0.25)


def test_classes_of_wide_and_narrow_effects_shorten_the_code():
    """Effects of half the nodes are ten times as wide: two named spreads pay, and are found."""
    rng = np.random.default_rng(3)
    pairs, classes = np.stack(np.triu_indices(60, 1)), np.repeat([0, 1], 30)
    effects = rng.normal(size=60) * np.where(classes, 10.0, 1.0)
    y, cell = effects[pairs].sum(axis=0) + 0.1 * rng.normal(size=pairs.shape[1]), np.zeros(pairs.shape[1], int)
    apart = class_effects.fit(pairs, y, classes, cell, y.var())
    assert apart.cost < class_effects.fit(pairs, y, 0 * classes, cell, y.var()).cost - 20
    squares = effects**2
    lent = (squares.reshape(2, 30).sum(axis=1) + squares.mean()) / 31  # one effect of all is lent to each class
    np.testing.assert_allclose(apart.spread, lent, rtol=0.1)


def test_degree_classes_follow_the_nodes_and_hold_equal_shares_of_the_stubs():
    rng = np.random.default_rng(0)
    degree = rng.integers(1, 200, 400)
    found, order = degree_classes.by_stubs(degree, 5), rng.permutation(400)
    np.testing.assert_array_equal(degree_classes.by_stubs(degree[order], 5), found[order])
    assert np.bincount(found, degree) / degree.sum() == pytest.approx(np.full(5, 0.2), abs=0.02)


def test_sweeps_of_temperature_zero_hold_the_labels_and_equal_seeds_give_equal_labels():
    graph, scale = graph_of_classes(7)
    values, start = scale.marked, np.array([0, 1, 0, 1, 2, 2, 2])
    np.testing.assert_array_equal(anneal(graph, values, start, np.zeros(5), 0)[1], start)
    one, two = (anneal(graph, values, start, np.geomspace(2, 0.1, 30), 5) for _ in range(2))
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.parametrize("contrast", [3.0, 1 / 3], ids=["stronger inside", "weaker inside"])
def test_communities_of_hubs_and_leaves_are_not_split_by_strength(contrast):
    """Degrees differ fivefold, weights grow with both degrees, noise falls with them; topology says nothing."""
    rng = np.random.default_rng(7)
    truth, size = np.repeat([0, 1, 2], 30), rng.permutation(np.tile(np.geomspace(1, 5, 30), 3))
    same = truth[:, None] == truth
    both = np.outer(size, size)
    mean = (size[:, None] + size) ** 2 * np.where(same, contrast, 1.0)
    w = rng.gamma(1 + both, mean / (1 + both)) * (rng.random(same.shape) < 0.05 * both)
    w = np.triu(w, 1)
    found = communities(w + w.T)
    assert adjusted_mutual_info_score(truth, found.membership) > 0.9
