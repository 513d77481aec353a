"""Bands for rows that come in new groups: learned from groups withheld, which the split says they are."""

import numpy as np
import pytest
import xarray as xr

from polyadic import FunctionalTucker
from polyadic.kinds import observations as kind
from polyadic.methods.funbat.groups import groups_of
from polyadic.methods.funbat.split import SplitConfig, split


def planted(groups: int, seed: int):
    """Return rows near the heights of their groups, with an effect of each group that no neighbour shares."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), 40)
    X = np.c_[rng.uniform(0, 10, groups)[group] + rng.normal(0, 0.02, group.size), rng.uniform(0, 10, group.size)]
    effect = 0.8 * rng.standard_normal(groups)
    return X, np.sin(0.7 * X[:, 1]) + effect[group] + 0.1 * rng.standard_normal(group.size), group


def test_bands_for_new_groups_are_learned_from_groups():
    """Half of the bands' misses are gone, and the bands of new groups hold about what they say."""
    X, y, group = planted(20, 0)
    new, truth, _ = planted(60, 1)
    covered = {}
    for name, labels in (("rows", None), ("groups", group)):
        model = FunctionalTucker(rank=1, residual="local").fit(X, y, labels)
        low, high = model.predict_quantiles(new, [0.1, 0.9]).T
        covered[name] = np.mean((truth >= low) & (truth <= high))
    assert covered["groups"] == pytest.approx(0.8, abs=0.1)
    assert abs(covered["groups"] - 0.8) < abs(covered["rows"] - 0.8)


def test_groups_of_another_length_are_refused():
    X, y, group = planted(4, 0)
    with pytest.raises(ValueError, match=r"groups: found shape \(159,\), X has 160 rows"):
        FunctionalTucker(rank=1).fit(X, y, group[:-1])


@pytest.mark.parametrize("scheme", ["random", "stations", "blocks"])
def test_the_split_says_which_groups_are_withheld(scheme):
    rows = split(SplitConfig(scheme=scheme, block_length=62.0, test=0.2), observations=kind.example())
    groups, what = groups_of(rows)
    assert what == {"random": "rows"}.get(scheme, scheme)
    if scheme == "random":
        assert groups is None
        return
    train = kind.where_split(rows, "train")
    label = train["station_index"] if scheme == "stations" else train["time"]
    frame = xr.Dataset({"group": ("obs", groups), "label": ("obs", label.to_numpy())}).to_dataframe()
    assert (frame.groupby("label")["group"].nunique() == 1).all()
    per_group = frame.groupby("group")["label"].nunique()
    assert per_group.max() <= (1 if scheme == "stations" else 3)
