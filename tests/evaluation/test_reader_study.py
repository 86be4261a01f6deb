"""The reader study from readings to tables, against MRMCaov, OR-DBM MRMC 2.5, statsmodels and scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from helpers.errors import RadiogramError
from helpers.evaluation import reader_agreement, reader_headline, reader_printed, reader_tests, readers
from helpers.evaluation.advice import advice
from helpers.evaluation.crossed import crossed
from helpers.tables import empty


@pytest.fixture
def readings(cases):
    rng = np.random.default_rng(9)
    read = cases[cases["part"] == "test"]
    rows = []
    for reader in ("A", "B"):
        for condition, strength in (("unaided", 1.0), ("aided", 2.5)):
            latent = strength * read["progression"] + rng.normal(size=len(read))
            rating = np.clip(np.round(latent + 2), 1, 5)
            rows.append(pd.DataFrame({"case": read["case"], "reader": reader, "condition": condition, "rating": rating,
                                      "call": (rating >= 3).astype(int), "seconds": rng.gamma(6, 10, len(read))}))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


@pytest.fixture
def read(cases):
    """From readings to arrays."""
    return lambda table, **options: crossed(table, cases, endpoint="progression", **options)


@pytest.fixture
def tests_of(parameters):
    """Table `reader_comparisons` with the study's settings, some of them changed."""

    def tests(study, model=None, **changed):
        return reader_tests.comparisons(study, model, settings=parameters.readers.model_copy(update=changed))

    return tests


@pytest.fixture
def model(predictions):
    """The nomogram beside the readers, calling at 0.5."""
    nomogram = predictions[predictions["model"] == "nomogram"]
    cut = pd.DataFrame([("progression", "nomogram", 0.5)], columns=["endpoint", "model", "threshold"])
    return lambda study: advice(nomogram, cut, study)


@pytest.fixture
def vandyke(shared_data):
    """Van Dyke's reader study, called positive from a rating of 3."""
    table = pd.read_csv(shared_data / "readers" / "VanDyke.csv").astype({"case": str, "reader": str, "treatment": str})
    readings = table.rename(columns={"treatment": "condition"})[["case", "reader", "condition", "rating"]]
    readings = readings.assign(call=(readings["rating"] >= 3).astype(int), seconds=np.nan)
    cases = table.drop_duplicates("case")[["case", "truth"]].assign(part="test")
    return crossed(readings, cases, endpoint="truth", conditions=("1", "2"))


def row(table, **wanted):
    """The one row with these values."""
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1, table
    return table.iloc[0]


def mean_row(table, metric, analysis):
    return row(table, reader="mean of readers", metric=metric, method=f"Obuchowski-Rockette, {analysis}")


def test_random_readers_equal_the_published_result_and_lead_with_five_readers(vandyke, tests_of):
    found = mean_row(tests_of(vandyke), "auc", "random readers")
    assert found["contrast"] == "2 - 1" and found["leading"]
    assert found["estimate"] == pytest.approx(0.04380032, abs=1e-8)
    assert (found["low"], found["high"]) == (pytest.approx(-0.0002665519, abs=1e-8), pytest.approx(0.0878672, abs=1e-7))
    assert (found["df"], found["p"]) == (pytest.approx(15.06611, abs=1e-5), pytest.approx(0.05123303, abs=1e-8))


def test_fixed_readers_and_fixed_cases_equal_the_published_results(vandyke, tests_of):
    table = tests_of(vandyke)
    assert mean_row(table, "auc", "fixed readers")["p"] == pytest.approx(0.018525, abs=1e-6)
    jackknife = tests_of(vandyke, covariance="jackknife")
    assert mean_row(jackknife, "auc", "fixed readers")["p"] == pytest.approx(0.0193, abs=1e-4)
    assert mean_row(jackknife, "auc", "random readers")["p"] == pytest.approx(0.0517, abs=1e-4)
    assert mean_row(jackknife, "auc", "fixed cases")["p"] == pytest.approx(0.0420, abs=1e-4)
    assert table[table["reader"] == "mean of readers"].groupby("metric")["leading"].sum().eq(1).all()


def test_sensitivity_of_the_mean_reader_equals_mrmcaov(vandyke, tests_of):
    found = mean_row(tests_of(vandyke), "sensitivity", "random readers")
    assert found["estimate"] == pytest.approx(0.09777778, abs=1e-8)
    assert (found["df"], found["p"]) == (pytest.approx(15.71732, abs=1e-5), pytest.approx(0.02008822, abs=1e-8))


def test_modality_means_have_the_published_random_reader_limits(vandyke):
    table = readers.scores(vandyke)
    for condition, numbers in {"1": (0.8970370, 0.8253461, 0.9687280), "2": (0.9408374, 0.8942155, 0.9874592)}.items():
        found = row(table, reader="mean of readers", condition=condition, metric="auc")
        assert tuple(found[["estimate", "low", "high"]]) == pytest.approx(numbers, abs=1e-7)


