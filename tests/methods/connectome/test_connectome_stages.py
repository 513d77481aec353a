"""The method on simulated populations: planted structure found, clocks respected, surrogates calibrated."""

import numpy as np
import pytest
import xarray as xr

from polyadic.core import io
from polyadic.kernels import trace_surrogates
from polyadic.kinds import cp_factors
from polyadic.kinds import traces as kind
from polyadic.methods.connectome.decompose import DecomposeConfig, decompose
from polyadic.methods.connectome.evaluate import EvaluateConfig, evaluate
from polyadic.methods.connectome.significance import p_values
from polyadic.methods.connectome.surrogates import SurrogatesConfig, surrogates
from polyadic.sources.simulated_traces import SimulatedTracesConfig, simulated_traces


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> xr.DataTree:
    path = tmp_path_factory.mktemp("population") / "traces.nc"
    settings = SimulatedTracesConfig(neurons=30, communities=2, states=2, animals=2, duration=300.0, seed=11)
    io.write(simulated_traces(settings), path)
    return io.read(path, groups=True)


@pytest.fixture(scope="module")
def population(tree) -> xr.Dataset:
    return tree.to_dataset()


@pytest.fixture(scope="module")
def factors(population) -> xr.Dataset:
    return decompose(DecomposeConfig(rank=2), traces=population)


def test_planted_communities_and_epochs_are_found(tree, factors):
    scored = evaluate(EvaluateConfig(), traces=tree, factors=factors)
    ours = scored["value"].sel({"method": "connectome"})
    assert float(ours.sel(metric="ami")) >= 0.7
    assert float(ours.sel(metric="epoch_iou")) >= 0.6
    assert set(scored["method"].to_numpy()) == {"connectome", "epochs_known", "naive_ntf", "window_correlation"}


def test_the_score_sees_what_it_scores(tree, population):
    """Pairs in random order score by chance alone, or the scores above would mean nothing."""
    factors = decompose(DecomposeConfig(rank=2, starts=1), traces=population)
    order = np.random.default_rng(0).permutation(factors.sizes["pair"])
    factors["factor_pair"] = factors["factor_pair"].copy(data=factors["factor_pair"].to_numpy()[order])
    scored = evaluate(EvaluateConfig(baselines=False), traces=tree, factors=factors)
    assert abs(float(scored["value"].sel({"metric": "ami", "method": "connectome"}))) < 0.25


def test_a_common_course_without_a_common_clock_is_refused(population):
    own = population.assign_attrs(clock="per_animal")
    with pytest.raises(ValueError, match="needs a common stimulus clock"):
        decompose(DecomposeConfig(alignment="shared"), traces=own)
    assert decompose(DecomposeConfig(rank=2, starts=1), traces=own)["factor_time"].dims == (
        "animal",
        "time",
        "component",
    )


def test_without_truth_stability_is_reported():
    example = kind.example()
    scored = evaluate(EvaluateConfig(), traces=example, factors=cp_factors.example())
    assert list(scored["metric"].to_numpy()) == ["stability", "relative_error"]


def test_p_values_of_exchangeable_components_are_uniform():
    """Of draws alike, each is the greatest of 20 with probability 1 in 20."""
    rng = np.random.default_rng(0)
    found = [p_values(rng.random(1), rng.random((19, 1)))[0] for _ in range(4000)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_amplitude_adjusted_surrogates_keep_values_and_mean_correlations():
    rng = np.random.default_rng(0)
    common = rng.standard_normal(2000).cumsum()
    signals = np.exp(0.02 * (common + 5 * rng.standard_normal((3, 2000))))
    made = trace_surrogates.amplitude_adjusted(signals, rng)
    np.testing.assert_array_equal(np.sort(made), np.sort(signals))
    np.testing.assert_allclose(np.corrcoef(made), np.corrcoef(signals), atol=0.15)


def test_blocks_keep_every_frame_and_most_neighbours():
    order = trace_surrogates.permuted_blocks(1000, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(order), np.arange(1000))
    assert np.mean(np.diff(order) % 1000 == 1) > 0.95


@pytest.mark.parametrize("bursts", [True, False])
def test_synchrony_is_found_where_it_is_planted_and_only_there(bursts):
    """Independent neurons fire as often, but no component exceeds their shifts; shared bursts do."""
    kind_of = {"dynamics": "stationary"} if bursts else {"burst_rate": 0.0, "background": 0.3}
    common = {"neurons": 20, "communities": 2, "states": 2, "animals": 2, "duration": 200.0, "seed": 300}
    data = simulated_traces(SimulatedTracesConfig(**common, **kind_of)).to_dataset()
    tested = surrogates(
        SurrogatesConfig(count=19), traces=data, factors=decompose(DecomposeConfig(rank=2), traces=data)
    )
    assert bool((tested["p_synchrony"] <= 0.05).any()) == bursts
