"""Figures of robustness and of reader studies of any size: nothing cut, nothing over anything, numbers as in the tables."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from sklearn.metrics import roc_auc_score

from helpers import tables
from helpers.figures import (
    optimism,
    panels,
    reader_changes,
    readers,
    rows,
    stability,
    subgroups,
    texts_robustness,
    theme,
)
from helpers.tables import DECLARED

pytestmark = pytest.mark.slow

METHODS = {
    "apparent": (0.95, 1.0, 0.04),
    "cross-validation": (0.80, 0.8, 0.1),
    "repeated cross-validation": (0.79, 0.78, 0.03),
    "bootstrap optimism": (0.83, 0.75, 0.08),
    "bootstrap .632": (0.85, None, 0.08),
    "bootstrap .632+": (0.82, None, 0.08),
}


def frame(name: str, rows_: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows_, columns=DECLARED[name].names)


def make_subgroups(endpoints: tuple[str, ...] = ("progression",)) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two endpoints at most; center C is too small, calibration of men has limits beyond any axis."""
    groups = {
        subgroups.WHOLE: [("", 84, 33)],
        "center": [("center A", 40, 15), ("center B", 30, 12), ("center C", 14, 6)],
        "sex": [("female", 44, 17), ("male", 40, 16)],
    }
    found, tests = [], []
    for endpoint in endpoints:
        for variable, levels in groups.items():
            for level, n, events in levels:
                small = events < 10
                wide = 6.0 if level == "male" else 0.7
                for metric, value, half in (
                    ("auc", 0.82, 0.1),
                    ("calibration_in_the_large", 0.1, wide),
                    ("calibration_slope", 1.1, wide),
                ):
                    numbers = (np.nan,) * 3 if small else (value, value - half, value + half)
                    found.append(
                        (endpoint, "nomogram", "test", "frozen", variable, level, metric, *numbers, n, events, small)
                    )
            if variable != subgroups.WHOLE:
                pairs = combinations([level for level, _, _ in levels], 2)
                tests += [
                    (endpoint, "nomogram", "test", variable, *pair, -0.05, -0.2, 0.1, -0.7, np.nan, 0.31, 0.62)
                    for pair in pairs
                ]
    return frame("subgroups", found), frame("subgroup_tests", tests)


def make_validation(models: tuple[str, ...]) -> pd.DataFrame:
    found = []
    for model in models:
        for method, (auc, slope, half) in METHODS.items():
            found.append(("progression", model, method, "auc", 0.95, 0.1, auc, auc - half, min(auc + half, 1), 20))
            if slope is not None:
                found.append(
                    ("progression", model, method, "calibration_slope", 1, 0.2, slope, slope - 0.4, slope + 0.4, 20)
                )
    return frame("validation", found)


def make_instability(cases: pd.DataFrame, models: tuple[str, ...]) -> pd.DataFrame:
    own, rng = cases[cases["part"] == "train"], np.random.default_rng(0)
    found = []
    for model in models:
        risk, half = rng.beta(2, 2, len(own)), rng.uniform(0.05, 0.25, len(own))
        ranges = np.clip(risk - half, 0, 1), np.clip(risk + half, 0, 1)
        found += [("progression", model, *row) for row in zip(own["case"], risk, *ranges, half / 2, half, strict=True)]
    return frame("instability", found)


def make_frequency(
    make: SimpleNamespace, signatures: tuple[str, ...], count: int, *, long: bool = False
) -> pd.DataFrame:
    found = []
    for signature in signatures:
        known = make.selection(signatures=(signature,), long=long).reproducibility["feature"]
        features = known.drop_duplicates().head(count)
        shares = np.linspace(0.95, 0.05, len(features))
        found += [
            ("progression", signature, f, s, i % 3 == 0, 20)
            for i, (f, s) in enumerate(zip(features, shares, strict=True))
        ]
    return frame("selection_frequency", found)


