"""A fusion is fitted on out-of-fold scores and on nothing else, never on the patients it then scores."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.tools import add_constant

from helpers.errors import RadiogramError
from helpers.learning import folds, fusion, members, record, stacking
from helpers.learning.rows import rows_from_tables, training_rows
from helpers.statistics.discrimination import auc
from helpers.statistics.thresholds import OutOfFold

FOLDS = 3
NOTHING = pd.DataFrame({"case": [], "reader": []})
ENDPOINTS = "cohort.endpoints=[{name: label, positive: a, negative: b}, {name: other, positive: a, negative: b}]"


def written(cases, models, *, endpoint="label", signal=1.5, seed=0):
    """Tables predictions and fits of models whose log odds are the label's, blurred."""
    rows = rows_from_tables(cases, NOTHING, endpoint=endpoint)
    training = rows.take(rows.part == "train")
    fold = folds.draw(training, folds=FOLDS, seed=1, purpose="outer")
    seen = {k: frozenset(training.patient[fold != k].tolist()) for k in range(FOLDS)}
    rng = np.random.default_rng(seed)
    told = {m: expit(signal * (rows.truth - 0.5) + rng.normal(size=len(rows))) for m in models}
    pieces = [
        record.prediction_rows(training, {m: p[rows.part == "train"] for m, p in told.items()}, kind="oof"),
        record.prediction_rows(
            rows.take(rows.part != "train"), {m: p[rows.part != "train"] for m, p in told.items()}, kind="frozen"
        ),
    ]
    return pd.concat(pieces, ignore_index=True), record.fit_rows(endpoint, models, seen)


@pytest.fixture
def study(parameters):
    def make(*fusions: str, **overrides: object) -> SimpleNamespace:
        return SimpleNamespace(parameters=parameters(**{"networks.fusions": f"[{', '.join(fusions)}]", **overrides}))

    return make


@pytest.fixture
def cases(cohort):
    return cohort(180, radiomics=5, deep=2)[0]


BOTH = "{name: multimodal, members: [convnext, radiomics]}"