def test_reader_areas_equal_mrmcaov_and_the_last_is_not_told_as_perfect(vandyke):
    table = readers.scores(vandyke)
    areas = [row(table, reader=str(j), condition="2", metric="auc")["estimate"] for j in range(1, 6)]
    assert areas == pytest.approx([0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169], abs=1e-8)
    printed = reader_printed.readers(table)
    cell = row(printed, Reader="Reader 4", Condition="condition 2")["AUC"]
    assert cell.startswith("0.999") and "1.000" not in cell.split(" ")[0]


def test_per_reader_tests_equal_the_published_z(vandyke, tests_of):
    found = tests_of(vandyke)
    own = found[(found["metric"] == "auc") & (found["method"] == "paired DeLong")]
    # OR-DBM MRMC 2.5 prints the jackknife's z of modality 1 minus 2; DeLong's agrees to a few percent.
    assert -own["statistic"].to_numpy() == pytest.approx([-1.10, -1.77, -0.57, -1.52, -2.27], abs=0.05)


def test_two_readers_are_fixed_readers(readings, read, tests_of):
    table = tests_of(read(readings))
    assert mean_row(table, "auc", "fixed readers")["leading"]
    assert set(table.loc[table["leading"].astype(bool), "method"]) == {"Obuchowski-Rockette, fixed readers"}


def test_the_contrast_turns_with_the_order_of_the_conditions(readings, read, tests_of):
    there, back = (tests_of(read(readings, conditions=c)) for c in (("unaided", "aided"), ("aided", "unaided")))
    assert set(back["contrast"]) == {"unaided - aided"}
    for metric in ("auc", "sensitivity", "specificity"):
        a, b = (mean_row(t, metric, "fixed readers") for t in (there, back))
        assert (a["estimate"], a["low"]) == (pytest.approx(-b["estimate"]), pytest.approx(-b["high"]))


def test_binary_ratings_never_get_an_auc(readings, read, tests_of):
    binary = read(readings.assign(rating=readings["call"]))
    assert "auc" not in set(readers.scores(binary)["metric"]) | set(tests_of(binary)["metric"])


def test_calls_are_compared_by_mcnemar_and_holm_adjusted_in_pairs(readings, read, tests_of, cases):
    table = tests_of(read(readings))
    wide = readings[readings["reader"] == "A"].pivot(index="case", columns="condition", values="call")
    events = wide[cases.set_index("case")["progression"].loc[wide.index] == 1]
    gained, lost = ((events["aided"] > events["unaided"]).sum(), (events["aided"] < events["unaided"]).sum())
    exact = mcnemar([[0, gained], [lost, 0]], exact=True).pvalue
    found = row(table, reader="A", metric="sensitivity", contrast="aided - unaided")
    assert found["p"] == pytest.approx(exact - stats.binom.pmf(min(gained, lost), gained + lost, 0.5))
    printed = reader_printed.comparisons(table)
    assert (printed.loc[printed["Analysis"] == "McNemar, mid-p", "P, Holm"] != "–").all()


def test_reading_time_equals_scipys_wilcoxon(readings, read, tests_of):
    wide = readings[readings["reader"] == "A"].pivot(index="case", columns="condition", values="seconds")
    found = row(tests_of(read(readings)), reader="A", metric="seconds")
    assert found["p"] == pytest.approx(stats.wilcoxon(wide["aided"], wide["unaided"]).pvalue, abs=1e-6)
    change = (wide["aided"] - wide["unaided"]).to_numpy()
    walsh = np.add.outer(change, change)[np.triu_indices(change.size)] / 2
    assert found["estimate"] == pytest.approx(np.median(walsh), abs=1e-6)
    assert found["low"] < found["estimate"] < found["high"]


def test_the_model_is_compared_with_each_reader_and_with_their_mean(readings, read, tests_of, model):
    study = read(readings)
    table = tests_of(study, model(study))
    against = table[table["contrast"] == "model - unaided"]
    each = against[(against["metric"] == "auc") & (against["reader"] != "mean of readers")]["estimate"]
    mean = row(against, reader="mean of readers", metric="auc")
    assert mean["estimate"] == pytest.approx(each.mean())
    assert "margin 0.05" in mean["method"] and not table.loc[against.index, "leading"].any()
    assert ("not inferior" in mean["method"]) == (mean["low"] > -0.05)


def test_a_case_without_a_prediction_is_named(readings, read, predictions):
    study = read(readings)
    with pytest.raises(RadiogramError, match=f"case {study.cases[0]} was read, but nomogram has no prediction"):
        advice(predictions[predictions["case"] != study.cases[0]], empty("thresholds"), study)


def test_readings_of_training_cases_are_refused(readings, read, cases):
    with pytest.raises(RadiogramError, match="is a training case"):
        read(readings.assign(case=cases.loc[cases["part"] == "train", "case"].iloc[0]))


def test_a_missing_reading_names_reader_case_and_condition(readings, read):
    with pytest.raises(
        RadiogramError, match=f"reader A did not read case {readings['case'].iloc[0]} in condition unaided"
    ):
        read(readings.iloc[1:])


def test_a_reading_given_twice_is_refused(readings, read):
    with pytest.raises(RadiogramError, match="more than once"):
        read(pd.concat([readings, readings.iloc[:1]]))


