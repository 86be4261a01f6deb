"""The synthetic cohort: its latents and labels, its clinical variables, its feature table."""

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from helpers.cohort import phantom
from helpers.cohort.phantom.clinical import VARIABLES
from helpers.errors import RadiogramError
from helpers.parameters import Parameters
from helpers.study import house

TWO = [
    {"name": "mutation", "positive": "yes", "negative": "no"},
    {"name": "growth", "positive": "high", "negative": "low"},
]


def parameters(
    *, cohort: dict | None = None, signatures=("radiomics", "clinical"), seed: int = 7, **options
) -> Parameters:
    values = yaml.safe_load((house() / "params" / "_defaults.yaml").read_text(encoding="utf-8"))
    values["seed"] = seed
    values["cohort"] |= {
        "source": "phantom",
        "sequences": ["T1c", "FLAIR"],
        "clinical": ["age", "sex", "kps"],
        **(cohort or {}),
    }
    values["modeling"] |= {"signatures": list(signatures)}
    values["phantom"] |= options
    return Parameters.model_validate(values)


def best_column(table: pd.DataFrame, label: pd.Series) -> float:
    scores = [roc_auc_score(label, table[c]) for c in table]
    return max(max(score, 1 - score) for score in scores)


@pytest.fixture(scope="module")
def large():
    return phantom.draw(parameters(patients=20_000))


def test_the_prevalence_is_met(large):
    assert large.cases["label"].mean() == pytest.approx(0.45, abs=0.012)


def test_the_truths_best_auc_is_reproduced_by_a_large_draw(large):
    expected = large.truth["bayes_auc"].unique()
    assert len(expected) == 1
    assert roc_auc_score(large.cases["label"], large.truth["probability"]) == pytest.approx(expected[0], abs=0.008)
    assert 0.88 < expected[0] < 0.92


def test_the_true_probability_is_calibrated(large):
    tenth = pd.qcut(large.truth["probability"], 10, labels=False)
    observed = large.cases["label"].groupby(tenth).mean()
    stated = large.truth["probability"].groupby(tenth).mean()
    assert np.abs(observed - stated).max() < 0.04


def test_volume_is_only_mildly_linked_to_the_label(large):
    assert 0.55 < roc_auc_score(large.cases["label"], large.truth["volume_ml"]) < 0.62
    assert large.truth["volume_ml"].between(8, 50).all()


@pytest.mark.parametrize(
    "names", [("age", "sex", "kps"), ("age", "kps", "mgmt", "days_since_rt"), ("age", "ebv_dna", "t_stage")]
)
def test_clinical_variables_alone_discriminate_a_little(names):
    cases = phantom.draw(parameters(cohort={"clinical": list(names)}, patients=8000, missing_fraction=0)).cases
    columns = pd.get_dummies(cases[list(names)]).astype(float)
    columns = np.log1p(columns - columns.min())
    columns = (columns - columns.mean()) / columns.std()
    score = LogisticRegression().fit(columns, cases["label"]).decision_function(columns)
    assert 0.63 < roc_auc_score(cases["label"], score) < 0.72


def test_in_a_null_cohort_the_true_probability_is_constant_and_labels_follow_nothing():
    null = phantom.draw(parameters(patients=5000, signal=0, prevalence=0.3, missing_fraction=0))
    assert null.truth["probability"].to_numpy() == pytest.approx(0.3)
    assert null.truth["bayes_auc"].to_numpy() == pytest.approx(0.5)
    for seen in (null.truth["heterogeneity"], null.truth["clinical_risk"], null.truth["volume_ml"], null.cases["age"]):
        assert roc_auc_score(null.cases["label"], seen) == pytest.approx(0.5, abs=0.035)


def test_a_second_endpoint_has_its_own_prevalence_and_another_mix():
    drawn = phantom.draw(parameters(cohort={"endpoints": TWO}, patients=8000, second_prevalence=0.2))
    first, second = (drawn.truth[drawn.truth["endpoint"] == e["name"]] for e in TWO)
    assert drawn.cases["growth"].mean() == pytest.approx(0.2, abs=0.02)
    assert 0.85 < second["bayes_auc"].iloc[0] < 0.93
    assert roc_auc_score(drawn.cases["growth"], second["vascularity"]) > 0.75
    assert roc_auc_score(drawn.cases["mutation"], first["vascularity"]) == pytest.approx(0.5, abs=0.03)
    assert list(first["case"]) == list(second["case"]) == list(drawn.cases["case"])


