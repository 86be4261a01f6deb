"""NRI and IDI meet Pencina's Framingham table and R's Hmisc."""

import numpy as np
import pytest

from helpers.statistics import reclassification as r
from helpers.statistics import thresholds as t


@pytest.fixture(scope="module")
def hmisc(r_random):
    """A3, the help page of improveProb: two useless models of 1000 patients."""
    stream = r_random(1)
    old, new = stream.runif(1000), stream.runif(1000)
    return np.array([stream.index(2) for _ in range(1000)]), old, new


def test_framingham_table_of_pencina_2008():
    found = r.nri_from_counts(
        events_up=29, events_down=7, events=183, nonevents_up=173, nonevents_down=174, nonevents=3081
    )
    assert found.estimate == pytest.approx(0.120543, abs=6e-7)
    assert (found.z_null, found.z) == pytest.approx((3.6156, 3.7513), abs=6e-5)
    assert found.standard_error == pytest.approx(0.0321335, abs=6e-8)
    assert "Wald" in found.variance


def test_continuous_nri_equals_hmisc(hmisc):
    found = r.continuous_nri(*hmisc)
    assert hmisc[0].sum() == 508
    expected = (-0.0923436, 0.063182, -1.4615489, 0.1438649)
    assert (found.estimate, found.standard_error, found.z, found.p) == pytest.approx(expected, abs=6e-7)


def test_nri_components_equal_hmisc(hmisc):
    found = r.continuous_nri(*hmisc)
    assert (found.events, found.nonevents) == pytest.approx((-0.0354331, -0.0569106), abs=6e-8)
    errors = (found.standard_error_events, found.standard_error_nonevents)
    assert errors == pytest.approx((0.04434, 0.0450104), abs=6e-7)


def test_idi_equals_hmisc(hmisc):
    found = r.idi(*hmisc)
    expected = (-0.043578, 0.0265193, -1.6432566, 0.1003299)
    assert (found.estimate, found.standard_error, found.z, found.p) == pytest.approx(expected, abs=6e-6)


def test_two_category_nri_is_the_gain_in_sensitivity_and_specificity(hmisc):
    truth, old, new = hmisc
    found = r.categorical_nri(truth, old, new, cuts=[0.4])
    tables = [
        [int(((risk >= 0.4) == call)[truth == y].sum()) for call, y in ((1, 1), (1, 0), (0, 1), (0, 0))]
        for risk in (old, new)
    ]
    before, after = (t.performance(*table) for table in tables)
    assert found.events == pytest.approx(after.sensitivity.estimate - before.sensitivity.estimate, abs=1e-12)
    assert found.nonevents == pytest.approx(after.specificity.estimate - before.specificity.estimate, abs=1e-12)


def test_categories_hold_their_lower_cut():
    table = r.reclassification_table([1, 0], [0.1, 0.3], [0.0999, 1.0], cuts=[0.1, 0.3])
    assert table.events.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert table.nonevents[2, 2] == 1


def test_table_and_nri_count_the_same_moves(hmisc):
    table = r.reclassification_table(*hmisc, cuts=[0.2, 0.5])
    moved = np.triu(table.events, 1).sum() - np.tril(table.events, -1).sum()
    assert r.categorical_nri(*hmisc, cuts=[0.2, 0.5]).events == pytest.approx(moved / table.events.sum())
    assert table.events.sum() + table.nonevents.sum() == 1000


def test_an_unchanged_model_improves_nothing(hmisc):
    truth, old, _ = hmisc
    for found in (r.continuous_nri(truth, old, old), r.idi(truth, old, old)):
        assert (found.estimate, found.p) == (0, 1)


@pytest.mark.filterwarnings("error")
def test_a_single_event_leaves_the_idi_without_an_error():
    found = r.idi([1, 0, 0], [0.1, 0.2, 0.3], [0.5, 0.1, 0.2])
    assert found.estimate == pytest.approx(0.5)
    assert np.isnan([found.standard_error, found.p]).all()


def test_bootstrap_agrees_with_wald(hmisc):
    found = r.bootstrap_reclassification(*hmisc, cuts=[0.5], replicates=1000, seed=4)
    wald = r.continuous_nri(*hmisc)
    assert found.continuous.estimate == pytest.approx(wald.estimate)
    assert (found.continuous.low, found.continuous.high) == pytest.approx((wald.low, wald.high), abs=0.02)
    assert found.idi.estimate == pytest.approx(r.idi(*hmisc).estimate)
    assert found == r.bootstrap_reclassification(*hmisc, cuts=[0.5], replicates=1000, seed=4)


@pytest.mark.parametrize("cuts", [[0.0, 0.5], [0.5, 0.2], [], [0.5, 1.0]])
def test_cuts_that_are_no_risks_raise(cuts):
    with pytest.raises(ValueError, match="cuts"):
        r.categorical_nri([0, 1], [0.1, 0.2], [0.3, 0.4], cuts=cuts)