def test_a_gap_in_the_calls_is_named(readings, read):
    gap = readings.astype({"call": float})
    gap.loc[0, "call"] = np.nan
    with pytest.raises(RadiogramError, match=f"reader A gave no call for case {readings['case'].iloc[0]}"):
        read(gap)


def test_switches_add_up_to_the_change_in_accuracy(readings, read, model):
    study = read(readings)
    switched = readers.switches(study, model(study)).set_index("reader")
    right = (study.call == study.truth).sum(axis=2)
    for j, reader in enumerate(study.readers):
        assert (
            switched.loc[reader, "wrong_to_right"] - switched.loc[reader, "right_to_wrong"] == right[1, j] - right[0, j]
        )
        assert 0 <= switched.loc[reader, "automation_bias"] <= switched.loc[reader, "right_to_wrong"]


def test_without_a_model_nothing_is_said_of_switched_calls(readings, read):
    switched = readers.switches(read(readings), None)
    assert switched.empty and "no calls" in reader_printed.switches(switched).iloc[0, 0]


def test_agreement_has_raw_agreement_and_prevalence_beside_kappa(vandyke):
    table = reader_agreement.agreement(vandyke)
    assert set(table["statistic"]) == {
        "Cohen kappa of calls", "Fleiss kappa of calls", "quadratic-weighted kappa of ratings", "share of positive calls",
    }  # fmt: skip
    pair = row(table, condition="1", reader_a="1", reader_b="2", statistic="Cohen kappa of calls")
    calls = vandyke.call[0, :2]
    assert pair["agreement"] == pytest.approx((calls[0] == calls[1]).mean())
    assert len(reader_printed.agreement(table)) == 2 * (10 + 10 + 1)


def test_weighted_kappa_counts_levels_that_a_pair_left_unused(vandyke):
    from statsmodels.stats.inter_rater import cohens_kappa

    table = reader_agreement.agreement(vandyke)
    found = row(table, condition="1", reader_a="1", reader_b="2", statistic="quadratic-weighted kappa of ratings")
    counts = np.zeros((5, 5))
    np.add.at(counts, tuple(vandyke.rating[0, :2].astype(int) - 1), 1)
    known = cohens_kappa(counts, wt="quadratic")
    assert (found["estimate"], found["low"]) == (pytest.approx(known.kappa), pytest.approx(known.kappa_low))


def without(readings, *columns):
    return readings.assign(**dict.fromkeys(columns, np.nan))


@pytest.mark.parametrize("absent", [("call",), ("seconds",), ("call", "seconds")])
def test_what_was_not_measured_is_left_out_and_said(readings, read, tests_of, absent):
    study = read(without(readings, *absent))
    scores, tests = readers.scores(study), tests_of(study)
    agreement, switched = reader_agreement.agreement(study), readers.switches(study, None)
    for printed in (reader_printed.comparisons(tests), reader_printed.against_model(tests)):
        assert len(printed)
    assert ("Sensitivity" in reader_printed.readers(scores)) == ("call" not in absent)
    assert ("seconds" in set(tests["metric"])) == ("seconds" not in absent)
    told = reader_headline.numbers(
        study,
        None,
        scores=scores,
        tests=tests,
        agreement=agreement,
        switches=switched,
        positive="progression",
        covariance="delong",
        level=0.95,
    )
    assert ("gave no calls" in told["detail"]) == ("call" in absent)
    assert all(told.values())


def test_one_condition_is_described_and_not_compared(readings, read, tests_of, model):
    study = read(readings[readings["condition"] == "unaided"])
    assert tests_of(study).empty
    assert set(tests_of(study, model(study))["contrast"]) == {"model - unaided"}
    assert "nothing to compare" in reader_printed.comparisons(tests_of(study)).iloc[0, 0]
    assert readers.switches(study, None).empty


def test_a_single_reader_leads_with_the_paired_test(readings, read, tests_of):
    study = read(readings[readings["reader"] == "A"])
    found = reader_headline.leading(tests_of(study))
    assert (found["reader"], found["method"]) == ("A", "paired DeLong")
    assert reader_agreement.agreement(study).empty


def test_the_headline_tells_means_difference_and_the_other_analyses(vandyke, tests_of):
    scores, tests = readers.scores(vandyke), tests_of(vandyke)
    told = reader_headline.numbers(
        vandyke, None, scores=scores, tests=tests, agreement=reader_agreement.agreement(vandyke),
        switches=readers.switches(vandyke, None), positive="dissection", covariance="delong", level=0.95,
    )  # fmt: skip
    assert "114 cases, 45 of them with dissection, were each read by 5 radiologists" in told["answer"]
    assert "0.897 (0.825 to 0.969) in condition 1 and 0.941 (0.894 to 0.987) in condition 2" in told["answer"]
    assert "0.044 (\N{MINUS SIGN}0.0003 to 0.088), P = 0.051" in told["answer"]
    assert "P = 0.019 for these readers only" in told["detail"]
    assert "in 80 of 100 studies" in told["detail"]
