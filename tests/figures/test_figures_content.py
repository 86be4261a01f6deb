"""What figures claim: rulers add up to the model, marks sit on the frozen threshold, words are whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.lines import Line2D

from helpers.figures import decision, discrimination, flow, grid, montage, names, nomogram, readers, texts
from helpers.figures.nomogram import LEFT, LONG
from helpers.learning.points import geometry


def told(figure) -> list[str]:
    return [t.get_text() for ax in figure.axes for t in ax.texts]


def rulers(table: pd.DataFrame, example=None) -> dict[str, nomogram.Ruler]:
    return {r.name: r for r in nomogram._rulers(geometry(table), example)}


def test_the_widest_predictor_spans_all_hundred_points(make):
    radiomics = rulers(make.nomogram())["Radiomics score"]
    assert (radiomics.start, radiomics.stop) == pytest.approx((LEFT, LEFT + LONG))


def test_a_negative_coefficient_runs_right_to_left(make):
    found = rulers(make.nomogram())
    ages = [float(label) for _, label in found["Age"].marks]
    scores = [float(label.replace("−", "-")) for _, label in found["Deep score"].marks]
    assert ages == sorted(ages, reverse=True)
    assert scores == sorted(scores)


def test_marks_of_a_categorical_predictor_are_its_levels(make):
    assert [label for _, label in rulers(make.nomogram())["Sex"].marks] == ["male", "female"]


def test_reading_the_rulers_gives_the_risk_of_the_model(make):
    table, example = make.nomogram(), make.example
    found = rulers(table, example)
    shape = geometry(table)
    points = sum((found[name].at - LEFT) / LONG * 100 for name in list(found)[1:-3])
    read = shape.probability(points)
    linear = -0.4 + 1.1 * 0.62 + 0.8 * -0.4 - 0.03 * 47 + 0.35 + 0.0004 * 96
    assert read == pytest.approx(1 / (1 + np.exp(-linear)), abs=1e-12)
    assert found["Risk"].value == f"{100 * read:.0f} %"


def test_risk_marks_stand_above_the_totals_that_give_them(make):
    table = make.nomogram()
    shape, risk = geometry(table), rulers(table)["Risk"]
    for place, label in risk.marks:
        total = (place - LEFT) / LONG * shape.largest_total
        assert shape.probability(total) == pytest.approx(float(label), abs=1e-9)


def test_a_weak_predictor_is_named_at_its_two_ends(make):
    weak = rulers(make.nomogram())["Days since radiotherapy"]
    assert [label for _, label in weak.marks] == ["30", "412"]


def test_the_operating_point_is_where_the_frozen_threshold_classifies(make):
    t = make.evaluation(1, {"test": 36})
    figure = discrimination.roc(t.roc, t.scores, thresholds=t.thresholds)
    marks = [line for line in figure.axes[0].lines if line.get_linestyle() == "None" and line.get_marker() == "o"]
    own = t.predictions[t.predictions["model"] == "nomogram"]
    positive = own["probability"] >= 0.46
    expected = (positive[own["truth"] == 0].mean(), positive[own["truth"] == 1].mean())
    assert [(float(m.get_xdata()[0]), float(m.get_ydata()[0])) for m in marks] == [pytest.approx(expected)]


def test_out_of_fold_is_shown_in_training_and_apparent_is_not(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    apparent = t.roc[t.roc["part"] == "train"].assign(kind="apparent", sensitivity=1.0)
    found = grid.cells(pd.concat([apparent, t.roc]))
    assert [(c.part, c.kind) for c in found] == [("train", "oof"), ("test", "frozen")]


def test_parts_are_in_the_order_train_test_external():
    rows = [("e", p, "frozen") for p in ("external:B", "test", "external:A", "train")]
    found = grid.cells(pd.DataFrame(rows, columns=["endpoint", "part", "kind"]))
    assert [c.part for c in found] == ["train", "test", "external:A", "external:B"]


def test_more_parts_than_columns_wrap_into_rows(make):
    sizes = {"train": 30, "test": 30, "external:A": 30, "external:B": 30}
    t = make.evaluation(1, sizes)
    tops = {round(ax.get_position().y1, 6) for ax in discrimination.roc(t.roc, t.scores).axes}
    assert len(tops) == 2


def test_the_flow_counts_late_exclusions_out_of_their_part(make):
    cases = make.cases(1, {"train": 84, "test": 36})
    late = pd.DataFrame({"case": ["test-000"], "stage": ["extraction"], "reason": ["empty mask"]})
    words = told(flow.participant_flow(cases, late, endpoints=make.endpoints()))
    assert "n = 120" in words and "n = 119 patients" in words and "n = 35 patients" in words
    assert "empty mask: 1" in words


def test_the_flow_admits_patients_without_a_recorded_reason(make):
    words = told(flow.participant_flow(make.cases(), make.exclusions().iloc[:0], enrolled=180))
    assert "No reason recorded: n = 9" in words


def test_dice_is_that_of_the_masks():
    first, second = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    first[:2], second[1:3] = True, True
    assert montage.dice(first, second) == 0.5
    assert np.isnan(montage.dice(first & False, second & False))


def test_the_scale_bar_is_twenty_millimeters_long(make):
    ax = montage.segmentation(make.panels(1)).axes[0]
    bars = [np.ptp(line.get_xdata()) for line in ax.lines if line.get_color() == "white"]
    assert bars == [pytest.approx(20.0)]
    assert ax.get_aspect() == 1


def test_readers_contours_differ_by_line_style(make):
    contours = [c for c in montage.segmentation(make.panels(1)).axes[0].collections]
    assert len({str(c.get_linestyle()) for c in contours}) == 2


def test_unaided_is_dashed_and_aided_solid(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    read, judged = make.readings(t.cases)
    ax = readers.readers(read, t.cases, t.predictions, judged, t.thresholds).axes[0]
    black = [line for line in ax.findobj(Line2D) if line.get_color() == "#222222" and len(line.get_xdata()) > 3]
    assert sorted(line.get_linestyle() for line in black) == ["-", "--"]


def test_readers_who_only_call_have_points_and_no_curve(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    read, judged = make.readings(t.cases, rated=False)
    figure = readers.readers(read, t.cases, t.predictions, judged, t.thresholds)
    assert "sensitivity, specificity" in told(figure)
    ax = figure.axes[0]
    plotted = [line for line in ax.lines if line.get_transform().contains_branch(ax.transData)]
    own = [line for line in plotted if line.get_color() == "#222222"]
    assert [len(line.get_xdata()) for line in own] == [1, 1]


def test_the_decision_band_belongs_to_the_first_model_only(make):
    t = make.evaluation(1, {"test": 36})
    figure = decision.decision(t.decision, models=["radiomics", "nomogram"], scores=t.scores)
    assert len(figure.axes[0].collections) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("T1c_original_glcm_Contrast", "T1c · glcm Contrast"),
        ("T1c_wavelet-HHL_glcm_JointEntropy", "T1c · wavelet HHL · glcm Joint Entropy"),
        ("T1c_log-sigma-2-0-mm-3D_firstorder_Mean", "T1c · LoG 2.0 mm · first-order Mean"),
        ("T1_post_contrast_original_shape_Sphericity", "T1 post contrast · shape Sphericity"),
        ("T1c_deep_17", "T1c · deep 17"),
        ("days_since_rt_end", "days since rt end"),
        ("age", "age"),
    ],
)
def test_feature_names_are_readable(name, words):
    assert names.feature(name) == words


def test_shortened_names_keep_both_ends_and_fit():
    text = names.shorten("postcontrast T1 delayed phase 7 · wavelet HHL", 40.0)
    assert text.startswith("post") and text.endswith("HHL") and names.width(text) <= 40.0


def test_labels_spread_apart_keep_their_order_and_their_mean():
    wanted = [0.5, 0.51, 0.52, 0.1]
    placed = grid.spread(wanted, gap=0.05, low=0, high=1)
    assert np.all(np.diff(np.sort(placed)) >= 0.05 - 1e-12)
    assert list(np.argsort(placed)) == list(np.argsort(wanted))
    assert placed[:3].mean() == pytest.approx(0.51)


def test_labels_that_have_room_stay_where_they_are():
    assert grid.spread([0.2, 0.8], gap=0.1, low=0, high=1) == pytest.approx([0.2, 0.8])


def test_alternative_texts_give_the_numbers_of_the_figure(make):
    t, s = make.evaluation(1, {"train": 84, "test": 36}), make.selection()
    auc = t.scores.query("metric == 'auc' and model == 'nomogram' and part == 'test'").iloc[0]
    assert f"{auc['estimate']:.2f} ({auc['low']:.2f} to {auc['high']:.2f})" in texts.alt_roc(t.scores)
    assert "slope 0.84 (0.40 to 1.28)" in texts.alt_calibration(t.scores)
    assert "n = 36, 20 events" in texts.alt_risk(t.predictions)
    assert "from 0.10 to 0.80" in texts.alt_decision(t.decision)
    assert "128 screened. 8 excluded" in texts.alt_flow(t.cases, make.exclusions(), endpoints=t.endpoints, enrolled=128)
    assert "T1c · deep 0 0.90" in texts.alt_coefficients(s.selected)
    assert "extracted 1,316" in texts.alt_funnel(s.funnel)
    assert "5 features" in texts.alt_lasso(s.lasso)
    assert "86 of 400 (22 %) kept" in texts.alt_reproducibility(s.reproducibility, threshold=0.75)
    assert "age" in texts.alt_nomogram(make.nomogram())
    assert "Dice 0.8" in texts.alt_segmentation(make.panels(1))
    assert "Decision curve" in texts.alt_panels(t.scores, t.decision)
