"""The contest is decided inside the training folds, and equals nested cross-validation written by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from helpers import cluster
from helpers.errors import RadiogramError
from helpers.learning import endpoint, folds, signatures
from helpers.learning.contest import blocks, grid, outer, running
from helpers.learning.contest.classifiers import SETTINGS
from helpers.learning.contest.grid import WINNER
from helpers.learning.rows import rows_from_tables, training_rows

FAST = "[logistic regression, k-nearest neighbors]"
INPUTS = "[{name: A, blocks: [radiomics]}, {name: B, blocks: [deep], clinical: true}]"
ROWS = {"endpoint": "label", "clinical": ("age", "sex")}


@pytest.fixture(scope="session")
def settings(parameters):
    """Parameters of a small contest."""

    def make(**overrides: object):
        usual = {"contest.folds": 3, "contest.trees": 20, "contest.classifiers": FAST, "contest.inputs": INPUTS}
        return parameters(**(usual | overrides))

    return make


def contest(tables, parameters, **options):
    return outer.fit(*tables, endpoint="label", parameters=parameters, seed=1, **options)


@pytest.fixture(scope="session")
def found(cohort, settings):
    return contest(cohort(), settings())


@pytest.mark.slow
def test_the_outer_folds_are_those_of_every_other_model(found, cohort, settings):
    _, fold = endpoint.prepared(*cohort(), endpoint="label", parameters=settings(), seed=1)
    assert np.array_equal(found.fold, fold)


@pytest.mark.slow
def test_a_contender_that_is_best_on_test_patients_alone_is_not_chosen(found, cohort, settings):
    cases, features = cohort()
    winner = found.final.models[WINNER]
    loser = next(key for key in found.final.inner if key[0] != winner[0])
    favor = dict(zip(found.others.case, found.final.probabilities[loser], strict=True))
    test = cases["part"] == "test"
    middle = np.median(list(favor.values()))
    cases.loc[test, "label"] = cases.loc[test, "case"].map(favor).gt(middle).astype("int8")
    again = contest((cases, features), settings())
    assert again.final.models[WINNER] == winner and again.final.inner == found.final.inner
    table = pd.DataFrame(running.grid_rows(again, level=0.95), columns=running.COLUMNS)
    frozen = table[table["kind"] == "frozen"].set_index(["inputs", "classifier"])
    assert frozen.loc[loser, "estimate"] == 1.0 > frozen.loc[winner, "estimate"]
    assert frozen.loc[winner, "chosen"] and not frozen.loc[loser, "chosen"]


@pytest.mark.slow
def test_a_held_out_fold_shapes_nothing_that_scores_it(found, cohort, settings):
    cases, features = cohort()
    held = found.training.case[found.fold == 0]
    theirs = features["case"].isin(held)
    columns = features.columns[2:]
    features.loc[theirs, columns] = np.random.default_rng(5).normal(size=(theirs.sum(), len(columns)))
    again = contest((cases, features), settings())
    assert again.by_fold[0].inner == found.by_fold[0].inner and again.by_fold[0].models == found.by_fold[0].models
    assert again.by_fold[1].inner != found.by_fold[1].inner


def test_the_winner_has_the_highest_inner_auc_and_its_out_of_fold_prediction_is_of_the_folds_own_choice(found):
    for each in (found.final, *found.by_fold):
        assert each.inner[each.models[WINNER]] == max(each.inner.values())
    values = found.model_out_of_fold(WINNER)
    for k, each in enumerate(found.by_fold):
        assert np.array_equal(values[found.fold == k], each.probabilities[each.models[WINNER]])


def test_a_contender_refuses_patients_it_saw(rows, settings):
    fitted = grid.fit(rows, parameters=settings(), seed=1)
    for each in fitted.contenders.values():
        with pytest.raises(RadiogramError, match="cannot be scored as frozen"):
            each.score(rows.take(np.arange(3)))


def test_nothing_is_fitted_on_rows_outside_training(every_row, settings):
    with pytest.raises(RadiogramError, match="fitted on training rows only"):
        grid.fit(every_row, parameters=settings(), seed=1)


def by_hand(rows, settings, classifier, *, seed):
    """Mean inner AUC of every setting of a classifier on the block radiomics, in scikit-learn's own terms."""
    fold = folds.draw(rows, folds=3, seed=seed, purpose="contest")
    build = {
        "logistic regression": lambda s: LogisticRegression(C=s["C"], max_iter=5000),
        "k-nearest neighbors": lambda s: KNeighborsClassifier(s["neighbors"]),
    }[classifier]
    areas = []
    for k in range(3):
        training, held = rows.take(fold != k), rows.take(fold == k)
        kept = signatures.fit("radiomics", training, parameters=settings, seed=seed).coefficients["feature"]
        x, new = training.features[kept], held.features[kept]
        x, new = (x - x.mean()) / x.std(ddof=0), (new - x.mean()) / x.std(ddof=0)
        fitted = [build(s).fit(x.to_numpy(), training.truth) for s in SETTINGS[classifier]]
        areas.append([roc_auc_score(held.truth, f.predict_proba(new.to_numpy())[:, 1]) for f in fitted])
    return np.mean(areas, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("classifier", ["logistic regression", "k-nearest neighbors"])
def test_the_grid_equals_nested_cross_validation_written_by_hand(cohort, settings, classifier):
    parameters = settings(
        **{"contest.inputs": "[{name: A, blocks: [radiomics]}]", "contest.classifiers": f"[{classifier}]"}
    )
    found = contest(cohort(), parameters)
    for k in range(3):
        training = found.training.take(found.fold != k)
        areas = by_hand(training, parameters, classifier, seed=1)
        assert found.by_fold[k].inner[("A", classifier)] == pytest.approx(areas.max(), abs=1e-12)
        best = SETTINGS[classifier][int(np.argmax(np.round(areas, 12)))]
        assert found.by_fold[k].settings[("A", classifier)].endswith(f"{next(iter(best.values())):g}")
    table = pd.DataFrame(running.grid_rows(found, level=0.95), columns=running.COLUMNS)
    train = table[table["kind"] == "oof"].iloc[0]
    assert train["estimate"] == pytest.approx(roc_auc_score(found.training.truth, found.out_of_fold(("A", classifier))))


@pytest.mark.slow
@pytest.mark.parametrize("classifier", list(SETTINGS))
def test_every_classifier_beats_chance_on_a_plain_signal_with_probabilities(cohort, settings, classifier):
    one = {"contest.inputs": "[{name: A, blocks: [radiomics]}]", "contest.classifiers": f"[{classifier}]"}
    cases, features = cohort(n=240, signal=6.0)
    own = training_rows(cases, features, **ROWS)
    others = rows_from_tables(
        cases[cases["part"] != "train"], features[features["case"].isin(cases["case"][2::3])], **ROWS
    )
    values = grid.fit(own, parameters=settings(**one), seed=1).contenders[("A", classifier)].score(others)
    assert ((values >= 0) & (values <= 1)).all()
    assert roc_auc_score(others.truth, values) > 0.7


@pytest.mark.slow
def test_the_same_tables_come_from_one_process_and_from_two(cohort, settings):
    parameters = settings(**{"execution.workers": 2})
    alone = contest(cohort(), parameters)
    mapper = partial(cluster.map_cases, execution=parameters.execution, label="fits")
    together = contest(cohort(), parameters, mapper=mapper)
    pd.testing.assert_frame_equal(running.predictions(alone), running.predictions(together))
    rows = [pd.DataFrame(running.grid_rows(each, level=0.95), columns=running.COLUMNS) for each in (alone, together)]
    pd.testing.assert_frame_equal(*rows)


def test_a_tie_goes_to_the_first_contender_whatever_the_order_of_rows(found):
    key = next(iter(found.final.inner))
    tied = {each: replace_auc(each) for each in found.final.inner}
    fitted = grid.Grid(what="contest", seen=frozenset(), contenders=tied, kept={})
    assert fitted.best() == key


def replace_auc(key):
    return grid.Contender(
        what="x", seen=frozenset(), key=key, settings={}, inner_auc=0.7, design=None, machine=None, recalibration=None
    )


@pytest.mark.slow
def test_perfect_separation_gives_finite_risks(cohort, settings):
    cases, features = cohort()
    label = dict(zip(cases["case"], cases["label"], strict=True))
    features["T1c_original_firstorder_f000"] = 10.0 * features["case"].map(label)
    features.loc[:, "T1c_original_firstorder_f000"] += np.random.default_rng(0).normal(size=len(features)) * 0.01
    found = contest((cases, features), settings())
    assert all(np.isfinite(values).all() for values in found.final.probabilities.values())


def test_a_constant_feature_or_variable_is_never_read(cohort, settings):
    cases, features = cohort()
    features["T1c_original_firstorder_f003"], cases["age"] = 1.0, 60.0
    fitted = grid.fit(training_rows(cases, features, **ROWS), parameters=settings(), seed=1)
    both = fitted.contenders[("B", "logistic regression")].design
    assert "T1c_original_firstorder_f003" not in set(fitted.contenders[("A", "logistic regression")].design.features)
    assert both.columns == len(both.features) + int((both.sd > 0).sum()) < len(both.features) + both.sd.size


def test_a_block_of_which_nothing_is_kept_leaves_the_prevalence_and_is_named(cohort, settings):
    cases, features = cohort()
    features[[name for name in features if "firstorder" in name]] = 1.0
    found = contest((cases, features), settings())
    assert found.final.kept["radiomics"] == 0 < found.final.kept["deep"]
    key = ("A", "logistic regression")
    assert found.final.columns[key] == 0 and np.ptp(found.final.probabilities[key]) == 0
    assert found.final.probabilities[key][0] == pytest.approx(found.training.truth.mean())
    notes = running._notes(found, several=False)
    assert any("LASSO kept nothing of the block radiomics" in note for note in notes)
    assert any("everyone gets the share of events" in note for note in notes)


def test_a_block_without_features_is_refused_by_name(cohort, settings):
    with pytest.raises(RadiogramError, match="reads the block T2 deep, but table features has no such feature"):
        contest(cohort(), settings(**{"contest.inputs": "[{name: A, blocks: [T2 deep]}]"}))


def test_fewer_patients_than_folds_are_refused_with_what_to_do(cohort, settings):
    cases, features = cohort()
    few = cases[cases["part"] == "train"].groupby("label").head(8)
    own = features[features["case"].isin(few["case"])]
    with pytest.raises(
        RadiogramError, match=r"too few for 6 inner folds within 3 outer folds: set contest.folds lower"
    ):
        contest((few, own), settings(**{"contest.folds": 6}))


def test_one_class_only_is_refused(cohort, settings):
    cases, features = cohort()
    cases["label"] = 1
    with pytest.raises(RadiogramError, match="with one class only there is nothing to learn"):
        contest((cases, features), settings())


def test_a_block_holds_the_features_of_its_sequence_alone():
    names = ["T1_original_glcm_x", "T1_c_original_glcm_x", "T1_deep_0", "T1_c_deep_0", "case"]
    known = ("T1", "T1_c")
    assert blocks.of_block(names, "T1 radiomics", sequences=known) == ["T1_original_glcm_x"]
    assert blocks.of_block(names, "T1_c deep", sequences=known) == ["T1_c_deep_0"]
    assert blocks.of_block(names, "radiomics", sequences=known) == names[:2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contest.inputs": "[{name: A}]"}, "A reads nothing"),
        ({"contest.inputs": "[{name: A, blocks: [deep]}, {name: A, blocks: [deep]}]"}, "A more than once"),
        ({"contest.carried": "[C]"}, "names C, but contest.inputs has only A and B"),
        (
            {"contest.inputs": "[{name: radiomics, blocks: [radiomics]}]", "contest.carried": "[radiomics]"},
            "also the name of another model",
        ),
    ],
)
def test_names_that_cannot_be_told_apart_are_refused(settings, change, said):
    with pytest.raises(RadiogramError, match=said):
        running.require_names(settings(**change))


@pytest.mark.slow
def test_permuted_labels_leave_the_winner_at_chance(cohort, settings):
    parameters, areas = settings(**{"selection.reproducibility": "none"}), []
    for seed in range(12):
        cases, features = cohort(n=150, seed=seed)
        cases["label"] = np.random.default_rng(seed).permutation(cases["label"].to_numpy())
        found = contest((cases, features), parameters)
        areas.append(
            [
                roc_auc_score(found.training.truth, found.model_out_of_fold(WINNER)),
                roc_auc_score(found.others.truth, found.final.probabilities[found.final.models[WINNER]]),
            ]
        )
    assert np.mean(areas, axis=0) == pytest.approx([0.5, 0.5], abs=0.06)


@pytest.mark.slow
def test_a_contest_with_no_test_part_is_told_out_of_fold(cohort, settings):
    cases, features = cohort()
    cases["part"] = "train"
    found = contest((cases, features), settings())
    table = pd.DataFrame(running.grid_rows(found, level=0.95), columns=running.COLUMNS)
    assert set(table["kind"]) == {"oof"} and table["difference"].isna().all()
    assert set(running.predictions(found)["kind"]) == {"oof"}
