"""NRI and IDI meet Pencina's Framingham table and R's Hmisc."""

import numpy as np
import pytest
from scipy.special import expit

from helpers.statistics import reclassification as r
from helpers.statistics import thresholds as t
from helpers.statistics.logistic import logistic


@pytest.fixture(scope="module")
def hmisc(r_random):
    """A3, the help page of improveProb: two useless models of 1000 patients."""
    stream = r_random(1)
    old, new = stream.runif(1000), stream.runif(1000)
    return np.array([stream.index(2) for _ in range(1000)]), old, new


@pytest.fixture(scope="module")
def pbc(read_anchor):
    """The example of nricens: death within 2000 days of 232 patients, by three predictors and by four."""
    table = read_anchor("statistics/pbc.csv").iloc[:312]
    table = table[(table["time"] > 2000) | ((table["time"] < 2000) & (table["status"] == 2))]
    truth = ((table["time"] < 2000) & (table["status"] == 2)).to_numpy(int)
    return truth, *(risks(truth, table[names]) for names in (PBC, [*PBC, "protime"]))


PBC = ["age", "bili", "albumin"]


def risks(truth, predictors):
    design = np.column_stack([np.ones(truth.size), np.asarray(predictors, dtype=float)])
    return expit(design @ logistic(design, truth).coefficients)


def test_table_of_pbc_equals_predictabel(pbc):
    table = r.reclassification_table(*pbc, cuts=[0.3, 0.7])
    assert table.nonevents.tolist() == [[121, 4, 0], [1, 13, 1], [0, 1, 3]]
    assert table.events.tolist() == [[14, 0, 0], [0, 18, 3], [0, 1, 52]]


def test_improvements_of_pbc_equal_predictabel_and_nricens(pbc):
    """Printed by PredictABEL::reclassification; nricens prints 0.001893939 for the same categorical NRI."""
    found = (r.categorical_nri(*pbc, cuts=[0.3, 0.7]), r.continuous_nri(*pbc), r.idi(*pbc))
    printed = [(0.0019, -0.0551, 0.0589), (0.0391, -0.2238, 0.3021), (0.0044, -0.0037, 0.0126)]
    for measure, expected in zip(found, printed, strict=True):
        assert (measure.estimate, measure.low, measure.high) == pytest.approx(expected, abs=5.1e-5)
    assert [measure.p for measure in found] == pytest.approx([0.94806, 0.77048, 0.28396], abs=6e-6)
    assert found[0].estimate == pytest.approx(0.001893939, abs=6e-10)


def test_bootstrap_error_of_pbc_is_near_that_of_nricens(pbc):
    found = r.bootstrap_reclassification(*pbc, cuts=[0.3, 0.7], replicates=2000, seed=1)
    # nricens refits and resamples both classes together: its standard error is 0.0278.
    assert (found.categorical.high - found.categorical.low) / 3.92 == pytest.approx(0.0278, rel=0.1)


# R's mtcars, columns vs, am, gear and wt; the example of jsmodule::reclassificationJS, which prints PredictABEL's.
MTCARS = """
0 1 4 2.620  0 1 4 2.875  1 1 4 2.320  1 0 3 3.215  0 0 3 3.440  1 0 3 3.460  0 0 3 3.570  1 0 4 3.190
1 0 4 3.150  1 0 4 3.440  1 0 4 3.440  0 0 3 4.070  0 0 3 3.730  0 0 3 3.780  0 0 3 5.250  0 0 3 5.424
0 0 3 5.345  1 1 4 2.200  1 1 4 1.615  1 1 4 1.835  1 0 3 2.465  0 0 3 3.520  0 0 3 3.435  0 0 3 3.840
0 0 3 3.845  1 1 4 1.935  0 1 5 2.140  1 1 5 1.513  0 1 5 3.170  0 1 5 2.770  0 1 5 3.570  1 1 4 2.780
"""


def test_improvements_of_mtcars_equal_predictabel():
    cars = np.array(MTCARS.split(), dtype=float).reshape(32, 4)
    truth = cars[:, 0].astype(int)
    old, new = risks(truth, cars[:, 1:3]), risks(truth, cars[:, 1:])
    found = (
        r.categorical_nri(truth, old, new, cuts=[0.2, 0.4]),
        r.continuous_nri(truth, old, new),
        r.idi(truth, old, new),
    )
    printed = [(0.754, 0.341, 1.167), (1.413, 0.943, 1.882), (0.532, 0.356, 0.709)]
    for measure, expected in zip(found, printed, strict=True):
        assert (measure.estimate, measure.low, measure.high) == pytest.approx(expected, abs=5.1e-4)
        assert measure.p < 0.001


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


def test_moves_equal_hmisc(hmisc):
    truth, old, new = hmisc
    up, down = new > old, new < old
    moves = [(move[truth == y]).mean() for y in (1, 0) for move in (up, down)]
    assert moves == pytest.approx([0.4822835, 0.5177165, 0.5284553, 0.4715447], abs=6e-8)
    found = r.continuous_nri(*hmisc)
    assert (found.events, found.nonevents) == pytest.approx((moves[0] - moves[1], moves[3] - moves[2]), abs=1e-12)


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


def test_categories_are_named_by_their_limits():
    assert r.category_labels([0.3, 0.6]) == ("< 0.30", "0.30 to 0.60", ">= 0.60")
    assert r.category_labels([0.41738]) == ("< 0.42", ">= 0.42")
    assert r.category_labels([0.011, 0.014]) == ("< 0.011", "0.011 to 0.014", ">= 0.014")
    assert (
        len(r.category_labels([0.1, 0.2, 0.5]))
        == r.reclassification_table([0, 1], [0, 1], [0, 1], cuts=[0.1, 0.2, 0.5]).events.shape[0]
    )


@pytest.mark.parametrize("cuts", [[0.0, 0.5], [0.5, 0.2], [], [0.5, 1.0]])
def test_cuts_that_are_no_risks_raise(cuts):
    with pytest.raises(ValueError, match="cuts"):
        r.categorical_nri([0, 1], [0.1, 0.2], [0.3, 0.4], cuts=cuts)
