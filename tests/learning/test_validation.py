"""Internal validation: the whole pipeline repeated, nobody judged by a model that saw a copy, honest on noise."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from helpers.errors import RadiogramError
from helpers.learning import dlrn, folds, judged, lasso, measures, resampling, signatures
from helpers.learning.endpoint import model_endpoint
from helpers.learning.validation import TABLES, repetition, validate_endpoint
from helpers.statistics.calibration import calibration
from helpers.tables import DECLARED, Tables

SMALL = {"modeling.folds": 2, "selection.lasso_path": 10, "selection.lasso_folds": 3}
FEW = SMALL | {"validation.bootstraps": 4, "validation.repeats": 1}


def validate(cases, features, options, *, seed=1, mapper=None):
    learned = model_endpoint(cases, features, endpoint="label", parameters=options, seed=seed)
    given = (learned.tables["predictions"], learned.tables["selected"])
    found = validate_endpoint(cases, features, *given, endpoint="label", parameters=options, seed=seed, mapper=mapper)
    return found.tables, learned.tables


@pytest.fixture(scope="module")
def validated(cohort, parameters):
    return validate(*cohort(), parameters(**FEW))


def value(table, model, method, metric="auc", column="estimate"):
    here = table.query("model == @model and method == @method and metric == @metric")
    return here[column].item()


def test_every_table_is_as_declared(validated, tmp_path):
    for name, frame in validated[0].items():
        assert list(Tables(tmp_path).write(name, frame).columns) == list(DECLARED[name].names)
    assert tuple(validated[0]) == TABLES


def test_every_step_is_repeated_in_every_bootstrap_sample(rows, parameters, monkeypatch):
    calls, sizes = Counter(), []

    def counted(module, name):
        original = getattr(module, name)

        def wrapper(*args, **options):
            calls[name] += 1
            sizes.append(len({*getattr(args[0], "patient", [])}))
            return original(*args, **options)

        monkeypatch.setattr(module, name, wrapper)

    counted(signatures.stability, "gate")
    for name in ("usable", "distinct", "scaler"):
        counted(signatures.selection, name)
    counted(lasso, "cross_validate")
    counted(dlrn, "recalibrate")
    counted(dlrn.nomogram, "fit")
    for item in range(2):
        repetition(item, rows=rows, parameters=parameters(**FEW), seed=1)
    # Two selecting signatures, each in two folds and on the whole sample; three signatures; one nomogram.
    selecting = dict.fromkeys(("gate", "usable", "distinct", "scaler", "cross_validate"), 2 * 2 * 3)
    assert calls == selecting | {"recalibrate": 2 * 3, "fit": 2}
    assert max(sizes) < len(rows.patients)


def test_all_rows_of_a_patient_are_drawn_together(rows):
    twice = replace(rows, patient=np.repeat(rows.patient[::2], 2))
    sample = resampling.draw(twice, generator=np.random.default_rng(0))
    copies = Counter(zip(sample.rows.patient.tolist(), sample.rows.case.tolist(), strict=True))
    assert len(sample.rows) == len(rows)
    for patient in sample.rows.patients:
        assert len({n for (name, _), n in copies.items() if name == patient}) == 1
        assert sum(name == patient for name, _ in copies) == 2


def test_out_of_bag_rows_were_never_seen(rows, parameters):
    twice = replace(rows, patient=np.repeat(rows.patient[::2], 2))
    seen = []

    def fit(sample):
        model = dlrn.fit(sample, parameters=parameters(**SMALL), seed=1)
        seen.append(model.seen)
        return model

    for seed in (0, 1):
        found = resampling.refit(twice, fit, feasible=lambda sample: True, seed=seed)
        drawn = resampling.draw(twice, generator=np.random.default_rng(seed))
        outside = twice.take(drawn.outside)
        assert outside.patients == twice.patients - seen[-1]
        assert len(found.outside["nomogram"]) == len(outside) > 0
        np.testing.assert_array_equal(found.outside_truth, outside.truth)


def test_copies_of_a_patient_share_every_fold(rows):
    sample = resampling.draw(rows, generator=np.random.default_rng(1)).rows
    for purpose in ("inner", "lasso"):
        fold = folds.draw(sample, folds=5, seed=1, purpose=purpose)
        assert len(set(zip(sample.patient.tolist(), fold.tolist(), strict=True))) == len(sample.patients)


def test_a_resampled_model_is_judged_on_its_own_training_rows_and_nothing_else(rows, every_row, parameters):
    sample = resampling.draw(rows, generator=np.random.default_rng(0))
    model = dlrn.fit(sample.rows, parameters=parameters(**SMALL), seed=1)
    assert set(model.resampled(rows)) == {"radiomics", "deep", "clinical", "nomogram"}
    with pytest.raises(RadiogramError, match="is in part test: a resampled radiomics signature is judged on the train"):
        model.resampled(every_row)
    with pytest.raises(RadiogramError, match="not the training rows that its sample was drawn from"):
        model.resampled(rows.take(np.arange(len(rows)) > 20))
    with pytest.raises(RadiogramError, match="cannot be scored as frozen"):
        model.probabilities(rows)


def test_a_sample_without_a_class_is_drawn_again(rows, parameters):
    asked = []

    def feasible(sample):
        asked.append(sample.patient.tolist())
        return len(asked) > 2

    one = partial(dlrn.fit, parameters=parameters(**SMALL), seed=1)
    found = resampling.refit(rows, one, feasible=feasible, seed=1)
    assert found is not None and len(asked) == 3 and asked[0] != asked[1]


def test_a_sample_that_cannot_be_had_or_fitted_is_left_out_and_not_counted(rows, parameters, cohort, monkeypatch):
    def fails(sample):
        raise RadiogramError("too few were measured twice")

    assert resampling.refit(rows, fails, feasible=lambda sample: True, seed=1) is None
    assert resampling.refit(rows, fails, feasible=lambda sample: False, seed=1) is None
    outcomes = [None, *(repetition(item, rows=rows, parameters=parameters(**FEW), seed=1) for item in range(1, 6))]

    def mapper(function, items):
        yield from (SimpleNamespace(item=own, value=[outcomes[i] for i in own], error=None) for own in items)

    tables, _ = validate(*cohort(), parameters(**FEW), mapper=mapper)
    assert value(tables["validation"], "nomogram", "bootstrap optimism", column="replicates") == 3
    assert set(tables["selection_frequency"]["replicates"]) == {3}


def test_a_class_must_fill_the_folds_of_a_sample_and_leave_two_to_learn_from(rows):
    def with_events(n):
        return replace(rows, truth=(np.arange(len(rows)) < n).astype(np.int64))

    assert [folds.spread(with_events(n), folds=3) for n in (2, 3, 4)] == [False, True, True]
    copies = with_events(6).take(np.repeat([0, 10, 11, 12, 13], [8, 1, 1, 1, 1]))
    assert not folds.spread(copies, folds=2)


def test_the_first_rows_are_those_of_the_models_themselves(validated):
    table, learned = validated[0]["validation"], validated[1]["predictions"]
    for model in ("radiomics", "nomogram"):
        for method, kind in (("apparent", "apparent"), ("cross-validation", "oof")):
            own = learned[(learned["model"] == model) & (learned["kind"] == kind)]
            assert value(table, model, method) == pytest.approx(roc_auc_score(own["truth"], own["probability"]))
            expected = brier_score_loss(own["truth"], own["probability"])
            assert value(table, model, method, "brier") == pytest.approx(expected)


def test_repeats_draw_other_folds_and_their_limits_are_the_smallest_and_largest(cohort, parameters):
    options = parameters(**SMALL | {"validation.bootstraps": 0, "validation.repeats": 2})
    table = validate(*cohort(), options)[0]["validation"]
    low, middle, high = (
        value(table, "nomogram", "repeated cross-validation", column=c) for c in ("low", "estimate", "high")
    )
    assert low < middle < high
    assert low <= value(table, "nomogram", "cross-validation") <= high
    assert value(table, "nomogram", "repeated cross-validation", column="replicates") == 3


def test_without_repetitions_only_the_models_own_rows_remain(cohort, parameters):
    options = parameters(**SMALL | {"validation.bootstraps": 0, "validation.repeats": 0})
    tables, _ = validate(*cohort(), options)
    assert set(tables["validation"]["method"]) == {"apparent", "cross-validation"}
    assert tables["instability"].empty and tables["selection_frequency"].empty


def test_the_corrected_value_is_apparent_less_optimism_and_632_lies_between(validated):
    table = validated[0]["validation"]
    rows = table.query("method == 'bootstrap optimism' and estimate.notna()")
    np.testing.assert_allclose(rows["estimate"], rows["apparent"] - rows["optimism"])
    apparent, plain, plus = (value(table, "radiomics", m) for m in ("apparent", "bootstrap .632", "bootstrap .632+"))
    assert plus <= plain <= apparent


def test_optimism_is_near_zero_when_nothing_is_selected(cohort, parameters):
    options = parameters(**FEW | {"selection.icc_threshold": 1.0})
    tables, _ = validate(*cohort(), options)
    assert value(tables["validation"], "radiomics", "bootstrap optimism", column="optimism") == 0
    assert value(tables["validation"], "radiomics", "bootstrap .632+") == 0.5
    assert tables["selection_frequency"].empty


@pytest.mark.slow
def test_corrected_auc_of_noise_is_near_one_half(cohort, parameters):
    options = parameters(**SMALL | {"validation.bootstraps": 8, "validation.repeats": 2})
    methods = ("apparent", "bootstrap optimism", "bootstrap .632+", "repeated cross-validation", "bootstrap out-of-bag")
    found, rng = {method: [] for method in methods}, np.random.default_rng(7)
    for seed in range(6):
        cases, features = cohort(radiomics=60, signal=1.0, seed=seed)
        cases["label"] = rng.permutation(cases["label"])
        table = validate(cases, features, options, seed=seed)[0]["validation"]
        for method, values in found.items():
            values.append(value(table, "radiomics", method))
    mean = {method: np.mean(values) for method, values in found.items()}
    assert mean["apparent"] > 0.65
    assert mean["apparent"] > mean["bootstrap optimism"]
    assert abs(mean["bootstrap .632+"] - 0.5) < 0.1
    assert abs(mean["repeated cross-validation"] - 0.5) < 0.08
    assert abs(mean["bootstrap out-of-bag"] - 0.5) < 0.08


def test_a_slope_far_from_one_in_sample_gets_no_corrected_slope():
    truth = np.array([0, 0, 0, 1, 0, 1, 1, 1] * 5)
    steep, fair = np.where(truth == 1, 0.6, 0.4) + np.linspace(-0.15, 0.15, 40), np.linspace(0.2, 0.8, 40)
    fit = resampling.Refit({"m": steep}, {"m": fair}, {}, truth, np.zeros(0, int), {})
    table = judged.judge(truth, {"m": steep}, [{"m": fair}], [fit, fit], level=0.95)
    assert value(table, "m", "apparent", "calibration_slope") > 2
    assert np.isnan(value(table, "m", "bootstrap optimism", "calibration_slope"))
    assert np.isfinite(value(table, "m", "bootstrap optimism", "auc"))


def test_measures_are_those_of_scikit_learn_and_of_the_calibration_panel():
    rng = np.random.default_rng(3)
    p = rng.random(200)
    truth = (rng.random(200) < p).astype(int)
    found, panel = measures.measures(truth, p), calibration(truth, p)
    assert found["auc"] == pytest.approx(roc_auc_score(truth, p))
    assert found["brier"] == pytest.approx(brier_score_loss(truth, p))
    assert found["scaled_brier"] == pytest.approx(panel.scaled_brier)
    assert found["calibration_in_the_large"] == pytest.approx(panel.in_the_large.estimate)
    assert found["calibration_slope"] == pytest.approx(panel.slope.estimate)


def test_no_information_pairs_every_outcome_with_every_prediction():
    rng = np.random.default_rng(4)
    p, truth = rng.random(40), rng.integers(0, 2, 40)
    assert measures.no_information(truth, p)["brier"] == pytest.approx(np.mean((truth[:, None] - p[None, :]) ** 2))


def test_predictions_of_refitted_models_spread_around_every_training_case(validated, rows):
    table = validated[0]["instability"]
    assert table.groupby("model").size().to_dict() == dict.fromkeys(("clinical", "deep", "nomogram", "radiomics"), 60)
    assert (table["low"] <= table["high"]).all() and (table["error"] >= 0).all()
    assert table["case"].unique().tolist() == rows.case.tolist()
    assert table["flips"].isna().all()  # no threshold was given


def test_flips_count_the_refitted_models_that_call_a_patient_otherwise():
    refits = [SimpleNamespace(original={"m": np.array(again)}) for again in ([0.2, 0.6, 0.9], [0.4, 0.4, 0.8])]
    given = {"m": np.array([0.3, 0.7, 0.9])}
    table = judged.instability_rows(np.array(["a", "b", "c"]), given, refits, thresholds={"m": 0.5}, level=0.95)
    assert table["flips"].tolist() == [0.0, 0.5, 0.0]


def test_the_share_of_samples_that_kept_a_feature_is_counted(validated):
    table, learned = validated
    frequency = table["selection_frequency"]
    final = frequency[frequency["in_final"]]
    chosen = learned["selected"]
    assert set(zip(final["signature"], final["feature"], strict=True)) == set(
        zip(chosen["signature"], chosen["feature"], strict=True)
    )
    assert ((frequency["frequency"] * 4) % 1 == 0).all() and frequency["frequency"].between(0, 1).all()
    for _, own in frequency.groupby("signature"):
        assert own["frequency"].is_monotonic_decreasing


@pytest.mark.slow
def test_the_same_inputs_give_the_same_tables(validated, cohort, parameters):
    again, _ = validate(*cohort(), parameters(**FEW))
    for name, frame in validated[0].items():
        pd.testing.assert_frame_equal(frame, again[name], check_exact=True)


@pytest.mark.slow
def test_workers_do_not_change_a_byte(validated, cohort, parameters, tmp_path):
    def mapper(function, items):
        with ProcessPoolExecutor(2) as pool:
            for item, found in zip(items, pool.map(function, items), strict=True):
                yield SimpleNamespace(item=item, value=found, error=None)

    again, _ = validate(*cohort(), parameters(**FEW), mapper=mapper)
    for name, frame in validated[0].items():
        stores = [Tables(tmp_path / which) for which in ("one", "two")]
        for store, table in zip(stores, (frame, again[name]), strict=True):
            store.write(name, table)
        assert stores[0].path(name).read_bytes() == stores[1].path(name).read_bytes()


def test_a_dead_process_and_strange_predictions_stop_with_their_reason(cohort, parameters):
    def mapper(function, items):
        yield SimpleNamespace(item=[0, 1], value=None, error="its worker process died")

    options = parameters(**FEW)
    with pytest.raises(
        RadiogramError, match="Internal validation stopped in repetitions 1 to 2: its worker process died."
    ):
        validate(*cohort(), options, mapper=mapper)
    cases, features = cohort()
    learned = model_endpoint(cases, features, endpoint="label", parameters=options, seed=1).tables
    wrong = learned["predictions"].replace("P000", "P999")
    none = parameters(**FEW | {"validation.bootstraps": 0, "validation.repeats": 0})
    with pytest.raises(RadiogramError, match="other training cases than table cases"):
        validate_endpoint(cases, features, wrong, learned["selected"], endpoint="label", parameters=none, seed=1)
