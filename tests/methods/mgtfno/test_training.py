"""Training: a planted map is learned, a killed run ends as an undisturbed one, foreign checkpoints are refused."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from polyadic.core import checkpoints, io
from polyadic.core import config as configs
from polyadic.core.errors import InputError
from polyadic.kernels.field_errors import relative_h1
from polyadic.kinds import fields, operator
from polyadic.methods.mgtfno import network, training, workers
from polyadic.methods.mgtfno.baselines import BaselinesConfig, baselines
from polyadic.methods.mgtfno.evaluate import EvaluateConfig, evaluate
from polyadic.methods.mgtfno.predict import PredictConfig, predict
from polyadic.methods.mgtfno.samples import Batch, GridDataModule, GridSet, Order
from polyadic.methods.mgtfno.split import SplitConfig, split
from polyadic.methods.mgtfno.train import TrainConfig, train
from polyadic.plotting import metrics as plotting

SOURCE = Path(__file__).parents[3] / "src"
PRECISIONS = ("32-true", "bf16-mixed", "64-true")


def diffused(samples=40, n=12, seed=0, boundary="periodic"):
    """Return smooth forcings and the fields that diffuse them: a map that one spectral layer can hold."""
    rng = np.random.default_rng(seed)
    x = np.arange(n) / n
    waves = [np.sin(np.pi * k * x) if boundary == "dirichlet" else np.cos(2 * np.pi * k * x) for k in (1, 2, 3)]
    basis = np.stack([np.multiply.outer(a, b) for a in waves for b in waves])
    decay = np.array([1 / (1 + i * i + j * j) for i in (1, 2, 3) for j in (1, 2, 3)])
    weights = rng.standard_normal((samples, 9))
    forcing, answer = (np.tensordot(w, basis, 1) for w in (weights, weights * decay))
    text = {"units": "1", "long_name": "field"}
    axis = fields.Axis(boundary=boundary, grid="left" if boundary == "dirichlet" else "both")
    ds = fields.dataset(
        {"forcing": (forcing.astype("f4"), "input", text), "answer": (answer.astype("f4"), "output", text)},
        {"y": axis, "x": axis},
    )
    ds.attrs |= {"kind": "fields", "schema_version": "1.0"}
    return ds


def configured(**settings):
    return configs.build(TrainConfig, {"width": 8, "modes": 6, "epochs": 6, "layers": 2, "rank": 0.3, **settings})


@pytest.fixture(scope="module")
def divided():
    return split(SplitConfig(test=0.25), fields=diffused())


@pytest.fixture(scope="module")
def trained(divided):
    return train(configured(epochs=30), fields=divided)


def weights(tree):
    return operator.parameters(tree)


def test_a_planted_linear_map_is_learned_and_scored_beside_the_baselines(divided, trained):
    predicted = predict(PredictConfig(), fields=divided, operator=trained)
    made = baselines(BaselinesConfig(only=("mean", "linear", "persistence")), fields=divided)
    fine = diffused(6, 24, seed=1)
    scores = evaluate(EvaluateConfig(), predict=predicted, baselines=made, operator=trained, fine=fine)
    value = scores["value"].sel(metric="relative_l2")
    assert float(value.sel({"method": "mgtfno"})) < 0.3 * float(value.sel({"method": "mean"}))
    assert (
        float(value.sel({"method": "linear"})) < 1e-3
    )  # nine directions, exactly linear: the baseline wins, and is shown
    assert np.isfinite(scores["value"].sel({"method": "mgtfno"}).to_numpy()).all()
    native, aware = (
        float(scores["value"].sel({"method": "mgtfno", "metric": f"relative_l2_24_{w}"}))
        for w in ("native", "resampled")
    )
    assert native < 2 * float(value.sel({"method": "mgtfno"}))
    assert aware < 2 * float(value.sel({"method": "mgtfno"}))
    learned = {str(m): int(n) for m, n in zip(scores["method"].values, scores["parameters"].values, strict=True)}
    stored = sum(values.size for name, values in weights(trained).items() if not name.endswith(("_mean", "_scale")))
    assert learned["mgtfno"] == stored
    assert learned["mean"] == 12 * 12
    assert learned["linear"] > 12 * 12 * (1 + 9)  # the mean, and nine directions of the inputs
    figure = plotting.pareto(scores).axes[0]
    assert {text.get_text() for text in figure.texts} == set(learned)


def test_a_channel_that_is_constant_divides_nothing_by_zero():
    ds = diffused()
    ds["level"] = xr.full_like(ds["forcing"], 7.0)
    held = split(SplitConfig(), fields=ds)
    tree = train(configured(epochs=2), fields=held)
    assert all(np.isfinite(values).all() for values in weights(tree).values())
    found = [
        predict(PredictConfig(), fields=held, operator=tree)["answer_by_mgtfno"],
        *baselines(BaselinesConfig(only=("linear", "pca")), fields=held)[
            ["answer_by_linear", "answer_by_pca"]
        ].values(),
    ]
    assert all(np.isfinite(values).all() for values in found)
    empty = ds.assign(answer=xr.full_like(ds["answer"], 0.0))
    none = train(configured(epochs=1), fields=split(SplitConfig(), fields=empty))
    assert np.isfinite(none["train_loss"]).all()


def test_a_boundary_aware_series_refines_where_a_periodic_one_rings():
    from polyadic.evaluation import fields as scoring

    coarse, fine = (diffused(4, n, boundary="dirichlet") for n in (16, 32))
    values, truth = (fields.array(ds, "output") for ds in (coarse, fine))
    errors = [
        scoring.scores(scoring.refined(values, (32, 32), fine, aware), truth, fine)["relative_l2"].mean()
        for aware in (True, False)
    ]
    assert errors[0] < 1e-6
    assert errors[1] > 0.01
    np.testing.assert_array_equal(scoring.coarsened(truth, (16, 16), fine), truth[:, :, ::2, ::2])


def test_the_stored_operator_is_the_trained_one_bit_for_bit(trained, divided, tmp_path):
    io.write(trained, tmp_path / "operator.nc")
    with io.read(tmp_path / "operator.nc", groups=True) as back:
        first, second = network.from_tree(trained), network.from_tree(back)
    for name, values in first.state_dict().items():
        assert torch.equal(values, second.state_dict()[name])
    inputs = fields.array(divided, "input")
    np.testing.assert_array_equal(network.predicted(first, inputs), network.predicted(second, inputs))


def test_test_samples_change_nothing_in_training(divided):
    other = divided.copy(deep=True)
    held = np.flatnonzero(other["split"] == 2)
    other["answer"][held] = 1e6
    a, b = (weights(train(configured(epochs=2), fields=ds)) for ds in (divided, other))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_one_setting_changes_the_numbers_of_the_training_and_hardly_its_losses(divided):
    loss = {p: train(configured(precision=p), fields=divided)["train_loss"].to_numpy() for p in PRECISIONS}
    for precision in PRECISIONS[1:]:
        assert not np.array_equal(loss[precision], loss["32-true"])
        assert loss[precision] == pytest.approx(loss["32-true"], rel=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_learns_what_the_processor_learns(divided):
    loss = {
        device: train(configured(device=device), fields=divided)["train_loss"].to_numpy() for device in ("cpu", "cuda")
    }
    assert loss["cuda"] == pytest.approx(loss["cpu"], rel=0.01)


def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(divided, tmp_path, monkeypatch, capsys):
    io.write(divided, tmp_path / "split.nc")
    folder = tmp_path / "checkpoints"
    settings = '{"width":8,"modes":6,"layers":2,"rank":0.3,"epochs":40}'
    command = [sys.executable, "-m", "polyadic.methods.mgtfno.train", "--fields", str(tmp_path / "split.nc")]
    environment = {"PYTHONPATH": str(SOURCE), checkpoints.VARIABLE: str(folder), "PATH": "", "OMP_NUM_THREADS": "1"}
    job = subprocess.Popen(
        [*command, "--config", settings, "--out", str(tmp_path / "o.nc")],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    while not list(folder.rglob("losses.csv")) and job.poll() is None:
        time.sleep(0.02)
    job.kill()
    assert job.wait() == -9
    assert not (tmp_path / "o.nc").exists()
    (last,) = folder.rglob("last.ckpt")
    assert torch.load(last, weights_only=True)["epoch"] + 1 < 40
    monkeypatch.setenv(checkpoints.VARIABLE, str(folder))
    with io.read(tmp_path / "split.nc") as ds:
        resumed = train(configured(epochs=40), fields=ds)
        assert "goes on from" in capsys.readouterr().err
        monkeypatch.delenv(checkpoints.VARIABLE)
        undisturbed = train(configured(epochs=40), fields=ds)
    xr.testing.assert_equal(resumed.to_dataset(), undisturbed.to_dataset())
    a, b = weights(resumed), weights(undisturbed)
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_checkpoint_of_other_data_is_refused(tmp_path):
    torch.save({"fingerprint": "another", "epoch": 3}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=r"last\.ckpt: made from other data, settings or code; move"):
        training.resumable(tmp_path, "mine")
    assert training.resumable(tmp_path / "nowhere", "mine") == (None, 0)


def test_patches_are_trained_and_stitched(divided):
    tree = train(configured(levels=1, padding=0.25, epochs=2, rank=0.5), fields=divided)
    model = network.from_tree(tree)
    assert network.predicted(model, fields.array(divided, "input")[:3]).shape == (3, 1, 12, 12)
    assert operator.architecture(tree)["levels"] == 1
    assert any(name.startswith("coarse.") for name in weights(tree))
    plain = train(configured(levels=1, padding=0.25, epochs=1, rank=0.5, coarse=False), fields=divided)
    assert plain.attrs["parameter_count"] < tree.attrs["parameter_count"]


def test_a_symmetric_equation_has_symmetric_predictions_at_every_resolution(divided):
    tree = train(configured(transposition=True, stencil=3, epochs=1), fields=divided)
    model = network.from_tree(tree)
    assert model.architecture["points"] == [12, 12]
    for n in (12, 24):
        given = torch.as_tensor(fields.array(diffused(2, n, seed=4), "input"))
        torch.testing.assert_close(model(given.mT.contiguous()).mT, model(given), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.predicted_in_rows(given), model(given), rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="stencil is to be odd, from 1, found 2"):
        configured(stencil=2)


def test_two_resolutions_share_a_training_and_never_a_batch(divided):
    finer = split(SplitConfig(), fields=diffused(10, 24, seed=5))
    module = GridDataModule([divided, finer], 4, seed=0)
    shapes = [batch.inputs.shape for batch in module.train_dataloader()]
    assert {shape[2] for shape in shapes} == {12, 24}
    assert sum(shape[0] for shape in shapes) == int((divided["split"] == 0).sum() + (finer["split"] == 0).sum())
    tree = train(configured(epochs=1), fields=divided, fine=finer)
    assert tree.attrs["parameter_count"] > 0


def test_the_order_depends_on_seed_and_epoch_alone_and_loses_no_sample():
    order = Order([10, 7], 4, seed=1)
    first = list(order)
    assert list(order) == first
    order.set_epoch(1)
    assert list(order) != first
    for number, size in enumerate((10, 7)):
        rows = [row for batch in first if batch.number == number for row in batch.samples]
        assert sorted(rows) == list(range(size))
    turned = [batch.transposed for batch in Order([400], 4, 0, transposition=True)]
    assert 20 < sum(turned) < 80


def test_samples_beyond_memory_are_read_batch_by_batch(divided, monkeypatch):
    held = GridSet([divided])
    monkeypatch.setattr("polyadic.methods.mgtfno.samples.IN_MEMORY", 0)
    read = GridSet([divided.chunk(sample=3)])
    for batch in (Batch(0, (7, 2, 30)), Batch(0, (1, 0), transposed=True)):
        for a, b in zip(held[batch][:2], read[batch][:2], strict=True):
            assert torch.equal(a, b)


def test_fields_that_do_not_fit_are_refused(divided, trained):
    other = diffused(4, boundary="dirichlet")
    with pytest.raises(InputError, match=r"the fields: its boundary is \['dirichlet', 'dirichlet'\], the operator was"):
        predict(PredictConfig(samples="all"), fields=other, operator=trained)
    with pytest.raises(InputError, match="modes names 3 numbers, the fields have 2 axes"):
        train(configured(modes=[4, 4, 4]), fields=divided)
    with pytest.raises(InputError, match="setting fine: its grid and channels are"):
        train(configured(), fields=divided, fine=split(SplitConfig(), fields=other))
    with pytest.raises(InputError, match="there are 3 samples, accepted are at least 4"):
        split(SplitConfig(), fields=diffused(3))


def test_samples_of_one_run_are_never_divided():
    ds = diffused(40).assign_coords(run=("sample", np.arange(40) // 4, {"units": "1", "long_name": "run"}))
    flags = split(SplitConfig(test=0.3, validation=0.3), fields=ds)["split"].to_numpy().reshape(10, 4)
    assert (flags == flags[:, :1]).all()
    assert sorted(np.unique(flags[:, 0])) == [0, 1, 2]
    with pytest.raises(InputError, match="there are 3 runs, accepted are at least 4"):
        split(SplitConfig(), fields=ds.isel(sample=slice(0, 12)))


@pytest.mark.parametrize("boundary", ["periodic", "dirichlet"])
def test_patches_in_sequence_give_the_gradient_of_the_stitched_loss(boundary):
    """The dense twin: all patches in one batch, one graph, the loss of the stitched field."""
    torch.manual_seed(0)
    given = network.geometry(diffused(2, 16, boundary=boundary))
    form = {"modes": [6, 6], "width": 6, "layers": 2, "factorisation": "tucker", "rank": 0.5, "joint": True}
    model = network.Operator({**given, **form, "form": "tfno", "levels": 2, "padding": 0.125}).double()
    x, y = torch.randn(2, 3, 1, 16, 16, dtype=torch.float64).unbind()
    h1 = [given["boundary"], given["grid"], given["lengths"]]
    losses, gradients = [], []
    for way in ("in sequence", "at once"):
        if way == "in sequence":
            stitched = model(x)
        else:
            grid = model.multi_grid((16, 16))
            places = [model.positions((16, 16), grid.origin(c, (16, 16)), (8, 8)) for c in grid.corners(2)]
            everywhere = torch.cat([place.expand(3, -1, -1, -1) for place in places])
            stitched = grid.stitch(model.network(grid.split(x), everywhere))
        model.zero_grad()
        loss = relative_h1(stitched, y, *h1).mean()
        loss.backward()
        losses.append(loss.detach())
        gradients.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-12, atol=0)
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


def test_a_patch_knows_where_it_lies_in_the_domain():
    model = network.Operator(
        {**network.geometry(diffused(2, 8, boundary="dirichlet")), "form": "unet", "width": 2, "depth": 1, "levels": 0}
    )
    places = model.positions((8, 8), (-1, 6), (2, 3))[0]
    torch.testing.assert_close(places[0, :, 0], torch.tensor([-1 / 8, 0.0], dtype=torch.float64))
    torch.testing.assert_close(places[1, 0], torch.tensor([6 / 8, 7 / 8, 1.0], dtype=torch.float64))


@pytest.mark.parametrize(
    ("boundary", "levels", "coarse"), [("periodic", 2, True), ("dirichlet", 2, False), ("dirichlet", 0, False)]
)
def test_a_large_field_is_predicted_block_by_block_as_it_is_at_once(boundary, levels, coarse, monkeypatch, tmp_path):
    ds = split(SplitConfig(), fields=diffused(8, 16, boundary=boundary))
    tree = train(configured(levels=levels, coarse=coarse, padding=0.125, epochs=1, rank=0.5), fields=ds)
    whole = predict(PredictConfig(), fields=ds, operator=tree)
    monkeypatch.setattr("polyadic.methods.mgtfno.predict.LARGE", 16 * 16)
    lazy = predict(PredictConfig(), fields=ds, operator=tree)
    parts = (16 // 2**levels,) * 2**levels
    assert lazy["answer_by_mgtfno"].chunks == ((1, 1), parts, parts)
    io.write(lazy, tmp_path / "predicted.nc")
    with io.read(tmp_path / "predicted.nc") as back:
        np.testing.assert_allclose(back["answer_by_mgtfno"], whole["answer_by_mgtfno"], rtol=0, atol=2e-6)


def test_two_processes_have_the_loss_of_one():
    """Batches of 4 and a validation set of 3, which has no equal halves.

    By AdamW; SOAP's steps rotate gradients, and the losses of such a small set part by 1e-5 in two epochs.
    """
    ds = split(SplitConfig(test=0.1), fields=diffused(34))
    settings = {"epochs": 2, "batch": 4, "optimiser": "adamw", "learning_rate": 5e-3}
    alone, together = (train(configured(processes=n, **settings), fields=ds) for n in (1, 2))
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(together[name], alone[name], rtol=1e-6)
    one, two = weights(alone), weights(together)
    assert max(float(np.abs(one[name] - two[name]).max()) for name in one) < 1e-5


def test_processes_divide_a_batch_or_repeat_it_and_lose_no_sample():
    parts = [list(Order([10, 7], 4, seed=1, place=(rank, 2))) for rank in (0, 1)]
    whole = list(Order([10, 7], 4, seed=1))
    for one, two, batch in zip(*parts, whole, strict=True):
        if len(batch.samples) % 2:
            assert one.samples == two.samples == batch.samples
        else:
            assert sorted(one.samples + two.samples) == sorted(batch.samples)
        assert one.whole == two.whole == len(batch.samples)
    with pytest.raises(InputError, match="batch must be a multiple of processes, found 3 and 2"):
        configured(batch=3, processes=2)


def test_a_process_that_ends_early_is_told_and_not_waited_for(divided, monkeypatch):
    def process(job, rank, shared):
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    monkeypatch.setattr(workers, "_process", process)
    with pytest.raises(InputError, match=r"a process of the training has ended early \(exit codes \[3\]\)"):
        train(configured(epochs=1, processes=2), fields=divided)


def test_the_number_of_processes_that_others_have_started_must_be_the_one_of_the_settings(monkeypatch):
    assert workers.place(2) == (0, 2, 1, False)
    for name, value in (("SLURM_PROCID", "3"), ("SLURM_NTASKS", "4"), ("SLURM_NNODES", "2")):
        monkeypatch.setenv(name, value)
    assert workers.place(4) == (3, 4, 2, True)
    assert workers.place(1) == (0, 1, 1, False)  # a job of one process inside an allocation
    with pytest.raises(InputError, match="setting processes is 2, but 4 processes were started"):
        workers.place(2)


def test_normalisation_of_large_files_is_that_of_small_ones(divided, monkeypatch):
    small = network.normalisation(divided)
    monkeypatch.setattr(network, "IN_MEMORY", 20_000)
    large = network.normalisation(divided)
    np.testing.assert_allclose(large, small, rtol=1e-12, atol=1e-15)
    values = fields.array(divided, "input").astype(np.float64)
    np.testing.assert_allclose(large[0], [[values.mean()], [values.std()]], rtol=1e-6, atol=1e-9)
