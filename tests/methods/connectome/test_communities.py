"""Communities of weighted graphs: exact changes, invariances, planted truth, nothing where nothing is."""

import itertools

import numpy as np
import pytest
from scipy.special import gammaln
from sklearn.metrics import adjusted_mutual_info_score

from polyadic.kernels import event_tests, mixing_blocks, node_effects, simple_graphs, weight_scales, weighted_graph
from polyadic.kernels.block_model import BlockModel, multiset
from polyadic.methods.connectome.communities import CommunitiesConfig, agree
from polyadic.methods.connectome.communities import communities as stage
from polyadic.methods.connectome.community_api import communities


def small(seed=0, n=9, density=0.6):
    rng = np.random.default_rng(seed)
    w = np.triu(rng.exponential(1, (n, n)) * (rng.random((n, n)) < density), 1)
    return w + w.T


def planted(seed, mean_in, mean_out, sizes=(20, 20, 20), share=(1.0, 1.0), shape=3.0):
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(sizes)), sizes)
    same = label[:, None] == label
    w = rng.gamma(shape, np.where(same, mean_in, mean_out) / shape)
    w = np.triu(w * (rng.random(w.shape) < np.where(same, *share)), 1)
    return w + w.T, label


def brute_force(w, label, corrected):
    """Description length with exponential weights, pair by pair, straight from the formulas."""
    n, blocks = len(w), label.max() + 1
    sizes, degree = np.bincount(label), (w > 0).sum(1)
    edges = int((w > 0).sum() / 2)
    scale = w[np.triu(w) > 0].mean()
    cost = np.log(n) + gammaln(n + 1) - gammaln(sizes + 1).sum()
    cost += gammaln(n) - gammaln(blocks) - gammaln(n - blocks + 1)
    coded = edges if corrected else min(edges, n * (n - 1) // 2 - edges)
    cost += multiset(np.array(blocks * (blocks + 1) / 2), coded)
    for r, s in itertools.combinations_with_replacement(range(blocks), 2):
        values = [
            w[i, j] for i, j in itertools.combinations(range(n), 2) if {label[i], label[j]} == {r, s} and w[i, j] > 0
        ]
        m, cells = len(values), sizes[r] * (sizes[r] - 1) / 2 if r == s else sizes[r] * sizes[s]
        if corrected:
            cost -= gammaln(m + 1) + (m * np.log(2) if r == s else 0)
        else:
            cost += gammaln(cells + 1) - gammaln(m + 1) - gammaln(cells - m + 1)
        cost += -np.log(scale) - gammaln(m + 1) + (1 + m) * np.log(scale + sum(values)) if m else 0
    if corrected:
        cost += sum(gammaln(degree[label == r].sum() + 1) for r in range(blocks)) - gammaln(degree + 1).sum()
    return cost


@pytest.mark.parametrize("corrected", [False, True])
def test_description_length_is_that_of_the_formulas(corrected):
    w = small()
    g = weighted_graph.from_matrix(w)
    model = BlockModel(g, g.weight, corrected, 1)
    for seed in range(5):
        label = np.unique(np.random.default_rng(seed).integers(0, 3, 9), return_inverse=True)[1]
        assert model.cost(label) == pytest.approx(brute_force(w, label, corrected), rel=1e-12)


@pytest.mark.parametrize(("corrected", "kind"), list(itertools.product([False, True], [0, 1, 2])))
def test_a_move_changes_the_cost_by_exactly_the_computed_change(corrected, kind):
    g = weighted_graph.from_matrix(small(1))
    y = np.log(g.weight) - np.log(g.weight).mean() if kind == 2 else g.weight
    model = BlockModel(g, y, corrected, kind)
    label = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])
    for node, block in itertools.product(range(9), range(3)):
        if block != label[node]:
            moved = label.copy()
            moved[node] = block
            assert model.change(label, node, block) == pytest.approx(model.cost(moved) - model.cost(label), abs=1e-9)


def test_relaxing_never_lengthens_the_description():
    g = weighted_graph.from_matrix(small(2, 30))
    model = BlockModel(g, g.weight, True, 1)
    label = np.random.default_rng(0).integers(0, 4, 30)
    before = model.cost(label)
    model.relax(label, 0)
    assert model.cost(label) < before


def test_node_effects_have_the_evidence_of_their_dense_gaussian():
    """With one ratio t the values are a multivariate t of covariance (I + t Z Z' + 11'/kappa)."""
    g = weighted_graph.from_matrix(small(3, 7))
    y = np.random.default_rng(0).normal(size=g.weight.size)
    z = np.zeros((y.size, 7))
    z[np.arange(y.size), g.pairs[0]] = z[np.arange(y.size), g.pairs[1]] = 1

    def dense(ratio):
        cov = np.eye(y.size) + ratio * z @ z.T + 1 / node_effects.KAPPA
        return 0.5 * np.linalg.slogdet(cov)[1] + node_effects.noise_cost(y.size, y @ np.linalg.solve(cov, y), 1.0)

    best = min(dense(t) for t in node_effects._RATIOS) + np.log(len(node_effects._RATIOS))
    assert node_effects.evidence(g.pairs, y, 7, 1.0)[0] == pytest.approx(best, rel=1e-10)