def make_switches(count: int) -> pd.DataFrame:
    return frame(
        "switches", [("progression", f"reader{i + 1}", 20, i, 3 + i, 3, i // 2, 2, 2, 8, 36) for i in range(count)]
    )


def make_comparisons(count: int, contrasts: tuple[str, ...] = ("aided - unaided", "model - aided")) -> pd.DataFrame:
    found = []
    for contrast in contrasts:
        for metric in ("auc", "sensitivity", "specificity"):
            for i in range(count):
                found.append(
                    (
                        "progression",
                        f"reader{i + 1}",
                        contrast,
                        metric,
                        0.04,
                        -0.04,
                        0.12,
                        1.0,
                        np.nan,
                        0.2,
                        "paired DeLong",
                        False,
                    )
                )
            for method in ("random readers", "fixed readers", "fixed cases"):
                leading = method == "fixed readers"
                found.append(
                    (
                        "progression",
                        readers.MEAN,
                        contrast,
                        metric,
                        0.044,
                        -0.001,
                        0.088,
                        2.0,
                        15.0,
                        0.051,
                        f"Obuchowski-Rockette, {method}",
                        leading,
                    )
                )
    return frame("reader_comparisons", found)


def with_mean(scores: pd.DataFrame) -> pd.DataFrame:
    keys = ["endpoint", "condition", "metric", "method", "n", "events"]
    mean = scores.groupby(keys, as_index=False)[["estimate", "low", "high"]].mean().assign(reader=readers.MEAN)
    return pd.concat([scores, mean[scores.columns]], ignore_index=True)


def renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(condition=table["condition"].map({"unaided": "1", "aided": "2"}))


@pytest.fixture(scope="module")
def drawn(make) -> dict[str, Figure]:
    """Every figure in ordinary and awkward circumstances."""
    t = make.evaluation(1, {"train": 84, "test": 36})
    many = make.evaluation(1, {"train": 84, "test": 36, "external:A hospital with a very long name in town": 40})
    figures = {
        "forest": subgroups.forest(*make_subgroups()),
        "forest, two endpoints": subgroups.forest(*make_subgroups(("progression", "idh_mutant"))),
        "forest, a marker": subgroups.forest(
            *(t.query("metric == 'auc'") if "metric" in t else t for t in make_subgroups())
        ),
        "optimism": stability.optimism(make_validation(("nomogram", "radiomics", "clinical")), t.scores),
        "optimism, a far center": stability.optimism(make_validation(("nomogram", "CBF_maximum")), many.scores),
        "instability": stability.instability(
            make_instability(t.cases, ("nomogram", "radiomics", "deep")), t.predictions
        ),
        "instability, one": stability.instability(make_instability(t.cases, ("nomogram",)), t.predictions),
        "frequency": stability.frequency(make_frequency(make, ("radiomics", "deep"), 60, long=True)),
        "frequency, one": stability.frequency(make_frequency(make, ("radiomics",), 3)),
        "differences, two": readers.differences(make_comparisons(2), reader_scores=make.readings(t.cases, 2)[1]),
        "differences, numbered": readers.differences(make_comparisons(8, ("2 - 1",))),
    }
    for count in (1, 2, 3, 5, 8):
        read, judged = make.readings(t.cases, count)
        figures[f"readers, {count}"] = readers.readers(
            read, t.cases, t.predictions, with_mean(judged), t.thresholds, scores=t.scores
        )
    for count in (2, 8):
        judged = with_mean(make.readings(t.cases, count)[1])
        figures[f"switches, {count}"] = readers.switched(make_switches(count), reader_scores=judged)
        figures[f"panels, {count}"] = panels.panels(t.scores, t.calibration, t.decision, reader_scores=judged)
        figures[f"panels, only {count} readers"] = panels.panels(None, None, None, reader_scores=judged)
    read, judged = make.readings(t.cases, 5)
    bare = renamed(judged[judged["metric"] == "auc"])
    figures["readers, no model"] = readers.readers(
        renamed(read).drop(columns="call"), t.cases, None, bare, None, conditions=("1", "2")
    )
    figures["panels, 12 readers"] = panels.panels(
        None, None, None, reader_scores=with_mean(make.readings(t.cases, 12)[1])
    )
    six = pd.concat(
        [t.scores, t.scores.query("model in ['nomogram', 'radiomics']").assign(model=lambda f: f["model"] + "_2")]
    )
    figures["panels, markers"] = panels.panels(six, t.calibration.iloc[:0], None)
    figures["panels, two"] = panels.panels(t.scores, None, t.decision)
    return figures


@pytest.fixture(scope="module")
def measured(drawn, layout) -> dict[str, list[str]]:
    """The words of every figure."""
    return {name: [text for text, _, _ in layout.words(figure)] for name, figure in drawn.items()}


def test_no_word_is_cut_small_or_over_another_and_no_figure_wider_than_the_text(drawn, layout):
    assert not {name: wrong for name, figure in drawn.items() if (wrong := layout.faults(figure))}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("forest", "84"),
        ("optimism", "training n = 84, 33 events"),
        ("optimism", "n = 36, 20 events"),
        ("instability", "n = 84, 33 events"),
        ("readers, no model", "n = 36, 20 events"),
        ("switches, 8", "n = 36, 20 events"),
        ("differences, two", "aided minus unaided, n = 36, 20 events"),
        ("panels, only 8 readers", "Radiologists, n = 36, 20 events"),
        ("panels, markers", "Test, n = 36, 20 events"),
    ],
)
def test_n_and_events_are_on_the_figure(measured, name, told):
    assert told in measured[name]


