"""Fit, predict and evaluate with a local process: the posterior says what it learned, the table has three rows."""

import json

import numpy as np
import pytest
import xarray as xr

from polyadic.kernels import local_tucker, scale_mixture
from polyadic.kernels.tucker_model import latent_moments
from polyadic.kinds import observations as kind
from polyadic.kinds import predictions
from polyadic.methods.funbat.evaluate import EvaluateConfig, evaluate
from polyadic.methods.funbat.fit import FitConfig, fit
from polyadic.methods.funbat.posterior import from_tree
from polyadic.methods.funbat.predict import PredictConfig, predict


@pytest.fixture(scope="module")
def rows():
    """Return planted values of a smooth product, a local field and noise; a fifth is for the test."""
    rng = np.random.default_rng(0)
    n = 500
    day, depth = rng.uniform(0, 10, n).round(1), rng.uniform(0, 10, n).round(1)
    waves, phases = rng.normal(0, 1.5, (300, 2)), rng.uniform(0, 2 * np.pi, 300)
    rough = np.sqrt(2 / 300) * np.cos(np.c_[day, depth] @ waves.T + phases).sum(axis=1)
    y = np.sin(0.6 * day) * np.cos(0.4 * depth) + 0.5 * rough + 0.1 * rng.normal(size=n)
    flag = {"flag_values": np.array([0, 1, 2], np.int8), "flag_meanings": "train validation test", "long_name": "split"}
    ds = xr.Dataset(
        {"y": ("obs", y, {"units": "m", "long_name": "height"})},
        {
            "day": ("obs", day, {"units": "1", "long_name": "day"}),
            "depth": ("obs", depth, {"units": "1", "long_name": "depth"}),
            "split": ("obs", np.where(np.arange(n) % 5, 0, 2).astype(np.int8), flag),
        },
    )
    ds.attrs = {
        "kind": "observations",
        "schema_version": kind.example().attrs.get("schema_version", "1.0"),
        "indexes": json.dumps(["day", "depth"]),
        "covariates": "[]",
    }
    return ds


def test_the_table_has_both_parts_alone_and_the_posterior_says_what_was_learned(rows):
    posterior = fit(FitConfig(rank=1), observations=rows)
    for name in ("residual_variance", "residual_noise_variance", "residual_length_day", "local_gain"):
        assert name in posterior.dataset
    assert posterior["residual_variance"].attrs["units"] == "(m)2"
    predicted = predict(PredictConfig(), observations=rows, posterior=posterior)
    assert list(predicted["method"].to_numpy()) == ["funbat", "funbat_tucker_alone", "local_alone"]
    scores = evaluate(EvaluateConfig(), predictions=predicted, baselines=predicted.sel(method=["local_alone"]))
    rmse = dict(zip(scores["method"].to_numpy().tolist(), scores["value"].sel(metric="rmse").to_numpy(), strict=True))
    assert list(rmse) == ["funbat", "funbat_tucker_alone", "local_alone"]
    assert np.all(rmse["funbat"] < 0.7 * rmse["funbat_tucker_alone"])


def test_the_table_scores_the_distributions_that_the_model_predicts(rows):
    """Cubes of the planted values: density and coverage of the table are those of the model, each part by its own."""
    cubed = rows.assign(y=(rows["y"] ** 3).assign_attrs(rows["y"].attrs))
    posterior = fit(FitConfig(rank=1, link="cube_root", residual="local", max_iterations=6), observations=cubed)
    predicted = predict(PredictConfig(), observations=cubed, posterior=posterior)
    predictions.SCHEMA.check(predicted)
    scores = evaluate(EvaluateConfig(), predictions=predicted, baselines=predicted.sel(method=["local_alone"]))
    model, columns = from_tree(posterior)
    test = kind.where_split(cubed, "test")
    X, y = columns.matrix(test), test["y"].to_numpy()
    value = scores["value"].sel({"method": "funbat"})
    assert float(value.sel(metric="nlpd")) == pytest.approx(-local_tucker.log_density(model, X, y).mean(), rel=1e-9)
    low, high = local_tucker.predictive_quantiles(model, X, np.array([0.1, 0.9])).T
    assert float(value.sel(metric="coverage80")) == pytest.approx(np.mean((y >= low) & (y <= high)))
    alone = predictions.columns(predicted, slice(None), 1).components()
    assert np.count_nonzero(alone[2][0]) == 1
    middle = local_tucker.predictive_quantiles(model, X, np.array([0.5]))[:, 0]
    np.testing.assert_allclose(predicted["y_predicted_median"][0], middle, rtol=1e-9)


def test_student_noise_behind_a_link_is_scored_as_the_mixture_it_is(rows):
    positive = rows.assign(y=np.exp(rows["y"]).assign_attrs(rows["y"].attrs))
    posterior = fit(FitConfig(rank=1, link="log", noise="student", max_iterations=6), observations=positive)
    predicted = predict(PredictConfig(), observations=positive, posterior=posterior)
    said = predictions.columns(predicted, slice(None))
    mixture = scale_mixture.of_median(*said.components())
    model, columns = from_tree(posterior)
    X = columns.matrix(kind.where_split(positive, "test"))
    np.testing.assert_allclose(scale_mixture.median(mixture), predicted["y_predicted"], rtol=1e-6)
    levels = np.array([0.05, 0.95])
    wanted = local_tucker.predictive_quantiles(model, X, levels)
    np.testing.assert_allclose(scale_mixture.quantiles(mixture, levels), wanted, rtol=1e-9)


def test_a_stored_cp_core_is_canonical_and_predicts_as_it_did(rows):
    """Unit norms, weights that descend; the product of the stored parts is the mean at a stored point of the grid."""
    tree = fit(FitConfig(rank=2, core="cp", residual="none", max_iterations=6), observations=rows)
    weight = tree["core"].to_numpy()
    assert np.all(weight >= 0)
    assert np.all(np.diff(weight) <= 0)
    factors = [tree[f"factor_{mode}"].to_numpy() for mode in ("day", "depth")]
    for factor in factors:
        np.testing.assert_allclose((factor**2).sum(axis=0), 1, rtol=1e-9)
    model, columns = from_tree(tree)
    place = {name: tree[name].to_numpy()[[3, 40]] for name in columns.names}
    X = np.stack([place[name] for name in columns.names], axis=1)
    mean = float(tree["centre"]) + np.prod([factor[[3, 40]] for factor in factors], axis=0) @ weight
    np.testing.assert_allclose(mean, latent_moments(model.tucker, X)[0], rtol=1e-9)
