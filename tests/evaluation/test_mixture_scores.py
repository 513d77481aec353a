"""Predictions are scored by the distribution that their file states, not by a normal of the same moments."""

import numpy as np
import pytest
import xarray as xr
from scipy.stats import lognorm, norm

from polyadic.core.errors import ContractError
from polyadic.evaluation.predictions import table
from polyadic.kinds import observations
from polyadic.kinds import predictions as kind
from polyadic.kinds.predictions import Shapes


def stated(count: int = 4000, sigma: float = 0.8) -> tuple[xr.Dataset, xr.Dataset]:
    """Return perfectly calibrated log-normal predictions, and the same moments without the distribution."""
    rng = np.random.default_rng(0)
    centre = rng.normal(1, 1, count)
    y = np.exp(centre + sigma * rng.standard_normal(count))
    rows = observations.dataset({"dust": (y, {"units": "ug m-3", "long_name": "dust"})}, {}, split=np.full(count, 2))
    mean = np.exp(centre + sigma**2 / 2)
    plain = kind.dataset(rows, "dust", (mean, mean**2 * np.expm1(sigma**2)))
    code = np.zeros(count, np.int8)
    shapes = Shapes(np.ones((1, 1)), np.ones((1, 1)), code, "log", np.exp(centre), np.full(count, sigma**2))
    return kind.shaped(plain, "dust", shapes), plain


def test_log_normal_predictions_have_the_coverage_density_and_median_error_they_state():
    shaped, plain = stated()
    kind.SCHEMA.check(shaped)
    scores = table("model", shaped)["value"].isel(method=0)
    for level in (50, 80, 90, 95):
        assert float(scores.sel(metric=f"coverage{level}")) == pytest.approx(level / 100, abs=0.02)
    y, median = shaped["dust"].to_numpy(), shaped["dust_predicted_median"].to_numpy()
    assert float(scores.sel(metric="nlpd")) == pytest.approx(-lognorm(0.8, scale=median).logpdf(y).mean(), rel=1e-12)
    assert float(scores.sel(metric="mae")) == pytest.approx(np.abs(y - median).mean())
    symmetric = table("model", plain)["value"].isel(method=0)
    assert float(symmetric.sel(metric="coverage80")) > 0.85
    for metric in ("nlpd", "crps", "mae"):
        assert float(scores.sel(metric=metric)) < float(symmetric.sel(metric=metric))
    assert float(scores.sel(metric="rmse")) == float(symmetric.sel(metric="rmse"))


def test_a_file_of_version_1_0_is_scored_as_normal_beside_one_that_states_more():
    shaped, plain = stated(500)
    y, mean, variance = (plain[f"dust{end}"].to_numpy() for end in ("", "_predicted", "_predicted_variance"))
    both = table("model", shaped, kind.dataset(plain, "dust", {"plain": (mean, variance)}))
    nlpd = float(both["value"].sel({"method": "plain", "metric": "nlpd"}))
    assert nlpd == pytest.approx(-norm(mean, np.sqrt(variance)).logpdf(y).mean())


def test_half_a_shape_is_refused_with_what_is_missing():
    shaped, _ = stated(50)
    with pytest.raises(ContractError, match="'dust_predicted_shape' is missing"):
        kind.SCHEMA.check(shaped.drop_vars("dust_predicted_shape"))
    with pytest.raises(ContractError, match="'dust_predicted_median' is missing beside the link 'log'"):
        kind.SCHEMA.check(shaped.drop_vars("dust_predicted_median"))
