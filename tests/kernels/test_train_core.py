"""The core as a tensor train: against all of its entries, few values asked for, nothing lost when values run out."""

import numpy as np
import pytest

from polyadic.kernels.full_core import FullCore
from polyadic.kernels.permutation_symmetry import exchangeable, representative
from polyadic.kernels.train_core import TrainCore


class Counted:
    def __init__(self, function, nodes, most=10**9):
        self.function, self.nodes, self.most, self.asked = function, nodes, most, []

    def __call__(self, index):
        if len(self.asked) + len(index) > self.most:
            raise RuntimeError("no values are left")
        self.asked += map(tuple, index)
        return self.function(*(self.nodes[i] for i in index.T))


def rational(*x):
    return 1 / (1 + sum(x) ** 2)


def grown(most=10**9):
    values = Counted(rational, np.cos(np.arange(1.0, 13.0) ** 2), most)
    core = TrainCore(values, 5, np.random.default_rng(0))
    for n in (1, 3, 6, 9, 12):
        core.extend((n,) * 5, 1e-9)
    return core, values


def test_train_gives_all_entries_from_few_of_them():
    core, values = grown()
    grid = np.meshgrid(*[values.nodes] * 5, indexing="ij")
    dense = core.reduced([np.eye(12)] * 5).dense()
    assert np.abs(dense - rational(*grid)).max() < 1e-6
    assert len(values.asked) < 0.15 * dense.size


def test_no_entry_is_asked_for_twice():
    _, values = grown()
    assert len(set(values.asked)) == len(values.asked)


def test_train_and_full_core_contract_alike():
    nodes = np.linspace(-0.3, 0.4, 4)
    rng = np.random.default_rng(1)
    maps = [rng.normal(size=(3, 4)) for _ in range(4)]
    rows = [rng.normal(size=(6, 3)) for _ in range(4)]
    train = TrainCore(Counted(rational, nodes), 4, rng)
    full = FullCore(Counted(rational, nodes), 4)
    for n in (2, 4):
        train.extend((n,) * 4, 1e-13)
        full.extend((n,) * 4, 1e-13)
    a, b = train.reduced(maps), full.reduced(maps)
    np.testing.assert_allclose(a.dense(), b.dense(), atol=1e-9)
    np.testing.assert_allclose(a.at(rows), b.at(rows), atol=1e-9)
    for mode in range(4):
        one = [row[:1] for row in rows]
        np.testing.assert_allclose(a.along(one, mode), b.along(one, mode), atol=1e-9)


def test_exhausted_values_leave_the_train_as_it_was():
    values = Counted(rational, np.cos(np.arange(1.0, 13.0) ** 2))
    core = TrainCore(values, 5, np.random.default_rng(0))
    for n in (1, 3, 6):
        core.extend((n,) * 5, 1e-9)
    held = core.reduced([np.eye(6)] * 5).dense()
    values.most = len(values.asked) + 1000
    with pytest.raises(RuntimeError, match="no values"):
        core.extend((12,) * 5, 1e-9)
    assert core.shape == (6,) * 5
    np.testing.assert_array_equal(core.reduced([np.eye(6)] * 5).dense(), held)


def test_nodes_that_were_taken_back_leave_no_values_behind():
    values = Counted(rational, np.cos(np.arange(1.0, 13.0) ** 2))
    core = TrainCore(values, 4, np.random.default_rng(0))
    core.extend((3,) * 4, 1e-9)
    values.most = len(values.asked) + 60
    with pytest.raises(RuntimeError, match="no values"):
        core.extend((6,) * 4, 1e-9)
    values.most, values.nodes = 10**9, np.concatenate([values.nodes[:3], np.linspace(-0.5, 0.5, 9)])
    core.extend((6,) * 4, 1e-9)
    dense = core.reduced([np.eye(6)] * 4).dense()
    grid = np.meshgrid(*[values.nodes[:6]] * 4, indexing="ij")
    assert np.abs(dense - rational(*grid)).max() < 1e-6


def test_only_modes_that_may_be_exchanged_are_grouped():
    def f(p):
        return np.exp(p[:, 0] * p[:, 1]) + p[:, 2] * p[:, 3]

    groups = exchangeable(f, ["a"] * 4, 1e-12, np.random.default_rng(0))
    assert groups == [[0, 1], [2, 3]]
    assert exchangeable(f, list("abcd"), 1e-12, np.random.default_rng(0)) == []


@pytest.mark.parametrize("seed", range(3))
def test_all_permutations_have_one_representative(seed):
    rng = np.random.default_rng(seed)
    point = rng.normal(size=5)
    shuffled = point.copy()
    shuffled[[0, 2, 3]] = rng.permutation(point[[0, 2, 3]])
    same = representative(np.vstack([point, shuffled]), [[0, 2, 3]])
    np.testing.assert_array_equal(same[0], same[1])
    assert sorted(same[0]) == sorted(point)
