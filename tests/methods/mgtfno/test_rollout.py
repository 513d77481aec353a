"""Runs in time: samples of a run follow one another, predictions go on from predictions, training can learn that."""

import numpy as np
import pytest
import torch

from polyadic.core import config as configs
from polyadic.core.errors import InputError
from polyadic.kinds import fields
from polyadic.methods.mgtfno import network
from polyadic.methods.mgtfno.evaluate import _followed
from polyadic.methods.mgtfno.module import OperatorModule
from polyadic.methods.mgtfno.recurrence import Recurrence, Window, recurrence
from polyadic.methods.mgtfno.rollout import RolloutConfig, rollout
from polyadic.methods.mgtfno.samples import Batch, GridDataModule, GridSet
from polyadic.methods.mgtfno.split import SplitConfig, split
from polyadic.methods.mgtfno.train import TrainConfig, train
from polyadic.plotting import fields as plotting
from polyadic.sources.navier_stokes import navier_stokes

POINTS, LENGTH = 8, 6


def decaying(runs=12, seed=0):
    """Return waves that turn and decay by one linear map a step, cut to single steps; a mask stays as it is."""
    rng = np.random.default_rng(seed)
    x = 2 * np.pi * np.arange(POINTS) / POINTS
    states = np.empty((runs, LENGTH + 1, POINTS, POINTS), np.float32)
    weights = rng.standard_normal((runs, 2)) + 1j * rng.standard_normal((runs, 2))
    for step in range(LENGTH + 1):
        one, two = (np.multiply.outer(w, np.exp(1j * x)).real for w in weights.T)
        states[:, step] = one[:, :, None] + two[:, None, :]
        weights = weights * [0.9 * np.exp(0.5j), 0.8 * np.exp(0.2j)]
    before, after = (states[:, i : i + LENGTH].reshape(-1, POINTS, POINTS) for i in (0, 1))
    mask = np.ones_like(before)
    text = {"units": "1", "long_name": "state"}
    ds = fields.dataset(
        {
            "mask": (mask, "input", text),
            "before": (before, "input", {**text, fields.EVOLVES: "after", "steps": "[0]"}),
            "after": (after, "output", {**text, "steps": "[1]"}),
        },
        {"y": fields.Axis(), "x": fields.Axis()},
    )
    run, moment = np.divmod(np.arange(len(before)), LENGTH)
    ds = ds.assign_coords(fields.runs(run, moment))
    ds.attrs |= {"kind": "fields", "schema_version": "1.0"}
    return ds


def untrained(ds, **more):
    """Return the file of an operator with the first weights."""
    form = {
        "form": "tfno",
        "modes": [4, 4],
        "width": 4,
        "layers": 1,
        "factorisation": "dense",
        "rank": 1.0,
        "joint": True,
    }
    torch.manual_seed(0)
    model = network.Operator({**network.geometry(ds), **form, "levels": 0, "padding": 0.0, **more})
    curves = {name: [1.0] for name in ("train_loss", "validation_loss", "learning_rate")}
    tree = network.to_tree(model, curves, "relative L2 error")
    tree.attrs |= {"kind": "operator", "schema_version": "1.0"}
    return tree


@pytest.fixture(scope="module")
def divided():
    return split(SplitConfig(test=0.25), fields=decaying())


@pytest.fixture(scope="module")
def followed(divided):
    return rollout(RolloutConfig(), fields=divided, operator=untrained(divided))


def test_each_prediction_is_the_input_of_the_next(divided, followed):
    model = network.from_tree(untrained(divided))
    test = fields.where_split(divided, "test")
    state = test.isel(sample=0)
    inputs = np.stack([state["mask"], state["before"]])[None].astype(np.float32)
    for lead in range(LENGTH):
        outputs = network.predicted(model, inputs)
        np.testing.assert_allclose(followed["after_by_mgtfno"][0, lead], outputs[0, 0], rtol=1e-5, atol=1e-6)
        inputs = np.concatenate([inputs[:, :1], outputs], axis=1)


