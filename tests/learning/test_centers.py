"""Centers that models never saw: who is left out, who cannot be judged, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.errors import RadiogramError
from helpers.learning import centers, centers_judged, centers_traces
from helpers.learning.centers import FROZEN, LEFT_OUT, Unseen
from helpers.learning.rows import rows_from_tables, training_rows

OPTIONS = {"endpoint": "label", "clinical": ("age", "sex")}


class Stub:
    """A model that remembers whom it saw, and scores by the first feature."""

    def __init__(self, rows):
        self.rows = rows

    def probabilities(self, rows):
        assert not self.rows.patients & rows.patients
        return {"nomogram": 1 / (1 + np.exp(-rows.features.iloc[:, 0].to_numpy()))}


@pytest.fixture(scope="module")
def tables(cohort):
    cases, features = cohort(120)
    return cases.assign(center=np.array(list("ABCD"))[np.arange(120) % 4]), features


@pytest.fixture
def rows(tables):
    return training_rows(*tables, **OPTIONS)


def test_each_center_is_judged_by_a_model_of_the_others(rows):
    seen = []
    found = list(centers.leave_one_center_out(rows, lambda training: seen.append(training) or Stub(training), fewest=2))
    assert [each.center for each in found] == list("ABCD") and {each.kind for each in found} == {LEFT_OUT}
    for each, training in zip(found, seen, strict=True):
        assert set(training.center) == set("ABCD") - {each.center} and set(training.part) == {"train"}
        assert (each.truth == rows.truth[rows.center == each.center]).all()


def test_no_test_patient_takes_part(tables):
    everyone = rows_from_tables(*tables, **OPTIONS)
    with pytest.raises(RadiogramError, match="is in part test: the leave-one-center-out model"):
        list(centers.leave_one_center_out(everyone, Stub, fewest=2))


def test_one_center_only_leaves_nothing_to_judge(tables, parameters):
    cases, features = tables
    predictions = pd.DataFrame(columns=["case", "endpoint", "model", "kind", "truth", "probability"])
    asked = {"endpoint": "label", "parameters": parameters(), "seed": 1}
    found = centers_judged.judge_endpoint(cases.assign(center="A"), features, predictions, **asked)
    assert found.tables["centers"].empty and found.tables["center_pooled"].empty and found.confounding is None


def test_a_center_with_one_class_is_named_and_gets_no_area(rows):
    alone = replace(rows, truth=np.where(rows.center == "B", 0, rows.truth))
    found = {each.center: each for each in centers.leave_one_center_out(alone, Stub, fewest=2)}
    assert found["B"].note == "no AUC: all patients are without the event" and not found["B"].probabilities
    table, pooled = centers_judged.judged(list(found.values()), level=0.95)
    row = table[(table["center"] == "B") & (table["metric"] == "auc")].iloc[0]
    assert np.isnan(row["estimate"]) and row["note"] == found["B"].note and row["events"] == 0
    assert pooled["centers"].iloc[0] == 3


def test_a_center_with_few_of_a_class_is_named_and_gets_no_area(rows):
    found = {each.center: each for each in centers.leave_one_center_out(rows, Stub, fewest=50)}
    assert all(each.note.startswith("no AUC: fewer than 50") for each in found.values())
    table, pooled = centers_judged.judged(list(found.values()), level=0.95)
    assert len(table) == 4 and table["estimate"].isna().all() and pooled.empty


def test_a_center_without_which_nothing_can_be_fitted_is_named(rows):
    def refuse(training):
        raise RadiogramError("Endpoint label has 1 training patients with value 1.")

    found = list(centers.leave_one_center_out(rows, refuse, fewest=2))
    assert {each.note for each in found} == {"the other centers have too few patients to fit the models"}


def test_a_center_in_test_alone_is_judged_by_the_final_model(tables, parameters):
    from helpers.learning.endpoint import model_endpoint

    cases, features = tables
    cases = cases.assign(part=np.where(cases["center"] == "D", "test", "train"))
    asked = {
        "endpoint": "label",
        "parameters": parameters(**{"modeling.signatures": "[clinical]", "modeling.nomogram": "[clinical]"}),
    }
    predictions = model_endpoint(cases, features, **asked, seed=3).tables["predictions"]
    found = {each.center: each for each in centers.unseen_centers(cases, features, predictions, **asked, seed=3)}
    assert {name: each.kind for name, each in found.items()} == {
        "A": LEFT_OUT,
        "B": LEFT_OUT,
        "C": LEFT_OUT,
        "D": FROZEN,
    }
    frozen = predictions[(predictions["kind"] == "frozen") & (predictions["model"] == "nomogram")].sort_values("case")
    assert (found["D"].probabilities["nomogram"] == frozen["probability"].to_numpy()).all()
    assert not (found["A"].probabilities["nomogram"] == 0.5).all()


def test_perfect_separation_is_shown_and_not_pooled():
    truth = np.array([0, 0, 0, 1, 1, 1])
    good, fair = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9]), np.array([0.1, 0.8, 0.3, 0.2, 0.8, 0.9])
    given = [Unseen(c, LEFT_OUT, truth, {"m": p}) for c, p in (("A", good), ("B", fair), ("C", fair[::-1]))]
    table, pooled = centers_judged.judged(given, level=0.95)
    first = table[(table["center"] == "A") & (table["metric"] == "auc")].iloc[0]
    assert first["estimate"] == 1 and first["note"].startswith("not pooled") and pooled["centers"].tolist() == [2]


def test_the_same_seed_gives_the_same_tables_whatever_the_order_of_the_cases(tables, parameters):
    cases, features = tables
    predictions = pd.DataFrame(columns=["case", "endpoint", "model", "kind", "truth", "probability"])
    asked = {
        "endpoint": "label",
        "parameters": parameters(**{"modeling.signatures": "[clinical]", "modeling.nomogram": "[clinical]"}),
    }
    one, two = (
        centers_judged.judge_endpoint(c, features, predictions, **asked, seed=3).tables["centers"]
        for c in (cases, cases.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(one, two, check_exact=False, rtol=1e-9)


def test_leaving_out_centers_and_refusing_unseen_ones_is_a_choice_to_make(parameters):
    asked = parameters(**{"harmonization.method": "combat"})
    with pytest.raises(
        RadiogramError, match="08_centers leaves out each center in turn, .*unseen=none .*take 08_centers out"
    ):
        centers.require_choice(asked)
    centers.require_choice(parameters(**{"harmonization.method": "combat", "harmonization.unseen": "location"}))


@pytest.mark.parametrize(
    "overrides, sentence",
    [
        ({"harmonization.unseen": "refuse"}, "Center D was not among the centers"),
        ({"harmonization.preserve": "[label]"}, "names the endpoint label"),
        ({"harmonization.preserve": "[weight]"}, "names weight, which is not among cohort.clinical"),
    ],
)
def test_what_harmonization_cannot_do_is_said_before_anything_runs(tables, parameters, overrides, sentence):
    cases = tables[0].assign(part=np.where(tables[0]["center"] == "D", "test", "train"))
    asked = parameters(
        **{
            "harmonization.method": "combat",
            "cohort.endpoints": "[{name: label, positive: p, negative: n}]",
            **overrides,
        }
    )
    with pytest.raises(RadiogramError, match=sentence):
        centers.require(cases, asked)


def test_a_center_that_tells_the_outcome_is_warned_of(rows):
    turned = replace(rows, truth=np.isin(rows.center, ["A", "B"]).astype(int))
    assert centers.confounding(turned).told and centers.confounding(turned).v == pytest.approx(1)
    balanced = replace(rows, truth=pd.Series(rows.center).groupby(rows.center).cumcount().to_numpy() % 2)
    assert not centers.confounding(balanced).told


def shifted(tables, shift=3.0):
    cases, features = tables
    place = features["case"].map(cases.set_index("case")["center"]).map("ABCD".index).to_numpy()
    columns = features.columns[2:]
    values = features[columns].to_numpy() + shift * place[:, None]
    return cases, features.assign(**dict(zip(columns, values.T, strict=True)))


@pytest.mark.slow
def test_features_tell_the_center_before_and_not_after(tables, parameters):
    asked = parameters(**{"harmonization.method": "combat", "statistics.bootstrap": 100})
    rows = training_rows(*shifted(tables), **OPTIONS)
    found = pd.DataFrame(
        list(centers_traces.traces(rows, "radiomics", parameters=asked, seed=1)), columns=centers_traces.COLUMNS[1:]
    ).set_index(["version", "metric"])["estimate"]
    assert found["as measured", "center_auc"] > 0.95 > 0.65 > found["harmonized", "center_auc"]
    assert found["as measured", "center_accuracy"] > 0.9 > 0.5 > found["harmonized", "center_accuracy"]
    assert found["harmonized", "center_commonest"] == pytest.approx(
        pd.Series(rows.center).value_counts(normalize=True).max()
    )


def test_features_without_a_trace_of_the_center_do_not_tell_it(tables, parameters):
    asked = parameters(**{"harmonization.method": "combat", "statistics.bootstrap": 100})
    rows = training_rows(*tables, **OPTIONS)
    found = list(centers_traces.traces(rows, "radiomics", parameters=asked, seed=1))
    areas = [row[5] for row in found if row[4] == "center_auc"]
    assert all(0.3 < area < 0.7 for area in areas)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["none", "combat"])
def test_results_with_and_without_harmonization_are_both_given(tables, parameters, method):
    from helpers.learning.endpoint import model_endpoint

    tables = shifted(tables)
    asked = parameters(**{"harmonization.method": method, "statistics.bootstrap": 100})
    predictions = model_endpoint(*tables, endpoint="label", parameters=asked, seed=3).tables["predictions"]
    table, why = centers_traces.harmonization_endpoint(*tables, predictions, endpoint="label", parameters=asked, seed=3)
    own = table[table["metric"] == "auc"]
    assert not why and set(own["model"]) == {"radiomics", "deep", "nomogram"}
    assert own.groupby("version").size().tolist() == [6, 6]
    both = own.pivot(index=["model", "part"], columns="version", values="estimate")
    assert (both["harmonized"] != both["as measured"]).any()


def test_with_one_center_there_is_a_reason_in_place_of_a_comparison(tables, parameters):
    cases, features = tables
    predictions = pd.DataFrame(columns=["case", "endpoint", "model", "kind", "truth", "probability"])
    asked = {"endpoint": "label", "parameters": parameters(), "seed": 1}
    table, why = centers_traces.harmonization_endpoint(cases.assign(center="A"), features, predictions, **asked)
    assert table.empty and why == "All training patients are from one center"