def test_every_reader_has_a_panel_and_then_their_mean(drawn, measured):
    for count in (2, 3, 5, 8):
        assert len(drawn[f"readers, {count}"].axes) == count + 1
        assert f"Mean of {count} readers" in measured[f"readers, {count}"]
    assert len(drawn["readers, 1"].axes) == 1


def test_area_of_the_mean_curve_is_the_mean_of_the_areas():
    rng = np.random.default_rng(1)
    truth = np.r_[np.zeros(30, int), np.ones(20, int)]
    ratings = [np.round(truth * gain + rng.normal(size=50), digits) for gain, digits in ((0.5, 0), (1.2, 0), (2.0, 3))]
    index = pd.Index([str(i) for i in range(50)])
    curves = [
        readers._curve(pd.DataFrame({"case": index, "rating": rating}), pd.Series(truth, index=index))
        for rating in ratings
    ]
    x, y = readers.mean_curve(curves)
    assert np.isclose(np.trapezoid(y, x), np.mean([roc_auc_score(truth, r) for r in ratings]), atol=1e-7)
    assert (np.diff(x) >= 0).all() and x[0] == y[0] == 0 and x[-1] == y[-1] == 1


def test_without_a_model_there_is_no_model_in_the_figure(drawn, measured):
    told = measured["readers, no model"]
    assert "Nomogram" not in told and "Condition 1" in told
    blue = theme.model_style("nomogram")["color"]
    assert not [line for ax in drawn["readers, no model"].axes for line in ax.lines if line.get_color() == blue]


def test_without_calls_there_is_no_operating_point(drawn):
    marks = {line.get_marker() for ax in drawn["readers, no model"].axes for line in ax.lines}
    assert marks <= {"None", "", None}


def test_only_panels_that_exist_are_drawn(measured):
    questions = {"Can it tell them apart?", "Are its risks right?", "Would it help decide?", "With a radiologist?"}
    shown = {name: questions & set(measured[name]) for name in measured if name.startswith("panels")}
    assert shown["panels, 8"] == questions
    assert shown["panels, markers"] == {"Can it tell them apart?"}
    assert shown["panels, two"] == {"Can it tell them apart?", "Would it help decide?"}
    assert shown["panels, only 2 readers"] == set()


def test_an_almost_perfect_auc_never_reads_as_perfect():
    assert rows.proportion(0.9994) == "0.999"
    assert rows.proportion(0.99996) == "0.99996"
    assert rows.proportion(1.0) == "1.00"
    assert rows.written(0.9994, 0.996, 1.0).startswith("0.999 ")
    assert rows.written(0.84, np.nan, np.nan) == "0.84"


def test_a_suppressed_subgroup_is_gray_and_says_why_and_shows_no_number(drawn):
    texts = {t.get_text(): t for t in drawn["forest"].findobj(Text)}
    assert texts["suppressed: fewer than 10 events"].get_color() == theme.MUTED
    assert texts["  center C"].get_color() == theme.MUTED
    assert (
        subgroups.suppression(pd.Series({"n": 20, "events": 18}), 10) == "suppressed: fewer than 10 without the event"
    )


def test_a_marker_that_is_no_probability_has_no_panel_of_calibration(drawn):
    assert len([ax for ax in drawn["forest"].axes if ax.axison]) == 3
    assert len([ax for ax in drawn["forest, a marker"].axes if ax.axison]) == 1


def test_a_limit_beyond_the_axis_ends_in_an_arrowhead(drawn):
    heads = [line.get_marker() for ax in drawn["forest"].axes for line in ax.lines]
    assert heads.count(">") == 2 and heads.count("<") == 2
    assert ">" not in [line.get_marker() for ax in drawn["optimism"].axes for line in ax.lines]


def test_interaction_names_the_adjustment_and_the_number_of_pairs():
    _, tests = make_subgroups()
    assert subgroups.interaction(tests[tests["variable"] == "sex"]) == "interaction in AUC: P = 0.62 (Holm)"
    assert subgroups.interaction(tests[tests["variable"] == "center"]).endswith("(Holm, smallest of 3 pairs)")
    assert subgroups.interaction(tests.iloc[:0]) == ""


def test_a_range_over_repeats_is_written_in_brackets_and_named(measured):
    told = measured["optimism"]
    assert "range over repeats" in told and "0.79 [0.76 to 0.82]" in told and "0.80 (0.70 to 0.90)" in told


def test_the_leading_analysis_stands_on_top_and_alone_is_full(drawn):
    figure = drawn["differences, two"]
    bold = [t.get_text() for t in figure.findobj(Text) if t.get_weight() == "bold"]
    assert bold[:2] == ["Difference in AUC", "Mean, fixed readers"]
    faces = [patch.get_facecolor()[:3] for patch in figure.axes[1].patches]
    assert faces[0] != faces[1] == faces[2] == (1.0, 1.0, 1.0)