def test_truth_and_baselines_are_those_of_the_run(divided, followed):
    test = fields.where_split(divided, "test")
    runs = test["after"].to_numpy().reshape(-1, LENGTH, POINTS, POINTS)
    np.testing.assert_array_equal(followed["after"], runs)
    starts = test["before"].to_numpy().reshape(-1, LENGTH, POINTS, POINTS)[:, 0]
    np.testing.assert_array_equal(followed["after_by_persistence"], np.repeat(starts[:, None], LENGTH, 1))
    assert float(followed["relative_l2_by_linear"].max()) < 1e-3  # the map is linear: iterating the fit is exact
    apart = np.linalg.norm(starts[0] - runs[0, -1]) / np.linalg.norm(runs[0, -1])
    assert float(followed["relative_l2_by_persistence"][0, -1]) == pytest.approx(apart, rel=1e-5)


def test_scores_and_figure_hold_every_method(followed):
    found = _followed(followed)
    assert set(found) == {"mgtfno", "persistence", "mean", "linear"}
    error = followed["relative_l2_by_mean"]
    np.testing.assert_allclose(found["mean"]["relative_l2_rollout"], error.mean("lead"))
    np.testing.assert_allclose(found["mean"]["relative_l2_rollout_last"], error[:, -1])
    lines = plotting.rollout(followed).axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["mgtfno", "persistence", "mean", "linear"]


def test_steps_limit_how_far_runs_are_followed(divided):
    out = rollout(RolloutConfig(steps=2), fields=divided, operator=untrained(divided))
    assert out["lead"].to_numpy().tolist() == [1, 2]
    late = rollout(RolloutConfig(start=3), fields=divided, operator=untrained(divided))
    assert late["lead"].to_numpy().tolist() == [1, 2, 3]
    first = fields.where_split(divided, "test")
    np.testing.assert_array_equal(late["before"], first["before"][first["moment"].to_numpy() == 3])


@pytest.mark.parametrize("levels", [0, 1])
def test_large_fields_are_followed_in_parts_as_they_are_at_once(levels, divided, monkeypatch):
    tree = untrained(divided, levels=levels, padding=0.125)
    whole = rollout(RolloutConfig(), fields=divided, operator=tree)
    monkeypatch.setattr("polyadic.methods.mgtfno.rollout.LARGE", POINTS**2)
    parts = rollout(RolloutConfig(), fields=divided, operator=tree)
    np.testing.assert_allclose(parts["after_by_mgtfno"], whole["after_by_mgtfno"], rtol=0, atol=1e-5)


def test_states_that_do_not_fit_into_memory_are_refused(divided, monkeypatch):
    monkeypatch.setattr("polyadic.methods.mgtfno.rollout.HELD", 2**10)
    with pytest.raises(
        InputError, match=r"18 states of all runs by 4 methods take .* accepted are .*; follow fewer with"
    ):
        rollout(RolloutConfig(), fields=divided, operator=untrained(divided))


def test_a_state_of_several_moments_moves_on_by_those_that_were_predicted():
    link = Recurrence((Window(slice(1, 4), slice(0, 2)),), 2)
    inputs, outputs = torch.tensor([[[9.0], [0.0], [1.0], [2.0]]]), torch.tensor([[[3.0], [4.0]]])
    assert link.advance(inputs, outputs)[0, :, 0].tolist() == [9.0, 2.0, 3.0, 4.0]
    assert link.held(inputs.numpy())[0, :, 0].tolist() == [2.0, 2.0]