def test_the_same_seed_gives_the_same_cohort_and_another_seed_another():
    first, again, other = (phantom.draw(parameters(seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.cases, again.cases)
    pd.testing.assert_frame_equal(first.truth, again.truth)
    assert not first.truth["probability"].equals(other.truth["probability"])


def test_naming_another_variable_leaves_the_others_and_the_labels_alone():
    few = phantom.draw(parameters(cohort={"clinical": ["kps"]})).cases
    many = phantom.draw(parameters(cohort={"clinical": ["age", "kps", "idh"]})).cases
    pd.testing.assert_frame_equal(few, many[few.columns])


def test_centers_are_named_by_letters_and_of_unequal_size(large):
    sizes = large.cases["center"].value_counts()
    assert list(sizes.index) == ["center A", "center B", "center C"]
    assert sizes.is_unique


def test_the_smallest_cohort_still_has_every_center():
    cases = phantom.draw(parameters(patients=20, centers=20)).cases
    assert cases["center"].nunique() == 20
    assert cases["case"].iloc[0] == "phantom-001"


def test_the_stated_fraction_of_clinical_values_is_missing_and_never_an_endpoint():
    clinical = list(VARIABLES)
    cases = phantom.draw(parameters(cohort={"clinical": clinical}, patients=2000, missing_fraction=0.1)).cases
    assert cases[clinical].isna().to_numpy().mean() == pytest.approx(0.1, abs=0.01)
    assert cases["label"].dtype == np.int8
    assert cases["age"].dtype == np.float64
    assert cases["sex"].dtype == object
    assert cases["sex"].isna().any() and not (cases["sex"].dropna() == "nan").any()


def test_without_clinical_signal_labels_follow_the_images_alone(large):
    drawn = phantom.draw(parameters(patients=8000, clinical_signal=0))
    label, truth = drawn.cases["label"], drawn.truth
    assert roc_auc_score(label, truth["clinical_risk"]) == pytest.approx(0.5, abs=0.02)
    assert roc_auc_score(label, truth["heterogeneity"]) == pytest.approx(truth["bayes_auc"].iloc[0], abs=0.01)
    assert truth["bayes_auc"].iloc[0] < large.truth["bayes_auc"].iloc[0] - 0.02
    assert label.mean() == pytest.approx(0.45, abs=0.02)


def test_numbers_of_the_plan_are_linked_to_nothing_and_leave_the_rest_alone():
    plain = phantom.draw(parameters(patients=400)).cases
    planned = phantom.draw(parameters(patients=400, cohort={"plan": ["prescription", "fractions"]})).cases
    pd.testing.assert_frame_equal(planned[plain.columns], plain)
    assert planned["prescription"].eq(60).all() and set(planned["fractions"]) == {30.0, 33.0}
    assert roc_auc_score(planned["label"], planned["fractions"]) == pytest.approx(0.5, abs=0.06)


def test_no_value_is_missing_when_none_shall_be():
    assert not phantom.draw(parameters(missing_fraction=0)).cases.isna().any(axis=None)


@pytest.mark.parametrize(
    ("cohort", "options", "sentence"),
    [
        ({"clinical": ["age", "shoe_size"]}, {}, "cohort.clinical names shoe_size.*age, sex, kps"),
        ({"clinical": ["ki67"], "endpoints": [TWO[0] | {"name": "ki67"}]}, {}, "two columns called ki67"),
        ({"plan": ["gray"]}, {}, "cohort.plan names gray.*it has prescription, fractions"),
        ({"endpoints": [*TWO, TWO[0] | {"name": "third"}]}, {}, "one or two endpoints"),
        ({}, {"centers": 30, "patients": 40}, "phantom.centers is 30"),
        ({}, {"features": 10, "informative_features": 11}, "informative_features is 11"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(cohort, options, sentence):
    with pytest.raises(RadiogramError, match=sentence):
        phantom.draw(parameters(cohort=cohort, **options))


@pytest.fixture(scope="module")
def table():
    chosen = parameters(patients=600, features=120, informative_features=30)
    drawn = phantom.draw(chosen)
    return drawn, phantom.feature_table(drawn, chosen)


def of(table: pd.DataFrame, reader: str) -> pd.DataFrame:
    return table[table["reader"] == reader].drop(columns=["case", "reader"]).reset_index(drop=True)


def test_the_feature_table_has_a_row_a_case_and_reader(table):
    drawn, features = table
    assert features.shape == (1200, 122)
    assert list(features["case"].unique()) == list(drawn.cases["case"])
    assert features.columns[2].startswith("T1c_original_firstorder_f")
    assert not features.isna().any(axis=None)


def test_as_many_features_as_asked_carry_the_heterogeneity(table):
    drawn, features = table
    links = of(features, "reader1").corrwith(drawn.truth["heterogeneity"], method="spearman").abs()
    assert 25 <= (links > 0.2).sum() <= 33
    assert links.max() < 0.75


def test_features_of_a_block_are_redundant(table):
    columns = of(table[1], "reader1").rank().corr().abs().to_numpy().copy()
    np.fill_diagonal(columns, 0)
    assert (columns.max(axis=0) > 0.7).mean() > 0.7
    assert (columns.max(axis=0) > 0.9).any()


def test_some_features_are_reproducible_between_readers_and_some_are_not(table):
    agreement = of(table[1], "reader1").corrwith(of(table[1], "reader2"), method="spearman")
    assert 0.1 < (agreement < 0.75).mean() < 0.45
    assert (agreement > 0.9).mean() > 0.3


def test_features_shift_with_the_center(table):
    drawn, features = table
    first = of(features, "reader1")
    at = drawn.cases["center"]
    shift = (first[at == "center A"].mean() - first[at == "center B"].mean()) / first.std()
    assert shift.abs().median() > 0.15


def test_a_null_cohorts_features_tell_nothing_of_the_label():
    chosen = parameters(patients=2000, features=60, signal=0)
    drawn = phantom.draw(chosen)
    assert best_column(of(phantom.feature_table(drawn, chosen), "reader1"), drawn.cases["label"]) < 0.56


def test_informative_features_tell_something_of_the_label(table):
    drawn, features = table
    assert 0.62 < best_column(of(features, "reader1"), drawn.cases["label"]) < 0.8


def test_deep_features_come_where_a_deep_signature_is_modeled():
    chosen = parameters(signatures=["radiomics", "deep", "clinical"], features=80)
    names = phantom.feature_table(phantom.draw(chosen), chosen).columns[2:]
    assert sum("_deep_" in name for name in names) == 40
    assert len(set(names)) == 80