def test_simple_graphs_are_counted_to_a_few_nats_of_the_exact_number():
    """Cubic labelled graphs on 8 nodes: 19,355 (OEIS A002829)."""
    assert simple_graphs.log_count(np.full(8, 3)) == pytest.approx(np.log(19355), abs=2.0)


def test_description_does_not_depend_on_the_order_of_the_nodes():
    w, label = planted(0, 3.0, 1.0)
    order = np.random.default_rng(0).permutation(60)
    g, h = weighted_graph.from_matrix(w), weighted_graph.from_matrix(w[np.ix_(order, order)])
    for of, lab in ((g, label), (h, label[order])):
        scales = [weight_scales.scaled(of, power) for power in weight_scales.POWERS.values()]
        values = [BlockModel(of, of.weight, False, 1).cost(lab), *(mixing_blocks.cost(of, s, lab) for s in scales)]
        if of is g:
            first = values
    np.testing.assert_allclose(values, first, rtol=1e-9)


@pytest.mark.parametrize(
    ("mean_in", "mean_out", "share"),
    [(3.0, 1.0, (1.0, 1.0)), (1.0, 3.0, (1.0, 1.0)), (1.0, 1.0, (0.5, 0.05)), (1.0, 1.0, (0.05, 0.5))],
    ids=["dense", "dense disassortative", "sparse", "sparse disassortative"],
)
def test_planted_communities_are_found(mean_in, mean_out, share):
    w, label = planted(1, mean_in, mean_out, share=share)
    assert adjusted_mutual_info_score(label, communities(w).membership) > 0.95


def test_one_block_where_nothing_is_there():
    rng = np.random.default_rng(3)
    w = np.triu(rng.lognormal(size=(50, 50)) * (rng.random((50, 50)) < 0.3), 1)
    found = communities(w + w.T)
    assert found.model == "one block"
    assert found.membership.max() == 0
    assert found.description_length == found.one_block


def test_equal_seed_gives_equal_bytes_and_levels_end_in_one_block():
    w, _ = planted(2, 2.0, 1.0)
    one, two = communities(w, seed=3), communities(w, seed=3)
    assert one.levels.tobytes() == two.levels.tobytes()
    assert one.description_length == two.description_length < one.one_block
    assert one.levels[-1].max() == 0
    assert (one.levels[0] == one.membership).all()


def test_scaling_all_weights_changes_no_membership():
    w, _ = planted(4, 2.0, 1.0)
    np.testing.assert_array_equal(communities(w).membership, communities(1024 * w).membership)


@pytest.mark.parametrize(
    "weights", [np.zeros((5, 5)), np.ones((1, 1)), np.ones((6, 6))], ids=["no edge", "a node", "equal"]
)
def test_degenerate_graphs_are_one_block(weights):
    assert communities(weights).membership.max() == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((2, 3)), r"square matrix .* found shape \(2, 3\)"),
        (np.array([[0, 1.0], [2.0, 0]]), r"symmetric, found 1 at \(0, 1\) and 2"),
        (np.array([[0, -1.0], [-1.0, 0]]), r"non-negative, found -1 at \(0, 1\)"),
        (np.array([[0, np.nan], [np.nan, 0]]), r"finite .* found nan"),
    ],
)
def test_bad_weights_are_refused_with_what_was_found(weights, message):
    with pytest.raises(ValueError, match=message):
        communities(weights)


def test_unknown_model_is_refused():
    with pytest.raises(ValueError, match=r"model must be one of auto, .* found 'spectral'"):
        communities(np.ones((3, 3)), model="spectral")


def test_agreement_is_free_of_label_names():
    np.testing.assert_array_equal(agree(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 1])), [1, 1, 1, 0])


def test_event_tests_keep_their_level_on_autocorrelated_courses():
    """AR(.95) has no event; frame permutation would reject about half the time."""
    rng = np.random.default_rng(5)
    p = []
    for _ in range(300):
        x = np.zeros(600)
        noise = rng.normal(size=600)
        for t in range(1, 600):
            x[t] = 0.95 * x[t - 1] + noise[t]
        p.append(event_tests.shift_test(x, np.sort(rng.choice(580, 8, replace=False)), 10, 199, 1))
    assert np.mean(np.array(p) <= 0.05) <= 0.09


def test_stage_refuses_what_is_no_upper_triangle():
    from polyadic.kinds import cp_factors, traces

    ds = cp_factors.example().isel(pair=slice(0, 27))
    ds["factor_pair"] = ds["factor_pair"] / np.sqrt((ds["factor_pair"] ** 2).sum("pair"))
    ds.attrs["kind"] = "cp_factors"
    with pytest.raises(ValueError, match="27 pairs are no upper triangle"):
        stage(CommunitiesConfig(), factors=ds, traces=traces.example())
