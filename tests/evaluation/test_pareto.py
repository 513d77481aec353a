"""Error against size: counts of learned numbers travel from predictions to the figure, run by run in a sweep."""

import numpy as np
import pytest

from polyadic.core import config as configs
from polyadic.core.errors import ContractError
from polyadic.evaluation import fields as scoring
from polyadic.evaluation.sweep import sweep
from polyadic.kinds import metrics
from polyadic.plotting.pareto import pareto
from polyadic.plotting.trend import trend

SIZES = {"tensor": 900, "mean": 16, "network": 40_000, "table": 2_000}
ERRORS = {"tensor": 0.03, "mean": 0.4, "network": 0.02, "table": 0.09, "oracle": 0.001}


def scored(factor=1.0, size=900):
    found = {name: {"relative_l2": np.full(5, error * factor)} for name, error in ERRORS.items()}
    ds = scoring.table(found, {**SIZES, "tensor": size})
    ds.attrs |= {"kind": "metrics", "schema_version": "1.2"}
    return ds


def names(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_every_method_with_a_count_is_a_named_point_and_none_lies_below_the_line():
    figure = pareto(scored())
    assert names(figure) == ["mean", "tensor", "table", "network"]  # by size; of the oracle no size is known
    line = figure.axes[0].get_lines()[0].get_xydata()
    assert line[:, 0].tolist() == sorted(SIZES.values())
    np.testing.assert_allclose(line[:, 1], [0.4, 0.03, 0.03, 0.02])


def test_a_sweep_has_a_point_a_run_named_by_what_was_varied():
    settings = {"runs": ["a", "b"], "parameters": {"fit.rank": "[2, 5]"}}
    ds = sweep(configs.build(sweep.config, settings), metrics=[scored(), scored(0.5, 1500)])
    assert ds["parameters"].sel({"method": "tensor"}).to_numpy().tolist() == [900, 1500]
    assert names(pareto(ds)) == ["mean", "rank 2", "rank 5", "table", "network"]


def test_a_file_without_counts_says_so_and_counts_of_another_shape_are_refused():
    assert names(pareto(scored().drop_vars("parameters"))) == ["the file does not say how many numbers were learned"]
    wrong = scored().drop_vars("parameters").assign_coords(parameters=("metric", [1.0]))
    with pytest.raises(ContractError, match=r"'parameters' has dims \('metric',\), expected \('method',\)"):
        metrics.SCHEMA.check(wrong)


def test_what_errors_are_measured_against_is_a_line_at_its_size_and_no_point():
    figure = pareto(scored().assign(value=scored()["value"].where(scored()["method"] != "table", 0.0)))
    assert names(figure) == ["table, error 0", "mean", "tensor", "network"]


def sizes(*counts):
    runs = [metrics.of_size(scored(50 / count), count, "charges") for count in counts]
    found = sweep(
        configs.build(sweep.config, {"parameters": {"dataset": '["b", "a"]', "seed": "[0, 1]"}}), metrics=runs
    )
    metrics.SCHEMA.check(found)
    return found


def test_a_sweep_over_datasets_is_drawn_against_their_sizes_and_the_best_baseline_of_each_run_beside_it():
    ds = sizes(100, 25)
    assert ds["size"].to_numpy().tolist() == [100, 25]
    assert ds["dataset"].to_numpy().tolist() == ["b", "a"]
    axes = trend(ds).axes[0]
    own, best = (line.get_xydata().tolist() for line in axes.get_lines())
    assert own == [[25, 0.06], [100, 0.015]]
    assert best == [[25, 0.002], [100, 0.0005]]
    assert axes.get_xlabel() == "charges"


def test_one_run_has_no_trend_and_a_size_of_another_shape_is_refused():
    assert names(trend(scored())) == ["one run has no trend; draw the table of a sweep"]
    with pytest.raises(ContractError, match=r"'size' has dims \('metric',\), expected"):
        metrics.SCHEMA.check(scored().assign_coords(size=("metric", [1.0])))


@pytest.mark.parametrize("verb", ["learned", "stores"])
def test_the_axis_says_whether_numbers_are_learned_or_stored(verb):
    ds = scored()
    ds["parameters"].attrs["long_name"] = f"numbers that the method {verb}"
    assert pareto(ds).axes[0].get_xlabel() == f"numbers {'stored' if verb == 'stores' else verb}"
