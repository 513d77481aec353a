"""Draws of parts: whole groups, disjoint folds, blocks and their margins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from polyadic.kernels import splitting

labels = npst.arrays(np.int64, st.integers(3, 60), elements=st.integers(-5, 30)).filter(lambda x: np.unique(x).size > 2)
fractions = st.tuples(st.floats(0.01, 0.6), st.floats(0.0, 0.39))
seeds = st.integers(0, 2**32)


@given(labels, fractions, seeds)
def test_no_group_is_cut_and_no_part_is_empty(groups, parts, seed):
    flags = splitting.draw_groups(groups, *parts, seed)
    assert all(np.unique(flags[groups == group]).size == 1 for group in np.unique(groups))
    wanted = {splitting.TRAIN, splitting.TEST} | ({splitting.VALIDATION} if parts[1] > 0 else set())
    assert set(flags.tolist()) == wanted


@given(labels, fractions, seeds, st.randoms(use_true_random=False))
def test_the_draw_follows_the_rows(groups, parts, seed, random):
    order = random.sample(range(groups.size), groups.size)
    flags = splitting.draw_groups(groups, *parts, seed)
    np.testing.assert_array_equal(splitting.draw_groups(groups[order], *parts, seed), flags[order])


@given(st.integers(2, 12), st.integers(0, 50), seeds)
def test_folds_of_one_seed_share_no_test_group_and_cover_all(folds, more, seed):
    groups = np.arange(folds + more)
    tests = [splitting.draw_groups(groups, 1 / folds, 0, seed, fold) == splitting.TEST for fold in range(folds)]
    np.testing.assert_array_equal(np.sum(tests, axis=0), 1)


def test_parts_have_the_sizes_that_were_asked_for():
    flags = splitting.draw_groups(np.arange(1000), 0.1, 0.2, 3)
    assert np.bincount(flags).tolist() == [700, 200, 100]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.0, 0.0, 0), r"'test' is a fraction in \(0, 1\), found 0"),
        ((1.0, 0.0, 0), r"'test' is a fraction in \(0, 1\), found 1"),
        ((0.6, 0.4, 0), "leaves a rest beside 'test' 0.6, found 0.4"),
        ((0.2, -0.1, 0), r"'validation' is a fraction in \[0, 1\)"),
        ((0.2, 0.0, 5), "found 5 with test 0.2"),
    ],
)
def test_impossible_fractions_are_refused(arguments, text):
    test, validation, fold = arguments
    with pytest.raises(ValueError, match=text):
        splitting.draw_groups(np.arange(10), test, validation, 0, fold)


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="labels hold 2 groups, accepted are at least 3"):
        splitting.draw_groups([1, 1, 2], 0.3, 0.3, 0)


def slow_components(*partitions):
    """The same groups by merging sets until none share a label."""
    sets = [{i} for i in range(len(partitions[0]))]
    for partition in partitions:
        for label in set(partition):
            touching = [s for s in sets if any(partition[i] == label for i in s)]
            sets = [s for s in sets if s not in touching] + [set().union(*touching)]
    return sorted(map(sorted, sets))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=25))
def test_connected_labels_are_the_components_of_the_sharing_graph(pairs):
    first, second = map(list, zip(*pairs, strict=True))
    found = splitting.connected_labels(first, second)
    groups = sorted(np.flatnonzero(found == label).tolist() for label in np.unique(found))
    assert groups == slow_components(first, second)


@given(
    npst.arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 100)),
    st.floats(0.5, 20),
    st.floats(0, 20),
    st.data(),
)
def test_near_blocks_are_those_within_the_margin_of_a_chosen_block(x, length, margin, data):
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=x.size, max_size=x.size)), bool)
    blocks = splitting.block_labels(x, length)
    near = splitting.near_blocks(x, length, chosen, margin)
    for i in range(x.size):
        spans = [(x.min() + b * length, x.min() + (b + 1) * length) for b in set(blocks[chosen])]
        inside = blocks[i] in set(blocks[chosen])
        distances = [max(low - x[i], x[i] - high) for low, high in spans]
        assert near[i] == (not inside and any(d < margin for d in distances)) or np.any(
            np.isclose(distances, margin, atol=1e-9)
        )


def test_block_length_has_to_be_positive():
    with pytest.raises(ValueError, match="'length' is positive, found 0"):
        splitting.block_labels([1.0], 0.0)
