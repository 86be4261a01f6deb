"""Random-effects pooling against printed results and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.meta_analysis import combine_effects

from helpers.statistics.meta_analysis import pooled_auc, random_effects

# Thirteen trials of BCG vaccine (Colditz 1994, doi 10.1001/jama.1994.03510330076038): cases and others, vaccinated and not.
BCG = np.array([
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
])  # fmt: skip


@pytest.fixture
def bcg():
    """Log relative risks and their standard errors."""
    a, b, c, d = BCG.T
    return np.log(a / (a + b)) - np.log(c / (c + d)), np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))


def test_estimate_and_heterogeneity_equal_what_stata_and_metafor_print(bcg):
    # metafor's own test against Stata's metan (test_misc_metan_vs_rma.uni_with_dat.bcg): -0.7141, -1.0644 to -0.3638.
    found = random_effects(*bcg)
    assert found.estimate == pytest.approx(-0.7141, abs=5e-5)
    assert found.q == pytest.approx(152.2330, abs=5e-5)
    # The limits printed there are normal: their half width is 1.96 standard errors.
    between = found.tau**2
    assert 1.959964 / np.sqrt((1 / (bcg[1] ** 2 + between)).sum()) == pytest.approx((1.0644 - 0.3638) / 2, abs=1e-4)


def test_the_interval_equals_statsmodels_hartung_knapp(bcg):
    found, other = random_effects(*bcg), combine_effects(bcg[0], bcg[1] ** 2, method_re="dl", use_t=True)
    half = stats.t.ppf(0.975, 12) * other.sd_eff_w_re_hksj
    assert found.tau**2 == pytest.approx(other.tau2, rel=1e-10)
    assert (found.low, found.high) == pytest.approx(
        (other.mean_effect_re - half, other.mean_effect_re + half), rel=1e-10
    )
    assert found.i2 == pytest.approx(other.i2, rel=1e-10)


def test_a_further_center_lies_in_the_prediction_interval_as_often_as_it_says():
    rng, held = np.random.default_rng(3), 0
    for _ in range(2000):
        true = rng.normal(1.0, 0.5, 9)
        error = rng.uniform(0.1, 0.4, 8)
        found = random_effects(true[:8] + rng.normal(size=8) * error, error)
        held += found.prediction_low < true[8] < found.prediction_high
    assert held / 2000 == pytest.approx(0.95, abs=0.025)


def test_centers_that_agree_by_chance_do_not_make_the_interval_narrower_than_their_errors():
    found = random_effects([1.0, 1.0, 1.0], [0.2, 0.2, 0.2])
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 2) * 0.2 / np.sqrt(3))
    assert found.tau == 0 and found.i2 == 0


def test_areas_are_pooled_on_the_logit_scale_and_stay_within_0_and_1():
    found = pooled_auc([0.97, 0.90, 0.99], [0.02, 0.05, 0.008])
    other = random_effects(special.logit([0.97, 0.90, 0.99]), [0.02 / 0.0291, 0.05 / 0.09, 0.008 / 0.0099])
    assert found.estimate == pytest.approx(special.expit(other.estimate))
    assert 0 < found.prediction_low < found.low < found.estimate < found.high < found.prediction_high < 1


def test_few_centers_get_what_they_can_carry():
    one, two = random_effects([0.8], [0.1]), random_effects([0.8, 0.7], [0.1, 0.1])
    assert one.estimate == pytest.approx(0.8) and np.isnan([one.low, one.prediction_low, one.p]).all()
    assert two.low < two.estimate < two.high and np.isnan(two.prediction_low)


@pytest.mark.parametrize("errors", [[0.1, 0.0], [0.1, np.nan], [0.1]])
def test_an_estimate_without_its_error_is_refused(errors):
    with pytest.raises(ValueError, match="positive standard error"):
        random_effects([0.7, 0.8], errors)


def test_a_perfect_area_is_refused():
    with pytest.raises(ValueError, match="cannot be pooled"):
        pooled_auc([1.0, 0.8], [0.1, 0.1])