def test_automation_bias_is_hatched(drawn):
    hatched = [p for ax in drawn["switches, 8"].axes for p in ax.patches if p.get_hatch()]
    assert sum(abs(getattr(p, "get_width", lambda: 0)()) for p in hatched) == sum(i // 2 for i in range(8))


def test_same_tables_give_the_same_bytes():
    first, second = (theme.svg(subgroups.forest(*make_subgroups())) for _ in range(2))
    assert first == second


def test_tables_without_rows_say_so_in_figure_and_words():
    none = {name: tables.empty(name) for name in DECLARED}
    figures = [
        subgroups.forest(none["subgroups"], none["subgroup_tests"]),
        stability.optimism(none["validation"], none["scores"]),
        stability.instability(none["instability"], none["predictions"]),
        stability.frequency(none["selection_frequency"]),
        readers.switched(none["switches"]),
        readers.differences(none["reader_comparisons"]),
        panels.panels(none["scores"], None, None, reader_scores=none["reader_scores"]),
    ]
    assert all(figure.texts and theme.svg(figure) for figure in figures)
    told = [
        texts_robustness.alt_forest(none["subgroups"], none["subgroup_tests"]),
        texts_robustness.alt_optimism(none["validation"]),
        texts_robustness.alt_instability(none["instability"]),
        texts_robustness.alt_frequency(none["selection_frequency"]),
        texts_robustness.alt_switches(none["switches"]),
        texts_robustness.alt_differences(none["reader_comparisons"]),
        texts_robustness.alt_readers(none["reader_scores"]),
    ]
    assert all(text.endswith(".") for text in told)


def test_alternative_texts_give_the_numbers(make):
    t = make.evaluation(1, {"train": 84, "test": 36})
    assert "female (n = 44, 17 events) 0.82 (0.72 to 0.92)" in texts_robustness.alt_forest(*make_subgroups())
    assert "suppressed: fewer than 10 events" in texts_robustness.alt_forest(*make_subgroups())
    told = texts_robustness.alt_optimism(make_validation(("nomogram",)), t.scores)
    assert "bootstrap-corrected 0.83 (0.75 to 0.91)" in told and "test 0." in told and "[0.76 to 0.82]" in told
    table = make_instability(t.cases, ("nomogram",))
    assert f"mean absolute error {table['error'].mean():.3f}" in texts_robustness.alt_instability(table)
    assert "Joint Entropy 50 %" in texts_robustness.alt_frequency(make_frequency(make, ("radiomics",), 3))
    assert "5 wrong to right, 2 right to wrong (1 by automation bias)" in texts_robustness.alt_switches(
        make_switches(3)
    )
    assert "Mean of readers, fixed readers 0.044 (−0.001 to 0.088), P = 0.051" in texts_robustness.alt_differences(
        make_comparisons(2)
    )
    judged = make.readings(t.cases, 2)[1]
    assert "Reader 2: AUC 0.72 to 0.82" in texts_robustness.alt_readers(judged)


def test_an_estimate_beyond_the_axis_is_an_arrowhead_even_without_limits():
    sheet = rows.sheet("x", height=20)
    ax = sheet.panel(10, 50, bottom=5, top=15, limits=(0.0, 3.0))
    rows.interval(ax, 10, (8.3, np.nan, np.nan), color=theme.INK, mark="o")
    assert [line.get_marker() for line in ax.lines] == [">"]


def test_limits_known_from_the_scores_are_shown_beside_the_same_estimates(make):
    scores = make.evaluation(1, {"train": 84, "test": 36}).scores
    auc = scores.query("model == 'nomogram' and part == 'train' and metric == 'auc'").iloc[0]
    table = frame(
        "validation",
        [
            ("progression", "nomogram", method, "auc", 0.9, np.nan, estimate, np.nan, np.nan, 1)
            for method, estimate in (("cross-validation", auc["estimate"]), ("apparent", 0.9))
        ],
    )
    filled = optimism.limited(table, scores)
    assert filled.loc[0, ["low", "high"]].tolist() == auc[["low", "high"]].tolist()
    assert filled.loc[1, ["low", "high"]].isna().all()


def test_a_limit_just_beside_zero_keeps_its_side():
    assert reader_changes.difference(0.0438, -0.0003, 0.0879) == "0.044 (−0.0003 to 0.088)"
    assert reader_changes.difference(0.0438, 0.0073, 0.0803) == "0.044 (0.007 to 0.080)"
    assert reader_changes.difference(0.1, np.nan, np.nan) == "0.100"
