"""Error against size: counts of learned numbers travel from predictions to the figure, run by run in a sweep."""

import numpy as np
import pytest

from polyadic.core import config as configs
from polyadic.core.errors import ContractError
from polyadic.evaluation import fields as scoring
from polyadic.evaluation.sweep import sweep
from polyadic.kinds import metrics
from polyadic.plotting.metrics import pareto

SIZES = {"tensor": 900, "mean": 16, "network": 40_000, "table": 2_000}
ERRORS = {"tensor": 0.03, "mean": 0.4, "network": 0.02, "table": 0.09, "oracle": 0.001}


def scored(factor=1.0, size=900):
    found = {name: {"relative_l2": np.full(5, error * factor)} for name, error in ERRORS.items()}
    ds = scoring.table(found, {**SIZES, "tensor": size})
    ds.attrs |= {"kind": "metrics", "schema_version": "1.1"}
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