def test_the_final_equation_is_the_logistic_regression_of_the_out_of_fold_log_odds(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    found = fusion.fit(study(BOTH), cases, predictions, fits)
    oof = predictions[predictions["kind"] == "oof"]
    wide = oof.pivot(index="case", columns="model", values="probability")
    truth = oof.drop_duplicates("case").set_index("case")["truth"].loc[wide.index]
    reference = Logit(truth, add_constant(logit(wide[["convnext", "radiomics"]]))).fit(disp=0)
    np.testing.assert_allclose(found.equations["coefficient"], reference.params, rtol=1e-6)
    np.testing.assert_allclose(found.equations[["low", "high"]], reference.conf_int(), rtol=1e-5)


def test_the_other_parts_are_scored_frozen_by_the_final_equation(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    found = fusion.fit(study(BOTH), cases, predictions, fits)
    frozen = predictions[predictions["kind"] == "frozen"].pivot(index="case", columns="model", values="probability")
    b = found.equations.set_index("term")["coefficient"]
    expected = b["(intercept)"] + sum(b[m] * logit(frozen[m]) for m in ("convnext", "radiomics"))
    own = found.tables["predictions"].query("kind == 'frozen'").set_index("case")["probability"]
    np.testing.assert_allclose(own.loc[expected.index], expit(expected), rtol=1e-9)


def test_every_training_row_is_scored_once_by_an_equation_that_did_not_have_it(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    tables = fusion.fit(study(BOTH), cases, predictions, fits).tables
    oof = tables["predictions"].query("kind == 'oof'")
    assert sorted(oof["case"]) == sorted(cases.loc[cases["part"] == "train", "case"])
    own = tables["fits"]
    assert sorted(own["fold"]) == [-1, *range(FOLDS)]
    by_fold = [set(p.split("\n")) for p in own.loc[own["fold"] >= 0, "patients"]]
    assert all(sum(patient not in seen for seen in by_fold) == 1 for patient in oof["patient"])


def test_a_patients_label_does_not_reach_its_own_out_of_fold_score(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    patient = cases.loc[cases["part"] == "train", "patient"].iloc[4]
    turned = predictions.assign(
        truth=np.where(predictions["patient"] == patient, 1 - predictions["truth"], predictions["truth"])
    )
    flipped = cases.assign(label=np.where(cases["patient"] == patient, 1 - cases["label"], cases["label"]))
    one, two = (
        fusion.fit(study(BOTH), c, p, fits)
        .tables["predictions"]
        .query("kind == 'oof'")
        .set_index("patient")["probability"]
        for c, p in ((cases, predictions), (flipped, turned))
    )
    assert one[patient] == two[patient]
    assert (one.drop(patient) != two.drop(patient)).any()


@pytest.mark.parametrize("kind", ["apparent", "frozen"])
def test_in_sample_scores_are_refused(study, cases, kind):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    predictions.loc[(predictions["model"] == "radiomics") & (predictions["kind"] == "oof"), "kind"] = kind
    with pytest.raises(RadiogramError, match="radiomics has no out-of-fold predictions"):
        fusion.fit(study(BOTH), cases, predictions, fits)


def test_a_model_that_saw_the_patient_it_scores_is_refused(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    everyone = "\n".join(sorted(cases.loc[cases["part"] == "train", "patient"]))
    with pytest.raises(RadiogramError, match="Every fit of convnext .* saw patient"):
        fusion.fit(study(BOTH), cases, predictions, fits.assign(patients=everyone))


def test_a_frozen_prediction_of_a_patient_the_model_saw_is_refused(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    patient = cases.loc[cases["part"] == "test", "patient"].iloc[0]
    with pytest.raises(RadiogramError, match=f"convnext was fitted on patient {patient}"):
        fusion.fit(study(BOTH), cases, predictions, fits.assign(patients=fits["patients"] + f"\n{patient}"))


def test_a_further_head_that_does_not_score_everybody_is_left_out_and_said(study, cases):
    cases = cases.assign(other=np.roll(cases["label"], 1))
    pieces = [written(cases, ["both"], endpoint=e, seed=i) for i, e in enumerate(("label", "other"))]
    predictions, fits = (pd.concat(frames, ignore_index=True) for frames in zip(*pieces, strict=True))
    lost = (predictions["endpoint"] == "other") & (predictions["case"] == cases["case"].iloc[0])
    key, _, value = ENDPOINTS.partition("=")
    given = {key: value, "networks.models": "[{name: both, architecture: convnext}]"}
    opened = study("{name: f, members: [both], clinical: [age]}", **given)
    found = list(
        fusion.fused(opened.parameters, cases[cases["case"] != cases["case"].iloc[0]], predictions[~lost], fits)
    )
    assert list(found[0].scores.oof) == ["both", "both for other"]
    first = next(fusion.fused(opened.parameters, cases, predictions[~lost], fits))
    assert list(first.scores.oof) == ["both"]
    assert first.scores.notes == ("both for other was left out: it does not score every patient.",)


def test_a_bare_array_is_no_evidence(cases):
    rows = training_rows(cases, NOTHING, endpoint="label")
    with pytest.raises(TypeError, match="OutOfFold"):
        stacking.fit(rows, {"a": np.zeros(len(rows))}, own=["a"], clinical=(), what="fusion f")


def test_a_case_without_a_members_prediction_is_named(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    lost = predictions.query("kind == 'frozen'")["case"].iloc[0]
    with pytest.raises(RadiogramError, match=f"Case {lost} has no frozen prediction by radiomics"):
        fusion.fit(
            study(BOTH), cases, predictions[(predictions["case"] != lost) | (predictions["model"] != "radiomics")], fits
        )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("{name: f}", "combines nothing"),
        ("{name: f, clinical: [grade]}", "reads grade, which cohort.clinical does not name"),
        ("{name: f, members: [absent]}", "absent has no out-of-fold predictions"),
        ("{name: radiomics, clinical: [age]}", "two models are called radiomics"),
        ("{name: f, members: [g]}, {name: g, clinical: [age]}", "has the fusion g as member"),
    ],
)
def test_a_fusion_that_cannot_be_is_told_in_a_sentence(study, cases, wrong, sentence):
    predictions, fits = written(cases, ["convnext"])
    with pytest.raises(RadiogramError, match=sentence):
        fusion.fit(study(wrong), cases, predictions, fits)


def test_age_alone_is_a_fusion_without_members_on_the_same_folds(study, cases):
    predictions, fits = written(cases, ["convnext"])
    found = fusion.fit(study("{name: age only, clinical: [age]}"), cases, predictions, fits)
    assert found.equations["term"].tolist() == ["(intercept)", "age"]
    own = found.tables["fits"].query("fold >= 0")["fingerprint"].tolist()
    assert own != fits["fingerprint"].tolist()  # drawn with the study's seed, the members' with another
    again = fusion.fit(study("{name: age only, clinical: [age]}", seed=1), cases, predictions, fits)
    assert again.tables["fits"].query("fold >= 0")["fingerprint"].tolist() == fits["fingerprint"].tolist()


def test_every_head_of_a_network_enters_and_a_single_task_member_limits_the_endpoints(study, cases):
    cases = cases.assign(other=np.roll(cases["label"], 1))
    pieces = [written(cases, ["both", "radiomics"], endpoint=e, seed=i) for i, e in enumerate(("label", "other"))]
    pieces.append(written(cases, ["one"], endpoint="label", seed=7))
    predictions, fits = (pd.concat(frames, ignore_index=True) for frames in zip(*pieces, strict=True))
    key, _, value = ENDPOINTS.partition("=")
    models = "[{name: both, architecture: convnext}, {name: one, architecture: convnext, endpoints: [label]}]"
    opened = study(
        "{name: f, members: [both, radiomics]}", "{name: g, members: [one]}", **{key: value, "networks.models": models}
    )
    found = list(fusion.fused(opened.parameters, cases, predictions, fits))
    assert [(each.name, each.endpoint) for each in found] == [("f", "label"), ("f", "other"), ("g", "label")]
    assert list(found[1].scores.oof) == ["both", "radiomics", "both for label"]
    assert list(found[2].scores.oof) == ["one"]


def test_a_score_that_leans_against_the_label_is_left_out_and_said(cases):
    rows = training_rows(cases, NOTHING, endpoint="label")
    rng = np.random.default_rng(0)
    good, bad = rows.truth + rng.normal(size=len(rows)), -rows.truth + rng.normal(size=len(rows))
    fitted = stacking.fit(rows, evidence(rows, good=good, bad=bad), own=["good", "bad"], clinical=(), what="f")
    assert fitted.scores == ("good",)
    assert fitted.notes == ("bad was left out: beside the others its weight would be below 0.",)
    head = stacking.fit(rows, evidence(rows, good=good, bad=bad), own=["good"], clinical=(), what="f")
    assert head.scores == ("good", "bad") and head.regression.coefficients[2] < 0  # another endpoint may lean so


def test_useless_members_keep_their_mean_ranking_near_the_prevalence(cases):
    rows = training_rows(cases, NOTHING, endpoint="label")
    score = -rows.truth + np.random.default_rng(0).normal(size=len(rows))
    fitted = stacking.fit(rows, evidence(rows, bad=score), own=["bad"], clinical=(), what="f")
    p = expit(fitted.linear_predictor(score[:, None]))
    assert p.mean() == pytest.approx(rows.truth.mean(), abs=1e-6) and np.ptp(p) < 0.05
    assert (np.argsort(p) == np.argsort(score)).all()


def test_certain_probabilities_stay_finite(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    predictions.loc[predictions.index[::7], "probability"] = np.round(predictions["probability"].iloc[::7])
    found = fusion.fit(study(BOTH), cases, predictions, fits)
    assert np.isfinite(found.tables["predictions"]["probability"]).all()
    assert members.NEAREST < 1e-3


def test_the_order_of_rows_does_not_matter(study, cases):
    predictions, fits = written(cases, ["convnext", "radiomics"])
    one = fusion.fit(study(BOTH), cases, predictions, fits).tables["predictions"]
    two = fusion.fit(study(BOTH), cases, predictions.sample(frac=1, random_state=0), fits).tables["predictions"]
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.slow
def test_on_random_labels_a_fusion_is_near_chance_out_of_fold_where_free_weights_are_not(cases):
    """Mean out-of-fold AUC of 60 null cohorts whose members are ridge regressions of 40 noise features, cross-fitted."""
    from sklearn.linear_model import LogisticRegression

    ours, free = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        drawn = cases.assign(label=rng.permutation(cases["label"].to_numpy()))
        rows = training_rows(drawn, NOTHING, endpoint="label")
        fold = folds.draw(rows, folds=5, seed=seed, purpose="outer")
        scores = np.empty((len(rows), 2))
        for m in range(2):
            x = rng.normal(size=(len(rows), 40))
            for k in range(5):
                model = LogisticRegression(C=0.05).fit(x[fold != k], rows.truth[fold != k])
                scores[fold == k, m] = model.decision_function(x[fold == k])
        for own, kept in ((["a", "b"], ours), ([], free)):
            p, oof = np.empty(len(rows)), evidence(rows, fold=fold, a=scores[:, 0], b=scores[:, 1])
            for k in range(5):
                away = fold != k
                stack = stacking.fit(rows.take(away), stacking.take(oof, away), own=own, clinical=(), what="f")
                held = {name: o.score[fold == k] for name, o in oof.items()}
                p[fold == k] = stack.probability(rows.take(fold == k), held)
            kept.append(auc(rows.truth, p).estimate)
    assert np.mean(ours) < 0.53 < np.mean(free)


def evidence(rows, *, fold=None, **scores):
    """Out-of-fold scores, each fold scored by whoever is outside it."""
    fold = np.arange(len(rows)) % 3 if fold is None else fold
    seen = tuple(frozenset(rows.patient[fold != k].tolist()) for k in range(int(fold.max()) + 1))
    return {name: OutOfFold(rows.patient, rows.truth, score, fold, seen) for name, score in scores.items()}