def test_samples_without_runs_or_with_gaps_in_time_are_refused(divided):
    with pytest.raises(InputError, match=r"the fields: the samples are not cut from runs in time.*set every"):
        recurrence(divided.drop_vars(["run", "moment"]))
    gap = divided.copy()
    gap["after"].attrs["steps"] = "[3]"
    with pytest.raises(InputError, match=r"'after' is given at steps \[0\] and wanted at \[3\]"):
        recurrence(gap)
    alone = divided.copy()
    del alone["before"].attrs[fields.EVOLVES]
    with pytest.raises(InputError, match="output 'after' is no input of the next step"):
        recurrence(alone)
    ends = divided.isel(sample=np.flatnonzero(divided["moment"].to_numpy() == 0))
    with pytest.raises(InputError, match="less than two samples in a row"):
        rollout(RolloutConfig(), fields=ends, operator=untrained(divided))


def test_a_pushed_batch_is_judged_one_step_later_after_the_network_moved_it_on(divided):
    link = recurrence(divided)
    ds = fields.where_split(divided, "train")
    after = link.next_samples(ds)
    rows = np.flatnonzero(after >= 0)[:3]
    batch = GridSet([ds])[Batch(0, tuple(rows), following=tuple(after[rows]))]
    assert torch.equal(batch.outputs[:, 0], torch.as_tensor(ds["after"].to_numpy()[rows + 1]))
    model = network.from_tree(untrained(divided))
    module = OperatorModule(model, {"loss": "l2"}, link=link)
    first = model(batch.inputs).detach()
    moved = torch.cat([batch.inputs[:, :1], first], 1)
    expected = module.loss(model(moved), batch.outputs).mean()
    assert float(module.training_step(batch, 0).detach()) == pytest.approx(float(expected.detach()), rel=1e-6)


def test_the_share_of_pushed_batches_is_that_of_the_setting_and_leaves_the_others_as_they_were(divided):
    plain, pushed = (GridDataModule([divided], 4, seed=1, pushforward=share) for share in (0.0, 0.5))
    batches = [list(data.train_dataloader().sampler) for data in (plain, pushed)]
    going = [batch for batch in batches[1] if batch.following]
    assert 0.2 < len(going) / len(batches[1]) < 0.8
    for before, after in zip(*batches, strict=True):
        assert set(after.samples) <= set(before.samples)
        assert after.following or after == before
    part = Batch(0, (1, 2, 3, 4), following=(2, 3, 4, 5)).part(1, 2)
    assert (part.samples, part.following) == ((2, 4), (3, 5))


def test_training_with_pushforward_learns_the_runs(divided):
    settings = {"width": 8, "modes": 4, "layers": 1, "epochs": 8, "rank": 1.0, "pushforward": 0.5, "loss": "l2"}
    tree = train(configs.build(TrainConfig, settings), fields=divided)
    out = rollout(RolloutConfig(), fields=divided, operator=tree)
    last = {name: float(out[f"relative_l2_by_{name}"][:, -1].mean()) for name in ("mgtfno", "persistence")}
    assert last["mgtfno"] < 0.5 * last["persistence"]


def test_flows_are_cut_to_intervals_that_meet():
    settings = {"samples": 3, "points": 16, "time": 2.0, "step": 0.05, "chunk": 2}
    whole = navier_stokes(configs.build(navier_stokes.config, settings))
    cut = navier_stokes(configs.build(navier_stokes.config, settings | {"snapshots": 4}))
    following = recurrence(cut).next_samples(cut)
    assert following.tolist() == [1, 2, 3, -1, 5, 6, 7, -1, 9, 10, 11, -1]
    for i, j in enumerate(following):
        if j >= 0:
            np.testing.assert_array_equal(cut["vorticity"][i], cut["vorticity_before"][j])
    assert not cut["vorticity_before"][::4].any()  # at rest
    np.testing.assert_allclose(cut["vorticity"][3::4], whole["vorticity"], rtol=1e-5, atol=1e-6)
    assert np.isfinite(cut["step_error"]).to_numpy().tolist() == [False] * 3 + [True] + [False] * 7 + [True]
